"""Holds on all that was at a station within a time (SEMANTICS S17): the table `watch`.

Such a hold is of no item. It begins with its record, one release ends it, and the void of either is
versioned; so it needs no recomputation: while a release stands, another one is refused.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Final

from tracenode.models.event_parts import Window
from tracenode.models.events import Hold, Release
from tracenode.server.store.projecting.belief import WATCH, version
from tracenode.server.store.projecting.facts import Fact
from tracenode.server.store.projecting.interning import station_id
from tracenode.server.store.projecting.memory import memory_of
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import microseconds

__all__ = ["mark", "unmark"]

_WATCHING: Final = frozenset({Hold, Release})


def mark(connection: sqlite3.Connection, fact: Fact) -> None:
    """Carry out a hold on a window, or the release of one; nothing for any other event."""
    if type(fact.event) not in _WATCHING:
        return
    match fact.event:
        case Hold(window=Window() as window):
            low = -INF if window.since is None else microseconds(window.since)
            high = INF if window.until is None else microseconds(window.until)
            station = station_id(connection, window.station)
            WATCH.begin(connection, (fact.seq,), (fact.at, station, low, high), fact.seq)
        case Release() if WATCH.rows(connection, fact.hold):
            WATCH.end(connection, (fact.hold,), fact.at, fact.seq)
        case _:
            return
    memory_of(connection).held = None


def unmark(connection: sqlite3.Connection, target: Fact, seq: int) -> None:
    """Take back what `mark` did for a record that is void from journal position `seq` on."""
    match target.event:
        case Hold(window=Window()):
            want = {}
            have = WATCH.rows(connection, target.seq)
        case Release():
            have = WATCH.rows(connection, target.hold)
            want = {row.key: replace(row, until=INF, uev=0, kf=seq) for row in have}
        case _:
            return
    version(connection, WATCH, have, want, seq)
    memory_of(connection).held = None
