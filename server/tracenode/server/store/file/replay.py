"""Filling empty tables from the journal in the same file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Final

from tracenode.server.store.projecting import projector
from tracenode.server.store.projecting.memory import defer
from tracenode.server.store.projecting.stations import write_due
from tracenode.server.store.writing import requests
from tracenode.server.store.writing.journal import NOTED, REFUSED, entries, event_of

__all__ = ["replay"]

_STRETCH: Final = 10_000
"""Entries between two calls of `reached`."""


def replay(connection: sqlite3.Connection, reached: Callable[[int], None]) -> int:
    """Project every journal entry; return how many there are. `reached` hears the position now and
    then, and at the end. Transactions are the caller's: `reached` may end one and begin another.
    """
    sources = {name: number for number, name in connection.execute("SELECT id, name FROM source")}
    done = sequence = 0
    defer(connection)
    (head,) = connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
    while done < head:
        for entry in entries(connection, done, _STRETCH):
            body = json.loads(entry.body)
            sequence = body.get("es", sequence)
            requests.index(
                connection,
                seq=entry.seq,
                source=sources[entry.source],
                requester=entry.source,
                kind=entry.type,
                body=body,
                sequence=sequence,
            )
            if entry.type not in (REFUSED, NOTED):
                projector.apply(connection, entry.seq, entry.at, event_of(entry, body))
            done = entry.seq
        write_due(connection)
        reached(done)
    return done
