"""What the writer moved, noted for another process that keeps an index of the same store.

The other process takes the notes whenever it is about to ask its index, and now and then besides;
so there are few. Notes that nobody took in time are given up, and whoever takes them next hears of
it, and loads the index anew.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tracenode.server.store.adjacency.moved import Moved

__all__ = ["MOST", "Notes", "Taken", "moved_of"]

MOST: Final = 200_000
"""Rows that wait to be taken: what thirty seconds of the fastest booking move."""
_COLUMNS: Final = 4


class Taken(NamedTuple):
    """What was moved since notes were taken last. `watermark` is that of the index which the
    writing process has loaded, None where it has none; where notes are `lost`, an index that
    lived by them says no more what the tables say."""

    lost: bool
    watermark: int | None
    batches: list[tuple[int, bytes]]
    """By journal position; the rows are for `moved_of`."""


class Notes:
    """Written by the writer's thread, taken by any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: list[tuple[int, Sequence[Moved]]] = []
        self._rows = 0
        self._lost = True
        """What was moved before the first time is not here."""

    def hand_over(self, position: int, moved: Sequence[Moved]) -> None:
        """Take what a transaction moved, up to a journal position, before it is committed."""
        with self._lock:
            if self._rows + len(moved) > MOST:
                self._give_up()
            self._batches.append((position, moved))
            self._rows += len(moved)

    def lose(self) -> None:
        """Forget what waits: it may never have been committed."""
        with self._lock:
            self._give_up()

    def take(self, watermark: int | None) -> Taken:
        """Return what waits, and forget it. Called after a journal position was seen in the
        tables, it has everything up to that position."""
        with self._lock:
            batches, self._batches = self._batches, []
            lost, self._lost = self._lost, False
            self._rows = 0
        return Taken(lost, watermark, [(position, _packed(moved)) for position, moved in batches])

    def _give_up(self) -> None:
        self._batches = []
        self._rows = 0
        self._lost = True


def _packed(moved: Sequence[Moved]) -> bytes:
    return array("q", (value for row in moved for value in row)).tobytes()


def moved_of(packed: bytes) -> list[Moved]:
    """Return the rows of a batch."""
    values: Iterator[int] = iter(memoryview(packed).cast("q"))
    rows = zip(*[values] * _COLUMNS, strict=True)
    return [(dst, src, bool(closed), sign) for dst, src, closed, sign in rows]
