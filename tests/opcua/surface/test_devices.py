"""Readings and states of devices, as monitored items and events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.surface.hearing import hearing
from tests.opcua.surface.plant import Plant, read, shows, site
from tests.support.waiting import eventually
from tracenode.drivers.driver import DriverStats
from tracenode.drivers.supervisor import DeviceStatus
from tracenode.models.readings import DeviceState, Quality, Reading, RejectReason, Scan
from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.surface.keys import model_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
FORCE = "Dev/Press_OP20.Points.Force"


def force(value: float | None, quality: Quality = Quality.Good, after_s: float = 0) -> Reading:
    return Reading("Press_OP20", "Force", value, quality, AT + timedelta(seconds=after_s))


async def test_a_reading_carries_its_status_and_time(plant: Plant, client: Client) -> None:
    node = client.get_node(site(FORCE))
    plant.surface.show([force(12.5)])
    await shows(client, FORCE, 12.5)
    assert (await node.read_data_value()).SourceTimestamp == AT
    plant.surface.show([force(12.5, Quality.LastUsableValue, 1)])

    async def becomes(code: int) -> None:
        async def equal() -> bool:
            value = await node.read_data_value(raise_on_bad_status=False)
            return value.StatusCode == ua_status(code)

        condition: Callable[[], bool | Awaitable[bool]] = equal
        await eventually(condition)

    await becomes(StatusCodes.UncertainNoCommunicationLastUsableValue)
    held = (await node.read_data_value(raise_on_bad_status=False)).Value
    assert held is not None
    assert held.Value == 12.5
    plant.surface.show([force(None, Quality.NoCommunication, 2)])
    await becomes(StatusCodes.BadNoCommunication)


async def test_only_the_latest_of_many_readings_is_shown(plant: Plant, client: Client) -> None:
    for number in range(1000):
        plant.surface.show([force(float(number), after_s=number)])
    await shows(client, FORCE, 999.0)


async def test_an_undeclared_point_is_a_fault_of_the_driver(plant: Plant) -> None:
    with pytest.raises(KeyError):
        plant.surface.show([Reading("Press_OP20", "Colour", 1, Quality.Good, AT)])


async def test_a_device_that_goes_and_comes_is_told(plant: Plant, client: Client) -> None:
    device = "Dev/Press_OP20"
    async with hearing(client, site(device), "TraceDeviceStateEventType") as heard:
        for state, error in (
            (DeviceState.Up, ""),
            (DeviceState.BackOff, "no answer within 1 s"),
            (DeviceState.Up, ""),
        ):
            plant.surface.device_state(DeviceStatus("Press_OP20", state, AT, error))
        await eventually(lambda: len(heard) == 3)
    lost = heard[1]
    assert lost["DeviceId"] == "Press_OP20"
    assert (lost["PreviousDeviceState"], lost["DeviceState"]) == (2, 4)
    assert lost["DeviceError"] == "no answer within 1 s"
    assert lost["Severity"] == 700
    assert lost["SourceName"] == "Press_OP20"
    assert await read(client, f"{device}.State") == DeviceState.Up
    assert await read(client, f"{device}.StateSince") == AT
    assert await read(client, f"{device}.LastError") == "no answer within 1 s"
    assert await read(client, f"{device}.Restarts") == 1


async def test_a_station_is_online_while_its_devices_are_up(plant: Plant, client: Client) -> None:
    status = DeviceStatus("Press_OP20", DeviceState.Up, AT)
    plant.surface.device_state(status)
    await shows(client, "St/OP20.Online", True)
    plant.surface.device_state(DeviceStatus("Press_OP20", DeviceState.BackOff, AT, "gone"))
    await shows(client, "St/OP20.Online", False)
    plant.surface.device_state(status)
    await shows(client, "St/OP20.Online", True)
    assert await read(client, "St/OP30.Online") is True


async def test_counters_of_a_driver(plant: Plant, client: Client) -> None:
    stats = DriverStats(requests=7, timeouts=2, errors=1, last_good=AT, round_trip_ms=3.5)
    plant.surface.device_stats("Press_OP20", stats)
    await shows(client, "Dev/Press_OP20.Requests", 7)
    assert await read(client, "Dev/Press_OP20.Timeouts") == 2
    assert await read(client, "Dev/Press_OP20.RoundTrip") == 3.5
    assert await read(client, "Dev/Press_OP20.LastGoodTime") == AT


async def test_scans_of_a_reader(plant: Plant, client: Client) -> None:
    reader = "Dev/Scanner_OP10"
    kind = await client.get_node(site(reader)).read_type_definition()
    assert kind == model_id("TraceReaderType")
    plant.surface.scanned(Scan("Scanner_OP10", b"A100\r", AT, text="A100"))
    plant.surface.scanned(
        Scan("Scanner_OP10", b"NOREAD\r", AT, reject=RejectReason.NoRead, note="nothing read")
    )
    await shows(client, f"{reader}.RejectCounter", 1)
    assert await read(client, f"{reader}.LastScanData") == "A100"
    assert await read(client, f"{reader}.LastScanTimestamp") == AT
    assert await read(client, f"{reader}.ScanCounter") == 1
    assert await read(client, f"{reader}.LastReject") == "NoRead: nothing read"


async def test_a_monitored_reading_is_notified(plant: Plant, client: Client) -> None:
    seen: list[float] = []

    class Watch:
        def datachange_notification(self, node: object, val: Any, data: object) -> None:
            seen.append(val)

    subscription = await client.create_subscription(50, Watch())
    plant.surface.show([force(1.0)])
    await shows(client, FORCE, 1.0)
    await subscription.subscribe_data_change(client.get_node(site(FORCE)))
    await eventually(lambda: seen == [1.0])
    plant.surface.show([force(2.0, after_s=1)])
    await eventually(lambda: seen == [1.0, 2.0])
    await subscription.delete()
