"""The queue of one monitored item, and what all queues together may hold.

OPC 10000-4 5.13.1.5: with DiscardOldest the first entry goes and the overflow shows at the one that
is first then; without it the last one is replaced and the overflow shows there. A queue of one is a
buffer of the newest value and shows no overflow.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

__all__ = ["Budget", "Queue", "Waits"]


class Waits(Protocol):
    """Something that waits in a queue."""

    @property
    def weight(self) -> int:
        """About how many bytes it keeps in memory."""
        ...

    def overflowed(self) -> Self | None:
        """Return it with the sign that something next to it was lost; None: it can't carry one."""
        ...


W = TypeVar("W", bound=Waits)


@dataclass(slots=True)
class Budget:
    """What may wait, in bytes and in entries; of a subscription within that of the server."""

    bytes_limit: int
    count_limit: int
    above: Budget | None = None
    used: int = 0
    count: int = 0

    @property
    def is_spent(self) -> bool:
        """True where nothing more should wait."""
        if self.used >= self.bytes_limit or self.count >= self.count_limit:
            return True
        return self.above is not None and self.above.is_spent

    def take(self, weight: int) -> None:
        """Count one entry in."""
        budget: Budget | None = self
        while budget is not None:
            budget.used += weight
            budget.count += 1
            budget = budget.above

    def give_back(self, weight: int) -> None:
        """Count one entry out."""
        budget: Budget | None = self
        while budget is not None:
            budget.used -= weight
            budget.count -= 1
            budget = budget.above


@dataclass(slots=True)
class Queue(Generic[W]):
    """Entries of one item, oldest first. `size` and `discard_oldest` may change any time."""

    size: int
    discard_oldest: bool
    budget: Budget
    entries: deque[W] = field(default_factory=deque)
    lost_first: bool = False
    """Entries before the first one were lost."""
    lost_last: bool = False
    """Entries around the last one were lost."""

    def __len__(self) -> int:
        return len(self.entries)

    def begin(self, entry: W) -> None:
        """Add the first entry; as `put` of an empty queue that has lost nothing."""
        self.entries.append(entry)
        self.budget.take(entry.weight)

    def put(self, entry: W) -> bool:
        """Add an entry; True where another one was lost for it."""
        entries = self.entries
        lost = bool(entries) and (len(entries) >= self.size or self.budget.is_spent)
        if lost:
            gone = entries.popleft() if self.discard_oldest or self.size == 1 else entries.pop()
            self.budget.give_back(gone.weight)
            if self.size > 1:
                self.lost_first = self.lost_first or self.discard_oldest
                self.lost_last = self.lost_last or not self.discard_oldest
        elif self.lost_last:
            self._mark_last()
        entries.append(entry)
        self.budget.take(entry.weight)
        return lost

    def resize(self, size: int, discard_oldest: bool) -> None:
        """Change the bounds; what no longer fits goes as in an overflow."""
        self.discard_oldest = discard_oldest
        while len(self.entries) > size:
            gone = self.entries.popleft() if discard_oldest else self.entries.pop()
            self.budget.give_back(gone.weight)
            if size > 1:
                self.lost_first = self.lost_first or discard_oldest
                self.lost_last = self.lost_last or not discard_oldest
        self.size = size

    def next(self) -> W:
        """Take the oldest entry, with the sign of an overflow where one is due.

        Raises:
            IndexError: the queue is empty.
        """
        if self.lost_last and len(self.entries) == 1:
            self._mark_last()
        entry = self.entries.popleft()
        self.budget.give_back(entry.weight)
        if self.lost_first:
            marked = entry.overflowed()
            if marked is not None:
                self.lost_first = False
                return marked
        return entry

    def clear(self) -> None:
        """Forget everything."""
        for entry in self.entries:
            self.budget.give_back(entry.weight)
        self.entries.clear()
        self.lost_first = self.lost_last = False

    def _mark_last(self) -> None:
        marked = self.entries[-1].overflowed()
        if marked is not None:
            self.budget.give_back(self.entries[-1].weight)
            self.budget.take(marked.weight)
            self.entries[-1] = marked
            self.lost_last = False
