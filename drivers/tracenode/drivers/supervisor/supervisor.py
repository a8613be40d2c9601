"""Keeps drivers running: connects, watches, tries again. One task a device."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.driver import Degradable, Driver, Sink
from tracenode.drivers.supervisor.back_off import FIRST_DELAY, LONGEST_DELAY, BackOff
from tracenode.drivers.supervisor.staleness import LastReadings
from tracenode.models.device_errors import DriverError
from tracenode.models.errors import BadSetting, ConfigError
from tracenode.models.readings import DeviceState, Reading, Scan

__all__ = ["DeviceStatus", "Observer", "Supervisor", "Timing"]

log = logging.getLogger(__name__)

STOP_TIMEOUT: Final = 2.0
"""Seconds that devices have to record what has arrived and to close, when the server stops."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; the defaults are what the documentation promises."""

    first_delay: float = FIRST_DELAY
    longest_delay: float = LONGEST_DELAY
    stable_after: float = 5.0
    """Up for so long, and the next loss begins with the first delay again."""
    stale_after: float = 10.0
    """A lost value is no longer usable; a device's own `stale_after_s` goes before this."""
    health_period: float = 1.0
    """Between two looks at a driver that can be degraded."""


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """How a device is."""

    device: str
    state: DeviceState
    since: datetime
    """UTC, of the last change of state."""
    error: str = ""
    """The last error while it matters: empty again once the device is up."""


Observer: TypeAlias = Callable[[DeviceStatus], None]
"""Called on every change of state or error text. It must not block and must not raise."""


class Supervisor:
    """Runs drivers until cancelled or stopped.

    BackOff lasts until the device is up again, through every try, so that a device that is away
    for days says so once. ConfigFault is final: only another configuration helps.
    """

    def __init__(
        self,
        drivers: Sequence[Driver],
        sink: Sink,
        observer: Observer = lambda status: None,
        *,
        timing: Timing | None = None,
        stale_after: Mapping[str, float] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        rand: Callable[[], float] = random.random,
    ) -> None:
        timing = timing or Timing()
        ages = stale_after or {}
        self._watched = {
            driver.device: _Watched(
                driver,
                sink,
                observer,
                timing=timing,
                stale_after=ages.get(driver.device, timing.stale_after),
                clock=clock,
                back_off=BackOff(timing.first_delay, timing.longest_delay, rand),
            )
            for driver in drivers
        }
        if len(self._watched) != len(drivers):
            raise ValueError("expected devices with different ids")
        self._stop = asyncio.Event()

    @property
    def statuses(self) -> Sequence[DeviceStatus]:
        """Every device, in the order given."""
        return [watched.status for watched in self._watched.values()]

    def status(self, device: str) -> DeviceStatus:
        return self._watched[device].status

    def stop(self) -> None:
        """Let `run` return once each device has recorded what arrived; STOP_TIMEOUT at most."""
        self._stop.set()

    async def run(self) -> None:
        """Supervise until `stop`; cancelling does the same and raises CancelledError."""
        tasks: list[asyncio.Task[None]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for watched in self._watched.values():
                    watched.begin()
                    task = group.create_task(watched.keep_running(), name=watched.status.device)
                    tasks.append(task)
                try:
                    await self._stop.wait()
                finally:
                    await _stopped(tasks)
        finally:
            for watched in self._watched.values():
                watched.end()


async def _stopped(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel; what still runs after STOP_TIMEOUT is cancelled again, out of its clean-up."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
    for task in late:
        log.warning("%s: did not stop within %g s", task.get_name(), STOP_TIMEOUT)
        task.cancel()


class _Watched:
    """One driver, its state, and the age of what it delivered. It is the sink of its driver."""

    def __init__(
        self,
        driver: Driver,
        sink: Sink,
        observer: Observer,
        *,
        timing: Timing,
        stale_after: float,
        clock: Clock,
        back_off: BackOff,
    ) -> None:
        self._driver, self._sink, self._observer = driver, sink, observer
        self._timing, self._clock, self._back_off = timing, clock, back_off
        now = clock.utc()
        self._last = LastReadings(driver.device, driver.points, now, stale_after)
        self._expiry: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._logged = ""
        self.status = DeviceStatus(driver.device, DeviceState.Stopped, now)

    # ------------------------------------------------------------- the driver's sink
    async def scan(self, scan: Scan) -> None:
        await self._sink.scan(scan)

    def readings(self, readings: Sequence[Reading]) -> None:
        self._last.note(readings)
        self._sink.readings(readings)

    # ------------------------------------------------------------- life
    def begin(self) -> None:
        self._change(DeviceState.Connecting)
        self._degrade(self._last.initial())

    def end(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._change(DeviceState.Stopped)

    async def keep_running(self) -> None:
        while True:
            connected: float | None = None
            try:
                async with self._driver as driver:
                    connected = self._clock.monotonic()
                    self._back()
                    await self._run(driver)
                raise DriverError(f"{self.status.device}: the driver ended by itself")
            except Exception as e:  # noqa: BLE001
                # The one place that catches all: a fault in one driver, or of what it delivers
                # to, must not take the others along.
                match _cause(e):
                    case DriverError() as error:
                        self._fell(str(error))
                    case ConfigError() | BadSetting() as error:
                        self._fell(str(error), DeviceState.ConfigFault)
                        return
                    case error:
                        self._fell(f"{type(error).__name__}: {error}", fault=error)
            if connected is not None:
                up = self._clock.monotonic() - connected
                if up >= self._timing.stable_after:
                    self._back_off.reset()
            await asyncio.sleep(self._back_off.delay())

    async def _run(self, driver: Driver) -> None:
        try:
            if isinstance(driver, Degradable):
                self._look_at(driver)
            await driver.run(self)
        finally:
            if self._look is not None:
                self._look.cancel()

    def _look_at(self, driver: Degradable) -> None:
        wrong = driver.degraded
        self._change(DeviceState.Degraded if wrong else DeviceState.Up, wrong)
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(self._timing.health_period, self._look_at, driver)

    # ------------------------------------------------------------- changes
    def _back(self) -> None:
        if self._logged:
            log.info("%s: back", self.status.device)
            self._logged = ""
        self._change(DeviceState.Up)

    def _fell(
        self,
        error: str,
        state: DeviceState = DeviceState.BackOff,
        fault: Exception | None = None,
    ) -> None:
        self._driver.stats.errors += 1
        if self._logged != error:
            # Once on loss and once on return; a device that is away for days fills no log.
            log.warning("%s: %s", self.status.device, error, exc_info=fault)
            self._logged = error
        self._degrade(self._last.lost(self._clock.monotonic()))
        self._await_expiry()
        self._change(state, error)

    def _await_expiry(self) -> None:
        wait = self._last.next_expiry(self._clock.monotonic())
        if self._expiry is None and wait is not None:
            self._expiry = asyncio.get_running_loop().call_later(wait, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self._degrade(self._last.expired(self._clock.monotonic()))
        self._await_expiry()

    def _degrade(self, readings: Sequence[Reading]) -> None:
        if readings:
            self._sink.readings(readings)

    def _change(self, state: DeviceState, error: str = "") -> None:
        status = self.status
        if state is status.state and error == status.error:
            return
        since = status.since if state is status.state else self._clock.utc()
        self.status = DeviceStatus(status.device, state, since, error)
        self._observer(self.status)


def _cause(error: Exception) -> Exception:
    """What a group of one stands for: a driver may run tasks of its own."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
