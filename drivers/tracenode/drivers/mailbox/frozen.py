"""What becomes of a controller's readings while its heartbeat stands still: they may be frozen too,
and the link would go on delivering them as good. No I/O, no timers."""

from __future__ import annotations

from collections.abc import Sequence

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.driver import Sink
from tracenode.drivers.supervisor.staleness import LastReadings
from tracenode.models.readings import Point, Reading, Scan

__all__ = ["FrozenReadings"]


class FrozenReadings:
    """Stands between a driver and its sink. While the controller is frozen its readings are as for
    a lost link: the last usable value, then no communication after `stale_after` seconds. What the
    driver delivers meanwhile is shown when the heart beats again."""

    def __init__(
        self,
        device: str,
        points: Sequence[Point],
        sink: Sink,
        stale_after: float,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._device, self._points, self._sink = device, points, sink
        self._stale_after, self._clock = stale_after, clock
        self._delivered: dict[str, Reading] = {}
        self._lost: LastReadings | None = None

    async def scan(self, scan: Scan) -> None:
        await self._sink.scan(scan)

    def readings(self, readings: Sequence[Reading]) -> None:
        self._delivered |= {reading.point: reading for reading in readings}
        if self._lost is None:
            self._sink.readings(readings)

    def look(self, *, frozen: bool) -> None:
        """Take whether the heartbeat stands still now; to be called a few times a second."""
        if frozen:
            changed = self._age()
        elif self._lost is not None:
            self._lost, changed = None, list(self._delivered.values())
        else:
            return
        if changed:
            self._sink.readings(changed)

    def _age(self) -> Sequence[Reading]:
        now = self._clock.monotonic()
        if self._lost is not None:
            return self._lost.expired(now)
        self._lost = LastReadings(self._device, self._points, self._clock.utc(), self._stale_after)
        self._lost.note(self._delivered.values())
        return self._lost.lost(now)
