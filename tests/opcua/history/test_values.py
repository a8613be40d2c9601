"""Raw, modified and timed values of items and stations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.history.asking import NONE, ask, code, raw, values
from tests.opcua.history.conftest import MANY, Past, at
from tests.opcua.surface.plant import read, site
from tracenode.models.evaluation import Evaluation
from tracenode.models.items import ItemState
from tracenode.server.opcua.ids import ua_id

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

S, T = StatusCodes, ua.TimestampsToReturn
FAR = datetime(2030, 1, 1, tzinfo=UTC)
STATES = [
    (at(0), ItemState.Registered),
    (at(10), ItemState.InProcess),
    (at(20), ItemState.Completed),
    (at(30), ItemState.InProcess),
    (at(40), ItemState.Completed),
]
TICK = timedelta(microseconds=1)


def field(past: Past, name: str) -> ua.NodeId:
    return site(f"Item/{past.unit}#{name}")


def station(name: str, member: str) -> ua.NodeId:
    return site(f"St/{name}.{member}")


def plain(value: ua.DataValue) -> Any:
    return None if value.Value is None else value.Value.Value


async def test_an_items_states_are_told_from_its_past(past: Past, client: Client) -> None:
    node = client.get_node(field(past, "State"))
    told = await node.read_raw_history(at(-5), FAR, return_bounds=False)
    assert [(one.SourceTimestamp, plain(one)) for one in told] == STATES
    assert await node.read_value() == STATES[-1][1]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((at(10), at(30), 0), STATES[1:3]),
        ((at(10), at(10), 0), STATES[1:2]),
        ((at(30), at(10), 0), [STATES[3], STATES[2]]),
        ((at(20), None, 2), STATES[2:4]),
        ((at(20), None, 9), STATES[2:]),
        ((None, at(30), 2), [STATES[3], STATES[2]]),
        ((None, at(30) - TICK, 9), STATES[2::-1]),
        ((at(0), FAR, 3), STATES[:3]),
        ((FAR, at(0) - TICK, 2), [STATES[4], STATES[3]]),
    ],
)
async def test_ranges_in_both_directions(
    past: Past, client: Client, asked: tuple[Any, Any, int], expected: list[Any]
) -> None:
    result = await ask(client, field(past, "State"), raw(*asked))
    assert values(result) == expected
    # three given: there is more in the range; two given: they were all that was asked for
    assert bool(result.ContinuationPoint) is all(asked)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (at(5), at(15), [STATES[0], STATES[1], STATES[2]]),
        (at(10), at(20), [STATES[1], STATES[2]]),
        (at(-5), at(5), [(at(-5), "BadBoundNotFound"), STATES[0], STATES[1]]),
        (at(35), at(45), [STATES[3], STATES[4], (at(45), "BadBoundNotFound")]),
        (at(15), at(5), [STATES[2], STATES[1], STATES[0]]),
        (at(60), at(25), [(at(60), "BadBoundNotFound"), STATES[4], STATES[3], STATES[2]]),
    ],
)
async def test_bounds(
    past: Past, client: Client, start: Any, end: Any, expected: list[Any]
) -> None:
    result = await ask(client, field(past, "State"), raw(start, end, bounds=True))
    assert values(result) == expected


async def test_pages_are_the_whole_range(past: Past, client: Client) -> None:
    for start, end, whole in ((at(0), FAR, STATES), (FAR, at(-1), STATES[::-1])):
        for bounds in (False, True):
            details = raw(start, end, 2, bounds=bounds)
            found: list[Any] = []
            point = None
            for _ in range(9):
                result = await ask(client, field(past, "State"), details, point=point)
                page = values(result) if result.StatusCode.value == S.Good else []
                assert len(page) <= 2
                found += page
                point = result.ContinuationPoint
                if not point:
                    break
            assert [one for one in found if one[1] != "BadBoundNotFound"] == whole
            assert len(found) == len(whole) + (2 if bounds and start > end else bounds)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ItemId", [(at(0), "sn:PUMP:H1")]),
        ("SerialNumber", [(at(0), "H1")]),
        ("StationId", [(at(0), ""), (at(10), "OP10"), (at(30), "OP20")]),
        ("OrderId", [(at(0), ""), (at(10), "4711")]),
        ("OnHold", [(at(0), False)]),
    ],
)
async def test_fields_of_an_item(
    past: Past, client: Client, name: str, expected: list[Any]
) -> None:
    assert values(await ask(client, field(past, name), raw(at(-1), FAR))) == expected


async def test_what_was_voided_or_corrected_is_told_as_modified(past: Past, client: Client) -> None:
    result = await ask(client, field(past, "StationId"), raw(at(-1), FAR, modified=True))
    assert values(result) == [(at(50), "OP30")]
    history: Any = result.HistoryData
    (info,) = history.ModificationInfos
    record = (await past.plant.trace.records(past.void.sequence, 1))[0]
    assert info.ModificationTime == record.recorded
    assert (info.UpdateType, info.UserName) == (ua.HistoryUpdateType.Delete, "Bob")

    evaluation = station("OP20", "CurrentItem.Evaluation")
    result = await ask(client, evaluation, raw(at(-1), FAR, modified=True))
    assert values(result) == [(at(40), Evaluation.NotOK)]
    history = result.HistoryData
    (info,) = history.ModificationInfos
    assert (info.UpdateType, info.UserName) == (ua.HistoryUpdateType.Replace, "Ada")
    assert values(await ask(client, evaluation, raw(at(-1), FAR))) == [(at(40), Evaluation.OK)]


async def test_nothing_modified_is_no_data(past: Past, client: Client) -> None:
    result = await ask(client, field(past, "OrderId"), raw(at(-1), at(5), modified=True))
    assert code(result) == S.GoodNoData
    history: Any = result.HistoryData
    assert (list(history.DataValues), list(history.ModificationInfos)) == ([], [])


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("CurrentItem.ItemId", [(at(10), "sn:PUMP:H1"), (at(20), "")]),
        ("CurrentItem.MaterialId", [(at(10), "PUMP"), (at(20), "")]),
        ("CurrentItem.OrderId", [(at(10), "4711"), (at(20), "")]),
        ("CurrentItem.State", [(at(10), ItemState.InProcess), (at(20), 0)]),
        ("CurrentItem.StartedAt", [(at(10), at(10)), (at(20), NONE)]),
        ("CurrentItem.Evaluation", [(at(20), Evaluation.OK)]),
        ("CountOK", [(at(20), 1)]),
    ],
)
async def test_what_a_station_did(
    past: Past, client: Client, member: str, expected: list[Any]
) -> None:
    found = values(await ask(client, station("OP10", member), raw(at(-1), at(60))))
    assert found == expected


async def test_counts_end_at_what_is_shown(past: Past, client: Client) -> None:
    for name in ("OP10", "OP20"):
        for member in ("CountOK", "CountNotOK"):
            node_id = station(name, member)
            shown = await client.get_node(node_id).read_value()
            (_, last), *_ = [
                *values(await ask(client, node_id, raw(None, FAR, 1))),
                (None, 0),
            ]
            assert last == shown


async def test_a_stations_records_page_by_page(past: Past, client: Client) -> None:
    node_id = station("OP40", "LastEventSequence")
    expected = list(range(past.before + 1, past.before + MANY + 1))
    for start, end, whole in ((NOW, FAR, expected), (FAR, NOW, expected[::-1])):
        found, point, pages = [], None, 0
        while True:
            result = await ask(client, node_id, raw(start, end), point=point)
            page = values(result)
            assert len(page) <= 1_000
            found += [value for _, value in page]
            pages += 1
            point = result.ContinuationPoint
            if not point:
                break
        assert found == whole
        assert pages == 6
    last = await ask(client, node_id, raw(None, FAR, 1))
    shown = await client.get_node(node_id).read_data_value()
    assert values(last) == [(shown.SourceTimestamp, plain(shown))]


NOW = datetime(2026, 2, 1, tzinfo=UTC)
"""Behind the event times of the unit, before the tests."""


async def test_a_refusal_is_in_the_status_of_a_station(past: Past, client: Client) -> None:
    result = await ask(client, station("OP10", "LastStatus"), raw(NOW, FAR))
    (refused,) = [when for when, status in values(result) if status >= 100]
    text = await ask(client, station("OP10", "LastStatusText"), raw(refused, refused))
    assert "NOBODY" in values(text)[0][1]
    part = await ask(client, station("OP10", "LastEventType"), raw(None, FAR, 1), index_range="0:4")
    assert values(part)[0][1] == "Trace"


async def test_values_at_times(past: Past, client: Client) -> None:
    details = ua.ReadAtTimeDetails(ReqTimes=[at(-1), at(10), at(15), at(99)])
    result = await ask(client, field(past, "State"), details)
    history: Any = result.HistoryData
    told = [
        (one.SourceTimestamp, None if one.Value is None else one.Value.Value, one.StatusCode.value)
        for one in history.DataValues
    ]
    assert told == [
        (at(-1), None, S.BadNoData),
        (at(10), ItemState.InProcess, S.Good),
        (at(15), ItemState.InProcess, 0x402),
        (at(99), ItemState.Completed, 0x402),
    ]
    result = await ask(client, station("OP10", "LastEventSequence"), details)
    assert values(result)[0] == (at(-1), "BadNoData")


# ------------------------------------------------------------------ what is refused
@pytest.mark.parametrize(
    ("details", "options", "expected"),
    [
        (raw(at(0)), {}, S.BadHistoryOperationInvalid),
        (raw(count=5), {}, S.BadHistoryOperationInvalid),
        (raw(), {}, S.BadHistoryOperationInvalid),
        (raw(at(0), FAR, bounds=True, modified=True), {}, S.BadInvalidArgument),
        (raw(at(0), FAR), {"timestamps": T.Neither}, S.BadInvalidTimestampArgument),
        (raw(at(0), FAR), {"timestamps": T.Server}, S.BadTimestampNotSupported),
        (raw(at(0), FAR), {"index_range": "5:1"}, S.BadIndexRangeInvalid),
        (raw(at(0), FAR), {"encoding": "Default XML"}, S.BadDataEncodingInvalid),
        (raw(at(0), FAR), {"point": b"nothing"}, S.BadContinuationPointInvalid),
        (raw(at(0), FAR), {"point": b"nothing", "release": True}, S.BadContinuationPointInvalid),
        (ua.ReadAtTimeDetails(), {}, S.BadInvalidArgument),
        (ua.ReadProcessedDetails(AggregateType=[ua_id(2342)]), {}, S.BadAggregateNotSupported),
        (ua.ReadAnnotationDataDetails(), {}, S.BadHistoryOperationUnsupported),
        (raw(FAR, FAR + TICK), {}, S.GoodNoData),
    ],
)  # fmt: skip
async def test_what_is_wrong_has_its_code(
    past: Past, client: Client, details: Any, options: dict[str, Any], expected: int
) -> None:
    assert code(await ask(client, field(past, "State"), details, **options)) == expected


async def test_details_that_are_none_are_refused_whole(past: Past, client: Client) -> None:
    with pytest.raises(ua.uaerrors.BadHistoryOperationInvalid):
        await ask(client, field(past, "State"), ua.ExtensionObject())


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("Dev/Press_OP20.Points.Force", S.BadHistoryOperationUnsupported),
        ("St/OP10.Online", S.BadHistoryOperationUnsupported),
        ("St/OP10", S.BadHistoryOperationUnsupported),
        ("Item/sn:PUMP:H1#UpdatedAt", S.BadHistoryOperationUnsupported),
        ("Item/sn:PUMP:NONE#State", S.BadNodeIdUnknown),
        ("Nothing", S.BadNodeIdUnknown),
    ],
)
async def test_nodes_without_a_past_say_so(
    past: Past, client: Client, node: str, expected: int
) -> None:
    assert code(await ask(client, site(node), raw(at(0), FAR))) == expected


async def test_attributes_say_what_has_a_past(past: Past, client: Client) -> None:
    both = ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.HistoryRead.mask
    for node_id in (field(past, "State"), station("OP10", "CountOK")):
        told = await client.get_node(node_id).read_attributes(
            [AttributeIds.AccessLevel, AttributeIds.UserAccessLevel, AttributeIds.Historizing]
        )
        assert [plain(one) for one in told] == [both, both, True]
    for name in ("Dev/Press_OP20.Points.Force", "St/OP10.Online", f"Item/{past.unit}#UpdatedAt"):
        told = await client.get_node(site(name)).read_attributes(
            [AttributeIds.AccessLevel, AttributeIds.Historizing]
        )
        assert [plain(one) for one in told] == [ua.AccessLevel.CurrentRead.mask, False]


async def test_the_configuration_of_the_history_is_found(past: Past, client: Client) -> None:
    for node_id in (field(past, "State"), station("OP10", "CountOK")):
        (found,) = await client.get_node(node_id).get_referenced_nodes(
            ObjectIds.HasHistoricalConfiguration
        )
        stepped = await found.get_child("0:Stepped")
        assert await stepped.read_value() is True


async def test_the_server_says_what_history_it_has(past: Past, client: Client) -> None:
    node = client.get_node(ua_id(ObjectIds.HistoryServerCapabilities))
    told: dict[Any, Any] = {}
    for child in await node.get_children(nodeclassmask=ua.NodeClass.Variable):
        told[(await child.read_browse_name()).Name] = await child.read_value()
    offered = {"AccessHistoryDataCapability", "AccessHistoryEventsCapability"}
    assert {name for name, value in told.items() if value is True} == offered
    assert told["MaxReturnDataValues"] == told["MaxReturnEventValues"] == 1_000
    assert not [name for name, value in told.items() if value is None]


async def test_points_are_used_once_released_and_bounded(past: Past, client: Client) -> None:
    node_id, details = field(past, "State"), raw(at(0), FAR, 1)
    first = (await ask(client, node_id, details)).ContinuationPoint
    elsewhere = await ask(client, field(past, "OrderId"), details, point=first)
    assert code(elsewhere) == S.BadContinuationPointInvalid
    points = [(await ask(client, node_id, details)).ContinuationPoint for _ in range(20)]
    assert code(await ask(client, node_id, details)) == S.BadNoContinuationPoints
    assert code(await ask(client, node_id, details, point=points[0], release=True)) == S.Good
    assert code(await ask(client, node_id, details, point=points[0])) == (
        S.BadContinuationPointInvalid
    )
    last = await ask(client, node_id, raw(at(0), FAR), point=points[1])
    assert values(last) == STATES[1:2]
    again = await ask(client, node_id, details, point=points[1])
    assert code(again) == S.BadContinuationPointInvalid
    for point in points[2:]:
        await ask(client, node_id, details, point=point, release=True)
    await read(client, "St/OP10.StationId")
