"""Filling a database file in bulk: journal entries and tables as booking would write them, without
the checks, the threads and the syncs. What is written is a whole store: `tracenode verify --deep`
finds nothing wrong with it."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tracenode.models.events import TraceEvent, event_fields
from tracenode.server.store.file import database
from tracenode.server.store.projecting import projector
from tracenode.server.store.projecting.references import subject
from tracenode.server.store.writing import requests
from tracenode.server.store.writing.journal import Journal

__all__ = ["SITE", "fill"]

SITE: Final = "bench"
_REQUESTER: Final = "bench"
_COMMIT_EVERY: Final = 20_000


def fill(path: Path, events: Iterable[tuple[int, TraceEvent]]) -> int:
    """Make a database of recorded events, each with its event time in microseconds; return how many
    entries it has. References in the events are public ids."""
    database.create(path, SITE)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "cache_size = -262144"):
            connection.execute(f"PRAGMA {pragma}")
        journal = Journal(connection, lambda: 0)
        todo = iter(events)
        while batch := list(itertools.islice(todo, _COMMIT_EVERY)):
            connection.execute("BEGIN")
            for at, event in batch:
                _append(connection, journal, at, event)
            connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL")
        return journal.head.seq


def _append(connection: sqlite3.Connection, journal: Journal, at: int, event: TraceEvent) -> None:
    body: dict[str, object] = {"f": event_fields(event)}
    if item := subject(event):
        body["a"] = {"item": item}
    source = journal.source(_REQUESTER)
    entry = journal.append(
        rec=max(at, journal.head.rec + 1),
        at=at,
        source=source,
        requester=_REQUESTER,
        sseq=None,
        kind=event.type,
        body=body,
        publish=True,
    )
    requests.index(
        connection,
        seq=entry.seq,
        source=source,
        requester=_REQUESTER,
        kind=event.type,
        body=body,
        sequence=journal.head.sequence,
    )
    projector.apply(connection, entry.seq, at, event)
