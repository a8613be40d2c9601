"""Deciding on voids and corrections (SEMANTICS S13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tracenode.models.errors import HasDependants, UnknownRecord
from tracenode.models.events import (
    Correct,
    Gap,
    Hold,
    Master,
    Observe,
    Reject,
    Release,
    Report,
    Stale,
    TraceEvent,
    Void,
)
from tracenode.server.store.booking.checks import Case
from tracenode.server.store.booking.decision import Decision
from tracenode.server.store.booking.dependants import dependants
from tracenode.server.store.booking.trial import require_sound, taken_back
from tracenode.server.store.projecting.facts import Fact, entry, fact_of, record_at
from tracenode.server.store.projecting.projector import project
from tracenode.server.store.projecting.references import subject
from tracenode.server.store.writing.journal import from_microseconds, microseconds, position_of

__all__ = ["correct", "void"]

_UNCORRECTABLE: Final = (Hold, Release, Observe, Reject, Gap)
DecideOne = Callable[[Case, TraceEvent], Decision]


def void(case: Case, event: Void) -> Decision:
    """Declare a record wrong. Its dependants must be listed.

    Raises: UnknownRecord, HasDependants, WouldCloseCycle.
    """
    target = _target(case, event.record)
    _require_acknowledged(case, event.record, target, event.acknowledged)
    require_sound(case, event)
    return Decision(event, subject(target.event))


def correct(case: Case, event: Correct, decide_one: DecideOne) -> Decision:
    """Void a record and book its replacement, decided on as if the record had never been. Without
    an event time of its own it happened when the record did.

    Raises: as `void`, and whatever the replacement is refused for.
    """
    target = _target(case, event.record)
    if isinstance(target.event, _UNCORRECTABLE):
        raise UnknownRecord(event.record, f"a {target.event.type} is voided, not corrected")
    _require_acknowledged(case, event.record, target, event.acknowledged)
    moment = event.replacement.event_time
    at = target.at if moment is None else microseconds(moment)
    with taken_back(case.connection):
        withdrawal = Void(record=event.record, reason=event.reason)
        project(case.connection, case.seq, case.at, withdrawal)
        booked = decide_one(Case(case.connection, at, case.rec, case.seq), event.replacement)
    if not booked.effect:
        raise UnknownRecord(event.record, f"the replacement has no effect: {booked.text}")
    timed = booked.event.model_copy(update={"event_time": from_microseconds(at)})
    recorded = event.model_copy(update={"replacement": timed})
    require_sound(case, recorded)
    return Decision(recorded, booked.item, booked.text, booked.next_step, booked.recipe)


def _target(case: Case, record: str) -> Fact:
    connection = case.connection
    position = position_of(connection, record)
    if position is None:
        raise UnknownRecord(record, "there is no such record")
    _, at, event = entry(connection, position)
    if event is None:
        raise UnknownRecord(record, "it booked nothing")
    if isinstance(event, Void):
        raise UnknownRecord(record, "a void can't be voided: book the record again")
    if isinstance(event, Master):
        raise UnknownRecord(record, "master data can't be voided: set the entry again")
    if isinstance(event, Report | Stale):
        raise UnknownRecord(record, "what was issued can't be voided")
    by = connection.execute("SELECT by FROM void WHERE ev=?", (position,)).fetchone()
    if by is not None:
        raise UnknownRecord(record, f"it is void already, by {record_at(connection, by[0])}")
    return fact_of(connection, position, at, event)


def _require_acknowledged(
    case: Case, record: str, target: Fact, acknowledged: tuple[str, ...]
) -> None:
    found = [record_at(case.connection, seq) for seq in dependants(case.connection, target)]
    if set(found) - set(acknowledged):
        raise HasDependants(record, found)
