"""Reading, writing and watching variables, real and virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import Primitives, variant_to_binary

from tests.opcua.core.sample import Sample, site
from tests.support.waiting import eventually
from tracenode.server.opcua.connections.wire import data_value
from tracenode.server.opcua.nodes.values import NewValue, UnknownVariable

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Heard:
    """Collects the values that a subscription brings."""

    def __init__(self) -> None:
        self.values: list[tuple[ua.NodeId, Any]] = []

    def datachange_notification(self, node: Any, val: Any, data: Any) -> None:
        self.values.append((node.nodeid, val))


@asynccontextmanager
async def watching(client: Client, *node_ids: ua.NodeId) -> AsyncIterator[Heard]:
    heard = Heard()
    subscription = await client.create_subscription(50, heard)
    await subscription.subscribe_data_change([client.get_node(n) for n in node_ids])
    yield heard
    await subscription.delete()


async def test_a_virtual_variable_is_read_like_any_other(client: Client) -> None:
    value = await client.get_node(site("Item/SN00042#State")).read_data_value()
    assert value.Value is not None
    assert value.Value.Value == "Registered"
    assert value.SourceTimestamp is not None


async def test_a_watched_virtual_variable_stays_and_gets_changes(
    sample: Sample, client: Client
) -> None:
    server, state = sample.server, site("Item/SN00100#State")
    async with watching(client, state) as heard:
        await eventually(lambda: (state, "Registered") in heard.values)
        assert server.virtual.pinned == 1
        for key in sample.units.keys[:6000]:  # more than the cache holds
            assert server.space.get(site(f"Item/{key}")) is not None
        assert server.virtual.cached <= 4000
        sample.units.states["SN00100"] = "Completed"
        await server.virtual.refresh([site("Item/SN00100"), state])
        await eventually(lambda: (state, "Completed") in heard.values)
        assert await client.get_node(state).read_value() == "Completed"
    await eventually(lambda: server.virtual.pinned == 0)


async def test_an_unwatched_virtual_variable_shows_its_change_after_refresh(
    sample: Sample, client: Client
) -> None:
    state = site("Item/SN00200#State")
    assert await client.get_node(state).read_value() == "Registered"
    sample.units.states["SN00200"] = "Scrapped"
    await sample.server.virtual.refresh([state])
    assert await client.get_node(state).read_value() == "Scrapped"


async def test_a_new_value_carries_status_and_source_time(sample: Sample, client: Client) -> None:
    torque = sample.stations["OP10"]["Current.Torque"]
    before = await client.get_node(torque).read_data_value(raise_on_bad_status=False)
    assert before.StatusCode is not None
    assert before.StatusCode.value == StatusCodes.BadWaitingForInitialData
    taken = datetime.now(UTC) - timedelta(seconds=5)
    uncertain = StatusCodes.UncertainLastUsableValue
    await sample.server.values.set(torque, 4, status=uncertain, source_time=taken)
    value = await client.get_node(torque).read_data_value(raise_on_bad_status=False)
    assert value.Value == ua.Variant(4.0, ua.VariantType.Double)
    assert value.StatusCode is not None
    assert value.StatusCode.value == uncertain
    assert value.SourceTimestamp == taken
    with pytest.raises(UnknownVariable):
        await sample.server.values.set(site("Nowhere"), 1)


async def test_values_held_by_a_subscription_do_not_change_under_it(
    sample: Sample, client: Client
) -> None:
    recent = sample.stations["OP20"]["Recent"]
    values = ["a", "b"]
    await sample.server.values.set(recent, tuple(values))
    async with watching(client, recent) as heard:
        await eventually(lambda: heard.values)
        await sample.server.values.set_many(
            NewValue(recent, (f"n{number}",)) for number in range(450)
        )
        await eventually(lambda: heard.values[-1] == (recent, ["n449"]))
    assert heard.values[0] == (recent, ["a", "b"])


async def test_only_variables_marked_writable_are_written(sample: Sample, client: Client) -> None:
    members = sample.stations["OP10"]
    await client.get_node(members["Current.ItemId"]).write_attribute(
        AttributeIds.Value, ua.DataValue(ua.Variant("SN1"))
    )
    written = await client.get_node(members["Current.ItemId"]).read_data_value()
    assert written.Value == ua.Variant("SN1", ua.VariantType.String)
    assert written.SourceTimestamp is not None
    with pytest.raises(ua.uaerrors.BadNotWritable):
        await client.get_node(members["StationId"]).write_value("X")
    with pytest.raises(ua.uaerrors.BadNotWritable):
        await client.get_node(site("Item/SN00001#State")).write_value("X")
    with pytest.raises(ua.uaerrors.BadNotWritable):
        await client.get_node(members["Current.ItemId"]).write_attribute(
            AttributeIds.DisplayName, ua.DataValue(ua.Variant(ua.LocalizedText("X")))
        )
    with pytest.raises(ua.uaerrors.BadTypeMismatch):
        await client.get_node(members["Current.ItemId"]).write_value(["a", "b"])
    with pytest.raises(ua.uaerrors.BadTypeMismatch):
        await client.get_node(members["Current.ItemId"]).write_value(7)


async def test_a_ranged_write_replaces_the_part(sample: Sample, client: Client) -> None:
    limits = sample.stations["OP10"]["Limits"]
    write = ua.WriteValue()
    write.NodeId, write.AttributeId, write.IndexRange = limits, AttributeIds.Value, "1"
    write.Value = ua.DataValue(ua.Variant([9.0], ua.VariantType.Double))
    params = ua.WriteParameters()
    params.NodesToWrite = [write]
    codes = await client.uaclient.write(params)
    assert codes[0].is_good()
    assert await client.get_node(limits).read_value() == [1.0, 9.0, 3.0]
    await client.get_node(limits).write_value([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("index_range", "expected"),
    [
        ("1", [2.0]),
        ("1:2", [2.0, 3.0]),
        ("1:9", [2.0, 3.0]),
        ("5", StatusCodes.BadIndexRangeNoData),
        ("2:1", StatusCodes.BadIndexRangeInvalid),
        ("x", StatusCodes.BadIndexRangeInvalid),
    ],
)
async def test_a_ranged_read_gives_the_part(
    sample: Sample, client: Client, index_range: str, expected: object
) -> None:
    wanted = ua.ReadValueId()
    wanted.NodeId = sample.stations["OP20"]["Limits"]
    wanted.AttributeId, wanted.IndexRange = AttributeIds.Value, index_range
    params = ua.ReadParameters()
    params.NodesToRead = [wanted]
    value = (await client.uaclient.read(params))[0]
    assert value.StatusCode is not None
    assert value.Value is not None
    assert (value.Value.Value if value.StatusCode.is_good() else value.StatusCode.value) == expected


async def test_a_change_of_one_node_never_shows_in_another(sample: Sample) -> None:
    """Constant attributes are shared between nodes until one of them changes."""
    space = sample.server.space
    one, other = (sample.stations[s]["StationId"] for s in ("OP10", "OP20"))
    await space.write_attribute_value(
        one, AttributeIds.WriteMask, ua.DataValue(ua.Variant(1, ua.VariantType.UInt32))
    )
    assert space.read_attribute_value(one, AttributeIds.WriteMask).Value == ua.Variant(
        1, ua.VariantType.UInt32
    )
    assert space.read_attribute_value(other, AttributeIds.WriteMask).Value == ua.Variant(
        0, ua.VariantType.UInt32
    )


async def test_many_watchers_all_hear(sample: Sample) -> None:
    torque = sample.stations["OP20"]["Current.Torque"]
    heard = [Heard() for _ in range(3)]

    async def listen(handler: Heard) -> None:
        async with Client(sample.server.endpoint, timeout=10) as client:
            subscription = await client.create_subscription(50, handler)
            await subscription.subscribe_data_change([client.get_node(torque)])
            await eventually(lambda: (torque, 7.5) in handler.values)

    async with asyncio.TaskGroup() as group:
        for handler in heard:
            group.create_task(listen(handler))
        await eventually(lambda: all(handler.values for handler in heard))
        await sample.server.values.set(torque, 7.5)


async def test_picoseconds_are_read_where_the_specification_puts_them() -> None:
    """Value, status, source time, its picoseconds, server time, its picoseconds."""
    source, server = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    parts = [
        bytes([0b111101]),
        variant_to_binary(ua.Variant(5, ua.VariantType.Int32)),
        Primitives.DateTime.pack(source),
        Primitives.UInt16.pack(123),
        Primitives.DateTime.pack(server),
        Primitives.UInt16.pack(456),
    ]
    value = data_value(Buffer(b"".join(parts)))
    assert value.Value == ua.Variant(5, ua.VariantType.Int32)
    assert (value.SourceTimestamp, value.ServerTimestamp) == (source, server)
