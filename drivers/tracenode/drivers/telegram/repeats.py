"""Tell a repeat from a new event: the same telegram again within a window."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

__all__ = ["Repeats"]

MAX_REMEMBERED: Final = 65_536
"""Different telegrams within one window; the oldest is forgotten first."""


class Repeats:
    """What was seen lately. The window slides: a tag that stays in the field is one event,
    however long it stays."""

    def __init__(self, window_s: float) -> None:
        self._window = window_s
        self._seen: OrderedDict[Hashable, float] = OrderedDict()

    def again(self, what: Hashable, now: float) -> bool:
        """Note that `what` was seen at `now` (seconds, monotonic); was it within the window?"""
        if self._window <= 0:
            return False
        while self._seen:
            oldest, seen = next(iter(self._seen.items()))
            if now - seen < self._window and len(self._seen) <= MAX_REMEMBERED:
                break
            del self._seen[oldest]
        repeated = what in self._seen
        self._seen[what] = now
        self._seen.move_to_end(what)
        return repeated
