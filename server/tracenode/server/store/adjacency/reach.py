"""Closure over the file and what came since."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from tracenode.server.store.adjacency.layout import Base
from tracenode.server.store.adjacency.overlay import Overlay

__all__ = ["Adjacency"]

HUGE: Final = 1_500
"""Neighbours of one level from which on numpy, where it is installed, is quicker than Python."""
CHECK_EVERY: Final = 10_000
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
        level = list(set(ids))
        seen = {*level, *known}
        while level and len(seen) < limit:
            found: list[int] = []
            for start in range(0, len(level), CHECK_EVERY):
                check()
                self._meet(level[start : start + CHECK_EVERY], found, up=up, ever=ever)
            if len(found) > HUGE and (spread := _numpy_spread()):
                return spread(self, seen, found, check, up=up, ever=ever, limit=limit)
            new = set(found)
            new -= seen
            seen |= new
            level = list(new)
        return list(seen)[:limit]

    def _meet(self, items: list[int], found: list[int], *, up: bool, ever: bool) -> None:
        """Add the neighbours of some items to `found`."""
        (ptr, idx), changes = (
            (self.base.inputs, self.overlay.inputs)
            if up
            else (self.base.outputs, self.overlay.outputs)
        )
        count, came = self.base.items, changes.came
        for item in items:
            if item in came:
                codes = idx[ptr[item] : ptr[item + 1]].tolist() if item < count else []
                found += counted(changes.mended(item, codes, self.position), ever=ever)
            elif item < count:
                begin = ptr[item]
                end = ptr[item + 1]
                if begin != end:
                    codes = idx[begin:end].tolist()
                    found += codes if codes[0] >= 0 else counted(codes, ever=ever)


def counted(codes: list[int], *, ever: bool) -> list[int]:
    """Return the neighbours that codes stand for, without closed edges unless `ever`."""
    if ever:
        return [code if code >= 0 else ~code for code in codes]
    return [code for code in codes if code >= 0]


def _numpy_spread() -> Callable[..., list[int]] | None:
    try:
        from tracenode.server.store.adjacency.huge import spread
    except ImportError:
        return None
    return spread
