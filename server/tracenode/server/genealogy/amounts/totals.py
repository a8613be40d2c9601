"""How much went into items, by dimension, added up exactly (SEMANTICS S9)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, eq=False)
class _Total:
    """`unknown` edges have no quantity; `parts` neither, but are units, which are pieces.
    `content`: of a lot, or of what is in a container."""

    amounts: dict[str, int]
    edges: int
    unknown: int
    parts: int
    content: bool

    @property
    def mixed(self) -> bool:
        """True for a content of two dimensions: which part of it any of them is nobody knows."""
        return self.content and bool(self.parts) + sum(map(bool, self.amounts.values())) > 1


_Sum = tuple[int | None, int, int, int, int]
"""Of the edges into one item in one unit: the unit, upper and lower digits, edges, parts."""


class Inputs:
    """How much some edges are, beside all that went into their outputs: by the edges of `span`, or,
    where the `facts` of all their items are given, by the edges themselves, which are all then.

    Amounts repeat: what a lot went into mostly got as much of it as others did. So what is equal is
    worked out once.
    """

    def __init__(
        self,
        reading: Reading,
        links: Collection[Link],
        moment: Moment,
        span: Span,
        facts: Mapping[int, Fact] | None = None,
    ) -> None:
        measured = {
            link.dst for link in links if link.qty is not None or link.relation is Relation.Identity
        }
        if facts is None:
            sums = _read(reading, measured, moment, span)
            contents = dict(_contents(reading, measured))
        else:
            sums = _added_up(links, measured, facts)
            contents = {
                item: facts[item].owner is not None
                for item in measured
                if facts[item].kind is ItemKind.Lot or facts[item].owner is not None
            }
        different = {(rows, item in contents) for item, rows in sums.items()}
        units = {link.unit for link in links} | {unit for rows, _ in different for unit, *_ in rows}
        self._units = {
            number: amount_of(1, *unit) for number, unit in units_of(reading, units).items()
        }
        totals = {one: self._total(*one) for one in different}
        self._totals = {item: totals[rows, item in contents] for item, rows in sums.items()}
        self._portions: dict[tuple[int | None, int | None, int, _Total | None], Decimal | None] = {}
        lots = [item for item, is_state in contents.items() if not is_state]
        self._add(receipts(reading, lots, moment))

    def _total(self, sums: Iterable[_Sum], content: bool) -> _Total:
        amounts: dict[str, int] = {}
        known = unknown = parts = 0
        for unit, high, low, edges, pieces in sums:
            if unit is None:
                parts += pieces
                unknown += edges - pieces
            else:
                known += edges
                _add(amounts, self._measured(high * _HALF + low, unit))
        return _Total(amounts, known + unknown + parts, unknown, parts, content)

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
        """All that went into an item in a dimension; None is unknown. A part without a quantity is
        pieces, and nothing of another dimension; but a content of two dimensions is unknown."""
        total = self._totals[item]
        if total.unknown or (total.parts and dimension == _COUNT):
            return None
        return None if total.mixed else total.amounts[dimension]

    def portion(self, link: Link) -> Decimal | None:
        """Which fraction of what went into its output an edge is; None is unknown. A placeholder is
        whole what it turned out to be; what is of no amount is no part."""
        alike = (link.qty, link.unit, link.rel, self._totals.get(link.dst))
        if alike not in self._portions:
            ratio = self.ratio(link)
            self._portions[alike] = None if ratio is None else DIGITS.divide(*ratio)
        return self._portions[alike]

    def ratio(self, link: Link) -> tuple[int, int] | None:
        """As `portion`: how much an edge is, and of how much."""
        if link.relation is Relation.Identity and self._totals[link.dst].edges == 1:
            return 1, 1
        amount = self.amount(link)
        if amount is None:
            return None
        total = self.total(link.dst, amount.dimension)
        return (amount.value, total) if total else None


def _add(amounts: dict[str, int], amount: Amount) -> None:
    amounts[amount.dimension] = amounts.get(amount.dimension, 0) + amount.value


def _read(
    reading: Reading, items: Iterable[int], moment: Moment, span: Span
) -> dict[int, tuple[_Sum, ...]]:
    sql = _totals_sql(lens_of(moment, span))
    sums: dict[int, tuple[_Sum, ...]] = {}
    for chunk in chunks(sorted(items)):
        for item, *row in reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters}):
            sums[item] = (*sums.get(item, ()), tuple(row))
    return sums


def _added_up(
    links: Iterable[Link], items: Collection[int], facts: Mapping[int, Fact]
) -> dict[int, tuple[_Sum, ...]]:
    """As `_read`."""
    sums: dict[int, dict[int | None, list[int]]] = {item: {} for item in items}
    for src, dst, _, _, _, _, _, qty, unit, _ in links:
        if dst in sums:
            row = sums[dst].setdefault(None if qty is None else unit, [0, 0, 0])
            row[1] += 1
            if qty is None:
                row[2] += facts[src].kind is ItemKind.Unit
            else:
                row[0] += qty
    return {
        item: tuple(
            (unit, *divmod(total, _HALF), edges, parts)
            for unit, (total, edges, parts) in rows.items()
        )
        for item, rows in sums.items()
    }


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
