"""Checking a stretch of the journal while the server runs (SEMANTICS S21)."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from dataclasses import dataclass

from tracenode.models.errors import MalformedRequest
from tracenode.server.store.reading.snapshot import snapshot
from tracenode.server.store.writing.chain import first_fault, hash_at
from tracenode.server.store.writing.journal import head_of, position_of_sequence

__all__ = ["Inspected", "inspect"]


@dataclass(frozen=True, slots=True)
class Inspected:
    """`first_bad` is the EventSequence of the first altered or missing record, or of the first one
    behind an entry that is; 0 if all is well. `hash` is that of the last entry checked."""

    first_bad: int
    hash: bytes
    text: str = ""


def inspect(connection: sqlite3.Connection, first: int, last: int, limit: int) -> Inspected:
    """Compute the hashes again of the journal entries from EventSequence `first` to `last` and all
    between them, from the hash that stands before the first.

    Raises:
        MalformedRequest: no such records, or more than `limit` journal entries.
    """
    with snapshot(connection):
        begin, end = _position(connection, first), _position(connection, last)
        if begin is None or end is None or end < begin:
            raise MalformedRequest(
                "FromSequence, ToSequence", "published records", f"{first}, {last}"
            )
        if end - begin >= limit:
            raise MalformedRequest(
                "ToSequence", f"a stretch of at most {limit} journal entries", str(end - begin + 1)
            )
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        before = hash_at(connection, begin - 1, meta["store"], meta["site"])
        if before is None:
            return Inspected(first, b"", f"journal entry {begin - 1} is missing")
        fault = first_fault(connection, before, begin - 1, through=end)
        if fault is not None:
            bad = _sequence_from(connection, fault.position, first, last)
            good = hash_at(connection, fault.position - 1, meta["store"], meta["site"])
            return Inspected(bad, good or b"", fault.text)
        head = hash_at(connection, end, meta["store"], meta["site"])
        if head is None:
            return Inspected(last, b"", f"journal entry {end} is missing")
        return Inspected(0, head)


def _position(connection: sqlite3.Connection, sequence: int) -> int | None:
    if not 0 < sequence <= head_of(connection).sequence:
        return None
    return position_of_sequence(connection, sequence)


def _sequence_from(connection: sqlite3.Connection, position: int, first: int, last: int) -> int:
    """Return the first published record of a stretch from a journal position on."""

    def stands_at(sequence: int) -> int:
        return position_of_sequence(connection, sequence)

    return first + bisect_left(range(first, last), position, key=stands_at)
