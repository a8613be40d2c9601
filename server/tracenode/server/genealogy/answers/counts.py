"""What is counted of all that holds an item at one instant, by whatever way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Counts"]


class Counts(NamedTuple):
    """Without the items that it began at."""

    affected: int
    """Items that are no contents."""
    lines: Sequence[tuple[str, int, int]]
    """Of these: material, state, how many."""
    marks: Sequence[tuple[int, int]]
    """Of the ends: mark, how many."""
    open_ends: Sequence[int]
    """Numbers of the items where the trace ends open."""
    pooled: int
    """Pooled edges, those of the items that it began at too."""
    placeholders: int
    """Those that nobody identified."""
    owners: Sequence[int]
    """Numbers of the lots and containers that hold it in their contents alone, which are not among
    the items."""
