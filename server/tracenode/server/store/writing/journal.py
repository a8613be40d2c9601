"""The journal: appending entries, record ids, and reading entries back.

The body of an entry is canonical JSON: `f` the event's fields (references resolved; `event_time`
only where the caller gave it), `a` the answer, `q` the request (`id`, `n` natural key, `d` digest,
`u` user, `r` the position whose answer was replayed), `es` the EventSequence, `fl` flags, and for
refusals and notes `t`, the event's type.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

from tracenode.models.events import TraceEvent, parse_event
from tracenode.models.receipts import Receipt, Record
from tracenode.models.status import TraceStatus
from tracenode.server.store.projecting.standing import parsed
from tracenode.server.store.writing.canonical import canonical_json, with_fields
from tracenode.server.store.writing.chain import LAST, entry_hash, genesis

__all__ = [
    "AHEAD_TOLERANCE_US",
    "NOTED",
    "REFUSED",
    "Clock",
    "Entry",
    "Head",
    "Journal",
    "canonical_json",
    "end_of",
    "entries",
    "entry_at",
    "event_of",
    "from_microseconds",
    "head_of",
    "material_of",
    "microseconds",
    "now",
    "position_of",
    "position_of_sequence",
    "published",
    "receipt_of",
    "record_id",
    "record_of",
]

REFUSED: Final = "refused"
NOTED: Final = "noted"
AHEAD_TOLERANCE_US: Final = 5_000_000
"""An event time further ahead of the record time is flagged `ahead` (SEMANTICS S3)."""

Clock = Callable[[], int]
"""Microseconds since 1970-01-01 UTC."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def now() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1000


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(moment: int) -> datetime:
    return _EPOCH + moment * _MICROSECOND


class Head(NamedTuple):
    """Where the journal ends: last position, its record time and hash, last EventSequence."""

    seq: int
    rec: int
    hash: bytes
    sequence: int


class Entry(NamedTuple):
    """One row; `source` is the requester's name, `body` its JSON."""

    seq: int
    rec: int
    at: int
    source: str
    sseq: int | None
    type: str
    body: str
    hash: bytes


def end_of(connection: sqlite3.Connection) -> tuple[int, int, bytes]:
    """Read (position, record time, hash) of the last entry, of a file of any version."""
    row: tuple[int, int, bytes] | None = connection.execute(
        "SELECT seq, rec, hash FROM journal ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if row is None:
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        return 0, 0, genesis(meta["store"], meta["site"])
    return row


def head_of(connection: sqlite3.Connection) -> Head:
    """Read where the journal ends."""
    seq, rec, digest = end_of(connection)
    es, unpublished = connection.execute(_UNPUBLISHED_BEFORE, (LAST,)).fetchone() or (0, 0)
    return Head(seq, rec, digest, es + seq - unpublished)


_UNPUBLISHED_BEFORE: Final = (
    "SELECT es, seq FROM unpublished WHERE es < ? ORDER BY es DESC, seq DESC LIMIT 1"
)


def position_of_sequence(connection: sqlite3.Connection, sequence: int) -> int:
    """Return the journal position of an EventSequence from 1 on; behind the head where it was not
    given out yet."""
    sequence = min(sequence, LAST)
    es, seq = connection.execute(_UNPUBLISHED_BEFORE, (sequence,)).fetchone() or (0, 0)
    return min(int(seq + sequence - es), LAST)


class Journal:
    """The end of the journal, on the writing connection.

    `head` moves with `append`; whoever rolls back a transaction sets it back to what it was.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock = now) -> None:
        self._execute = connection.execute
        self._clock = clock
        self._sources: dict[str, int] = {}
        self.head = head_of(connection)

    def tick(self) -> int:
        """Return the record time of the next entry: strictly above the last one's, even when the
        clock steps back (SEMANTICS S3)."""
        return max(self._clock(), self.head.rec + 1)

    def forget(self) -> None:
        """Drop what is remembered of rows that may be rolled back."""
        self._sources.clear()

    def source(self, name: str) -> int:
        """Intern the name of a requester."""
        number = self._sources.get(name)
        if number is None:
            row = self._execute("SELECT id FROM source WHERE name = ?", (name,)).fetchone()
            if row is None:
                number = self._execute("INSERT INTO source(name) VALUES (?)", (name,)).lastrowid
                assert number is not None
            else:
                (number,) = row
            self._sources[name] = number
        return number

    def append(
        self,
        *,
        rec: int,
        at: int,
        source: int,
        requester: str,
        sseq: int | None,
        kind: str,
        body: dict[str, Any],
        publish: bool,
        fields: str = "",
    ) -> Entry:
        """Append one entry inside the caller's transaction; `source` is the number of the
        requester, `publish` gives it the next EventSequence, `fields` is the canonical JSON of `f`
        where it is at hand."""
        head = self.head
        seq = head.seq + 1
        sequence = head.sequence
        if publish:
            sequence += 1
            body["es"] = sequence
        if at - rec > AHEAD_TOLERANCE_US:
            body["fl"] = ["ahead"]
        text = with_fields(body, fields) if fields else canonical_json(body)
        digest = entry_hash(
            head.hash,
            seq=seq,
            rec=rec,
            at=at,
            source=requester.encode(),
            sseq=sseq,
            kind=kind.encode(),
            body=text.encode(),
        )
        self._execute(
            "INSERT INTO journal(seq, rec, at, source, sseq, type, body, hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (seq, rec, at, source, sseq, kind, text, digest),
        )
        self.head = Head(seq, rec, digest, sequence)
        return Entry(seq, rec, at, requester, sseq, kind, text, digest)


# ------------------------------------------------------------------ record ids
def record_id(rec: int, digest: bytes) -> str:
    """Return the public id of a record: a UUIDv7 (RFC 9562) of its record time and its hash."""
    millisecond, microsecond = divmod(rec, 1000)
    time_ = f"{millisecond & 0xFFFF_FFFF_FFFF:012x}"
    rest = f"{0b10 << 62 | int.from_bytes(digest[:8], 'big') >> 2:016x}"
    return f"{time_[:8]}-{time_[8:]}-7{microsecond:03x}-{rest[:4]}-{rest[4:]}"


def position_of(connection: sqlite3.Connection, record: str) -> int | None:
    """Return the journal position of a record id; None where there is no such record."""
    try:
        number = uuid.UUID(record)
    except ValueError:
        return None
    if number.version != 7:
        return None
    rec = (number.int >> 80) * 1000 + (number.int >> 64 & 0xFFF)
    low, high = 1, connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
    while low <= high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT rec, hash FROM journal WHERE seq = ?", (middle,)
        ).fetchone()
        if row is None:
            return None
        if row[0] == rec:
            return middle if record_id(rec, row[1]) == str(number) else None
        low, high = (middle + 1, high) if row[0] < rec else (low, middle - 1)
    return None


# ------------------------------------------------------------------ reading back
_ENTRY: Final = (
    "SELECT j.seq, j.rec, j.at, s.name, j.sseq, j.type, j.body, j.hash"
    " FROM journal j JOIN source s ON s.id = j.source"
)


def entry_at(connection: sqlite3.Connection, position: int) -> Entry | None:
    row = connection.execute(f"{_ENTRY} WHERE j.seq = ?", (position,)).fetchone()
    return Entry(*row) if row else None


def entries(connection: sqlite3.Connection, after: int = 0, limit: int = -1) -> Iterator[Entry]:
    """Yield up to `limit` entries (-1: all) behind a position, in order."""
    for row in connection.execute(
        f"{_ENTRY} WHERE j.seq > ? ORDER BY j.seq LIMIT ?", (after, limit)
    ):
        yield Entry(*row)


def event_of(entry: Entry, body: dict[str, Any]) -> TraceEvent:
    """Return the event as it was recorded; `event_time` is filled only where it was given."""
    return parse_event({**body["f"], "type": body.get("t", entry.type)})


def published(connection: sqlite3.Connection, sequence: int, limit: int) -> list[Record]:
    """Return up to `limit` published records from EventSequence `sequence` on."""
    first = position_of_sequence(connection, max(sequence, 1))
    found = entries(connection, first - 1)
    told = (record_of(entry) for entry in found if entry.type not in (REFUSED, NOTED))
    return list(islice((record for record in told if record.sequence), max(limit, 0)))


def record_of(entry: Entry) -> Record:
    """Read an entry back; a refusal or a note has the event as it was given."""
    body = json.loads(entry.body)
    at = from_microseconds(entry.at)
    answer = body.get("a", {})
    request = body.get("q", {})
    item = answer.get("item", "")
    refused = entry.type == REFUSED
    return Record(
        position=entry.seq,
        record=record_id(entry.rec, entry.hash),
        sequence=body.get("es", 0),
        at=at,
        recorded=from_microseconds(entry.rec),
        event=parse_event({**body["f"], "type": body.get("t", entry.type), "event_time": at}),
        requester=entry.source,
        user=request.get("u", ""),
        request_id=request.get("id", ""),
        hash=entry.hash,
        item=item,
        material=material_of(item),
        refusal=TraceStatus(answer["status"]) if refused else None,
        text=answer.get("text", ""),
        json=body,
    )


def receipt_of(entry: Entry) -> Receipt:
    """Return the answer that an entry holds."""
    body = json.loads(entry.body)
    answer = body.get("a", {})
    return Receipt(
        status=TraceStatus(answer.get("status", 0)),
        text=answer.get("text", ""),
        position=entry.seq,
        record=record_id(entry.rec, entry.hash),
        sequence=body.get("es", 0),
        item=answer.get("item", ""),
        next_step=answer.get("next_step", ""),
        recipe=answer.get("recipe", ""),
    )


def material_of(item: str) -> str:
    """Return the part of a public id; empty where it is none."""
    identity = parsed(item) if item else None
    return identity.part if identity else ""
