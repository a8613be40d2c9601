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
            found[item] = _mean(carrying[item], into, found, world.receipts.get(item, ()))
    return {item: found.get(item) for item in {*found, *carrying}}


def _mean(
    coming: list[Tie],
    into: list[Tie],
    found: dict[str, Fraction | None],
    receipt: Quantity | tuple[()] | None,
) -> Fraction | None:
    """`receipt` is what the item itself was received with; None is unknown, () no receipt."""
    mean, dimensions = Fraction(0), set()
    for tie in coming:
        amount = None if tie.quantity is None else amount_of(tie.quantity)
        if amount is not None and not amount[1]:
            continue
        portion = _portion(tie, amount, into, receipt)
        share = found[tie.input]
        if portion is None or share is None:
            return None
        dimensions.add(None if amount is None else amount[0])
        mean += portion * share
    return mean if len(dimensions) < 2 else None


def _portion(
    tie: Tie, amount: Amount | None, into: list[Tie], receipt: Quantity | tuple[()] | None
) -> Fraction | None:
    if amount is None:
        alone = tie.relation is Relation.Identity and len(into) == 1
        return Fraction(1) if alone else None
    dimension, own = amount
    if receipt is None:
        return None
    total = Fraction(0)
    known = [other.quantity for other in into if other.quantity is not None]
    for quantity in (*known, *([receipt] if isinstance(receipt, Quantity) else ())):
        of, value = amount_of(quantity)
        total += value if of == dimension else 0
    for other in into:
        # A part without a quantity is pieces, and nothing of another dimension.
        if other.quantity is None and (not is_unit(other.input) or dimension == "count"):
            return None
    return own / total
