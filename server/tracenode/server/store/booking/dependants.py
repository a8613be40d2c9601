"""What depends on a record (SEMANTICS S13): events that close what it opened, or use an item that
it registered. What voids or corrects it makes it void, so that it has no dependants any more."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.events import Hold, Load, Master, Observe, Reject, Release, Void
from tracenode.server.store.projecting.belief import (
    ALIAS,
    EDGE,
    HOLD,
    VISIT,
    WATCH,
    EdgeTables,
    IntervalTable,
)
from tracenode.server.store.projecting.facts import Fact, entry, fact_of
from tracenode.server.store.projecting.mounts import ended_by
from tracenode.server.store.projecting.moves import moved
from tracenode.server.store.projecting.projector import items_of
from tracenode.server.store.projecting.references import births
from tracenode.server.store.reading.resolve import row_of

__all__ = ["dependants"]

_TOUCHING: Final = """
SELECT t.seq FROM touch t WHERE t.item=? AND t.seq<>?
  AND NOT EXISTS(SELECT 1 FROM void v WHERE v.ev=t.seq)"""
_TABLES: Final[tuple[IntervalTable | EdgeTables, ...]] = (VISIT, HOLD, ALIAS, EDGE)
_EV: Final = 2
"""Where the opening event stands in a row's key."""


def dependants(connection: sqlite3.Connection, target: Fact) -> list[int]:
    """Return the journal positions of a record's dependants, in order."""
    found: set[int] = set()
    if not isinstance(target.event, Release):
        for public in moved(target.event):
            found |= _closers(connection, row_of(connection, public)[0], target.seq)
    if isinstance(target.event, Hold):
        found |= {row.uev for row in WATCH.rows(connection, target.seq) if row.uev}
    if isinstance(target.event, Load):
        found |= ended_by(connection, target)
    for public, _ in births(target.event):
        number, _ = row_of(connection, public)
        for (seq,) in connection.execute(_TOUCHING, (number, target.seq)).fetchall():
            if _uses(connection, seq, public):
                found.add(seq)
    return sorted(found)


def _closers(connection: sqlite3.Connection, item: int, seq: int) -> set[int]:
    return {
        row.uev
        for table in _TABLES
        for row in table.rows(connection, item)
        if row.key[_EV] == seq and row.uev not in (0, seq)
    }


def _uses(connection: sqlite3.Connection, seq: int, public: str) -> bool:
    _, at, event = entry(connection, seq)
    if event is None or isinstance(event, Void | Observe | Reject | Master):
        return False
    return public in items_of(connection, fact_of(connection, seq, at, event))
