"""Idempotency (SEMANTICS S14) and the EventSequence: what the journal's bodies say of requests,
as tables. The same functions serve the writer and `rebuild`."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from typing import Any, Final, NamedTuple

from tracenode.models.status import TraceStatus
from tracenode.server.store.writing.canonical import canonical_json
from tracenode.server.store.writing.journal import REFUSED

__all__ = [
    "MAILBOX",
    "NATURAL_WINDOW_US",
    "Known",
    "claim",
    "index",
    "known",
    "last_request",
    "payload_digest",
]

NATURAL_WINDOW_US: Final = 3600 * 1_000_000
"""A natural key older than this says nothing: its cycle counter may have come around. Only what was
booked is bound to one: after a refusal the same cycle may be tried again."""
MAILBOX: Final = "mailbox:"
"""Requesters whose last request id is kept: the register handshake resumes from it."""

NEVER_BOUND: Final = frozenset({TraceStatus.RequestConflict, TraceStatus.StationBusy})
"""Refusals that a retry of the same request does not replay: busy passes, and a conflict leaves
the id to what was booked first."""

_DIGEST_BYTES: Final = 16
_BIND: Final = "INSERT INTO request(source, rid, seq, digest) VALUES (?, ?, ?, ?)"


class Known(NamedTuple):
    """What is known of a request: the position of its answer, and the payload's digest."""

    seq: int
    digest: bytes


def payload_digest(kind: str, fields: dict[str, Any] | str) -> bytes:
    """Return the digest of an event as it was given: its fields, or their canonical JSON."""
    given = fields if isinstance(fields, str) else canonical_json(fields)
    text = f'{{"f":{given},"t":"{kind}"}}'
    return sha256(text.encode()).digest()[:_DIGEST_BYTES]


def known(
    connection: sqlite3.Connection, source: int, *, request: str = "", natural: str = ""
) -> Known | None:
    """Look up a request id or a natural key of a requester."""
    row = connection.execute(
        "SELECT seq, digest FROM request WHERE source = ? AND rid = ?",
        (source, _natural(natural) if natural else _own(request)),
    ).fetchone()
    return Known(*row) if row else None


def claim(
    connection: sqlite3.Connection, source: int, request: str, *, seq: int, digest: bytes
) -> Known | None:
    """Bind a request id to the entry that is about to be appended; where it is bound already,
    leave it so and return what it is bound to."""
    values = (source, _own(request), seq, digest)
    if connection.execute(f"{_BIND} ON CONFLICT DO NOTHING", values).rowcount:
        return None
    return known(connection, source, request=request)


def last_request(connection: sqlite3.Connection, requester: str) -> str:
    """Return the id of a mailbox's last answered request; empty where there is none."""
    row = connection.execute(
        "SELECT l.rid FROM source s JOIN last_request l ON l.source = s.id WHERE s.name = ?",
        (requester,),
    ).fetchone()
    return row[0] if row else ""


def index(
    connection: sqlite3.Connection,
    *,
    seq: int,
    source: int,
    requester: str,
    kind: str,
    body: dict[str, Any],
    sequence: int,
    claimed: bool = False,
) -> None:
    """Enter an appended entry into `request`, `last_request` and `unpublished`; `sequence` is the
    last EventSequence that was given out, `claimed` says that `claim` was called for it."""
    execute = connection.execute
    if "es" not in body:
        execute("INSERT INTO unpublished(es, seq) VALUES (?, ?)", (sequence, seq))
    request = body.get("q")
    if request is None or "d" not in request:
        return
    if claimed and "es" in body and "n" not in request and not requester.startswith(MAILBOX):
        return
    answered = request.get("r", seq)
    digest = bytes.fromhex(request["d"])
    status = body["a"]["status"] if kind == REFUSED else 0
    if "id" in request:
        own = _own(request["id"])
        if not claimed:
            if status not in NEVER_BOUND:
                execute(_BIND, (source, own, answered, digest))
        elif status in NEVER_BOUND:
            execute("DELETE FROM request WHERE source=? AND rid=? AND seq=?", (source, own, seq))
        elif answered != seq:
            execute("UPDATE request SET seq=? WHERE source=? AND rid=?", (answered, source, own))
        if requester.startswith(MAILBOX):
            execute(
                "INSERT INTO last_request(source, rid) VALUES (?, ?)"
                " ON CONFLICT(source) DO UPDATE SET rid = excluded.rid",
                (source, request["id"]),
            )
    if "n" in request and kind != REFUSED and "r" not in request:
        execute(
            f"{_BIND} ON CONFLICT(source, rid)"
            " DO UPDATE SET seq = excluded.seq, digest = excluded.digest",
            (source, _natural(request["n"]), seq, digest),
        )


def _natural(key: str) -> str:
    return "~" + key


def _own(request: str) -> str:
    """A request id that looks like a natural key is told apart by its first character."""
    return "=" + request if request.startswith(("~", "=")) else request
