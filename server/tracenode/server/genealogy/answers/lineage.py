"""Ingredients and where-used of an item (SEMANTICS S6 to S8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tracenode.models.answers import GenealogyAnswer, Ingredients, WhereUsed
from tracenode.models.errors import MalformedRequest
from tracenode.models.genealogy import Direction, EdgeQuality
from tracenode.models.items import ItemKind
from tracenode.server.genealogy.amounts.shares import portions, shares
from tracenode.server.genealogy.amounts.totals import Inputs
from tracenode.server.genealogy.edges.closure import Link
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.edges.search import search
from tracenode.server.genealogy.edges.walk import Walked
from tracenode.server.genealogy.items.ends import Outcome, leaves
from tracenode.server.genealogy.items.facts import Fact, facts_of, receipts
from tracenode.server.genealogy.items.holds import held
from tracenode.server.genealogy.items.placeholders import unidentified
from tracenode.server.genealogy.items.rendering import edges_of, names_of, nodes_of, place_of
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.genealogy.opening import opened
from tracenode.server.store.reading.snapshot import Reading

_POOLED = int(EdgeQuality.Pooled)

__all__ = ["ids_of", "ingredients", "pooled", "used_span", "where_used"]


def ingredients(reading: Reading, question: Ingredients) -> GenealogyAnswer:
    """Answer what went into an item."""
    moment, root, kind = opened(reading, question)
    span = Span.Ever if question.ever else moment.point
    origin = origin_of(reading, root, moment, span, up=True, known=kind)
    walked = search(reading, origin, moment, span, question, up=True)
    facts = facts_of(reading, walked.depth, moment)
    ends = leaves(walked, facts)
    lots = [item for item in walked.depth if facts[item].kind is ItemKind.Lot]
    came = receipts(reading, list({*ends, *lots}), moment)
    return _answer(
        reading,
        moment,
        span,
        walked,
        facts,
        direction=Direction.Ingredients,
        frontier=set(ends).difference(came) | walked.cut,
        came=came,
    )


def used_span(moment: Moment, *, ever: bool) -> Span:
    """Return which intervals count for where an item went."""
    return Span.Ever if ever or moment.as_of is None else Span.At


def where_used(reading: Reading, question: WhereUsed) -> GenealogyAnswer:
    """Answer where an item went: ever, unless `as_of` alone is given."""
    least = question.min_share
    if least is not None and not 0 <= least <= 1:
        raise MalformedRequest("min_share", "from 0 to 1", str(least))
    moment, root, kind = opened(reading, question)
    span = used_span(moment, ever=question.ever)
    origin = origin_of(reading, root, moment, span, up=False, known=kind)
    walked = search(reading, origin, moment, span, question, up=False)
    facts = facts_of(reading, walked.depth, moment)
    outcome = Outcome(reading, walked, facts, moment)
    frontier = {*outcome.open_ends(), *walked.cut}
    if least is not None:
        known = shares(reading, origin, list(walked.depth), moment, span)
        slight = {item for item, share in known.items() if share is not None and share < least}
        walked, frontier = _without(walked, slight), frontier - slight
    return _answer(
        reading,
        moment,
        span,
        walked,
        facts,
        direction=Direction.WhereUsed,
        frontier=frontier,
        outcome=outcome,
    )


def _without(walked: Walked, items: set[int]) -> Walked:
    return replace(
        walked,
        depth={item: depth for item, depth in walked.depth.items() if item not in items},
        links=[link for link in walked.links if items.isdisjoint((link.src, link.dst))],
    )


def _answer(
    reading: Reading,
    moment: Moment,
    span: Span,
    walked: Walked,
    facts: dict[int, Fact],
    *,
    direction: Direction,
    frontier: set[int],
    came: Mapping[int, str | None] | None = None,
    outcome: Outcome | None = None,
) -> GenealogyAnswer:
    order = sorted(walked.depth, key=place_of(facts, walked.depth))
    place = {item: index for index, item in enumerate(order)}
    up = direction is Direction.Ingredients
    ends = [(place[link.dst], place[link.src]) for link in walked.links]
    if not up:
        ends = [(input_, output) for output, input_ in ends]
    placed = [(end, link.ev, link.ord, link) for end, link in zip(ends, walked.links, strict=True)]
    placed.sort()
    links = [link for *_, link in placed]
    marks = (
        None
        if outcome is None
        else {item: outcome.mark(item) for item in order if item != walked.root}
    )
    names = names_of(reading, links)
    known = facts if walked.whole else None
    inputs = Inputs(reading, links, moment, span, facts=known, units=names.units, came=came)
    return GenealogyAnswer(
        root=facts[walked.root].public,
        direction=direction,
        nodes=nodes_of(order, facts, walked.depth, held(reading, facts, moment), marks),
        edges=edges_of(reading, links, facts, portions(links, inputs), names),
        statement=moment.statement(
            truncated=walked.truncated,
            frontier=ids_of(facts, frontier),
            pooled_edges=pooled(links),
            placeholders=unidentified(reading, facts, walked.depth, moment),
        ),
    )


def ids_of(facts: dict[int, Fact], items: Iterable[int]) -> tuple[str, ...]:
    """Return public ids in their order."""
    return tuple(sorted(facts[item].public for item in items))


def pooled(links: Iterable[Link]) -> int:
    """Count the edges of which it is not known which input went into which output."""
    return sum([link.rel >> 4 == _POOLED for link in links])
