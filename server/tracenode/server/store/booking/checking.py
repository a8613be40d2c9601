"""The interlock's answer without a booking (SEMANTICS S18): decided by reading, nothing kept."""

from __future__ import annotations

import sqlite3

from tracenode.models.events import Start
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus
from tracenode.server.store.booking import decide
from tracenode.server.store.reading.snapshot import snapshot
from tracenode.server.store.writing.journal import Clock, head_of, microseconds, now

__all__ = ["checked"]


def checked(connection: sqlite3.Connection, event: Start, clock: Clock = now) -> Receipt:
    """Return what a check-in would be answered now. The receipt names no record; its position is
    the journal's head that was looked at.

    Raises:
        TraceError: it would be refused.
    """
    with snapshot(connection):
        head = head_of(connection)
        rec = max(clock(), head.rec + 1)
        at = rec if event.event_time is None else microseconds(event.event_time)
        decision = decide(connection, event, at=at, rec=rec, seq=head.seq + 1)
    return Receipt(
        status=TraceStatus.Ok,
        text=decision.text,
        position=head.seq,
        record="",
        sequence=0,
        item=decision.item,
        next_step=decision.next_step,
        recipe=decision.recipe,
    )
