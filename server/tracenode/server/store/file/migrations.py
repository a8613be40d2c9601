"""The steps from one schema to the next. The journal stays as it is; tables of another version are
dropped and made anew from it.

They are run by sqlite-utils, which keeps its account in `_sqlite_migrations`. It takes longer to
import than the server to start (1.5 s where pandas is installed too), so a new file is made without
it and gets the same account.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tracenode.server.store.file.replay import replay
from tracenode.server.store.schema import (
    APPLICATION_ID,
    JOURNAL,
    PROJECTION_TABLES,
    PROJECTIONS,
    SCHEMA_VERSION,
)

if TYPE_CHECKING:
    from sqlite_utils import Migrations

__all__ = ["make_schema", "migrate", "migrations"]

_SET: Final = "tracenode"
_FORMER_TABLES: Final = ("emitted",)
_ACCOUNT: Final = """
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY, "migration_set" TEXT, "name" TEXT, "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
  ON "_sqlite_migrations" ("migration_set", "name");
"""


Progress = Callable[[int], None]
"""Hears the journal position reached."""


def _journal(connection: sqlite3.Connection, _: Progress) -> None:
    _run(connection, JOURNAL)


def _nothing(_: sqlite3.Connection, __: Progress) -> None:
    """The tables of this step are made by a later one."""


def _tables_anew(connection: sqlite3.Connection, progress: Progress) -> None:
    for table in (*PROJECTION_TABLES, *_FORMER_TABLES):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    _run(connection, PROJECTIONS)
    replay(connection, progress)


def _run(connection: sqlite3.Connection, script: str) -> None:
    # executescript would commit first and leave half a step behind when it fails
    for statement in _statements(script):
        connection.execute(statement)


STEPS: Final[dict[str, Callable[[sqlite3.Connection, Progress], None]]] = {
    "0001_first_schema": _journal,
    "0002_contents_and_mounts": _nothing,
    "0003_fewer_rows_an_event": _nothing,
    "0004_orders": _tables_anew,
}
"""The last step makes all tables anew, so those before it need not. A file of version 1 has its
tables from the first step too."""


def _silent(_: int) -> None:
    """Tell nobody."""


def migrations(progress: Progress = _silent) -> Migrations:
    """Return the steps as sqlite-utils runs them."""
    from sqlite_utils import Migrations

    steps = Migrations(_SET)
    for name, step in STEPS.items():
        steps(name=name)(lambda db, step=step: step(db.conn, progress))
    return steps


def migrate(connection: sqlite3.Connection, progress: Progress | None = None) -> None:
    """Bring an older file to SCHEMA_VERSION in one transaction: killed, it leaves the file as it
    was."""
    from sqlite_utils import Database

    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    with database.atomic():
        migrations(progress or _silent).apply(database)
        _mark(connection)


def make_schema(connection: sqlite3.Connection) -> None:
    """Fill an empty file as `migrate` would."""
    connection.execute("BEGIN")
    _run(connection, _ACCOUNT)
    for name, step in STEPS.items():
        step(connection, _silent)
        connection.execute(
            'INSERT INTO "_sqlite_migrations"(migration_set, name, applied_at) VALUES (?, ?, ?)',
            (_SET, name, str(datetime.now(UTC))),
        )
    _mark(connection)
    connection.execute("COMMIT")


def _mark(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Split a script of complete statements, triggers included."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
