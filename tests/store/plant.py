"""A store in memory with a clock of its own, to book on in tests."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tracenode.models.events import Master, TraceEvent, parse_event
from tracenode.models.receipts import Receipt, Requester
from tracenode.models.status import TraceStatus
from tracenode.server.store.projecting import projector
from tracenode.server.store.projecting.facts import BOOKED_NOTHING, entry
from tracenode.server.store.projecting.memory import RememberingConnection, forget
from tracenode.server.store.projecting.orders import place
from tracenode.server.store.projecting.standing import standing_of
from tracenode.server.store.projecting.stock import holding_of
from tracenode.server.store.projecting.tail import inside
from tracenode.server.store.reading.master import master_data
from tracenode.server.store.schema import INF, JOURNAL, PROJECTION_TABLES, PROJECTIONS
from tracenode.server.store.writing.recording import Recorder, Request

__all__ = ["START", "Plant", "believed_intervals", "instant", "misremembered"]

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
_START_US = int(START.timestamp()) * 1_000_000
Kind = TypeVar("Kind", bound=sqlite3.Connection)
OF_REQUESTS = {"request", "unpublished", "last_request"}
"""Tables that the recorder fills, not the projector."""


def instant(minute: float) -> datetime:
    """Return a time of the plant's day."""
    return START + timedelta(minutes=minute)


def empty_store(kind: type[Kind]) -> Kind:
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=kind)
    connection.executescript(JOURNAL + PROJECTIONS)
    connection.execute("INSERT INTO meta VALUES('store','0'),('site','S')")
    return connection


class Plant:
    """Books events; the clock goes one minute on with each, unless a minute is given."""

    def __init__(self, *, masters: bool = True) -> None:
        self.connection = empty_store(RememberingConnection)
        self.minute = 0.0
        self._recorder = Recorder(self.connection, self._clock)
        if masters:
            for key, kind in {
                "PUMP": "unit",
                "MOTOR": "unit",
                "CAR": "unit",
                "STEEL": "lot",
                "GLUE": "lot",
                "BOX": "container",
                "TRAY": "carrier",
            }.items():
                self.master("material", key, kind=kind)

    def _clock(self) -> int:
        return _START_US + int(self.minute * 60_000_000)

    def master(self, table: str, key: str, **data: Any) -> Receipt:
        return self.ok(Master.model_validate({"kind": table, "key": key, "data": data}))

    def book(self, event: TraceEvent | str, minute: float | None = None, **fields: Any) -> Receipt:
        """Book an event; with `minute` it happened then, else now."""
        if isinstance(event, str):
            event = parse_event({"type": event, **fields})
        if minute is not None:
            event = event.model_copy(update={"event_time": instant(minute)})
            self.minute = max(self.minute, minute)
        else:
            self.minute += 1
        return self._recorder.record(Request(event, Requester("test")), tell=False).receipt

    def ok(self, event: TraceEvent | str, minute: float | None = None, **fields: Any) -> Receipt:
        receipt = self.book(event, minute, **fields)
        assert receipt.status is TraceStatus.Ok, f"{receipt.status.name}: {receipt.text}"
        return receipt

    def refused(
        self,
        status: TraceStatus,
        event: TraceEvent | str,
        minute: float | None = None,
        **fields: Any,
    ) -> Receipt:
        before = self.dump()
        receipt = self.book(event, minute, **fields)
        assert receipt.status is status, f"{receipt.status.name}: {receipt.text}"
        assert self.dump() == before, "a refusal changed the tables"
        return receipt

    def make(self, *items: str) -> None:
        """Register items, each `MATERIAL text`."""
        for item in items:
            material, _, text = item.partition(" ")
            self.ok("register", item=text, material=material)

    # -------------------------------------------------------------- what the tables say
    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, values).fetchall()

    @property
    def seq(self) -> int:
        return int(self.rows("SELECT max(seq) FROM journal")[0][0])

    def type_of(self, receipt: Receipt) -> str:
        return str(self.rows("SELECT type FROM journal WHERE seq=?", receipt.position)[0][0])

    def edges(self, at: float | None = None, known: int | None = None) -> set[tuple[str, str]]:
        """Return (output, input) texts of the edges at a minute (None: open), as known at a
        position (None: now)."""
        then = None if at is None else _START_US + int(at * 60_000_000)
        return {(out, in_) for out, in_, *_ in believed_edges(self.connection, then, known)}

    def state(self, text: str) -> int | None:
        rows = self.rows(
            "SELECT l.state FROM item i JOIN life l ON l.item=i.id WHERE i.text=?"
            " ORDER BY i.gen DESC, l.at DESC, l.ev DESC LIMIT 1",
            text,
        )
        return rows[0][0] if rows else None

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        return dump(self.connection)

    def replayed(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the tables as a replay of the journal into fresh ones, on a connection without a
        memory, fills them."""
        other = empty_store(sqlite3.Connection)
        other.execute("INSERT INTO source VALUES(1,'test')")
        for row in self.rows("SELECT * FROM journal ORDER BY seq"):
            other.execute("INSERT INTO journal VALUES(?,?,?,?,?,?,?,?)", row)
        for (seq,) in self.rows("SELECT seq FROM journal ORDER BY seq"):
            type_, at, event = entry(other, seq)
            if type_ not in BOOKED_NOTHING:
                assert event is not None
                projector.apply(other, seq, at, event)
        return dump(other)


def _is_used(connection: sqlite3.Connection, item: int) -> bool:
    rows = connection.execute(
        "SELECT 1 FROM edge WHERE src=:n UNION ALL SELECT 1 FROM edge_past WHERE src=:n",
        {"n": item},
    )
    return rows.fetchone() is not None


def misremembered(connection: RememberingConnection) -> set[str]:
    """Return what the connection remembers otherwise than its tables have it."""
    memory = connection.memory
    wrong: set[str] = set()
    forget(connection)
    for public, standing in memory.items.items():
        found = standing_of(connection, public)
        if found is not None:
            for rel in standing.inside:
                inside(connection, found, rel)
            found.used = standing.used or _is_used(connection, found.number)
            if standing.order is not None:
                place(connection, found)
        if found != standing:
            wrong.add(f"{public}: {standing}, not {found}")
    for number, holding in memory.holdings.items():
        found_holding = holding_of(connection, number, container=holding.container)
        if found_holding != holding:
            wrong.add(f"{number}: {holding}, not {found_holding}")
    for (kind, key), data in memory.master.items():
        if json.dumps(master_data(connection, kind, key), sort_keys=True) != (data or "null"):
            wrong.add(f"{kind} {key}")
    for (select, *values), number in memory.interned.items():
        if connection.execute(select, values).fetchone() != (number,):
            wrong.add(f"{values}: {number}")
    widest = connection.execute(
        "SELECT max(scope) FROM (SELECT max(scope) AS scope FROM hold WHERE until=:inf"
        " UNION ALL SELECT 2 FROM watch WHERE until=:inf)",
        {"inf": INF},
    ).fetchone()
    if memory.held not in (None, widest):
        wrong.add(f"holds of {memory.held}")
    connection.memory = memory
    return wrong


def dump(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: connection.execute(f"SELECT * FROM {table} ORDER BY 1,2,3,4").fetchall()
        if table in {"edge", "edge_past", "edge_was", "item", "alias", "life", "visit", "hold"}
        else sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
        for table in PROJECTION_TABLES
        if table not in OF_REQUESTS
    }


INTERVALS = {
    "life": "item, at, ev, state",
    "visit": "item, at, ev, station",
    "hold": "item, at, ev, scope",
    "watch": "ev, at, station, low, high",
    "alias": "text, at, ev, item, owner",
    "content": "item, at, ev, state",
}


def believed_intervals(
    connection: sqlite3.Connection, known: int
) -> set[tuple[str, tuple[object, ...]]]:
    """Return the rows of every table of intervals, with their end, as known at a position."""
    infinite = 1 << 62
    return {
        (table, row)
        for table, columns in INTERVALS.items()
        for row in connection.execute(
            f"""
            SELECT {columns}, iif(uev<=:k, until, {infinite}) FROM {table} WHERE kf<=:k UNION ALL
            SELECT {columns}, iif(uev<=:k, until, {infinite}) FROM {table}_was
            WHERE kf<=:k AND kt>:k""",
            {"k": known},
        )
    }


_NODE = "{0}.text || iif({0}.state_of IS NULL, '', '~s' || {0}.ev)"


def believed_edges(
    connection: sqlite3.Connection, at: int | None, known: int | None
) -> set[tuple[str, str, int, int]]:
    """Return (output, input, from, until) of the edges that hold at an instant (None: that are
    open), as known at a journal position."""
    infinite = 1 << 62
    known = infinite if known is None else known
    rows = connection.execute(
        f"""
        SELECT {_NODE.format("o")}, {_NODE.format("i")}, e.at, e.until FROM (
          SELECT dst, src, at, {infinite} until FROM edge WHERE kf<=:k UNION ALL
          SELECT dst, src, at, iif(uev<=:k, until, {infinite}) FROM edge_past WHERE kf<=:k
          UNION ALL
          SELECT dst, src, at, iif(uev<=:k, until, {infinite}) FROM edge_was
          WHERE kf<=:k AND kt>:k) e JOIN item o ON o.id=e.dst JOIN item i ON i.id=e.src""",
        {"k": known},
    )
    return {row for row in rows if (row[3] == infinite if at is None else row[2] <= at < row[3])}
