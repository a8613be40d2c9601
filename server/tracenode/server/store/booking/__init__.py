"""Deciding on events: each is checked against the tables and refused or made ready to record.

- `registration`, `operations`, `material`, `contents`, `mounts`, `packing`, `disposition`,
  `placeholders`, `correction`, `reports`  the decisions, by what happens
- `decision`, `checking`  what a decision says; the same without a booking
- `checks`, `identity`, `interlock`, `components`, `routing`, `holds`, `cycles`, `same_lot`  what
  they ask, each check refusing by its own error
- `dependants`, `trial`  what hangs on a record; trying an event and taking it back
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from tracenode.models import events
from tracenode.models.events import Correct, Gap, Master, Reject, TraceEvent
from tracenode.models.identifiers import checked_part
from tracenode.server.store.booking import (
    contents,
    correction,
    disposition,
    material,
    mounts,
    operations,
    packing,
    placeholders,
    registration,
    reports,
)
from tracenode.server.store.booking.checks import Case
from tracenode.server.store.booking.decision import Decision
from tracenode.server.store.reading.master import checked_master

__all__ = ["Decision", "decide"]


def decide(
    connection: sqlite3.Connection, event: TraceEvent, *, at: int, rec: int, seq: int
) -> Decision:
    """Say yes to an event, with its references resolved, or refuse it. Leaves the tables as they
    are; must run inside a transaction.

    `at` is the event time in force and `rec` the record time, both in microseconds; `seq` is the
    journal position that the event would get.

    Raises:
        TraceError: the refusal.
    """
    return _decide_one(Case(connection, at, rec, seq), event)


def _decide_one(case: Case, event: TraceEvent) -> Decision:
    return placeholders.decided(case, event, _DECIDERS[type(event)])


def _correct(case: Case, event: Correct) -> Decision:
    return correction.correct(case, event, _decide_one)


def _as_it_is(_: Case, event: Reject | Gap) -> Decision:
    return Decision(event)


def _master(_: Case, event: Master) -> Decision:
    """Raises: InvalidIdentifier, MalformedRequest."""
    checked_part(event.key)
    if event.data is None:
        return Decision(event)
    data = checked_master(event.kind, event.data)
    return Decision(event.model_copy(update={"data": data}))


_DECIDERS: Final[dict[type[Any], Callable[[Case, Any], Decision]]] = {
    events.Register: registration.register,
    events.Receive: registration.receive,
    events.Transform: registration.transform,
    events.Split: registration.split,
    events.Merge: registration.merge,
    events.Observe: operations.observe,
    events.Start: operations.start,
    events.Complete: operations.complete,
    events.Abort: operations.abort,
    events.Measure: operations.measure,
    events.Assemble: material.assemble,
    events.Remove: material.remove,
    events.Replace: material.replace,
    events.Consume: material.consume,
    events.Fill: contents.fill,
    events.Transfer: contents.transfer,
    events.Empty: contents.empty,
    events.Adjust: contents.adjust,
    events.Load: mounts.load,
    events.Unload: mounts.unload,
    events.Pack: packing.pack,
    events.Unpack: packing.unpack,
    events.Bind: packing.bind,
    events.Unbind: packing.unbind,
    events.Relabel: packing.relabel,
    events.Scrap: disposition.scrap,
    events.Ship: disposition.ship,
    events.Identify: placeholders.identify,
    events.Hold: disposition.hold,
    events.Release: disposition.release,
    events.Void: correction.void,
    events.Correct: _correct,
    events.Master: _master,
    events.Reject: _as_it_is,
    events.Gap: _as_it_is,
    events.Report: reports.report,
    events.Stale: reports.stale,
}
