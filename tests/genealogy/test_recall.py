"""What must be recalled: counts first, then end items with a reason each (SEMANTICS S7, S11)."""

from __future__ import annotations

import pytest

from tests.genealogy.asking import recall, short
from tests.store.plant import Plant
from tracenode.models.answers import RecallAnswer
from tracenode.models.genealogy import HitMark
from tracenode.models.items import ItemState


@pytest.fixture
def plant() -> Plant:
    """Ore S went into lots A and B; A into pumps P0 to P5, B into P5 too; P0 sits in car V, P1 sat
    in car W; P2 is scrapped, P3 shipped, P4 in box BX that is shipped."""
    plant = Plant()
    plant.make("STEEL S", "STEEL A", "STEEL B", "CAR V", "CAR W", "BOX BX")
    plant.make(*(f"PUMP P{i}" for i in range(6)))
    for lot in "AB":
        plant.ok("consume", item=lot, lot="S")
    for i in range(6):
        plant.ok("consume", item=f"P{i}", lot="A")
    plant.ok("consume", item="P5", lot="B")
    plant.ok("assemble", parent="V", part="P0")
    plant.ok("assemble", parent="W", part="P1")
    plant.ok("remove", parent="W", part="P1")
    plant.ok("scrap", item="P2")
    plant.ok("ship", items=["P3"])
    plant.ok("pack", container="BX", item="P4")
    plant.ok("ship", items=["BX"])
    return plant


def ends(asked: RecallAnswer) -> str:
    return " ".join(short(hit.item) for hit in asked.hits)


def test_end_items_are_part_of_nothing_now_and_say_what_became_of_them(plant: Plant) -> None:
    asked = recall(plant, "S")
    assert asked.affected == 11
    assert dict(asked.by_material) == {"BOX": 1, "CAR": 2, "PUMP": 6, "STEEL": 2}
    assert {short(hit.item): hit.mark for hit in asked.hits} == {
        "P1": HitMark.Current,
        "P2": HitMark.Scrapped,
        "P3": HitMark.Shipped,
        "P4": HitMark.Shipped,
        "P5": HitMark.Current,
        "V": HitMark.Current,
        "W": HitMark.Removed,
    }
    assert asked.end_items == 7
    assert dict(asked.by_mark) == {
        HitMark.Current: 3,
        HitMark.Removed: 1,
        HitMark.Scrapped: 1,
        HitMark.Shipped: 2,
    }
    assert [short(item) for item in asked.statement.frontier] == ["V", "W", "P1", "P5"]


def test_each_hit_has_one_shortest_reason(plant: Plant) -> None:
    reasons = {short(hit.item): [short(i) for i in hit.reason] for hit in recall(plant, "S").hits}
    assert reasons["V"] == ["S", "A", "P0", "V"]
    assert reasons["W"] == ["S", "A", "P1", "W"]
    assert reasons["P5"][::2] == ["S", "P5"]
    assert recall(plant, "S").hits[-1].depth == 3


def test_pages_are_stable_and_counts_come_alone(plant: Plant) -> None:
    whole = recall(plant, "S")
    pages = [recall(plant, "S", offset=offset, limit=3) for offset in range(0, 9, 3)]
    assert tuple(hit for page in pages for hit in page.hits) == whole.hits
    assert {page.end_items for page in pages} == {7}
    counts = recall(plant, "S", limit=0)
    assert (counts.hits, counts.by_mark) == ((), whole.by_mark)


def test_counts_are_exact_beyond_the_node_budget(plant: Plant) -> None:
    whole = recall(plant, "S")
    for budget in range(1, 12):
        asked = recall(plant, "S", max_nodes=budget)
        assert asked.statement.truncated
        assert asked.hits == whole.hits[: len(asked.hits)]
        assert set(asked.statement.frontier) >= set(whole.statement.frontier)
        for name in ("affected", "end_items", "by_material", "by_mark"):
            assert getattr(asked, name) == getattr(whole, name), (budget, name)
    assert recall(plant, "S", max_nodes=12) == whole


def test_only_what_shared_an_instant_with_the_suspect_is_counted() -> None:
    plant = Plant()
    plant.make("PUMP C", "MOTOR M", "CAR V", "CAR W", "CAR X")
    plant.ok("assemble", parent="M", part="C")
    plant.ok("assemble", parent="V", part="M")
    plant.ok("remove", parent="V", part="M")
    plant.ok("remove", parent="M", part="C")
    plant.ok("assemble", parent="W", part="M")
    plant.ok("assemble", parent="X", part="C")
    for budget in (1, 2, 3, 100):
        asked = recall(plant, "C", max_nodes=budget)
        assert asked.affected == 3, budget
        assert dict(asked.by_mark) == {HitMark.Current: 1, HitMark.Removed: 2}
    assert ends(recall(plant, "C")) == "M X V"


def test_as_of_a_time_it_is_what_held_the_suspect_then(plant: Plant) -> None:
    removed = plant.rows("SELECT (at-1)/6e7 FROM journal WHERE type='remove'")[0][0]
    minute = removed - plant.rows("SELECT min(at)/6e7 FROM journal")[0][0] + 1
    asked = recall(plant, "S", minute)
    assert {short(hit.item): hit.mark for hit in asked.hits}["W"] is HitMark.Current
    assert recall(plant, "S", minute, max_nodes=2).by_mark == asked.by_mark


def test_a_hit_known_through_pooled_edges_alone_says_so() -> None:
    plant = Plant()
    plant.make("STEEL A", "STEEL B", "CAR V")
    outputs = [{"item": text, "material": "PUMP"} for text in ("X", "Y")]
    plant.ok("transform", inputs=[{"item": "A"}, {"item": "B"}], outputs=outputs)
    plant.ok("consume", item="V", lot="X")
    plant.ok("consume", item="V", lot="A")
    asked = recall(plant, "A")
    assert {short(hit.item): hit.pooled for hit in asked.hits} == {"Y": True, "V": False}
    assert asked.statement.pooled_edges == 2
    assert recall(plant, "A", max_nodes=1).statement.pooled_edges == 2
    assert {hit.state for hit in asked.hits} == {ItemState.Registered}


def test_past_its_deadline_a_recall_is_what_was_found_and_where_more_would_come(
    plant: Plant,
) -> None:
    asked = recall(plant, "S", deadline_s=-1)
    assert asked.statement.truncated
    assert not asked.statement.complete
    assert asked.statement.frontier == ("lot:STEEL:S",)
    assert (asked.affected, asked.hits) == (0, ())
