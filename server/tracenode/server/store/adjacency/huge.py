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

__all__ = ["spread"]

SPARSE: Final = 64
"""A level of fewer items than one in so many of all is sorted, else marked off."""

Numbers = NDArray[np.int32]


def spread(
    adjacency: Adjacency,
    seen: set[int],
    found: list[int],
    check: Callable[[], None],
    *,
    up: bool,
    ever: bool,
    limit: int,
) -> list[int]:
    """Go on with a search that has `seen` some items and `found` their neighbours; see
    `Adjacency.reachable`."""
    base, overlay = adjacency.base, adjacency.overlay
    neighbours = base.inputs if up else base.outputs
    changes = overlay.inputs if up else overlay.outputs
    level = np.array(found, np.int32)
    begun = np.array(list(seen), np.int32)
    count = len(begun)
    total = 1 + max(base.items, overlay.top, int(begun.max()), int(level.max()))
    reached = np.zeros(total, np.bool_)
    reached[begun] = True
    marks = np.zeros(total, np.bool_)
    moved = np.zeros(total, np.bool_)
    # What is filed from now on is behind the snapshot, which has no items beyond `total`.
    came = np.array(list(changes.came), np.int32)
    moved[came[came < total]] = True
    while True:
        level = level[~reached[level]]
        if len(level) * SPARSE > total:
            marks[level] = True
            level = np.flatnonzero(marks).astype(np.int32)
            marks[level] = False
        else:
            level = np.unique(level)
        reached[level] = True
        count += len(level)
        if not len(level) or count >= limit:
            ids: list[int] = np.flatnonzero(reached)[:limit].tolist()
            return ids
        check()
        level = _beyond(level, moved, neighbours, changes, adjacency, ever=ever)


def _beyond(
    level: Numbers,
    moved: NDArray[np.bool_],
    neighbours: Neighbours,
    changes: Changes,
    adjacency: Adjacency,
    *,
    ever: bool,
) -> Numbers:
    """Return the neighbours of the items of a level, with repetitions."""
    items = adjacency.base.items
    touched = moved[level]
    plain = level[~touched]
    codes = [_gathered(neighbours, plain[plain < items])]
    for item in level[touched].tolist():
        stored = neighbours.of(item) if item < items else []
        codes.append(np.array(changes.mended(item, stored, adjacency.position), np.int32))
    met = np.concatenate(codes)
    closed = met < 0
    if not closed.any():
        return met
    return np.where(closed, ~met, met) if ever else met[~closed]


def _gathered(neighbours: Neighbours, items: Numbers) -> Numbers:
    """Return what stands in the file at some items, one after another."""
    ptr = np.frombuffer(neighbours.ptr, np.uint32)
    idx = np.frombuffer(neighbours.idx, np.int32)
    begin = ptr[items].astype(np.int64)
    counts = ptr[items + 1] - begin
    places = np.repeat(begin - (np.cumsum(counts) - counts), counts)
    places += np.arange(len(places))
    gathered: Numbers = idx[places]
    return gathered
