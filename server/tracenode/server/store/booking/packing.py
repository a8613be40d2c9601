"""Deciding on containers, carriers and labels: pack, unpack, bind, unbind, relabel."""

from __future__ import annotations

from tracenode.models.errors import (
    DuplicateIdentifier,
    MalformedRequest,
    PartAlreadyInstalled,
    PartMissing,
    UnknownItem,
)
from tracenode.models.events import Bind, Pack, Relabel, Unbind, Unpack
from tracenode.models.genealogy import Relation
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.models.items import ItemKind
from tracenode.server.store.booking.checks import (
    Case,
    parent_of,
    require_acyclic,
    require_kind,
    require_order,
    usable,
)
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.booking.trial import require_sound
from tracenode.server.store.reading.resolve import (
    CARRIERS,
    Found,
    candidates,
    checked_reference,
    lookup,
    parsed,
    public_id,
)
from tracenode.server.store.reading.scanned import code_of

__all__ = ["bind", "pack", "relabel", "unbind", "unpack"]

_PACKAGES = frozenset({ItemKind.Container, ItemKind.Carrier, ItemKind.Unit})


def pack(case: Case, event: Pack) -> Decision:
    """An item that is packed nowhere goes into a container.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, MalformedRequest,
        PartAlreadyInstalled, WouldCloseCycle. What is held may be packed: it must go somewhere.
    """
    container, item = usable(case, event.container), usable(case, event.item)
    require_kind("container", container, _PACKAGES, "a container, carrier or unit")
    require_order(case, event.order)
    packed = parent_of(case, item, Relation.Contain)
    if packed is not None:
        raise PartAlreadyInstalled(item.public, public_id(case.connection, packed))
    recorded = resolved(event, container=container.public, item=item.public)
    if case.late(item):
        require_sound(case, recorded)
    else:
        require_acyclic(case, container, item)
    return Decision(recorded, item.public)


def unpack(case: Case, event: Unpack) -> Decision:
    """An item comes out of the container that it is in, whatever has become of either.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, PartMissing.
    """
    container, item = case.resolve(event.container), case.resolve(event.item)
    require_order(case, event.order)
    if parent_of(case, item, Relation.Contain) != container.id:
        raise PartMissing(item.public, container.public)
    recorded = resolved(event, container=container.public, item=item.public)
    return Decision(recorded, item.public)


def _carrier(case: Case, text: str) -> Found:
    """Return the carrier that a text means: its own identity, not what it carries."""
    identity = parsed(text)
    found = None if identity is None else lookup(case.connection, identity, case.at)
    if found is None:
        bare = [found for found in candidates(case.connection, text) if found.kind in CARRIERS]
        found = bare[0] if len(bare) == 1 else case.resolve(text)
    require_kind("carrier", found, CARRIERS, "a carrier or container")
    return found


def _carried(case: Case, carrier: Found) -> int | None:
    row = case.connection.execute(
        "SELECT item FROM alias WHERE owner=? AND item<>owner AND at<=? AND until>?",
        (carrier.id, case.at, case.at),
    ).fetchone()
    return None if row is None else int(row[0])


def bind(case: Case, event: Bind) -> Decision:
    """A carrier that stands for nothing now stands for an item. Bound to it already: no effect.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, ItemScrapped, MalformedRequest,
        DuplicateIdentifier.
    """
    carrier, item = _carrier(case, event.carrier), usable(case, event.item)
    require_order(case, event.order)
    if carrier.id == item.id:
        raise MalformedRequest("item", "another item than the carrier", item.public)
    recorded = resolved(event, carrier=carrier.public, item=item.public)
    carried = _carried(case, carrier)
    if carried == item.id:
        return Decision(recorded, item.public, "bound already", effect=False)
    if carried is not None:
        held = public_id(case.connection, carried)
        raise DuplicateIdentifier(carrier.public, f"its tag stands for {held}")
    return Decision(recorded, item.public)


def unbind(case: Case, event: Unbind) -> Decision:
    """A bound carrier stands for nothing again.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, MalformedRequest.
    """
    carrier = _carrier(case, event.carrier)
    require_order(case, event.order)
    if _carried(case, carrier) is None:
        raise MalformedRequest("carrier", "one that stands for an item", carrier.public)
    return Decision(resolved(event, carrier=carrier.public), carrier.public)


def relabel(case: Case, event: Relabel) -> Decision:
    """Another text means the item. It must not mean anything else at that time; what a placeholder
    stands in for is nothing yet.

    Raises: InvalidIdentifier, UnknownItem, AmbiguousItem, DuplicateIdentifier.
    """
    item = case.resolve(event.item)
    require_order(case, event.order)
    code = code_of(event.alias)
    alias = checked_reference(event.alias) if code is None else code.key
    recorded = resolved(event, item=item.public, alias=alias)
    try:
        meant = case.resolve(alias)
    except UnknownItem:
        return Decision(recorded, item.public)
    if meant.material == PLACEHOLDER:
        return Decision(recorded, item.public)
    if meant.id != item.id:
        raise DuplicateIdentifier(alias, f"it means {meant.public}")
    return Decision(recorded, item.public, "it means the item already", effect=False)
