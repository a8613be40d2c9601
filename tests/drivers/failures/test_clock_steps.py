"""The wall clock steps by an hour, either way: order is kept, and no timer fires early or late."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.modbus_faults import fault_server
from tests.support.serial import cable
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.clock import Clock
from tracenode.drivers.link import opener, parse_link
from tracenode.drivers.modbus.endpoint import parse_endpoint
from tracenode.drivers.modbus.guard import Links
from tracenode.drivers.modbus.options import ModbusOptions
from tracenode.drivers.modbus.poller import ModbusDevice
from tracenode.drivers.scanner import ScannerOptions, scanner
from tracenode.drivers.supervisor import Supervisor, Timing
from tracenode.models.device_errors import LinkLost
from tracenode.models.readings import DeviceState, Quality

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


class Stepping:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.clock = Clock(utc=lambda: datetime.now(UTC) + self.offset)


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
async def test_clock_step_keeps_the_order_of_scans_and_their_repeats(step: timedelta) -> None:
    wall, sink = Stepping(), CollectingSink()
    with cable() as device:
        options = ScannerOptions(duplicate_ms=60_000, idle_ms=1000)
        reader = scanner("S1", opener(parse_link(f"serial:{device.port}")), options, wall.clock)
        async with reader:
            running = asyncio.ensure_future(reader.run(sink))
            device.send(b"A\rB\rC")
            await eventually(lambda: len(sink.scans) == 2)
            wall.offset = step
            device.send(b"C\rA\r")
            await eventually(lambda: len(sink.scans) == 4)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    assert sink.texts == ["A", "B", "CC", "A"]
    # The telegram that was open is whole, and the repeat within a minute is one.
    assert [scan.duplicate for scan in sink.scans] == [False, False, False, True]
    assert abs(sink.scans[3].at - sink.scans[0].at - step) < timedelta(seconds=10)


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
async def test_clock_step_makes_no_value_stale_and_holds_no_retry_up(step: timedelta) -> None:
    wall, sink = Stepping(), CollectingSink()
    async with fault_server() as server:
        keys = {"points": {"A": {"at": "hr:1"}}, "groups": {"fast": {"period_ms": 20}}}
        link = Links().at(parse_endpoint(f"tcp://127.0.0.1:{server.port}"))
        device = ModbusDevice("PLC", link, ModbusOptions.model_validate(keys), clock=wall.clock)
        supervisor = Supervisor([device], sink, timing=Timing(first_delay=0.05), clock=wall.clock)
        running = asyncio.ensure_future(supervisor.run())
        await eventually(lambda: any(reading.quality.good for reading in sink.seen))
        cycles = device.stats.extra["cycles"]
        before = len(sink.seen)
        wall.offset = step
        await eventually(lambda: device.stats.extra["cycles"] >= cycles + 5)
        assert len(sink.seen) == before
        assert device.stats.extra["late_cycles"] <= 2
        server.drop()
        await eventually(lambda: sink.seen[-1].quality is Quality.Good and len(sink.seen) > before)
        qualities = [reading.quality for reading in sink.seen[before:]]
        assert Quality.NoCommunication not in qualities
        assert supervisor.status("PLC").state is DeviceState.Up
        supervisor.stop()
        with suppress(LinkLost):
            await running
