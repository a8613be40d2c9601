"""What the edges are, worked out from a list of events alone: the world of `tests.laws`, in the
short words of the tests of the store."""

from __future__ import annotations

from collections.abc import Iterable

from tests.laws.holdings import Contents
from tests.laws.told import FOREVER, Told, valid
from tests.laws.world import World
from tracenode.models.items import ItemState

__all__ = [
    "FOREVER",
    "OracleEdge",
    "Told",
    "contents",
    "edges",
    "edges_and_contents",
    "has_cycle",
    "holding",
    "states",
    "valid",
]

OracleEdge = tuple[str, str, int, int]
"""(output, input, from, until)."""


def edges(told: Iterable[Told], known: int) -> set[OracleEdge]:
    """Return every edge of some length, as known at a position."""
    return edges_and_contents(told, known)[0]


def contents(told: Iterable[Told], known: int, at: int | None) -> Contents:
    """Return what is in lots and containers at an instant; None: by all that happened."""
    return World.of(told, known, at).contents


def edges_and_contents(told: Iterable[Told], known: int) -> tuple[set[OracleEdge], Contents]:
    """Return the edges, and what is in lots and containers in the end."""
    world = World.of(told, known)
    found = {(tie.output, tie.input, tie.at, tie.until) for tie in world.ties}
    return found, world.contents


def holding(all_edges: Iterable[OracleEdge], at: int | None) -> set[OracleEdge]:
    """Return the edges at an instant; None: those that are open."""
    return {
        edge
        for edge in all_edges
        if (edge[3] == FOREVER if at is None else edge[2] <= at < edge[3])
    }


def has_cycle(all_edges: Iterable[OracleEdge]) -> bool:
    """True where a loop of edges shares an instant."""
    known = list(all_edges)
    for moment in {edge[2] for edge in known}:
        inputs: dict[str, set[str]] = {}
        for output, input_, *_ in holding(known, moment):
            inputs.setdefault(output, set()).add(input_)
        while leaves := [item for item, those in inputs.items() if not those & inputs.keys()]:
            for leaf in leaves:
                del inputs[leaf]
        if inputs:
            return True
    return False


def states(told: Iterable[Told], known: int) -> dict[str, ItemState]:
    """Return the last state of every item that exists."""
    return World.of(told, known).states
