"""What is committed becomes typed events, in order, and shows after a restart."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds

from tests.opcua.surface.hearing import hearing
from tests.opcua.surface.plant import (
    OFFICE,
    Plant,
    outputs,
    read,
    request_id,
    running,
    shows,
    site,
)
from tests.support.waiting import eventually
from tracenode.models.answers import WhereUsed
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Consume, Measurement, Observe, Reject, Start
from tracenode.models.receipts import Record
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.surface.backlog import Backlog
from tracenode.server.opcua.surface.keys import ROOT, model_id
from tracenode.server.review import Review
from tracenode.server.store.file.copies import backup

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVER = ua_id(ObjectIds.Server)
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_an_operation_is_told_with_its_measurements(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    async with hearing(client, SERVER, "TraceOperationEventType") as heard:
        await plant.book(Start(station="OP10", item=item))
        receipt = await plant.book(
            Complete(
                station="OP10",
                item=item,
                evaluation=Evaluation.OK,
                cycle_time_ms=1500,
                measurements=(Measurement(name="Torque", value=4.52, unit="NU", high=5.0),),
            )
        )
        await eventually(lambda: heard)
    (event,) = heard
    assert event["EventType"] == model_id("TraceOperationEventType")
    assert event["EventId"] == uuid.UUID(receipt.record).bytes
    assert event["EventSequence"] == receipt.sequence
    assert (event["CycleTime"], event["Evaluation"]) == (1500.0, 1)
    (measured,) = event["Measurements"]
    assert (measured.Name, measured.Value, measured.HighLimit) == ("Torque", 4.52, 5.0)
    assert measured.LowLimit != measured.LowLimit  # not known: a NaN
    assert event["ParentId"] is None
    await shows(client, "St/OP10.CycleTime", 1.5)


async def test_a_refusal_is_told_without_a_sequence(plant: Plant, client: Client) -> None:
    async with (
        hearing(client, site("St/OP20"), "TraceRejectedEventType") as heard,
        hearing(client, site("St/OP20"), "TraceEventType") as records,
    ):
        asked = request_id()
        await outputs(client, "St/OP20", "StartItem", asked, "nobody", "", "")
        await eventually(lambda: heard)
        await outputs(client, "St/OP20", "StartItem", asked, "nobody", "", "")
        await plant.book(Observe(station="OP20", item="whatever"))
        await eventually(lambda: records)
    (event,) = heard
    assert (event["Status"], event["MethodName"]) == (100, "StartItem")
    assert (event["RequestId"], event["ItemId"]) == (asked, "nobody")
    assert event["EventSequence"] is None
    assert event["Severity"] == 300


async def test_what_a_reader_reads_is_told_by_station_or_device(
    plant: Plant, client: Client
) -> None:
    async with hearing(client, ROOT, "TraceObjectEventType") as heard:
        await plant.book(Reject(device="Scanner_OP10", raw="00", reason="NoRead: nothing read"))
        await plant.book(Observe(item="whatever"))
        await eventually(lambda: len(heard) == 2)
    reject, observed = heard
    assert reject["SourceNode"] == site("Dev/Scanner_OP10")
    assert (reject["ReadPoint"], reject["ReasonCode"]) == ("Scanner_OP10", "NoRead: nothing read")
    assert observed["SourceNode"] == ROOT


async def test_a_burst_is_told_whole_and_in_order(plant: Plant, client: Client) -> None:
    first = plant.trace.head.sequence + 1
    async with hearing(client, SERVER, "TraceEventType") as heard:
        burst = [
            plant.trace.record(Observe(station="OP30", item=f"burst {number}"), OFFICE)
            for number in range(500)
        ]
        await asyncio.gather(*burst)
        await eventually(lambda: len(heard) >= 500, within=10)
    assert [event["EventSequence"] for event in heard] == list(range(first, first + 500))


async def test_an_item_that_is_watched_changes_with_the_commit(
    plant: Plant, client: Client
) -> None:
    item = await plant.unit()
    seen: list[int] = []

    class Watch:
        def datachange_notification(self, node: object, val: Any, data: object) -> None:
            seen.append(val)

    subscription = await client.create_subscription(50, Watch())
    await subscription.subscribe_data_change(client.get_node(site(f"Item/{item}#State")))
    await eventually(lambda: seen == [0])
    await plant.book(Start(station="OP10", item=item))
    await eventually(lambda: seen == [0, 1])
    await plant.book(Complete(station="OP10", item=item, evaluation=Evaluation.OK))
    await eventually(lambda: seen == [0, 1, 2])
    await subscription.delete()


async def test_a_started_server_shows_what_the_last_one_showed(
    plant: Plant, client: Client, tmp_path: Path
) -> None:
    variables = [
        f"St/OP40.{name}"
        for name in (
            "CurrentItem.ItemId",
            "CurrentItem.MaterialId",
            "CurrentItem.State",
            "CurrentItem.StartedAt",
            "CountOK",
            "CountNotOK",
            "LastEventSequence",
            "LastEventType",
            "LastEventTime",
            "RecentItemIds",
        )
    ]
    done, item = await plant.unit(), await plant.unit()
    counts = [await read(client, name) for name in variables[4:6]]
    for verdict in (Evaluation.NotOK, Evaluation.OK):
        await plant.book(Start(station="OP40", item=done))
        await plant.book(Complete(station="OP40", item=done, evaluation=verdict))
    await plant.book(Start(station="OP40", item=item))
    await shows(client, "St/OP40.CurrentItem.ItemId", item)
    shown = [await read(client, name) for name in variables]
    assert shown[4:6] == [count + 1 for count in counts]
    copy = tmp_path / "plant.db"
    await asyncio.to_thread(backup, plant.trace.store.path, copy)
    async with running(copy) as other, Client(other.server.endpoint) as second:
        assert [await read(second, name) for name in variables] == shown
    await plant.book(Complete(station="OP40", item=item, evaluation=Evaluation.OK))


async def test_a_report_that_would_be_another_is_told(plant: Plant, client: Client) -> None:
    lot, pump = await plant.lot(), await plant.unit()
    before = datetime.now(UTC)
    sequence = plant.trace.head.sequence
    _, issued = await plant.trace.issue(WhereUsed(item=lot), "complaint 7", OFFICE)
    reviewing = asyncio.create_task(Review(plant.trace).run())
    try:
        async with (
            hearing(client, SERVER, "TraceReportStaleEventType") as at_server,
            hearing(client, ROOT, "TraceReportStaleEventType") as at_root,
        ):
            late = await plant.book(Consume(item=pump, lot=lot, event_time=before))
            await eventually(lambda: at_server and at_root)
    finally:
        reviewing.cancel()
        await asyncio.wait([reviewing])
    (stale,) = at_server
    assert repr(at_root) == repr(at_server)
    assert late.sequence == plant.trace.head.sequence == sequence + 1
    assert stale["EventType"] == model_id("TraceReportStaleEventType")
    assert stale["SourceNode"] == ROOT
    assert (stale["ReportId"], stale["CausedByRecordId"]) == (issued.record, late.record)
    assert "complaint 7" in stale["Message"].Text
    assert stale["Severity"] == 500
    assert stale["EventSequence"] is None
    asked = json.loads(stale["ReportQuestion"])
    assert (asked["question"], asked["item"]) == ("TraceWhereUsed", lot)
    name = asked["question"]
    given = (name, stale["ReportQuestion"])
    text, _, status = await outputs(client, "Traceability.Queries", "QueryJson", *given)
    assert status == 0
    assert [node["item"] for node in json.loads(text)["nodes"]] == [lot, pump]


def observed(sequence: int) -> Record:
    return Record(
        position=sequence,
        record="",
        sequence=sequence,
        at=AT,
        recorded=AT,
        event=Observe(item="x"),
        requester="",
        user="",
        request_id="",
        hash=b"",
        item="",
        material="",
    )


async def test_a_backlog_past_its_bound_is_read_back_in_order() -> None:
    journal = [observed(sequence) for sequence in range(1, 101)]

    async def read_back(first: int, limit: int) -> list[Record]:
        await asyncio.sleep(0)
        return journal[first - 1 : first - 1 + limit]

    backlog = Backlog(read_back, bound=10)
    added = 0

    def add(count: int) -> Sequence[Record]:
        nonlocal added
        batch = journal[added : added + count]
        added += count
        backlog.add(batch)
        return batch

    add(5)
    taken = await backlog.take(3)
    add(40)
    while len(taken) < 60:
        taken += await backlog.take(7)
        add(5)
    while len(taken) < 100:
        taken += await backlog.take(7)
        add(5)
    assert [record.sequence for record in taken] == list(range(1, 101))
    waiting = asyncio.ensure_future(backlog.take(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
