"""Opening the file: library version, identity, pragmas, checks at start, creation, migrations."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeVar
from urllib.parse import quote

from tracenode.models.errors import DamagedDatabase, SchemaMismatch, SqliteTooOld, StoreError
from tracenode.server.store.adjacency.connection import IndexedConnection
from tracenode.server.store.file.migrations import make_schema, migrate
from tracenode.server.store.projecting.memory import RememberingConnection
from tracenode.server.store.schema import APPLICATION_ID, JOURNAL, PROJECTIONS, SCHEMA_VERSION
from tracenode.server.store.writing.chain import first_fault, genesis

__all__ = [
    "ADVICE",
    "MINIMUM_SQLITE",
    "StoreIdentity",
    "check_header",
    "check_library",
    "check_schema",
    "check_tail",
    "connect_reader",
    "connect_writer",
    "create",
    "damage_named",
    "identify",
    "is_older",
    "sidecars",
    "sync_directory",
    "sync_file",
    "upgrade",
]

MINIMUM_SQLITE: Final = (3, 37, 0)
"""STRICT tables."""
TAIL: Final = 256
"""Journal entries whose hashes are checked at start."""
ADVICE: Final = (
    "Restore a backup with `tracenode restore`, or run `tracenode verify` to see what is whole"
)

Kind = TypeVar("Kind", bound=sqlite3.Connection)
_MAGIC: Final = b"SQLite format 3\0"
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_WRITER: Final = (
    "busy_timeout = 5000",
    "trusted_schema = OFF",
    "synchronous = FULL",
    "cache_size = -65536",
    "temp_store = MEMORY",
    "wal_autocheckpoint = 4000",
    "secure_delete = OFF",
    "foreign_keys = OFF",
)
_READER: Final = (
    "busy_timeout = 5000",
    "trusted_schema = OFF",
    "cache_size = -8192",
    "temp_store = MEMORY",
    "query_only = ON",
)
_MMAP: Final = "mmap_size = 2000000000"
_NO_MMAP: Final = "mmap_size = 0"


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """Which journal this is: `store` is a UUID made with the file, `site` the server's name."""

    store: str
    site: str

    @property
    def genesis(self) -> bytes:
        return genesis(self.store, self.site)


def check_library(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Refuse an SQLite library that lacks what the schema needs.

    Raises:
        SqliteTooOld: older than MINIMUM_SQLITE.
    """
    if version < MINIMUM_SQLITE:
        raise SqliteTooOld(".".join(map(str, MINIMUM_SQLITE)), ".".join(map(str, version)))


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Translate what SQLite raises about a file.

    Raises:
        DamagedDatabase: the bytes are no whole database.
        StoreError: it can't be opened or is locked.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGE:
            raise DamagedDatabase(str(path), str(error), ADVICE) from error
        if code:
            raise StoreError(f"{path}: {error}") from error
        raise


def connect_writer(path: Path) -> RememberingConnection:
    """Open the one connection that writes. Its caller holds the FileLock.

    Raises:
        SchemaMismatch: of another application; nothing in it was changed.
        StoreError: the disk can't do write-ahead logging.
    """
    connection = _connect(path, "rw", RememberingConnection)
    try:
        _check_application(connection, path)
        for pragma in _WRITER:
            connection.execute(f"PRAGMA {pragma}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                f"{path}: expected write-ahead logging, found journal mode {mode}; "
                "the file must be on a local disk"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path, *, mmap: bool = True) -> IndexedConnection:
    """Open a connection that reads. `mmap` False for network and removable disks, where a lost
    disk would kill the process (SIGBUS)."""
    connection = _connect(path, "ro", IndexedConnection)
    try:
        for pragma in (*_READER, _MMAP if mmap else _NO_MMAP):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str, kind: type[Kind]) -> Kind:
    return sqlite3.connect(
        f"file:{quote(path.absolute().as_posix())}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        factory=kind,
    )


def sidecars(path: Path) -> tuple[Path, Path]:
    """Return the paths of the write-ahead log and its shared memory."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def check_header(path: Path) -> None:
    """Check that a file is there and is an SQLite database.

    Raises:
        StoreError: no file.
        DamagedDatabase: empty, cut off, or no SQLite header.
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        raise StoreError(f"{path}: no such database; `tracenode init` makes one") from None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    if len(header) < 100:
        raise DamagedDatabase(str(path), f"the file has {len(header)} bytes", ADVICE)
    if not header.startswith(_MAGIC):
        raise DamagedDatabase(
            str(path), f"expected an SQLite header, found {header[:16]!r}", ADVICE
        )


def identify(connection: sqlite3.Connection, path: Path, site: str | None) -> StoreIdentity:
    """Check that the file is ours, of this schema and of this site (None: any).

    Raises:
        SchemaMismatch: of another application, a newer tracenode, or another site.
        DamagedDatabase: the identity is gone.
    """
    _check_application(connection, path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise SchemaMismatch(
            f"{path}: expected schema {SCHEMA_VERSION} or older, found {version}; "
            "it was written by a newer tracenode"
        )
    with damage_named(path):
        try:
            meta = dict(connection.execute("SELECT key, value FROM meta"))
        except sqlite3.OperationalError as error:
            raise DamagedDatabase(str(path), str(error), ADVICE) from error
    if "store" not in meta or "site" not in meta:
        raise DamagedDatabase(str(path), "the identity of the store is missing", ADVICE)
    if site is not None and site != meta["site"]:
        raise SchemaMismatch(
            f"{path}: expected the journal of site {site!r}, found {meta['site']!r}"
        )
    return StoreIdentity(meta["store"], meta["site"])


def is_older(connection: sqlite3.Connection) -> bool:
    """True where the file waits for a migration."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version < SCHEMA_VERSION)


def upgrade(
    connection: sqlite3.Connection,
    path: Path,
    site: str | None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Migrate an older file of ours whose journal is whole; leave any other as it is. Indexes that
    others made on our tables go with them; `progress` hears the journal position reached.

    Raises:
        SchemaMismatch, DamagedDatabase: as `identify`, and of a broken journal.
    """
    if is_older(connection):
        identity = identify(connection, path, site)
        if fault := first_fault(connection, identity.genesis):
            raise DamagedDatabase(str(path), str(fault), ADVICE)
        migrate(connection, progress)


def _check_application(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise SchemaMismatch(
            f"{path}: expected a tracenode database, found application id {application:#010x}"
        )


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Check that every table, column, index and trigger is there; more may be.

    Raises:
        DamagedDatabase: something is missing or different.
    """
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        model.executescript(JOURNAL + PROJECTIONS)
        expected = _layout(model)
    found = _layout(connection)
    for name, form in expected.items():
        if name not in found:
            raise DamagedDatabase(str(path), f"the schema lacks {name}", ADVICE)
        if found[name] != form:
            raise DamagedDatabase(
                str(path), f"{name}: expected {form}, found {found[name]}", ADVICE
            )


def _layout(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(
        connection.execute(
            """SELECT m.type || ' ' || m.name, CASE m.type
            WHEN 'table' THEN (SELECT group_concat(p.name || ' ' || p.type || ' ' || p."notnull"
                || ' ' || p.pk, ', ') FROM pragma_table_info(m.name) p)
            WHEN 'index' THEN m.tbl_name || '(' || (SELECT group_concat(p.name, ', ')
                FROM pragma_index_info(m.name) p) || ')'
            ELSE m.tbl_name END
            FROM sqlite_master m WHERE m.sql IS NOT NULL"""
        )
    )


def check_tail(connection: sqlite3.Connection, path: Path, identity: StoreIdentity) -> None:
    """Check the hashes of the last TAIL journal entries.

    Raises:
        DamagedDatabase: an entry is altered, missing, reordered or unreadable.
    """
    (head,) = connection.execute("SELECT max(seq) FROM journal").fetchone()
    after = max((head or 0) - TAIL, 0)
    previous = identity.genesis
    if after:
        row = connection.execute("SELECT hash FROM journal WHERE seq = ?", (after,)).fetchone()
        if row is None:
            raise DamagedDatabase(str(path), f"journal entry {after} is missing", ADVICE)
        (previous,) = row
    if fault := first_fault(connection, previous, after):
        raise DamagedDatabase(str(path), str(fault), ADVICE)


def create(path: Path, site: str, store: str | None = None) -> StoreIdentity:
    """Make an empty database; it appears under its name only when it is whole and synced. The
    caller holds the FileLock. `store` is a new UUID unless a journal is copied into it.

    Raises:
        StoreError: the file, or the log of a lost one, is there already; or no room for it.
    """
    for there in (path, *sidecars(path)):
        if there.exists():
            raise StoreError(f"{there} is there already; nothing was created")
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent}: no such folder")
    identity = StoreIdentity(store or str(uuid.uuid4()), site)
    draft = path.with_name(path.name + ".creating")
    for left in (draft, draft.with_name(draft.name + "-journal")):
        left.unlink(missing_ok=True)
    with (
        damage_named(path),
        contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA synchronous = FULL")
        make_schema(connection)
        connection.executemany(
            "INSERT INTO meta(key, value) VALUES (?, ?)",
            (("store", identity.store), ("site", identity.site)),
        )
        connection.execute("PRAGMA journal_mode = WAL")
    draft.replace(path)
    sync_directory(path.parent)
    return identity


def sync_file(file: BinaryIO) -> None:
    """Make what was written survive a power loss."""
    file.flush()
    os.fsync(file.fileno())


def sync_directory(folder: Path) -> None:
    """Make a new name in `folder` survive a power loss (POSIX; elsewhere the system does)."""
    if os.name != "posix":
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
