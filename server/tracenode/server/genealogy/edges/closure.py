"""Recursive closure over the edges, as statements of SQLite (STORE, rules 1 to 4).

Sets of ids by recursion are exact for one instant: all edges that hold at an instant share it. For
"ever" they may hold too much where an edge has ended; `walk` decides then (SEMANTICS S6).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.server.genealogy.edges.arms import arms, derived_arms
from tracenode.server.genealogy.edges.believed import Lens, lens_of
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.adjacency.reach import Adjacency
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = [
    "CHUNK",
    "MOUNTED",
    "Link",
    "adjacency_of",
    "as_json",
    "chunks",
    "closure_sql",
    "holding",
    "links_of",
    "links_sql",
    "links_within",
    "reachable",
    "within",
    "within_sql",
]

CHUNK: Final = 2_000
"""Items whose edges leave SQLite in one row: some 10 ms of JSON to read, in which no other thread
of the interpreter runs."""

# Twenty times as quick as calling the enumerations, of which an answer has thousands.
_RELATIONS: Final = {int(relation): relation for relation in Relation}
_QUALITIES: Final = {int(quality): quality for quality in EdgeQuality}


class Link(NamedTuple):
    """An edge as the tables have it, for [at, until) as known; items by their numbers."""

    src: int
    dst: int
    ev: int
    ord: int
    at: int
    until: int
    rel: int
    qty: int | None
    unit: int | None
    pos: int | None

    @property
    def open(self) -> bool:
        return self.until == INF

    @property
    def relation(self) -> Relation:
        return _RELATIONS[self.rel & 15]

    @property
    def quality(self) -> EdgeQuality:
        return _QUALITIES[self.rel >> 4]


@cache
def closure_sql(lens: Lens, *, up: bool) -> str:
    """Return the statement for the ids reachable from `:ids` (a JSON array), at most `:limit`, as
    one JSON array; the given ones are among them."""
    steps = "".join(
        f" UNION SELECT {arm.src if up else arm.dst} FROM t {arm.joined}"
        for arm in arms(lens, up=up)
    )
    return (
        "WITH RECURSIVE t(n) AS (SELECT value FROM json_each(:ids)"
        f"{steps} LIMIT :limit) SELECT json_group_array(n) FROM t"
    )


@cache
def links_sql(lens: Lens, *, up: bool, also: str = "") -> str:
    """Return the statement for the edges at the ids in `:ids`, as one JSON array of rows; `also` as
    in `arms`."""
    selects = " UNION ALL ".join(
        f"SELECT json_array({arm.columns}) r FROM t {arm.joined}"
        for arm in arms(lens, up=up, also=also)
    )
    return (
        "WITH t(n) AS (SELECT value FROM json_each(:ids))"
        f" SELECT '['||coalesce(group_concat(r),'')||']' FROM ({selects})"
    )


@cache
def within_sql(lens: Lens, *, up: bool = False) -> str:
    """Return the statement for what is reachable from `:ids` inside the ids of `:within`, as one
    JSON array: outputs, or inputs where `up`; the given ones are among them."""
    # A sum, so that SQLite does not seek every pair of an item and a member of the set.
    also = f" AND {'{src}' if up else '{dst}'}{{zero}} IN a"
    steps = "".join(
        f" UNION SELECT {arm.src if up else arm.dst} FROM t {arm.joined}"
        for arm in arms(lens, up=up, also=also)
    )
    return (
        "WITH RECURSIVE a(n) AS MATERIALIZED (SELECT value FROM json_each(:within)),"
        f" t(n) AS (SELECT value FROM json_each(:ids){steps})"
        " SELECT json_group_array(n) FROM t"
    )


def reachable(
    reading: Reading, ids: Sequence[int], moment: Moment, span: Span, *, up: bool, limit: int
) -> list[int]:
    """Return the ids reachable from some ids, with them; at most `limit`, in no certain order.

    The adjacency index finds them where it is at hand and knows the edges asked for: those of now,
    or of ever.
    """
    adjacency = adjacency_of(reading, moment)
    if adjacency is not None:
        return _by_index(reading, adjacency, ids, moment, span, up=up, limit=limit)
    sql = closure_sql(lens_of(moment, span), up=up)
    return reading.array(sql, {"ids": json.dumps(ids), "limit": limit, **moment.parameters})


def adjacency_of(reading: Reading, moment: Moment) -> Adjacency | None:
    """Return the adjacency index where it is at hand and knows the moment."""
    return reading.adjacency(moment.known) if moment.live and moment.as_of is None else None


def _by_index(
    reading: Reading,
    adjacency: Adjacency,
    ids: Sequence[int],
    moment: Moment,
    span: Span,
    *,
    up: bool,
    limit: int,
) -> list[int]:
    """As `reachable`. Edges derived from mounts the index does not know: SQLite is asked for those
    at what was found, until that leads to nothing new."""
    ever = span is not Span.Now
    if not moment.mounts:
        return adjacency.reachable(ids, reading.check, up=up, ever=ever, limit=limit)
    found: set[int] = set()
    new: Collection[int] = ids
    while new and len(found) < limit:
        reached = adjacency.reachable(
            new, reading.check, up=up, ever=ever, limit=limit, known=found
        )
        fresh = [item for item in reached if item not in found]
        found.update(fresh)
        new = _derived(reading, fresh, moment, span, up=up) - found
    return list(found)[:limit]


MOUNTED: Final = """
SELECT json_group_array(item)
FROM (SELECT DISTINCT m.item AS item FROM mount m INDEXED BY mount_item LIMIT :limit)"""
"""The items that were ever mounted, at most `:limit`, as one JSON array."""


@cache
def derived_sql(lens: Lens, *, up: bool) -> str:
    """Return the statement for the ids that derived edges lead to from those in `:ids`, as one JSON
    array."""
    steps = " UNION ".join(
        f"SELECT {arm.src if up else arm.dst} AS n FROM t {arm.joined}"
        for arm in derived_arms(lens, up=up)
    )
    return (
        "WITH t(n) AS (SELECT value FROM json_each(:ids))"
        f" SELECT json_group_array(n) FROM ({steps})"
    )


def _derived(
    reading: Reading, ids: Sequence[int], moment: Moment, span: Span, *, up: bool
) -> set[int]:
    """The items that derived edges lead to from some ids."""
    if not up:
        # What was ever mounted is little beside where everything went: it is looked at once, so
        # long as it is less than what was found.
        mounted = reading.array(MOUNTED, {"limit": len(ids)})
        if len(mounted) < len(ids):
            ids = list(set(mounted).intersection(ids))
    sql = derived_sql(lens_of(moment, span), up=up)
    found: set[int] = set()
    for chunk in chunks(sorted(ids)):
        found.update(reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters}))
    return found


def holding(
    reading: Reading, roots: Sequence[int], items: Sequence[int], moment: Moment
) -> set[int]:
    """Return those of `items` that one of `roots` is in at the moment, by any number of edges.

    It is searched from the items upwards first: what went into them is little, where a root went
    may be everything.
    """
    above = reachable(reading, items, moment, moment.point, up=True, limit=INF)
    inside = set(above).intersection(roots)
    return within(reading, inside, above, moment).intersection(items)


def within(
    reading: Reading, roots: Collection[int], above: Sequence[int], moment: Moment
) -> set[int]:
    """Return what `roots` are in at the moment, with them, by edges inside of `above`."""
    if not roots:
        return set()
    values = {"ids": json.dumps(list(roots)), "within": json.dumps(above), **moment.parameters}
    return set(reading.array(within_sql(lens_of(moment, moment.point)), values))


def chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut ids into what one statement takes."""
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def as_json(ids: Sequence[int]) -> str:
    """Return ids as a JSON array, written in pieces between which other threads may run."""
    return "[" + ",".join(json.dumps(chunk)[1:-1] for chunk in chunks(ids)) + "]"


def links_of(
    reading: Reading,
    ids: Sequence[int],
    moment: Moment,
    span: Span,
    *,
    up: bool,
    relations: Sequence[Relation] = (),
) -> list[Link]:
    """Return the edges at some ids, of some relations or of all: those into them where `up`, else
    those out of them."""
    kinds = ",".join(f"{relation:d}" for relation in relations)
    also = f" AND ({{rel}}&15){{zero}} IN ({kinds})" if relations else ""
    sql = links_sql(lens_of(moment, span), up=up, also=also)
    links: list[Link] = []
    for chunk in chunks(ids):
        rows = reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters})
        links.extend(map(Link._make, rows))
    return links


@cache
def inner_links_sql(lens: Lens) -> str:
    """Return the statement for the edges into the ids of `:ids` from those of `:within`, as one
    JSON array of rows."""
    selects = " UNION ALL ".join(
        f"SELECT json_array({arm.columns}) r FROM t {arm.joined}"
        for arm in arms(lens, up=True, also=" AND {src}{zero} IN a")
    )
    return (
        "WITH a(n) AS MATERIALIZED (SELECT value FROM json_each(:within)),"
        " t(n) AS (SELECT value FROM json_each(:ids))"
        f" SELECT '['||coalesce(group_concat(r),'')||']' FROM ({selects})"
    )


def links_within(reading: Reading, ids: Sequence[int], moment: Moment, span: Span) -> list[Link]:
    """Return the edges between some ids."""
    sql = inner_links_sql(lens_of(moment, span))
    values = {"within": json.dumps(ids), **moment.parameters}
    links: list[Link] = []
    for chunk in chunks(ids):
        rows = reading.array(sql, {"ids": json.dumps(chunk), **values})
        links.extend(map(Link._make, rows))
    return links
