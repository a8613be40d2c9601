"""Closure over the file and what came since."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice
from operator import length_hint
from typing import Final, NamedTuple

from tracenode.server.store.adjacency.layout import Base, followed
from tracenode.server.store.adjacency.overlay import Overlay

__all__ = ["Adjacency"]

HUGE: Final = 1_500
"""Items of one level, or outputs of them, from which on numpy, where it is installed, is quicker
than Python."""
FEW: Final = 64
"""Items of one level up to which looking at each is quicker than a set of what is beyond all."""
AT_ONCE: Final = 10_000
"""Items between two looks at the clock: some 10 ms."""


class Adjacency(NamedTuple):
    """Which item leads to which at the journal position of a snapshot."""

    base: Base
    overlay: Overlay
    position: int

    def reachable(
        self,
        ids: Collection[int],
        check: Callable[[], None],
        *,
        up: bool,
        ever: bool,
        limit: int,
        known: Collection[int] = (),
    ) -> list[int]:
        """Return the ids reachable from some ids, with them, at most `limit`: over inputs where
        `up`, else outputs; over open edges, with `ever` over closed ones too. `known` are found
        already, with all that they lead to, and are among them.

        `check` is called now and then; what it raises ends the search.
        """
        self.overlay.file()
        neighbours = self.base.inputs if up else self.base.outputs
        # What came is filed by now; what still comes is behind the snapshot.
        came = (self.overlay.inputs if up else self.overlay.outputs).came
        stored, near = self.base.items, neighbours.near[ever]
        found = list(set(ids))
        seen = {*found, *known}
        todo = iter(found)
        while (waiting := length_hint(todo)) and len(seen) < limit:
            check()
            if waiting <= FEW:
                for item in islice(todo, FEW):
                    if item in came or item >= stored:
                        beyond = followed(self._mended(item, up=up), ever=ever)
                    else:
                        if not (up or self._is_narrow((item,))) and (spread := _numpy_spread()):
                            left = [item, *todo]
                            return spread(self, seen, left, check, up=up, ever=ever, limit=limit)
                        beyond = near[item]
                    for other in beyond:
                        if other not in seen:
                            seen.add(other)
                            found.append(other)
                continue
            level = list(islice(todo, min(waiting, AT_ONCE)))
            if (waiting > HUGE or not (up or self._is_narrow(level))) and (
                spread := _numpy_spread()
            ):
                left = [*level, *todo]
                return spread(self, seen, left, check, up=up, ever=ever, limit=limit)
            # Not in place, which would look at all that was seen.
            new = set(self._codes(level, up=up)) - seen
            if new and min(new) < 0:
                new = set(followed(new, ever=ever)) - seen
            seen |= new
            found += new
        if known:
            found = list(seen)
        return found if len(found) <= limit else found[:limit]

    def _codes(self, items: Collection[int], *, up: bool) -> list[int]:
        """Return the neighbours of some items as they stand in the file and since."""
        came = (self.overlay.inputs if up else self.overlay.outputs).came.keys()
        if came.isdisjoint(items):
            try:
                return (self.base.inputs if up else self.base.outputs).of_all(items)
            except IndexError:
                pass
        codes: list[int] = []
        for item in items:
            codes += self._mended(item, up=up)
        return codes

    def _mended(self, item: int, *, up: bool) -> list[int]:
        changes = self.overlay.inputs if up else self.overlay.outputs
        stored: list[int] = []
        if item < self.base.items:
            stored = (self.base.inputs if up else self.base.outputs).of(item)
        return changes.mended(item, stored, self.position)

    def _is_narrow(self, items: Iterable[int]) -> bool:
        """True where few outputs of some items stand in the file."""
        ptr, count = self.base.outputs.ptr, self.base.items
        return sum(ptr[item + 1] - ptr[item] for item in items if item < count) <= HUGE


def _numpy_spread() -> Callable[..., list[int]] | None:
    try:
        from tracenode.server.store.adjacency.huge import spread
    except ImportError:
        return None
    return spread
