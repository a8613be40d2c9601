"""How alarms stand: what people have dealt with must not come back with a restart. As rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

__all__ = ["conditions", "keep"]


def conditions(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the state of every condition that had one, as JSON, by its id."""
    return dict(connection.execute("SELECT id, state FROM condition").fetchall())


def keep(connection: sqlite3.Connection, states: Mapping[str, str | None]) -> None:
    """Keep the states of some conditions; None forgets one."""
    for key, state in states.items():
        if state is None:
            connection.execute("DELETE FROM condition WHERE id = ?", (key,))
        else:
            connection.execute(
                "INSERT INTO condition(id, state) VALUES (?, ?)"
                " ON CONFLICT(id) DO UPDATE SET state = excluded.state",
                (key, state),
            )
