"""Paths and shares by brute force over a list of ties: every path, exact fractions."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final, NamedTuple

from tests.laws.told import FOREVER, Tie, is_unit
from tests.laws.world import World
from tracenode.models.genealogy import Relation
from tracenode.models.quantities import UNITS, Quantity

__all__ = ["Reached", "amount_of", "reached", "shares"]

Span = tuple[int, int]
ALWAYS: Final[Span] = (-FOREVER, FOREVER)


class Reached(NamedTuple):
    """The length of the shortest path that counts to every item, and the ties on paths that do."""

    depth: dict[str, int]
    over: set[Tie]


def reached(ties: Iterable[Tie], begins: Iterable[str], *, up: bool) -> Reached:
    """Try all paths, each with the instants that all of its ties share (SEMANTICS S6)."""
    at: dict[str, list[Tie]] = {}
    for tie in ties:
        at.setdefault(tie.output if up else tie.input, []).append(tie)
    depth = dict.fromkeys(begins, 0)
    over: set[Tie] = set()
    level: set[tuple[str, Span]] = {(item, ALWAYS) for item in depth}
    tried = set(level)
    length = 0
    while level:
        length += 1
        coming = set()
        for item, span in level:
            for tie in at.get(item, ()):
                shared = (max(span[0], tie.at), min(span[1], tie.until))
                if shared[0] < shared[1]:
                    over.add(tie)
                    far = tie.input if up else tie.output
                    depth.setdefault(far, length)
                    coming.add((far, shared))
        level = coming - tried
        tried |= level
    return Reached(depth, over)


Amount = tuple[str, Fraction]
Receipt = tuple[Quantity | None, ...]
"""What an item was received with; None in it is unknown, an empty one no receipt."""


def amount_of(quantity: Quantity) -> Amount:
    """Return (dimension, amount in its base unit)."""
    dimension, factor = UNITS[quantity.unit]
    return dimension, Fraction(quantity.mantissa, 10**quantity.scale) * factor


# ------------------------------------------------------------------ shares
def shares(world: World, ties: Iterable[Tie], begins: set[str]) -> dict[str, Fraction | None]:
    """Return which fraction of each item comes from where a suspect begins; None is unknown."""
    ties = list(ties)
    carrying: dict[str, list[Tie]] = {}
    for tie in reached(ties, begins, up=False).over:
        carrying.setdefault(tie.output, []).append(tie)
    found: dict[str, Fraction | None] = dict.fromkeys(begins, Fraction(1))
    while ready := [
        item
        for item, coming in carrying.items()
        if item not in found and all(tie.input in found for tie in coming)
    ]:
        for item in ready:
            into = [tie for tie in ties if tie.output == item]
            receipt = (world.receipts[item],) if item in world.receipts else ()
            found[item] = _mean(carrying[item], into, found, receipt)
    return {item: found.get(item) for item in {*found, *carrying}}


def _mean(
    coming: list[Tie],
    into: list[Tie],
    found: dict[str, Fraction | None],
    receipt: Receipt,
) -> Fraction | None:
    mean, dimensions = Fraction(0), set()
    for tie in coming:
        if tie.quantity is None:
            alone = tie.relation is Relation.Identity and len(into) == 1
            portion, dimension = (Fraction(1) if alone else None), None
        else:
            dimension, own = amount_of(tie.quantity)
            total = _total(dimension, into, receipt, content=not is_unit(tie.output))
            if not own and total != 0:
                continue
            portion = own / total if total else None
        share = found[tie.input]
        if portion is None or share is None:
            return None
        dimensions.add(dimension)
        mean += portion * share
    return mean if len(dimensions) < 2 else None


def _total(dimension: str, into: list[Tie], receipt: Receipt, *, content: bool) -> Fraction | None:
    """All that is in an item, in a dimension; None is unknown. A part without a quantity is pieces,
    and nothing of another dimension; but a content of two dimensions is unknown."""
    quantities = [tie.quantity for tie in into if tie.quantity or not is_unit(tie.input)]
    pieces = len(into) - len(quantities)
    quantities += receipt
    if None in quantities or (pieces and dimension == "count"):
        return None
    amounts = [amount_of(quantity) for quantity in quantities if quantity is not None]
    measured = {of for of, value in amounts if value}
    if content and bool(pieces) + len(measured) > 1:
        return None
    return sum((value for of, value in amounts if of == dimension), Fraction(0))
