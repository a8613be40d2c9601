"""What an EventSequence stands for: one look at a published record without reading its body."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import NamedTuple

from tracenode.server.store.writing.journal import from_microseconds, position_of_sequence

__all__ = ["Mark", "mark_of"]


class Mark(NamedTuple):
    """The hash of a published record, and when it was recorded."""

    hash: bytes
    recorded: datetime


def mark_of(connection: sqlite3.Connection, sequence: int) -> Mark | None:
    """Return what is published under an EventSequence; None where nothing is, or not yet."""
    if sequence < 1:
        return None
    position = position_of_sequence(connection, sequence)
    row = connection.execute("SELECT hash, rec FROM journal WHERE seq = ?", (position,)).fetchone()
    return Mark(row[0], from_microseconds(row[1])) if row else None
