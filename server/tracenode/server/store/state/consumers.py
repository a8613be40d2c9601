"""Who reads the log, and up to where each has it: the watermarks, as rows."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tracenode.models.errors import MalformedRequest, NotAuthorized
from tracenode.server.store.writing.journal import from_microseconds

__all__ = [
    "MAX_CONSUMERS",
    "Consumer",
    "Owner",
    "consumer",
    "consumers",
    "forget",
    "move",
    "register",
]

MAX_CONSUMERS: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_ROW: Final = "SELECT name, application, user, acknowledged, hash, registered, seen FROM consumer"


@dataclass(frozen=True, slots=True)
class Owner:
    """The application, and its user, that registered a consumer: only they may move it."""

    application: str
    user: str = ""

    def __str__(self) -> str:
        return f"{self.application} as {self.user}" if self.user else self.application


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer. `acknowledged` is the EventSequence up to which it has all; `hash` is of that
    record, empty for 0."""

    name: str
    owner: Owner
    acknowledged: int
    hash: bytes
    registered: datetime
    seen: datetime


def consumers(connection: sqlite3.Connection) -> tuple[Consumer, ...]:
    """Return all consumers by name."""
    return tuple(_consumer(*row) for row in connection.execute(f"{_ROW} ORDER BY name"))


def consumer(connection: sqlite3.Connection, name: str, owner: Owner) -> Consumer:
    """Return a consumer of this owner.

    Raises:
        MalformedRequest: there is none of this name.
        NotAuthorized: it is another's.
    """
    found = _found(connection, name)
    if found is None:
        raise MalformedRequest("ConsumerId", "a registered consumer", repr(name))
    if found.owner != owner:
        raise NotAuthorized(str(owner), f"act for consumer {name}, which is {found.owner}'s")
    return found


def register(  # noqa: PLR0917
    connection: sqlite3.Connection,
    name: str,
    owner: Owner,
    acknowledged: int,
    digest: bytes,
    now: int,
    *,
    anew: bool = False,
) -> Consumer:
    """Make a consumer; one that is there already stays where it is, unless `anew`.

    Raises:
        MalformedRequest: the name can't be one, or there are MAX_CONSUMERS already.
        NotAuthorized: it is another's.
    """
    if not _NAME.fullmatch(name):
        expected = "1 to 40 letters, digits, - and _"
        raise MalformedRequest("ConsumerId", expected, repr(name[:60]))
    known = _found(connection, name)
    if known is not None and not anew:
        known = consumer(connection, name, owner)
        connection.execute("UPDATE consumer SET seen = ? WHERE name = ?", (now, name))
        return known
    if known is not None:
        consumer(connection, name, owner)
    (count,) = connection.execute("SELECT count(*) FROM consumer").fetchone()
    if known is None and count >= MAX_CONSUMERS:
        found = f"{count}; remove one that is gone with `tracenode consumers remove`"
        raise MalformedRequest("ConsumerId", f"at most {MAX_CONSUMERS} consumers", found)
    connection.execute(
        "INSERT INTO consumer(name, application, user, acknowledged, hash, registered, seen)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET"
        " acknowledged = excluded.acknowledged, hash = excluded.hash, seen = excluded.seen",
        (name, owner.application, owner.user, acknowledged, digest, now, now),
    )
    return consumer(connection, name, owner)


def move(  # noqa: PLR0917
    connection: sqlite3.Connection, name: str, owner: Owner, up_to: int, digest: bytes, now: int
) -> None:
    """Acknowledge up to an EventSequence.

    Raises:
        MalformedRequest: there is no such consumer, or it would go backwards.
        NotAuthorized: it is another's.
    """
    known = consumer(connection, name, owner)
    if up_to < known.acknowledged:
        expected = f"{known.acknowledged} or more: up to there it is acknowledged"
        raise MalformedRequest("UpToSequence", expected, str(up_to))
    connection.execute(
        "UPDATE consumer SET acknowledged = ?, hash = ?, seen = ? WHERE name = ?",
        (up_to, digest, now, name),
    )


def forget(connection: sqlite3.Connection, name: str) -> bool:
    """Remove a consumer; False where there is none of this name."""
    return bool(connection.execute("DELETE FROM consumer WHERE name = ?", (name,)).rowcount)


def _found(connection: sqlite3.Connection, name: str) -> Consumer | None:
    row = connection.execute(f"{_ROW} WHERE name = ?", (name,)).fetchone()
    return _consumer(*row) if row else None


def _consumer(  # noqa: PLR0917
    name: str,
    application: str,
    user: str,
    acknowledged: int,
    digest: bytes,
    registered: int,
    seen: int,
) -> Consumer:
    return Consumer(
        name,
        Owner(application, user),
        acknowledged,
        digest,
        from_microseconds(registered),
        from_microseconds(seen),
    )
