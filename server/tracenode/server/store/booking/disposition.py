"""Deciding on what becomes of items: scrap, ship, hold, release."""

from __future__ import annotations

from typing import Final

from tracenode.models.errors import MalformedRequest, UnknownRecord, UnknownStation
from tracenode.models.event_parts import MAX_INPUTS
from tracenode.models.events import Hold, Release, Scrap, Ship
from tracenode.server.store.booking.checks import (
    Case,
    require_in_process,
    require_no_hold,
    require_order,
    usable,
)
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.reading.master import master_data
from tracenode.server.store.reading.resolve import Found, public_id
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds, position_of

__all__ = ["hold", "release", "scrap", "ship"]


_HOLD: Final = """
SELECT item, at, until FROM hold WHERE ev=:ev
UNION ALL SELECT NULL, at, until FROM watch WHERE ev=:ev"""
_PACKED_THEN: Final = """
WITH RECURSIVE t(n) AS (VALUES(:item)
  UNION SELECT e.src FROM t CROSS JOIN edge e ON e.dst=t.n WHERE e.rel=3 AND e.at<=:at+0*t.n
  UNION SELECT p.src FROM t CROSS JOIN edge_past p ON p.dst=t.n
    WHERE p.rel=3 AND p.at<=:at+0*t.n AND p.until>:at+0*t.n)
SELECT n FROM t WHERE n<>:item ORDER BY n"""


def scrap(case: Case, event: Scrap) -> Decision:
    """The item leaves for good; what is installed in it stays in it.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped.
    """
    found = usable(case, event.item)
    require_order(case, event.order)
    return Decision(resolved(event, item=found.public), found.public)


def ship(case: Case, event: Ship) -> Decision:
    """Items leave the plant, and with them what is packed in them at the event time.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, ItemOnHold,
        MalformedRequest.
    """
    found = {item.id: item for item in (usable(case, text) for text in event.items)}
    require_order(case, event.order)
    for item in list(found.values()):
        for packed in _packed_in(case, item):
            if packed.id not in found:
                require_in_process(case, packed)
                found[packed.id] = packed
    if len(found) > MAX_INPUTS:
        raise MalformedRequest(
            "items", f"at most {MAX_INPUTS} with what is packed", str(len(found))
        )
    require_no_hold(case, found.values())
    items = tuple(item.public for item in found.values())
    return Decision(resolved(event, items=items), items[0])


def _packed_in(case: Case, item: Found) -> list[Found]:
    numbers = case.connection.execute(_PACKED_THEN, {"item": item.id, "at": case.at}).fetchall()
    return [case.resolve(public_id(case.connection, number)) for (number,) in numbers]


def hold(case: Case, event: Hold) -> Decision:
    """Any known item may be held, and all that was at a station within a time, as often as there
    are reasons. A station is known where something was booked, or by master data: a hold on a
    misspelt one would hold nothing.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, UnknownStation.
    """
    require_order(case, event.order)
    if event.window is not None:
        _require_station(case, event.window.station)
        return Decision(event)
    found = case.resolve(event.item)
    return Decision(resolved(event, item=found.public), found.public)


def _require_station(case: Case, name: str) -> None:
    if master_data(case.connection, "station", name) is None:
        sql = "SELECT 1 FROM station WHERE name=?"
        if case.connection.execute(sql, (name,)).fetchone() is None:
            raise UnknownStation(name)


def release(case: Case, event: Release) -> Decision:
    """End one hold that is in force.

    Raises: UnknownRecord, MalformedRequest.
    """
    position = position_of(case.connection, event.hold)
    row = case.connection.execute(_HOLD, {"ev": position}).fetchone()
    if row is None:
        raise UnknownRecord(event.hold, "it is no hold that stands")
    item, at, until = row
    if until != INF:
        raise UnknownRecord(event.hold, "the hold was released already")
    if case.at < at:
        since = from_microseconds(at).isoformat()
        found = from_microseconds(case.at).isoformat()
        raise MalformedRequest("event_time", f"a time after the hold of {since}", found)
    return Decision(event, "" if item is None else public_id(case.connection, item))
