"""What an answer says about itself: open ends, cuts, pooled edges, order (SEMANTICS S11, S19)."""

from __future__ import annotations

import pytest

from tests.genealogy.asking import made_of, short, texts, used_in
from tests.store.plant import Plant
from tracenode.models.answers import GenealogyAnswer, ItemHistory
from tracenode.models.genealogy import EdgeQuality, HitMark, Relation
from tracenode.server.genealogy import answer


def frontier(asked: GenealogyAnswer) -> str:
    return " ".join(map(short, asked.statement.frontier))


def marks(asked: GenealogyAnswer) -> dict[str, HitMark | None]:
    return {short(node.item): node.mark for node in asked.nodes if node.depth}


def test_ingredients_end_at_receipts_else_they_are_open() -> None:
    plant = Plant()
    plant.make("PUMP U", "MOTOR M", "STEEL HOME", "BOX B")
    plant.ok("receive", item="BOUGHT", material="STEEL", quantity="5 KGM")
    plant.ok("consume", item="U", lot="BOUGHT")
    assert made_of(plant, "U").statement.complete
    plant.ok("consume", item="U", lot="HOME")
    plant.ok("assemble", parent="U", part="M")
    asked = made_of(plant, "U")
    assert not asked.statement.complete
    assert frontier(asked) == "HOME M"
    assert frontier(made_of(plant, "M")) == "M"
    assert frontier(made_of(plant, "B")) == "", "a container is a place"


def test_a_corrected_receipt_is_a_receipt() -> None:
    plant = Plant()
    plant.make("PUMP U")
    came = plant.ok("register", item="L", material="STEEL")
    plant.ok("consume", item="U", lot="L")
    before = plant.seq
    assert frontier(made_of(plant, "U")) == "L"
    users = [
        row.record
        for row in answer(plant.connection, ItemHistory(item="L")).entries
        if row.type == "consume"
    ]
    plant.ok(
        "correct",
        record=came.record,
        replacement={"type": "receive", "item": "L", "material": "STEEL"},
        reason="bought",
        acknowledged=users,
    )
    assert made_of(plant, "U").statement.complete
    assert frontier(made_of(plant, "U", as_known_at=before)) == "L"


def test_where_used_ends_at_finished_units_shipments_and_scrap() -> None:
    plant = Plant()
    plant.make("STEEL L", "PUMP DONE", "PUMP OPEN", "PUMP GONE", "PUMP BAD", "PUMP INSIDE", "BOX B")
    for unit in ("DONE", "OPEN", "GONE", "BAD", "INSIDE"):
        plant.ok("consume", item=unit, lot="L")
    plant.ok("start", item="DONE", station="OP10")
    plant.ok("complete", item="DONE", station="OP10", evaluation=1)
    plant.ok("ship", items=["GONE"])
    plant.ok("scrap", item="BAD")
    plant.ok("pack", container="B", item="INSIDE")
    asked = used_in(plant, "L")
    assert frontier(asked) == "INSIDE OPEN"
    assert marks(asked) == {
        "DONE": HitMark.Current,
        "OPEN": HitMark.Current,
        "GONE": HitMark.Shipped,
        "BAD": HitMark.Scrapped,
        "INSIDE": HitMark.Current,
        "B": HitMark.Current,
    }
    plant.ok("ship", items=["B"])
    asked = used_in(plant, "L")
    assert frontier(asked) == "OPEN"
    assert marks(asked)["INSIDE"] is HitMark.Shipped


def test_a_lot_that_went_nowhere_is_an_open_end() -> None:
    plant = Plant()
    plant.make("STEEL L")
    assert frontier(used_in(plant, "L")) == "L"
    plant.ok("scrap", item="L")
    assert used_in(plant, "L").statement.complete


def test_a_unit_without_the_part_is_marked_removed_whatever_became_of_it() -> None:
    plant = Plant()
    plant.make("PUMP P", "CAR V")
    plant.ok("assemble", parent="V", part="P")
    plant.ok("remove", parent="V", part="P")
    plant.ok("ship", items=["V"])
    assert marks(used_in(plant, "P")) == {"V": HitMark.Removed}


def test_edges_without_a_map_are_pooled_and_the_answer_says_so() -> None:
    plant = Plant()
    plant.make("STEEL A", "STEEL B")
    outputs = [{"item": "X", "material": "PUMP"}, {"item": "Y", "material": "PUMP"}]
    plant.ok("transform", inputs=[{"item": "A"}, {"item": "B"}], outputs=outputs)
    asked = made_of(plant, "X")
    assert texts(asked) == "A B"
    assert asked.statement.pooled_edges == 2
    assert {edge.quality for edge in asked.edges} == {EdgeQuality.Pooled}


def test_with_a_map_each_output_has_its_own_inputs() -> None:
    plant = Plant()
    plant.make("STEEL A", "STEEL B")
    plant.ok(
        "transform",
        inputs=[{"item": "A"}, {"item": "B"}],
        outputs=[{"item": "X", "material": "PUMP"}, {"item": "Y", "material": "PUMP"}],
        map=[{"output": 0, "input": 0, "quantity": "2 KGM"}, {"output": 1, "input": 1}],
    )
    asked = made_of(plant, "X")
    assert texts(asked) == "A"
    assert asked.statement.pooled_edges == 0
    assert str(asked.edges[0].quantity) == "2 KGM"


def test_edges_say_what_the_records_said() -> None:
    plant = Plant()
    plant.make("PUMP U", "STEEL L")
    first = plant.ok(
        "consume", item="U", lot="L", quantity="1.50 kg", position="left", station="OP10"
    )
    plant.ok("consume", item="U", lot="L", station="OP20")
    one, two = made_of(plant, "U").edges
    assert (one.relation, one.quality, one.position, one.station) == (
        Relation.Consume,
        EdgeQuality.Exact,
        "left",
        "OP10",
    )
    assert str(one.quantity) == "1.5 KGM"
    assert (one.record, one.valid_to) == (first.position, None)
    assert (two.quantity, two.position, two.station) == (None, "", "OP20")


def test_nodes_stand_by_depth_then_event_time_then_id() -> None:
    plant = Plant()
    for text in ("C", "B", "A"):
        plant.ok("register", 3, item=text, material="STEEL")
    plant.ok("register", 2, item="Z", material="STEEL")
    plant.ok("register", 1, item="DEEP", material="STEEL")
    plant.ok("register", 4, item="U", material="PUMP")
    plant.ok("consume", item="A", lot="DEEP")
    for lot in ("A", "B", "C", "Z"):
        plant.ok("consume", item="U", lot=lot)
    asked = made_of(plant, "U")
    assert [short(node.item) for node in asked.nodes] == ["U", "Z", "A", "B", "C", "DEEP"]
    assert [short(edge.input) for edge in asked.edges] == ["Z", "A", "B", "C", "DEEP"]


@pytest.fixture
def tree() -> Plant:
    """U from A and B, those from C; C from D."""
    plant = Plant()
    plant.make("PUMP U", "STEEL A", "STEEL B", "STEEL C", "STEEL D")
    for item, lot in (("C", "D"), ("A", "C"), ("B", "C"), ("U", "A"), ("U", "B")):
        plant.ok("consume", item=item, lot=lot)
    return plant


def test_a_node_budget_cuts_breadth_first_and_says_where(tree: Plant) -> None:
    whole = made_of(tree, "U")
    assert not whole.statement.truncated
    for budget in range(1, 5):
        cut = made_of(tree, "U", max_nodes=budget)
        assert cut.statement.truncated
        assert not cut.statement.complete
        assert cut.nodes == whole.nodes[:budget]
        shown = {node.item for node in cut.nodes}
        assert cut.edges == tuple(
            edge for edge in whole.edges if {edge.input, edge.output} <= shown
        )
    assert frontier(made_of(tree, "U", max_nodes=2)) == "A U"
    assert made_of(tree, "U", max_nodes=5) == whole


def test_a_depth_cuts_where_more_would_come(tree: Plant) -> None:
    assert texts(made_of(tree, "U", max_depth=0)) == ""
    asked = made_of(tree, "U", max_depth=1)
    assert texts(asked) == "A B"
    assert frontier(asked) == "A B"
    assert asked.statement.truncated
    assert not made_of(tree, "U", max_depth=3).statement.truncated
    assert texts(used_in(tree, "D", max_depth=2)) == "A B C"


def test_past_its_deadline_an_answer_is_what_was_found_and_says_so(tree: Plant) -> None:
    asked = made_of(tree, "U", deadline_s=0)
    assert asked.statement.truncated
    assert asked.nodes[0].item == "sn:PUMP:U"
    assert "sn:PUMP:U" in asked.statement.frontier


def test_holds_are_shown_as_they_reach(tree: Plant) -> None:
    held = tree.ok("hold", item="C", scope="where_used", reason="crack")
    on_hold = {short(node.item): node.on_hold for node in made_of(tree, "U").nodes}
    assert on_hold == {"U": True, "A": True, "B": True, "C": True, "D": False}
    known = tree.seq
    tree.ok("release", hold=held.record, reason="fine")
    assert not any(node.on_hold for node in made_of(tree, "U").nodes)
    assert used_in(tree, "D", as_known_at=known).nodes[-1].on_hold
    tree.ok("hold", item="A", reason="look")
    on_hold = {short(node.item): node.on_hold for node in made_of(tree, "U").nodes}
    assert on_hold == {"U": False, "A": True, "B": False, "C": False, "D": False}


def test_what_is_packed_in_a_unit_says_nothing_of_its_own_origin() -> None:
    plant = Plant()
    plant.make("CAR U")
    plant.ok("receive", item="P", material="PUMP")
    assert made_of(plant, "U").statement.frontier == ("sn:CAR:U",)
    plant.ok("pack", container="U", item="P")
    assert made_of(plant, "U").statement.frontier == ("sn:CAR:U",)
    assert made_of(plant, "U", max_depth=0).statement.frontier == ("sn:CAR:U",)
    plant.ok("assemble", parent="U", part="P")
    assert made_of(plant, "U").statement.complete
