"""bench latency: how long a trace takes, and how long a scan, a handshake, a call.

    python run.py bench latency [--quick] [--json FILE]

Traces: a synthetic battery plant (_plant.py) of 100,000 and 1,000,000 edges; ours asks the store's
own file, the peers are PostgreSQL's recursive query over the same columns (prepared, local socket)
and networkx in memory over a graph loaded from our file. Engines take turns at each root; answers
are compared as sets.

The way in: the real server process (`tracenode run`) with a scanner on a pseudo-terminal (TCP where
there is none), two controllers with the register handshake over Modbus TCP, and an asyncua client;
readers, controllers and the client are in the benchmark's process.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from benchmarks import _postgres
from benchmarks._fill import fill
from benchmarks._line import line_latency
from benchmarks._peers import (
    AS_OF,
    INGREDIENTS,
    WHERE_USED,
    PostgresGenealogy,
    key_of,
    load_networkx,
    load_postgres,
)
from benchmarks._plant import Plant
from benchmarks._postgres import NAME, Connection, peer_schema
from benchmarks._rows import Options, Report, arguments, clocked, percentile, scratch
from benchmarks._traces import Turns, our_ids, plain_graph, sampled
from tracenode.models.answers import Ingredients, WhereUsed
from tracenode.server.genealogy import answer, graph
from tracenode.server.store.file.database import connect_reader
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import Connection as Reader
from tracenode.server.store.schema import INF

if TYPE_CHECKING:
    import networkx as nx

FULL = (100_000, 1_000_000)
QUICK = (60_000,)
GRAPH_TARGETS = {"CELL": "<=0.30", "MODULE": "<=0.40", "PACK": "<=0.65"}
ROOTS = {"CELL": 200, "MODULE": 60, "PACK": 20}
QUICK_ROOTS = {"CELL": 40, "MODULE": 15, "PACK": 6}
HOT, WARM = "ELECTROLYTE", "CATHODE"
"""A lot that went into most of the plant, and one that went into some hundred cells."""


@dataclass(slots=True)
class Engines:
    """Everything that answers. `peer` and `graph` hold the same rows as the file of `ours`."""

    ours: Reader
    peer: PostgresGenealogy | None
    memory: nx.DiGraph[int]
    plant: Plant
    size: str


PEERS = {"pg": NAME, "nx": "networkx in memory"}


def ingredients_ids(report: Report, on: Engines, roots: dict[str, int]) -> None:
    for material, count in roots.items():
        turns = Turns()
        public = sampled(on.plant.items[material], count)
        warm(on, public[0])
        for item in public:
            found = set(turns.ask("ours", our_ids, on.ours, item))
            (number,) = number_set(on.ours, item)
            peer = on.peer
            if peer is not None:
                theirs = turns.ask("pg", peer.about, INGREDIENTS, item)
                report.agree(f"ingredients of {item}, {NAME}", found, set(theirs))
            inputs = turns.ask("nx", ancestors, on.memory, number)
            report.agree(f"ingredients of {item}, networkx", found - {number}, inputs)
        turns.rows(
            report,
            f"ingredients, ids, {material.lower()}, {on.size}",
            {"pg": "<=0.85", "nx": "<=0.55"},
            PEERS,
        )


def ancestors(memory: nx.DiGraph[int], number: int) -> set[int]:
    import networkx as nx

    return nx.ancestors(memory, number)


def descendants(memory: nx.DiGraph[int], number: int) -> set[int]:
    import networkx as nx

    return nx.descendants(memory, number)


def number_set(reader: Reader, public: str) -> set[int]:
    return {number_of(reader, public)}


def warm(on: Engines, item: str) -> None:
    """Ask once without counting, so that statements are prepared: PostgreSQL plans anew for the
    first five."""
    for _ in range(6):
        our_ids(on.ours, item)
        our_ids(on.ours, item, at=INF >> 8)
        graph(on.ours, Ingredients(item=item))
        if on.peer is not None:
            for statement in (INGREDIENTS, AS_OF):
                on.peer.ids(statement, key_of(item, INF >> 8))
            on.peer.graph(item)


def ingredients_graph(report: Report, on: Engines, roots: dict[str, int]) -> None:
    """Whole answers as graphs: ours with its completeness statement, the peer's built from its
    rows."""
    for material, count in roots.items():
        turns = Turns()
        for item in sampled(on.plant.items[material], count):
            question = Ingredients(item=item)
            found = turns.ask("ours", graph, on.ours, question)
            peer = on.peer
            if peer is not None:
                theirs = turns.ask("pg", peer.graph, item)
                report.agree(f"graph of {item}", plain_graph(found), plain_graph(theirs))
        turns.rows(
            report,
            f"ingredients, DiGraph with attributes, {material.lower()}, {on.size}",
            {"pg": GRAPH_TARGETS[material]},
            {"pg": f"{NAME} + networkx"},
        )


def as_of(report: Report, on: Engines, roots: dict[str, int]) -> None:
    """The ingredients at a time in the middle of the plant's life, and what that costs more than
    the latest ones."""
    for material in ("MODULE", "PACK"):
        turns = Turns()
        for item in sampled(on.plant.items[material], roots[material]):
            # A while after the item was made: some of its parts were replaced later.
            at = born(on.ours, item) + 600_000_000
            found = set(turns.ask("ours", our_ids, on.ours, item, at=at))
            turns.ask("live", our_ids, on.ours, item)
            peer = on.peer
            if peer is not None:
                theirs = turns.ask("pg", peer.about, AS_OF, item, at)
                report.agree(f"ingredients of {item} as of {at}", found, set(theirs))
        turns.rows(
            report,
            f"ingredients as_of, ids, {material.lower()}, {on.size}",
            {"pg": "<=0.85", "live": "<=1.3"},
            {"pg": NAME, "live": "ours, latest"},
        )


def born(reader: Reader, public: str) -> int:
    (number,) = number_set(reader, public)
    ((at,),) = reader.execute("SELECT min(at) FROM life WHERE item = ?", (number,))
    return int(at)


def where_used(report: Report, on: Engines, turns_each: int) -> None:
    """Where a hot lot is now, as ids, and the whole where-used answer of a lot in some hundred
    cells."""
    hot, turns = on.plant.items[HOT][0], Turns()
    (number,) = number_set(on.ours, hot)
    count = 0
    for _ in range(turns_each):
        found = set(turns.ask("ours", our_ids, on.ours, hot, up=False))
        count = len(found)
        peer = on.peer
        if peer is not None:
            theirs = turns.ask("pg", peer.about, WHERE_USED, hot)
            report.agree(f"where {hot} is, {NAME}", found, set(theirs))
        outputs = turns.ask("nx", descendants, on.memory, number)
        report.agree(f"where {hot} is, networkx", found - {number}, outputs)
    name = f"where used now, ids, hot lot in {count:,} items, {on.size}"
    turns.rows(report, name, {"pg": "<=1.4"}, PEERS)
    whole = Turns()
    hits = 0
    for item in sampled(on.plant.items[WARM], 20):
        question = WhereUsed(item=item)
        hits += len(whole.ask("ours", answer, on.ours, question).nodes)
    report.add(
        f"where used ever, whole answer, {hits // len(whole.times['ours'])} items, {on.size}",
        percentile(whole.times["ours"], 0.5),
        unit="us",
    )


def traces(report: Report, options: Options, folder: Path, edges: int) -> None:
    """Measure the genealogy at one size."""
    size = f"{edges / 1000:,.0f} k edges"
    report.section(f"Genealogy at {size}")
    plant, path = Plant(), folder / f"plant-{edges}.db"
    entries = fill(path, plant.events(edges))
    report.note(f"{entries:,} entries, {plant.edges:,} edges")
    roots = QUICK_ROOTS if options.quick else ROOTS
    with closing(connect_reader(path)) as ours:
        loading, memory = clocked(load_networkx, ours)
    with closing(connect_reader(path)) as ours:
        first, _ = clocked(our_ids, ours, plant.items["PACK"][0])
        report.add(
            f"first answer vs loading networkx, {size}",
            first,
            loading,
            unit="us",
            target="<=0.01",
        )
        if _postgres.missing():
            on = Engines(ours, None, memory, plant, size)
            questions(report, on, roots)
            return
        with peer_schema() as (connection, info), psycopg.connect(info, autocommit=True) as other:
            load_postgres(ours, connection)
            peer = PostgresGenealogy(connection, other)
            on = Engines(ours, peer, memory, plant, size)
            questions(report, on, roots)
            disk(report, on, connection)


def questions(report: Report, on: Engines, roots: dict[str, int]) -> None:
    gc.collect()
    gc.freeze()
    ingredients_ids(report, on, roots)
    ingredients_graph(report, on, roots)
    as_of(report, on, roots)
    where_used(report, on, 5)
    gc.unfreeze()


def disk(report: Report, on: Engines, connection: Connection) -> None:
    """Compare the bytes of the edge tables with their indexes, for each edge."""
    ((edges,),) = on.ours.execute("SELECT count(*) FROM edge")
    row = connection.execute("SELECT pg_total_relation_size('edge')").fetchone()
    assert row is not None
    try:
        ((ours,),) = on.ours.execute("SELECT sum(pgsize) FROM dbstat WHERE name GLOB 'edge*'")
    except sqlite3.OperationalError:
        report.note("disk for an edge: this SQLite can't count pages (no dbstat)")
        return
    report.add(
        f"disk for an edge, {on.size} vs {NAME}",
        ours / edges,
        row[0] / edges,
        unit="bytes",
        target="<=0.5",
    )


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(__doc__ or "", argv)
    report = Report(options, "bench latency")
    if why := _postgres.missing():
        report.note(f"{NAME} is missing: {why}")
    with scratch(options) as folder:
        for edges in QUICK if options.quick else FULL:
            traces(report, options, folder, edges)
        asyncio.run(line_latency(report, folder, quick=options.quick))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
