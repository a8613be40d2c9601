"""The whole store as a networkx graph: what plain networkx finds in it is what it finds in a copy
in memory, and the memory is bounded."""

from __future__ import annotations

import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import networkx as nx
import pytest

from tests.genealogy.chance import Chance
from tests.store.line import LINE, accepted, fill, open_line, unit
from tests.store.oracle import edges, holding
from tests.store.plant import instant
from tracenode.models.answers import Ingredients
from tracenode.models.errors import MalformedRequest
from tracenode.models.events import Assemble
from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind
from tracenode.server.genealogy import graph as whole_answer
from tracenode.server.genealogy import lazy_graph as room
from tracenode.server.genealogy.lazy_graph import LazyGraph, lazy_graph
from tracenode.server.store.writing.journal import microseconds
from tracenode.server.trace import Trace


def plain(lazy: LazyGraph) -> nx.DiGraph[str]:
    """Return a copy in memory that owes nothing to the lazy graph's class."""
    copy: nx.DiGraph[str] = nx.DiGraph()
    copy.add_nodes_from(lazy)
    copy.add_edges_from(lazy.edges)
    return copy


@pytest.mark.parametrize("seed", range(4))
def test_its_edges_are_those_that_hold(seed: int, tmp_path: Path) -> None:
    chance = Chance(Random(seed))
    for _ in range(60):
        chance.step()
    path = tmp_path / "plant.db"
    chance.plant.connection.execute("VACUUM INTO ?", (str(path),))
    for known in (None, 40):
        told = edges(chance.told, known or chance.plant.seq)
        for as_of in (None, instant(20)):
            at = None if as_of is None else microseconds(as_of)
            with lazy_graph(path, as_of=as_of, as_known_at=known) as graph:
                assert set(graph.edges) == {(e[1], e[0]) for e in holding(told, at)}
        with lazy_graph(path, as_known_at=known, ever=True) as graph:
            assert set(graph.edges) >= {(e[1], e[0]) for e in holding(told, None)}
            assert len(set(graph)) == len(graph)
    with lazy_graph(path) as graph:
        assert {node for node in graph if "~s" not in node} == set(chance.items)
        assert dict(graph.in_degree) == dict(plain(graph).in_degree)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that nobody writes."""
    path = tmp_path_factory.mktemp("lazy") / "line.db"
    fill(path, 4)
    with open_line(path) as trace:
        for parent, part in (("P00000", "P00001"), ("P00001", "P00002"), ("P00000", "P00003")):
            accepted(trace.record_now(Assemble(parent=parent, part=part, position="in"), LINE))
    return path


@pytest.fixture
def own(line: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(line, tmp_path))


ALGORITHMS: dict[str, Callable[[nx.DiGraph[str], str, str], Any]] = {
    "ancestors": lambda g, a, b: nx.ancestors(g, b),
    "descendants": lambda g, a, b: nx.descendants(g, a),
    "shortest path": lambda g, a, b: len(nx.shortest_path(g, a, b)),
    "both ends at once": lambda g, a, b: len(nx.bidirectional_shortest_path(g, a, b)),
    "has path": lambda g, a, b: [nx.has_path(g, a, b), nx.has_path(g, b, a)],
    "all paths": lambda g, a, b: sorted(nx.all_simple_paths(g, a, b)),
    "order": lambda g, a, b: set(nx.topological_sort(g.subgraph(nx.ancestors(g, b) | {b}))),
    "longest path": lambda g, a, b: len(nx.dag_longest_path(g.subgraph(nx.ancestors(g, b)))),
    "is acyclic": lambda g, a, b: nx.is_directed_acyclic_graph(g),
    "generations": lambda g, a, b: [sorted(some) for some in nx.topological_generations(g)],
    "parts": lambda g, a, b: sorted(map(sorted, nx.weakly_connected_components(g))),
    "undirected": lambda g, a, b: nx.number_connected_components(g.to_undirected(as_view=True)),
    "reverse": lambda g, a, b: nx.descendants(g.reverse(copy=False), b),
    "common ancestor": lambda g, a, b: nx.lowest_common_ancestor(g, "sn:PUMP:P00003", b),
    "copy": lambda g, a, b: sorted(g.copy().edges),
    "sizes": lambda g, a, b: [len(g), g.number_of_edges(), g.size(), sorted(g.degree)],
    "neighbours": lambda g, a, b: [sorted(g[a]), sorted(g.pred[b]), b in g[a], a in g, "x" in g],
}


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("remembered", [1, 50_000])
def test_networkx_finds_in_it_what_it_finds_in_a_copy(
    line: Path, name: str, remembered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "REMEMBERED", remembered)
    with lazy_graph(line) as graph:
        find = ALGORITHMS[name]
        ends = ("sn:SEAL:S00002", "sn:PUMP:P00000")
        assert find(graph, *ends) == find(plain(graph), *ends)


def test_attributes_are_those_of_an_answer(line: Path) -> None:
    with Trace.open(line, read_only=True) as trace, trace.graph() as graph:
        answered = trace.store.readers.run_now(
            lambda connection: whole_answer(connection, Ingredients(item="sn:PUMP:P00000"))
        )
        for node, expected in answered.nodes.items():
            assert graph.nodes[node].items() <= expected.items()
        for input_, output, expected in answered.edges(data=True):
            found = graph.edges[input_, output]
            assert found.items() <= expected.items()
            assert expected.keys() - found.keys() == {"station", "records"}
        assert graph.nodes["lot:GREASE:G1"]["kind"] is ItemKind.Lot
        seal = graph.edges["sn:SEAL:S00000", "sn:PUMP:P00000"]
        assert (seal["relation"], seal["position"]) == (Relation.Install, "top")
        assert graph.graph["statement"].as_known_at == trace.head.seq


def test_nothing_in_it_can_be_changed(line: Path) -> None:
    with lazy_graph(line) as graph:
        assert nx.is_frozen(graph)
        edge = ("sn:SEAL:S00000", "sn:PUMP:P00000")
        changes: list[Callable[[], object]] = [
            lambda: graph.add_node("sn:PUMP:new"),
            lambda: graph.add_edge(*edge),
            lambda: graph.remove_node(edge[0]),
            lambda: graph.remove_edges_from([edge]),
            graph.clear,
        ]
        for change in changes:
            with pytest.raises(nx.NetworkXError, match="Frozen"):
                change()
        with pytest.raises(TypeError):
            graph.nodes[edge[0]]["kind"] = 1
        with pytest.raises(TypeError):
            graph.edges[edge]["position"] = ""
        free = nx.DiGraph(graph)
        free.add_edge(*edge, weight=1)


def test_a_node_is_a_whole_public_id(line: Path) -> None:
    with lazy_graph(line) as graph:
        assert "sn:PUMP:P00000" in graph
        for other in ("P00000", "sn:PUMP:P00000~1", "sn:PUMP:none", 7, None):
            assert other not in graph
        with pytest.raises(nx.NetworkXError):
            nx.ancestors(graph, "P00000")


def test_it_stays_as_it_was_while_others_book(own: Path) -> None:
    with open_line(own) as trace, trace.graph() as graph:
        before = len(graph)
        unit(trace, 50)
        assert "sn:PUMP:P00050" not in graph
        assert len(list(graph)) == len(graph) == before
        with trace.graph() as later:
            assert len(later) == before + 2
        with trace.graph(as_known_at=graph.graph["statement"].as_known_at) as again:
            assert set(again) == set(graph)
            assert set(again.edges) == set(graph.edges)


def test_a_time_without_its_zone_is_refused(line: Path) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with (
        Trace.open(line, read_only=True) as trace,
        pytest.raises(MalformedRequest, match="zone"),
        trace.graph(as_of=naive),
    ):
        pass


def grown(path: Path, items: int, inputs: int) -> None:
    """Add items, each made of some of those before it, behind the door: booking takes too long."""
    connection = sqlite3.connect(path, isolation_level=None)
    (first,) = connection.execute("SELECT max(id) + 1 FROM item").fetchone()
    connection.execute("BEGIN")
    for number in range(first, first + items):
        connection.execute(
            "INSERT INTO item(id, type, text, gen, at, ev, last) VALUES(?, 1, ?, 0, 0, 1, 0)",
            (number, f"N{number:06}"),
        )
        connection.execute("INSERT INTO touch VALUES(?, 1)", (number,))
        connection.executemany(
            "INSERT INTO edge(dst, src, ev, ord, at, kf, rel) VALUES(?, ?, 1, 0, 0, 1, 1)",
            [(number, max(1, number - 7 * n)) for n in range(1, inputs + 1) if number > 50],
        )
    connection.execute("COMMIT")
    connection.close()


@pytest.mark.integration
def test_the_memory_is_bounded(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REMEMBERED", 200)
    grown(own, 2_000, 5)
    with lazy_graph(own) as graph:
        next(iter(graph.edges(data=True)))
        tracemalloc.start()
        try:
            counted = sum(1 for _ in graph.edges(data=True))
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            copied = plain(graph).number_of_edges()
            _, whole = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert counted == copied > 9_000
    assert peak < whole / 8
