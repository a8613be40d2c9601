"""A connection that knows the adjacency index of its store."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracenode.server.store.adjacency.index import Index
    from tracenode.server.store.adjacency.reach import Adjacency

__all__ = ["IndexedConnection", "adjacency_at"]


class IndexedConnection(sqlite3.Connection):
    """`index` is None where the tables alone are asked."""

    index: Index | None = None


def adjacency_at(connection: sqlite3.Connection, position: int) -> Adjacency | None:
    """Return the adjacency at the journal position of a connection's snapshot; None where the
    tables are to be asked."""
    index = connection.index if isinstance(connection, IndexedConnection) else None
    return None if index is None else index.at(position)
