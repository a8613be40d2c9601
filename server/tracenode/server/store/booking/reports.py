"""Deciding on issued reports, and on what makes them stale (SEMANTICS S15)."""

from __future__ import annotations

from tracenode.models.errors import UnknownRecord
from tracenode.models.events import Report, Stale
from tracenode.models.questions import parse_question
from tracenode.server.store.booking.checks import Case
from tracenode.server.store.booking.decision import Decision
from tracenode.server.store.projecting.facts import entry, record_at
from tracenode.server.store.writing.journal import position_of

__all__ = ["report", "stale"]


def report(case: Case, event: Report) -> Decision:
    """Keep an issued answer. Its question must be one that can be asked again.

    Raises: MalformedRequest.
    """
    parse_question(event.question)
    return Decision(event, text=f"report {event.name!r}")


def stale(case: Case, event: Stale) -> Decision:
    """Declare an issued report stale, once. What it asked is filled in.

    Raises: UnknownRecord.
    """
    connection = case.connection
    position = position_of(connection, event.report)
    issued = None if position is None else entry(connection, position)[2]
    if position is None or not isinstance(issued, Report):
        raise UnknownRecord(event.report, "there is no such report")
    (by,) = connection.execute("SELECT stale FROM report WHERE seq=?", (position,)).fetchone()
    if by is not None:
        raise UnknownRecord(event.report, f"it is stale already, by {record_at(connection, by)}")
    if position_of(connection, event.cause) is None:
        raise UnknownRecord(event.cause, "there is no such record")
    known = event.model_copy(update={"name": issued.name, "question": issued.question})
    return Decision(known, text=f"report {issued.name!r} would be another now")
