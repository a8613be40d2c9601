"""What units are made of and went through: ingredients, stations, slots, tools, operators, hours.
Of many units at once (STORE, "common ancestors of many units")."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

from tracenode.models.analysis import CauseKind
from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.server.genealogy.edges.arms import arms
from tracenode.server.genealogy.edges.believed import Lens, lens_of
from tracenode.server.genealogy.edges.closure import chunks, links_of
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.items.rendering import edges_of
from tracenode.server.genealogy.items.visits import stays_of
from tracenode.server.genealogy.moment import Moment
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.writing.journal import from_microseconds, microseconds

__all__ = ["Trait", "traits_of"]

_TOUCHES: Final = """
SELECT json_group_array(json_array(t.item, t.seq)) FROM json_each(:ids) j
CROSS JOIN touch t ON t.item=j.value AND t.seq<=:K
WHERE NOT EXISTS(SELECT 1 FROM void v WHERE v.ev=t.seq AND v.by<=:K)
"""
_SAID: Final = """
SELECT json_group_array(json_array(r.seq, r.at, json_extract(r.body, '$.f.tool',
  '$.f.operator', '$.f.replacement.tool', '$.f.replacement.operator',
  '$.f.replacement.event_time')))
FROM json_each(:ids) j CROSS JOIN journal r ON r.seq=j.value
WHERE r.type NOT IN ('void', 'hold', 'release')
"""


class Trait(NamedTuple):
    """Something that a unit may have in common with others; an item by its number."""

    kind: CauseKind
    value: int | str


def traits_of(
    reading: Reading, units: Sequence[int], moment: Moment, max_depth: int | None
) -> Counter[Trait]:
    """Count by how many of the units each trait is had.

    Ingredients are those at the moment, at most `max_depth` levels deep. Stations, slots, hours,
    tools and operators are those of the unit's own operations and records; an hour is the one in
    which an operation began. Voided records say nothing, corrected ones what they were corrected
    to; holds, releases and voids are not about what happened to the unit.

    Raises:
        OutOfTime: the deadline has passed.
    """
    reading.check()
    found = _ingredients(reading, units, moment, max_depth)
    had = {
        *_stations(reading, units, moment),
        *_slots(reading, units, moment),
        *_records(reading, units, moment),
    }
    found.update(trait for _, trait in had)
    return found


# ------------------------------------------------------------------ ingredients
@cache
def ancestors_sql(lens: Lens, *, bounded: bool) -> str:
    """Return the statement for the numbers of items, and of how many units each is an ingredient,
    as one JSON array. `:starts` holds pairs of a unit and an item at which its ingredients begin;
    `bounded`: no deeper than `:depth`."""
    deep, deeper, also = (",d", ",t.d+1", " AND t.d{zero}<:depth") if bounded else ("", "", "")
    steps = "".join(
        f" UNION SELECT t.r,{arm.src}{deeper} FROM t {arm.joined}"
        for arm in arms(lens, up=True, also=also)
    )
    return (
        f"WITH RECURSIVE t(r,n{deep}) AS (SELECT json_extract(value,'$[0]'),"
        f" json_extract(value,'$[1]'){',0' if bounded else ''} FROM json_each(:starts){steps})"
        " SELECT json_group_array(json_array(n,c)) FROM"
        " (SELECT n, count(DISTINCT r) AS c FROM t WHERE n<>r GROUP BY n)"
    )


def _ingredients(
    reading: Reading, units: Sequence[int], moment: Moment, max_depth: int | None
) -> Counter[Trait]:
    starts = [
        (unit, start)
        for unit in units
        for start in origin_of(reading, unit, moment, moment.point, up=True).starts
    ]
    sql = ancestors_sql(lens_of(moment, moment.point), bounded=max_depth is not None)
    values = {"starts": json.dumps(starts), "depth": max_depth, **moment.parameters}
    return Counter({Trait(CauseKind.Item, n): count for n, count in reading.array(sql, values)})


# ------------------------------------------------------------------ what it went through
def _stations(
    reading: Reading, units: Sequence[int], moment: Moment
) -> Iterator[tuple[int, Trait]]:
    for stay in stays_of(reading, units, moment):
        yield stay.item, Trait(CauseKind.Station, stay.station)
        hour = f"{from_microseconds(stay.at):%Y-%m-%dT%H}Z"
        yield stay.item, Trait(CauseKind.Hour, f"{stay.station} {hour}")


def _slots(reading: Reading, units: Sequence[int], moment: Moment) -> Iterator[tuple[int, Trait]]:
    """The slots whose material went into the units, as derived (SEMANTICS S12)."""
    if not moment.mounts:
        return
    relations = (Relation.Consume,)
    links = links_of(reading, units, moment, moment.point, up=True, relations=relations)
    derived = [link for link in links if link.quality is EdgeQuality.Interval]
    facts = facts_of(reading, {n for link in derived for n in (link.src, link.dst)}, moment)
    for link, edge in zip(derived, edges_of(reading, derived, facts), strict=True):
        yield link.dst, Trait(CauseKind.Slot, f"{edge.station}/{edge.position}")


def _records(reading: Reading, units: Sequence[int], moment: Moment) -> Iterator[tuple[int, Trait]]:
    touches: list[tuple[int, int]] = []
    for chunk in chunks(units):
        touches += reading.array(_TOUCHES, {"ids": json.dumps(chunk), **moment.parameters})
    said: dict[int, list[Trait]] = {}
    for chunk in chunks(sorted({seq for _, seq in touches})):
        for seq, at, words in reading.array(_SAID, {"ids": json.dumps(chunk)}):
            tool, operator, other_tool, other_operator, time = words
            then = at if time is None else microseconds(datetime.fromisoformat(time))
            if moment.as_of is None or then <= moment.as_of:
                traits = (
                    Trait(CauseKind.Tool, tool or other_tool or ""),
                    Trait(CauseKind.Operator, operator or other_operator or ""),
                )
                said[seq] = [trait for trait in traits if trait.value]
    for unit, seq in touches:
        for trait in said.get(seq, ()):
            yield unit, trait
