"""Which items are made for which order, and how many of an order's items are where.

An item is made for the order that the latest event of its life names, of those that name one. Its
state says where it counts. A placeholder that turned out to be an item counts as that item alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from tracenode.models.identifiers import is_placeholder
from tracenode.models.items import ItemState
from tracenode.server.store.projecting.facts import Fact
from tracenode.server.store.projecting.memory import memory_of
from tracenode.server.store.projecting.placeholders import identified_as
from tracenode.server.store.projecting.standing import Standing, standing_of

__all__ = ["Place", "follow", "move", "name", "place", "place_in_tables"]

_NAME: Final = "INSERT OR IGNORE INTO made_for(item,ev,name) VALUES(?,?,?)"
_ORDER: Final = """
SELECT m.name FROM life l CROSS JOIN made_for m WHERE l.item=? AND m.item=l.item AND m.ev=l.ev
ORDER BY l.at DESC, l.ev DESC LIMIT 1"""
_STATE: Final = "SELECT state FROM life WHERE item=? ORDER BY at DESC, ev DESC LIMIT 1"
_COLUMNS: Final[dict[ItemState, str]] = {
    ItemState.Registered: "work",
    ItemState.InProcess: "work",
    ItemState.Completed: "good",
    ItemState.Consumed: "good",
    ItemState.Shipped: "good",
    ItemState.Scrapped: "scrap",
}
_ADD: Final = {
    column: f"INSERT INTO order_now(name,work,good,scrap) VALUES(?,{values})"
    f" ON CONFLICT(name) DO UPDATE SET {column}={column}+1"
    for column, values in (("work", "1,0,0"), ("good", "0,1,0"), ("scrap", "0,0,1"))
}
_TAKE: Final = {
    column: f"UPDATE order_now SET {column}={column}-1 WHERE name=?"
    for column in ("work", "good", "scrap")
}


class Place(NamedTuple):
    """Where an item counts; nowhere without an order."""

    order: str
    column: str


NOWHERE: Final = Place("", "")


def name(connection: sqlite3.Connection, fact: Fact, items: Iterable[int]) -> None:
    """Note the order that a fact names with the items whose intervals it changes."""
    order = fact.event.order
    if order:
        connection.executemany(_NAME, [(item, fact.seq, order) for item in items])


def place(connection: sqlite3.Connection, standing: Standing) -> Place:
    """Return where an item counts, by its standing."""
    if standing.order is None:
        standing.order = _order(connection, standing.number, standing.public)
    return _at(standing.order, None if standing.life is None else standing.life[2])


def place_in_tables(connection: sqlite3.Connection, item: int, public: str) -> Place:
    """Return where an item counts, by the tables."""
    state = connection.execute(_STATE, (item,)).fetchone()
    return _at(_order(connection, item, public), None if state is None else state[0])


def _order(connection: sqlite3.Connection, item: int, public: str) -> str:
    row = connection.execute(_ORDER, (item,)).fetchone()
    if row is None or (is_placeholder(public) and identified_as(connection, item) is not None):
        return ""
    return str(row[0])


def _at(order: str, state: int | None) -> Place:
    return NOWHERE if not order or state is None else Place(order, _COLUMNS[ItemState(state)])


def follow(connection: sqlite3.Connection, fact: Fact, standing: Standing, was: Place) -> None:
    """Count an item anew after a fact of it was appended, or had the item recomputed."""
    order = fact.event.order
    if order:
        name(connection, fact, (standing.number,))
    kept = memory_of(connection).items.get(standing.public)
    if kept is not standing:  # recomputed
        again = standing_of(connection, standing.public)
        move(connection, was, NOWHERE if again is None else place(connection, again))
        return
    if order and standing.life is not None and standing.life[1] == fact.seq:
        # What a placeholder is told after it was identified does not make it count again.
        standing.order = None if is_placeholder(standing.public) else order
    if standing.order != "":
        move(connection, was, place(connection, standing))


def move(connection: sqlite3.Connection, was: Place, now: Place) -> None:
    """Count an item where it is now."""
    if was == now:
        return
    if was.order:
        connection.execute(_TAKE[was.column], (was.order,))
    if now.order:
        connection.execute(_ADD[now.column], (now.order,))
