"""Words of the genealogy: relations between items, how sure they are, and the direction asked."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Direction", "EdgeQuality", "HitMark", "Relation"]


class Relation(IntEnum):
    """How an input went into an output (TraceRelationEnum, SEMANTICS S4)."""

    Consume = 1
    Install = 2
    Contain = 3
    Transform = 4
    Carry = 5
    Identity = 6


class EdgeQuality(IntEnum):
    """How an edge is known (TraceEdgeQualityEnum, SEMANTICS S4, S11)."""

    Exact = 0
    Interval = 1
    Pooled = 2
    Declared = 3


class Direction(IntEnum):
    """Which way a genealogy question looks (TraceDirectionEnum, SEMANTICS S8).

    Never called forward or backward: vendors use those words in opposite senses.
    """

    Ingredients = 0
    WhereUsed = 1
    Both = 2


class HitMark(IntEnum):
    """What became of a where-used hit (SEMANTICS S7)."""

    Current = 0
    Removed = 1
    Scrapped = 2
    Shipped = 3
