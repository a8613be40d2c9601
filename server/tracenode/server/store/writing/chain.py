"""The hash chain of the journal (SEMANTICS S21): every column of an entry, after its predecessor.

    hash(0) = sha256("<store id>:<site>")
    hash(n) = sha256(hash(n-1) "<seq>,<rec>,<at>,<sseq>,<type>,<source>,<body>")

Numbers are decimal, a missing `sseq` is empty, texts are netstrings without the closing comma
(`<bytes>:<text>`), so no two entries have the same bytes. `source` is the requester's name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Final

__all__ = ["LAST", "Fault", "FaultKind", "entry_hash", "first_fault", "genesis", "hash_at"]

PROGRESS_EVERY: Final = 10_000
"""Entries between two calls of a progress callback."""
LAST: Final = 2**63 - 1
"""A position behind every entry."""

_COLUMNS: Final = (
    "j.seq, j.rec, j.at, CAST(s.name AS BLOB), j.sseq, CAST(j.type AS BLOB), CAST(j.body AS BLOB),"
    " j.hash FROM journal j LEFT JOIN source s ON s.id = j.source"
)
_Row = tuple[int, int, int, bytes | None, int | None, bytes, bytes, bytes]


class FaultKind(Enum):
    """What is wrong with the journal."""

    Altered = "altered"
    Missing = "missing"
    Reordered = "reordered"
    Unreadable = "unreadable"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first entry at which the journal is not what was written."""

    kind: FaultKind
    position: int
    text: str

    def __str__(self) -> str:
        return self.text


def genesis(store: str, site: str) -> bytes:
    """Return what stands before the first entry."""
    return sha256(f"{store}:{site}".encode()).digest()


def entry_hash(
    previous: bytes,
    *,
    seq: int,
    rec: int,
    at: int,
    source: bytes,
    sseq: int | None,
    kind: bytes,
    body: bytes,
) -> bytes:
    """Return the hash of one entry; texts are UTF-8."""
    order = b"" if sseq is None else b"%d" % sseq
    return sha256(
        b"%b%d,%d,%d,%b,%d:%b,%d:%b,%d:%b"
        % (previous, seq, rec, at, order, len(kind), kind, len(source), source, len(body), body)
    ).digest()


def hash_at(connection: sqlite3.Connection, position: int, store: str, site: str) -> bytes | None:
    """Return the hash after the first `position` entries; None where there is no such entry."""
    if position == 0:
        return genesis(store, site)
    row = connection.execute("SELECT hash FROM journal WHERE seq = ?", (position,)).fetchone()
    return row[0] if row else None


def first_fault(
    connection: sqlite3.Connection,
    previous: bytes,
    after: int = 0,
    progress: Callable[[int], None] | None = None,
    *,
    through: int = LAST,
) -> Fault | None:
    """Check all entries behind position `after`, whose hash is `previous`, up to `through`.

    `progress` hears the position reached, now and then. What is missing at the very end can only
    be found against an anchor kept elsewhere.
    """
    expected = after + 1
    record_time = -1
    try:
        for row in _rows(connection, after, through):
            seq, rec = row[0], row[1]
            if seq != expected:
                upto = f" to {seq - 1}" if seq - 1 > expected else ""
                return Fault(
                    FaultKind.Missing, expected, f"journal entry {expected}{upto} is missing"
                )
            if _hash_as(row, previous, seq) != row[7]:
                return _classified(connection, row, previous)
            if rec <= record_time:
                return Fault(
                    FaultKind.Altered, seq, f"journal entry {seq} is older than the one before it"
                )
            record_time, previous, expected = rec, row[7], seq + 1
            if progress is not None and seq % PROGRESS_EVERY == 0:
                progress(seq)
    except sqlite3.DatabaseError as error:
        return Fault(
            FaultKind.Unreadable, expected, f"journal entry {expected} can't be read: {error}"
        )
    return None


def _rows(connection: sqlite3.Connection, after: int, through: int = LAST) -> Iterator[_Row]:
    yield from connection.execute(
        f"SELECT {_COLUMNS} WHERE j.seq > ? AND j.seq <= ? ORDER BY j.seq",
        (after, through),
    )


def _hash_as(row: _Row, previous: bytes, seq: int) -> bytes:
    """The hash that the content of `row` would have at position `seq` after `previous`."""
    _, rec, at, source, sseq, kind, body, _ = row
    return entry_hash(
        previous, seq=seq, rec=rec, at=at, source=source or b"", sseq=sseq, kind=kind, body=body
    )


def _classified(connection: sqlite3.Connection, row: _Row, previous: bytes) -> Fault:
    """Name what happened at the first entry whose hash does not fit."""
    seq = row[0]
    after = connection.execute(f"SELECT {_COLUMNS} WHERE j.seq = ?", (seq + 1,)).fetchone()
    if after is not None and _hash_as(after, row[7], seq + 1) == after[7]:
        return Fault(FaultKind.Altered, seq, f"journal entry {seq} was altered")
    for other in _rows(connection, seq):
        if _hash_as(other, previous, seq) == other[7]:
            return Fault(
                FaultKind.Reordered,
                seq,
                f"journal entries were reordered: entry {seq} stands at {other[0]}",
            )
    for lost in range(1, 1000):
        if after is not None and _hash_as(after, row[7], seq + 1 + lost) == after[7]:
            return Fault(
                FaultKind.Missing,
                seq,
                f"journal entry {seq} is missing: later ones were renumbered",
            )
    return Fault(FaultKind.Altered, seq, f"journal entry {seq} was altered")
