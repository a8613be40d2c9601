"""What each station did last, and how many verdicts it gave that still stand."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Correct, TraceEvent
from tracenode.server.store.projecting.interning import station_id
from tracenode.server.store.projecting.memory import RememberingConnection

__all__ = ["count_record", "uncount", "write_due"]

_COUNT: Final = """
INSERT INTO station_now(station,seq,ok,nok) VALUES(?,?,?,?)
ON CONFLICT(station) DO UPDATE SET seq=excluded.seq, ok=ok+excluded.ok, nok=nok+excluded.nok"""


def _verdicts(event: TraceEvent) -> tuple[int, int]:
    if type(event) is not Complete:
        return 0, 0
    return int(event.evaluation is Evaluation.OK), int(event.evaluation is Evaluation.NotOK)


def _count(connection: sqlite3.Connection, seq: int, event: TraceEvent) -> None:
    if not event.station:
        return
    station = station_id(connection, event.station)
    ok, not_ok = _verdicts(event)
    due = connection.due if isinstance(connection, RememberingConnection) else None
    if due is None:
        connection.execute(_COUNT, (station, seq, ok, not_ok))
        return
    counts = due.setdefault(station, [seq, 0, 0])
    counts[0] = seq
    counts[1] += ok
    counts[2] += not_ok


def count_record(connection: sqlite3.Connection, seq: int, event: TraceEvent) -> None:
    """Note a record at its station; a correction also at that of its replacement."""
    _count(connection, seq, event)
    if type(event) is Correct:
        _count(connection, seq, event.replacement)


def write_due(connection: sqlite3.Connection) -> None:
    """Write the counts that a connection which defers them has not written yet."""
    due = connection.due if isinstance(connection, RememberingConnection) else None
    if due:
        rows = [(station, *counts) for station, counts in due.items()]
        connection.executemany(_COUNT, rows)
        due.clear()


def uncount(connection: sqlite3.Connection, event: TraceEvent) -> None:
    """Take back the verdict of what is voided."""
    ok, not_ok = _verdicts(event)
    if ok or not_ok:
        write_due(connection)
        connection.execute(
            "UPDATE station_now SET ok=ok-?, nok=nok-? WHERE station=?",
            (ok, not_ok, station_id(connection, event.station)),
        )
