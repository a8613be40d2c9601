"""Where the quantity of a lot or container went, added up in event order (SEMANTICS S9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from tests.laws.told import is_unit
from tests.laws.ways import amount_of
from tests.laws.world import World
from tracenode.models.events import (
    Adjust,
    Consume,
    Empty,
    Fill,
    Merge,
    Receive,
    Register,
    Scrap,
    Ship,
    Split,
    TraceEvent,
    Transfer,
    Transform,
)
from tracenode.models.quantities import Quantity

__all__ = ["Balance", "balance"]

Step = tuple[str, Quantity | None]
LESS: tuple[str, ...] = ("consumed", "scrapped", "shipped")
PARTS = ("received", "produced", "filled", "corrected", *LESS)
REST: dict[type[TraceEvent], str] = {Empty: "scrapped", Scrap: "scrapped", Ship: "shipped"}


@dataclass
class Balance:
    """`sums` are in the base unit; None is unknown. Nothing in it: no quantity is known at all."""

    sums: dict[str, Fraction | None] = field(default_factory=dict)
    unknown: int = 0
    over: bool = False


def balance(world: World, owner: str) -> Balance:
    """Return the account of a lot or container, with what was drawn from it while a placeholder
    stood for it."""
    same = {owner, *world.stand_ins(owner)}
    sums: dict[str, Fraction] = dict.fromkeys(PARTS, Fraction(0))
    gaps: Counter[str] = Counter()
    left: Fraction | None = Fraction(0)
    told = Balance()
    dimension = ""
    for t in world.facts:
        rest = REST.get(type(t.said), "") if same & {*_leaving(t.said)} else ""
        if rest and left is None:
            gaps[rest] += 1
        elif rest and left is not None:
            sums["corrected" if left < 0 else rest] += abs(left)
        if rest:
            left = Fraction(0)
        for part, quantity in _steps(t.said, same):
            amount = None if quantity is None else amount_of(quantity)
            dimension = dimension or ("" if amount is None else amount[0])
            if amount is None or amount[0] != dimension:
                gaps[part] += 1
                told.unknown += 1
                left = None
                continue
            sums[part] += amount[1]
            if left is not None:
                left += -amount[1] if part in LESS else amount[1]
                told.over = told.over or left < 0
    nodes = {node for item in same for node in world.contents.begins(item, up=False, ever=True)}
    mounted = sum(stay.item in nodes for stay in world.mounts)
    if mounted:
        gaps["consumed"] += mounted
        told.unknown += mounted
        left = None
    if dimension:
        told.sums = {part: None if gaps[part] else value for part, value in sums.items()}
        told.sums["balance"] = left
    return told


def _leaving(event: TraceEvent) -> tuple[str, ...]:
    match event:
        case Empty(container=item) | Scrap(item=item):
            return (item,)
        case Ship(items=items):
            return items
        case _:
            return ()


def _steps(event: TraceEvent, same: set[str]) -> Iterator[Step]:
    for item, part, quantity in _flows(event):
        if item in same and not is_unit(item):
            yield part, quantity


def _flows(event: TraceEvent) -> list[tuple[str, str, Quantity | None]]:
    match event:
        case Register(item=item, quantity=quantity) if item.startswith("lot:"):
            return [(item, "produced", quantity)]
        case Receive(item=item, quantity=quantity):
            return [(item, "received", quantity)]
        case Consume(lot=lot, quantity=quantity):
            return [(lot, "consumed", quantity)]
        case Split(lot=lot, child=child, quantity=quantity):
            return [(lot, "consumed", quantity), (child, "produced", quantity)]
        case Merge(lots=lots, item=item, quantity=quantity):
            used = [(lot.item, "consumed", lot.quantity) for lot in lots]
            return [*used, (item, "produced", quantity)]
        case Transform(inputs=inputs, outputs=outputs):
            used = [(portion.item, "consumed", portion.quantity) for portion in inputs]
            return [*used, *((made.item, "produced", made.quantity) for made in outputs)]
        case (
            Fill(lot=source, container=target, quantity=quantity)
            | Transfer(source=source, target=target, quantity=quantity)
        ):
            return [(source, "consumed", quantity), (target, "filled", quantity)]
        case Adjust(lot=lot, quantity=quantity):
            return [(lot, "corrected", quantity)]
        case _:
            return []
