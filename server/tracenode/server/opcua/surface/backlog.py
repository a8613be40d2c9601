"""Records that wait to be told: in memory while few, read back from the journal while many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tracenode.models.receipts import Record

__all__ = ["MAX_WAITING", "Backlog"]

MAX_WAITING: Final = 10_000
"""Records in memory, about 3 KiB each."""


class Backlog:
    """A queue with a bound. What comes past the bound is dropped and read back later, in order, by
    its EventSequence; only refusals among it, which have none, are not told."""

    def __init__(
        self, read: Callable[[int, int], Awaitable[list[Record]]], bound: int = MAX_WAITING
    ) -> None:
        """`read(from_sequence, limit)` reads published records back."""
        self._read = read
        self._bound = bound
        self._queue: deque[Record] = deque()
        self._behind = 0
        """EventSequence to read back from; 0 while everything is in the queue."""
        self._newest = 0
        """EventSequence of the newest record heard of."""
        self._taken = 0
        """EventSequence of the newest record taken."""
        self._filled = asyncio.Event()

    def add(self, records: Sequence[Record]) -> None:
        """Take the records of a commit; never blocks."""
        for record in records:
            if 0 < record.sequence <= max(self._taken, self._newest):
                continue  # read back already
            self._newest = max(self._newest, record.sequence)
            if self._behind:
                continue
            if len(self._queue) < self._bound:
                self._queue.append(record)
            elif record.sequence:
                self._behind = record.sequence
        self._filled.set()

    async def take(self, limit: int) -> list[Record]:
        """Return up to `limit` records in order, at least one; waits for it."""
        while True:
            if self._queue:
                found = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
            elif self._behind:
                found = await self._read(self._behind, limit)
                newest = found[-1].sequence if found else self._newest
                self._newest = max(self._newest, newest)
                self._behind = newest + 1 if newest < self._newest else 0
            else:
                self._filled.clear()
                await self._filled.wait()
                continue
            if found:
                self._taken = max(self._taken, *(record.sequence for record in found))
                return found
