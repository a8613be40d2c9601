"""What becomes of the last readings when a link is lost. No I/O, no timers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tracenode.models.readings import Point, Quality, Reading

__all__ = ["LastReadings"]

_STAYS: Final = frozenset({Quality.ConfigurationError, Quality.OutOfService})
"""Not owed to the link."""


class LastReadings:
    """The last reading of every point of one device.

    Down for less than `stale_after` seconds: LastUsableValue with the old value and time. Longer,
    or where there never was a value: NoCommunication. Spans are by the monotonic clock, each point
    from its own loss on: a link that flaps keeps no value usable for ever.
    """

    def __init__(
        self, device: str, points: Sequence[Point], now: datetime, stale_after: float
    ) -> None:
        self._stale_after = stale_after
        self._last = {
            p.name: Reading(device, p.name, None, Quality.WaitingForInitialData, now)
            for p in points
        }
        self._lost_at: dict[str, float] = {}

    def initial(self) -> list[Reading]:
        """Every point before the first connection: WaitingForInitialData."""
        return list(self._last.values())

    def note(self, readings: Iterable[Reading]) -> None:
        """Take what the device delivered."""
        for reading in readings:
            self._last[reading.point] = reading
            if self._lost_at and reading.quality is not Quality.LastUsableValue:
                self._lost_at.pop(reading.point, None)

    def lost(self, now: float) -> list[Reading]:
        """The link is gone at `now`: return the readings that change by that."""
        readings = [r for r in self._last.values() if r.quality not in _STAYS]
        usable = [r for r in readings if r.quality.usable and r.value is not None]
        for reading in usable:
            self._lost_at.setdefault(reading.point, now)
        rest = [r for r in readings if not r.quality.usable or r.value is None]
        return self._become(Quality.LastUsableValue, usable) + self._become(
            Quality.NoCommunication, rest
        )

    def expired(self, now: float) -> list[Reading]:
        """Return the readings that are stale since the last look."""
        stale = [p for p, lost in self._lost_at.items() if now - lost >= self._stale_after]
        return self._become(Quality.NoCommunication, [self._last[point] for point in stale])

    def next_expiry(self, now: float) -> float | None:
        """Seconds until `expired` will have something; None while nothing is lost."""
        if not self._lost_at:
            return None
        return max(0.0, min(self._lost_at.values()) + self._stale_after - now)

    def _become(self, quality: Quality, readings: Iterable[Reading]) -> list[Reading]:
        changed = [replace(r, quality=quality) for r in readings if r.quality is not quality]
        self.note(changed)
        return changed
