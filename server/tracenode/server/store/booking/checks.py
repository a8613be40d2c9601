"""The checks of a booking, each refusing by its own error. `interlock` says their order."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from tracenode.models.errors import (
    ItemOnHold,
    ItemScrapped,
    MalformedRequest,
    PartAlreadyInstalled,
    UnitMismatch,
    UnknownOrder,
    WouldCloseCycle,
)
from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind
from tracenode.models.quantities import UNITS, Quantity
from tracenode.server.store.booking.cycles import closes_cycle
from tracenode.server.store.booking.holds import blocking_hold
from tracenode.server.store.projecting.facts import record_at
from tracenode.server.store.projecting.interning import station_name, unit_code_of
from tracenode.server.store.projecting.moves import LEFT_THE_PROCESS
from tracenode.server.store.projecting.placeholders import counterparts
from tracenode.server.store.projecting.references import relation_code
from tracenode.server.store.projecting.standing import standing_of
from tracenode.server.store.projecting.tail import inside
from tracenode.server.store.reading.master import order_exists
from tracenode.server.store.reading.resolve import Found, public_id, resolve
from tracenode.server.store.schema import INF

__all__ = [
    "Case",
    "Visit",
    "open_visit",
    "parent_of",
    "require_acyclic",
    "require_in_process",
    "require_kind",
    "require_loose",
    "require_no_hold",
    "require_order",
    "require_unit_of_measure",
    "usable",
]

_PARENT_THEN: Final = """
SELECT dst FROM edge INDEXED BY edge_out WHERE src=:item AND rel=:rel AND at<=:at UNION ALL
SELECT dst FROM edge_past INDEXED BY edge_past_out
  WHERE src=:item AND rel=:rel AND at<=:at AND until>:at LIMIT 1"""
_VISIT_THEN: Final = """
SELECT at, ev, station, until FROM visit WHERE item=? AND at<=? ORDER BY at DESC, ev DESC LIMIT 1"""


_NOBODY: Final[Mapping[str, Found]] = MappingProxyType({})


class Case(NamedTuple):
    """What a decision is made on: the tables, the event time in force, the record time (both in
    microseconds) and the journal position that the event would get."""

    connection: sqlite3.Connection
    at: int
    rec: int
    seq: int
    stand_ins: Mapping[str, Found] = _NOBODY
    """Placeholders that the event would make, by the text that means nothing else; number 0 where
    there was none before."""

    def resolve(self, text: str) -> Found:
        """Return the item that a text means at the event time; raises as `resolve` does."""
        return self.stand_ins.get(text) or resolve(self.connection, text, self.at)

    def late(self, found: Found) -> bool:
        """True where the event is not the newest of the item's intervals."""
        return self.at < found.last


def usable(case: Case, text: str) -> Found:
    """Return the item that a text means.

    Raises:
        InvalidIdentifier, UnknownItem, AmbiguousItem: as `resolve`.
        ItemScrapped: it had left the process at the event time.
    """
    found = case.resolve(text)
    require_in_process(case, found)
    return found


def require_in_process(case: Case, found: Found) -> None:
    """Refuse an item that was scrapped, consumed or shipped, be it under another id of the same
    unit: ItemScrapped."""
    for same in (found, *_counterparts(case, found)):
        if same.state in LEFT_THE_PROCESS:
            raise ItemScrapped(same.public, same.state.name.lower())


def _counterparts(case: Case, found: Found) -> list[Found]:
    """Return the same unit under its other ids: its placeholders, or what it turned out to be."""
    standing = standing_of(case.connection, found.public)
    used = standing is not None and standing.used
    numbers = counterparts(case.connection, found, used=used)
    return [case.resolve(public_id(case.connection, number)) for number in numbers]


def require_no_hold(case: Case, items: Iterable[Found]) -> None:
    """Refuse items that are held now, or made from what is held: ItemOnHold."""
    for found in items:
        hold = blocking_hold(case.connection, found.id)
        if hold is not None:
            (body,) = case.connection.execute(
                "SELECT body FROM journal WHERE seq=?", (hold,)
            ).fetchone()
            reason = json.loads(body)["f"]["reason"]
            raise ItemOnHold(found.public, record_at(case.connection, hold), reason)


def require_order(case: Case, order: str) -> None:
    """Refuse an order that is given but not in the master data: UnknownOrder."""
    if order and not order_exists(case.connection, order):
        raise UnknownOrder(order)


def require_kind(field: str, found: Found, kinds: frozenset[ItemKind], expected: str) -> None:
    """Refuse an item of another kind: MalformedRequest."""
    if found.kind not in kinds:
        raise MalformedRequest(field, expected, f"{found.public}, a {found.kind.name.lower()}")


def parent_of(case: Case, found: Found, relation: Relation) -> int | None:
    """Return what an item is installed or packed in at the event time; None for nothing."""
    rel = relation_code(relation)
    standing = standing_of(case.connection, found.public)
    if standing is not None and not case.late(found):
        key = inside(case.connection, standing, rel)
        return None if key is None else key[0]
    row = case.connection.execute(
        _PARENT_THEN, {"item": found.id, "rel": rel, "at": case.at}
    ).fetchone()
    return None if row is None else int(row[0])


def require_loose(case: Case, found: Found) -> None:
    """Refuse a unit that sits in a parent at the event time: PartAlreadyInstalled."""
    if found.kind is ItemKind.Unit:
        for same in (found, *_counterparts(case, found)):
            parent = parent_of(case, same, Relation.Install)
            if parent is not None:
                raise PartAlreadyInstalled(same.public, public_id(case.connection, parent))


def require_acyclic(case: Case, output: Found, input_: Found) -> None:
    """Refuse an edge from the event time on that would close a cycle: WouldCloseCycle."""
    standing = standing_of(case.connection, output.public)
    if standing is not None and not standing.used and output.id != input_.id:
        return
    if closes_cycle(case.connection, output.id, input_.id, case.at, INF):
        raise WouldCloseCycle(output.public, input_.public)


def require_unit_of_measure(case: Case, found: Found, quantity: Quantity | None) -> None:
    """Refuse a quantity of another dimension than the lot was received in: UnitMismatch."""
    if quantity is None or found.unit is None:
        return
    received = unit_code_of(case.connection, found.unit)
    if UNITS[received][0] != UNITS[quantity.unit][0]:
        raise UnitMismatch(f"a unit of {UNITS[received][0]} such as {received}", quantity.unit)


class Visit(NamedTuple):
    """An operation that is open: its station, its event time, the position that it began by."""

    station: str
    since: int
    ev: int


def open_visit(case: Case, found: Found) -> Visit | None:
    """Return the operation that is open on an item at the event time."""
    standing = standing_of(case.connection, found.public)
    row = None if standing is None else standing.visit
    if row is not None and row[0] > case.at:
        row = case.connection.execute(_VISIT_THEN, (found.id, case.at)).fetchone()
    if row is None or row[3] <= case.at:
        return None
    return Visit(station_name(case.connection, row[2]), row[0], row[1])
