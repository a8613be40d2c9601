"""The suite finds what it is for: drivers that are right but for one fault fail, by the rule."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import pytest

from tests.drivers.conformance.test_ours import POINTS, line
from tests.support.libmodbus import tcp_slave
from tests.support.rigs import PeerRig, TcpRig, free_port, made
from tracenode.drivers.conformance import Conformance, NotConforming, Rig
from tracenode.drivers.driver import Driver, DriverStats, Sink
from tracenode.models.device_errors import DriverError, LinkLost
from tracenode.models.readings import Point, Reading, Scan, Value

pytestmark = pytest.mark.integration


class Faulty:
    """A driver of ours, and the sink it is given, with room for a fault."""

    def __init__(self, driver: Driver) -> None:
        self.device, self.inner = driver.device, driver
        self.sink: Sink

    @property
    def points(self) -> Sequence[Point]:
        return self.inner.points

    @property
    def stats(self) -> DriverStats:
        return self.inner.stats

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.inner.__aexit__(kind, error, trace)

    async def run(self, sink: Sink) -> None:
        self.sink = sink
        await self.inner.run(self)

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        await self.inner.write(values, verify=verify)

    async def scan(self, scan: Scan) -> None:
        await self.sink.scan(scan)

    def readings(self, readings: Sequence[Reading]) -> None:
        self.sink.readings(readings)


class DropsScans(Faulty):
    async def scan(self, scan: Scan) -> None:
        if not (scan.text or "").endswith("7"):
            await self.sink.scan(scan)


class HidesFaultsOfTheSink(Faulty):
    async def scan(self, scan: Scan) -> None:
        try:
            await self.sink.scan(scan)
        except OSError:
            return


class DoesNotWait(Faulty):
    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.tasks: set[asyncio.Task[None]] = set()

    async def scan(self, scan: Scan) -> None:
        late = 0.05 if (scan.text or "").endswith("3") else 0.0

        async def later() -> None:
            await asyncio.sleep(late)
            await self.sink.scan(scan)

        self.tasks.add(asyncio.ensure_future(later()))


class EndsQuietly(Faulty):
    async def run(self, sink: Sink) -> None:
        try:
            await super().run(sink)
        except LinkLost:
            return


class RaisesAnything(Faulty):
    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except DriverError as error:
            raise OSError("no") from error


class SwallowsCancellation(Faulty):
    async def run(self, sink: Sink) -> None:
        try:
            await super().run(sink)
        except asyncio.CancelledError:
            await asyncio.sleep(2.5)


class LeavesATask(Faulty):
    async def run(self, sink: Sink) -> None:
        self.left = asyncio.ensure_future(asyncio.sleep(5))
        await super().run(sink)


class ForgetsToTellAgain(Faulty):
    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.told: set[str] = set()

    def readings(self, readings: Sequence[Reading]) -> None:
        self.sink.readings([r for r in readings if r.point not in self.told])
        self.told |= {r.point for r in readings}


class OtherTypes(Faulty):
    def readings(self, readings: Sequence[Reading]) -> None:
        self.sink.readings([replace(r, value=str(r.value)) for r in readings])


class LocalTime(Faulty):
    def readings(self, readings: Sequence[Reading]) -> None:
        self.sink.readings([replace(r, at=r.at.replace(tzinfo=None)) for r in readings])


class WritesAnything(Faulty):
    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        return


def scans(fault: type[Faulty]) -> Rig:
    class Rigged(TcpRig):
        def driver(self) -> Driver:
            return fault(super().driver())

    return Rigged("scanner", line)


def points(fault: type[Faulty]) -> Rig:
    port = free_port()
    keys: dict[str, Any] = {"points": POINTS, "groups": {"fast": {"period_ms": 20}}}
    link = f"tcp://127.0.0.1:{port}"
    return PeerRig(lambda: tcp_slave(port), lambda: fault(made("modbus", link, **keys)))


@pytest.mark.parametrize(
    ("rig", "fault", "test"),
    [
        (scans, DropsScans, "test_scans_come_whole_and_in_order"),
        (scans, HidesFaultsOfTheSink, "test_a_scan_that_could_not_be_recorded_comes_again"),
        (scans, DoesNotWait, "test_a_scan_waits_for_its_sink_and_is_not_lost"),
        (scans, EndsQuietly, "test_a_device_that_goes_ends_the_run_with_an_error"),
        (scans, RaisesAnything, "test_a_device_that_is_not_there_is_a_lost_link"),
        (scans, SwallowsCancellation, "test_a_cancelled_run_ends_soon_and_leaves_nothing_behind"),
        (scans, LeavesATask, "test_a_cancelled_run_ends_soon_and_leaves_nothing_behind"),
        (points, ForgetsToTellAgain, "test_every_point_is_told_again_after_a_loss"),
        (points, OtherTypes, "test_every_point_is_told_and_fits_its_declaration"),
        (points, LocalTime, "test_every_point_is_told_and_fits_its_declaration"),
        (points, WritesAnything, "test_a_point_that_does_not_exist_is_not_written"),
    ],
)
def test_a_fault_is_found(rig: Any, fault: type[Faulty], test: str) -> None:
    class Suite(Conformance):
        patience_s = 1.5

        def rig(self) -> Rig:
            made_rig: Rig = rig(fault)
            return made_rig

    with pytest.raises((NotConforming, OSError)):
        getattr(Suite(), test)()
