"""Past events of notifiers, beside what was heard live and what the log says."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.history.asking import ask, code, events, selecting
from tests.opcua.history.conftest import MANY, Past
from tests.opcua.surface.hearing import FIELDS, hearing
from tests.opcua.surface.plant import OFFICE, site
from tests.support.waiting import eventually
from tracenode.models.events import Hold, Register, Start, Void
from tracenode.models.receipts import Record
from tracenode.models.roles import Role
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.surface.keys import ROOT, area_id, model_id

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

S = StatusCodes
F = ua.FilterOperator
BEFORE = datetime(2026, 2, 1, tzinfo=UTC)
FAR = datetime(2030, 1, 1, tzinfo=UTC)
SERVER = ua_id(ObjectIds.Server)
SEQUENCE = selecting("EventSequence", "EventId", "Message")


def told(result: ua.HistoryReadResult) -> list[list[Any]]:
    history: Any = result.HistoryData
    return [[variant.Value for variant in one.EventFields] for one in history.Events]


def where(kind: ua.FilterOperator, *operands: Any) -> ua.ContentFilter:
    element = ua.ContentFilterElement(FilterOperator=kind, FilterOperands=list(operands))
    return ua.ContentFilter(Elements=[element])


def literal(value: Any) -> ua.LiteralOperand:
    return ua.LiteralOperand(Value=ua.Variant(value))


async def paged(
    client: Client, node_id: ua.NodeId, details: ua.ReadEventDetails
) -> tuple[list[list[Any]], int]:
    """All pages of a read, and how many there were."""
    found: list[list[Any]] = []
    point, pages = None, 0
    while True:
        result = await ask(client, node_id, details, point=point)
        result.StatusCode.check()
        page = told(result)
        found += page
        pages += 1
        point = result.ContinuationPoint
        if not point:
            return found, pages


async def whole_log(past: Past) -> list[Record]:
    found: list[Record] = []
    while page := await past.plant.trace.records(len(found) + 1, 1_000):
        found += page
    return found


@pytest.mark.parametrize("node_id", [SERVER, ROOT])
async def test_all_events_are_those_of_the_log(
    past: Past, client: Client, node_id: ua.NodeId
) -> None:
    records = await whole_log(past)
    found, pages = await paged(client, node_id, events(BEFORE, FAR, wanted=SEQUENCE))
    published = [(row[0], row[1].hex()) for row in found if row[0]]
    assert published == [(record.sequence, record.record.replace("-", "")) for record in records]
    assert len(published) > MANY
    assert pages == 6
    refusals = [row for row in found if not row[0]]
    assert len(refusals) == 1
    assert "refused" in refusals[0][2].Text
    back, _ = await paged(client, node_id, events(FAR, BEFORE, 700, wanted=SEQUENCE))
    assert back == found[::-1]


async def test_past_events_are_the_events_that_were_heard(past: Past, client: Client) -> None:
    """Every field, ReceiveTime too; only what is told again would differ."""
    plant, names = past.plant, (*FIELDS, "ReceiveTime")
    async with hearing(client, ROOT, "TraceEventType") as heard:
        unit = await plant.unit()
        started = await plant.book(Start(station="OP20", item=unit, order="4711"))
        await plant.book(Hold(item=unit, reason="look at it"))
        lot = await plant.lot()
        await plant.book(Void(record=started.record, reason="by mistake"))
        await eventually(lambda: len(heard) >= 5)
    first = heard[0]["EventSequence"]
    wanted = selecting(*names, where=where(F.OfType, literal(model_id("TraceEventType"))))
    found = [
        dict(zip(names, row, strict=True))
        for row in told(await ask(client, ROOT, events(FAR, BEFORE, 5, wanted=wanted)))[::-1]
    ]
    assert [one["EventSequence"] for one in found] == list(range(first, first + 5))
    assert lot in [one["ItemId"] for one in found]
    for before, after in zip(heard, found, strict=True):
        assert after.pop("ReceiveTime") == after["RecordTime"]
        assert repr(before) == repr(after)  # a NaN is no NaN's equal


@pytest.mark.parametrize(
    ("node_id", "stations"),
    [
        (site("St/OP20"), {"OP20"}),
        (area_id("Plant1/Hall2"), {"OP10", "OP20", "OP40"}),
        (area_id("Plant1/Hall 4"), {"OP30"}),
        (site("Dev/Press_OP20"), set()),
    ],
)
async def test_a_notifier_tells_what_is_below_it(
    past: Past, client: Client, node_id: ua.NodeId, stations: set[str]
) -> None:
    wanted = selecting("EventSequence")
    found, _ = await paged(client, node_id, events(BEFORE, FAR, wanted=wanted))
    expected = [r.sequence for r in await whole_log(past) if r.event.station in stations]
    assert [row[0] for row in found if row[0]] == expected


async def test_a_where_clause_filters_the_past(past: Past, client: Client) -> None:
    material = selecting("MaterialId").SelectClauses[0]
    wanted = selecting("EventSequence", where=where(F.Equals, material, literal("PUMP")))
    found, _ = await paged(client, ROOT, events(BEFORE, FAR, 3, wanted=wanted))
    records = [r for r in await whole_log(past) if r.material == "PUMP" or "PUMP" in str(r.item)]
    assert {row[0] for row in found} <= {record.sequence for record in records}
    assert len(found) >= 4
    of_type = where(F.OfType, literal(model_id("TraceCorrectionEventType")))
    wanted = selecting("CorrectsRecordId", "EventSequence", where=of_type)
    found, _ = await paged(client, ROOT, events(BEFORE, FAR, wanted=wanted))
    assert [row[1] for row in found][:2] == [past.correction.sequence, past.void.sequence]
    all_, _ = await paged(client, ROOT, events(BEFORE, FAR, wanted=selecting("RecordId")))
    corrected = [row[0] for row in found]
    assert set(corrected) <= {row[0] for row in all_}  # what is declared wrong is still told


async def test_times_are_those_of_the_record(past: Past, client: Client) -> None:
    trace = past.plant.trace
    first, second, third = await trace.records(past.before + 10, 3)
    wanted = SEQUENCE
    for start, end, count, expected in (
        (first.recorded, third.recorded, 0, [first, second]),
        (third.recorded, first.recorded, 0, [third, second]),
        (second.recorded, second.recorded, 0, [second]),
        (second.recorded, None, 2, [second, third]),
        (None, second.recorded, 2, [second, first]),
    ):
        result = await ask(client, ROOT, events(start, end, count, wanted=wanted))
        assert [row[0] for row in told(result)] == [record.sequence for record in expected]
        assert not result.ContinuationPoint
    page = await ask(client, ROOT, events(first.recorded, third.recorded, 1, wanted=wanted))
    assert page.ContinuationPoint
    rest = await ask(client, ROOT, events(wanted=wanted), point=page.ContinuationPoint)
    assert [row[0] for row in told(rest)] == [second.sequence]


async def test_asyncua_reads_events_of_a_station(past: Past, client: Client) -> None:
    node = client.get_node(site("St/OP10"))
    found: list[Any] = await node.read_event_history(
        BEFORE, FAR, 4, evtypes=client.get_node(model_id("TraceEventType"))
    )
    assert [event.StationId for event in found] == ["OP10"] * 4
    assert found[0].Message.Text.startswith("H1 registered")


@pytest.mark.parametrize(
    ("node_id", "details", "expected"),
    [
        (ROOT, events(BEFORE), S.BadHistoryOperationInvalid),
        (ROOT, events(BEFORE, FAR, wanted=ua.EventFilter()), S.BadEventFilterInvalid),
        (
            ROOT,
            events(BEFORE, FAR, wanted=selecting(where=where(F.InView, literal(1)))),
            S.BadEventFilterInvalid,
        ),
        (ROOT, events(FAR, datetime(2031, 1, 1, tzinfo=UTC)), S.GoodNoData),
        (site("St/OP10.StationId"), events(BEFORE, FAR), S.BadHistoryOperationUnsupported),
        (site("Item/sn:PUMP:H1"), events(BEFORE, FAR), S.BadHistoryOperationUnsupported),
        (site("Nowhere"), events(BEFORE, FAR), S.BadNodeIdUnknown),
    ],
)
async def test_what_is_wrong_has_its_code(
    past: Past, client: Client, node_id: ua.NodeId, details: Any, expected: int
) -> None:
    assert code(await ask(client, node_id, details)) == expected


async def test_notifiers_say_that_they_have_a_past(past: Past, client: Client) -> None:
    both = ua.EventNotifier.SubscribeToEvents.mask | ua.EventNotifier.HistoryRead.mask
    for node_id in (SERVER, ROOT, site("St/OP10"), area_id("Plant1/Hall2")):
        told_ = await client.get_node(node_id).read_attribute(AttributeIds.EventNotifier)
        assert told_.Value is not None
        assert told_.Value.Value == both


async def test_who_may_not_look_reads_no_history(past: Past, client: Client) -> None:
    core = past.plant.server._core
    session = next(one for one in core.sessions if one.is_activated())
    identity = session.identity
    session.be(dataclasses.replace(identity, roles=Role(0)))
    try:
        for node_id in (SERVER, ROOT):
            result = await ask(client, node_id, events(BEFORE, FAR))
            assert code(result) == S.BadUserAccessDenied
    finally:
        session.be(identity)


async def test_many_nodes_share_one_answer(past: Past, client: Client) -> None:
    """The values of one answer are bounded; who comes late gets one, and a point for the rest."""
    params = ua.HistoryReadParameters()
    params.HistoryReadDetails = events(BEFORE, FAR, wanted=selecting("EventSequence"))
    params.ReleaseContinuationPoints = False
    params.NodesToRead = [ua.HistoryReadValueId(NodeId=ROOT, IndexRange="") for _ in range(15)]
    results = await client.uaclient.history_read(params)
    assert [len(told(one)) for one in results] == [1_000] * 10 + [1] * 5
    for one in results:
        params.ReleaseContinuationPoints = True
        params.NodesToRead[0].ContinuationPoint = one.ContinuationPoint
    params.NodesToRead = [
        ua.HistoryReadValueId(NodeId=ROOT, ContinuationPoint=one.ContinuationPoint)
        for one in results
    ]
    assert all(one.StatusCode.is_good() for one in await client.uaclient.history_read(params))


async def test_reading_the_past_delays_nobody(past: Past, client: Client) -> None:
    """While 5,000 events are read, a value is read without waiting for them."""
    loop = asyncio.get_running_loop()
    reading = asyncio.create_task(paged(client, ROOT, events(BEFORE, FAR, wanted=SEQUENCE)))
    waits = []
    while not reading.done():
        began = loop.time()
        await client.get_node(site("St/OP10.StationId")).read_value()
        waits.append(loop.time() - began)
        await asyncio.sleep(0)
    await reading
    assert len(waits) > 20
    assert sorted(waits)[len(waits) // 2] < 0.1


async def test_records_of_now_are_in_the_past_at_once(past: Past, client: Client) -> None:
    event = Register(station="OP30", item="JUSTNOW", material="PUMP")
    receipt = await past.plant.trace.record(event, OFFICE)
    result = await ask(client, site("St/OP30"), events(None, FAR, 1, wanted=SEQUENCE))
    assert [row[0] for row in told(result)] == [receipt.sequence]
