"""The steps from one schema to the next, for sqlite-utils; the first schema is step one.

Imported only when a step is due: sqlite-utils takes longer to import than the server to start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlite_utils import Database, Migrations

from tracenode.server.store.schema import APPLICATION_ID, JOURNAL, PROJECTIONS, SCHEMA_VERSION

__all__ = ["migrate", "statements"]

MIGRATIONS = Migrations("tracenode")


def statements(script: str) -> Iterator[str]:
    """Split a script of complete statements, triggers included."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


@MIGRATIONS(name="0001_first_schema")
def first_schema(database: Database) -> None:
    # executescript would commit first and leave half a step behind when it fails
    for statement in statements(JOURNAL + PROJECTIONS):
        database.execute(statement)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to SCHEMA_VERSION, each step in a transaction of its own."""
    MIGRATIONS.apply(Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
