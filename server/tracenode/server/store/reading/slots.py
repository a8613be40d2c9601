"""What is mounted on the slots of a station now (SEMANTICS S12)."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, Final, NamedTuple

from tracenode.models.quantities import Quantity
from tracenode.server.store.projecting.stock import Totals
from tracenode.server.store.reading.resolve import public_id
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds

__all__ = ["Slot", "slots_of"]

_SLOTS: Final = f"""
SELECT s.name, m.at, coalesce(i.state_of, i.id), o.expires, u.code, k.dimension,
  k.come, k.gone, k.unknown, k.taken, k.fed
FROM station t CROSS JOIN slot s ON s.station=t.id
LEFT JOIN mount m ON m.slot=s.id AND m.until={INF}
LEFT JOIN item i ON i.id=m.item
LEFT JOIN item o ON o.id=coalesce(i.state_of, i.id)
LEFT JOIN uom u ON u.id=o.unit
LEFT JOIN stock k ON k.item=o.id
WHERE t.name=? ORDER BY s.name"""


class Slot(NamedTuple):
    """A slot that was ever loaded, and what is on it; `lot` is empty where nothing is.

    `unit` is the UN/ECE code that the lot was registered in, empty where none is known;
    `remaining` is None where it is not known.
    """

    name: str
    lot: str
    loaded: datetime | None
    expires: datetime | None
    unit: str
    remaining: Quantity | None


def slots_of(connection: sqlite3.Connection, station: str) -> list[Slot]:
    """Return the slots of a station, by name."""
    rows = connection.execute(_SLOTS, (station,)).fetchall()
    return [_slot(connection, row) for row in rows]


def _slot(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Slot:
    name, at, owner, expires, unit, *stock = row
    if owner is None:
        return Slot(name, "", None, None, "", None)
    remaining = None
    if unit is not None and stock[0] is not None:
        left = Totals.of(*stock).left(unit)
        remaining = left if left is not None and left.unit == unit else None
    return Slot(
        name,
        public_id(connection, owner),
        from_microseconds(at),
        None if expires is None else from_microseconds(expires),
        unit or "",
        remaining,
    )
