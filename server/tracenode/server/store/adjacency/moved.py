"""Which edges a transaction began, ended or gave up: noted as the tables are written."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from tracenode.server.store.projecting.memory import RememberingConnection

__all__ = ["Moved", "mark", "moved_since", "note", "undo_to"]

Moved = tuple[int, int, bool, int]
"""Output, input, whether the row is of a closed edge, and 1 where it came or -1 where it went."""

_SINCE: Final = """
SELECT dst, src, 0, 1 FROM edge WHERE kf>:w UNION ALL
SELECT dst, src, 1, 1 FROM edge_past WHERE (kf>:w OR uev>:w) AND until>at UNION ALL
SELECT dst, src, 0, -1 FROM edge_past WHERE kf<=:w AND uev>:w UNION ALL
SELECT dst, src, 0, -1 FROM edge_was WHERE kf<=:w AND kt>:w AND (uev=0 OR uev>:w) UNION ALL
SELECT dst, src, 1, -1 FROM edge_was WHERE kf<=:w AND kt>:w AND uev BETWEEN 1 AND :w AND until>at
LIMIT :limit"""
"""A row was believed at :w where kf <= :w, unless it was given up by then; it was closed then where
its closing event was known by then."""


def note(connection: sqlite3.Connection, key: Sequence[Any], *, closed: bool, sign: int) -> None:
    """Note that the row of a key (output, input, ...) came or went, where the edges of the
    connection are followed. A closed edge that ended when it began is not noted: no path leads over
    it."""
    if isinstance(connection, RememberingConnection) and connection.moved is not None:
        connection.moved.append((key[0], key[1], closed, sign))


def mark(connection: sqlite3.Connection) -> int:
    """Return how much has been noted, for `undo_to`."""
    moved = connection.moved if isinstance(connection, RememberingConnection) else None
    return len(moved) if moved else 0


def undo_to(connection: sqlite3.Connection, marked: int) -> None:
    """Forget what was noted after the mark: it is rolled back."""
    if isinstance(connection, RememberingConnection) and connection.moved is not None:
        del connection.moved[marked:]


def moved_since(connection: sqlite3.Connection, watermark: int, limit: int) -> list[Moved]:
    """Return what came and went after a journal position, in one pass over the edges; at most
    `limit`."""
    rows = connection.execute(_SINCE, {"w": watermark, "limit": limit}).fetchall()
    return [(dst, src, bool(closed), sign) for dst, src, closed, sign in rows]
