"""What is browsed: long lists by keyset, and how a station is; each one indexed SELECT.

Lists are paged by an opaque key, the last one of the page before. Current belief only; questions
about another time are the genealogy's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from tracenode.models.events import Complete, Correct, TraceEvent
from tracenode.models.genealogy import Relation
from tracenode.models.identifiers import Identity
from tracenode.models.receipts import Record
from tracenode.server.store.file.database import connect_reader, damage_named
from tracenode.server.store.reading.known import number_of_id
from tracenode.server.store.reading.master import master_data
from tracenode.server.store.reading.resolve import parsed, public_id
from tracenode.server.store.schema import INF, OPEN_DIGITS
from tracenode.server.store.writing.journal import (
    NOTED,
    Entry,
    entries,
    entry_at,
    from_microseconds,
    head_of,
    record_of,
)

__all__ = [
    "Catalogue",
    "OrderCounts",
    "StationState",
    "completion_in",
    "records_at",
    "sequences_of",
]

T = TypeVar("T")

PAGE: Final = 16
"""Journal entries that are read at once."""
RECENT: Final = 16
"""Items of a station that are remembered."""

_IRREVOCABLE: Final = (Relation.Consume, Relation.Transform, Relation.Carry)
_LIVES: Final = "EXISTS(SELECT 1 FROM life f WHERE f.item=i.id)"
_OF_TYPE: Final = f"""
SELECT i.text, i.gen FROM item i INDEXED BY item_type
WHERE i.type=:type AND (i.text, i.gen)>(:text, :gen) AND i.state_of IS NULL AND {_LIVES}
ORDER BY i.text, i.gen LIMIT :limit"""
_OUTPUTS: Final = """
SELECT DISTINCT dst FROM edge INDEXED BY edge_out
WHERE src=:item AND dst>:after AND rel & 15 IN ({numbers}) ORDER BY dst LIMIT :limit"""
_INPUTS: Final = """
SELECT DISTINCT src FROM edge
WHERE dst=:item AND src>:after AND rel & 15 IN ({numbers}) ORDER BY src LIMIT :limit"""
_CONTENTS: Final = """
SELECT at, ev, state FROM content WHERE item=:item AND state<>:item AND (at,ev)<(:at,:ev)
ORDER BY at DESC, ev DESC LIMIT :limit"""
_CONTENT_NOW: Final = """
SELECT state, until FROM content WHERE item=? ORDER BY at DESC, ev DESC LIMIT 1"""
_JOINED: Final = "SELECT 1 FROM edge WHERE dst=? AND src=? AND rel & 15 IN ({numbers}) LIMIT 1"
_REPLACED: Final = """
SELECT j.body FROM edge_past e INDEXED BY edge_past_out CROSS JOIN journal j
WHERE e.src=? AND j.seq=e.uev AND j.type='replace' ORDER BY j.seq LIMIT 64"""
_KEYS: Final = """
SELECT DISTINCT m.key FROM master m WHERE m.kind=:kind AND m.key>:after
  AND (SELECT x.data FROM master x WHERE x.kind=m.kind AND x.key=m.key
       ORDER BY x.ev DESC LIMIT 1) IS NOT NULL
ORDER BY m.key LIMIT :limit"""
_ORDERS_OF: Final = """
SELECT DISTINCT m.name FROM json_each(:items) j CROSS JOIN type t CROSS JOIN item i
CROSS JOIN made_for m WHERE EXISTS(SELECT 1 FROM made_for)
  AND t.scheme=j.value->>1 AND t.code=j.value->>2 AND i.text=j.value->>0 AND i.type=t.id
  AND i.gen=j.value->>3 AND i.state_of IS NULL AND m.item=i.id ORDER BY m.name"""
_OPEN_VISITS: Final = f"""
SELECT v.item FROM station s CROSS JOIN visit v INDEXED BY visit_stay
WHERE v.station=s.id AND length(v.until-v.at)={OPEN_DIGITS} ORDER BY s.id, v.at LIMIT ?"""
_STATION: Final = """
SELECT s.id, n.seq, n.ok, n.nok FROM station s LEFT JOIN station_now n ON n.station=s.id
WHERE s.name=?"""
_OPEN_HERE: Final = f"""
SELECT v.item, v.at FROM visit v INDEXED BY visit_stay
WHERE v.station=? AND length(v.until-v.at)={OPEN_DIGITS} ORDER BY v.at DESC LIMIT 1"""
_ENDED_BY: Final = f"""
SELECT v.uev FROM visit v INDEXED BY visit_at WHERE v.station=? AND v.until<{INF}
ORDER BY v.at DESC LIMIT {RECENT}"""
_VISITS: Final = """
SELECT v.item, v.at, v.until FROM visit v INDEXED BY visit_at WHERE v.station=?
ORDER BY v.at DESC LIMIT 64"""


class OrderCounts(NamedTuple):
    """How many items of an order are registered or in process; completed, used or shipped;
    scrapped."""

    in_process: int = 0
    good: int = 0
    scrap: int = 0


@dataclass(frozen=True, slots=True)
class StationState:
    """How a station is. `item` is empty where nothing is in process; `cycle_s` is the duration of
    the last operation that ended, None where there was none."""

    ok: int = 0
    not_ok: int = 0
    last: Record | None = None
    item: str = ""
    started: datetime | None = None
    cycle_s: float | None = None
    recent: tuple[str, ...] = ()


class Catalogue:
    """A read connection of its own, for the one thread that uses it."""

    def __init__(self, path: Path, *, mmap: bool = True) -> None:
        self._path = path
        self._connection = connect_reader(path, mmap=mmap)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a function reads; it must be quick.

        Raises:
            DamagedDatabase: the file can't be read; and whatever `function` raises.
        """
        with damage_named(self._path):
            return function(self._connection)

    # -------------------------------------------------------------- items
    def has_item(self, public: str) -> bool:
        """True where an item of exactly this public id is registered; a content state is none."""
        identity = Identity.parse(public)
        return identity is not None and not identity.state and self._exists(public)

    def _exists(self, public: str) -> bool:
        return self.read(lambda connection: number_of_id(connection, public)) is not None

    def items_of(self, part: str, after: str | None, limit: int) -> list[str]:
        """Return the public ids of the items of a part; `after` is one of them."""
        return self.read(lambda connection: _items_of(connection, part, after, limit))

    def parts(self, after: str | None, limit: int) -> list[str]:
        """Return the parts of which there is or was an item."""
        sql = "SELECT DISTINCT code FROM type WHERE code>? ORDER BY code LIMIT ?"
        return [row[0] for row in self._rows(sql, (after or "", limit))]

    def has_part(self, part: str) -> bool:
        """True where there is or was an item of this part."""
        return bool(self._rows("SELECT 1 FROM type WHERE code=? LIMIT 1", (part,)))

    def outputs(self, public: str, after: str | None, limit: int) -> list[tuple[str, str]]:
        """Return (key, public id) of what an item irrevocably went into."""
        return self._others(_OUTPUTS, _IRREVOCABLE, public, after, limit)

    def inputs(self, public: str, after: str | None, limit: int) -> list[tuple[str, str]]:
        """Return (key, public id) of what irrevocably went into an item."""
        return self._others(_INPUTS, _IRREVOCABLE, public, after, limit)

    def packed(self, public: str, after: str | None, limit: int) -> list[tuple[str, str]]:
        """Return (key, public id) of what is in a container or lot now: its content first, then
        what is packed in it."""
        packed = self._others(_INPUTS, (Relation.Contain,), public, after, limit)
        content = self._content_now(public) if after is None else None
        return packed if content is None else [("0", content), *packed[: limit - 1]]

    def contents(self, public: str, after: str | None, limit: int) -> list[tuple[str, str]]:
        """Return (key, public id) of all contents that a container or lot has had, the latest
        first (SEMANTICS S5)."""
        at, _, ev = (after or f"{INF} {INF}").partition(" ")

        def found(connection: sqlite3.Connection) -> list[tuple[str, str]]:
            given = {"item": number_of_id(connection, public), "at": int(at), "ev": int(ev)}
            rows = connection.execute(_CONTENTS, {**given, "limit": limit}).fetchall()
            return [(f"{at} {ev}", public_id(connection, state)) for at, ev, state in rows]

        return self.read(found)

    def is_derived(self, output: str, input_: str) -> bool:
        """True where `input_` irrevocably went into `output`."""
        return self._joined(output, input_, _IRREVOCABLE)

    def is_packed(self, item: str, container: str) -> bool:
        """True where an item is packed in a container, or is a content that is in its container or
        lot, now."""
        joined = self._joined(container, item, (Relation.Contain,))
        return joined or self._content_now(container) == item

    def is_content(self, item: str, owner: str) -> bool:
        """True where an item is a content that a container or lot has had."""
        return item.rpartition("~s")[0] == owner and self._exists(item)

    def _content_now(self, public: str) -> str | None:
        def found(connection: sqlite3.Connection) -> str | None:
            item = number_of_id(connection, public)
            row = connection.execute(_CONTENT_NOW, (item,)).fetchone()
            if row is None or row[1] < INF or row[0] == item:
                return None
            return public_id(connection, row[0])

        return self.read(found)

    def replaced_by(self, public: str) -> list[str]:
        """Return the parts that came in the place of a part, in the order of the exchanges."""

        def found(connection: sqlite3.Connection) -> list[str]:
            item = number_of_id(connection, public)
            rows = connection.execute(_REPLACED, (item,)).fetchall()
            said = [json.loads(body)["f"] for (body,) in rows]
            return [fields["new_part"] for fields in said if fields.get("old_part") == public]

        return self.read(found)

    def in_process(self, limit: int) -> list[str]:
        """Return the public ids of items with an open operation, by station and time."""

        def ids(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(_OPEN_VISITS, (limit,)).fetchall()
            return [public_id(connection, item) for item in dict.fromkeys(row[0] for row in rows)]

        return self.read(ids)

    # -------------------------------------------------------------- master data
    def keys(self, kind: str, after: str | None, limit: int) -> list[str]:
        """Return the keys in use of a kind of master data."""
        given = {"kind": kind, "after": after or "", "limit": limit}
        return [row[0] for row in self._rows(_KEYS, given)]

    def master(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return an entry in use."""
        return self.read(lambda connection: master_data(connection, kind, key))

    def order(self, key: str) -> OrderCounts:
        """Return the counts of an order; zeros where nothing was made for it."""
        rows = self._rows("SELECT work, good, scrap FROM order_now WHERE name=?", (key,))
        return OrderCounts(*rows[0]) if rows else OrderCounts()

    def orders_of(self, items: Iterable[str]) -> list[str]:
        """Return the orders that some items are, or were at any time, made for."""
        known = [identity for item in items if (identity := parsed(item)) is not None]
        keys = [(each.text, each.scheme, each.part, each.generation) for each in known]
        return [row[0] for row in self._rows(_ORDERS_OF, {"items": json.dumps(keys)})]

    # -------------------------------------------------------------- stations
    def station(self, name: str) -> StationState:
        """Return how a station is; one that booked nothing yet is as new."""
        return self.read(lambda connection: _station(connection, name))

    def completion(self, name: str) -> Record | None:
        """Return the completion, or the correction that put one, that ended the latest operation of
        a station; None where none of the last few was ended by one."""
        return self.read(lambda connection: _completion(connection, name))

    def latest(self, limit: int) -> Iterator[Record]:
        """Yield what was recorded or refused in the last `limit` journal entries, in order, a few
        read at a time: one entry may name thousands of items."""
        after = max(0, self.read(head_of).seq - limit)
        while page := self.read(partial(_page, after=after)):
            after = page[-1].seq
            for entry in page:
                if entry.type != NOTED:
                    yield record_of(entry)

    # -------------------------------------------------------------- shared
    def _rows(self, sql: str, parameters: Any) -> list[Any]:
        return self.read(lambda connection: connection.execute(sql, parameters).fetchall())

    def _joined(self, output: str, input_: str, relations: Sequence[Relation]) -> bool:
        query = _JOINED.format(numbers=_numbers(relations))

        def found(connection: sqlite3.Connection) -> bool:
            ends = [number_of_id(connection, public) for public in (output, input_)]
            return connection.execute(query, ends).fetchone() is not None

        return self.read(found)

    def _others(
        self,
        sql: str,
        relations: Sequence[Relation],
        public: str,
        after: str | None,
        limit: int,
    ) -> list[tuple[str, str]]:
        query = sql.format(numbers=_numbers(relations))

        def found(connection: sqlite3.Connection) -> list[tuple[str, str]]:
            item = number_of_id(connection, public)
            given = {"item": item, "after": int(after or 0), "limit": limit}
            rows = connection.execute(query, given).fetchall()
            return [(str(number), public_id(connection, number)) for (number,) in rows]

        return self.read(found)


def _numbers(relations: Sequence[Relation]) -> str:
    return ",".join(str(int(relation)) for relation in relations)


def _items_of(
    connection: sqlite3.Connection, part: str, after: str | None, limit: int
) -> list[str]:
    start = Identity.parse(after) if after else None
    found: list[str] = []
    types = connection.execute(
        "SELECT id, scheme FROM type WHERE code=? ORDER BY scheme", (part,)
    ).fetchall()
    for number, scheme in types:
        if start is not None and scheme < start.scheme:
            continue
        begins = start is not None and scheme == start.scheme
        given = {
            "type": number,
            "text": start.text if start is not None and begins else "",
            "gen": start.generation if start is not None and begins else -1,
            "limit": limit - len(found),
        }
        rows = connection.execute(_OF_TYPE, given).fetchall()
        found += [str(Identity(scheme, part, text, generation)) for text, generation in rows]
        if len(found) >= limit:
            break
    return found


def _page(connection: sqlite3.Connection, after: int) -> list[Entry]:
    return list(entries(connection, after, PAGE))


def _station(connection: sqlite3.Connection, name: str) -> StationState:
    row = connection.execute(_STATION, (name,)).fetchone()
    if row is None:
        return StationState()
    number, seq, ok, not_ok = row
    entry = entry_at(connection, seq) if seq else None
    open_here = connection.execute(_OPEN_HERE, (number,)).fetchone()
    visits = connection.execute(_VISITS, (number,)).fetchall()
    ended = next(((at, until) for _, at, until in visits if until < INF), None)
    recent = list(dict.fromkeys(item for item, _, _ in visits))[:RECENT]
    return StationState(
        ok=ok or 0,
        not_ok=not_ok or 0,
        last=None if entry is None else record_of(entry),
        item="" if open_here is None else public_id(connection, open_here[0]),
        started=None if open_here is None else from_microseconds(open_here[1]),
        cycle_s=None if ended is None else (ended[1] - ended[0]) / 1e6,
        recent=tuple(public_id(connection, item) for item in recent),
    )


def _completion(connection: sqlite3.Connection, name: str) -> Record | None:
    rows = connection.execute("SELECT id FROM station WHERE name=?", (name,)).fetchall()
    for (station,) in rows:
        for (position,) in connection.execute(_ENDED_BY, (station,)).fetchall():
            entry = entry_at(connection, position)
            record = None if entry is None else record_of(entry)
            if record is not None and completion_in(record.event) is not None:
                return record
    return None


def completion_in(event: TraceEvent) -> Complete | None:
    """Return the completion that an event is, or that a correction puts in the place of another."""
    said = event.replacement if isinstance(event, Correct) else event
    return said if isinstance(said, Complete) else None


def sequences_of(connection: sqlite3.Connection, positions: Iterable[int]) -> dict[int, int]:
    """Return the EventSequence of each journal position that was published."""
    given = json.dumps(sorted(set(positions)))
    rows = connection.execute(
        "SELECT j.seq, json_extract(j.body, '$.es') FROM json_each(?) p"
        " CROSS JOIN journal j ON j.seq=p.value",
        (given,),
    )
    return {seq: sequence for seq, sequence in rows if sequence}


def records_at(connection: sqlite3.Connection, positions: Sequence[int]) -> list[Record]:
    """Return the records at some journal positions, in the order given."""
    found = (entry_at(connection, position) for position in positions)
    return [record_of(entry) for entry in found if entry is not None]
