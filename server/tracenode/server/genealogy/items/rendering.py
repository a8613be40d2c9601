"""From rows to what people read: nodes and edges of an answer, in their order (SEMANTICS S19)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from typing import Any, Final

from tracenode.models.answers import Edge, Node
from tracenode.models.genealogy import EdgeQuality, HitMark, Relation
from tracenode.models.quantities import Quantity
from tracenode.server.genealogy.edges.closure import Link, chunks
from tracenode.server.genealogy.items.facts import Fact
from tracenode.server.genealogy.items.making import maker
from tracenode.server.store.projecting.references import relation_code
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds

__all__ = ["edges_of", "nodes_of", "place_of", "units_of"]

_STATIONS: Final = """
SELECT json_group_array(json_array(r.seq, json_extract(r.body,
  CASE r.type WHEN 'correct' THEN '$.f.replacement.station' ELSE '$.f.station' END)))
FROM json_each(:ids) j CROSS JOIN journal r ON r.seq=j.value
"""
_UNITS: Final = """
SELECT json_group_array(json_array(u.id, json_array(u.scale, u.code)))
FROM json_each(:ids) j CROSS JOIN uom u ON u.id=j.value
"""
_POSITIONS: Final = """
SELECT json_group_array(json_array(p.id, p.text))
FROM json_each(:ids) j CROSS JOIN position p ON p.id=j.value
"""
_KINDS: Final = {
    relation_code(relation, quality): (relation, quality)
    for relation in Relation
    for quality in EdgeQuality
}
"""What a number of an edge's kind says."""


def place_of(facts: dict[int, Fact], depth: dict[int, int]) -> Callable[[int], Any]:
    """Return the key by which items of an answer are ordered: depth, event time, id."""
    return lambda item: (depth[item], facts[item].first_seen, facts[item].public)


def nodes_of(
    items: Iterable[int],
    facts: dict[int, Fact],
    depth: dict[int, int],
    held: set[int],
    marks: dict[int, HitMark] | None = None,
) -> tuple[Node, ...]:
    """Return items, given in order, as nodes. `marks` are those of where-used hits."""
    marks = marks or {}
    return tuple(
        _node(
            (fact := facts[item]).public,
            fact.kind,
            fact.material,
            fact.state,
            item in held,
            depth[item],
            from_microseconds(fact.first_seen),
            marks.get(item),
        )
        for item in items
    )


def edges_of(
    reading: Reading,
    links: Sequence[Link],
    facts: dict[int, Fact],
    portions: Iterable[Decimal | None] = repeat(None),
) -> tuple[Edge, ...]:
    """Return edges, given in order, with station, quantity and position. `portions` are the
    fractions of what went into their outputs, in the same order, where they are asked for."""
    stations = _looked_up(reading, _STATIONS, {link.ev for link in links})
    units = units_of(reading, {link.unit for link in links})
    positions = _looked_up(reading, _POSITIONS, {link.pos for link in links})
    return tuple(
        _edge(
            facts[dst].public,
            facts[src].public,
            *_KINDS[rel],
            None if qty is None or unit is None else _quantity(qty, *units[unit]),
            "" if pos is None else positions[pos],
            stations[ev] or "",
            from_microseconds(at),
            None if until == INF else from_microseconds(until),
            ev,
            portion,
        )
        for (src, dst, ev, _, at, until, rel, qty, unit, pos), portion in zip(
            links, portions, strict=False
        )
    )


def units_of(reading: Reading, numbers: set[int | None]) -> dict[int, tuple[int, str]]:
    """Return (scale, code) of interned units of measure."""
    return _looked_up(reading, _UNITS, numbers)


@lru_cache(4096)
def _quantity(mantissa: int, scale: int, unit: str) -> Quantity:
    """Amounts repeat, and a model takes microseconds to make."""
    return Quantity.stored(mantissa, scale, unit)


_node: Final = maker(Node)
_edge: Final = maker(Edge)


def _looked_up(reading: Reading, sql: str, numbers: set[Any]) -> dict[int, Any]:
    numbers.discard(None)
    found: dict[int, Any] = {}
    for chunk in chunks(sorted(numbers)):
        found.update(reading.array(sql, {"ids": json.dumps(chunk)}))
    return found
