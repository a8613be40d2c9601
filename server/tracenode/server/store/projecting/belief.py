"""Writing what is believed: intervals that begin, end, and are given up with their version kept.

`schema` says how a row is known: `kf`, `uev`, and the `_was` tables. A plain end writes no old
version; a changed or withdrawn row goes to its `_was` table, known until now.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tracenode.server.store.adjacency.moved import note
from tracenode.server.store.schema import INF

__all__ = [
    "ALIAS",
    "CONTENT",
    "EDGE",
    "HOLD",
    "LIFE",
    "MOUNT",
    "VISIT",
    "WATCH",
    "EdgeTables",
    "IntervalTable",
    "Key",
    "Row",
    "version",
    "withdraw",
]

Key = tuple[int | str, ...]
Payload = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One believed interval; its beginning is in its key or payload."""

    key: Key
    payload: Payload
    until: int
    uev: int
    kf: int


def _marks(count: int) -> str:
    return ",".join("?" * count)


@dataclass(frozen=True, slots=True)
class IntervalTable:
    """A table that holds open and closed intervals alike. `owner` is the column by whose item the
    intervals are recomputed."""

    name: str
    key: tuple[str, ...]
    payload: tuple[str, ...]
    owner: str
    _sql: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        columns = ",".join((*self.key, *self.payload, "until", "uev", "kf"))
        count = len(self.key) + len(self.payload) + 3
        at_key = " AND ".join(f"{column}=?" for column in self.key)
        self._sql.update(
            rows=f"SELECT {columns} FROM {self.name} WHERE {self.owner}=?",
            put=f"INSERT INTO {self.name}({columns}) VALUES({_marks(count)})",
            was=f"INSERT INTO {self.name}_was({columns},kt) VALUES({_marks(count + 1)})",
            end=f"UPDATE {self.name} SET until=?, uev=? WHERE {at_key}",
            delete=f"DELETE FROM {self.name} WHERE {at_key}",
        )

    def rows(self, connection: sqlite3.Connection, item: int) -> list[Row]:
        keys = len(self.key)
        return [
            Row(row[:keys], row[keys:-3], *row[-3:])
            for row in connection.execute(self._sql["rows"], (item,))
        ]

    def begin(self, connection: sqlite3.Connection, key: Key, payload: Payload, seq: int) -> None:
        connection.execute(self._sql["put"], (*key, *payload, INF, 0, seq))

    def put(self, connection: sqlite3.Connection, row: Row) -> None:
        connection.execute(self._sql["put"], (*row.key, *row.payload, row.until, row.uev, row.kf))

    def end(self, connection: sqlite3.Connection, key: Key, at: int, seq: int) -> None:
        connection.execute(self._sql["end"], (at, seq, *key))

    def delete(self, connection: sqlite3.Connection, row: Row) -> None:
        connection.execute(self._sql["delete"], row.key)

    def keep_version(self, connection: sqlite3.Connection, row: Row, seq: int) -> None:
        connection.execute(
            self._sql["was"], (*row.key, *row.payload, row.until, row.uev, row.kf, seq)
        )


LIFE: Final = IntervalTable("life", ("item", "at", "ev"), ("state",), "item")
VISIT: Final = IntervalTable("visit", ("item", "at", "ev"), ("station",), "item")
HOLD: Final = IntervalTable("hold", ("item", "at", "ev"), ("scope",), "item")
ALIAS: Final = IntervalTable("alias", ("text", "at", "ev"), ("item", "owner"), "owner")
WATCH: Final = IntervalTable("watch", ("ev",), ("at", "station", "low", "high"), "ev")
CONTENT: Final = IntervalTable("content", ("item", "at", "ev"), ("state",), "item")
MOUNT: Final = IntervalTable("mount", ("slot", "at", "ev"), ("item", "derive"), "slot")

_OPEN: Final = "dst,src,ev,ord,at,rel,qty,unit,pos,kf"
_PAST: Final = "dst,src,ev,ord,at,rel,qty,unit,pos,until,uev,kf"
_AT_KEY: Final = "dst=? AND src=? AND ev=? AND ord=?"


class EdgeTables:
    """Edges: open ones in `edge`, closed ones in `edge_past`. Key (dst, src, ev, ord), payload
    (at, rel, qty, unit, pos)."""

    def rows(self, connection: sqlite3.Connection, item: int) -> list[Row]:
        """Return the intervals that an item was installed or packed for."""
        rows = [
            Row(row[:4], row[4:9], INF, 0, row[9])
            for row in connection.execute(
                f"SELECT {_OPEN} FROM edge INDEXED BY edge_out WHERE src=? AND rel IN (2,3)",
                (item,),
            )
        ]
        rows.extend(
            Row(row[:4], row[4:9], *row[9:])
            for row in connection.execute(
                f"SELECT {_PAST} FROM edge_past INDEXED BY edge_past_out"
                " WHERE src=? AND rel IN (2,3)",
                (item,),
            )
        )
        return rows

    def identity(self, connection: sqlite3.Connection, placeholder: int) -> list[Row]:
        """Return the edge of what a placeholder turned out to be; nothing for any other item."""
        found = connection.execute(
            f"SELECT {_OPEN} FROM edge WHERE dst=? AND rel=6", (placeholder,)
        )
        return [Row(row[:4], row[4:9], INF, 0, row[9]) for row in found]

    def row(self, connection: sqlite3.Connection, key: Key) -> Row | None:
        """Return an open edge."""
        found = connection.execute(f"SELECT {_OPEN} FROM edge WHERE {_AT_KEY}", key).fetchone()
        return None if found is None else Row(found[:4], found[4:9], INF, 0, found[9])

    def begin(self, connection: sqlite3.Connection, key: Key, payload: Payload, seq: int) -> None:
        connection.execute(
            f"INSERT INTO edge({_OPEN}) VALUES(?,?,?,?,?,?,?,?,?,?)", (*key, *payload, seq)
        )
        note(connection, key, closed=False, sign=1)

    def put(self, connection: sqlite3.Connection, row: Row) -> None:
        if row.until == INF:
            self.begin(connection, row.key, row.payload, row.kf)
        else:
            connection.execute(
                f"INSERT INTO edge_past({_PAST}) VALUES({_marks(12)})",
                (*row.key, *row.payload, row.until, row.uev, row.kf),
            )
            _note_closed(connection, row, sign=1)

    def end(self, connection: sqlite3.Connection, key: Key, at: int, seq: int) -> None:
        connection.execute(
            f"INSERT INTO edge_past({_PAST}) SELECT dst,src,ev,ord,at,rel,qty,unit,pos,?,?,kf"
            f" FROM edge WHERE {_AT_KEY}",
            (at, seq, *key),
        )
        gone = connection.execute(f"DELETE FROM edge WHERE {_AT_KEY} RETURNING at", key)
        for (begun,) in gone.fetchall():
            note(connection, key, closed=False, sign=-1)
            if begun < at:
                note(connection, key, closed=True, sign=1)

    def delete(self, connection: sqlite3.Connection, row: Row) -> None:
        table = "edge" if row.until == INF else "edge_past"
        connection.execute(f"DELETE FROM {table} WHERE {_AT_KEY}", row.key)
        if row.until == INF:
            note(connection, row.key, closed=False, sign=-1)
        else:
            _note_closed(connection, row, sign=-1)

    def keep_version(self, connection: sqlite3.Connection, row: Row, seq: int) -> None:
        connection.execute(
            f"INSERT INTO edge_was({_PAST},kt) VALUES({_marks(13)})",
            (*row.key, *row.payload, row.until, row.uev, row.kf, seq),
        )

    def open_inside(
        self, connection: sqlite3.Connection, item: int, rel: int
    ) -> tuple[int, ...] | None:
        """Return the key of the open edge by which an item is in a parent (rel 2) or packed
        (rel 3); None where it is in none."""
        source = "edge INDEXED BY edge_contain WHERE src=? AND rel=3"
        if rel != 3:
            source = f"edge INDEXED BY edge_out WHERE src=? AND rel={rel:d}"
        found: tuple[int, ...] | None = connection.execute(
            f"SELECT dst,src,ev,ord FROM {source}", (item,)
        ).fetchone()
        return found


def _note_closed(connection: sqlite3.Connection, row: Row, *, sign: int) -> None:
    begun = row.payload[0]
    if begun is not None and begun < row.until:
        note(connection, row.key, closed=True, sign=sign)


EDGE: Final = EdgeTables()


def version(
    connection: sqlite3.Connection,
    table: IntervalTable | EdgeTables,
    have: Sequence[Row],
    want: Mapping[Key, Row],
    seq: int,
) -> list[Row]:
    """Make the believed rows be the wanted ones as of journal position `seq`, keeping the versions
    that are given up. Return the rows that are new or changed otherwise than by a plain end."""
    for row in have:
        if row.key not in want:
            _give_up(connection, table, row, seq)
    before = {row.key: row for row in have}
    changed: list[Row] = []
    for key, row in want.items():
        old = before.get(key)
        if old is not None:
            if (old.payload, old.until, old.uev) == (row.payload, row.until, row.uev):
                continue
            if old.until == INF and row.uev == seq and old.payload == row.payload:
                table.end(connection, key, row.until, seq)
                continue
            _give_up(connection, table, old, seq)
        table.put(connection, row)
        changed.append(row)
    return changed


def _give_up(
    connection: sqlite3.Connection, table: IntervalTable | EdgeTables, row: Row, seq: int
) -> None:
    table.delete(connection, row)
    if row.kf < seq:
        table.keep_version(connection, row, seq)


def withdraw(connection: sqlite3.Connection, key: Key, seq: int) -> None:
    """Give up a lasting edge, where it is believed."""
    row = EDGE.row(connection, key)
    if row is not None:
        _give_up(connection, EDGE, row, seq)
