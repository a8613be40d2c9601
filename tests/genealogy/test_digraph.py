"""Answers as networkx graphs."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import networkx as nx
import pytest

from tests.store.plant import Plant, instant
from tracenode.models.answers import Edge, Ingredients, Node, PathBetween, WhereUsed
from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.genealogy import answer, graph


def built() -> Plant:
    plant = Plant()
    plant.ok("receive", 1, item="L", material="STEEL")
    plant.ok("register", 1, item="U", material="PUMP")
    plant.ok("register", 1, item="V", material="CAR")
    plant.ok("consume", 2, item="U", lot="L", quantity="1.5 KGM", position="left")
    plant.ok("consume", 3, item="U", lot="L", quantity="0.5 KGM", position="right")
    plant.ok("assemble", 4, parent="V", part="U")
    return plant


def test_edges_lead_from_the_input_to_the_output_with_attributes() -> None:
    plant = built()
    question = Ingredients(item="V")
    made = graph(plant.connection, question)
    assert nx.ancestors(made, "sn:CAR:V") == {"sn:PUMP:U", "lot:STEEL:L"}
    assert made.nodes["lot:STEEL:L"]["kind"] is ItemKind.Lot
    assert made.nodes["sn:PUMP:U"] == {
        "kind": ItemKind.Unit,
        "material": "PUMP",
        "state": ItemState.Registered,
        "on_hold": False,
        "depth": 1,
        "first_seen": instant(1),
        "mark": None,
    }
    edge = made.edges["sn:PUMP:U", "sn:CAR:V"]
    assert (edge["relation"], edge["quality"]) == (Relation.Install, EdgeQuality.Exact)
    assert (edge["valid_from"], edge["valid_to"]) == (instant(4), None)
    assert made.graph["root"] == "sn:CAR:V"
    assert made.graph["statement"] == answer(plant.connection, question).statement


def test_an_edge_sums_up_the_records_between_two_items() -> None:
    edge = graph(built().connection, Ingredients(item="V")).edges["lot:STEEL:L", "sn:PUMP:U"]
    assert str(edge["quantity"]) == "2 KGM"
    assert [str(record.quantity) for record in edge["records"]] == ["1.5 KGM", "0.5 KGM"]
    assert edge["valid_from"] == instant(2)


def test_an_unknown_quantity_leaves_the_sum_unknown() -> None:
    plant = built()
    plant.ok("consume", 5, item="U", lot="L")
    edge = graph(plant.connection, WhereUsed(item="L")).edges["lot:STEEL:L", "sn:PUMP:U"]
    assert edge["quantity"] is None
    assert len(edge["records"]) == 3


def test_a_path_is_a_graph_too() -> None:
    made = graph(built().connection, PathBetween(item="L", into="V"))
    assert nx.shortest_path(made, "lot:STEEL:L", "sn:CAR:V") == [
        "lot:STEEL:L",
        "sn:PUMP:U",
        "sn:CAR:V",
    ]


def test_a_graph_is_one_that_networkx_would_have_made_of_the_same_nodes_and_edges() -> None:
    made = graph(built().connection, WhereUsed(item="L"))
    same: nx.DiGraph[str] = nx.DiGraph(**made.graph)
    same.add_nodes_from(made.nodes(data=True))
    same.add_edges_from(made.edges(data=True))
    assert nx.utils.graphs_equal(made, same)
    assert dict(made.pred) == dict(same.pred)
    made.remove_node("sn:PUMP:U")
    assert not made.edges
    assert list(made.pred["sn:CAR:V"]) == []


def test_nodes_and_edges_of_an_answer_are_as_if_made_one_by_one_and_stay_as_they_are() -> None:
    told = answer(built().connection, Ingredients(item="V"))
    for kind, found in ((Node, told.nodes), (Edge, told.edges)):
        for one in found:
            values = {field.name: getattr(one, field.name) for field in fields(one)}
            assert type(one) is kind
            assert (one, hash(one), repr(one)) == (
                (same := kind(**values)),
                hash(same),
                repr(same),
            )
            with pytest.raises(FrozenInstanceError):
                setattr(one, next(iter(values)), "")
