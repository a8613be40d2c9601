"""What each station did last, and how many verdicts it gave that still stand."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Correct, TraceEvent
from tracenode.server.store.projecting.interning import station_id

__all__ = ["count_record", "uncount"]

_COUNT: Final = """
INSERT INTO station_now(station,seq,ok,nok) VALUES(?,?,?,?)
ON CONFLICT(station) DO UPDATE SET seq=excluded.seq, ok=ok+excluded.ok, nok=nok+excluded.nok"""


def _verdicts(event: TraceEvent) -> tuple[int, int]:
    if not isinstance(event, Complete):
        return 0, 0
    return int(event.evaluation is Evaluation.OK), int(event.evaluation is Evaluation.NotOK)


def _count(connection: sqlite3.Connection, seq: int, event: TraceEvent) -> None:
    if event.station:
        station = station_id(connection, event.station)
        connection.execute(_COUNT, (station, seq, *_verdicts(event)))


def count_record(connection: sqlite3.Connection, seq: int, event: TraceEvent) -> None:
    """Note a record at its station; a correction also at that of its replacement."""
    _count(connection, seq, event)
    if isinstance(event, Correct):
        _count(connection, seq, event.replacement)


def uncount(connection: sqlite3.Connection, event: TraceEvent) -> None:
    """Take back the verdict of what is voided."""
    ok, not_ok = _verdicts(event)
    if ok or not_ok:
        connection.execute(
            "UPDATE station_now SET ok=ok-?, nok=nok-? WHERE station=?",
            (ok, not_ok, station_id(connection, event.station)),
        )
