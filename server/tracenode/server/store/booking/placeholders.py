"""Deciding on what nobody registered: placeholders and what they turn out to be (SEMANTICS S16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tracenode.models.errors import MalformedRequest, PartAlreadyInstalled, UnknownItem
from tracenode.models.events import (
    Assemble,
    Consume,
    Fill,
    Identify,
    Load,
    Pack,
    Replace,
    Start,
    TraceEvent,
    Transfer,
)
from tracenode.models.genealogy import Relation
from tracenode.models.identifiers import PLACEHOLDER, Identity, is_placeholder
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.store.booking.checks import Case, require_no_hold, require_order
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.booking.same_lot import require_same_lot
from tracenode.server.store.booking.trial import require_sound
from tracenode.server.store.projecting.interning import KINDS
from tracenode.server.store.projecting.placeholders import identified_as, stood_in_by
from tracenode.server.store.projecting.standing import standing_of
from tracenode.server.store.reading.master import station_policy
from tracenode.server.store.reading.resolve import Found, parsed, public_id
from tracenode.server.store.reading.scanned import code_of
from tracenode.server.store.schema import INF

__all__ = ["decided", "identify"]

_UNIT: Final = (ItemKind.Unit,)
_MAY_BE_UNKNOWN: Final[dict[type[Any], tuple[str, tuple[ItemKind, ...]]]] = {
    Start: ("item", (ItemKind.Unit, ItemKind.Lot)),
    Assemble: ("part", _UNIT),
    Replace: ("new_part", _UNIT),
    Consume: ("lot", (ItemKind.Lot, ItemKind.Unit)),
    Load: ("lot", (ItemKind.Lot,)),
    Pack: ("item", (ItemKind.Unit, ItemKind.Lot)),
}
"""The reference of each event that a placeholder may stand in for, and what it may be: where the
text does not say, the first. A verdict has none: without a start there is nothing to end. What
something goes into must be known, else its own parts would hang on a guess."""
_TAKING: Final[dict[type[Any], str]] = {
    Start: "item",
    Assemble: "parent",
    Replace: "parent",
    Consume: "item",
    Fill: "container",
    Transfer: "target",
    Pack: "container",
}
_INGREDIENTS: Final = """
SELECT 1 FROM edge WHERE dst=:item UNION ALL SELECT 1 FROM edge_past WHERE dst=:item LIMIT 1"""
_STATIONS: Final = """
SELECT DISTINCT s.name FROM visit v CROSS JOIN station s ON s.id=v.station WHERE v.item=?"""
_USES: Final = f"""
SELECT dst, at, {INF}, rel FROM edge INDEXED BY edge_out WHERE src=:item
UNION ALL SELECT dst, at, until, rel FROM edge_past INDEXED BY edge_past_out WHERE src=:item"""

Decide = Callable[[Case, Any], Decision]


def decided(case: Case, event: TraceEvent, decide: Decide) -> Decision:
    """Return the decision on an event. Where it is refused for an item that nobody registered, at a
    station that takes such, it is decided on with a placeholder in its place.

    Raises:
        MalformedRequest: the event brings placeholders of its own, or something would go into a
            placeholder whose item is known by now, or be drawn from one whose lot was topped up.
    """
    if event.placeholders:
        expected = "none: recording makes them"
        raise MalformedRequest("placeholders", expected, ", ".join(event.placeholders[:4]))
    try:
        decision = decide(case, event)
    except UnknownItem as unknown:
        stand_in = _stand_in(case, event, unknown.item)
        if stand_in is None:
            raise
        decision = _made(decide(case._replace(stand_ins={unknown.item: stand_in}), event), stand_in)
    _require_own_id(case, decision.event)
    require_same_lot(case, decision.event)
    return decision


def _made(decision: Decision, stand_in: Found) -> Decision:
    event = decision.event.model_copy(update={"placeholders": (stand_in.public,)})
    said = f"{stand_in.public} stands in for an unknown item"
    return decision._replace(event=event, text="; ".join(filter(None, (decision.text, said))))


def _require_own_id(case: Case, recorded: TraceEvent) -> None:
    """Refuse to put anything into a placeholder whose item is known: what it went into since under
    its own id would not be found from there."""
    field = _TAKING.get(type(recorded))
    public = "" if field is None else str(getattr(recorded, field))
    standing = standing_of(case.connection, public) if is_placeholder(public) else None
    real = None if standing is None else identified_as(case.connection, standing.number)
    if field is not None and real is not None:
        expected = f"{public_id(case.connection, real)}, which it turned out to be"
        raise MalformedRequest(field, expected, public)


def _stand_in(case: Case, event: TraceEvent, unknown: str) -> Found | None:
    """Return a placeholder for the unknown item of an event; None where there can be none."""
    field, kinds = _MAY_BE_UNKNOWN.get(type(event), ("", ()))
    if not field or getattr(event, field) != unknown:
        return None
    if station_policy(case.connection, event.station).unknown_items != "placeholder":
        return None
    kind, number = _read(unknown, kinds[0])
    if kind not in kinds or number is None:
        return None
    public = str(Identity.stand_in(kind, number))
    former = standing_of(case.connection, public)
    number_, last = (0, case.at) if former is None else (former.number, former.last)
    return Found(number_, public, kind, PLACEHOLDER, last, None, ItemState.Registered, None)


def _read(text: str, usual: ItemKind) -> tuple[ItemKind, str | None]:
    """Return the kind and number that a text says; the text of a code that names its product is
    its canonical form, as in `booking.identity`."""
    code = code_of(text)
    if code is not None:
        kind = ItemKind.Unit if code.serial else ItemKind.Lot if code.lot else usual
        number = code.serial or code.lot or code.sscc
        return kind, code.key if code.product is not None or number is None else number
    identity = parsed(text)
    if identity is None or identity.scheme not in KINDS:
        return usual, text
    return KINDS[identity.scheme], None if identity.part == PLACEHOLDER else text


# ------------------------------------------------------------------ what it turned out to be
def identify(case: Case, event: Identify) -> Decision:
    """A placeholder is a registered item. Nothing may have gone into the placeholder itself: that
    would not be found from what the real item goes into from here on; such records are corrected.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, UnknownOrder, MalformedRequest,
        ItemOnHold, PartAlreadyInstalled, WouldCloseCycle.
    """
    placeholder, item = case.resolve(event.placeholder), case.resolve(event.item)
    require_order(case, event.order)
    if placeholder.material != PLACEHOLDER:
        raise MalformedRequest("placeholder", "a placeholder", placeholder.public)
    if item.material == PLACEHOLDER:
        raise MalformedRequest("item", "a registered item", f"the placeholder {item.public}")
    if item.kind is not placeholder.kind:
        kind = placeholder.kind.name.lower()
        raise MalformedRequest("item", f"a {kind}", f"{item.public}, a {item.kind.name.lower()}")
    known = identified_as(case.connection, placeholder.id)
    if known is not None:
        found = f"{placeholder.public}, which is {public_id(case.connection, known)}"
        raise MalformedRequest("placeholder", "one that is not identified", found)
    require_no_hold(case, (placeholder, item))
    _require_no_ingredients(case, placeholder)
    if item.kind is ItemKind.Unit:
        _require_no_contradiction(case, placeholder, item)
    recorded = resolved(event, placeholder=placeholder.public, item=item.public)
    require_sound(case, recorded)
    return Decision(recorded, item.public)


def _require_no_ingredients(case: Case, placeholder: Found) -> None:
    connection = case.connection
    booked = connection.execute(_INGREDIENTS, {"item": placeholder.id}).fetchone() is not None
    stations = connection.execute(_STATIONS, (placeholder.id,)).fetchall()
    derived = [s for (s,) in stations if station_policy(connection, s).consumption == "derive"]
    if booked or derived:
        found = f"{placeholder.public}, whose records are to be corrected to name the item"
        raise MalformedRequest("placeholder", "one that nothing went into", found)


def _require_no_contradiction(case: Case, placeholder: Found, item: Found) -> None:
    """Refuse where the unit was in two things at once."""
    own = _uses(case, placeholder.id)
    for same in (item.id, *stood_in_by(case.connection, item.id)):
        for packed, uses in _uses(case, same).items():
            for parent, at, until in uses:
                if any(at < end and begin < until for _, begin, end in own.get(packed, ())):
                    raise PartAlreadyInstalled(item.public, public_id(case.connection, parent))


def _uses(case: Case, item: int) -> Mapping[bool, list[tuple[int, int, int]]]:
    """Return (into what, from, until) of an item's uses; by True for where it was packed."""
    found: dict[bool, list[tuple[int, int, int]]] = {}
    for parent, at, until, rel in case.connection.execute(_USES, {"item": item}).fetchall():
        relation = rel & 15
        if relation != Relation.Identity:
            found.setdefault(relation == Relation.Contain, []).append((parent, at, until))
    return found
