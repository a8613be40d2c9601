"""How much is in a store, in a few numbers."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from tracenode.server.store.writing.journal import from_microseconds, head_of

__all__ = ["summary"]


def summary(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return counts, the head `position:hash` (an anchor for `verify`) and the last record's time.

    Counts come from indexes and scan the item table once: milliseconds per hundred thousand items.
    """
    head = head_of(connection)
    counts = {
        "items": "SELECT count(*) FROM item WHERE state_of IS NULL",
        "edges": "SELECT (SELECT count(*) FROM edge) + (SELECT count(*) FROM edge_past)",
        "open_operations": "SELECT count(*) FROM visit WHERE until = 1 << 62",
        "open_holds": "SELECT (SELECT count(*) FROM hold WHERE until = 1 << 62)"
        " + (SELECT count(*) FROM watch WHERE until = 1 << 62)",
        "voided_records": "SELECT count(*) FROM void",
    }
    last = connection.execute("SELECT rec FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    recorded: datetime | None = from_microseconds(last[0]) if last else None
    return {
        "entries": head.seq,
        "head": f"{head.seq}:{head.hash.hex()}",
        "event_sequence": head.sequence,
        "last_recorded": recorded,
        **{name: connection.execute(sql).fetchone()[0] for name, sql in counts.items()},
    }
