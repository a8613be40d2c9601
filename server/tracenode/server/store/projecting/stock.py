"""The stock of a lot or container: running totals, exact (SEMANTICS S9).

It counts from where the owner was last empty; only loads where consumption is derived count for
ever, so that from the first of them on nobody knows what is left. What a lot was registered,
received or made with is there from the beginning. Scrapping and shipping take the item itself away,
so they do not count.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from tracenode.models.errors import TraceError
from tracenode.models.quantities import UNITS, Quantity
from tracenode.server.store.projecting.flows import FlowKind
from tracenode.server.store.projecting.memory import memory_of
from tracenode.server.store.schema import INF

__all__ = [
    "NEVER",
    "Holding",
    "Place",
    "Totals",
    "holding_of",
    "keep",
    "keep_drawn",
    "open_holding",
    "plain",
]

Place = tuple[int, int]
"""(event time, journal position): what orders the records of one item."""
NEVER: Final = -INF
"""Before any event time."""
_ENDLESS: Final[Place] = (INF, 0)
_ALWAYS: Final[Place] = (NEVER, 0)

_EXACT: Final = Context(prec=120, traps=[Inexact, InvalidOperation])
"""Wide enough for any sum of quantities: 18 digits, 12 decimals, factors of 9 decimals."""
_ZERO: Final = Decimal(0)
_NO_FACTOR: Final = Fraction(1)
_BASES: Final = {
    dimension: code for code, (dimension, factor) in reversed(UNITS.items()) if factor == _NO_FACTOR
}
"""The unit with the factor 1, by dimension."""
_FACTORS: Final = {
    code: (dimension, _EXACT.divide(Decimal(factor.numerator), Decimal(factor.denominator)))
    for code, (dimension, factor) in UNITS.items()
}
_UNTOUCHED: Final = frozenset({FlowKind.Mix, FlowKind.Load})


@lru_cache(maxsize=1024)
def _in_base(mantissa: int, scale: int, unit: str) -> tuple[str, Decimal]:
    dimension, factor = _FACTORS[unit]
    return dimension, _EXACT.multiply(Decimal(mantissa).scaleb(-scale), factor)


def _measured(quantity: Quantity) -> tuple[str, Decimal]:
    """Return (dimension, amount in its base unit)."""
    return _in_base(quantity.mantissa, quantity.scale, quantity.unit)


class Totals(NamedTuple):
    """What came and went, in the base unit of the dimension; '' where no quantity is known yet.

    `unknown` counts what came in or was counted without a quantity, or of another dimension,
    `taken` what was drawn so. `fed` counts the loads at stations that derive their consumption:
    emptying leaves it, as what is emptied on its slot is taken from again when it is filled.
    """

    dimension: str = ""
    come: Decimal = _ZERO
    gone: Decimal = _ZERO
    unknown: int = 0
    taken: int = 0
    fed: int = 0

    @classmethod
    def of(cls, dimension: str, come: str, gone: str, *gaps: int) -> Totals:
        """Return the totals that columns of the tables say."""
        return cls(dimension, Decimal(come), Decimal(gone), *gaps)

    @property
    def columns(self) -> tuple[str, str, str, int, int, int]:
        """The totals as the tables have them."""
        return (self.dimension, plain(self.come), plain(self.gone), *self[3:])

    def after(self, kind: FlowKind, quantity: Quantity | None, sign: int = 1) -> Totals:
        """Return the totals after a flow; with `sign` -1, as if it had not been. Emptying can't be
        taken back."""
        if kind in _UNTOUCHED:
            return self
        if kind is FlowKind.Empty:
            assert sign == 1, "what was before emptying is forgotten"
            return Totals(fed=self.fed)
        if kind is FlowKind.Feed:
            return self._replace(fed=self.fed + sign)
        dimension, come, gone, unknown, taken, fed = self
        of, amount = ("", _ZERO) if quantity is None else _measured(quantity)
        if not of or dimension not in ("", of):
            if kind is FlowKind.Draw:
                taken += sign
            else:
                unknown += sign
        else:
            dimension = of
            if kind is FlowKind.Draw:
                gone = _EXACT.add(gone, amount) if sign > 0 else _EXACT.subtract(gone, amount)
            else:
                come = _EXACT.add(come, amount) if sign > 0 else _EXACT.subtract(come, amount)
        if not (come or gone or unknown or taken):
            return Totals(fed=fed)
        return Totals(dimension, come, gone, unknown, taken, fed)

    def left(self, unit: str = "") -> Quantity | None:
        """Return what is left, in a unit of measure where that is exact, else in the base unit;
        None where it is not known, or the totals say less than nothing or more than a quantity
        holds."""
        return None if self.taken or self.fed else self.most(unit)

    def most(self, unit: str = "") -> Quantity | None:
        """As `left`, but for draws without a quantity: what is left at most, as these took some."""
        balance = _EXACT.subtract(self.come, self.gone)
        if self.unknown or not self.dimension or balance < 0:
            return None
        return _quantity(balance, self.dimension, unit)

    def covers(self, asked: Quantity) -> bool:
        """False where more is asked for than can be left; True too where it is not known what came
        in, or that is of another dimension."""
        return self._lacking(asked) <= 0

    def missing(self, asked: Quantity) -> Quantity | None:
        """Return by how much more, at least, is asked for than is left; None where it is not, or by
        more or less than a quantity holds."""
        lacking = self._lacking(asked)
        return _quantity(lacking, self.dimension, asked.unit) if lacking > 0 else None

    def _lacking(self, asked: Quantity) -> Decimal:
        dimension, amount = _measured(asked)
        if self.unknown or self.dimension != dimension:
            return _ZERO
        return _EXACT.subtract(_EXACT.add(self.gone, amount), self.come)


def _quantity(balance: Decimal, dimension: str, unit: str) -> Quantity | None:
    try:
        left = Quantity.of(balance, _BASES[dimension])
    except TraceError:
        return None
    try:
        return left.to(unit) if unit else left
    except TraceError:
        return left


@dataclass(slots=True)
class Holding:
    """A lot or container, its stock, and its content after all its records."""

    number: int
    container: bool
    totals: Totals
    last: int
    """Newest event time of its records."""
    begins: Place
    """Its records from here on stand in `flow`, for its content depends on their order."""
    content: int | None
    """The node that is in it; None where it is empty."""


_STOCK: Final = "SELECT dimension, come, gone, unknown, taken, fed, last FROM stock WHERE item=?"
_BEGINS: Final = "SELECT at, ev FROM flow WHERE item=? ORDER BY at, ev LIMIT 1"
_CONTENT: Final = "SELECT state, until FROM content WHERE item=? ORDER BY at DESC, ev DESC LIMIT 1"
_KEEP_DRAWN: Final = "UPDATE stock SET gone=?, unknown=?, taken=?, fed=?, last=? WHERE item=?"
_KEEP: Final = """
INSERT INTO stock(item,dimension,come,gone,unknown,taken,fed,last) VALUES(?,?,?,?,?,?,?,?)
ON CONFLICT(item) DO UPDATE SET dimension=excluded.dimension, come=excluded.come,
  gone=excluded.gone, unknown=excluded.unknown, taken=excluded.taken, fed=excluded.fed,
  last=excluded.last"""


def holding_of(connection: sqlite3.Connection, number: int, *, container: bool) -> Holding:
    """Return what a lot or container holds by all of its records."""
    holdings = memory_of(connection).holdings
    known = holdings.get(number)
    if known is not None:
        return known
    stock = connection.execute(_STOCK, (number,)).fetchone()
    totals, last = Totals(), NEVER
    if stock is not None:
        *columns, last = stock
        totals = Totals.of(*columns)
    begins = _ALWAYS if container else _ENDLESS
    if not container:
        begins = connection.execute(_BEGINS, (number,)).fetchone() or _ENDLESS
    content = None if container else number
    row = connection.execute(_CONTENT, (number,)).fetchone()
    if row is not None:
        content = row[0] if row[1] == INF else None
    holdings[number] = holding = Holding(number, container, totals, last, begins, content)
    return holding


def open_holding(connection: sqlite3.Connection, number: int) -> Holding:
    """Return the holding of a lot that was never heard of before."""
    holding = Holding(number, False, Totals(), NEVER, _ENDLESS, number)
    memory_of(connection).holdings[number] = holding
    return holding


def keep_drawn(connection: sqlite3.Connection, holding: Holding) -> None:
    """Write the stock of a holding of which only what went has changed."""
    values = (*holding.totals.columns[2:], holding.last, holding.number)
    connection.execute(_KEEP_DRAWN, values)


def keep(connection: sqlite3.Connection, holding: Holding) -> None:
    """Write the stock of a holding."""
    connection.execute(_KEEP, (holding.number, *holding.totals.columns, holding.last))


def plain(amount: Decimal) -> str:
    """Return an amount as the tables have it: equal amounts are equal texts."""
    return f"{amount.normalize(_EXACT):f}"
