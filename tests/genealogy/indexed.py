"""Asking a store that has an adjacency index, and the same store without."""

from __future__ import annotations

from tracenode.models.answers import WhereUsed
from tracenode.server.genealogy.edges.closure import reachable
from tracenode.server.genealogy.moment import Span, moment_of
from tracenode.server.store.reading.snapshot import Connection, snapshot
from tracenode.server.store.schema import INF
from tracenode.server.trace import Trace

__all__ = ["asked", "found", "is_asked", "same_as_tables"]

EVER = WhereUsed(item="")


def found(connection: Connection) -> list[set[int]]:
    with snapshot(connection) as reading:
        moment = moment_of(reading, EVER)
        return [
            set(reachable(reading, [item], moment, span, up=up, limit=INF))
            for (item,) in reading.rows("SELECT id FROM item ORDER BY id")
            for up in (True, False)
            for span in (Span.Now, Span.Ever)
        ]


def asked(connection: Connection) -> bool:
    """True where the index is what a question of now would be answered from."""
    with snapshot(connection) as reading:
        return reading.adjacency(moment_of(reading, EVER).known) is not None


def is_asked(trace: Trace) -> bool:
    return trace.store.readers.run_now(asked)


def same_as_tables(trace: Trace) -> bool:
    """True where the index is asked and finds what the tables have."""
    with Trace.open(trace.store.path, read_only=True) as other:
        expected = other.store.readers.run_now(found)
    return is_asked(trace) and trace.store.readers.run_now(found) == expected
