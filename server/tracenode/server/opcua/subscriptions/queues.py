"""The queue of one monitored item, and what all queues together may hold.

OPC 10000-4 5.13.1.5: with DiscardOldest the first entry goes and the overflow shows at the one that
is first then; without it the last one is replaced and the overflow shows there. A queue of one is a
buffer of the newest value and shows no overflow.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """What may wait, in bytes and in entries; of a subscription within that of the server, which
    is `above` and has nothing above itself."""

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
        above = self.above
        return above is not None and (
            above.used >= above.bytes_limit or above.count >= above.count_limit
        )

    def take(self, weight: int) -> None:
        """Count one entry in."""
        self.used += weight
        self.count += 1
        above = self.above
        if above is not None:
            above.used += weight
            above.count += 1

    def give_back(self, weight: int, count: int = 1) -> None:
        """Count entries out, of this weight in all."""
        self.used -= weight
        self.count -= count
        above = self.above
        if above is not None:
            above.used -= weight
            above.count -= count


class Queue(Generic[W]):
    """Entries of one item, oldest first; who takes some out gives their weight back to `budget`."""

    __slots__ = ("budget", "discard_oldest", "entries", "lost_first", "lost_last", "size")

    def __init__(self, size: int, discard_oldest: bool, budget: Budget) -> None:
        self.size = size
        self.discard_oldest = discard_oldest
        self.budget = budget
        self.entries: list[W] = []
        self.lost_first = False
        """Entries before the first one were lost."""
        self.lost_last = False
        """Entries around the last one were lost."""

    def begin(self, entry: W) -> None:
        """Add the first entry: it always fits."""
        self.entries.append(entry)
        self.budget.take(entry.weight)

    def add(self, entry: W) -> bool:
        """Add another entry; True where one was lost for it."""
        entries, budget = self.entries, self.budget
        lost = len(entries) >= self.size or budget.is_spent
        if lost:
            self._lose(oldest=self.discard_oldest or self.size == 1)
        elif self.lost_last:
            self._mark(-1)
        entries.append(entry)
        budget.take(entry.weight)
        return lost

    def resize(self, size: int, discard_oldest: bool) -> None:
        """Change the bounds; what no longer fits goes as in an overflow."""
        self.size, self.discard_oldest = size, discard_oldest
        while len(self.entries) > size:
            self._lose(oldest=discard_oldest or size == 1)
        if size == 1:
            self.lost_first = self.lost_last = False

    def mark(self) -> None:
        """Give entries the signs of an overflow that are due; those that can't carry one leave
        `lost_first` and `lost_last` as they are."""
        if self.lost_first and self.entries:
            self._mark(0)
        if self.lost_last and self.entries:
            self._mark(-1)

    def clear(self) -> None:
        """Forget everything."""
        self.budget.give_back(sum(entry.weight for entry in self.entries), len(self.entries))
        self.entries.clear()
        self.lost_first = self.lost_last = False

    def _lose(self, *, oldest: bool) -> None:
        gone = self.entries.pop(0 if oldest else -1)
        self.budget.give_back(gone.weight)
        if self.size > 1:
            self.lost_first = self.lost_first or self.discard_oldest
            self.lost_last = self.lost_last or not self.discard_oldest

    def _mark(self, place: int) -> None:
        entry = self.entries[place]
        marked = entry.overflowed()
        if marked is None:
            return
        self.budget.give_back(entry.weight)
        self.budget.take(marked.weight)
        self.entries[place] = marked
        if place:
            self.lost_last = False
        else:
            self.lost_first = False
