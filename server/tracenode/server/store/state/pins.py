"""Items that are listed whatever their state, as rows."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.errors import MalformedRequest

__all__ = ["MAX_PINS", "pin", "pins", "unpin"]

MAX_PINS: Final = 128
"""Half of what the folder Items lists: items in process have the other half for sure."""


def pins(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the public ids of the pinned items, the one pinned last first."""
    return tuple(
        row[0] for row in connection.execute("SELECT item FROM pin ORDER BY at DESC, item")
    )


def pin(connection: sqlite3.Connection, item: str, now: int) -> None:
    """Pin an item; harmless twice.

    Raises:
        MalformedRequest: MAX_PINS are pinned already.
    """
    if connection.execute("SELECT 1 FROM pin WHERE item = ?", (item,)).fetchone():
        return
    (count,) = connection.execute("SELECT count(*) FROM pin").fetchone()
    if count >= MAX_PINS:
        raise MalformedRequest("ItemId", f"at most {MAX_PINS} pinned items", f"{count}: unpin one")
    connection.execute("INSERT INTO pin(item, at) VALUES (?, ?)", (item, now))


def unpin(connection: sqlite3.Connection, item: str) -> None:
    """Unpin an item; one that is not pinned is unpinned already."""
    connection.execute("DELETE FROM pin WHERE item = ?", (item,))
