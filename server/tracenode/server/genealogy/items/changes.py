"""When what is believed of an item or a station changed, and which beliefs were given up.

Times are event times in microseconds, each stretch is read by an index. What comes back may name
more times than there were changes: whoever asks compares the values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from tracenode.server.genealogy.items.visits import within
from tracenode.server.genealogy.moment import HEAD, Moment, latest
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = [
    "GivenUp",
    "Occupant",
    "Stretch",
    "Verdicts",
    "given_up",
    "given_up_at",
    "is_begun",
    "item_times",
    "occupant",
    "revision",
    "station_times",
    "verdict_at",
    "verdicts_now",
    "verdicts_within",
]

LATEST: Final = INF - 1
"""A journal position behind all."""
LOOKED_BACK: Final = 64
"""Operations before an instant among which one that had not ended, or the last that had, is sought
where all of the station's would have to be read."""

_OWN: Final = "SELECT at AS t FROM {table} WHERE item=:item AND at>=:low AND at<:high"
_HOLDS: Final = """
SELECT at AS t FROM {table} WHERE (item=:item OR scope=1) AND at>=:low AND at<:high
UNION SELECT until FROM {table} WHERE (item=:item OR scope=1) AND until>=:low AND until<:high"""
_WATCHES: Final = """
SELECT at AS t FROM watch WHERE at>=:low AND at<:high
UNION SELECT until FROM watch WHERE until>=:low AND until<:high"""
_BEGUN: Final = """
SELECT at FROM visit INDEXED BY visit_at WHERE station=:station AND at>=:low AND at<:high
ORDER BY at {order} LIMIT :limit"""
_WAS: Final = """
SELECT at, kt FROM {table} WHERE {key} AND at>=:low AND at<:high ORDER BY at, kt LIMIT :limit"""
_BEGUN_LIFE: Final = """
SELECT 1 FROM life WHERE item=:item AND at<=:T AND kf<=:K
UNION ALL SELECT 1 FROM life_was WHERE item=:item AND at<=:T AND kf<=:K AND kt>:K LIMIT 1"""
_REVISION: Final = "SELECT rec, type, body FROM journal WHERE seq=?"
_OCCUPANT: Final = f"""
SELECT item, at FROM (
  SELECT * FROM (SELECT item, at, ev, until, uev, kf, {INF} AS kt FROM visit INDEXED BY visit_at
    WHERE station=:station AND at<=:T ORDER BY at DESC LIMIT {LOOKED_BACK})
  UNION ALL
  SELECT * FROM (SELECT item, at, ev, until, uev, kf, kt FROM visit_was INDEXED BY visit_was_at
    WHERE station=:station AND at<=:T ORDER BY at DESC LIMIT {LOOKED_BACK})
) WHERE kf<=:K AND kt>:K AND (until>:T OR uev>:K) ORDER BY at DESC, ev DESC LIMIT 1
"""
_EVALUATION: Final = """json_extract(j.body,
  CASE j.type WHEN 'correct' THEN '$.f.replacement.evaluation' ELSE '$.f.evaluation' END)"""
_LAST_VERDICT: Final = f"""
SELECT {_EVALUATION} FROM (
  SELECT * FROM (SELECT until, uev, kf, {INF} AS kt FROM visit INDEXED BY visit_at
    WHERE station=:station AND at<=:T ORDER BY at DESC LIMIT {LOOKED_BACK})
  UNION ALL
  SELECT * FROM (SELECT until, uev, kf, kt FROM visit_was INDEXED BY visit_was_at
    WHERE station=:station AND at<=:T ORDER BY at DESC LIMIT {LOOKED_BACK})
) v CROSS JOIN journal j ON j.seq=v.uev
WHERE v.kf<=:K AND v.kt>:K AND v.until<=:T AND v.uev<=:K AND {_EVALUATION} IS NOT NULL
ORDER BY v.until DESC, v.uev DESC LIMIT 1"""


class Stretch(NamedTuple):
    """Up to `limit` times in [low, high), the latest first where `down`."""

    low: int
    high: int
    limit: int
    down: bool = False

    @property
    def values(self) -> dict[str, int]:
        """The values of a statement."""
        return {"low": self.low, "high": self.high, "limit": self.limit}


class GivenUp(NamedTuple):
    """A time of which another value was believed until journal position `by`."""

    at: int
    by: int


class Occupant(NamedTuple):
    """The item in process at a station, and since when."""

    item: int
    since: int


class Verdicts(NamedTuple):
    """How many operations of a station ended OK and NotOK."""

    ok: int
    not_ok: int


def live(reading: Reading) -> Moment:
    """Return the moment of what is known now, of all event times."""
    ((head, digest, mounts),) = reading.rows(HEAD)
    return latest(reading, None, head, digest, mounts)


# ---------------------------------------------------------------------- items
def item_times(reading: Reading, item: int, tables: Sequence[str], stretch: Stretch) -> list[int]:
    """Return times at which rows of an item's `tables` (life, visit,
    hold) begin; of holds, also where they end, and those on what it may be made of."""
    order = "DESC" if stretch.down else ""
    arms = []
    for table in tables:
        for name in (table, f"{table}_was"):
            sql = _HOLDS if table == "hold" else _OWN
            arms.append(f"SELECT t FROM ({sql.format(table=name)} ORDER BY t {order} LIMIT :limit)")
    if "hold" in tables:
        arms.append(_WATCHES)
    rows = reading.rows(
        f"SELECT DISTINCT t FROM ({' UNION ALL '.join(arms)}) ORDER BY t {order} LIMIT :limit",
        {"item": item, **stretch.values},
    )
    return [moment for (moment,) in rows]


def is_begun(reading: Reading, item: int, moment: int, known: int | None) -> bool:
    """Return whether an item had been registered by an instant, as known at a journal position
    (None: now)."""
    values = {"item": item, "T": moment, "K": LATEST if known is None else known}
    return bool(reading.rows(_BEGUN_LIFE, values))


def given_up(reading: Reading, item: int, tables: Sequence[str], stretch: Stretch) -> list[GivenUp]:
    """Return times of which another belief was given up, by time."""
    values = {"item": item, **stretch.values}
    found: set[GivenUp] = set()
    for table in tables:
        sql = _WAS.format(table=f"{table}_was", key="item=:item")
        found.update(GivenUp(*row) for row in reading.rows(sql, values))
    return sorted(found)[: stretch.limit]


def revision(reading: Reading, position: int) -> tuple[int, str, str]:
    """Return when the record at a position was recorded, its type, and who asked for it."""
    ((rec, type_, body),) = reading.rows(_REVISION, (position,))
    user = json.loads(body).get("q", {}).get("u", "")
    return int(rec), str(type_), str(user)


# ---------------------------------------------------------------------- stations
def station_times(
    reading: Reading, station: str, number: int, stretch: Stretch
) -> tuple[list[int], int | None]:
    """Return times at which operations at a station began or ended, in order, and where to go on;
    the limit is of those that began."""
    low, high, limit, down = stretch
    values = {"station": number, **stretch.values}
    begun = reading.rows(_BEGUN.format(order="DESC" if down else ""), values)
    more = None
    if len(begun) == limit:  # the last one comes again with the next page, with all that ended then
        more = begun[-1][0] + (0 if down else 1)
        low, high = (more, high) if down else (low, more)
    sql, given = within(reading, station, low, high, live(reading))
    rows = reading.rows(f"SELECT at, until FROM ({sql})", given)
    was = reading.rows(
        "SELECT at, until FROM visit_was INDEXED BY visit_was_at"
        " WHERE station=:station AND at>=:low AND at<:high",
        {"station": number, "low": low, "high": high},
    )
    times = {moment for row in (*rows, *was) for moment in row if low <= moment < high}
    return sorted(times, reverse=down), more


def occupant(
    reading: Reading, station: str, number: int, moment: int, known: int | None
) -> Occupant | None:
    """Return the item whose operation at a station had begun last and had not ended at an instant,
    as known at a journal position (None: now); before now, sought among the LOOKED_BACK operations
    before it."""
    position = LATEST if known is None else known
    rows = reading.rows(_OCCUPANT, {"station": number, "T": moment, "K": position})
    if not rows and known is None:
        sql, given = within(reading, station, moment, moment + 1, live(reading))
        rows = reading.rows(
            f"SELECT item, at FROM ({sql}) WHERE at<=:moment AND until>:moment"
            " ORDER BY at DESC, ev DESC LIMIT 1",
            {**given, "moment": moment},
        )
    return Occupant(*rows[0]) if rows else None


def verdict_at(reading: Reading, number: int, moment: int, known: int | None) -> int | None:
    """Return the verdict of the operation that had ended last at a station, among the LOOKED_BACK
    that had begun last; None where none had."""
    position = LATEST if known is None else known
    rows = reading.rows(_LAST_VERDICT, {"station": number, "T": moment, "K": position})
    return int(rows[0][0]) if rows else None


def verdicts_now(reading: Reading, number: int) -> Verdicts:
    """Return how many verdicts of a station stand."""
    rows = reading.rows("SELECT ok, nok FROM station_now WHERE station=?", (number,))
    return Verdicts(*rows[0]) if rows else Verdicts(0, 0)


def verdicts_within(reading: Reading, station: str, since: int, until: int | None) -> Verdicts:
    """Return how many operations of a station ended OK and NotOK in (since, until]; None: ever
    since, all of which are read."""
    end = None if until is None else until + 1
    sql, given = within(reading, station, since, end, live(reading))
    bound = INF if end is None else end
    ((ok, not_ok),) = reading.rows(
        f"SELECT coalesce(sum(e=1),0), coalesce(sum(e=2),0) FROM (SELECT {_EVALUATION} AS e"
        f" FROM ({sql}) v CROSS JOIN journal j ON j.seq=v.uev"
        " WHERE v.until>:since AND v.until<:bound)",
        {**given, "since": since, "bound": bound},
    )
    return Verdicts(ok, not_ok)


def given_up_at(reading: Reading, number: int, stretch: Stretch) -> list[GivenUp]:
    """Return times of which another belief about a station was given up: where its operations
    begin, and where they had ended."""
    values = {"station": number, **stretch.values}
    begun = reading.rows(_WAS.format(table="visit_was", key="station=:station"), values)
    ended = reading.rows(
        "SELECT until, kt FROM visit_was INDEXED BY visit_was_at WHERE station=:station"
        " AND until>=:low AND until<:high ORDER BY until, kt LIMIT :limit",
        values,
    )
    return sorted({GivenUp(*row) for row in (*begun, *ended)})[: stretch.limit]
