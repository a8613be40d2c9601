"""Searching the edges for a question: closure first, then the walk over what it found."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from tracenode.models.answers import Asked
from tracenode.models.errors import MalformedRequest
from tracenode.server.genealogy.edges.closure import Link, links_of, reachable
from tracenode.server.genealogy.edges.walk import Limits, Origin, Walked, walk, walk_all
from tracenode.server.genealogy.items.facts import earliest
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import OutOfTime, Reading

__all__ = ["search"]

SMALL: Final = 10_000
"""Items that are walked without a look at the clock: some 50 ms."""


def search(
    reading: Reading,
    origin: Origin,
    moment: Moment,
    span: Span,
    question: Asked,
    *,
    up: bool,
    targets: Collection[int] = (),
) -> Walked:
    """Find what an item is connected with: what went into it where `up`, else where it went; no
    further than to the first of `targets`.

    One recursive statement finds the items and a second one their edges, which are then walked in
    memory. Where there are more than `max_nodes`, or half of the time is used up, the walk reads
    level by level and ends at the limit. Both ways find the same.
    """
    _check_limits(question)
    begun = time.monotonic()
    limits = Limits(
        question.max_nodes, question.max_depth, lambda ids, n: earliest(reading, ids, n, moment)
    )
    known: _Known | None = None
    try:
        with reading.until(begun + question.deadline_s / 2):
            limit = question.max_nodes + 1
            ids = reachable(reading, origin.starts, moment, span, up=up, limit=limit)
            if len(ids) <= question.max_nodes:
                known = _Known(links_of(reading, ids, moment, span, up=up), up=up)
                simple = question.max_depth is None and not targets and len(ids) <= SMALL
                if simple and len(ids) < question.max_nodes and not known.windows(span):
                    reading.check()
                    return walk_all(origin, known.links_at, up=up)
    except OutOfTime:
        pass

    def read(items: Sequence[int]) -> list[Link]:
        reading.check()
        return links_of(reading, items, moment, span, up=up)

    with reading.until(begun + question.deadline_s):
        if known is None:
            return walk(origin, read, limits, up=up, windows=span is Span.Ever, targets=targets)

        def remembered(items: Sequence[int]) -> Iterable[Link]:
            reading.check()
            return known.at(items)

        return walk(origin, remembered, limits, up=up, windows=known.windows(span), targets=targets)


class _Known:
    """Edges in memory, by the item that they are walked from."""

    def __init__(self, links: list[Link], *, up: bool) -> None:
        self._links = links
        self.links_at: dict[int, list[Link]] = {}
        for link in links:
            self.links_at.setdefault(link.dst if up else link.src, []).append(link)

    def windows(self, span: Span) -> bool:
        """True where the edges may share no instant."""
        return span is Span.Ever and not all(link.open for link in self._links)

    def at(self, items: Sequence[int]) -> Iterable[Link]:
        at = self.links_at
        return (link for item in items for link in at.get(item, ()))


def _check_limits(question: Asked) -> None:
    if question.max_nodes < 1:
        raise MalformedRequest("max_nodes", "at least 1", str(question.max_nodes))
    if question.max_depth is not None and question.max_depth < 0:
        raise MalformedRequest("max_depth", "at least 0", str(question.max_depth))
