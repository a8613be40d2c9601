"""Deciding on what goes into a unit and comes out: assemble, remove, replace, consume."""

from __future__ import annotations

from tracenode.models.errors import MalformedRequest, PartMissing
from tracenode.models.events import Assemble, Consume, Remove, Replace
from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind
from tracenode.server.store.booking.checks import (
    Case,
    parent_of,
    require_acyclic,
    require_kind,
    require_loose,
    require_order,
    require_unit_of_measure,
    usable,
)
from tracenode.server.store.booking.components import require_component
from tracenode.server.store.booking.contents import require_drawable, require_no_cycle
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.booking.interlock import require_usable
from tracenode.server.store.booking.mounts import require_declared
from tracenode.server.store.booking.trial import require_sound
from tracenode.server.store.reading.resolve import Found

__all__ = ["assemble", "consume", "remove", "replace"]

_MATERIAL = frozenset({ItemKind.Unit, ItemKind.Lot})
_DRAWABLE = _MATERIAL | {ItemKind.Container}
_UNITS = frozenset({ItemKind.Unit})


def assemble(case: Case, event: Assemble) -> Decision:
    """A serialised part that is usable, right and loose goes into a parent.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, MalformedRequest,
        ItemOnHold, MaterialExpired, MaterialBlocked, PartNotInBom, PartAlreadyInstalled,
        WouldCloseCycle.
    """
    parent, part = usable(case, event.parent), usable(case, event.part)
    _require_parts(parent, part)
    require_order(case, event.order)
    require_usable(case, (part,))
    require_component(case, parent, part, event.position)
    require_loose(case, part)
    recorded = resolved(event, parent=parent.public, part=part.public)
    if case.late(part):
        require_sound(case, recorded)
    else:
        require_acyclic(case, parent, part)
    return Decision(recorded, parent.public)


def _require_parts(parent: Found, part: Found) -> None:
    require_kind("part", part, _UNITS, "a serialised unit: of a lot, an amount is consumed")
    require_kind("parent", parent, _MATERIAL, "a unit or a lot")


def remove(case: Case, event: Remove) -> Decision:
    """A part comes out of the parent that it is in, whatever has become of either.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, PartMissing.
    """
    parent, part = case.resolve(event.parent), case.resolve(event.part)
    require_order(case, event.order)
    if parent_of(case, part, Relation.Install) != parent.id:
        raise PartMissing(part.public, parent.public)
    recorded = resolved(event, parent=parent.public, part=part.public)
    return Decision(recorded, parent.public)


def replace(case: Case, event: Replace) -> Decision:
    """One part out, another in, at one instant and in one record.

    Raises: as `assemble` and `remove`.
    """
    parent, old = usable(case, event.parent), case.resolve(event.old_part)
    new = usable(case, event.new_part)
    if old.id == new.id:
        raise MalformedRequest("new_part", "another part than the old one", new.public)
    _require_parts(parent, new)
    require_order(case, event.order)
    require_usable(case, (new,))
    require_component(case, parent, new, event.position)
    if parent_of(case, old, Relation.Install) != parent.id:
        raise PartMissing(old.public, parent.public)
    require_loose(case, new)
    update = {"parent": parent.public, "old_part": old.public, "new_part": new.public}
    recorded = resolved(event, **update)
    if case.late(new):
        require_sound(case, recorded)
    else:
        require_acyclic(case, parent, new)
    return Decision(recorded, parent.public)


def consume(case: Case, event: Consume) -> Decision:
    """Material that is usable and right goes irrevocably into an item; a unit goes in whole, of a
    container what is in it at the event time.

    Raises: as `assemble`, and UnitMismatch, MaterialEmpty, OverConsumption.
    """
    item, lot = usable(case, event.item), usable(case, event.lot)
    require_kind("lot", lot, _DRAWABLE, "a lot, a container or a unit")
    require_kind("item", item, _MATERIAL, "a unit or a lot")
    require_order(case, event.order)
    require_declared(case, event.station)
    require_usable(case, (lot,))
    require_component(case, item, lot, event.position)
    require_loose(case, lot)
    require_unit_of_measure(case, lot, event.quantity)
    text = require_drawable(case, ((lot, event.quantity),))
    recorded = resolved(event, item=item.public, lot=lot.public)
    require_no_cycle(case, recorded, item, lot)
    return Decision(recorded, item.public, text)
