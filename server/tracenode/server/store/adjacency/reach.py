"""Closure over the file and what came since."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from tracenode.server.store.adjacency.layout import Base
from tracenode.server.store.adjacency.overlay import Overlay

__all__ = ["Adjacency"]

HUGE: Final = 1_500
"""Items of one level, or outputs of them, from which on numpy, where it is installed, is quicker
than Python."""
CHECK_EVERY: Final = 10_000
"""Items between two looks at the clock: some 10 ms."""
FEW: Final = 16
"""Neighbours up to which looking at each is quicker than a set of them."""


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
        came = (self.overlay.inputs if up else self.overlay.outputs).came.keys()
        found = list(set(ids))
        seen = {*found, *known}
        newer = True
        begin = 0
        while begin < len(found) and len(seen) < limit:
            check()
            level = found[begin : begin + CHECK_EVERY]
            if (len(level) > HUGE or not (up or self._is_narrow(level))) and (
                spread := _numpy_spread()
            ):
                return spread(self, seen, found[begin:], check, up=up, ever=ever, limit=limit)
            begin += len(level)
            # What came is filed by now; what still comes is behind the snapshot.
            if (newer and max(level) >= self.base.items) or (came and not came.isdisjoint(level)):
                newer = True
                codes = self._mended(level, up=up)
            else:
                newer = False
                codes = neighbours.of_all(level)
            _add(codes, seen, found, ever=ever)
        return (list(seen) if known else found)[:limit]

    def _mended(self, items: list[int], *, up: bool) -> list[int]:
        """Return the neighbours of some items in the file and since."""
        neighbours = self.base.inputs if up else self.base.outputs
        changes = self.overlay.inputs if up else self.overlay.outputs
        codes: list[int] = []
        for item in items:
            stored = neighbours.of(item) if item < self.base.items else []
            if item in changes.came:
                stored = changes.mended(item, stored, self.position)
            codes += stored
        return codes

    def _is_narrow(self, items: list[int]) -> bool:
        """True where few outputs of some items stand in the file."""
        ptr, count = self.base.outputs.ptr, self.base.items
        return sum(ptr[item + 1] - ptr[item] for item in items if item < count) <= HUGE


def _add(codes: list[int], seen: set[int], found: list[int], *, ever: bool) -> None:
    """Add what codes stand for, so far as it was not seen, without closed edges unless `ever`."""
    if len(codes) > FEW:
        new = set(codes)
        new -= seen
        if new and min(new) < 0:
            new = {code if code >= 0 else ~code for code in new if code >= 0 or ever} - seen
        seen |= new
        found += new
        return
    for code in codes:
        if code >= 0 or ever:
            item = code if code >= 0 else ~code
            if item not in seen:
                seen.add(item)
                found.append(item)


def _numpy_spread() -> Callable[..., list[int]] | None:
    try:
        from tracenode.server.store.adjacency.huge import spread
    except ImportError:
        return None
    return spread
