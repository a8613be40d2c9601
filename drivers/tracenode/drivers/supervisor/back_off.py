"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

__all__ = ["FIRST_DELAY", "LONGEST_DELAY", "BackOff"]

FIRST_DELAY: Final = 0.25
"""Seconds. A device that was restarted is often back by then."""
LONGEST_DELAY: Final = 5.0
"""Seconds. Someone who plugs a cable in again is still standing there."""


class BackOff:
    """Delays that double from FIRST_DELAY to LONGEST_DELAY. The jitter takes up to a quarter off,
    so that fifty devices behind one switch do not all knock at once, and never adds."""

    def __init__(
        self,
        first: float = FIRST_DELAY,
        longest: float = LONGEST_DELAY,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._first, self._longest, self._rand = first, longest, rand
        self._next = first

    def reset(self) -> None:
        self._next = self._first

    def delay(self) -> float:
        """Seconds to wait now; the next call waits longer."""
        delay = self._next
        self._next = min(delay * 2, self._longest)
        return delay * (1 - self._rand() / 4)
