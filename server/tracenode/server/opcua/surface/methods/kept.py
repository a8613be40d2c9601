"""Recalls that are kept for clients who fetch them page by page."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from tracenode.models.answers import RecallHit
from tracenode.models.errors import MalformedRequest

__all__ = ["KeptRecalls"]

KEPT_S: Final = 600.0
"""Seconds after its last page for which a recall is kept."""
MAX_RESULTS: Final = 16
MAX_HITS: Final = 400_000
"""Hits of all recalls kept; the one that was used longest ago goes first."""


@dataclass(slots=True)
class _Kept:
    hits: tuple[RecallHit, ...]
    used: float


class KeptRecalls:
    """The hits of recalls by the id that was given out, the last used last. Pages are stable: a
    kept recall is one answer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def keep(self, hits: tuple[RecallHit, ...]) -> str:
        """Keep hits and return how they are called for."""
        name = token_hex(8)
        self._kept[name] = _Kept(hits, self._clock())
        self._forget_old()
        return name

    def page(self, name: str, offset: int, limit: int) -> tuple[tuple[RecallHit, ...], int]:
        """Return some hits of a kept recall, and how many it has in all.

        Raises:
            MalformedRequest: it is not kept, or not any more.
        """
        self._forget_old()
        kept = self._kept.get(name)
        if kept is None:
            found = f"{name!r}, which is not kept, or not any more: ask again"
            raise MalformedRequest("ResultId", "as RecallScope gave it", found)
        kept.used = self._clock()
        self._kept.move_to_end(name)
        return kept.hits[offset : offset + limit], len(kept.hits)

    def release(self, name: str) -> None:
        """Forget a recall; one that is not kept is forgotten already."""
        self._kept.pop(name, None)

    def _forget_old(self) -> None:
        long_ago = self._clock() - KEPT_S
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            held = sum(len(kept.hits) for kept in self._kept.values())
            alone = len(self._kept) == 1
            if oldest.used >= long_ago and (
                alone or (held <= MAX_HITS and len(self._kept) <= MAX_RESULTS)
            ):
                return
            del self._kept[name]
