"""What every driver must do, as tests that any package can run against its own (docs/drivers.md).

    class TestThermometer(Conformance):
        def rig(self) -> Rig:
            return ThermometerRig()

pytest collects the `test_...` methods of the subclass; each makes a rig of its own and needs no
plug-in. Nothing here imports a test framework.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from tracenode.drivers.driver import Driver
from tracenode.models.device_errors import DriverError, LinkLost
from tracenode.models.errors import TracenodeError
from tracenode.models.readings import PointType, Reading, Scan

__all__ = ["Conformance", "NotConforming", "Rig"]

LOOK_S: Final = 0.005
RETRY_S: Final = 0.1
CANCEL_S: Final = 2.0
"""Seconds that a cancelled driver has: the supervisor waits no longer."""
AHEAD: Final = timedelta(seconds=5)
"""By so much a time stamp may be in the future."""
MANY: Final = 50
KINDS: Final[dict[PointType, type]] = {
    PointType.Boolean: bool,
    PointType.Float: float,
    PointType.Double: float,
    PointType.String: str,
}
"""What a value of a type is in Python; all others are int."""


class NotConforming(AssertionError):
    """A driver broke a rule of its contract; says which."""


class Rig(ABC):
    """A device, or a peer that behaves like it, and the drivers for it."""

    @abstractmethod
    def driver(self) -> Driver:
        """Return a new driver for the device, the same configuration each time."""

    @abstractmethod
    async def plug(self) -> None:
        """Let the device be there, and answer; it may have been pulled before."""

    @abstractmethod
    async def pull(self) -> None:
        """Take the device away, and every connection with it; safe to call twice. Tasks that a peer
        has for a connection end with it."""

    async def scan(self, number: int) -> str | None:
        """Let the device send scan `number`, different for each, and return the text that it must
        arrive as; None where it has no scans."""
        return None


class _Kept:
    """A sink that keeps what it is given; scans wait while the gate is closed."""

    def __init__(self) -> None:
        self.readings_seen: list[Reading] = []
        self.scans: list[Scan] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None

    async def scan(self, scan: Scan) -> None:
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.scans.append(scan)

    def readings(self, readings: Sequence[Reading]) -> None:
        self.readings_seen += readings

    @property
    def told(self) -> set[str]:
        return {reading.point for reading in self.readings_seen}

    @property
    def texts(self) -> list[str | None]:
        return [scan.text for scan in self.scans]


class Conformance:
    """The suite. Subclass it, and return a new rig from `rig`."""

    patience_s: ClassVar[float] = 10.0
    """Seconds for the device to connect, to give every point, and to be found lost."""

    def rig(self) -> Rig:
        """Return a rig for one test."""
        raise NotImplementedError

    # ------------------------------------------------------------------ before there is a device
    def test_a_driver_is_made_without_its_device(self) -> None:
        """Points and counters are known before a connection, and stay the same."""

        async def check(rig: Rig) -> None:
            driver = rig.driver()
            points = tuple(driver.points)
            names = [point.name for point in points]
            must(bool(driver.device), "a driver names its device")
            must(len(names) == len(set(names)), f"expected points of different names: {names}")
            must(all(names), "expected points with names")
            must(driver.stats.last_good is None, "nothing good was given yet")
            await rig.plug()
            async with driver:
                must(tuple(driver.points) == points, "expected the same points once connected")

        self._run(check)

    def test_a_device_that_is_not_there_is_a_lost_link(self) -> None:
        """Connecting fails with LinkLost, in bounded time, and works once the device is there."""

        async def check(rig: Rig) -> None:
            await rig.pull()
            driver = rig.driver()
            try:
                async with asyncio.timeout(self.patience_s), driver:
                    raise NotConforming("expected LinkLost without the device, was connected")
            except LinkLost as error:
                must(bool(error.reason), "expected a LinkLost that says why")
            except TimeoutError:
                pass  # one that waits for its device to call may wait; it was cancelled in time
            await rig.plug()
            await self._given(driver, rig)

        self._run(check)

    # ------------------------------------------------------------------ readings
    def test_every_point_is_told_and_fits_its_declaration(self) -> None:
        async def check(rig: Rig) -> None:
            await rig.plug()
            driver = rig.driver()
            sink = await self._given(driver, rig)
            points = {point.name: point for point in driver.points}
            for reading in sink.readings_seen:
                point = points.get(reading.point)
                if point is None:
                    raise NotConforming(f"{reading.point} was never declared")
                must(reading.device == driver.device, f"{reading} is of another device")
                _stamped(reading.at)
                must(
                    reading.value is not None or not reading.quality.good,
                    f"{reading.point}: Good without a value",
                )
                if reading.value is not None and reading.quality.good:
                    kind = KINDS.get(point.type, int)
                    must(
                        type(reading.value) is kind,
                        f"{reading.point} is declared {point.type.name}: expected {kind.__name__}, "
                        f"found {reading.value!r}",
                    )
            told_good = any(reading.quality.good for reading in sink.readings_seen)
            if told_good:
                must(driver.stats.last_good is not None, "expected last_good once a value was good")

        self._run(check)

    def test_every_point_is_told_again_after_a_loss(self) -> None:
        """The supervisor has degraded them meanwhile, so that an unchanged value counts too."""

        async def check(rig: Rig) -> None:
            await rig.plug()
            driver = rig.driver()
            for _ in range(2):
                await self._given(driver, rig)

        self._run(check)

    # ------------------------------------------------------------------ the end of a link
    def test_a_device_that_goes_ends_the_run_with_an_error(self) -> None:
        """`run` raises a DriverError; it never returns, and nothing keeps it up."""

        async def check(rig: Rig) -> None:
            await rig.plug()
            driver, sink = rig.driver(), _Kept()
            async with driver:
                running = asyncio.ensure_future(driver.run(sink))
                await self._working(driver, rig, sink, running)
                await rig.pull()
                await asyncio.wait([running], timeout=self.patience_s)
                lost = running.done()
                await _cancelled(running)
                must(lost, f"the device is gone for {self.patience_s:g} s, and run goes on")
            error = running.exception()
            must(isinstance(error, DriverError), f"expected a DriverError, found {error!r}")
            await rig.plug()
            await self._given(driver, rig)

        self._run(check)

    def test_a_cancelled_run_ends_soon_and_leaves_nothing_behind(self) -> None:
        async def check(rig: Rig) -> None:
            await rig.plug()
            before = asyncio.all_tasks()
            driver, sink = rig.driver(), _Kept()
            async with driver:
                running = asyncio.ensure_future(driver.run(sink))
                await self._working(driver, rig, sink, running)
                running.cancel()
                await asyncio.wait([running], timeout=CANCEL_S)
                must(running.done(), f"cancelled, and not done within {CANCEL_S:g} s")
                must(running.cancelled(), f"expected CancelledError, found {_outcome(running)}")
            await driver.__aexit__(None, None, None)  # a second close is harmless
            ends = asyncio.get_running_loop().time() + CANCEL_S
            while left := asyncio.all_tasks() - before:  # the peer's own are ending, too
                in_time = asyncio.get_running_loop().time() < ends
                must(in_time, f"tasks are left behind: {left}")
                await asyncio.sleep(LOOK_S)

        self._run(check)

    # ------------------------------------------------------------------ scans
    def test_scans_come_whole_and_in_order(self) -> None:
        async def check(rig: Rig) -> None:
            sink, sent, running, driver = await self._sending(rig, MANY)
            if sent:
                await self._until(lambda: len(sink.scans) >= MANY, "expected every scan", running)
            await _closed(driver, running)
            must(sink.texts == sent, f"expected {sent}, found {sink.texts}")
            for scan in sink.scans:
                _stamped(scan.at)
                must(scan.device == driver.device, f"{scan} is of another device")
                must(bool(scan.raw), "expected the bytes of a scan as they came")
                told = (scan.text is None) == (scan.reject is not None)
                must(told, "expected a text, or the reason why there is none")
                must((scan.text is None) == (scan.code is None), "expected the code of the text")

        self._run(check)

    def test_a_scan_waits_for_its_sink_and_is_not_lost(self) -> None:
        """Back-pressure: while the journal is slow nothing is dropped and nothing overtakes."""

        async def check(rig: Rig) -> None:
            sink, sent, running, driver = await self._sending(rig, MANY, gate_open=False)
            await asyncio.sleep(0.1)
            must(not sink.scans, "a scan was taken while the sink held it")
            sink.gate.set()
            if sent:
                await self._until(lambda: len(sink.scans) >= MANY, "expected every scan", running)
            await _closed(driver, running)
            must(sink.texts == sent, f"expected {sent}, found {sink.texts}")

        self._run(check)

    def test_a_scan_that_could_not_be_recorded_comes_again(self) -> None:
        """Where the sink raises, the run ends, and the next one begins with that scan."""

        async def check(rig: Rig) -> None:
            sink, sent, running, driver = await self._sending(rig, 1, fault=OSError("disk full"))
            if not sent:
                await _closed(driver, running)
                return
            await asyncio.wait([running], timeout=self.patience_s)
            must(running.done(), "the sink failed, and run goes on as if it had not")
            must(running.exception() is sink.fault, f"expected the sink's own {sink.fault!r}")
            await driver.__aexit__(None, None, None)
            sink.fault = None
            async with driver:
                running = asyncio.ensure_future(driver.run(sink))
                await self._until(lambda: sink.texts == sent, "expected the scan again", running)
                await _cancelled(running)

        self._run(check)

    # ------------------------------------------------------------------ writing
    def test_a_point_that_does_not_exist_is_not_written(self) -> None:
        async def check(rig: Rig) -> None:
            await rig.plug()
            async with rig.driver() as driver:
                try:
                    await driver.write({"no such point": 1})
                except TracenodeError:
                    return
            raise NotConforming("expected an error of tracenode for a point that does not exist")

        self._run(check)

    # ------------------------------------------------------------------ parts
    def _run(self, check: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            rig = self.rig()
            try:
                await check(rig)
            finally:
                await rig.pull()

        asyncio.run(whole())

    async def _given(self, driver: Driver, rig: Rig) -> _Kept:
        """Connect, take every point once (or a scan), close."""
        sink = _Kept()
        await self._connected(driver)
        running = asyncio.ensure_future(driver.run(sink))
        try:
            await self._working(driver, rig, sink, running)
        finally:
            await _closed(driver, running)
        return sink

    async def _connected(self, driver: Driver) -> None:
        """Connect as the supervisor does: try again after a pause."""
        ends = asyncio.get_running_loop().time() + self.patience_s
        while True:
            try:
                await driver.__aenter__()
            except LinkLost as error:
                in_time = asyncio.get_running_loop().time() < ends
                must(in_time, f"the device is there, and still: {error}")
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _sending(
        self, rig: Rig, count: int, *, gate_open: bool = True, fault: Exception | None = None
    ) -> tuple[_Kept, list[str], asyncio.Future[None], Driver]:
        """Let the device send scans to a driver that runs; what was sent is empty without scans."""
        await rig.plug()
        driver, sink = rig.driver(), _Kept()
        sink.fault = fault
        if not gate_open:
            sink.gate.clear()
        await driver.__aenter__()
        running = asyncio.ensure_future(driver.run(sink))
        sent = [text for number in range(count) if (text := await rig.scan(number)) is not None]
        return sink, sent, running, driver

    async def _working(
        self, driver: Driver, rig: Rig, sink: _Kept, running: asyncio.Future[None]
    ) -> None:
        """Wait until every point was told, and a scan came where there are any."""
        names = {point.name for point in driver.points}
        expected = f"expected readings of {', '.join(names)}"
        await self._until(lambda: names <= sink.told, expected, running)
        if await rig.scan(0) is not None:
            await self._until(lambda: bool(sink.scans), "expected a scan", running)

    async def _until(
        self, condition: Callable[[], bool], expected: str, running: asyncio.Future[None]
    ) -> None:
        ends = asyncio.get_running_loop().time() + self.patience_s
        while not condition():
            must(not running.done(), f"{expected}; the run ended: {_outcome(running)}")
            in_time = asyncio.get_running_loop().time() < ends
            must(in_time, f"{expected} within {self.patience_s:g} s")
            await asyncio.sleep(LOOK_S)


def must(condition: bool, rule: str) -> None:
    if not condition:
        raise NotConforming(rule)


def _stamped(at: datetime) -> None:
    must(at.utcoffset() == timedelta(0), f"expected a time in UTC, found {at!r}")
    must(at <= datetime.now(UTC) + AHEAD, f"{at} is in the future")


async def _cancelled(running: asyncio.Future[None]) -> None:
    running.cancel()
    await asyncio.wait([running])
    if not running.cancelled():
        running.exception()


async def _closed(driver: Driver, running: asyncio.Future[None]) -> None:
    await _cancelled(running)
    await driver.__aexit__(None, None, None)


def _outcome(running: asyncio.Future[None]) -> str:
    if not running.done() or running.cancelled():
        return "cancelled" if running.done() else "running"
    return repr(running.exception() or "it returned")
