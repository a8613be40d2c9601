"""Closure over levels of thousands of items, with numpy, whose loops run without the interpreter
lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tracenode.server.store.adjacency.layout import Neighbours
from tracenode.server.store.adjacency.overlay import Changes

if TYPE_CHECKING:
    from tracenode.server.store.adjacency.reach import Adjacency

__all__ = ["Numbers", "places_of", "spread"]

SPARSE: Final = 64
"""A level of fewer neighbours than one for so many items is sorted, else marked off."""

Numbers = NDArray[np.int64]


def spread(
    adjacency: Adjacency,
    seen: set[int],
    items: list[int],
    check: Callable[[], None],
    *,
    up: bool,
    ever: bool,
    limit: int,
) -> list[int]:
    """Go on with a search that has `seen` some items, at some of which, `items`, it has not looked
    yet; see `Adjacency.reachable`."""
    base, overlay = adjacency.base, adjacency.overlay
    neighbours = base.inputs if up else base.outputs
    changes = overlay.inputs if up else overlay.outputs
    begun = np.fromiter(seen, np.int64, len(seen))
    level = np.sort(np.array(items, np.int64))
    count = len(begun)
    total = 1 + max(base.items, overlay.top, int(begun.max()))
    reached = np.zeros(total, np.bool_)
    reached[begun] = True
    marks = np.zeros(total, np.bool_)
    # What is filed from now on is behind the snapshot, which has no items beyond `total`.
    came = np.array(list(changes.came), np.int64)
    came = came[came < total]
    moved = np.zeros(total if len(came) else 0, np.bool_)
    moved[came] = True
    while len(level) and count < limit:
        check()
        met = _beyond(level, moved, neighbours, changes, adjacency, ever=ever)
        if len(met) * SPARSE > total:
            marks[met] = True
            np.greater(marks, reached, out=marks)
            level = np.flatnonzero(marks)
            marks[:] = False
        else:
            level = np.unique(met[~reached[met]]).astype(np.int64)
        reached[level] = True
        count += len(level)
    ids: list[int] = np.flatnonzero(reached)[:limit].tolist()
    return ids


def _beyond(
    level: Numbers,
    moved: NDArray[np.bool_],
    neighbours: Neighbours,
    changes: Changes,
    adjacency: Adjacency,
    *,
    ever: bool,
) -> NDArray[np.int32]:
    """Return the neighbours of the items of a level, ascending, with repetitions. `moved` is empty
    where nothing came since the file."""
    items = adjacency.base.items
    touched = level[moved[level]].tolist() if len(moved) else []
    plain = level[~moved[level]] if touched else level
    met = _gathered(neighbours, plain[: np.searchsorted(plain, items)])
    if touched:
        codes = [met]
        for item in touched:
            stored = neighbours.of(item) if item < items else []
            codes.append(np.array(changes.mended(item, stored, adjacency.position), np.int32))
        met = np.concatenate(codes)
    if not len(met) or met.min() >= 0:
        return met
    closed = met < 0
    return np.where(closed, ~met, met) if ever else met[~closed]


def _gathered(neighbours: Neighbours, items: Numbers) -> NDArray[np.int32]:
    """Return what stands in the file at some items, one after another."""
    places, _ = places_of(neighbours, items)
    gathered: NDArray[np.int32] = np.frombuffer(neighbours.idx, np.int32)[places]
    return gathered


def places_of(neighbours: Neighbours, items: Numbers) -> tuple[Numbers, Numbers]:
    """Return where in the file the neighbours of some items stand, one item after another, and how
    many each has."""
    ptr = np.frombuffer(neighbours.ptr, np.uint32)
    begin = ptr[items].astype(np.int64)
    counts = ptr[items + 1] - begin
    places = np.repeat(begin - (np.cumsum(counts) - counts), counts)
    places += np.arange(len(places))
    return places, counts
