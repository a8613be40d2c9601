"""From rows to what people read: nodes and edges of an answer, in their order (SEMANTICS S19)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from tracenode.models.answers import Edge, Node
from tracenode.models.genealogy import HitMark
from tracenode.models.quantities import Quantity
from tracenode.server.genealogy.closure import Link, chunks
from tracenode.server.genealogy.facts import Fact
from tracenode.server.store.journal import from_microseconds
from tracenode.server.store.schema import INF
from tracenode.server.store.snapshot import Reading

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
    nodes = []
    for item in items:
        fact = facts[item]
        nodes.append(
            Node(
                fact.public,
                fact.kind,
                fact.material,
                fact.state,
                item in held,
                depth[item],
                from_microseconds(fact.first_seen),
                marks.get(item),
            )
        )
    return tuple(nodes)


def edges_of(
    reading: Reading,
    links: Sequence[Link],
    facts: dict[int, Fact],
    portions: Mapping[Link, Decimal | None] | None = None,
) -> tuple[Edge, ...]:
    """Return edges, given in order, with station, quantity and position. `portions` are the
    fractions of what went into their outputs, where they are asked for."""
    portions = portions or {}
    stations = _looked_up(reading, _STATIONS, {link.ev for link in links})
    units = units_of(reading, {link.unit for link in links})
    positions = _looked_up(reading, _POSITIONS, {link.pos for link in links})
    return tuple(
        Edge(
            facts[link.dst].public,
            facts[link.src].public,
            link.relation,
            link.quality,
            None
            if link.qty is None or link.unit is None
            else _quantity(link.qty, *units[link.unit]),
            "" if link.pos is None else positions[link.pos],
            stations[link.ev] or "",
            from_microseconds(link.at),
            None if link.until == INF else from_microseconds(link.until),
            link.ev,
            portions.get(link),
        )
        for link in links
    )


def units_of(reading: Reading, numbers: set[int | None]) -> dict[int, tuple[int, str]]:
    """Return (scale, code) of interned units of measure."""
    return _looked_up(reading, _UNITS, numbers)


@lru_cache(4096)
def _quantity(mantissa: int, scale: int, unit: str) -> Quantity:
    """Amounts repeat, and a model takes microseconds to make."""
    return Quantity.stored(mantissa, scale, unit)


def _looked_up(reading: Reading, sql: str, numbers: set[Any]) -> dict[int, Any]:
    numbers.discard(None)
    found: dict[int, Any] = {}
    for chunk in chunks(sorted(numbers)):
        found.update(reading.array(sql, {"ids": json.dumps(chunk)}))
    return found
