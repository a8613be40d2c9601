"""Counting where an item went, where that is too much to walk in memory.

Where an edge still holds no path is in doubt, so the items that hold the suspect now are counted by
one statement; or with numpy, where the adjacency index is at hand (`tally`). What it reached only
over an edge that has ended must share an instant with all of its path (SEMANTICS S6): those few are
walked in memory, together with what lies above them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from tracenode.models.genealogy import EdgeQuality, HitMark, Relation
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.genealogy.answers.counts import Counts
from tracenode.server.genealogy.answers.lineage import pooled
from tracenode.server.genealogy.edges.arms import arms
from tracenode.server.genealogy.edges.believed import Lens, edge_sources, lens_of
from tracenode.server.genealogy.edges.closure import (
    Link,
    adjacency_of,
    as_json,
    holding,
    links_of,
    reachable,
    within_sql,
)
from tracenode.server.genealogy.edges.contents import in_owner
from tracenode.server.genealogy.edges.walk import Limits, Origin, walk
from tracenode.server.genealogy.items.ends import PLACES, Outcome
from tracenode.server.genealogy.items.facts import facts_of, state_sql
from tracenode.server.genealogy.items.placeholders import unidentified
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = ["COUNTING", "Census", "by_index", "by_tables", "census_of", "count", "counting_sql"]

COUNTING: Final = 5 / 6
"""Part of a question's time for `count`. Where it does not end in it, the rest is for a walk: what
can be found in time is told."""
MANY: Final = 1_500
"""Items from which on the index counts with numpy, where both are at hand."""


@dataclass(slots=True)
class Census:
    """Counts over all that an item went into: by material and state, of ends by their mark.
    `open_ends` are the ends in the plant, `owners` the lots and containers that are counted for
    what is in them alone."""

    affected: int = 0
    lines: Counter[tuple[str, ItemState]] = field(default_factory=Counter)
    marks: Counter[HitMark] = field(default_factory=Counter)
    open_ends: set[str] = field(default_factory=set)
    pooled: int = 0
    placeholders: int = 0
    owners: set[int] = field(default_factory=set)

    @property
    def materials(self) -> Counter[str]:
        """Counts by material."""
        found: Counter[str] = Counter()
        for (material, _), number in self.lines.items():
            found[material] += number
        return found

    def add(self, outcome: Outcome, items: set[int]) -> None:
        """Count items of a walk in memory."""
        facts = outcome.facts
        owners = {item: facts[item].owner for item in items}
        counted = [item for item, owner in owners.items() if owner is None]
        self.affected += len(counted)
        self.lines.update((facts[item].material, facts[item].state) for item in counted)
        self.owners |= {owner for owner in owners.values() if owner is not None}
        self.owners -= owners.keys()
        self.marks.update(outcome.mark(item) for item in items.intersection(outcome.ends()))
        self.open_ends.update(facts[item].public for item in outcome.open_ends() if item in items)

    def add_owners(self, reading: Reading, moment: Moment) -> None:
        """Count the owners of contents, each once."""
        owners = facts_of(reading, self.owners, moment).values()
        self.affected += len(owners)
        self.lines.update((owner.material, owner.state) for owner in owners)


def census_of(reading: Reading, outcome: Outcome, moment: Moment) -> Census:
    """Count the items of a walk."""
    walked = outcome.walked
    starts = set(walked.origin.starts)
    found = walked.depth.keys() - starts
    census = Census(
        pooled=pooled(walked.links),
        placeholders=unidentified(reading, outcome.facts, found, moment),
    )
    census.add(outcome, found)
    census.owners -= starts
    census.add_owners(reading, moment)
    return census


def count(reading: Reading, origin: Origin, moment: Moment, span: Span) -> Census:
    """Count all that an item went into: by the edges that hold at the moment or, with the span
    Ever, by all."""
    starts, point = origin.starts, moment.point
    items = reachable(reading, starts, moment, point, up=False, limit=INF)
    affected, lines, marks, ends, pools, places, owners = by_index(
        reading, starts, items, moment
    ) or by_tables(reading, starts, items, moment)
    census = Census(
        affected,
        Counter({(material, ItemState(state)): number for material, state, number in lines}),
        Counter({HitMark(mark): number for mark, number in marks}),
        {fact.public for fact in facts_of(reading, ends, moment).values()},
        pools,
        places,
        set(owners),
    )
    if span is Span.Ever:
        _count_former(reading, origin, moment, census, items)
    census.add_owners(reading, moment)
    return census


def by_tables(
    reading: Reading, starts: Sequence[int], items: Sequence[int], moment: Moment
) -> Counts:
    """Count `items`, which are all that holds `starts` at the moment, with these."""
    values = {"ids": json.dumps(starts), "items": as_json(items), **moment.parameters}
    return Counts._make(reading.array(counting_sql(lens_of(moment, moment.point)), values))


def by_index(
    reading: Reading, starts: Sequence[int], items: Sequence[int], moment: Moment
) -> Counts | None:
    """As `by_tables`, by the adjacency index; None where it or numpy is not at hand, or not worth
    it."""
    adjacency = adjacency_of(reading, moment) if len(items) >= MANY else None
    tally = None if adjacency is None else _numpy_tally()
    return None if tally is None else tally(reading, adjacency, starts, items, moment)


def _numpy_tally() -> Callable[..., Counts] | None:
    try:
        from tracenode.server.genealogy.answers.tally import tally
    except ImportError:
        return None
    return tally


def _count_former(
    reading: Reading, origin: Origin, moment: Moment, census: Census, items: Sequence[int]
) -> None:
    """Add what the suspect was in once and is in no more; `items` hold it still."""
    ever = reachable(reading, origin.starts, moment, Span.Ever, up=False, limit=INF)
    if len(ever) == len(items):
        return
    doubtful = set(ever).difference(items)
    values = {"ids": as_json(list(doubtful)), "within": as_json(ever), **moment.parameters}
    inner = set(reading.array(within_sql(lens_of(moment, Span.Ever), up=True), values))
    links = links_of(reading, sorted(inner), moment, Span.Ever, up=True)
    links = [link for link in links if link.src in inner]
    links += links_of(reading, sorted(doubtful), moment, Span.Ever, up=False)
    at: dict[int, list[Link]] = {}
    for link in dict.fromkeys(links):
        at.setdefault(link.src, []).append(link)
    walked = walk(
        origin,
        lambda items: (link for item in items for link in at.get(item, ())),
        Limits(INF, None, lambda items, n: items[:n]),
        up=False,
        windows=True,
    )
    outcome = Outcome(reading, walked, facts_of(reading, walked.depth, moment), moment)
    former = walked.depth.keys() & doubtful
    census.add(outcome, former)
    census.owners -= holding(reading, origin.starts, list(census.owners), moment)
    census.pooled += pooled(link for link in walked.links if link.src in former)
    census.placeholders += unidentified(reading, outcome.facts, former, moment)


def _steps(lens: Lens, table: str, *more: str, up: bool, also: str = "") -> str:
    """One step of a recursion over `table`: its `n`, then `more` of its columns."""
    return "".join(
        f" UNION SELECT {','.join((arm.src if up else arm.dst, *more))} FROM {table} {arm.joined}"
        for arm in arms(lens, up=up, table=table, also=also)
    )


def _used(point: Lens, table: str) -> str:
    """The condition that an item, the `n` of a table, is part of something at an instant."""
    kept = f"({Relation.Contain:d},{Relation.Identity:d})"
    return " OR ".join(
        f"EXISTS(SELECT 1 FROM {arm.tables} WHERE {arm.where} AND ({arm.rel}&15) NOT IN {kept})"
        for arm in arms(point, up=False, table=table)
    )


@cache
def counting_sql(point: Lens) -> str:
    """Return the statement that counts `:items`, which are all that holds the items of `:ids` at an
    instant, with these, as one JSON array in the order of Counts. The rules of `ends` in SQL."""
    packed = f" AND ({{rel}}&15){{zero}} IN ({Relation.Contain:d},{Relation.Identity:d})"
    crossed = " UNION ALL ".join(
        f"SELECT {arm.src} FROM t {arm.joined}"
        for arm in arms(point, up=False, also=f" AND ({{rel}}>>4){{zero}}={EdgeQuality.Pooled:d}")
    )
    identified = " UNION ALL ".join(
        f"SELECT a.n, q.src FROM a CROSS JOIN {edge.table} q ON q.dst=a.n"
        f" AND q.rel+0*a.n={Relation.Identity:d}{edge.where} WHERE a.code='{PLACEHOLDER}'"
        for edge in edge_sources("q", "a.n", point)
    )
    places_of = ",".join(f"{kind:d}" for kind in PLACES)
    return (
        # In the order of the tables, what one item needs of a page is there for the next.
        "WITH RECURSIVE t(n) AS MATERIALIZED (SELECT value FROM json_each(:items) ORDER BY value),"
        f" a(n,state,cls,code,owner,kept) AS MATERIALIZED (SELECT i.id, {state_sql(point)},"
        f" y.cls, y.code, i.state_of,"
        f" i.state_of IS NOT NULL AND y.cls IN ({places_of}) AND {in_owner('i', point)}"
        " FROM t CROSS JOIN item i ON i.id=t.n CROSS JOIN type y ON y.id=i.type"
        " WHERE t.n NOT IN (SELECT value FROM json_each(:ids))),"
        f" p(n,mark) AS (SELECT n, iif(state={ItemState.Scrapped:d},{HitMark.Scrapped:d},"
        f"{HitMark.Shipped:d}) FROM a WHERE state IN"
        f" ({ItemState.Scrapped:d},{ItemState.Shipped:d})"
        f"{_steps(point, 'p', 'p.mark', up=True, also=packed)}),"
        f" s(n,item) AS MATERIALIZED ({identified}),"
        " m(n,mark) AS MATERIALIZED (SELECT n, min(mark) FROM p GROUP BY n),"
        " z(n,mark,done) AS MATERIALIZED (SELECT a.n, coalesce(m.mark, 0),"
        f" a.cls={ItemKind.Unit:d} AND a.state IS {ItemState.Completed:d}"
        f" FROM a LEFT JOIN m ON m.n=a.n WHERE a.cls NOT IN ({places_of})"
        f" AND NOT ({_used(point, 'a')}) AND a.n NOT IN (SELECT n FROM s)"
        f" AND a.n NOT IN (SELECT item FROM s WHERE {_used(point, 's')})),"
        " k(n) AS (SELECT n FROM a WHERE kept AND n NOT IN (SELECT n FROM m))"
        " SELECT json_array((SELECT count(*) FROM a WHERE owner IS NULL),"
        " json((SELECT json_group_array(json_array(code, s, c)) FROM (SELECT code,"
        f" coalesce(state, {ItemState.Registered:d}) AS s, count(*) AS c FROM a"
        " WHERE owner IS NULL GROUP BY 1, 2))),"
        " json((SELECT json_group_array(json_array(mark, c)) FROM"
        " (SELECT mark, count(*) AS c FROM z GROUP BY mark))),"
        " json((SELECT json_group_array(n) FROM (SELECT n FROM z WHERE mark=0 AND NOT done"
        " UNION ALL SELECT n FROM k))),"
        f" (SELECT count(*) FROM ({crossed})),"
        f" (SELECT count(*) FROM a WHERE code='{PLACEHOLDER}' AND n NOT IN (SELECT n FROM s)),"
        " json((SELECT json_group_array(DISTINCT owner) FROM a"
        " WHERE owner IS NOT NULL AND owner NOT IN (SELECT n FROM t))))"
    )
