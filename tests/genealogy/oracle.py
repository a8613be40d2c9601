"""Genealogy worked out by brute force from a list of edges: no SQL, no windows, every path."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from tests.store.oracle import FOREVER, OracleEdge

__all__ = ["reached", "runs", "steps"]

Span = tuple[int, int]
ALWAYS: Span = (-FOREVER, FOREVER)


def reached(
    edges: Iterable[OracleEdge], begins: Iterable[str], *, up: bool, within: Span = ALWAYS
) -> dict[str, int]:
    """Return the length of the shortest path that counts to every item, where it begins at 0: all
    paths are tried, each with the instants that all of its edges share."""
    known = list(edges)
    depth = dict.fromkeys(begins, 0)
    level: set[tuple[str, Span]] = {(item, within) for item in depth}
    tried = set(level)
    length = 0
    while level:
        length += 1
        coming = set()
        for item, span in level:
            for output, input_, at, until in known:
                near, far = (output, input_) if up else (input_, output)
                shared = (max(span[0], at), min(span[1], until))
                if near == item and shared[0] < shared[1]:
                    depth.setdefault(far, length)
                    coming.add((far, shared))
        level = coming - tried
        tried |= level
    return depth


def steps(edges: Iterable[OracleEdge], path: list[str]) -> bool:
    """True where a path from an input to an output has edges that share an instant."""
    known = list(edges)
    spans = {ALWAYS}
    for input_, output in pairwise(path):
        spans = {
            (max(span[0], at), min(span[1], until))
            for span in spans
            for out, in_, at, until in known
            if (out, in_) == (output, input_) and max(span[0], at) < min(span[1], until)
        }
    return bool(spans)


def runs(edges: Iterable[OracleEdge]) -> set[OracleEdge]:
    """Return an edge for every run of contents of one lot or container: a reason names only its
    first and its last."""
    found = {edge for edge in edges if _owner(edge[0]) == _owner(edge[1])}
    while (
        longer := {
            (output, first, max(at, before), min(until, ended))
            for output, middle, at, until in found
            for last, first, before, ended in found
            if last == middle
        }
        - found
    ):
        found |= longer
    return found


def _owner(item: str) -> str:
    return item.partition("~s")[0]
