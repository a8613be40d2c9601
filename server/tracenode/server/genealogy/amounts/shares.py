"""Which fraction of an item comes from a suspect (SEMANTICS S9).

The share of the suspect is 1, that of an item the mean of the shares of what went into it, weighted
by quantity, all in one dimension. Quantities are added exactly. Shares are decimals of 50 digits,
as exact fractions grow with every step of a chain: over a million steps some 40 digits are right,
of which 12 decimals are told.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from tracenode.server.genealogy.amounts.totals import DIGITS, Inputs
from tracenode.server.genealogy.edges.believed import lens_of
from tracenode.server.genealogy.edges.closure import Link, links_within, reachable, within_sql
from tracenode.server.genealogy.edges.walk import Limits, Origin, Walked, walk
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = ["Share", "fraction", "portions", "shares", "shares_of_walk"]

_PLACES: Final = Decimal("1e-12")
_ONE: Final = Decimal(1)

Share = Decimal | None
"""From 0 to 1; None is unknown."""


def shares(
    reading: Reading, origin: Origin, items: Sequence[int], moment: Moment, span: Span
) -> dict[int, Share]:
    """Return which fraction of each of some items that the suspect went into comes from it, by the
    edges of `span`, to 12 decimals. None is unknown: a quantity that is needed is not recorded,
    the suspect came in measured in two dimensions, or went through a content filled in two.

    Only what lies between the suspect and the items is read, so it is exact whatever limits the
    items were found with.
    """
    between = _between(reading, origin, items, moment, span)
    links = _taken(origin, links_within(reading, between, moment, span), span)
    known = _shares(origin, links, Inputs(reading, links, moment, span))
    return {item: _told(known.get(item)) for item in items}


def shares_of_walk(
    reading: Reading, walked: Walked, items: Sequence[int], moment: Moment, span: Span
) -> dict[int, Share]:
    """As `shares`, for items that a walk from the suspect found: its edges are not read again,
    unless it left some out."""
    if walked.truncated:
        return shares(reading, walked.origin, items, moment, span)
    links = sorted(_leading_to(items, walked.links))
    known = _shares(walked.origin, links, Inputs(reading, links, moment, span))
    return {item: _told(known.get(item)) for item in items}


def _leading_to(items: Sequence[int], links: Iterable[Link]) -> Iterator[Link]:
    """Those of some edges that are on a way to one of the items."""
    into: dict[int, list[Link]] = {}
    for link in links:
        into.setdefault(link.dst, []).append(link)
    todo = list(items)
    while todo:
        for link in into.pop(todo.pop(), ()):
            yield link
            todo.append(link.src)


def portions(links: Iterable[Link], inputs: Inputs) -> list[Share]:
    """Return which fraction of what went into its output each edge is, to 12 decimals."""
    return [None if ratio is None else fraction(*ratio) for ratio in inputs.ratios(links)]


def fraction(part: int, whole: int) -> Decimal:
    """Return a part of a whole to 12 decimals, half to even, in half the time that decimals
    take."""
    found, rest = divmod(part * 10**12, whole)
    if 2 * rest > whole or (2 * rest == whole and found % 2):
        found += 1
    return _PLACES * found


def _told(share: Share) -> Share:
    return None if share is None else share.quantize(_PLACES, context=DIGITS)


def _mean(coming: Iterable[tuple[Link, Share]], inputs: Inputs) -> Share:
    """The share of an item, given the edges over which the suspect came into it, each with the
    share of what it brought."""
    dimensions = set()
    mean = Decimal(0)
    for link, share in coming:
        amount = inputs.amount(link)
        if (
            amount is not None
            and not amount.value
            and inputs.total(link.dst, amount.dimension) != 0
        ):
            continue
        portion = inputs.portion(link)
        if portion is None or share is None:
            return None
        dimensions.add(None if amount is None else amount.dimension)
        mean = DIGITS.fma(portion, share, mean)
    return mean if len(dimensions) < 2 else None


def _between(
    reading: Reading, origin: Origin, items: Sequence[int], moment: Moment, span: Span
) -> list[int]:
    """The items on the ways from the suspect to `items`, both included."""
    above = reachable(reading, items, moment, span, up=True, limit=INF)
    starts = set(origin.starts).intersection(above)
    values = {"ids": json.dumps(list(starts)), "within": json.dumps(above), **moment.parameters}
    return sorted(reading.array(within_sql(lens_of(moment, span)), values))


def _taken(origin: Origin, links: Sequence[Link], span: Span) -> list[Link]:
    """The edges of paths that count."""
    if span is not Span.Ever or all(link.open for link in links):
        return sorted(links)
    at: dict[int, list[Link]] = {}
    for link in links:
        at.setdefault(link.src, []).append(link)
    walked = walk(
        origin,
        lambda items: (link for item in items for link in at.get(item, ())),
        Limits(INF, None, lambda items, n: items[:n]),
        up=False,
        windows=True,
    )
    return sorted(walked.links)


def _shares(origin: Origin, links: Iterable[Link], inputs: Inputs) -> dict[int, Share]:
    """Work shares out in the order of the edges, whatever the depth. An item of a loop, of edges
    that share no instant, has none."""
    known: dict[int, Share] = dict.fromkeys(origin.starts, _ONE)
    coming: dict[int, list[Link]] = {}
    leaving: dict[int, list[int]] = {}
    for link in links:
        if link.dst not in known:
            coming.setdefault(link.dst, []).append(link)
            leaving.setdefault(link.src, []).append(link.dst)
    awaited = Counter({item: len(inward) for item, inward in coming.items()})
    todo = list(origin.starts)
    while todo:
        for item in leaving.get(todo.pop(), ()):
            awaited[item] -= 1
            if not awaited[item]:
                inward = [(link, known[link.src]) for link in coming[item]]
                known[item] = _mean(inward, inputs)
                todo.append(item)
    return known
