"""The steps from one schema to the next; the first schema is step one.

They are run by sqlite-utils, which keeps its account in `_sqlite_migrations`. It takes longer to
import than the server to start (1.5 s where pandas is installed too), so a new file is made without
it and gets the same account.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tracenode.server.store.schema import APPLICATION_ID, JOURNAL, PROJECTIONS, SCHEMA_VERSION

if TYPE_CHECKING:
    from sqlite_utils import Migrations

__all__ = ["make_schema", "migrate", "migrations"]

_SET: Final = "tracenode"
_ACCOUNT: Final = """
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY, "migration_set" TEXT, "name" TEXT, "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
  ON "_sqlite_migrations" ("migration_set", "name");
"""


def first_schema(connection: sqlite3.Connection) -> None:
    # executescript would commit first and leave half a step behind when it fails
    for statement in _statements(JOURNAL + PROJECTIONS):
        connection.execute(statement)


STEPS: Final[dict[str, Callable[[sqlite3.Connection], None]]] = {"0001_first_schema": first_schema}


def migrations() -> Migrations:
    """Return the steps as sqlite-utils runs them."""
    from sqlite_utils import Database, Migrations

    steps = Migrations(_SET)
    for name, step in STEPS.items():

        def run(database: Database, step: Callable[[sqlite3.Connection], None] = step) -> None:
            step(database.conn)

        steps(name=name)(run)
    return steps


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older file to SCHEMA_VERSION, each step in a transaction of its own."""
    from sqlite_utils import Database

    migrations().apply(Database(connection, recursive_triggers=False, execute_plugins=False))
    _mark(connection)


def make_schema(connection: sqlite3.Connection) -> None:
    """Fill an empty file as `migrate` would."""
    connection.execute("BEGIN")
    for statement in _statements(_ACCOUNT):
        connection.execute(statement)
    for name, step in STEPS.items():
        step(connection)
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
