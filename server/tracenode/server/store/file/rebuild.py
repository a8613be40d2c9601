"""Making the tables anew from the journal.

The journal is copied into a new file and replayed there, and that file takes the old one's place:
so damaged tables do not matter, and a rebuild that is killed leaves everything as it was.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tracenode.models.errors import DamagedDatabase
from tracenode.server.store.file import database
from tracenode.server.store.file.database import ADVICE, StoreIdentity, damage_named
from tracenode.server.store.file.lock import FileLock
from tracenode.server.store.file.replacing import draft_of, replace_database
from tracenode.server.store.file.replay import replay
from tracenode.server.store.projecting.memory import RememberingConnection
from tracenode.server.store.schema import PROJECTION_TABLES
from tracenode.server.store.writing.chain import first_fault

__all__ = ["Rebuilt", "dump_hash", "rebuild", "rebuilt_beside"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`before` and `after` are the dump hashes; `before` is None where the old tables could not
    be read. Equal: nothing was wrong."""

    entries: int
    before: str | None
    after: str


def dump_hash(connection: sqlite3.Connection, tables: Iterable[str] = PROJECTION_TABLES) -> str:
    """Return the canonical hash (hexadecimal) over the rows of the projected tables."""
    digest = sha256()
    for table in tables:
        columns = connection.execute(
            "SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", (table,)
        ).fetchall()
        key = ", ".join(f'"{name}"' for name, pk in sorted(columns, key=lambda c: c[1]) if pk)
        names = ", ".join(f'"{name}"' for name, _ in columns)
        digest.update(f"{table}({names})\n".encode())
        for row in connection.execute(f'SELECT {names} FROM "{table}" ORDER BY {key}'):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def rebuild(path: Path | str, progress: Callable[[int], None] | None = None) -> Rebuilt:
    """Replace the tables of a database by what its journal says. No server may have it open.

    `progress` hears the journal position reached.

    Raises:
        StoreLocked: a server has it open.
        DamagedDatabase: the journal itself is damaged.
        SchemaMismatch, StoreError: not a database of ours, or no room.
    """
    path = Path(path).resolve()
    database.check_library()
    with FileLock(path), damage_named(path):
        database.check_header(path)
        with contextlib.closing(database.connect_writer(path)) as connection:
            identity = database.identify(connection, path, None)
            before: str | None
            try:
                before = dump_hash(connection)
            except sqlite3.DatabaseError:
                before = None
            with draft_of(path) as draft:
                count = rebuilt_beside(connection, draft, identity, progress)
                with contextlib.closing(database.connect_reader(draft)) as made:
                    after = dump_hash(made)
                connection.close()
                replaced = replace_database(draft, path)
        if replaced is not None:
            for old in (replaced, *database.sidecars(replaced)):
                old.unlink(missing_ok=True)
    return Rebuilt(count, before, after)


def rebuilt_beside(
    source: sqlite3.Connection,
    draft: Path,
    identity: StoreIdentity,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Make a database at `draft` with the journal of `source` and the tables it gives; return the
    number of entries.

    Raises:
        DamagedDatabase: the journal's chain is broken.
    """
    fault = first_fault(source, identity.genesis)
    if fault is not None:
        raise DamagedDatabase(str(draft), str(fault), ADVICE)
    database.create(draft, identity.site, identity.store)
    with contextlib.closing(
        sqlite3.connect(draft, isolation_level=None, factory=RememberingConnection)
    ) as target:
        # Nobody knows this file yet: it is synced once, when it is whole.
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "cache_size = -65536"):
            target.execute(f"PRAGMA {pragma}")
        target.execute("BEGIN")
        _copy(source, target, "source")
        _copy(source, target, "journal")

        def reached(position: int) -> None:
            target.execute("COMMIT")
            target.execute("BEGIN")
            if progress is not None:
                progress(position)

        count = replay(target, reached)
        target.execute("COMMIT")
        target.execute("PRAGMA synchronous = FULL")
        target.execute("PRAGMA journal_mode = WAL")
    with draft.open("rb+") as file:
        database.sync_file(file)
    return count


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> None:
    rows = source.execute(f"SELECT * FROM {table}")
    places = ", ".join("?" * len(rows.description))
    target.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
