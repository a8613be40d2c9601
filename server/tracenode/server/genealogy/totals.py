"""How much went into items, by dimension, added up exactly (SEMANTICS S9)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import cache
from typing import Final, NamedTuple

from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind
from tracenode.models.quantities import UNITS, Quantity
from tracenode.server.genealogy.arms import arms
from tracenode.server.genealogy.believed import Lens, lens_of
from tracenode.server.genealogy.closure import Link, chunks
from tracenode.server.genealogy.facts import receipts
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.genealogy.rendering import units_of
from tracenode.server.store.snapshot import Reading

__all__ = ["Amount", "Inputs", "amount_of"]

_COUNT: Final = "count"
_HALF: Final = 10**9
"""A sum of mantissas may be wider than an integer of SQLite: upper and lower digits are added
apart."""
_WIDE: Final = Context(prec=100)
"""Wide enough that no sum of quantities is rounded."""


_DECIMALS: Final = 9
"""Of the factor of every unit of measure, at most."""
_FACTORS: Final = {
    code: (dimension, int(factor * 10**_DECIMALS)) for code, (dimension, factor) in UNITS.items()
}


class Amount(NamedTuple):
    """A quantity in the base unit of its dimension."""

    dimension: str
    value: Decimal


def amount_of(mantissa: int, scale: int, unit: str) -> Amount:
    """Return an amount exactly: the factor of every unit is a finite decimal."""
    dimension, factor = _FACTORS[unit]
    return Amount(dimension, _WIDE.scaleb(mantissa * factor, -_DECIMALS - scale))


@dataclass(slots=True)
class _Total:
    """`unknown` edges have no quantity; `parts` neither, but are units, which are pieces."""

    amounts: dict[str, Decimal] = field(default_factory=dict)
    edges: int = 0
    unknown: int = 0
    parts: int = 0

    def add(self, amount: Amount) -> None:
        known = self.amounts.get(amount.dimension, Decimal(0))
        self.amounts[amount.dimension] = _WIDE.add(known, amount.value)


class Inputs:
    """How much some edges are, beside all that went into their outputs by the edges of `span`."""

    def __init__(self, reading: Reading, links: Iterable[Link], moment: Moment, span: Span) -> None:
        measured = sorted(
            {
                link.dst
                for link in links
                if link.qty is not None or link.relation is Relation.Identity
            }
        )
        sql = _totals_sql(lens_of(moment, span))
        rows = [
            row
            for chunk in chunks(measured)
            for row in reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters})
        ]
        units = {row[1] for row in rows} | {link.unit for link in links}
        self._units = units_of(reading, units)
        self._totals: dict[int, _Total] = {}
        for item, unit, high, low, edges, parts in rows:
            total = self._totals.setdefault(item, _Total())
            total.edges += edges
            if unit is None:
                total.parts += parts
                total.unknown += edges - parts
            else:
                total.add(amount_of(high * _HALF + low, *self._units[unit]))
        self._add_receipts(reading, moment)

    def _add_receipts(self, reading: Reading, moment: Moment) -> None:
        """What a lot was received with is in it beside what was put to it."""
        lots: list[int] = []
        for chunk in chunks(sorted(self._totals)):
            lots += reading.array(_LOTS, {"ids": json.dumps(chunk)})
        for lot, text in receipts(reading, lots, moment).items():
            if text is None:
                self._totals[lot].unknown += 1
            else:
                quantity = Quantity.model_validate(text)
                own = amount_of(quantity.mantissa, quantity.scale, quantity.unit)
                self._totals[lot].add(own)

    def amount(self, link: Link) -> Amount | None:
        """How much an edge is; None is unknown."""
        if link.qty is None or link.unit is None:
            return None
        return amount_of(link.qty, *self._units[link.unit])

    def total(self, item: int, dimension: str) -> Decimal | None:
        """All that went into an item in a dimension; None is unknown. A part without a quantity is
        pieces, and nothing of another dimension."""
        total = self._totals[item]
        if total.unknown or (total.parts and dimension == _COUNT):
            return None
        return total.amounts[dimension]

    def alone(self, link: Link) -> bool:
        """True where an edge is all that is known to have gone into its output."""
        return self._totals[link.dst].edges == 1


_LOTS: Final = f"""
SELECT json_group_array(i.id) FROM json_each(:ids) j CROSS JOIN item i ON i.id=j.value
CROSS JOIN type y ON y.id=i.type
WHERE y.cls+0*i.id={ItemKind.Lot:d} AND (i.state_of+0*j.value) IS NULL"""
"""Conditions over two tables, for the reason that `believed` says."""


@cache
def _totals_sql(lens: Lens) -> str:
    """Return the statement for what went into the items of `:ids`, as one JSON array of (item,
    unit, upper and lower digits of the sum, edges, of these units without a quantity)."""
    selects = " UNION ALL ".join(
        f"SELECT t.n AS n, {arm.qty} AS qty, iif({arm.qty} IS NULL, NULL, {arm.unit}) AS unit,"
        f" iif({arm.qty} IS NULL, (SELECT y.cls FROM item i CROSS JOIN type y ON y.id=i.type"
        f" WHERE i.id={arm.src})={ItemKind.Unit:d}, 0) AS part FROM t {arm.joined}"
        for arm in arms(lens, up=True)
    )
    return (
        "WITH t(n) AS (SELECT value FROM json_each(:ids))"
        " SELECT json_group_array(json_array(n, unit, high, low, edges, parts)) FROM"
        f" (SELECT n, unit, sum(qty/{_HALF}) AS high, sum(qty%{_HALF}) AS low,"
        f" count(*) AS edges, sum(part) AS parts FROM ({selects}) GROUP BY n, unit)"
    )
