"""Questions about what tanks and topped-up lots hold and held (SEMANTICS S5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.genealogy.asking import detail, into, made_of, path, recall, short, texts, used_in
from tests.store.plant import Plant
from tracenode.models.answers import (
    GenealogyAnswer,
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    RecallScope,
    WhereUsed,
    canonical,
)
from tracenode.models.errors import UnknownItem
from tracenode.models.genealogy import HitMark, Relation
from tracenode.models.items import ItemState
from tracenode.server.genealogy import answer, graph


def frontier(asked: GenealogyAnswer) -> str:
    return " ".join(map(short, asked.statement.frontier))


@pytest.fixture
def silo() -> Plant:
    """At minute 1 truck T1 fills silo S, at 3 T2, at 7 T3, after it was emptied at 6. Pumps P2, P4,
    P5 and P8 are drawn at minutes 2, 4, 5 and 8. At 5 half goes over into tank K, at 9 into P9."""
    plant = Plant()
    plant.make("BOX S", "BOX K", *(f"PUMP P{n}" for n in (2, 4, 5, 8, 9)))
    for truck in ("T1", "T2", "T3"):
        plant.ok("receive", item=truck, material="STEEL", quantity="100 KGM")
    start = plant.minute
    for minute, kind, fields in (
        (1, "fill", {"container": "S", "lot": "T1", "quantity": "40 KGM"}),
        (2, "consume", {"item": "P2", "lot": "S", "quantity": "10 KGM"}),
        (3, "fill", {"container": "S", "lot": "T2", "quantity": "10 KGM"}),
        (4, "consume", {"item": "P4", "lot": "S", "quantity": "10 KGM"}),
        (5, "transfer", {"source": "S", "target": "K", "quantity": "15 KGM"}),
        (6, "empty", {"container": "S"}),
        (7, "fill", {"container": "S", "lot": "T3", "quantity": "100 KGM"}),
        (8, "consume", {"item": "P8", "lot": "S", "quantity": "1 KGM"}),
        (9, "consume", {"item": "P9", "lot": "K", "quantity": "1 KGM"}),
    ):
        plant.ok(kind, start + minute, **fields)
    return plant


def of_lots(asked: GenealogyAnswer) -> str:
    """The lots and units found, without contents."""
    return " ".join(text for text in texts(asked).split() if "~s" not in text)


def test_a_product_has_what_was_in_the_tank_when_it_was_drawn(silo: Plant) -> None:
    assert of_lots(made_of(silo, "P2")) == "T1"
    assert of_lots(made_of(silo, "P4")) == "T1 T2"
    assert of_lots(made_of(silo, "P8")) == "T3"
    assert of_lots(made_of(silo, "P9")) == "T1 T2"
    assert made_of(silo, "P9").statement.complete


def test_a_tank_is_asked_for_its_content_at_the_time(silo: Plant) -> None:
    start = silo.minute - 9
    assert of_lots(made_of(silo, "S")) == "T3"
    assert of_lots(made_of(silo, "S", start + 2.5)) == "T1"
    assert of_lots(made_of(silo, "S", start + 4)) == "T1 T2"
    empty = made_of(silo, "S", start + 6.5)
    assert [short(node.item) for node in empty.nodes] == ["S"]
    assert empty.statement.complete
    assert of_lots(made_of(silo, "S", ever=True)) == "T1 T2 T3"


def test_the_tank_stands_beside_its_content_and_is_the_root(silo: Plant) -> None:
    asked = made_of(silo, "S")
    tank, content = asked.nodes[:2]
    assert (asked.root, tank.item, tank.depth) == ("container:BOX:S", "container:BOX:S", 0)
    assert content.item.startswith("container:BOX:S~s")
    assert content.depth == 0
    assert {edge.output for edge in asked.edges} == {content.item}
    drawn = graph(silo.connection, Ingredients(item="S"))
    assert set(drawn) == {node.item for node in asked.nodes}
    assert list(drawn.predecessors(content.item)) == ["lot:STEEL:T3"]


def test_where_a_tank_was_used_begins_at_all_it_held(silo: Plant) -> None:
    start = silo.minute - 9
    assert of_lots(used_in(silo, "S")) == "P2 P4 P8 P9"
    assert of_lots(used_in(silo, "S", start + 4.5)) == "P2 P4"
    assert of_lots(used_in(silo, "T2")) == "P4 P9"
    assert of_lots(used_in(silo, "T3")) == "P8"


def test_what_is_still_in_a_tank_is_an_open_end_and_what_was_emptied_is_scrapped(
    silo: Plant,
) -> None:
    asked = used_in(silo, "T2")
    assert [text for text in frontier(asked).split() if "~s" in text] == [
        short(node.item) for node in asked.nodes if node.item.startswith("container:BOX:K~s")
    ]
    last = next(node for node in asked.nodes if node.item.startswith("container:BOX:S~s"))
    assert (last.state, last.mark) == (ItemState.Scrapped, HitMark.Scrapped)
    silo.ok("empty", container="K")
    assert "~s" not in frontier(used_in(silo, "T2"))


def test_a_content_is_asked_by_its_own_id(silo: Plant) -> None:
    first = next(node.item for node in made_of(silo, "P2").nodes if node.depth == 1)
    assert of_lots(made_of(silo, first)) == "T1"
    assert of_lots(used_in(silo, first)) == "P2 P4 P9"
    assert made_of(silo, first).root == first
    history = answer(silo.connection, ItemHistory(item=first))
    assert history.entries == answer(silo.connection, ItemHistory(item="S")).entries
    assert (history.root, history.total) == (first, 9)
    view = detail(silo, first)
    assert (view.item, view.made_from) == (first, ("lot:STEEL:T1",))
    position = int(first.rsplit("~s", 1)[1])
    with pytest.raises(UnknownItem):
        made_of(silo, first, as_known_at=position - 1)
    with pytest.raises(UnknownItem):
        made_of(silo, f"{first}0")


def test_a_path_leads_through_the_contents(silo: Plant) -> None:
    found = path(silo, "T1", "P9")
    assert into(found).split()[::4] == ["T1", "P9"]
    assert [edge.relation for edge in found.edges] == [
        Relation.Consume,
        Relation.Carry,
        Relation.Consume,
        Relation.Consume,
    ]
    assert into(path(silo, "S", "P8")).endswith(" P8")
    assert into(path(silo, "T1", "S")).startswith("T1 S~s")
    assert into(path(silo, "T1", "S", silo.minute)) == ""
    assert into(path(silo, "T3", "S")).startswith("T3 S~s")
    assert into(path(silo, "T3", "P4")) == ""


def test_a_view_says_what_the_tank_holds(silo: Plant) -> None:
    assert detail(silo, "S").made_from == ("lot:STEEL:T3",)
    assert detail(silo, "S", silo.minute - 2.5).made_from == ()


def test_a_recall_counts_tanks_once_and_names_no_tank_as_an_end_item(silo: Plant) -> None:
    asked = recall(silo, "T1")
    assert dict(asked.by_material) == {"PUMP": 3, "BOX": 2}
    assert asked.affected == 5
    assert [short(hit.item) for hit in asked.hits] == ["P2", "P4", "P9"]
    for budget in range(1, 9):
        cut = recall(silo, "T1", max_nodes=budget)
        assert (cut.affected, cut.by_material) == (asked.affected, asked.by_material), budget
        assert cut.by_mark == asked.by_mark
    assert recall(silo, "T1", limit=0) == replace(asked, hits=())
    own = recall(silo, "S")
    assert dict(own.by_material) == {"PUMP": 4, "BOX": 1}
    assert not any(short(end).startswith("S") for end in own.statement.frontier)
    assert recall(silo, "S", limit=0) == replace(own, hits=())


def test_a_reason_names_the_first_and_last_content_of_a_run() -> None:
    plant = Plant()
    plant.make("BOX S", "PUMP P")
    for truck in range(6):
        plant.ok("receive", item=f"T{truck}", material="STEEL", quantity="1 KGM")
        plant.ok("fill", container="S", lot=f"T{truck}", quantity="1 KGM")
    plant.ok("consume", item="P", lot="S", quantity="1 KGM")
    (hit,) = recall(plant, "T0").hits
    assert hit.depth == 7
    lot, first, last, pump = map(short, hit.reason)
    assert (lot, pump) == ("T0", "P")
    assert first < last
    (hit,) = recall(plant, "T5").hits
    assert len(hit.reason) == 3


def test_as_of_a_time_with_ever_is_all_that_had_begun_by_then(silo: Plant) -> None:
    silo.make("CAR V")
    silo.ok("assemble", parent="V", part="P2")
    silo.ok("remove", parent="V", part="P2")
    now = silo.minute
    assert of_lots(used_in(silo, "T1", now)) == "P2 P4 P9"
    ever = used_in(silo, "T1", now, ever=True)
    assert of_lots(ever) == "P2 P4 P9 V"
    assert next(n.mark for n in ever.nodes if n.item == "sn:CAR:V") is HitMark.Removed
    assert of_lots(used_in(silo, "T1", now - 2.5, ever=True)) == "P2 P4 P9"
    for budget in (1, 3, 100):
        asked = recall(silo, "T1", now, ever=True, max_nodes=budget)
        assert (asked.affected, dict(asked.by_material)["CAR"]) == (6, 1)
        assert dict(asked.by_mark)[HitMark.Removed] == 1
    assert recall(silo, "T1", now, ever=True, limit=0).affected == 6
    assert recall(silo, "T1", now).affected == 5


def test_a_lot_topped_up_after_a_draw_keeps_what_was_drawn_before_apart() -> None:
    plant = Plant()
    plant.make("PUMP A", "PUMP B")
    plant.ok("receive", item="L", material="STEEL", quantity="10 KGM")
    plant.ok("receive", item="M", material="STEEL", quantity="10 KGM")
    plant.ok("consume", item="A", lot="L", quantity="4 KGM")
    plant.ok("fill", container="L", lot="M", quantity="6 KGM")
    plant.ok("consume", item="B", lot="L", quantity="1 KGM")
    assert of_lots(made_of(plant, "A")) == "L"
    assert of_lots(made_of(plant, "B")) == "L M"
    asked = made_of(plant, "L")
    assert [(short(node.item).split("~")[0], node.depth) for node in asked.nodes] == [
        ("L", 0),
        ("L", 0),
        ("M", 1),
    ]
    assert [edge.relation for edge in asked.edges] == [Relation.Carry, Relation.Consume]
    assert of_lots(used_in(plant, "L")) == "A B"
    assert of_lots(used_in(plant, "M")) == "B"
    assert detail(plant, "L").made_from == ("lot:STEEL:M",)


def test_what_was_drawn_while_nothing_was_known_to_be_in_the_tank_is_of_unknown_origin(
    silo: Plant,
) -> None:
    history = answer(silo.connection, ItemHistory(item="T3")).entries
    (fill,) = [entry for entry in history if entry.type == "fill"]
    silo.ok("void", record=fill.record, reason="another silo")
    asked = made_of(silo, "P8")
    assert texts(asked) == "S"
    assert frontier(asked) == "S"
    assert not asked.statement.complete


def test_answers_asked_again_as_known_are_the_same_bytes(silo: Plant) -> None:
    items = ("S", "K", "T1", "T2", "T3", "P4", "P8", "P9")
    questions = [
        *(Ingredients(item=item, ever=ever) for item in items for ever in (False, True)),
        *(WhereUsed(item=item) for item in items),
        *(RecallScope(item=item) for item in items),
        *(ItemDetail(item=item) for item in items),
        *(PathBetween(item=item, into="P9") for item in items),
    ]
    known = silo.seq
    before = [canonical(answer(silo.connection, question)) for question in questions]
    start = silo.minute - 9
    silo.ok("receive", start + 0.2, item="T0", material="STEEL", quantity="5 KGM")
    silo.ok("fill", start + 1.5, container="S", lot="T0", quantity="5 KGM")
    silo.ok("consume", start + 5.5, item="P5", lot="S", quantity="2 KGM")
    silo.ok("empty", start + 2.5, container="S")
    (fill,) = [
        entry
        for entry in answer(silo.connection, ItemHistory(item="T3")).entries
        if entry.type == "fill"
    ]
    silo.ok("void", record=fill.record, reason="another silo")
    after = [
        canonical(answer(silo.connection, replace(question, as_known_at=known)))
        for question in questions
    ]
    assert after == before
    assert of_lots(made_of(silo, "P4")) == "T2"
    assert of_lots(made_of(silo, "P2")) == "T0 T1"


def test_more_contents_than_nodes_are_cut_at_the_latest(silo: Plant) -> None:
    whole = used_in(silo, "S")
    for budget in range(1, len(whole.nodes)):
        cut = used_in(silo, "S", max_nodes=budget)
        assert cut.statement.truncated, budget
        assert cut.nodes == whole.nodes[:budget]
    assert "S" in frontier(used_in(silo, "S", max_nodes=2)).split()


def test_a_hold_on_a_tank_is_on_what_is_in_it(silo: Plant) -> None:
    silo.ok("hold", item="S", reason="insects")
    asked = made_of(silo, "P8")
    assert {short(n.item).split("~")[0]: n.on_hold for n in asked.nodes} == {
        "P8": False,
        "S": True,
        "T3": False,
    }


def test_a_tank_is_on_hold_while_what_is_in_it_is(silo: Plant) -> None:
    held = silo.ok("hold", item="T3", scope="where_used", reason="insects")
    assert detail(silo, "S").on_hold
    assert not detail(silo, "K").on_hold
    silo.ok("empty", container="S")
    assert not detail(silo, "S").on_hold
    assert detail(silo, "S", silo.minute - 0.5).on_hold
    silo.ok("fill", container="S", lot="T1", quantity="1 KGM")
    silo.ok("release", hold=held.record, reason="none found")
    assert not detail(silo, "S").on_hold
