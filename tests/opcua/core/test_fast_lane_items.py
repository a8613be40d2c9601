"""CreateMonitoredItems on the fast lane: made, answered and told as on the complete path."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary
from hypothesis import given
from hypothesis import strategies as st

from tests.opcua.core.asking import data_item, ended
from tests.opcua.core.lanes import (
    DOUBLE,
    MANY,
    NODES,
    TOKEN,
    A,
    Side,
    V,
    encoded,
    without_times,
)
from tests.opcua.core.sample import Sample, name, site
from tracenode.models.roles import Role
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import data_value, variable_node
from tracenode.server.opcua.subscriptions.items import DataItem, Item

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

TORQUE = site("St/OP10.Current.Torque")
Numbers = tuple[int, int]
"""A subscription of each side."""


def change(trigger: int = 1, kind: int = 0, amount: float = 0.0) -> ua.DataChangeFilter:
    return ua.DataChangeFilter(ua.DataChangeTrigger(trigger), ua.UInt32(kind), amount)


def of_events() -> ua.EventFilter:
    wanted = ua.EventFilter()
    wanted.SelectClauses = [
        ua.SimpleAttributeOperand(
            TypeDefinitionId=ua_id(ObjectIds.BaseEventType),
            BrowsePath=[ua.QualifiedName("Message")],
            AttributeId=ua.UInt32(A.Value),
        )
    ]
    return wanted


FILTERS = [
    *[None] * 6,
    *(change(trigger) for trigger in (0, 1, 2)),
    change(amount=3.0),
    change(kind=1, amount=0.5),
    change(kind=1, amount=-1.0),
    change(kind=2, amount=5.0),
    change(kind=7),
    of_events(),
    ua.AggregateFilter(),
]
ITEMS = st.builds(
    data_item,
    st.sampled_from([*NODES, *NODES[:4], TORQUE]),
    st.integers(0, 2**32 - 1),
    attribute=st.sampled_from([*[13] * 8, 12, 3, 99]),
    interval=st.sampled_from([0.0, 0.0, 0.0, -1.0, 1.0, 120.0, math.nan, math.inf, 1e12]),
    queue=st.sampled_from([0, 1, 1, 2, 10, 10_000_000]),
    oldest=st.booleans(),
    mode=st.sampled_from([2, 2, 2, 1, 0]).map(ua.MonitoringMode),
    wanted=st.sampled_from(FILTERS),
    index_range=st.sampled_from([None, None, None, None, "", "0", "1:2", "x"]),
)


def creating(number: int, items: Sequence[ua.MonitoredItemCreateRequest], stamps: int = 2) -> bytes:
    request = ua.CreateMonitoredItemsRequest()
    request.Parameters.SubscriptionId = ua.UInt32(number)
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn(stamps)
    request.Parameters.ItemsToCreate = list(items)
    return encoded(request)


@asynccontextmanager
async def subscriptions(sides: tuple[Side, Side]) -> AsyncIterator[Numbers]:
    """Yield a fresh subscription of each side; none publishes by itself for an hour."""
    request = ua.CreateSubscriptionRequest()
    request.Parameters.RequestedPublishingInterval = 3_600_000.0
    request.Parameters.PublishingEnabled = True
    numbers = []
    for side in sides:
        answer = struct_from_binary(
            ua.CreateSubscriptionResponse, Buffer(await side.send(encoded(request)))
        )
        numbers.append(int(answer.Parameters.SubscriptionId))
    try:
        yield numbers[0], numbers[1]
    finally:
        for side, number in zip(sides, numbers, strict=True):
            await ended(side.client, number)


async def created(
    sides: tuple[Side, Side],
    numbers: Numbers,
    items: Sequence[ua.MonitoredItemCreateRequest],
    stamps: int = 2,
) -> list[ua.MonitoredItemCreateResult]:
    """Create items on both sides; the answers must be the same."""
    answers = [
        await side.send(creating(number, items, stamps))
        for side, number in zip(sides, numbers, strict=True)
    ]
    assert without_times(answers[0]) == without_times(answers[1])
    results: list[ua.MonitoredItemCreateResult] = struct_from_binary(
        ua.CreateMonitoredItemsResponse, Buffer(answers[0])
    ).Results
    return results


def held(sample: Sample, number: int) -> list[object]:
    """Return all there is to say of the items of a subscription."""
    found = sample.server.engine.iserver.subscriptions.subscriptions[number]
    return [_shown(item) for item in found.items.values()]


def _shown(item: Item) -> object:
    target = item.target
    shown: list[object] = [item.number, item.handle, item.mode, item.waiting, item.is_ready]
    shown += [target.node_id, target.attribute, target.index_range]
    shown += [item.size, item.discard_oldest, item.lost_first, item.lost_last]
    if isinstance(item, DataItem):
        interval = None if item.sampler is None else item.sampler.interval_ms
        told = [entry.encoded(item.timestamps) for entry in item.entries]
        shown += [item.timestamps, item.filter, interval, told]
    return shown


# ------------------------------------------------------------------ as on the complete path
@MANY
@given(
    items=st.lists(ITEMS, max_size=8),
    again=st.lists(ITEMS, max_size=2),
    stamps=st.sampled_from([0, 1, 2, 2, 3]),
)
async def test_items_are_made_as_on_the_complete_path(
    sample: Sample,
    sides: tuple[Side, Side],
    items: list[ua.MonitoredItemCreateRequest],
    again: list[ua.MonitoredItemCreateRequest],
    stamps: int,
) -> None:
    """And go on alike: what changes is in the queues of both."""
    budget = sample.server.engine.iserver.subscriptions.budget
    async with subscriptions(sides) as numbers:
        for wanted in filter(None, (items, again)):
            await created(sides, numbers, wanted, stamps)
            assert held(sample, numbers[0]) == held(sample, numbers[1])
        for value in (1.0, 1.2, 9.0):
            await sample.server.values.set(TORQUE, value)
            await sample.server.values.set(NODES[0], f"SN{value}")
            assert held(sample, numbers[0]) == held(sample, numbers[1])
    assert budget.count == budget.used == 0


@MANY
@given(
    items=st.lists(ITEMS, min_size=1, max_size=4),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=3),
    end=st.tuples(st.sampled_from([0, 0, 1, 5, 40]), st.binary(max_size=3)),
)
async def test_broken_requests_are_refused_alike(
    sample: Sample,
    sides: tuple[Side, Side],
    items: list[ua.MonitoredItemCreateRequest],
    changes: list[tuple[int, int]],
    end: tuple[int, bytes],
) -> None:
    cut, more = end
    async with subscriptions(sides) as numbers:
        answers = []
        for side, number in zip(sides, numbers, strict=True):
            broken = bytearray(creating(number, items))
            start = broken.index(TOKEN) + len(TOKEN) + 28 + 4  # after the subscription's number
            for place, byte in changes:
                broken[start + place % (len(broken) - start)] = byte
            answers.append(await side.send(bytes(broken[: max(start, len(broken) - cut)] + more)))
        assert without_times(answers[0]) == without_times(answers[1])
        assert held(sample, numbers[0]) == held(sample, numbers[1])


# ------------------------------------------------------------------ what is taken
async def test_the_lane_takes_items_and_their_values_are_told(
    sample: Sample, sides: tuple[Side, Side]
) -> None:
    """Unusual ones between them, too; each way's notifications are those of the other."""
    items = [
        data_item(TORQUE, 1),
        data_item(site("nothing"), 2),
        data_item(TORQUE, 3, wanted=change(2)),
        data_item(site("Item/SN00007#State"), 4, queue=5),
        data_item(TORQUE, 5, wanted=change(kind=1, amount=50.0)),
    ]
    await sample.server.values.set(TORQUE, 10.0)
    lane = sides[0].lane
    told = []
    async with subscriptions(sides) as numbers:
        left = lane.given - lane.taken  # the client's own keep-alive reads are taken, too
        results = await created(sides, numbers, items)
        assert [one.StatusCode.value for one in results] == [
            0,
            StatusCodes.BadNodeIdUnknown,
            *[0] * 3,
        ]
        assert lane.given - lane.taken == left
        await sample.server.values.set(TORQUE, 20.0)
        for number in numbers:
            found = sample.server.engine.iserver.subscriptions.subscriptions[number]
            told.append(found._message(1, 2**20)[12:])
    assert told[0] == told[1]
    assert told[0].count(data_item(TORQUE, 5).RequestedParameters.ClientHandle.to_bytes(4)) == 0


async def test_limits_are_those_of_the_complete_path(
    sample: Sample, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = sample.server.engine.iserver.subscriptions.items
    few = dataclasses.replace(items._limits, monitored_items_per_subscription=5, queue_size=3)
    monkeypatch.setattr(items, "_limits", few)
    async with subscriptions(sides) as numbers:
        codes = []
        for _ in range(3):
            made = await created(sides, numbers, [data_item(TORQUE, queue=9)] * 2)
            codes += [one.StatusCode.value for one in made]
        assert codes == [*[0] * 5, StatusCodes.BadTooManyMonitoredItems]
        assert held(sample, numbers[0]) == held(sample, numbers[1])
        nothing = [await side.send(creating(n, [])) for side, n in zip(sides, numbers, strict=True)]
        assert without_times(nothing[0]) == without_times(nothing[1])


async def test_rights_are_those_of_the_session(sample: Sample, sides: tuple[Side, Side]) -> None:
    sessions = [side.protocol.processor.session for side in sides if side.protocol.processor]
    kept = [session.rights.roles for session in sessions if session is not None]
    seen = []
    async with subscriptions(sides) as numbers:
        try:
            for roles in (kept[0], int(Role.Anonymous), kept[0]):
                for session in sessions:
                    assert session is not None
                    session.rights.roles = roles
                made = await created(sides, numbers, [data_item(node) for node in NODES])
                seen.append([one.StatusCode.value for one in made])
        finally:
            for session, roles in zip(sessions, kept, strict=True):
                assert session is not None
                session.rights.roles = roles
    assert seen[0] == seen[2] != seen[1]


async def test_what_nodes_there_are_shows_at_once(sample: Sample, sides: tuple[Side, Side]) -> None:
    server, node_id = sample.server, site("Fleeting")
    codes: list[Any] = []
    async with subscriptions(sides) as numbers:
        for value in (1.0, 2.0):
            codes += await created(sides, numbers, [data_item(node_id)])
            node = variable_node(node_id, name("Fleeting"), DOUBLE, data_value(value, V.Double))
            server.book.add(node, site("Plant"), ua_id(ObjectIds.Organizes))
            codes += await created(sides, numbers, [data_item(node_id)])
            await server.values.set(node_id, value + 10)
            assert held(sample, numbers[0]) == held(sample, numbers[1])
            hidden = ua.DataValue(ua.Variant(0, V.Byte))
            await server.space.write_attribute_value(node_id, A.AccessLevel, hidden)
            codes += await created(sides, numbers, [data_item(node_id)])
            server.book.remove(node_id)
    expected = [StatusCodes.BadNodeIdUnknown, 0, StatusCodes.BadNotReadable]
    assert [one.StatusCode.value for one in codes] == expected * 2
