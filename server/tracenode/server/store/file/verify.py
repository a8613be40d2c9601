"""Checking a whole file (SEMANTICS S21). Works beside a running server."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracenode.models.errors import DamagedDatabase
from tracenode.server.store.file import database
from tracenode.server.store.file.database import StoreIdentity, damage_named
from tracenode.server.store.file.rebuild import dump_hash, rebuilt_beside
from tracenode.server.store.schema import PROJECTION_TABLES
from tracenode.server.store.writing.chain import first_fault, hash_at
from tracenode.server.store.writing.journal import end_of, head_of

__all__ = ["Anchor", "Verification", "verify"]

MAX_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head that was published elsewhere: only it shows a chain that was made anew, or cut."""

    position: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. `faults` is empty where all is whole; the journal's names its first altered,
    missing or reordered entry."""

    path: Path
    identity: StoreIdentity | None
    entries: int
    head: bytes
    faults: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return not self.faults


def verify(
    path: Path | str,
    *,
    deep: bool = False,
    anchor: Anchor | None = None,
    progress: Callable[[int], None] | None = None,
) -> Verification:
    """Check pages, schema, and the hash of every journal entry; `deep` also rebuilds the tables
    from the journal beside the file and compares them. Of a file of an older tracenode pages and
    journal alone: its tables are made anew when it is opened.

    `progress` hears the journal position reached.

    Raises:
        SchemaMismatch, StoreError: there is no tracenode database to check.
    """
    path = Path(path).resolve()
    identity: StoreIdentity | None = None
    entries, head = 0, b""
    faults: list[str] = []
    try:
        database.check_header(path)
        with damage_named(path), contextlib.closing(database.connect_reader(path)) as connection:
            identity = database.identify(connection, path, None)
            with _one_view(connection):
                faults += _pages(connection)
                older = database.is_older(connection)
                if not older:
                    database.check_schema(connection, path)
                entries, _, head = end_of(connection)
                faults += _journal(connection, identity, anchor, progress)
                if not older and not faults:
                    faults += _numbers(connection)
                if deep and not older and not faults:
                    faults += _tables(connection, path, identity, progress)
    except DamagedDatabase as error:
        if error.fault not in faults:
            faults.append(error.fault)
    return Verification(path, identity, entries, head, tuple(faults))


@contextlib.contextmanager
def _one_view(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _pages(connection: sqlite3.Connection) -> Iterator[str]:
    for (finding,) in connection.execute(f"PRAGMA integrity_check({MAX_FINDINGS})"):
        if finding != "ok":
            yield f"page check: {finding}"


_LAST_TOLD: Final = """
SELECT coalesce(max(seq), 0) FROM (SELECT seq FROM touch UNION ALL SELECT seq FROM request
  UNION ALL SELECT seq FROM station_now UNION ALL SELECT ev FROM master
  UNION ALL SELECT by FROM void)"""
_UNPUBLISHED: Final = "SELECT count(*), coalesce(max(seq), 0) FROM unpublished"
_NUMBERED: Final = """
SELECT count(es), coalesce(max(es), 0)
FROM (SELECT json_extract(body, '$.es') AS es FROM journal)"""


def _journal(
    connection: sqlite3.Connection,
    identity: StoreIdentity,
    anchor: Anchor | None,
    progress: Callable[[int], None] | None,
) -> Iterator[str]:
    fault = first_fault(connection, identity.genesis, progress=progress)
    if fault is not None:
        yield str(fault)
    entries, _, _ = end_of(connection)
    (position,) = connection.execute(_LAST_TOLD).fetchone()
    if position > entries:
        yield _cut_off(entries, position)
    if anchor is not None:
        found = hash_at(connection, anchor.position, identity.store, identity.site)
        if found is None:
            yield (
                f"journal entry {entries + 1} is missing: the anchor is at {anchor.position},"
                f" the journal ends at {entries}"
            )
        elif found != anchor.hash:
            yield (
                f"journal up to entry {anchor.position}: expected hash {anchor.hash.hex()} of the"
                f" anchor, found {found.hex()}"
            )


def _cut_off(entries: int, position: int) -> str:
    return f"journal entry {entries + 1} is missing: the journal is cut off, {position} was told"


def _numbers(connection: sqlite3.Connection) -> Iterator[str]:
    """Find gaps in the EventSequence, and entries without one that are gone from the end."""
    count, last = connection.execute(_NUMBERED).fetchone()
    unpublished, position = connection.execute(_UNPUBLISHED).fetchone()
    head = head_of(connection)
    if position > head.seq:
        yield _cut_off(head.seq, position)
        return
    told = head.seq - unpublished
    if not count == last == head.sequence == told:
        yield f"event sequence: expected {count} numbers without a gap, found {last} and {told}"


def _tables(
    connection: sqlite3.Connection,
    path: Path,
    identity: StoreIdentity,
    progress: Callable[[int], None] | None,
) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.verify-", dir=path.parent) as folder:
        draft = Path(folder) / path.name
        rebuilt_beside(connection, draft, identity, progress)
        with contextlib.closing(database.connect_reader(draft)) as other:
            for table in _differences(connection, other):
                yield f"table {table} is not what the journal says; `tracenode rebuild` mends it"


def _differences(one: sqlite3.Connection, other: sqlite3.Connection) -> Iterator[str]:
    """Yield the names of the tables that differ."""
    for table in PROJECTION_TABLES:
        if dump_hash(one, (table,)) != dump_hash(other, (table,)):
            yield table
