"""Deciding on what is mounted on the slots of stations: load, unload (SEMANTICS S12)."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.errors import MalformedRequest, WouldCloseCycle
from tracenode.models.events import Load, Unload
from tracenode.models.interlock import MaterialEmpty
from tracenode.models.items import ItemKind
from tracenode.server.store.booking.checks import (
    Case,
    require_kind,
    require_order,
    require_unit_of_measure,
    usable,
)
from tracenode.server.store.booking.contents import drawn_from
from tracenode.server.store.booking.cycles import closes_cycle
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.booking.interlock import require_usable
from tracenode.server.store.reading.master import station_policy
from tracenode.server.store.reading.resolve import Found, public_id

__all__ = ["load", "require_declared", "require_mounted", "unload"]

_DIVISIBLE: Final = frozenset({ItemKind.Lot, ItemKind.Container})
_MOUNTED_THEN: Final = """
SELECT coalesce(i.state_of, i.id), m.until
FROM station t CROSS JOIN slot s CROSS JOIN mount m CROSS JOIN item i
WHERE t.name=? AND s.station=t.id AND s.name=? AND m.slot=s.id AND m.at<=? AND i.id=m.item
ORDER BY m.at DESC, m.ev DESC LIMIT 1"""
_DERIVING_THEN: Final = """
SELECT m.item, coalesce(i.state_of, i.id)
FROM station t CROSS JOIN slot s ON s.station=t.id CROSS JOIN mount m ON m.slot=s.id
  AND m.at>=(SELECT x.at FROM mount x WHERE x.slot=s.id AND x.at<=:at ORDER BY x.at DESC LIMIT 1)
  AND m.at<=:at AND m.until>:at AND m.derive=1
CROSS JOIN item i ON i.id=m.item WHERE t.name=:station ORDER BY s.id"""


def load(case: Case, event: Load) -> Decision:
    """A lot or container that may be used goes on a slot; what is on it comes off. Lots divide, so
    one may be on several slots, and it may be loaded again where it is.

    `quantity` is what was put there, for the record: the stock goes down by what is consumed,
    scrapped or shipped, never by a load.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, MalformedRequest,
        UnknownOrder, ItemOnHold, MaterialExpired, MaterialBlocked, MaterialEmpty, UnitMismatch.
    """
    lot = usable(case, event.lot)
    require_kind("lot", lot, _DIVISIBLE, "a lot or a container: a serialised part is assembled")
    slots = station_policy(case.connection, event.station).slots
    if slots and event.slot not in slots:
        expected = f"a slot of {event.station}: {', '.join(slots)}"
        raise MalformedRequest("slot", expected, event.slot)
    require_order(case, event.order)
    require_usable(case, (lot,))
    if drawn_from(case, lot) is None:
        raise MaterialEmpty(lot.public, "nothing is in it then")
    require_unit_of_measure(case, lot, event.quantity)
    return Decision(resolved(event, lot=lot.public), lot.public)


def unload(case: Case, event: Unload) -> Decision:
    """What is on a slot comes off, held or not. `remaining` is what was counted then, for the
    record: an Adjust corrects the stock.

    Raises: MaterialEmpty, UnknownOrder.
    """
    require_order(case, event.order)
    mounted = _mounted(case.connection, event.station, event.slot, case.at)
    if mounted is None:
        where = f"slot {event.slot} of {event.station}"
        raise MaterialEmpty(where, "nothing is loaded on it then")
    return Decision(event, public_id(case.connection, mounted))


def _mounted(connection: sqlite3.Connection, station: str, slot: str, at: int) -> int | None:
    """The lot or container that is on a slot at an event time."""
    row = connection.execute(_MOUNTED_THEN, (station, slot, at)).fetchone()
    return None if row is None or row[1] <= at else int(row[0])


def require_declared(case: Case, station: str) -> None:
    """Refuse a consumption at a station that derives it from what is mounted: MalformedRequest."""
    if station and station_policy(case.connection, station).derives:
        expected = "a station that declares its consumption"
        found = f"{station}, whose policy derives it from what is loaded"
        raise MalformedRequest("station", expected, found)


def require_mounted(case: Case, unit: Found, station: str) -> None:
    """Refuse a unit that would be made from what may not be used or from itself: by what is on the
    slots of a station that derives its consumption, when the unit comes there.

    Raises: ItemOnHold, MaterialExpired, MaterialBlocked, WouldCloseCycle.
    """
    at_station = {"station": station, "at": case.at}
    for node, owner in case.connection.execute(_DERIVING_THEN, at_station).fetchall():
        lot = case.resolve(public_id(case.connection, owner))
        require_usable(case, (lot,))
        if closes_cycle(case.connection, unit.id, node, case.at):
            raise WouldCloseCycle(unit.public, lot.public)
