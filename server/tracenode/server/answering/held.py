"""Recalls that are held for clients who fetch them page by page."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import Final, NamedTuple

from tracenode.models.answers import RecallHit
from tracenode.models.errors import MalformedRequest

__all__ = ["HeldRecalls", "Page"]

HELD_S: Final = 600.0
"""Seconds after its last page for which a recall is held."""
MAX_RESULTS: Final = 16
MAX_HITS: Final = 400_000
"""Hits of all recalls held; the one that was used longest ago goes first."""


class Page(NamedTuple):
    """Some hits of a held recall, and how many it has in all."""

    hits: tuple[RecallHit, ...]
    total: int


@dataclass(slots=True)
class _Held:
    hits: tuple[RecallHit, ...]
    used: float


class HeldRecalls:
    """The hits of recalls by the id that was given out, the last used last. Pages are stable: a
    held recall is one answer. For any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, hits: tuple[RecallHit, ...]) -> str:
        """Hold hits and return how they are called for."""
        name = token_hex(8)
        with self._lock:
            self._held[name] = _Held(hits, self._clock())
            self._forget()
        return name

    def page(self, name: str, offset: int, limit: int) -> Page:
        """Return some hits of a held recall.

        Raises:
            MalformedRequest: it is not held, or not any more.
        """
        with self._lock:
            self._forget()
            held = self._held.get(name)
            if held is None:
                found = f"{name!r}, which is not kept, or not any more: ask again"
                raise MalformedRequest("ResultId", "as RecallScope gave it", found)
            held.used = self._clock()
            self._held.move_to_end(name)
            hits = held.hits
        return Page(hits[offset : offset + limit], len(hits))

    def release(self, name: str) -> None:
        """Forget a recall; one that is not held is forgotten already."""
        with self._lock:
            self._held.pop(name, None)

    def forget_old(self) -> None:
        """Forget what nobody fetched for long; what is asked does so too."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        long_ago = self._clock() - HELD_S
        while self._held:
            name, oldest = next(iter(self._held.items()))
            hits = sum(len(held.hits) for held in self._held.values())
            alone = len(self._held) == 1
            if oldest.used >= long_ago and (
                alone or (hits <= MAX_HITS and len(self._held) <= MAX_RESULTS)
            ):
                return
            del self._held[name]
