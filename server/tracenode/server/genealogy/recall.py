"""What must be recalled when an item is suspect."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from tracenode.models.answers import RecallAnswer, RecallHit, RecallScope
from tracenode.models.genealogy import EdgeQuality
from tracenode.server.genealogy.census import Census, census_of, count
from tracenode.server.genealogy.closure import Link
from tracenode.server.genealogy.ends import Outcome
from tracenode.server.genealogy.facts import facts_of
from tracenode.server.genealogy.history import check_page
from tracenode.server.genealogy.lineage import ids_of
from tracenode.server.genealogy.moment import Moment, Span, moment_of
from tracenode.server.genealogy.rendering import place_of
from tracenode.server.genealogy.search import search
from tracenode.server.genealogy.walk import Limits, Walked, walk
from tracenode.server.store.known import number_of
from tracenode.server.store.schema import INF
from tracenode.server.store.snapshot import OutOfTime, Reading

__all__ = ["recall_scope"]


def recall_scope(reading: Reading, question: RecallScope) -> RecallAnswer:
    """Answer with counts over all that the suspect went into, and a page of the end items.

    The counts are exact beyond `max_nodes` too; the pages then reach as far as `max_nodes`, in
    breadth-first order, and the statement says truncated. With `max_depth`, or past the deadline,
    the counts are over what was found. The suspect itself is neither counted nor in the frontier.
    """
    check_page(question.offset, question.limit)
    moment = moment_of(reading, question)
    root = number_of(reading.connection, question.item, moment.as_of, moment.known)
    if question.limit == 0 and question.max_depth is None:
        census = _counted(reading, root, moment, question)
        if census is not None:
            return _answer(reading, root, moment, question, census=census)
    span = Span.Ever if moment.as_of is None else Span.At
    walked = search(reading, root, moment, span, question, up=False)
    facts = facts_of(reading, walked.depth, moment)
    outcome = Outcome(reading, walked, facts, moment)
    census = None
    if walked.omitted and not walked.unseen and question.max_depth is None:
        census = _counted(reading, root, moment, question)
    census = census or census_of(outcome)
    return _answer(reading, root, moment, question, census=census, outcome=outcome)


def _counted(reading: Reading, root: int, moment: Moment, question: RecallScope) -> Census | None:
    """Count in SQLite; None past the deadline."""
    try:
        with reading.until(time.monotonic() + question.deadline_s):
            return count(reading, root, moment)
    except OutOfTime:
        return None


def _answer(
    reading: Reading,
    root: int,
    moment: Moment,
    question: RecallScope,
    *,
    census: Census,
    outcome: Outcome | None = None,
) -> RecallAnswer:
    page: list[int] = []
    cut: set[str] = set()
    if outcome is not None:
        walked, facts = outcome.walked, outcome.facts
        order = sorted(outcome.ends(), key=place_of(facts, walked.depth))
        page = order[question.offset : question.offset + question.limit]
        cut = set(ids_of(facts, walked.cut))
    return RecallAnswer(
        root=facts_of(reading, [root], moment)[root].public,
        affected=census.affected,
        end_items=census.marks.total(),
        by_material=tuple(sorted(census.materials.items())),
        by_mark=tuple(sorted(census.marks.items())),
        offset=question.offset,
        hits=() if outcome is None else _hits(page, outcome),
        statement=moment.statement(
            truncated=outcome is not None and outcome.walked.truncated,
            frontier=tuple(sorted(census.open_ends | cut)),
            pooled_edges=census.pooled,
            placeholders=census.placeholders,
        ),
    )


def _hits(page: list[int], outcome: Outcome) -> tuple[RecallHit, ...]:
    walked, facts = outcome.walked, outcome.facts
    sure = _sure(walked) if page else walked
    hits = []
    for item in page:
        certain = item in sure.depth
        way = (sure if certain else walked).way(item)
        fact = facts[item]
        hits.append(
            RecallHit(
                fact.public,
                fact.material,
                fact.state,
                outcome.mark(item),
                walked.depth[item],
                not certain,
                (facts[walked.root].public, *(facts[link.dst].public for link in way)),
            )
        )
    return tuple(hits)


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
    return walk(walked.root, outputs, limits, up=False, windows=walked.windows)
