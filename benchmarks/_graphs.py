"""Graph libraries as peers: the open edges of a store in memory (networkx, rustworkx) and in a
database of their own (overgraph). Each is optional."""

from __future__ import annotations

import importlib
import importlib.util
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from benchmarks._peers import load_networkx

__all__ = ["NAMES", "GraphPeer", "graph_peers"]

Ids: TypeAlias = set[int]


class GraphPeer(Protocol):
    """Asked by an item's number; the answer is without it."""

    def ids(self, number: int, *, up: bool) -> Ids: ...


class Networkx:
    def __init__(self, ours: sqlite3.Connection) -> None:
        import networkx as nx

        self._graph = load_networkx(ours)
        self._up, self._down = nx.ancestors, nx.descendants

    def ids(self, number: int, *, up: bool) -> Ids:
        return (self._up if up else self._down)(self._graph, number)


class Rustworkx:
    def __init__(self, ours: sqlite3.Connection) -> None:
        rustworkx: Any = importlib.import_module("rustworkx")
        self._graph = rustworkx.PyDiGraph(multigraph=False)
        # A node's index is its item's number; nobody has 0.
        self._graph.add_nodes_from(range(_items(ours) + 1))
        self._graph.add_edges_from_no_data(ours.execute("SELECT src, dst FROM edge").fetchall())
        self._up, self._down = rustworkx.ancestors, rustworkx.descendants

    def ids(self, number: int, *, up: bool) -> Ids:
        found: Ids = (self._up if up else self._down)(self._graph, number)
        return found


class Overgraph:
    """Filled through its packed form, flushed and compacted."""

    DEPTH: Final = 64
    BATCH: Final = 200_000
    NODE: Final = np.dtype(
        [
            ("labels", "u1"),
            ("label_length", "<u2"),
            ("label", "S1"),
            ("weight", "<f4"),
            ("key_length", "<u2"),
            ("key", "S8"),
            ("properties", "<u4"),
        ]
    )
    EDGE: Final = np.dtype(
        [
            ("from", "<u8"),
            ("to", "<u8"),
            ("label_length", "<u2"),
            ("label", "S1"),
            ("weight", "<f4"),
            ("valid_from", "<i8"),
            ("valid_to", "<i8"),
            ("properties", "<u4"),
        ]
    )

    def __init__(self, database: Any, ours: sqlite3.Connection) -> None:
        self._database = database
        database.ingest_mode()
        count = _items(ours)
        for start in range(1, count + 1, self.BATCH):
            numbers = np.arange(start, min(start + self.BATCH, count + 1))
            nodes = np.zeros(len(numbers), self.NODE)
            nodes["labels"] = nodes["label_length"] = nodes["weight"] = 1
            nodes["label"], nodes["key_length"] = b"I", 8
            nodes["key"] = np.char.zfill(numbers.astype("S8"), 8)
            head = b"OGNB" + (2).to_bytes(2, "little") + len(nodes).to_bytes(4, "little")
            given = database.batch_upsert_nodes_binary(head + nodes.tobytes())
            assert given[0] == start and given[-1] == numbers[-1], "numbered as ours are"
        rows = ours.execute("SELECT src, dst FROM edge")
        while batch := rows.fetchmany(self.BATCH):
            pairs = np.array(batch)
            edges = np.zeros(len(pairs), self.EDGE)
            edges["from"], edges["to"] = pairs[:, 0], pairs[:, 1]
            edges["label_length"] = edges["weight"] = 1
            edges["label"], edges["valid_to"] = b"E", np.iinfo(np.int64).max
            database.batch_upsert_edges_binary(len(edges).to_bytes(4, "little") + edges.tobytes())
        database.flush()
        database.end_ingest()

    def ids(self, number: int, *, up: bool) -> Ids:
        direction = "incoming" if up else "outgoing"
        page = self._database.traverse(number, self.DEPTH, direction=direction)
        return {hit.node_id for hit in page.items}


def _items(ours: sqlite3.Connection) -> int:
    ((count,),) = ours.execute("SELECT max(id) FROM item")
    return int(count)


@contextmanager
def _overgraph(ours: sqlite3.Connection, folder: Path) -> Iterator[GraphPeer]:
    module: Any = importlib.import_module("overgraph")
    with module.OverGraph.open(str(folder / "overgraph")) as database:
        yield Overgraph(database, ours)


@contextmanager
def _networkx(ours: sqlite3.Connection, _folder: Path) -> Iterator[GraphPeer]:
    yield Networkx(ours)


@contextmanager
def _rustworkx(ours: sqlite3.Connection, _folder: Path) -> Iterator[GraphPeer]:
    yield Rustworkx(ours)


_Opened: TypeAlias = Callable[[sqlite3.Connection, Path], AbstractContextManager[GraphPeer]]
_PEERS: Final[dict[str, _Opened]] = {
    "networkx": _networkx,
    "rustworkx": _rustworkx,
    "overgraph": _overgraph,
}
NAMES: Final = tuple(_PEERS)


@contextmanager
def graph_peers(ours: sqlite3.Connection, folder: Path) -> Iterator[dict[str, GraphPeer]]:
    """Yield those that are installed, filled with what is open now."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(opened(ours, folder))
            for name, opened in _PEERS.items()
            if importlib.util.find_spec(name) is not None
        }
