"""What a hold or recall of an item would touch: counts alone."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from tracenode.models.analysis import Impact, ImpactAnswer, ImpactLine
from tracenode.server.genealogy.answers.census import COUNTING, census_of, count
from tracenode.server.genealogy.answers.lineage import ids_of, used_span
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.edges.search import search
from tracenode.server.genealogy.items.ends import Outcome
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.moment import moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import OutOfTime, Reading

__all__ = ["impact"]


def impact(reading: Reading, question: Impact) -> ImpactAnswer:
    """Answer with counts by material and state over all that an item went into, as `RecallScope`
    finds it.

    They are counted in SQLite, a million as well as ten; `max_nodes` does not bound them. With
    `max_depth`, or past the deadline, what a walk within the limits finds is counted.
    """
    moment = moment_of(reading, question)
    root = number_of(reading.connection, question.item, moment.as_of, moment.known)
    span = used_span(moment, ever=question.ever)
    origin = origin_of(reading, root, moment, span, up=False)
    cut: tuple[str, ...] = ()
    census = None
    left = question
    if question.max_depth is None:
        with suppress(OutOfTime), reading.until(time.monotonic() + question.deadline_s * COUNTING):
            census = count(reading, origin, moment, span)
        left = replace(question, deadline_s=question.deadline_s * (1 - COUNTING))
    if census is None:
        walked = search(reading, origin, moment, span, left, up=False)
        facts = facts_of(reading, walked.depth, moment)
        census = census_of(reading, Outcome(reading, walked, facts, moment), moment)
        cut = ids_of(facts, walked.cut)
    return ImpactAnswer(
        root=facts_of(reading, [root], moment)[root].public,
        affected=census.affected,
        lines=tuple(ImpactLine(*line, number) for line, number in sorted(census.lines.items())),
        statement=moment.statement(
            truncated=bool(cut),
            frontier=tuple(sorted(census.open_ends.union(cut))),
            pooled_edges=census.pooled,
            placeholders=census.placeholders,
        ),
    )
