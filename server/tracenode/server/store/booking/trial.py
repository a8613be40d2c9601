"""Trying an event on the tables and taking it back, where its effect can't be foretold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tracenode.models.errors import WouldCloseCycle
from tracenode.models.events import TraceEvent
from tracenode.server.store.adjacency.moved import mark, undo_to
from tracenode.server.store.booking.checks import Case
from tracenode.server.store.booking.cycles import closes_cycle
from tracenode.server.store.projecting.memory import forget
from tracenode.server.store.projecting.projector import project
from tracenode.server.store.projecting.stations import write_due
from tracenode.server.store.reading.resolve import public_id

__all__ = ["require_sound", "taken_back"]


@contextmanager
def taken_back(connection: sqlite3.Connection) -> Iterator[None]:
    """Undo at the end whatever is done to the tables inside."""
    marked = mark(connection)
    write_due(connection)
    connection.execute("SAVEPOINT trial")
    try:
        yield
    finally:
        connection.execute("ROLLBACK TO trial")
        connection.execute("RELEASE trial")
        undo_to(connection, marked)
        forget(connection)


def require_sound(case: Case, recorded: TraceEvent) -> None:
    """Refuse a late event, a void or a correction after which an edge closes a cycle.

    Raises:
        WouldCloseCycle: of the first such edge.
    """
    connection = case.connection
    with taken_back(connection):
        for row in project(connection, case.seq, case.at, recorded):
            output, input_, begin = int(row.key[0]), int(row.key[1]), row.payload[0]
            assert begin is not None
            if closes_cycle(connection, output, input_, begin, row.until):
                raise WouldCloseCycle(public_id(connection, output), public_id(connection, input_))
