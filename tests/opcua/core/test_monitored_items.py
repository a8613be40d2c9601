"""Monitored items: queues, overflow, sampling, deadbands, modes, triggering (OPC 10000-4 5.13)."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.core.asking import Subscribed, code, data_item, message, subscribed, values
from tests.opcua.core.sample import Sample, name, site
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import data_value, variable_node

pytestmark = pytest.mark.asyncio(loop_scope="session")

S = StatusCodes
V = ua.VariantType
MODE = ua.MonitoringMode
OVERFLOW = 0x480
GAUGE, PLAIN, TEXTS = site("Gauge"), site("Gauge.Plain"), site("Gauge.Texts")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def gauge(sample: Sample) -> AsyncIterator[None]:
    """An analog variable of 0 to 200, a plain number, an array of texts."""
    book, plant = sample.server.book, site("Plant")
    component, property_ = ua_id(ObjectIds.HasComponent), ua_id(ObjectIds.HasProperty)
    double = ua_id(ObjectIds.Double)
    analog = ua_id(ObjectIds.AnalogItemType)
    made = variable_node(GAUGE, name("Gauge"), double, data_value(0.0, V.Double), type_id=analog)
    book.add(made, plant, component)
    span = data_value(ua.Range(Low=0.0, High=200.0), V.ExtensionObject)
    eu = ua.QualifiedName("EURange", ua.UInt16(0))
    book.add(
        variable_node(site("Gauge.EURange"), eu, ua_id(ObjectIds.Range), span), GAUGE, property_
    )
    plain = variable_node(PLAIN, name("Plain"), double, data_value(0.0, V.Double))
    book.add(plain, plant, component)
    held = data_value(["zero", "one", "two"], V.String, is_array=True)
    text = ua_id(ObjectIds.String)
    book.add(variable_node(TEXTS, name("Texts"), text, held, value_rank=1), plant, component)
    yield
    for node_id in (TEXTS, PLAIN, site("Gauge.EURange"), GAUGE):
        book.remove(node_id)


@pytest_asyncio.fixture(loop_scope="session")
async def sub(client: Client) -> AsyncIterator[Subscribed]:
    async with subscribed(client) as made:
        yield made


async def tell(sample: Sample, *numbers: float, node_id: ua.NodeId = PLAIN) -> None:
    for number in numbers:
        await sample.server.values.set(node_id, number)


async def test_the_value_of_now_is_told_first_even_a_bad_one(
    sample: Sample, sub: Subscribed
) -> None:
    torque = sample.stations["OP10"]["Current.Torque"]
    await sample.server.values.set(torque, None, status=S.BadWaitingForInitialData)
    assert (await sub.create(data_item(torque, 5)))[0].StatusCode.is_good()
    told = message(await sub.notified(), ua.DataChangeNotification).MonitoredItems[0]
    assert told.ClientHandle == 5
    assert code(told.Value.StatusCode) == S.BadWaitingForInitialData


@pytest.mark.parametrize(
    ("oldest", "size", "expected"),
    [
        (True, 3, [(3.0, OVERFLOW), (4.0, 0), (5.0, 0)]),
        (False, 3, [(0.0, 0), (1.0, 0), (5.0, OVERFLOW)]),
        (True, 1, [(5.0, 0)]),
        (False, 1, [(5.0, 0)]),
        (False, 9, [(0.0, 0), (1.0, 0), (2.0, 0), (3.0, 0), (4.0, 0), (5.0, 0)]),
    ],
)
async def test_an_overflow_shows_at_the_right_value(
    sample: Sample, sub: Subscribed, oldest: bool, size: int, expected: list[tuple[float, int]]
) -> None:
    await tell(sample, 0.0)
    await sub.create(data_item(PLAIN, queue=size, oldest=oldest))
    await tell(sample, 1.0, 2.0, 3.0, 4.0, 5.0)
    told = message(await sub.notified(), ua.DataChangeNotification).MonitoredItems
    assert [(one.Value.Value.Value, code(one.Value.StatusCode)) for one in told] == expected


async def test_queue_and_sampling_are_revised(sub: Subscribed) -> None:
    made = await sub.create(
        data_item(PLAIN, queue=0),
        data_item(PLAIN, queue=10_000_000),
        data_item(PLAIN, interval=-1),
        data_item(PLAIN, interval=1),
        data_item(PLAIN, interval=120),
        data_item(PLAIN, interval=math.nan),
        data_item(PLAIN, interval=1e12),
        data_item(PLAIN, interval=math.inf),
    )
    assert [one.RevisedQueueSize for one in made[:2]] == [1, 10_000]
    assert [one.RevisedSamplingInterval for one in made] == [
        *(0, 0, 50, 50, 150, 50),
        *(3_600_000, 3_600_000),
    ]


async def test_sampling_tells_the_last_of_an_interval(sample: Sample, sub: Subscribed) -> None:
    await tell(sample, 0.0)
    await sub.create(data_item(PLAIN, interval=200, queue=10))
    assert values(await sub.notified()) == [(1, 0.0)]
    await tell(sample, 1.0, 2.0, 3.0)
    assert values(await sub.notified()) == [(1, 3.0)]
    await tell(sample, 4.0, 3.0)
    assert await sub.quiet()


def deadband(amount: float, kind: int = 1, trigger: int = 1) -> ua.DataChangeFilter:
    return ua.DataChangeFilter(ua.DataChangeTrigger(trigger), ua.UInt32(kind), amount)


@pytest.mark.parametrize(
    ("node_id", "wanted", "expected"),
    [
        # a slow drift is compared with what was told, not with the last sample
        (PLAIN, deadband(1.0), [0.0, 1.5, 3.0]),
        (GAUGE, deadband(1.0, kind=2), [0.0, 2.5]),  # 1 % of 200 is 2
        (PLAIN, None, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
    ],
)
async def test_a_drift_passes_the_deadband_in_the_end(
    sample: Sample, sub: Subscribed, node_id: ua.NodeId, wanted: Any, expected: list[float]
) -> None:
    await tell(sample, 0.0, node_id=node_id)
    made = await sub.create(data_item(node_id, queue=20, wanted=wanted))
    assert made[0].StatusCode.is_good()
    await tell(sample, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, node_id=node_id)
    assert [value for _, value in values(await sub.notified())] == expected


async def test_status_and_time_count_as_the_trigger_says(sample: Sample, sub: Subscribed) -> None:
    await tell(sample, 0.0)
    await sub.create(
        data_item(PLAIN, 1, queue=20, wanted=deadband(0, 0, trigger=0)),
        data_item(PLAIN, 2, queue=20, wanted=deadband(0, 0, trigger=1)),
        data_item(PLAIN, 3, queue=20, wanted=deadband(0, 0, trigger=2)),
    )
    await tell(sample, 1.0, 1.0)
    await sample.server.values.set(PLAIN, 1.0, status=S.UncertainLastUsableValue)
    await tell(sample, math.nan, math.nan)
    told = values(await sub.notified())
    assert [sum(handle == one for one, _ in told) for handle in (1, 2, 3)] == [3, 4, 6]


@pytest.mark.parametrize(
    ("node_id", "wanted", "attribute", "expected"),
    [
        (PLAIN, deadband(-1), 13, S.BadDeadbandFilterInvalid),
        (PLAIN, deadband(math.nan), 13, S.BadDeadbandFilterInvalid),
        (PLAIN, deadband(1, kind=7), 13, S.BadDeadbandFilterInvalid),
        (GAUGE, deadband(101, kind=2), 13, S.BadDeadbandFilterInvalid),
        (PLAIN, deadband(1, kind=2), 13, S.BadMonitoredItemFilterUnsupported),
        (TEXTS, deadband(1), 13, S.BadFilterNotAllowed),
        (PLAIN, deadband(1), 4, S.BadFilterNotAllowed),
        (PLAIN, ua.EventFilter(), 13, S.BadFilterNotAllowed),
        (PLAIN, ua.AggregateFilter(), 13, S.BadMonitoredItemFilterUnsupported),
        (ua_id(ObjectIds.Server), deadband(1), 12, S.BadFilterNotAllowed),
        (site("Nowhere"), None, 13, S.BadNodeIdUnknown),
        (PLAIN, None, 12, S.BadAttributeIdInvalid),
        (PLAIN, None, 99, S.BadAttributeIdInvalid),
    ],
)
async def test_what_can_not_be_watched_is_refused_for_itself(
    sub: Subscribed, node_id: ua.NodeId, wanted: Any, attribute: int, expected: int
) -> None:
    good, bad = await sub.create(
        data_item(PLAIN), data_item(node_id, wanted=wanted, attribute=attribute)
    )
    assert good.StatusCode.is_good()
    assert code(bad.StatusCode) == expected
    assert bad.MonitoredItemId == 0


async def test_a_part_of_an_array_is_watched(sample: Sample, sub: Subscribed) -> None:
    made = await sub.create(
        data_item(TEXTS, 1, queue=9, index_range="1"),
        data_item(TEXTS, 2, index_range="7"),
        data_item(TEXTS, 3, index_range="7:1"),
    )
    assert code(made[2].StatusCode) == S.BadIndexRangeInvalid
    first = message(await sub.notified(), ua.DataChangeNotification).MonitoredItems
    assert first[0].Value.Value.Value == ["one"]
    assert code(first[1].Value.StatusCode) == S.BadIndexRangeNoData
    await sample.server.values.set(TEXTS, ["ZERO", "one", "two"])
    assert await sub.quiet()
    await sample.server.values.set(TEXTS, ["ZERO", "ONE", "two"])
    assert values(await sub.notified()) == [(1, ["ONE"])]


@pytest.mark.parametrize(
    ("asked", "source", "server"),
    [(0, True, False), (1, False, True), (2, True, True), (3, False, False)],
)
async def test_items_carry_the_time_stamps_asked_for(
    sub: Subscribed, asked: int, source: bool, server: bool
) -> None:
    await sub.create(data_item(PLAIN), timestamps=ua.TimestampsToReturn(asked))
    value = message(await sub.notified(), ua.DataChangeNotification).MonitoredItems[0].Value
    assert (value.SourceTimestamp is not None, value.ServerTimestamp is not None) == (
        source,
        server,
    )


async def test_modes(sample: Sample, sub: Subscribed) -> None:
    await tell(sample, 0.0)
    made = await sub.create(
        data_item(PLAIN, 1, mode=MODE.Disabled, queue=5),
        data_item(PLAIN, 2, mode=MODE.Sampling, queue=5),
    )
    disabled, sampling = (one.MonitoredItemId for one in made)
    await tell(sample, 1.0)
    assert await sub.quiet()
    codes = await sub.set_mode(MODE.Reporting, disabled, sampling, 999)
    assert [code(one) for one in codes] == [0, 0, S.BadMonitoredItemIdInvalid]
    assert sorted(values(await sub.notified())) == [(1, 1.0), (2, 0.0), (2, 1.0)]
    await tell(sample, 2.0)
    await sub.set_mode(MODE.Disabled, disabled, sampling)
    assert await sub.quiet()


async def test_an_item_lets_others_report(sample: Sample, sub: Subscribed) -> None:
    await tell(sample, 0.0)
    await tell(sample, 0.0, node_id=GAUGE)
    made = await sub.create(
        data_item(GAUGE, 1, queue=5), data_item(PLAIN, 2, mode=MODE.Sampling, queue=5)
    )
    button, quiet = (one.MonitoredItemId for one in made)
    told = await sub.trigger(button, add=(quiet, 999, button))
    assert [code(one) for one in told.AddResults] == [
        0,
        S.BadMonitoredItemIdInvalid,
        S.BadMonitoredItemIdInvalid,
    ]
    assert values(await sub.notified()) == [(1, 0.0)]
    await tell(sample, 1.0, 2.0)
    assert await sub.quiet()
    await tell(sample, 9.0, node_id=GAUGE)
    assert sorted(values(await sub.notified())) == [(1, 9.0), (2, 0.0), (2, 1.0), (2, 2.0)]
    told = await sub.trigger(button, remove=(quiet, quiet))
    assert [code(one) for one in told.RemoveResults] == [0, S.BadMonitoredItemIdInvalid]
    await tell(sample, 3.0)
    await tell(sample, 10.0, node_id=GAUGE)
    assert values(await sub.notified()) == [(1, 10.0)]
    with pytest.raises(ua.uaerrors.BadMonitoredItemIdInvalid):
        await sub.trigger(999, add=(quiet,))
    with pytest.raises(ua.uaerrors.BadNothingToDo):
        await sub.trigger(button)


async def test_a_change_of_an_item_is_really_one(sample: Sample, sub: Subscribed) -> None:
    await tell(sample, 0.0)
    number = (await sub.create(data_item(PLAIN, 1, queue=9)))[0].MonitoredItemId
    assert values(await sub.notified()) == [(1, 0.0)]
    change = ua.MonitoredItemModifyRequest()
    change.MonitoredItemId = number
    change.RequestedParameters = data_item(
        PLAIN, 7, queue=2, wanted=deadband(5)
    ).RequestedParameters
    unknown = ua.MonitoredItemModifyRequest()
    unknown.MonitoredItemId = ua.UInt32(999)
    unknown.RequestedParameters = change.RequestedParameters
    done, refused = await sub.modify(change, unknown)
    assert (code(done.StatusCode), done.RevisedQueueSize) == (0, 2)
    assert code(refused.StatusCode) == S.BadMonitoredItemIdInvalid
    await tell(sample, 1.0, 6.0, 12.0, 18.0)
    assert values(await sub.notified()) == [(7, 12.0), (7, 18.0)]


@pytest.mark.parametrize("oldest", [True, False])
async def test_a_queue_that_becomes_one_value_shows_no_overflow(
    sample: Sample, sub: Subscribed, oldest: bool
) -> None:
    """A queue of one is a buffer of the newest value (OPC 10000-4 5.13.1.5)."""
    await tell(sample, 0.0)
    number = (await sub.create(data_item(PLAIN, queue=2, oldest=oldest)))[0].MonitoredItemId
    await tell(sample, 1.0, 2.0, 3.0)
    change = ua.MonitoredItemModifyRequest()
    change.MonitoredItemId = number
    change.RequestedParameters = data_item(PLAIN, oldest=oldest).RequestedParameters
    await sub.modify(change)
    (told,) = message(await sub.notified(), ua.DataChangeNotification).MonitoredItems
    assert (told.Value.Value.Value, code(told.Value.StatusCode)) == (3.0, 0)


@pytest.mark.parametrize("interval", [0.0, 100.0])
async def test_a_value_held_back_is_not_lost_with_the_interval(
    sample: Sample, sub: Subscribed, interval: float
) -> None:
    await tell(sample, 0.0)
    number = (await sub.create(data_item(PLAIN, interval=60_000)))[0].MonitoredItemId
    assert values(await sub.notified()) == [(1, 0.0)]
    await tell(sample, 1.0)
    change = ua.MonitoredItemModifyRequest()
    change.MonitoredItemId = number
    change.RequestedParameters = data_item(PLAIN, interval=interval).RequestedParameters
    await sub.modify(change)
    assert values(await sub.notified()) == [(1, 1.0)]


async def test_deleted_items_are_told_no_more(sample: Sample, sub: Subscribed) -> None:
    number = (await sub.create(data_item(PLAIN)))[0].MonitoredItemId
    await sub.notified()
    codes = await sub.delete(number, 999)
    assert [code(one) for one in codes] == [0, S.BadMonitoredItemIdInvalid]
    await tell(sample, 77.0)
    assert await sub.quiet()


async def test_a_value_that_can_not_be_made_is_told_so(
    sample: Sample, sub: Subscribed, caplog: pytest.LogCaptureFixture
) -> None:
    """And others of its interval are read after it."""
    cells = [sample.server.space.value_cell(node_id) for node_id in (PLAIN, GAUGE)]
    asked = [0]

    def made(*_: object) -> ua.DataValue:
        asked[0] += 1
        return data_value(float(asked[0]), V.Double)

    def broken(*_: object) -> ua.DataValue:
        raise ZeroDivisionError

    for cell, makes in zip(cells, (broken, made), strict=True):
        assert cell is not None
        cell.value_callback = makes
    try:
        await sub.create(data_item(PLAIN, 1), data_item(GAUGE, 2))
        told = message(await sub.notified(), ua.DataChangeNotification).MonitoredItems
        assert [code(one.Value.StatusCode) for one in told] == [S.BadInternalError, 0]
        for _ in range(2):
            assert values(await sub.notified())[0][0] == 2
    finally:
        await tell(sample, 0.0)
        await tell(sample, 0.0, node_id=GAUGE)
    assert asked[0] >= 3
    assert PLAIN.to_string() in caplog.text


async def test_who_watches_a_node_that_is_removed_is_told_so(
    sample: Sample, sub: Subscribed
) -> None:
    gone = site("Gauge.Gone")
    made = variable_node(gone, name("Gone"), ua_id(ObjectIds.Double), data_value(1.0, V.Double))
    sample.server.book.add(made, site("Plant"), ua_id(ObjectIds.HasComponent))
    await sub.create(data_item(gone))
    assert values(await sub.notified()) == [(1, 1.0)]
    sample.server.book.remove(gone)
    (told,) = message(await sub.notified(), ua.DataChangeNotification).MonitoredItems
    assert code(told.Value.StatusCode) == S.BadNodeIdUnknown


async def test_a_value_that_can_not_be_encoded_is_told_so(
    sample: Sample, sub: Subscribed, caplog: pytest.LogCaptureFixture
) -> None:
    """And what comes before and after it is told as it is."""
    await tell(sample, 0.0)
    await sub.create(data_item(PLAIN, queue=9))
    await sample.server.values.set(PLAIN, 2**40, variant_type=V.Int32)
    await sample.server.values.set(PLAIN, 1.0, variant_type=V.Double)
    told = message(await sub.notified(), ua.DataChangeNotification).MonitoredItems
    assert [code(one.Value.StatusCode) for one in told] == [0, S.BadEncodingError, 0]
    assert told[1].Value.Value.Value is None
    assert str(2**40) in caplog.text


async def test_other_attributes_are_watched_too(sample: Sample, sub: Subscribed) -> None:
    await sub.create(data_item(PLAIN, attribute=AttributeIds.DisplayName))
    await sub.notified()
    renamed = ua.DataValue(ua.Variant(ua.LocalizedText("Renamed"), V.LocalizedText))
    await sample.server.space.write_attribute_value(PLAIN, AttributeIds.DisplayName, renamed)
    assert values(await sub.notified())[0][1].Text == "Renamed"
