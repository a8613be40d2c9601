"""The questions of the genealogy benchmark, asked of all engines in turns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks._genealogy_plant import Plant
from benchmarks._graphs import NAMES, GraphPeer
from benchmarks._peers import (
    AS_OF,
    COMMON,
    INGREDIENTS,
    WHERE_USED,
    PostgresGenealogy,
    key_of,
)
from benchmarks._postgres import NAME
from benchmarks._rows import Report
from benchmarks._traces import Turns, our_ids, plain_graph, sampled
from tracenode.models.answers import Asked, Ingredients
from tracenode.server.genealogy import graph
from tracenode.server.genealogy.analysis.traits import ancestors_sql
from tracenode.server.genealogy.edges.believed import lens_of
from tracenode.server.genealogy.edges.closure import reachable
from tracenode.server.genealogy.moment import Moment, Span, moment_of
from tracenode.server.store.reading.snapshot import Connection, Reading, snapshot
from tracenode.server.store.schema import INF

__all__ = ["Engines", "as_of", "common", "ingredients_graph", "ingredients_ids", "where_used"]

MATERIALS: Final = ("CELL", "MODULE", "PACK")
PLANNED: Final = 6
"""PostgreSQL plans a prepared statement anew for the first five times."""
PEERS: Final = {"pg": NAME, **{name: name for name in NAMES}}
TIER_1, TIER_2 = "tables", "index"
"""Our two tiers: recursion over the tables, and the adjacency index."""
IDS_TARGETS: Final = {
    TIER_1: {material: {"pg": "<=0.85"} for material in MATERIALS},
    TIER_2: {
        material: {"pg": bound, "networkx": "<=0.55", "overgraph": "<=0.70", "rustworkx": "<=3"}
        for material, bound in zip(MATERIALS, ("<=0.20", "<=0.25", "<=0.30"), strict=True)
    },
}
GRAPH_TARGETS: Final = dict(zip(MATERIALS, ("<=0.30", "<=0.40", "<=0.65"), strict=True))
HUGE, LARGE = 1_000_000, 60_000
"""Items from which on the targets of a recall hold."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Everything that answers, over the same rows. `ours` are read connections by tier."""

    ours: Mapping[str, Connection]
    pg: PostgresGenealogy | None
    graphs: Mapping[str, GraphPeer]
    plant: Plant
    size: str
    asked: int
    """How many items of a material are asked about."""

    @property
    def reader(self) -> Connection:
        """The connection as the server would use it: with the index where there is one."""
        return list(self.ours.values())[-1]

    def roots(self, material: str) -> Sequence[int]:
        return sampled(self.plant.items(material).tolist(), self.asked)


def _warm(on: Engines, statement: str, parameters: dict[str, Any]) -> None:
    for _ in range(PLANNED):
        if on.pg is not None:
            on.pg.ids(statement, parameters)


def _asked(report: Report, on: Engines, turns: Turns, item: str, *, up: bool) -> set[int]:
    """Ask each tier of ours for ids, and compare their answers."""
    first: set[int] | None = None
    for tier, reader in on.ours.items():
        found = set(turns.ask(tier, our_ids, reader, item, up=up))
        if first is not None:
            report.agree(f"{item}, {tier}", found, first)
        first = first or found
    assert first is not None, "one tier at least"
    return first


def ingredients_ids(report: Report, on: Engines) -> None:
    """What went into an item: the numbers alone. Ours and PostgreSQL begin with the item's public
    id; with the graph libraries, which are given its number, our closure alone is compared."""
    for material in MATERIALS:
        turns, alone = Turns(), Turns()
        roots = on.roots(material)
        _warm(on, INGREDIENTS, key_of(on.plant.public(roots[0])))
        for number in roots:
            item = on.plant.public(number)
            found = _asked(report, on, turns, item, up=True)
            if on.pg is not None:
                theirs = turns.ask("pg", on.pg.about, INGREDIENTS, item)
                report.agree(f"ingredients of {item}, {NAME}", found, set(theirs))
            for tier, reader in on.ours.items():
                with snapshot(reader) as reading:
                    moment = moment_of(reading, Asked())
                    closed = alone.ask(tier, _closure, reading, number, moment)
                    report.agree(f"closure of {item}, {tier}", set(closed), found)
            for name, peer in on.graphs.items():
                inputs = alone.ask(name, peer.ids, number, up=True)
                report.agree(f"ingredients of {item}, {name}", found - {number}, set(inputs))
        for tier in on.ours:
            about, targets = f"{material.lower()}, {on.size}, {tier}", IDS_TARGETS[tier][material]
            turns.rows(report, f"ingredients, ids, {about}", targets, {"pg": NAME}, tier)
            graphs = {name: name for name in NAMES}
            alone.rows(report, f"ingredients, closure alone, {about}", targets, graphs, tier)


def _closure(reading: Reading, number: int, moment: Moment) -> list[int]:
    return reachable(reading, [number], moment, Span.Now, up=True, limit=INF)


def ingredients_graph(report: Report, on: Engines) -> None:
    """Whole answers as graphs of the same nodes, edges and attributes, from a public id on: ours
    with its completeness statement, the peer's without."""
    for material in MATERIALS:
        turns = Turns()
        roots = [on.plant.public(number) for number in on.roots(material)]
        for _ in range(PLANNED):
            graph(on.reader, Ingredients(item=roots[0]))
            if on.pg is not None:
                on.pg.graph(roots[0])
        for item in roots:
            found = turns.ask("ours", graph, on.reader, Ingredients(item=item))
            if on.pg is not None:
                theirs = turns.ask("pg", on.pg.graph, item)
                report.agree(f"graph of {item}", plain_graph(found), plain_graph(theirs))
        turns.rows(
            report,
            f"ingredients, DiGraph with attributes, {material.lower()}, {on.size}",
            {"pg": GRAPH_TARGETS[material]},
            {"pg": f"{NAME} + networkx"},
        )


def as_of(report: Report, on: Engines) -> None:
    """The ingredients of a pack at its completion, before parts were replaced, and what asking for
    a time costs more than asking for the latest. The tables answer both."""
    turns = Turns()
    reader = on.ours[TIER_1]
    roots = _replaced(on.plant, on.asked)
    _warm(on, AS_OF, key_of(on.plant.public(roots[0]), int(on.plant.at[-1])))
    changed = 0
    for number in roots:
        item = on.plant.public(number)
        at = _completed(on.plant, number)
        found = set(turns.ask("ours", our_ids, reader, item, at=at))
        latest = turns.ask("latest", our_ids, reader, item)
        changed += found != set(latest)
        if on.pg is not None:
            theirs = turns.ask("pg", on.pg.about, AS_OF, item, at)
            report.agree(f"ingredients of {item} as of {at}", found, set(theirs))
    report.note(f"{len(roots)} packs, of which {changed} had other ingredients then")
    turns.rows(
        report,
        f"ingredients as of a time, ids, pack, {on.size}",
        {"latest": "<=1.3"},
        {"latest": "ours, latest", "pg": NAME},
    )


def _replaced(plant: Plant, count: int) -> Sequence[int]:
    """Return packs that had a module replaced, as many as there are, then others."""
    repaired = plant.item[plant.old > 0].tolist()
    return list(dict.fromkeys([*repaired, *sampled(plant.items("PACK").tolist(), count)]))[:count]


def _completed(plant: Plant, pack: int) -> int:
    """Return a time at which a pack was whole, and nothing in it replaced yet: that is built within
    a minute, and repaired days later."""
    return int(plant.at[(plant.item == pack).argmax()]) + 60_000_000


def where_used(report: Report, on: Engines) -> None:
    """Where a hot lot is now."""
    for material, turns_each in (("ELECTROLYTE", 10), ("ORE", 4)):
        number = int(on.plant.items(material)[0])
        item = on.plant.public(number)
        turns, count = Turns(), 0
        for _ in range(turns_each):
            found = _asked(report, on, turns, item, up=False)
            count = len(found)
            if on.pg is not None:
                theirs = turns.ask("pg", on.pg.about, WHERE_USED, item)
                report.agree(f"where {item} is, {NAME}", found, set(theirs))
            for name, peer in on.graphs.items():
                if name != "overgraph":
                    outputs = turns.ask(name, peer.ids, number, up=False)
                    report.agree(f"where {item} is, {name}", found - {number}, set(outputs))
        for tier in on.ours:
            name = f"where used now, ids, {count:,} items, {on.size}, {tier}"
            peers = {engine: called for engine, called in PEERS.items() if engine != "overgraph"}
            turns.rows(report, name, _where_used_targets(tier, count), peers, tier)


def _where_used_targets(tier: str, count: int) -> dict[str, str]:
    if tier == TIER_1:
        return {"pg": "<=1.4"}
    if count < LARGE:
        return {}
    return {
        "pg": "<=0.06" if count >= HUGE else "<=0.08",
        "rustworkx": "<=0.6",
        "networkx": "<=0.08",
    }


def common(report: Report, on: Engines) -> None:
    """What all of a hundred modules have in common."""
    numbers = list(sampled(on.plant.items("MODULE").tolist(), 100))
    _warm(on, COMMON, {"ids": numbers})
    turns = Turns()
    for _ in range(10):
        for tier, reader in on.ours.items():
            found = turns.ask(tier, _common, reader, tier, numbers)
            if on.pg is not None:
                theirs = turns.ask("pg", on.pg.ids, COMMON, {"ids": numbers})
                report.agree(f"common ingredients, {tier}", found, set(theirs))
    for tier in on.ours:
        name = f"common ingredients of {len(numbers)} modules, ids, {on.size}, {tier}"
        turns.rows(report, name, {"pg": "<=0.7"}, {"pg": NAME}, tier)


def _common(reader: Connection, tier: str, numbers: Sequence[int]) -> set[int]:
    """Return what went into each of some items: the tables count it in one statement, the index is
    asked about one item after another."""
    with snapshot(reader) as reading:
        moment = moment_of(reading, Asked())
        if tier == TIER_1:
            starts = json.dumps([(number, number) for number in numbers])
            sql = ancestors_sql(lens_of(moment, Span.Now), bounded=False)
            counts = reading.array(sql, {"starts": starts, **moment.parameters})
        else:
            counted: Counter[int] = Counter()
            for number in numbers:
                counted.update(_closure(reading, number, moment))
            counts = list(counted.items())
    return {number for number, times in counts if times == len(numbers)}
