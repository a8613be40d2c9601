"""The file of operational state beside a database: small tables that change in place.

It is made with the first thing to remember. Losing it loses no record: consumers register again,
and pins are set again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from tracenode.models.errors import SchemaMismatch, StoreError
from tracenode.server.store.file.database import StoreIdentity, damage_named

__all__ = ["StateFile", "state_path"]

T = TypeVar("T")

APPLICATION_ID: Final = 0x54524E53
"""'TRNS' in the SQLite header."""
VERSION: Final = 2
BUSY_MS: Final = 5_000
"""How long one process waits for another, such as the command line for the server."""
SCHEMA: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE consumer(
  name TEXT PRIMARY KEY, application TEXT NOT NULL, user TEXT NOT NULL,
  acknowledged INTEGER NOT NULL, hash BLOB NOT NULL, registered INTEGER NOT NULL,
  seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE pin(item TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE condition(id TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
"""Times are microseconds since 1970-01-01 UTC. `consumer.hash` is that of the record acknowledged
last, empty for none; it tells whether the journal still holds that record."""
SINCE: Final = {
    2: "CREATE TABLE condition(id TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID"
}
"""What each version added to the one before."""


def state_path(database: Path) -> Path:
    """Return where the operational state of a database is."""
    return database.with_name(database.name + ".state")


class StateFile:
    """The open file, or none as long as there is nothing in it. One thread does all of it."""

    def __init__(self, database: Path, identity: StoreIdentity) -> None:
        """`identity`: of the database that the state belongs to."""
        self.path = state_path(database)
        self._identity = identity
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tracenode-state")

    async def read(self, function: Callable[[sqlite3.Connection], T], empty: T) -> T:
        """Return what `function` reads, `empty` where there is no file.

        Raises:
            SchemaMismatch: the file is of another database or a newer tracenode.
            StoreError: it can't be read; and whatever `function` raises.
        """
        return await asyncio.wrap_future(self._thread.submit(self._read, function, empty))

    async def write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function` in a transaction of its own and return when it is synced.

        Raises:
            SchemaMismatch: the file is of another database or a newer tracenode.
            StoreError: it can't be written; and whatever `function` raises, nothing written then.
        """
        return await asyncio.wrap_future(self._thread.submit(self._write, function))

    def close(self) -> None:
        """Finish what was asked and close; harmless twice."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -------------------------------------------------------------- on the thread
    def _read(self, function: Callable[[sqlite3.Connection], T], empty: T) -> T:
        if self._connection is None and not self.path.exists():
            return empty
        with self._faults_named():
            return function(self._open())

    def _write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        with self._faults_named():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                made = function(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return made

    @contextlib.contextmanager
    def _faults_named(self) -> Iterator[None]:
        try:
            with damage_named(self.path):
                yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not application and not tables:
                for statement in filter(str.strip, SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO meta(key, value) VALUES ('store', ?)", (self._identity.store,)
                )
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            else:
                self._check(connection, application)
                self._upgrade(connection)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @staticmethod
    def _upgrade(connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for later in range(version + 1, VERSION + 1):
            connection.execute(SINCE[later])
            connection.execute(f"PRAGMA user_version = {later}")

    def _check(self, connection: sqlite3.Connection, application: int) -> None:
        if application != APPLICATION_ID:
            raise SchemaMismatch(
                f"{self.path}: expected operational state, found application id {application:#010x}"
            )
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise SchemaMismatch(
                f"{self.path}: expected state of version {VERSION}, found {version}; "
                "it was written by a newer tracenode"
            )
        found = connection.execute("SELECT value FROM meta WHERE key = 'store'").fetchone()
        if found is None or found[0] != self._identity.store:
            raise SchemaMismatch(
                f"{self.path}: expected the state of store {self._identity.store}, found that of "
                f"{found[0] if found else 'none'}; move it away, and consumers register again"
            )
