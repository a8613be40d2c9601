"""Supervision of real readers on real cables, and of drivers with faults of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.serial import Cable, cable
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.driver import Driver, DriverStats, Sink
from tracenode.drivers.link import opener, parse_link
from tracenode.drivers.scanner import scanner
from tracenode.drivers.supervisor import DeviceStatus, Supervisor, Timing
from tracenode.models.device_errors import DriverError, LinkLost
from tracenode.models.errors import BadSetting
from tracenode.models.readings import DeviceState, Point, PointType, Quality, Reading, Value

QUICK = Timing(first_delay=0.01, longest_delay=0.08, stable_after=0.05, stale_after=0.1)


class Scripted:
    """A driver that does what the test says, and notes when it was entered and left."""

    def __init__(self, device: str, run: Callable[[Sink], object] | None = None) -> None:
        self.device = device
        self.points: Sequence[Point] = (Point("Speed", PointType.Double),)
        self.stats = DriverStats()
        self.entered: list[float] = []
        self.left = 0
        self.enter_error: Exception | None = None
        self.script = run

    async def __aenter__(self) -> Self:
        self.entered.append(time.monotonic())
        if self.enter_error is not None:
            raise self.enter_error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.left += 1

    async def run(self, sink: Sink) -> None:
        if self.script is not None:
            self.script(sink)
        await asyncio.Event().wait()

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        raise NotImplementedError


class Moody(Scripted):
    """A driver that can be degraded."""

    degraded = ""


def fails_with(error: Exception) -> Callable[[Sink], object]:
    def script(sink: Sink) -> None:
        raise error

    return script


@asynccontextmanager
async def supervised(
    *drivers: Driver,
    sink: CollectingSink | None = None,
    told: list[DeviceStatus] | None = None,
    timing: Timing = QUICK,
    stale_after: Mapping[str, float] | None = None,
) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(
        drivers,
        sink or CollectingSink(),
        (told if told is not None else []).append,
        timing=timing,
        stale_after=stale_after,
        rand=lambda: 0.0,
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            supervisor.stop()
            async with asyncio.timeout(3):
                await running


def states(told: Sequence[DeviceStatus]) -> list[str]:
    return [status.state.name for status in told]


async def test_a_reader_recovers_when_its_cable_is_plugged_in_again(tmp_path: Path) -> None:
    sink, told = CollectingSink(), list[DeviceStatus]()
    plug = tmp_path / "ttyScanner"
    device = Cable(plug)
    reader = scanner("S1", opener(parse_link(f"serial:{plug}")))
    async with supervised(reader, sink=sink, told=told) as supervisor:
        await eventually(lambda: supervisor.status("S1").state is DeviceState.Up)
        device.send(b"ONE\rTW")
        await eventually(lambda: len(sink.scans) == 1)
        device.pull()
        plug.unlink()
        await eventually(lambda: "there is no port" in supervisor.status("S1").error)
        assert supervisor.status("S1").state is DeviceState.BackOff
        with cable(plug) as device:
            await eventually(lambda: supervisor.status("S1").state is DeviceState.Up)
            assert supervisor.status("S1").error == ""
            device.send(b"THREE\r")
            await eventually(lambda: len(sink.scans) == 3)
    assert sink.texts == ["ONE", None, "THREE"]
    assert states(told) == ["Connecting", "Up", "BackOff", "BackOff", "Up", "Stopped"]
    assert "unplugged" in told[2].error and "no port" in told[3].error
    assert told[2].since == told[3].since


async def test_a_device_that_is_never_there_is_told_once() -> None:
    told: list[DeviceStatus] = []
    reader = scanner("S1", opener(parse_link("serial:/dev/ttyNONE")))
    async with supervised(reader, told=told):
        await eventually(lambda: reader.stats.errors >= 4)
    assert states(told) == ["Connecting", "BackOff", "Stopped"]


async def test_tries_come_at_doubling_intervals() -> None:
    driver = Scripted("D1")
    driver.enter_error = LinkLost("D1", "not there")
    async with supervised(driver):
        await eventually(lambda: len(driver.entered) >= 6)
    gaps = [after - before for before, after in pairwise(driver.entered)]
    for gap, least in zip(gaps, (0.01, 0.02, 0.04, 0.08, 0.08), strict=False):
        # A timer may be a clock tick early.
        assert least - 0.002 <= gap < least + 0.2


async def test_after_a_stable_time_the_first_delay_comes_again() -> None:
    lasts = [0.0, 0.0, 0.0, 0.06, 0.0]
    driver = Scripted("D1")

    async def run(sink: Sink) -> None:
        await asyncio.sleep(lasts.pop(0) if lasts else 3600)
        raise LinkLost("D1", "gone")

    driver.run = run  # type: ignore[method-assign]
    async with supervised(driver):
        await eventually(lambda: len(driver.entered) == 6)
    gaps = [after - before for before, after in pairwise(driver.entered)]
    assert gaps[2] >= 0.038
    assert gaps[3] < 0.06 + 0.08
    assert gaps[3] >= 0.068


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("a fault in the driver"),
        ExceptionGroup("tasks", [ValueError("one"), ValueError("two")]),
    ],
)
async def test_a_fault_in_one_driver_restarts_it_and_leaves_the_others(error: Exception) -> None:
    faulty, sound = Scripted("D1", fails_with(error)), Scripted("D2")
    async with supervised(faulty, sound) as supervisor:
        await eventually(lambda: len(faulty.entered) >= 3)
        assert type(error).__name__ in supervisor.status("D1").error
        assert supervisor.status("D2").state is DeviceState.Up
    assert faulty.left == len(faulty.entered)
    assert (len(sound.entered), sound.left) == (1, 1)


async def test_a_driver_error_inside_a_group_is_a_driver_error() -> None:
    driver = Scripted("D1", fails_with(ExceptionGroup("tasks", [DriverError("the bus is mute")])))
    async with supervised(driver) as supervisor:
        await eventually(lambda: supervisor.status("D1").error == "the bus is mute")


async def test_a_configuration_fault_is_not_retried() -> None:
    driver, other = Scripted("D1"), Scripted("D2")
    driver.enter_error = BadSetting("a baud rate this port knows", "12345")
    async with supervised(driver, other) as supervisor:
        await eventually(lambda: supervisor.status("D1").state is DeviceState.ConfigFault)
        await eventually(lambda: supervisor.status("D2").state is DeviceState.Up)
        assert "found 12345" in supervisor.status("D1").error
    assert len(driver.entered) == 1


async def test_a_degraded_device_says_so_while_its_link_is_up() -> None:
    told: list[DeviceStatus] = []
    driver = Moody("D1")
    async with supervised(driver, told=told, timing=Timing(health_period=0.01)) as supervisor:
        await eventually(lambda: supervisor.status("D1").state is DeviceState.Up)
        driver.degraded = "unit 7 does not answer"
        await eventually(lambda: supervisor.status("D1").state is DeviceState.Degraded)
        assert supervisor.status("D1").error == "unit 7 does not answer"
        driver.degraded = ""
        await eventually(lambda: supervisor.status("D1").state is DeviceState.Up)
    assert states(told) == ["Connecting", "Up", "Degraded", "Up", "Stopped"]


async def test_readings_fall_to_usable_and_then_to_no_communication() -> None:
    sink = CollectingSink()
    good = Reading("D1", "Speed", 1.5, Quality.Good, datetime.now(UTC))
    first = [good]

    def script(to: Sink) -> None:
        to.readings(first)
        first.clear()
        raise LinkLost("D1", "gone")

    async with supervised(Scripted("D1", script), sink=sink, stale_after={"D1": 0.1}):
        await eventually(lambda: Quality.NoCommunication in [r.quality for r in sink.seen])
    assert [(r.value, r.quality) for r in sink.seen] == [
        (None, Quality.WaitingForInitialData),
        (1.5, Quality.Good),
        (1.5, Quality.LastUsableValue),
        (1.5, Quality.NoCommunication),
    ]
    assert {r.at for r in sink.seen[1:]} == {good.at}


async def test_a_stop_records_what_has_arrived_and_is_quick() -> None:
    sink = CollectingSink()
    sink.gate.clear()
    with cable() as device:
        reader = scanner("S1", opener(parse_link(f"serial:{device.port}")))
        async with supervised(reader, sink=sink) as supervisor:
            await eventually(lambda: supervisor.status("S1").state is DeviceState.Up)
            device.send(b"ONE\rTWO\r")
            await eventually(lambda: reader.stats.telegrams == 2)
            supervisor.stop()
            await asyncio.sleep(0.02)
            sink.gate.set()
            started = time.monotonic()
        assert time.monotonic() - started < 1
    assert sink.texts == ["ONE", "TWO"]


async def test_a_driver_that_will_not_end_does_not_hold_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracenode.drivers.supervisor.supervisor.STOP_TIMEOUT", 0.1)
    driver = Scripted("D1")

    async def run(sink: Sink) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(60)

    driver.run = run  # type: ignore[method-assign]
    started = time.monotonic()
    async with supervised(driver) as supervisor:
        await eventually(lambda: supervisor.status("D1").state is DeviceState.Up)
    assert time.monotonic() - started < 2
    assert supervisor.status("D1").state is DeviceState.Stopped


async def test_cancelling_stops_every_driver() -> None:
    driver = Scripted("D1")
    supervisor = Supervisor([driver], CollectingSink())
    task = asyncio.ensure_future(supervisor.run())
    await eventually(lambda: supervisor.status("D1").state is DeviceState.Up)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert driver.left == 1
    assert [status.state for status in supervisor.statuses] == [DeviceState.Stopped]


def test_two_devices_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="different ids"):
        Supervisor([Scripted("D1"), Scripted("D1")], CollectingSink())
