"""What a lot or container holds at a moment, and at which of it a question begins (SEMANTICS S5).

A content state is an item of its own in the graph. Its row in `content` begins with the record that
made it, so it has the event time and position of the state itself. A lot that nothing was put to
after it was drawn from is its own content: it has no row, or one of no length where it was emptied.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from tracenode.models.genealogy import Relation
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.models.items import ItemKind
from tracenode.server.genealogy.edges.believed import (
    Lens,
    edge_sources,
    interval_sources,
    lens_of,
)
from tracenode.server.genealogy.edges.closure import links_of
from tracenode.server.genealogy.edges.walk import Origin
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import Reading

__all__ = [
    "Kind",
    "contents",
    "emptied",
    "held_now",
    "in_owner",
    "origin_of",
    "owner_of",
    "with_contents",
]

_KIND = """
SELECT y.cls, i.state_of, y.code FROM item i CROSS JOIN type y ON y.id=i.type WHERE i.id=?"""


class Kind(NamedTuple):
    """What decides where a question about an item begins: whether it is a unit, lot or another,
    the owner of a content, and the part, which of a placeholder is `?`."""

    kind: int
    owner: int | None
    part: str


def origin_of(
    reading: Reading, item: int, moment: Moment, span: Span, *, up: bool, known: Kind | None = None
) -> Origin:
    """Return where a question about an item begins.

    What it went into is asked of the item and of all contents that it has had, so far as they had
    begun. What went into it is asked of its content: that of a container at the moment, the latest
    one of a lot; with the span Ever, of all. A unit, and one content, begin at themselves. Where a
    placeholder went is asked of the item that it turned out to be too.

    The kind of the item is read where it is not `known`.
    """
    kind, owner, part = known or reading.rows(_KIND, (item,))[0]
    if part == PLACEHOLDER and not up:
        same = links_of(
            reading, [item], moment, moment.point, up=True, relations=(Relation.Identity,)
        )
        others = [origin_of(reading, link.src, moment, span, up=False).starts for link in same]
        return Origin(item, (item, *(start for starts in others for start in starts)))
    if owner is not None or kind not in (ItemKind.Lot, ItemKind.Container):
        return Origin(item, (item,))
    if up and span is not Span.Ever and kind == ItemKind.Container:
        return Origin(item, (item, *contents(reading, item, moment, moment.point)))
    states = contents(reading, item, moment, Span.Begun)
    if not up or span is Span.Ever:
        return Origin(item, (item, *states))
    return Origin(item, (states[-1] if states else item,))


def owner_of(reading: Reading, item: int) -> int:
    """Return the lot or container whose content an item is; any other is its own."""
    ((_, owner, _),) = reading.rows(_KIND, (item,))
    return item if owner is None else int(owner)


@cache
def _rows_sql(lens: Lens) -> str:
    rows = " UNION ".join(
        f"SELECT c.at AS at, c.ev AS ev, c.item AS item, c.state AS state"
        f" FROM json_each(:ids) j CROSS JOIN {source.table} c ON c.item=j.value"
        f" AND c.state<>c.item{source.where}"
        for source in interval_sources("content", "c", "j.value", lens)
    )
    return f"SELECT json_group_array(state) FROM (SELECT state FROM ({rows}) ORDER BY item,at,ev)"


def contents(reading: Reading, item: int, moment: Moment, span: Span) -> list[int]:
    """Return the content states of a lot or container, the oldest first."""
    return _states(reading, [item], moment, span)


def with_contents(reading: Reading, items: Sequence[int], moment: Moment) -> list[int]:
    """Return items, and all contents that they have had."""
    return [*items, *_states(reading, items, moment, Span.Begun)]


def _states(reading: Reading, items: Sequence[int], moment: Moment, span: Span) -> list[int]:
    values = {"ids": json.dumps(items), **moment.parameters}
    return reading.array(_rows_sql(lens_of(moment, span)), values)


# ------------------------------------------------------------------ what became of a content
def in_owner(state: str, lens: Lens) -> str:
    """Return the condition that a content, a row of `item`, is in its owner."""
    rows = " UNION ALL ".join(
        f"SELECT 1 FROM {source.table} c WHERE c.item={state}.state_of AND c.at={state}.at"
        f" AND c.ev={state}.ev{source.where}"
        for source in interval_sources("content", "c", f"{state}.id", lens)
    )
    return f"EXISTS({rows})"


def emptied(state: str, point: Lens) -> str:
    """Return the condition that a content, a row of `item`, was thrown away: it is in its owner no
    more, and nothing of it was carried into the next one."""
    begun = Lens(Span.Begun, point.live, point.bounded)
    carried = " OR ".join(
        f"EXISTS(SELECT 1 FROM {source.table} e INDEXED BY {source.table}_out"
        f" WHERE e.src={state}.id AND (e.rel&15)={Relation.Carry:d}{source.where})"
        for source in edge_sources("e", f"{state}.id", point)
    )
    return f"{in_owner(state, begun)} AND NOT {in_owner(state, point)} AND NOT ({carried})"


@cache
def held_sql(point: Lens) -> str:
    """Return the statement for those of `:ids` that are contents and in their owner, as one JSON
    array."""
    return (
        "SELECT json_group_array(i.id) FROM json_each(:ids) j CROSS JOIN item i ON i.id=j.value"
        f" WHERE (i.state_of+0*j.value) IS NOT NULL AND {in_owner('i', point)}"
    )


def held_now(reading: Reading, states: Iterable[int], moment: Moment) -> set[int]:
    """Return those of some content states that are in their owner at the moment."""
    ids = list(states)
    if not ids:
        return set()
    values = {"ids": json.dumps(ids), **moment.parameters}
    return set(reading.array(held_sql(lens_of(moment, moment.point)), values))
