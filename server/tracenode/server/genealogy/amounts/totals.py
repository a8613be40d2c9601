"""How much went into items, by dimension, added up exactly (SEMANTICS S9)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from typing import Final, NamedTuple

from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind
from tracenode.models.quantities import MAX_SCALE, UNITS, Quantity
from tracenode.server.genealogy.edges.arms import arms
from tracenode.server.genealogy.edges.believed import Lens, lens_of
from tracenode.server.genealogy.edges.closure import Link, chunks
from tracenode.server.genealogy.items.facts import Fact, receipts
from tracenode.server.genealogy.items.rendering import units_of
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import Reading

__all__ = ["DECIMALS", "DIGITS", "Amount", "Inputs", "amount_of"]

_COUNT: Final = "count"
_IDENTITY: Final = int(Relation.Identity)
_HALF: Final = 10**9
"""A sum of mantissas may be wider than an integer of SQLite: upper and lower digits are added
apart."""
DIGITS: Final = Context(prec=50, rounding=ROUND_HALF_EVEN)
"""Of fractions."""

DECIMALS: Final = 9 + MAX_SCALE
"""Of the factor of a unit of measure, and of a quantity, at most."""
_FACTORS: Final = {
    code: (dimension, int(factor * 10**DECIMALS)) for code, (dimension, factor) in UNITS.items()
}


class Amount(NamedTuple):
    """A quantity, `value` x 10^-DECIMALS of the base unit of its dimension: a whole number, as the
    factor of every unit is a finite decimal."""

    dimension: str
    value: int


def amount_of(mantissa: int, scale: int, unit: str) -> Amount:
    """Return an amount exactly."""
    dimension, factor = _FACTORS[unit]
    return Amount(dimension, mantissa * (factor // 10**scale))


@dataclass(slots=True, eq=False)
class _Total:
    """`unknown` edges have no quantity; `parts` neither, but are units, which are pieces.
    `content`: of a lot, or of what is in a container."""

    content: bool
    amounts: dict[str, int] = field(default_factory=dict)
    edges: int = 0
    unknown: int = 0
    parts: int = 0

    def told(self) -> dict[str, int]:
        """Return the amounts that are known, by dimension. A part without a quantity is pieces,
        and nothing of another dimension; of a content of two dimensions, which part of it any of
        them is nobody knows."""
        if self.unknown:
            return {}
        if not self.parts and (not self.content or len(self.amounts) < 2):
            return self.amounts
        if self.content and bool(self.parts) + sum(map(bool, self.amounts.values())) > 1:
            return {}
        if self.parts:
            return {name: value for name, value in self.amounts.items() if name != _COUNT}
        return self.amounts


_Sum = tuple[int | None, int, int, int, int]
"""Of the edges into one item in one unit: the unit, upper and lower digits, edges, parts."""


class Inputs:
    """How much some edges are, beside all that went into their outputs: by the edges of `span`, or,
    where the `facts` of all their items are given, by the edges themselves, which are all then; the
    `units` of measure in them and the receipts of their lots may be given too.

    Amounts repeat: what a lot went into mostly got as much of it as others did. So what is equal is
    worked out once.
    """

    def __init__(
        self,
        reading: Reading,
        links: Collection[Link],
        moment: Moment,
        span: Span,
        *,
        facts: Mapping[int, Fact] | None = None,
        units: Mapping[int, tuple[int, str]] | None = None,
        came: Mapping[int, str | None] | None = None,
    ) -> None:
        measured = {
            link.dst for link in links if link.qty is not None or link.rel & 15 == _IDENTITY
        }
        if units is None or facts is None:
            units = units_of(reading, {link.unit for link in links})
        self._units = {number: amount_of(1, *unit) for number, unit in units.items()}
        if facts is None:
            lots = self._read(reading, measured, moment, span)
        else:
            lots = self._add_up(links, measured, facts)
        if came is None:
            came = receipts(reading, lots, moment)
        self._add({lot: came[lot] for lot in lots if lot in came})
        self._told = {total: total.told() for total in set(self._totals.values())}
        self._portions: dict[tuple[int | None, int | None, int, _Total | None], Decimal | None] = {}

    def _add_up(
        self, links: Iterable[Link], items: Collection[int], facts: Mapping[int, Fact]
    ) -> list[int]:
        """As `_read`."""
        lots = [item for item in items if facts[item].kind is ItemKind.Lot]
        contents = {item for item in items if facts[item].owner is not None}
        self._totals = totals = {item: _Total(item in contents) for item in items}
        for item in lots:
            totals[item].content = True
        units = self._units
        for src, dst, _, _, _, _, _, qty, unit, _ in links:
            total = totals.get(dst)
            if total is None:
                continue
            total.edges += 1
            if qty is not None and unit is not None:
                dimension, one = units[unit]
                total.amounts[dimension] = total.amounts.get(dimension, 0) + qty * one
            elif facts[src].kind is ItemKind.Unit:
                total.parts += 1
            else:
                total.unknown += 1
        return [item for item in lots if item not in contents]

    def _read(
        self, reading: Reading, items: Iterable[int], moment: Moment, span: Span
    ) -> list[int]:
        """Read what went into some items; return those that are lots."""
        sums = _sums(reading, items, moment, span)
        contents = dict(_contents(reading, items))
        different = {(rows, item in contents) for item, rows in sums.items()}
        others = {unit for rows, _ in different for unit, *_ in rows} - self._units.keys()
        self._units.update(
            (number, amount_of(1, *unit)) for number, unit in units_of(reading, others).items()
        )
        totals = {one: self._total(*one) for one in different}
        self._totals = {item: totals[rows, item in contents] for item, rows in sums.items()}
        return [item for item, is_state in contents.items() if not is_state]

    def _total(self, sums: Iterable[_Sum], content: bool) -> _Total:
        total = _Total(content)
        for unit, high, low, edges, pieces in sums:
            total.edges += edges
            if unit is None:
                total.parts += pieces
                total.unknown += edges - pieces
            else:
                _add(total.amounts, self._measured(high * _HALF + low, unit))
        return total

    def _add(self, came: Mapping[int, str | None]) -> None:
        """What a lot was received with is in it beside what was put to it."""
        for lot, text in came.items():
            total = self._totals[lot]
            if text is None:
                self._totals[lot] = replace(total, unknown=total.unknown + 1)
            else:
                own = Quantity.model_validate(text)
                amounts = dict(total.amounts)
                _add(amounts, amount_of(own.mantissa, own.scale, own.unit))
                self._totals[lot] = replace(total, amounts=amounts)

    def _measured(self, mantissa: int, unit: int) -> Amount:
        dimension, one = self._units[unit]
        return Amount(dimension, mantissa * one)

    def amount(self, link: Link) -> Amount | None:
        """How much an edge is; None is unknown."""
        if link.qty is None or link.unit is None:
            return None
        return self._measured(link.qty, link.unit)

    def total(self, item: int, dimension: str) -> int | None:
        """All that went into an item in a dimension; None is unknown."""
        return self._told[self._totals[item]].get(dimension)

    def portion(self, link: Link) -> Decimal | None:
        """Which fraction of what went into its output an edge is; None is unknown. A placeholder is
        whole what it turned out to be; what is of no amount is no part."""
        alike = (link.qty, link.unit, link.rel, self._totals.get(link.dst))
        if alike not in self._portions:
            (ratio,) = self.ratios((link,))
            self._portions[alike] = None if ratio is None else DIGITS.divide(*ratio)
        return self._portions[alike]

    def ratios(self, links: Iterable[Link]) -> Iterator[tuple[int, int] | None]:
        """Yield `portion` of each edge as a fraction: how much it is, and of how much."""
        totals, told, units = self._totals, self._told, self._units
        for _, dst, _, _, _, _, rel, qty, unit, _ in links:
            if rel & 15 == _IDENTITY and totals[dst].edges == 1:
                yield 1, 1
            elif qty is None or unit is None:
                yield None
            else:
                dimension, one = units[unit]
                whole = told[totals[dst]].get(dimension)
                yield (qty * one, whole) if whole else None


def _add(amounts: dict[str, int], amount: Amount) -> None:
    amounts[amount.dimension] = amounts.get(amount.dimension, 0) + amount.value


def _sums(
    reading: Reading, items: Iterable[int], moment: Moment, span: Span
) -> dict[int, tuple[_Sum, ...]]:
    sql = _totals_sql(lens_of(moment, span))
    sums: dict[int, tuple[_Sum, ...]] = {}
    for chunk in chunks(sorted(items)):
        for item, *row in reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters}):
            sums[item] = (*sums.get(item, ()), tuple(row))
    return sums


def _contents(reading: Reading, items: Iterable[int]) -> Iterator[tuple[int, bool]]:
    """Those that are lots or contents, each with whether it is a content with an owner."""
    for chunk in chunks(sorted(items)):
        for item, is_state in reading.array(_CONTENTS, {"ids": json.dumps(chunk)}):
            yield item, bool(is_state)


_CONTENTS: Final = f"""
SELECT json_group_array(json_array(i.id, i.state_of IS NOT NULL))
FROM json_each(:ids) j CROSS JOIN item i ON i.id=j.value
CROSS JOIN type y ON y.id=i.type
WHERE y.cls+0*i.id={ItemKind.Lot:d} OR (i.state_of+0*j.value) IS NOT NULL"""
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
