"""bench genealogy: traces, recalls, ingest, memory and disk on a plant of 0.1 to 10 million edges.

    python run.py bench genealogy [--edges N] [--only ROWS] [--keep FOLDER] [--quick] [--json FILE]

Peers are PostgreSQL (the same columns and indexes, prepared recursive queries, local socket),
networkx and rustworkx in memory, and overgraph; what is not on this machine is named and left out.
At every question all engines take turns over the same rows, and their answers are compared.

ROWS are some of these, parted by commas; all of them without it:

    start    first answer and memory of one process each, ours and networkx
    ingest   durable events by 1, 10, 100 and 1000 per commit, on an empty and on this store
    busy     small questions during a huge recall and 2000 events a second
    ids      what went into cells, modules, packs: numbers alone
    graph    the same as graphs with attributes
    as_of    the same as of an earlier time
    where    where hot lots are now
    common   what a hundred modules have in common
    disk     bytes for an edge

A filled store of a million edges takes 0.3 GB, and four times as much is needed while it runs;
the filled store alone stays in FOLDER, and is taken from there the next time.

Exit codes: see _rows.py; 2 also where the disk has not enough room.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import psycopg

from benchmarks import (
    _genealogy_fill,
    _genealogy_plant,
    _genealogy_tables,
    _genealogy_works,
    _postgres,
)
from benchmarks import _genealogy_questions as questions
from benchmarks._alone import asked_alone
from benchmarks._genealogy_fill import fill_plant
from benchmarks._genealogy_load import busy, ingest, prepare
from benchmarks._genealogy_plant import Plant
from benchmarks._genealogy_questions import TIER_1, TIER_2, Engines
from benchmarks._genealogy_works import built
from benchmarks._graphs import NAMES, graph_peers
from benchmarks._ingest import run_loop
from benchmarks._ingest_whole import peers
from benchmarks._peers import PostgresGenealogy, load_postgres
from benchmarks._postgres import NAME, Connection, peer_schema
from benchmarks._rows import Options, Report, clocked, command_line, scratch
from benchmarks._traces import sampled
from tracenode.server.store import schema
from tracenode.server.store.adjacency.layout import index_path
from tracenode.server.store.file.database import connect_reader, sidecars
from tracenode.server.store.file.verify import verify
from tracenode.server.trace import Trace

EDGES: Final = 100_000
QUICK_EDGES: Final = 20_000
LARGEST: Final = 10_000_000
BYTES_PER_EDGE: Final = 1_200
"""Of disk, with everything that stands on it at once."""
ALONE_ASKED: Final = 50
SMALL: Final = 100
"""Cells that are asked about under load."""

Asking = Callable[[Report, Engines], None]
ASKING: Final[dict[str, Asking]] = {
    "ids": questions.ingredients_ids,
    "graph": questions.ingredients_graph,
    "as_of": questions.as_of,
    "where": questions.where_used,
    "common": questions.common,
}
ROWS: Final = ("start", "ingest", "busy", *ASKING, "disk")


@dataclass(frozen=True, slots=True)
class Run:
    """What is measured: on how many edges, which rows, asking for how many items of a material,
    booking in how many rounds. `folder` is emptied afterwards, in `keep` the filled store stays."""

    edges: int
    rows: tuple[str, ...]
    asked: int
    rounds: int
    folder: Path
    keep: Path | None = None

    @property
    def size(self) -> str:
        return f"{self.edges / 1000:,.0f} k edges"


def main(argv: Sequence[str] | None = None) -> int:
    parser = command_line(__doc__ or "")
    parser.add_argument(
        "--edges", type=_edges, metavar="N", help=f"size of the plant, {EDGES} unless given"
    )
    parser.add_argument("--only", type=_rows, metavar="ROWS", default=ROWS, help="which rows")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where filled stores stay")
    found = parser.parse_args(argv)
    options = Options(found.quick, found.json, found.dir)
    edges = found.edges or (QUICK_EDGES if found.quick else EDGES)
    asked, rounds = (20, 1) if found.quick else (100, 3)
    with scratch(options) as folder:
        free = shutil.disk_usage(folder).free
        if free < edges * BYTES_PER_EDGE:
            needed = f"{edges * BYTES_PER_EDGE / 1e9:.1f} GB"
            print(f"{folder}: expected {needed} of free disk, found {free / 1e9:.1f} GB")
            return 2
        report = Report(options, "bench genealogy")
        measure(report, Run(edges, found.only, asked, rounds, folder, found.keep))
        return report.finish()


def _edges(text: str) -> int:
    number = int(float(text))
    if not 1 <= number <= LARGEST:
        raise argparse.ArgumentTypeError(f"expected 1 to {LARGEST} edges, found {text}")
    return number


def _rows(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if unknown := [row for row in chosen if row not in ROWS]:
        raise argparse.ArgumentTypeError(
            f"expected some of {','.join(ROWS)}, found {','.join(unknown)}"
        )
    return chosen


def measure(report: Report, run: Run) -> None:
    report.section(f"A plant of {run.size}")
    plant, path = filled(report, run)
    if why := _postgres.missing():
        report.note(f"{NAME} is missing: {why}")
    if "start" in run.rows:
        report.section("Start and memory, a process each")
        start(report, run, path, plant)
    if "ingest" in run.rows or "busy" in run.rows:
        report.section("Booking, and asking meanwhile")
        booking(report, run, path, plant)
    if asked := [row for row in run.rows if row in ASKING or row == "disk"]:
        report.section("Questions")
        asking(report, run, path, plant, asked)


def filled(report: Report, run: Run) -> tuple[Plant, Path]:
    """Return the plant and its store: one kept before, where the same program filled it."""
    plant = built(run.edges)
    modules = (_genealogy_plant, _genealogy_works, _genealogy_fill, _genealogy_tables, schema)
    program = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    place = run.keep or run.folder
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"plant-{run.edges}-{sha256(program).hexdigest()[:12]}.db"
    if not path.exists():
        draft = path.with_suffix(".filling")
        draft.unlink(missing_ok=True)
        took, entries = clocked(fill_plant, draft, plant)
        report.add(f"filling in bulk, {entries:,} entries", took / plant.edges, unit="us/edge")
        took, found = clocked(verify, draft)
        report.agree("faults found by verify", found.faults, ())
        report.add(f"verify, {entries:,} entries", entries / (took / 1e6), unit="1/s")
        for left in sidecars(draft):
            left.unlink(missing_ok=True)
        draft.rename(path)
    with Trace.open(path, read_only=True) as trace:
        took, _ = clocked(trace.index_now)
    report.note(f"adjacency index at hand in {took / 1e6:.2f} s")
    report.note(f"{plant.edges:,} edges, {len(plant.material):,} items, {path.stat().st_size:,} B")
    return plant, path


def start(report: Report, run: Run, path: Path, plant: Plant) -> None:
    """Compare a process of ours that just started with one that loads networkx from the file."""
    items = [plant.public(number) for number in sampled(plant.items("PACK").tolist(), ALONE_ASKED)]
    ours = asked_alone("ours", path, items)
    theirs = asked_alone("networkx", path, items)
    report.agree("ingredients, counted", ours.found, theirs.found)
    report.add(
        f"first answer from opening vs loading networkx, {run.size}",
        ours.first_us / 1000,
        theirs.first_us / 1000,
        unit="ms",
        target="<=0.01",
    )
    if ours.rss_anon_mib is None or theirs.rss_anon_mib is None:
        report.note("RssAnon: this system does not tell it")
        return
    report.add(
        f"RssAnon after {len(items)} traces vs networkx with numbers, {run.size}",
        ours.rss_anon_mib,
        theirs.rss_anon_mib,
        unit="MiB",
        target="<=0.06",
    )


def booking(report: Report, run: Run, path: Path, plant: Plant) -> None:
    """Measure what writes into the store, on a copy."""
    copy = run.folder / "written.db"
    shutil.copyfile(path, copy)
    prepare(copy)
    if "busy" in run.rows:
        cells = plant.items("CELL").tolist()
        small = [plant.public(number) for number in sampled(cells, SMALL)]
        hot = plant.public(int(plant.items("ORE")[0]))
        asyncio.run(busy(report, copy, run.size, hot, small))
    if "ingest" in run.rows:
        with ExitStack() as stack:
            both = None if _postgres.missing() else stack.enter_context(peers())
            run_loop(ingest(report, copy, run.size, both, run.rounds))
    copy.unlink()


def asking(report: Report, run: Run, path: Path, plant: Plant, rows: Sequence[str]) -> None:
    with ExitStack() as stack:
        trace = stack.enter_context(Trace.open(path, read_only=True))
        trace.index_now()
        ours, indexed = (stack.enter_context(closing(connect_reader(path))) for _ in range(2))
        indexed.index = trace.store.index
        connection, pg = _postgres_peer(report, stack, ours)
        needs_graphs = not {"ids", "where"}.isdisjoint(rows)
        took, graphs = clocked(
            lambda: stack.enter_context(graph_peers(ours, run.folder)) if needs_graphs else {}
        )
        if needs_graphs:
            report.note(f"{', '.join(graphs)} filled in {took / 1e6:.1f} s")
            for name in set(NAMES) - graphs.keys():
                report.note(f"{name} is missing: it is not installed")
        on = Engines({TIER_1: ours, TIER_2: indexed}, pg, graphs, plant, run.size, run.asked)
        gc.collect()
        gc.freeze()
        for row, ask in ASKING.items():
            if row in rows:
                ask(report, on)
        gc.unfreeze()
        if "disk" in rows:
            disk(report, run, path, connection)


def _postgres_peer(
    report: Report, stack: ExitStack, ours: sqlite3.Connection
) -> tuple[Connection | None, PostgresGenealogy | None]:
    if _postgres.missing():
        return None, None
    connection, info = stack.enter_context(peer_schema())
    other = stack.enter_context(psycopg.connect(info, autocommit=True))
    took, _ = clocked(load_postgres, ours, connection)
    report.note(f"{NAME} filled in {took / 1e6:.1f} s")
    return connection, PostgresGenealogy(connection, other)


def disk(report: Report, run: Run, path: Path, peer: Connection | None) -> None:
    """Compare the bytes of the edge tables with their indexes, for each edge; ours with the
    adjacency index."""
    with closing(connect_reader(path)) as ours:
        ((edges,),) = ours.execute(
            "SELECT (SELECT count(*) FROM edge) + (SELECT count(*) FROM edge_past)"
        )
        try:
            ((mine,),) = ours.execute("SELECT sum(pgsize) FROM dbstat WHERE name GLOB 'edge*'")
        except sqlite3.OperationalError:
            report.note("disk for an edge: this SQLite can't count pages (no dbstat)")
            return
    mine += index_path(path).stat().st_size
    theirs = None
    if peer is not None:
        row = peer.execute(
            "SELECT pg_total_relation_size('edge') + pg_total_relation_size('edge_past')"
        ).fetchone()
        assert row is not None
        theirs = row[0] / edges
    report.add(
        f"disk for an edge, {run.size} vs {NAME}",
        mine / edges,
        theirs,
        unit="bytes",
        target="<=0.5",
        missing="" if peer is not None else NAME,
    )


if __name__ == "__main__":
    sys.exit(main())
