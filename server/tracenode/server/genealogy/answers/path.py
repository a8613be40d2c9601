"""How one item went into another (SEMANTICS S6)."""

from __future__ import annotations

from tracenode.models.answers import PathAnswer, PathBetween
from tracenode.server.genealogy.amounts.shares import portions
from tracenode.server.genealogy.amounts.totals import Inputs
from tracenode.server.genealogy.answers.lineage import pooled
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.edges.search import search
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.items.placeholders import unidentified
from tracenode.server.genealogy.items.rendering import edges_of
from tracenode.server.genealogy.moment import Span, moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import Reading

__all__ = ["path_between"]


def path_between(reading: Reading, question: PathBetween) -> PathAnswer:
    """Answer with one shortest path whose edges share an instant: any, or that of `as_of`. It
    leads from the item or one of its contents to the other item or one of its contents.

    It is searched from the downstream end: what went into one thing is little, where a lot went
    may be everything.
    """
    moment = moment_of(reading, question)
    start = number_of(reading.connection, question.item, moment.as_of, moment.known)
    end = number_of(reading.connection, question.into, moment.as_of, moment.known)
    span = Span.Ever if moment.as_of is None else Span.At
    starts = origin_of(reading, start, moment, span, up=False).starts
    origin = origin_of(reading, end, moment, span, up=True)
    walked = search(reading, origin, moment, span, question, up=True, targets=starts)
    found = [item for item in starts if item in walked.arrivals]
    links, items = [], []
    if found:
        nearest = min(found, key=walked.depth.__getitem__)
        links = walked.way(nearest)[::-1]
        items = [nearest, *(link.dst for link in links)]
    facts = facts_of(reading, {start, end, *items}, moment)
    return PathAnswer(
        root=facts[start].public,
        into=facts[end].public,
        items=tuple(facts[item].public for item in items),
        edges=edges_of(
            reading, links, facts, portions(links, Inputs(reading, links, moment, span))
        ),
        statement=moment.statement(
            truncated=walked.truncated and not items,
            pooled_edges=pooled(links),
            placeholders=unidentified(reading, facts, items, moment),
        ),
    )
