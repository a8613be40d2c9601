"""Issued reports: which there are, and which are stale (SEMANTICS S15)."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tracenode.models.answers import Asked
from tracenode.models.events import Report, Stale
from tracenode.models.questions import parse_question
from tracenode.server.store.writing.journal import from_microseconds, position_of, record_id

__all__ = ["IssuedReport", "put_report", "reports"]

_REPORTS: Final = """
SELECT r.seq, j.rec, j.hash, j.body, s.rec, s.hash, s.body
FROM report r CROSS JOIN journal j ON j.seq=r.seq LEFT JOIN journal s ON s.seq=r.stale
WHERE r.stale IS NULL OR :stale_too ORDER BY r.seq
"""


@dataclass(frozen=True, slots=True)
class IssuedReport:
    """A report; `known` is the journal position that the answer knew. `stale` names the record that
    said that it is; empty while it stands, as is `cause`, the record that changed the answer."""

    position: int
    record: str
    name: str
    issued: datetime
    question: Asked
    known: int
    digest: str
    stale: str = ""
    cause: str = ""


def put_report(connection: sqlite3.Connection, seq: int, event: Report | Stale) -> None:
    """Keep a report, or that it is stale."""
    if isinstance(event, Report):
        connection.execute("INSERT INTO report(seq,stale) VALUES(?,NULL)", (seq,))
        return
    position = position_of(connection, event.report)
    connection.execute("UPDATE report SET stale=? WHERE seq=?", (seq, position))


def reports(connection: sqlite3.Connection, *, stale_too: bool = False) -> list[IssuedReport]:
    """Return the reports that stand, in the order in which they were issued; the stale ones too
    where they are asked for."""
    found = []
    for seq, rec, digest, body, *stale in connection.execute(_REPORTS, {"stale_too": stale_too}):
        said = json.loads(body)["f"]
        found.append(
            IssuedReport(
                seq,
                record_id(rec, digest),
                said["name"],
                from_microseconds(rec),
                parse_question(said["question"]),
                said["known"],
                said["digest"],
                "" if stale[0] is None else record_id(stale[0], stale[1]),
                "" if stale[0] is None else json.loads(stale[2])["f"]["cause"],
            )
        )
    return found
