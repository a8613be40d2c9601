"""Passing units to compare failing ones with, where none are named."""

from __future__ import annotations

import json
from bisect import bisect
from functools import cache
from typing import Final

from tracenode.models.evaluation import Evaluation
from tracenode.server.genealogy.edges.believed import Lens, interval_sources
from tracenode.server.genealogy.edges.closure import CHUNK
from tracenode.server.genealogy.items.visits import Stay, stays_of, verdicts
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = ["controls"]

_BEGUN: Final = """
SELECT json_group_array(json_array(id, born)) FROM (
  SELECT i.id AS id, (SELECT min(at) FROM ({rows}))+0*g.n AS born {items})
WHERE born BETWEEN :first AND :last
"""
_AMONG: Final = """
FROM (SELECT value AS n FROM json_each(:ids)) g CROSS JOIN item i ON i.id=g.n"""
_KINDS: Final = """
SELECT json_group_array(DISTINCT i.type) FROM json_each(:ids) j CROSS JOIN item i ON i.id=j.value"""
# The newest event time of an item is never before its first.
_ALIKE: Final = """
FROM (SELECT :type AS n) g CROSS JOIN item i INDEXED BY item_type
  ON i.type=:type AND i.state_of IS NULL AND i.last>=:first+0*g.n
"""


@cache
def _begun_sql(items: str, lens: Lens) -> str:
    rows = " UNION ALL ".join(
        f"SELECT l.at AS at FROM {source.table} l WHERE l.item=i.id{source.where}"
        for source in interval_sources("life", "l", "i.id", lens)
    )
    return _BEGUN.format(rows=rows, items=items)


def controls(reading: Reading, failed: list[int], count: int, moment: Moment) -> list[int]:
    """Return up to `count` units of the same materials as the failing ones, begun (registered)
    between the first and the last of them, whose last verdict is OK: those first that were begun
    nearest to a failing one, then the earlier, then by their numbers.

    Raises:
        OutOfTime: the deadline has passed.
    """
    lens = Lens(Span.Begun, moment.live, bounded=moment.as_of is not None)
    values = {"ids": json.dumps(failed), "first": -INF, "last": INF, **moment.parameters}
    times = sorted(born for _, born in reading.array(_begun_sql(_AMONG, lens), values))
    if not times:
        return []
    values |= {"first": times[0], "last": times[-1]}
    begun = [
        (_distance(times, born), born, unit)
        for kind in reading.array(_KINDS, values)
        for unit, born in reading.array(_begun_sql(_ALIKE, lens), {**values, "type": kind})
        if unit not in failed
    ]
    ordered = [unit for *_, unit in sorted(begun)]
    found: list[int] = []
    for first in range(0, len(ordered), CHUNK):
        reading.check()
        chunk = ordered[first : first + CHUNK]
        passed = _passed(reading, chunk, moment)
        found += [unit for unit in chunk if unit in passed]
        if len(found) >= count:
            break
    return found[:count]


def _distance(times: list[int], time: int) -> int:
    place = bisect(times, time)
    return min(abs(time - near) for near in times[max(place - 1, 0) : place + 1])


def _passed(reading: Reading, units: list[int], moment: Moment) -> set[int]:
    """Those whose last operation that ended with a verdict ended with OK."""
    ended = [stay for stay in stays_of(reading, units, moment) if stay.until != INF]
    said = verdicts(reading, {stay.closed_by for stay in ended})
    last: dict[int, Stay] = {}
    for stay in ended:
        if said[stay.closed_by] is not None:
            last[stay.item] = max(stay, last.get(stay.item, stay), key=_when)
    return {unit for unit, stay in last.items() if said[stay.closed_by] is Evaluation.OK}


def _when(stay: Stay) -> tuple[int, int]:
    return stay.until, stay.closed_by
