"""From rows to what people read: nodes and edges of an answer, in their order (SEMANTICS S19)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from typing import Any, Final, NamedTuple

from tracenode.models.answers import Edge, Node
from tracenode.models.genealogy import EdgeQuality, HitMark, Relation
from tracenode.models.quantities import Quantity
from tracenode.server.genealogy.edges.closure import CHUNK, Link
from tracenode.server.genealogy.items.facts import Fact
from tracenode.server.genealogy.items.making import maker
from tracenode.server.store.projecting.references import relation_code
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds

__all__ = ["Names", "edges_of", "names_of", "nodes_of", "place_of", "units_of"]

_NAMES: Final = """
SELECT json_array(
  (SELECT json_group_array(json_array(r.seq, json_extract(r.body,
     CASE r.type WHEN 'correct' THEN '$.f.replacement.station' ELSE '$.f.station' END)))
   FROM json_each(:records) j CROSS JOIN journal r ON r.seq=j.value),
  (SELECT json_group_array(json_array(u.id, json_array(u.scale, u.code)))
   FROM json_each(:units) j CROSS JOIN uom u ON u.id=j.value),
  (SELECT json_group_array(json_array(p.id, p.text))
   FROM json_each(:positions) j CROSS JOIN position p ON p.id=j.value))
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
        [
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
        ]
    )


class Names(NamedTuple):
    """What numbers in edges stand for: the station of a record, (scale, code) of a unit of measure,
    the text of a position."""

    stations: dict[int, str | None]
    units: dict[int, tuple[int, str]]
    positions: dict[int, str]


def names_of(reading: Reading, links: Iterable[Link]) -> Names:
    """Return what is needed to tell some edges."""
    return _names(
        reading,
        {link.ev for link in links},
        {link.unit for link in links},
        {link.pos for link in links},
    )


def units_of(reading: Reading, numbers: set[int | None]) -> dict[int, tuple[int, str]]:
    """Return (scale, code) of interned units of measure."""
    return _names(reading, set(), numbers, set()).units


def _names(
    reading: Reading, records: set[int], units: set[int | None], positions: set[int | None]
) -> Names:
    found = Names({}, {}, {})
    asked = (records, units, positions)
    todo = [sorted({number for number in numbers if number is not None}) for numbers in asked]
    while any(todo):
        chunk = {
            name: json.dumps(numbers[:CHUNK])
            for name, numbers in zip(("records", "units", "positions"), todo, strict=True)
        }
        stations, codes, texts = reading.array(_NAMES, chunk)
        found.stations.update(stations)
        found.units.update(codes)
        found.positions.update(texts)
        todo = [numbers[CHUNK:] for numbers in todo]
    return found


def edges_of(
    reading: Reading,
    links: Sequence[Link],
    facts: dict[int, Fact],
    portions: Iterable[Decimal | None] = repeat(None),
    names: Names | None = None,
) -> tuple[Edge, ...]:
    """Return edges, given in order, with station, quantity and position. `portions` are the
    fractions of what went into their outputs, in the same order, where they are asked for; `names`
    are read where they are not given."""
    stations, units, positions = names or names_of(reading, links)
    times = {at: from_microseconds(at) for at in {link.at for link in links}}
    return tuple(
        [
            _edge(
                facts[dst].public,
                facts[src].public,
                *_KINDS[rel],
                None if qty is None or unit is None else _quantity(qty, *units[unit]),
                "" if pos is None else positions[pos],
                stations[ev] or "",
                times[at],
                None if until == INF else from_microseconds(until),
                ev,
                portion,
            )
            for (src, dst, ev, _, at, until, rel, qty, unit, pos), portion in zip(
                links, portions, strict=False
            )
        ]
    )


@lru_cache(4096)
def _quantity(mantissa: int, scale: int, unit: str) -> Quantity:
    """Amounts repeat, and a model takes microseconds to make."""
    return Quantity.stored(mantissa, scale, unit)


_node: Final = maker(Node)
_edge: Final = maker(Edge)
