"""One engine in a process of its own: first answer, and anonymous memory.

    python -m benchmarks._alone ours|networkx FILE ITEM ...

It opens the file, says what went into the first item, and then what went into the others. Printed
is one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracenode.server.store.file.database import connect_reader
from tracenode.server.store.reading.known import number_of

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Alone", "asked_alone"]

TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Alone:
    """`first_us` is from opening the file to the first answer; imports are done before. `found` is
    how many items went into each. `rss_anon_mib` is None where the system does not tell it."""

    first_us: float
    found: tuple[int, ...]
    rss_anon_mib: float | None


def asked_alone(engine: str, path: Path, items: Sequence[str]) -> Alone:
    """Ask an engine in a process of its own."""
    command = [sys.executable, "-m", "benchmarks._alone", engine, str(path), *items]
    root = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_S,
        check=True,
    )
    said = json.loads(ended.stdout)
    return Alone(said["first_us"], tuple(said["found"]), said["rss_anon_mib"])


def _ours(path: Path, items: Sequence[str]) -> Alone:
    """The first answer comes from the tables, the others from the adjacency index."""
    from benchmarks._traces import our_ids
    from tracenode.server.trace import Trace

    begun = time.perf_counter_ns()
    with Trace.open(path, read_only=True) as trace:

        def asked(item: str) -> int:
            return len(trace.store.readers.run_now(lambda reader: our_ids(reader, item)))

        found = [asked(items[0])]
        first = (time.perf_counter_ns() - begun) / 1000
        trace.index_now()
        found.extend(asked(item) for item in items[1:])
        return Alone(first, tuple(found), _rss_anon_mib())


def _networkx(path: Path, items: Sequence[str]) -> Alone:
    """Nodes and edges carry what the tables have of them, as numbers."""
    import networkx as nx

    begun = time.perf_counter_ns()
    graph: nx.DiGraph[int] = nx.DiGraph()
    reader = connect_reader(path)
    for number, kind, at in reader.execute("SELECT id, type, at FROM item"):
        graph.add_node(number, type=kind, at=at)
    edges: Any = reader.execute("SELECT src, dst, ev, at, rel, qty, unit, pos FROM edge")
    for src, dst, ev, at, rel, qty, unit, pos in edges:
        graph.add_edge(src, dst, ev=ev, at=at, rel=rel, qty=qty, unit=unit, pos=pos)

    def asked(item: str) -> int:
        return len(nx.ancestors(graph, number_of(reader, item))) + 1

    found = [asked(items[0])]
    first = (time.perf_counter_ns() - begun) / 1000
    found.extend(asked(item) for item in items[1:])
    return Alone(first, tuple(found), _rss_anon_mib())


def _rss_anon_mib() -> float | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return None


if __name__ == "__main__":
    _, engine_, path_, *items_ = sys.argv
    answered = {"ours": _ours, "networkx": _networkx}[engine_](Path(path_), items_)
    print(json.dumps(asdict(answered)))
