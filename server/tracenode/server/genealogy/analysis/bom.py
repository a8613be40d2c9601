"""What is in an item against its bill of material."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tracenode.models.analysis import BomComparison, BomLineFound, BomVerdict, CompareToBom
from tracenode.models.answers import Edge
from tracenode.models.errors import TraceError
from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind
from tracenode.models.quantities import MAX_SCALE, UNITS, Quantity
from tracenode.server.genealogy.answers.detail import registered_with
from tracenode.server.genealogy.answers.lineage import pooled
from tracenode.server.genealogy.edges.closure import Link, links_of
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.items.crossed import crossed
from tracenode.server.genealogy.items.ends import PLACES
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.items.rendering import edges_of
from tracenode.server.genealogy.moment import Moment, moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.master import Bom, BomLine
from tracenode.server.store.reading.snapshot import Reading

__all__ = ["compare_to_bom"]

_BOM: Final = """
SELECT data FROM master WHERE kind='bom' AND key=:key AND ev<=:K ORDER BY ev DESC LIMIT 1
"""
_WENT_IN: Final = (Relation.Install, Relation.Consume, Relation.Transform)
PIECE: Final = "H87"
"""The unit of what is counted."""


@dataclass(slots=True)
class _Line:
    """What a line asks for, and what was found for it: items, and how much of each; None is
    unknown. `counted`: the bill says how much."""

    position: str
    material: str
    counted: bool = False
    expected: list[Quantity | None] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    amounts: list[Quantity | None] = field(default_factory=list)


def compare_to_bom(reading: Reading, question: CompareToBom) -> BomComparison:
    """Answer what is in an item, one level deep, line by line of the bill of its material in force.

    A line without a position takes that material at any position that no other line names. A line
    without a quantity asks for any. What is drawn from a container counts as the material that was
    filled in, where that is one. A unit that is installed or consumed whole counts as one piece.
    For a lot the bill is multiplied by the number of units of measure that it was registered with.
    Lines stand in the order of the bill, then what is not in it by position and material.
    """
    moment = moment_of(reading, question)
    root = number_of(reading.connection, question.item, moment.as_of, moment.known)
    fact = facts_of(reading, [root], moment)[root]
    bom = _bom_of(reading, fact.material, moment)
    times: Quantity | None = Quantity.of(1, PIECE)
    if fact.kind is ItemKind.Lot:
        times = registered_with(reading, root, fact.public, moment)
    lines: dict[tuple[str, str], _Line] = {}
    for part in () if bom is None else bom.components:
        line = lines.setdefault((part.position, part.material), _Line(part.position, part.material))
        line.counted |= part.quantity is not None
        line.expected.append(_times(part, times))
    starts = origin_of(reading, root, moment, moment.point, up=True).starts
    links = links_of(reading, starts, moment, moment.point, up=True, relations=_WENT_IN)
    _enter(lines, _parts(reading, links, moment))
    found = tuple(_compared(line) for line in lines.values())
    return BomComparison(
        root=fact.public,
        material=fact.material,
        has_bom=bom is not None,
        matches=bom is not None and all(line.verdict is BomVerdict.Right for line in found),
        lines=found,
        statement=moment.statement(
            pooled_edges=pooled(links),
            placeholders=crossed(reading, {link.src for link in links}, moment).placeholders,
        ),
    )


def _bom_of(reading: Reading, material: str, moment: Moment) -> Bom | None:
    rows = reading.rows(_BOM, {"key": material, "K": moment.known})
    return Bom.model_validate_json(rows[0][0]) if rows and rows[0][0] is not None else None


# ------------------------------------------------------------------ what is in it
@dataclass(frozen=True, slots=True, order=True)
class _Part:
    position: str
    material: str
    item: str
    record: int
    amount: Quantity | None = field(compare=False)


def _parts(reading: Reading, links: list[Link], moment: Moment) -> list[_Part]:
    """What went in, by position, material and item."""
    facts = facts_of(reading, {n for link in links for n in (link.src, link.dst)}, moment)
    edges = edges_of(reading, links, facts)
    held: dict[int, str] = {}
    parts = []
    for link, edge in zip(links, edges, strict=True):
        part = facts[link.src]
        if part.kind in PLACES and link.src not in held:
            held[link.src] = _filled_in(reading, link.src, moment) or part.material
        material = held.get(link.src, part.material)
        parts.append(
            _Part(edge.position, material, edge.input, edge.record, _amount(edge, part.kind))
        )
    return sorted(parts)


def _amount(edge: Edge, kind: ItemKind) -> Quantity | None:
    whole = edge.quantity is None and kind is ItemKind.Unit
    return Quantity.of(1, PIECE) if whole else edge.quantity


def _filled_in(reading: Reading, place: int, moment: Moment) -> str | None:
    """The one material that the content of a container is; None where there is none, or several."""
    seen, todo, found = {place}, [place], set[str]()
    while todo:
        links = links_of(reading, todo, moment, moment.point, up=True)
        new = {link.src for link in links if link.relation is not Relation.Contain} - seen
        seen |= new
        facts = facts_of(reading, new, moment)
        todo = [item for item in new if facts[item].kind in PLACES]
        found |= {fact.material for fact in facts.values() if fact.kind not in PLACES}
    return found.pop() if len(found) == 1 else None


def _enter(lines: dict[tuple[str, str], _Line], parts: Iterable[_Part]) -> None:
    """Put each part into its line; what has none gets one."""
    for part in parts:
        exact, anywhere = (part.position, part.material), ("", part.material)
        line = lines.get(exact) or lines.get(anywhere)
        if line is None:
            line = lines[exact] = _Line(part.position, part.material)
        line.items.append(part.item)
        line.amounts.append(part.amount)


# ------------------------------------------------------------------ quantities
def _times(line: BomLine, times: Quantity | None) -> Quantity | None:
    if line.quantity is None or times is None:
        return None
    return _quantity(_exact(line.quantity) * Fraction(times.value), line.quantity.unit)


def _exact(quantity: Quantity) -> Fraction:
    """In the base unit of its dimension."""
    return Fraction(quantity.value) * UNITS[quantity.unit][1]


def _quantity(exact: Fraction, unit: str) -> Quantity | None:
    """A quantity of so many base units, in `unit` or else in the base unit; None where it has no
    finite decimal there."""
    dimension, factor = UNITS[unit]
    base = next(code for code, of in UNITS.items() if of == (dimension, Fraction(1)))
    for code, size in ((unit, factor), (base, Fraction(1))):
        scaled = exact / size * 10**MAX_SCALE
        if scaled.denominator == 1:
            try:
                return Quantity.of(Decimal(scaled.numerator).scaleb(-MAX_SCALE), code)
            except TraceError:
                continue
    return None


def _sum(amounts: Sequence[Quantity | None], unit: str) -> Quantity | None:
    """The sum, in `unit` where it can be told in it; None where a part is unknown or of another
    dimension."""
    known = [amount for amount in amounts if amount is not None]
    dimension, _ = UNITS[unit]
    if len(known) < len(amounts) or any(UNITS[each.unit][0] != dimension for each in known):
        return None
    return _quantity(sum(map(_exact, known), Fraction()), unit)


def _compared(line: _Line) -> BomLineFound:
    units = [amount.unit for amount in (*line.expected, *line.amounts) if amount is not None]
    unit = units[0] if units else PIECE
    expected = _sum(line.expected, unit) if line.expected else None
    found = _sum(line.amounts, unit) if units else None
    verdict = _verdict(line, expected, found)
    items = tuple(dict.fromkeys(line.items))
    return BomLineFound(line.position, line.material, expected, found, items, verdict)


def _verdict(line: _Line, expected: Quantity | None, found: Quantity | None) -> BomVerdict:
    if not line.expected:
        return BomVerdict.NotInBom
    if not line.items:
        return BomVerdict.Missing
    if not line.counted:
        return BomVerdict.Right
    if expected is None or found is None:
        return BomVerdict.Unknown
    asked, given = _exact(expected), _exact(found)
    if given == asked:
        return BomVerdict.Right
    return BomVerdict.TooLittle if given < asked else BomVerdict.TooMuch
