"""Floods of unreadable scans are summed up, so that a reader gone wrong can't fill the journal
(SEMANTICS S21)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tracenode.models.readings import Scan

__all__ = ["BURST", "PER_SECOND", "Flood", "Summed"]

BURST: Final = 200
"""Unreadable scans of one device that are each a record of their own, at once."""
PER_SECOND: Final = 20.0
"""And so many a second for as long as it lasts; what is beyond is counted."""


@dataclass(frozen=True, slots=True)
class Summed:
    """Scans that stand in one record: how many, the first and the last of them."""

    count: int
    first: Scan
    last: Scan


class Flood:
    """Decides for one device which unreadable scan is a record of its own. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowance, self._at = float(BURST), clock()
        self._summed: Summed | None = None

    def holds(self, scan: Scan) -> bool:
        """Return True where the scan is summed up; else it is to be recorded by itself."""
        now = self._clock()
        self._allowance = min(BURST, self._allowance + (now - self._at) * PER_SECOND)
        self._at = now
        if self._allowance >= 1:
            self._allowance -= 1
            return False
        before = self._summed
        self._summed = (
            Summed(before.count + 1, before.first, scan) if before else Summed(1, scan, scan)
        )
        return True

    def take(self) -> Summed | None:
        """Return what was summed up since the last call; None where nothing was."""
        summed, self._summed = self._summed, None
        return summed
