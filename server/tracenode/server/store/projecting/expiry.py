"""Until when an item may be used, as it is known when its birth is recorded."""

from __future__ import annotations

import sqlite3

from tracenode.models.events import Merge, Receive, Register, Split, TraceEvent
from tracenode.server.store.reading.master import material
from tracenode.server.store.reading.resolve import row_of
from tracenode.server.store.writing.journal import microseconds

__all__ = ["expiry_of"]

_DAY_US = 86_400_000_000


def expiry_of(connection: sqlite3.Connection, event: TraceEvent, code: str, at: int) -> int | None:
    """Return when an item of the material `code` expires that an event makes at event time `at`;
    microseconds, None for never.

    It is what the event says, else what its material's shelf life gives. A lot that is split off
    has its parent's, a merged one the earliest of its lots'.
    """
    if isinstance(event, Split):
        return _expires(connection, event.lot)
    if isinstance(event, Merge):
        found = (_expires(connection, lot.item) for lot in event.lots)
        return min((expires for expires in found if expires is not None), default=None)
    if isinstance(event, Register | Receive) and event.expires_at is not None:
        return microseconds(event.expires_at)
    about = material(connection, code)
    if about is None or about.shelf_life_days is None:
        return None
    return at + int(about.shelf_life_days * _DAY_US)


def _expires(connection: sqlite3.Connection, public: str) -> int | None:
    number, _ = row_of(connection, public)
    found: tuple[int | None] = connection.execute(
        "SELECT expires FROM item WHERE id=?", (number,)
    ).fetchone()
    return found[0]
