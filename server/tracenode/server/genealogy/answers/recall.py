"""What must be recalled when an item is suspect."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tracenode.models.answers import RecallAnswer, RecallHit, RecallScope
from tracenode.models.genealogy import EdgeQuality
from tracenode.server.genealogy.amounts.balance import balance_of
from tracenode.server.genealogy.amounts.shares import Share, shares_of_walk
from tracenode.server.genealogy.answers.census import COUNTING, Census, census_of, count
from tracenode.server.genealogy.answers.history import check_page
from tracenode.server.genealogy.answers.lineage import ids_of, used_span
from tracenode.server.genealogy.edges.closure import Link
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.edges.search import search
from tracenode.server.genealogy.edges.walk import Arrival, Limits, Origin, Walked, walk
from tracenode.server.genealogy.items.ends import Outcome
from tracenode.server.genealogy.items.facts import Fact, facts_of
from tracenode.server.genealogy.items.making import maker
from tracenode.server.genealogy.items.rendering import place_of
from tracenode.server.genealogy.moment import Moment, Span, moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import OutOfTime, Reading
from tracenode.server.store.schema import INF

__all__ = ["recall_scope"]


def recall_scope(reading: Reading, question: RecallScope) -> RecallAnswer:
    """Answer with counts over all that the suspect went into, a page of the end items, and the
    balance of the suspect.

    The counts are exact beyond `max_nodes` too; the pages then reach as far as `max_nodes`, in
    breadth-first order, and the statement says truncated. With `max_depth`, or past the deadline,
    the counts are over what was found. The suspect itself, with all its contents, is neither
    counted nor in the frontier; other contents count as the lot or container that they are of.
    """
    check_page(question.offset, question.limit)
    moment = moment_of(reading, question)
    root = number_of(reading.connection, question.item, moment.as_of, moment.known)
    span = used_span(moment, ever=question.ever)
    origin = origin_of(reading, root, moment, span, up=False)
    recall = _Recall(reading, moment, span, origin, question)
    left = question
    if question.limit == 0 and question.max_depth is None:
        census = recall.counted(question.deadline_s * COUNTING)
        if census is not None:
            return recall.answer(census, None)
        left = replace(question, deadline_s=question.deadline_s * (1 - COUNTING))
    walked = search(reading, origin, moment, span, left, up=False)
    outcome = Outcome(reading, walked, facts_of(reading, walked.depth, moment), moment)
    census = None
    if walked.truncated and question.max_depth is None:
        census = recall.counted(question.deadline_s)
    return recall.answer(census or census_of(reading, outcome, moment), outcome)


class _Recall:
    """A recall as it is asked for, within its time."""

    def __init__(
        self,
        reading: Reading,
        moment: Moment,
        span: Span,
        origin: Origin,
        question: RecallScope,
    ) -> None:
        self._reading = reading
        self._moment = moment
        self._span = span
        self._origin = origin
        self._question = question
        self._begun = time.monotonic()
        self._ends = self._begun + question.deadline_s

    def counted(self, within_s: float) -> Census | None:
        """Count in SQLite; None where that takes longer from the beginning."""
        try:
            with self._reading.until(self._begun + within_s):
                self._reading.check()
                return count(self._reading, self._origin, self._moment, self._span)
        except OutOfTime:
            return None

    def answer(self, census: Census, outcome: Outcome | None) -> RecallAnswer:
        reading, moment, question = self._reading, self._moment, self._question
        root = self._origin.asked
        hits: tuple[RecallHit, ...] = ()
        cut: set[str] = set()
        in_time = True
        if outcome is not None:
            walked, facts = outcome.walked, outcome.facts
            order = sorted(outcome.ends(), key=place_of(facts, walked.depth))
            page = order[question.offset : question.offset + question.limit]
            cut = set(ids_of(facts, walked.cut))
            known = self._shares(page, walked)
            in_time = known is not None
            hits = _hits(page, outcome, known or {})
        return RecallAnswer(
            root=facts_of(reading, [root], moment)[root].public,
            affected=census.affected,
            end_items=census.marks.total(),
            by_material=tuple(sorted(census.materials.items())),
            by_mark=tuple(sorted(census.marks.items())),
            offset=question.offset,
            hits=hits,
            statement=moment.statement(
                truncated=not in_time or (outcome is not None and outcome.walked.truncated),
                frontier=tuple(sorted(census.open_ends | cut)),
                pooled_edges=census.pooled,
                placeholders=census.placeholders,
            ),
            balance=balance_of(reading, root, moment, self._ends),
            shares_unknown=sum(hit.share is None for hit in hits),
        )

    def _shares(self, page: Sequence[int], walked: Walked) -> dict[int, Share] | None:
        """The shares of the hits of a page; None past the deadline."""
        if not page:
            return {}
        try:
            with self._reading.until(self._ends):
                return shares_of_walk(self._reading, walked, page, self._moment, self._span)
        except OutOfTime:
            return None


_hit: Final = maker(RecallHit)


def _hits(page: list[int], outcome: Outcome, known: dict[int, Share]) -> tuple[RecallHit, ...]:
    walked, facts = outcome.walked, outcome.facts
    sure = _sure(walked) if page else walked
    certainly, somehow = _Reasons(sure, facts), _Reasons(walked, facts)
    return tuple(
        _hit(
            (fact := facts[item]).public,
            fact.material,
            fact.state,
            outcome.mark(item),
            walked.depth[item],
            not (certain := item in sure.depth),
            (certainly if certain else somehow).of(item),
            known.get(item),
        )
        for item in page
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """An item, and the way to it. Ways share their beginnings: a chain is long, its items many."""

    item: int
    before: _Way | None


class _Reasons:
    """One shortest path to each item, as public ids. Of a run of contents of one container, the
    first and the last one are named: it is the container's whole life otherwise."""

    def __init__(self, walked: Walked, facts: dict[int, Fact]) -> None:
        self._facts = facts
        self._walked = walked
        self._known: dict[int, _Way] = {}
        self._before: Arrival | None = None
        self._beginning: tuple[str, ...] = ()

    def of(self, item: int) -> tuple[str, ...]:
        arrival, fact = self._walked.arrivals[item], self._facts[item]
        if arrival.before is None or fact.owner is not None:
            return self._named(arrival)
        if arrival.before is not self._before:
            self._before = arrival.before
            self._beginning = self._named(arrival.before)
        return (*self._beginning, fact.public)

    def _named(self, arrival: Arrival) -> tuple[str, ...]:
        passed = []
        way: _Way | None = self._way(arrival)
        while way is not None:
            passed.append(self._facts[way.item].public)
            way = way.before
        passed.reverse()
        return tuple(passed)

    def _way(self, arrival: Arrival) -> _Way:
        todo = []
        while id(arrival) not in self._known and arrival.before is not None:
            todo.append(arrival)
            arrival = arrival.before
        way = self._known.get(id(arrival)) or _Way(arrival.item, None)
        for step in reversed(todo):
            way = self._known[id(step)] = _Way(step.item, self._folded(way, step.item))
        return way

    def _folded(self, way: _Way, item: int) -> _Way:
        owner = self._facts[item].owner
        first = way.before
        if owner is None or first is None:
            return way
        run = (way.item, first.item)
        return first if all(self._facts[other].owner == owner for other in run) else way


def _sure(walked: Walked) -> Walked:
    """Walk once more, without the edges of which it is not known which input went where."""
    links = [link for link in walked.links if link.quality is not EdgeQuality.Pooled]
    if len(links) == len(walked.links):
        return walked
    at: dict[int, list[Link]] = {}
    for link in links:
        at.setdefault(link.src, []).append(link)

    def outputs(items: Sequence[int]) -> Iterable[Link]:
        return (link for item in items for link in at.get(item, ()))

    limits = Limits(INF, None, lambda items, n: items[:n])
    return walk(walked.origin, outputs, limits, up=False, windows=walked.windows)
