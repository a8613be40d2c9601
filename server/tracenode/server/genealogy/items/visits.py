"""Operations on items at stations, as believed: when they began and ended, with what verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from tracenode.models.errors import UnknownStation
from tracenode.models.evaluation import Evaluation
from tracenode.server.genealogy.edges.believed import Lens, Source, interval_sources, lens_of
from tracenode.server.genealogy.edges.closure import chunks
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = ["Stay", "station_number", "stays_of", "verdicts", "within", "within_sql"]

_VERDICTS: Final = """
SELECT json_group_array(json_array(r.seq, json_extract(r.body,
  CASE r.type WHEN 'correct' THEN '$.f.replacement.evaluation' ELSE '$.f.evaluation' END)))
FROM json_each(:ids) j CROSS JOIN journal r ON r.seq=j.value
"""
_STATION: Final = """
SELECT (SELECT id FROM station WHERE name=:name),
  EXISTS(SELECT 1 FROM master WHERE kind='station' AND key=:name)
"""
_NOWHERE: Final = 0
_STAYS: Final = json.dumps([10**digits for digits in range(1, 20)])
"""What a stay of so many digits, in microseconds, is shorter than."""


class Stay(NamedTuple):
    """An operation on an item, for [at, until) in microseconds; `until` INF is open. `closed_by` is
    the journal position of the record that ended it."""

    item: int
    station: str
    at: int
    until: int
    closed_by: int


def station_number(reading: Reading, name: str) -> int:
    """Return the number of a station; one that no record has where it only stands in the master
    data.

    Raises:
        UnknownStation: no record and no master data names it.
    """
    ((number, planned),) = reading.rows(_STATION, {"name": name})
    if number is None and not planned:
        raise UnknownStation(name)
    return _NOWHERE if number is None else int(number)


def _end(source: Source, lens: Lens) -> str:
    """The end of an operation: at the moment, one that ends later is open."""
    return f"iif({source.until}>:T,{INF},{source.until})" if lens.bounded else source.until


@cache
def _stays_sql(lens: Lens) -> str:
    rows = " UNION ALL ".join(
        f"SELECT json_array(x.item,s.name,x.at,{_end(source, lens)},x.uev) AS r"
        f" FROM json_each(:ids) j CROSS JOIN {source.table} x ON x.item=j.value{source.where}"
        " CROSS JOIN station s ON s.id=x.station"
        for source in interval_sources("visit", "x", "j.value", lens)
    )
    return f"SELECT '['||coalesce(group_concat(r),'')||']' FROM ({rows})"


@cache
def within_sql(lens: Lens) -> str:
    """Return the statement for the rows (item, at, ev, until, uev) of the operations at the station
    `:station` that share an instant with, or began within, [`:begin`, `:end`).

    Those that had begun before are sought by the digits of their stay (`:stays`), so that the
    station's whole history is not read.
    """
    arms = []
    for source in interval_sources("visit", "x", "s.id", lens):
        columns = f"SELECT x.item AS item, x.at AS at, x.ev AS ev, {_end(source, lens)} AS until"
        table = f"CROSS JOIN {source.table} x INDEXED BY {source.table}"
        within = f"x.station=s.id{source.where} AND x.at<:end+0*s.id"
        arms.append(
            f"{columns}, x.uev AS uev FROM s {table}_at ON {within} AND x.at>=:begin+0*s.id"
        )
        over = f"x.at<:begin+0*s.id AND {source.until}>:begin+0*s.id"
        if lens.live:
            arms.append(
                f"{columns}, x.uev AS uev FROM s CROSS JOIN json_each(:stays) d {table}_stay"
                f" ON {within} AND length(x.until-x.at)=d.key+1 AND x.at>:begin-d.value AND {over}"
            )
        else:
            arms.append(f"{columns}, x.uev AS uev FROM s {table}_at ON {within} AND {over}")
    return f"WITH s(id) AS (SELECT :station) {' UNION ALL '.join(arms)}"


def within(
    reading: Reading, station: str, since: int | None, until: int | None, moment: Moment
) -> tuple[str, dict[str, Any]]:
    """Return the statement of `within_sql` with its values; None is open.

    Raises:
        UnknownStation: as `station_number`.
    """
    values = {
        "station": station_number(reading, station),
        "begin": -INF if since is None else since,
        "end": INF if until is None else until,
        "stays": _STAYS,
        **moment.parameters,
    }
    return within_sql(lens_of(moment, Span.Begun)), values


def stays_of(reading: Reading, items: Sequence[int], moment: Moment) -> list[Stay]:
    """Return the operations on some items that had begun by the moment, unordered."""
    sql = _stays_sql(lens_of(moment, Span.Begun))
    stays: list[Stay] = []
    for chunk in chunks(items):
        rows = reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters})
        stays.extend(map(Stay._make, rows))
    return stays


def verdicts(reading: Reading, positions: Iterable[int]) -> dict[int, Evaluation | None]:
    """Return the verdict of each record that ended an operation; None where it gave none."""
    found: dict[int, Evaluation | None] = {}
    for chunk in chunks(sorted(set(positions))):
        for position, number in reading.array(_VERDICTS, {"ids": json.dumps(chunk)}):
            found[position] = None if number is None else Evaluation(number)
    return found
