"""Deciding on contents: fill, transfer, empty, adjust, and what may be drawn (SEMANTICS S5, S9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tracenode.models.errors import MalformedRequest, WouldCloseCycle
from tracenode.models.events import Adjust, Consume, Empty, Fill, Transfer
from tracenode.models.interlock import MaterialEmpty, OverConsumption
from tracenode.models.items import ItemKind
from tracenode.models.quantities import Quantity
from tracenode.server.store.booking.checks import (
    Case,
    require_acyclic,
    require_kind,
    require_order,
    require_unit_of_measure,
    usable,
)
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.booking.interlock import require_usable
from tracenode.server.store.booking.trial import require_sound
from tracenode.server.store.projecting.content import content_then, makes_state, resettles
from tracenode.server.store.projecting.flows import FlowKind
from tracenode.server.store.projecting.stock import Holding, Totals, holding_of
from tracenode.server.store.reading.master import material
from tracenode.server.store.reading.resolve import Found
from tracenode.server.store.writing.journal import from_microseconds

__all__ = [
    "DIVISIBLE",
    "adjust",
    "drawn_from",
    "empty",
    "fill",
    "require_drawable",
    "require_no_cycle",
    "transfer",
]

DIVISIBLE: Final = frozenset({ItemKind.Lot, ItemKind.Container})
_EXPECTED: Final = "a lot or a container"


def fill(case: Case, event: Fill) -> Decision:
    """Material of a lot or container goes into a container, or on top of a lot.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, MalformedRequest,
        UnknownOrder, ItemOnHold, MaterialExpired, MaterialBlocked, UnitMismatch, MaterialEmpty,
        OverConsumption, WouldCloseCycle.
    """
    target, source = usable(case, event.container), usable(case, event.lot)
    require_kind("container", target, DIVISIBLE, _EXPECTED)
    require_kind("lot", source, DIVISIBLE, f"{_EXPECTED}: a unit is consumed")
    recorded = resolved(event, container=target.public, lot=source.public)
    return _poured(case, recorded, target, source)


def transfer(case: Case, event: Transfer) -> Decision:
    """Content of a container or lot goes into another.

    Raises: as `fill`.
    """
    source, target = usable(case, event.source), usable(case, event.target)
    require_kind("source", source, DIVISIBLE, _EXPECTED)
    require_kind("target", target, DIVISIBLE, _EXPECTED)
    recorded = resolved(event, source=source.public, target=target.public)
    return _poured(case, recorded, target, source)


def _poured(case: Case, recorded: Fill | Transfer, target: Found, source: Found) -> Decision:
    if source.id == target.id:
        field = "lot" if isinstance(recorded, Fill) else "target"
        raise MalformedRequest(field, "two of them", f"{source.public} twice")
    require_order(case, recorded.order)
    require_usable(case, (source,))
    require_unit_of_measure(case, source, recorded.quantity)
    require_unit_of_measure(case, target, recorded.quantity)
    text = require_drawable(case, ((source, recorded.quantity),))
    require_no_cycle(case, recorded, target, source)
    return Decision(recorded, target.public, text)


def empty(case: Case, event: Empty) -> Decision:
    """A container or lot holds nothing any more, held or not. Empty already: no effect.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, MalformedRequest,
        UnknownOrder, WouldCloseCycle.
    """
    found = usable(case, event.container)
    require_kind("container", found, DIVISIBLE, _EXPECTED)
    require_order(case, event.order)
    recorded = resolved(event, container=found.public)
    if drawn_from(case, found) is None:
        return Decision(recorded, found.public, "it is empty already", effect=False)
    if resettles(case.connection, recorded, case.at, case.seq):
        require_sound(case, recorded)
    return Decision(recorded, found.public)


def adjust(case: Case, event: Adjust) -> Decision:
    """The stock of what holds something was counted, held or not.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, MalformedRequest,
        UnknownOrder, UnitMismatch, MaterialEmpty.
    """
    found = usable(case, event.lot)
    require_kind("lot", found, DIVISIBLE, _EXPECTED)
    require_order(case, event.order)
    require_unit_of_measure(case, found, event.quantity)
    holding = _holding(case, found)
    assert holding is not None, "a lot or container has one"
    _require_filled(case, found, holding)
    return Decision(resolved(event, lot=found.public), found.public)


# ------------------------------------------------------------------ drawing
def _holding(case: Case, found: Found) -> Holding | None:
    """Return what a lot or container holds by all that is booked; None for other items, and for a
    placeholder that nobody has met before."""
    if found.kind not in DIVISIBLE or not found.id:
        return None
    container = found.kind is ItemKind.Container
    return holding_of(case.connection, found.id, container=container)


def _is_late(case: Case, found: Found) -> bool:
    holding = _holding(case, found)
    return holding is not None and case.at < holding.last


def drawn_from(case: Case, found: Found) -> int | None:
    """Return the node that is drawn from at the event time: what is in a lot or container, any
    other item itself; None where nothing is in it."""
    holding = _holding(case, found)
    return found.id if holding is None else content_then(case.connection, holding, case.at)


def _require_filled(case: Case, found: Found, holding: Holding) -> None:
    """Refuse a lot or container that holds nothing at the event time: MaterialEmpty."""
    if content_then(case.connection, holding, case.at) is None:
        when = from_microseconds(case.at).isoformat(timespec="seconds")
        raise MaterialEmpty(found.public, f"nothing is in it at {when}")


def require_drawable(case: Case, draws: Sequence[tuple[Found, Quantity | None]]) -> str:
    """Refuse to draw from what is empty at the event time, or more than is left by all that is
    booked where the material says so. Return what to tell where more is taken than there is.

    Raises:
        MaterialEmpty, OverConsumption.
    """
    told: list[str] = []
    left: dict[int, Totals] = {}
    for found, quantity in draws:
        holding = _holding(case, found)
        if holding is None:
            continue
        _require_filled(case, found, holding)
        if quantity is None:
            continue
        totals = left.get(found.id, holding.totals)
        if not totals.covers(quantity):
            _require_flagged(case, found, totals, quantity)
            missing = totals.missing(quantity)
            more = "more" if missing is None else f"{missing} more"
            told.append(f"{more} than there is of {found.public}")
        if len(draws) > 1:
            left[found.id] = totals.after(FlowKind.Draw, quantity)
    return "; ".join(told)


def _require_flagged(case: Case, found: Found, totals: Totals, asked: Quantity) -> None:
    about = material(case.connection, found.material)
    if about is None or about.over_consumption == "flag":
        return
    left = totals.most(asked.unit)
    raise OverConsumption(found.public, left or Quantity.of(0, asked.unit), asked)


def require_no_cycle(
    case: Case, recorded: Consume | Fill | Transfer, output: Found, input_: Found
) -> None:
    """Refuse an edge from a content to what it goes into that closes a cycle: WouldCloseCycle.

    A new content has gone into nothing yet, so no input to it closes one.
    """
    if output.id == input_.id:
        raise WouldCloseCycle(output.public, input_.public)
    late = _is_late(case, output) or _is_late(case, input_)
    if late and resettles(case.connection, recorded, case.at, case.seq):
        require_sound(case, recorded)
        return
    if output.kind in DIVISIBLE and makes_state(case.connection, output, case.at, case.seq):
        return
    node = drawn_from(case, input_)
    assert node is not None, "it holds something"
    require_acyclic(case, output, input_ if node == input_.id else input_._replace(id=node))
