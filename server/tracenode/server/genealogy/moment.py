"""When a question looks: as of which event time, knowing how much of the journal (SEMANTICS S3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from tracenode.models.answers import Asked, Statement
from tracenode.models.errors import MalformedRequest
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.writing.chain import genesis
from tracenode.server.store.writing.journal import from_microseconds, microseconds

__all__ = ["HEAD", "Moment", "Span", "instant_of", "latest", "moment_of", "position_by"]

HEAD: Final = """
SELECT coalesce(j.seq, 0) AS head, j.hash AS hash, (SELECT max(id) FROM slot) IS NOT NULL AS mounts
FROM (SELECT max(seq) AS seq FROM journal) h LEFT JOIN journal j ON j.seq=h.seq"""
"""What `latest` is told, as one row."""


class Span(Enum):
    """Which intervals count."""

    # An enumeration hashes its name in Python, and statements are remembered by their span.
    __hash__ = object.__hash__

    Now = "now"
    """Those that have not ended."""
    At = "at"
    """Those that hold at `as_of`."""
    Ever = "ever"
    """All; with `as_of`, those that had begun by then."""
    Begun = "begun"
    """As Ever, and also those that ended at the instant at which they began: no path leads over
    one, but what its record says of the item counts."""


@dataclass(frozen=True, slots=True)
class Moment:
    """`as_of` is None for the latest event time, `known` the journal position that is known.

    `live` is True where all of the journal is known: the versions given up are not read then.
    `mounts` is False where nothing was ever mounted: no edges are derived then.
    """

    as_of: int | None
    known: int
    live: bool
    mounts: bool
    digest: str

    @property
    def point(self) -> Span:
        """The span of a question about one instant."""
        return Span.Now if self.as_of is None else Span.At

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of `:T` and `:K`."""
        return {"T": self.as_of, "K": self.known}

    def statement(
        self,
        *,
        truncated: bool = False,
        frontier: tuple[str, ...] = (),
        pooled_edges: int = 0,
        placeholders: int = 0,
    ) -> Statement:
        """Return what an answer at this moment says about itself."""
        return Statement(
            complete=not (truncated or frontier or placeholders),
            truncated=truncated,
            frontier=frontier,
            pooled_edges=pooled_edges,
            placeholders=placeholders,
            as_of=None if self.as_of is None else from_microseconds(self.as_of),
            as_known_at=self.known,
            data_version=f"{self.known}:{self.digest}",
        )


def moment_of(reading: Reading, question: Asked) -> Moment:
    """Return the moment that a question asks about. `as_known_at` above the head is the head, a
    record time is the last position recorded by then.

    Raises:
        MalformedRequest: a time without its zone, or a position below 0.
    """
    as_of = instant_of("as_of", question.as_of)
    ((head, last, mounts),) = reading.rows(HEAD)
    match question.as_known_at:
        case None:
            known = head
        case datetime() as time:
            known = position_by(reading, _micros("as_known_at", time), head)
        case position:
            if position < 0:
                raise MalformedRequest("as_known_at", "a journal position from 0", str(position))
            known = min(position, head)
    digest = last.hex() if last and known == head else _digest(reading, known)
    return Moment(as_of, known, known == head, bool(mounts), digest)


def latest(
    reading: Reading, as_of: datetime | None, head: int, last: bytes | None, mounts: object
) -> Moment:
    """Return the moment of a question that knows all of the journal, of which `HEAD` tells the
    rest.

    Raises:
        MalformedRequest: a time without its zone.
    """
    digest = _digest(reading, head) if last is None else last.hex()
    return Moment(instant_of("as_of", as_of), head, True, bool(mounts), digest)


def instant_of(field: str, time: datetime | None) -> int | None:
    """Return a time of a question in microseconds; None where it is not given.

    Raises:
        MalformedRequest: a time without its zone.
    """
    return None if time is None else _micros(field, time)


def _micros(field: str, time: datetime) -> int:
    if time.tzinfo is None:
        raise MalformedRequest(field, "a time with its zone", time.isoformat())
    try:
        return microseconds(time.astimezone(UTC))
    except OverflowError:
        expected = "a time in the years 1 to 9999 of UTC"
        raise MalformedRequest(field, expected, time.isoformat()) from None


def position_by(reading: Reading, time: int, head: int) -> int:
    """Return the last position, up to `head`, recorded at or before a time: record times increase
    with the position."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        ((rec,),) = reading.rows("SELECT rec FROM journal WHERE seq=?", (middle,))
        low, high = (middle, high) if rec <= time else (low, middle - 1)
    return low


def _digest(reading: Reading, position: int) -> str:
    if position == 0:
        meta = dict(reading.rows("SELECT key, value FROM meta"))
        return genesis(meta["store"], meta["site"]).hex()
    ((digest,),) = reading.rows("SELECT hash FROM journal WHERE seq=?", (position,))
    return str(digest.hex())
