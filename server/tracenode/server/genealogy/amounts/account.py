"""The account of a lot or container: what its records did to it, added up exactly (S9)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Context, Decimal
from typing import Final, NamedTuple

from tracenode.models.answers import Balance
from tracenode.models.errors import TraceError
from tracenode.models.quantities import UNITS, Quantity
from tracenode.server.genealogy.amounts.totals import DECIMALS, amount_of

__all__ = ["UNKNOWN", "Account", "Step"]

_WIDE: Final = Context(prec=100)
"""Wide enough that no sum of quantities is rounded."""
_ZERO: Final = Decimal(0)
_BASES: Final = {
    dimension: code for code, (dimension, factor) in reversed(UNITS.items()) if factor == 1
}
_PARTS: Final = {
    "received": 1,
    "produced": 1,
    "filled": 1,
    "corrected": 1,
    "consumed": -1,
    "scrapped": -1,
    "shipped": -1,
}
"""The fields of Balance that are added, and those that are taken off."""

UNKNOWN: Final = Balance(
    unit="",
    received=None,
    produced=None,
    filled=None,
    consumed=None,
    scrapped=None,
    shipped=None,
    corrected=None,
    balance=None,
    unknown=0,
    over_consumed=False,
)
"""Of an account that could not be read, or in which no quantity is known."""


class Step(NamedTuple):
    """What a record did; `part` names the field of Balance. Without a quantity it is unknown or,
    where `rest`, all that was left."""

    place: tuple[int, int]
    """(event time, journal position)."""
    part: str
    quantity: str | None
    rest: bool = False


class Account:
    """Runs through the steps in the order of events.

    Its unit of measure is that of the first known quantity, which is what a lot was registered
    with; a quantity of another dimension counts as unknown. Once emptied, scrapped or shipped there
    is nothing left, whatever was unknown before.
    """

    def __init__(self) -> None:
        self._unit = ""
        self._sums = dict.fromkeys(_PARTS, _ZERO)
        self._gaps: Counter[str] = Counter()
        """Of a part, the steps that are unknown."""
        self._left: Decimal | None = _ZERO
        self._unknown = 0
        self._over = False

    def book(self, step: Step) -> None:
        """Take the next step."""
        if step.rest:
            self._leave(step.part)
            return
        amount = None if step.quantity is None else self._amount(step.quantity)
        if amount is None:
            self.miss(step.part)
            return
        self._add(step.part, amount)
        self._over = self._over or (self._left is not None and self._left < 0)

    def miss(self, part: str, times: int = 1) -> None:
        """Take steps of unknown quantity."""
        self._gaps[part] += times
        self._unknown += times
        self._left = None

    def _leave(self, part: str) -> None:
        """All that is left goes. Where less than nothing was left, that is put right."""
        if self._left is None:
            self._gaps[part] += 1
        elif self._left < 0:
            self._add("corrected", -self._left)
        else:
            self._add(part, self._left)
        self._left = _ZERO

    def _add(self, part: str, amount: Decimal) -> None:
        self._sums[part] = _WIDE.add(self._sums[part], amount)
        if self._left is not None:
            self._left = _WIDE.fma(amount, _PARTS[part], self._left)

    def _amount(self, text: str) -> Decimal | None:
        quantity = Quantity.model_validate(text)
        self._unit = self._unit or quantity.unit
        amount = amount_of(quantity.mantissa, quantity.scale, quantity.unit)
        same = amount.dimension == UNITS[self._unit][0]
        return _WIDE.scaleb(amount.value, -DECIMALS) if same else None

    def told(self) -> Balance:
        """Return the account, in its unit where all of it is exact there, else in the base unit of
        the dimension."""
        if not self._unit:
            return replace(UNKNOWN, unknown=self._unknown)
        known = {part: value for part, value in self._sums.items() if not self._gaps[part]}
        if self._left is not None:
            known["balance"] = self._left
        base = _BASES[UNITS[self._unit][0]]
        told = _in(known, base, self._unit) or _in(known, base, base) or {}
        parts = {part: told.get(part) for part in (*_PARTS, "balance")}
        unit = next((quantity.unit for quantity in told.values()), self._unit)
        return Balance(unit=unit, unknown=self._unknown, over_consumed=self._over, **parts)


def _in(known: dict[str, Decimal], base: str, unit: str) -> dict[str, Quantity] | None:
    """Amounts in a unit; None where one is not exact there."""
    try:
        return {part: Quantity.of(value, base).to(unit) for part, value in known.items()}
    except TraceError:
        return None
