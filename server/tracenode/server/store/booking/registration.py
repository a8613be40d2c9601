"""Deciding on what makes items: register, receive, transform, split, merge."""

from __future__ import annotations

from collections.abc import Iterable

from tracenode.models.errors import DuplicateIdentifier, MalformedRequest, WouldCloseCycle
from tracenode.models.events import Merge, Output, Portion, Receive, Register, Split, Transform
from tracenode.models.items import ItemKind
from tracenode.models.quantities import Quantity
from tracenode.server.store.booking.checks import (
    Case,
    require_kind,
    require_loose,
    require_no_hold,
    require_order,
    require_unit_of_measure,
    usable,
)
from tracenode.server.store.booking.components import require_inputs
from tracenode.server.store.booking.contents import drawn_from, require_drawable
from tracenode.server.store.booking.cycles import closes_cycle
from tracenode.server.store.booking.decision import Decision, resolved
from tracenode.server.store.booking.identity import free_identity, known_material
from tracenode.server.store.booking.interlock import first_advice, require_usable
from tracenode.server.store.booking.trial import require_sound
from tracenode.server.store.projecting.content import resettles
from tracenode.server.store.projecting.references import births, drawn
from tracenode.server.store.reading.master import route
from tracenode.server.store.reading.resolve import Found, former_number

__all__ = ["merge", "receive", "register", "split", "transform"]

MAX_POOLED_EDGES = 100_000
"""Edges of one transformation without a map; beyond it, it must say what went where."""
_DIVISIBLE = frozenset({ItemKind.Lot})
_MATERIAL = frozenset({ItemKind.Unit, ItemKind.Lot, ItemKind.Container})


def register(case: Case, event: Register) -> Decision:
    """A known material, an order that is known where given, an identity that is free.

    Raises: InvalidIdentifier, UnknownMaterial, UnknownOrder, DuplicateIdentifier.
    """
    require_order(case, event.order)
    recorded = resolved(event, item=free_identity(case, event.item, event.material))
    ahead = first_advice(route(case.connection, event.material))
    return Decision(recorded, recorded.item, next_step=ahead.step, recipe=ahead.recipe)


def receive(case: Case, event: Receive) -> Decision:
    """As `register`."""
    require_order(case, event.order)
    recorded = resolved(event, item=free_identity(case, event.item, event.material))
    return Decision(recorded, recorded.item)


def _inputs(case: Case, field: str, portions: tuple[Portion, ...]) -> tuple[Found, ...]:
    found = tuple(usable(case, portion.item) for portion in portions)
    for item in found:
        require_kind(field, item, _MATERIAL, "units, lots and containers")
    units = [item.id for item in found if item.kind is ItemKind.Unit]
    if len(units) != len(set(units)):
        raise MalformedRequest(field, "each unit once", "one of them twice")
    return found


def _amounts(
    found: tuple[Found, ...], portions: tuple[Portion, ...]
) -> list[tuple[Found, Quantity | None]]:
    return [(item, portion.quantity) for item, portion in zip(found, portions, strict=True)]


def _resolved(portions: tuple[Portion, ...], found: tuple[Found, ...]) -> tuple[Portion, ...]:
    return tuple(
        portion.model_copy(update={"item": item.public})
        for portion, item in zip(portions, found, strict=True)
    )


def transform(case: Case, event: Transform) -> Decision:
    """Inputs that are known, in process, usable, right and loose; outputs that are new. A map
    leaves out no input and no output.

    Raises: as `register`, and ItemScrapped, ItemOnHold, MaterialExpired, MaterialBlocked,
        PartNotInBom, PartAlreadyInstalled, UnitMismatch, MalformedRequest, MaterialEmpty,
        OverConsumption, WouldCloseCycle.
    """
    found = _inputs(case, "inputs", event.inputs)
    require_order(case, event.order)
    outputs: dict[str, Output] = {}
    for output in event.outputs:
        identity = free_identity(case, output.item, output.material)
        if identity in outputs:
            raise DuplicateIdentifier(identity, "it is an output twice")
        outputs[identity] = output.model_copy(update={"item": identity})
    _require_map(event, found)
    update = {"inputs": _resolved(event.inputs, found), "outputs": tuple(outputs.values())}
    recorded = resolved(event, **update)
    require_usable(case, found)
    require_inputs(case, recorded, found)
    for item in found:
        require_loose(case, item)
    for item, portion in zip(found, event.inputs, strict=True):
        require_unit_of_measure(case, item, portion.quantity)
    for share in event.map or ():
        require_unit_of_measure(case, found[share.input], share.quantity)
    text = require_drawable(case, _amounts(found, event.inputs))
    _require_acyclic(case, recorded, found)
    return Decision(recorded, recorded.outputs[0].item, text)


def _require_acyclic(
    case: Case, recorded: Transform | Split | Merge, found: Iterable[Found]
) -> None:
    """Refuse edges that close a cycle: WouldCloseCycle. What is made may have been used before,
    where an earlier registration of it was voided and its uses were not."""
    if resettles(case.connection, recorded, case.at, case.seq):
        require_sound(case, recorded)
        return
    inputs = {item.public: item for item in found}
    former: dict[str, int] = {}
    for public, _ in births(recorded):
        number = former_number(case.connection, public)
        if number is not None:
            former[public] = number
    if not former:
        return
    for edge in drawn(recorded):
        if edge.output in former:
            made, used = former[edge.output], drawn_from(case, inputs[edge.input])
            if used is not None and closes_cycle(case.connection, made, used, case.at):
                raise WouldCloseCycle(edge.output, edge.input)


def _require_map(event: Transform, found: tuple[Found, ...]) -> None:
    """Refuse a map that is needed and missing, or leaves something out: MalformedRequest."""
    if event.map is None:
        if len(event.outputs) > 1 and len(found) * len(event.outputs) > MAX_POOLED_EDGES:
            raise MalformedRequest(
                "map",
                f"a map, above {MAX_POOLED_EDGES} pairs of inputs and outputs",
                f"none for {len(found) * len(event.outputs)}",
            )
        return
    for number, share in enumerate(event.map):
        if share.output >= len(event.outputs) or share.input >= len(found):
            raise MalformedRequest(
                f"map[{number}]",
                f"an output below {len(event.outputs)} and an input below {len(found)}",
                f"{share.output} <- {share.input}",
            )
    without = set(range(len(event.outputs))) - {share.output for share in event.map}
    if without:
        raise MalformedRequest("map", "an input for every output", f"none for {min(without)}")
    unused = set(range(len(found))) - {share.input for share in event.map}
    if unused:
        raise MalformedRequest("map", "an output for every input", f"none for {min(unused)}")


def split(case: Case, event: Split) -> Decision:
    """A lot in process and not held; the child is a new lot of the same material (S10).

    Raises: as `register`, and ItemScrapped, ItemOnHold, UnitMismatch, MalformedRequest,
        MaterialEmpty, OverConsumption, WouldCloseCycle.
    """
    parent = usable(case, event.lot)
    require_kind("lot", parent, _DIVISIBLE, "a lot: a serialised unit is never split")
    require_order(case, event.order)
    child = free_identity(case, event.child, parent.material)
    require_no_hold(case, (parent,))
    require_unit_of_measure(case, parent, event.quantity)
    text = require_drawable(case, ((parent, event.quantity),))
    recorded = resolved(event, lot=parent.public, child=child)
    _require_acyclic(case, recorded, (parent,))
    return Decision(recorded, child, text)


def merge(case: Case, event: Merge) -> Decision:
    """Lots in process and not held become one new lot (S10).

    Raises: as `split`.
    """
    found = tuple(usable(case, portion.item) for portion in event.lots)
    for item in found:
        require_kind("lots", item, _DIVISIBLE, "lots: serialised units are not merged")
    require_order(case, event.order)
    if known_material(case, event.material).item_kind is not ItemKind.Lot:
        raise MalformedRequest("material", "the material of a lot", event.material)
    new = free_identity(case, event.item, event.material)
    require_no_hold(case, found)
    for item, portion in zip(found, event.lots, strict=True):
        require_unit_of_measure(case, item, portion.quantity)
    text = require_drawable(case, _amounts(found, event.lots))
    update = {"lots": _resolved(event.lots, found), "item": new}
    recorded = resolved(event, **update)
    _require_acyclic(case, recorded, found)
    return Decision(recorded, new, text)
