"""What answers say of items that nobody registered (SEMANTICS S16, S19)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.genealogy.asking import detail, into, made_of, path, recall, texts, used_in
from tests.store.plant import Plant, instant, misremembered
from tracenode.models.answers import (
    Ingredients,
    ItemDetail,
    Question,
    RecallScope,
    WhereUsed,
    canonical,
)
from tracenode.models.errors import UnknownItem
from tracenode.models.events import parse_event
from tracenode.models.genealogy import HitMark, Relation
from tracenode.models.status import TraceStatus
from tracenode.server.genealogy import answer


@pytest.fixture
def plant() -> Plant:
    """Steel L1 in motor M1; at minute 12 an unknown part X goes into the car C1."""
    plant = Plant()
    plant.make("CAR C1", "MOTOR M1", "PUMP P1", "BOX B1")
    plant.ok("receive", item="L1", material="STEEL")
    plant.master("station", "OP10", unknown_items="placeholder")
    plant.minute = 10
    plant.ok("consume", 11, item="M1", lot="L1")
    plant.ok("assemble", 12, parent="C1", part="X", station="OP10")
    return plant


def test_S16_a_placeholder_is_counted_until_it_is_identified(plant: Plant) -> None:
    before = made_of(plant, "C1").statement
    assert (before.placeholders, before.complete, before.frontier) == (1, False, ("sn:?:X",))
    assert used_in(plant, "X").statement.placeholders == 1
    assert path(plant, "X", "C1").statement.placeholders == 1
    plant.ok("identify", 20, placeholder="X", item="M1")
    after = made_of(plant, "C1")
    assert (after.statement.placeholders, after.statement.complete) == (0, True)
    assert texts(after) == "L1 M1 X"
    assert [edge.relation for edge in after.edges if edge.output == "sn:?:X"] == [Relation.Identity]
    assert path(plant, "L1", "C1").statement.placeholders == 0
    again = answer(plant.connection, Ingredients(item="C1", as_known_at=before.as_known_at))
    assert canonical(again.statement) == canonical(before)


def test_S16_what_it_is_was_true_before_it_was_known(plant: Plant) -> None:
    plant.ok("identify", 20, placeholder="X", item="M1")
    assert texts(made_of(plant, "C1", 12)) == "L1 M1 X"
    plant.ok("remove", 15, parent="C1", part="X")
    assert texts(made_of(plant, "C1", 14)) == "L1 M1 X"
    assert texts(made_of(plant, "C1", 16)) == ""
    assert into(path(plant, "L1", "C1")) == "L1 M1 X C1"


def test_S16_an_unknown_product_of_a_suspect_is_counted(plant: Plant) -> None:
    plant.ok("consume", item="X", lot="L1")
    whole = recall(plant, "L1")
    assert (whole.statement.placeholders, whole.statement.complete) == (1, False)
    assert recall(plant, "L1", limit=0).statement == whole.statement


@pytest.mark.parametrize("shipped", ["M1", "X", "B1"])
def test_a_placeholder_and_its_item_are_one_end(plant: Plant, shipped: str) -> None:
    plant.ok("remove", 13, parent="C1", part="X")
    plant.ok("identify", 20, placeholder="X", item="M1")
    suspect = recall(plant, "L1")
    assert [(hit.item, hit.mark) for hit in suspect.hits] == [
        ("sn:MOTOR:M1", HitMark.Current),
        ("sn:CAR:C1", HitMark.Removed),
    ]
    if shipped == "B1":
        plant.ok("pack", container="B1", item="X")
    plant.ok("ship", items=[shipped])
    suspect = recall(plant, "L1")
    assert suspect.hits[0].mark is HitMark.Shipped
    for question in (
        RecallScope(item="L1"),
        RecallScope(item="L1", as_of=instant(50)),
    ):
        walked = replace(answer(plant.connection, question), hits=(), shares_unknown=0)
        assert answer(plant.connection, replace(question, limit=0)) == walked
    marks = {node.item: node.mark for node in used_in(plant, "L1").nodes}
    assert marks["sn:?:X"] is marks["sn:MOTOR:M1"] is HitMark.Shipped
    for budget in (1, 2, 3):
        cut = answer(plant.connection, RecallScope(item="L1", max_nodes=budget))
        assert cut.hits == suspect.hits[: len(cut.hits)]
        assert cut.by_mark == suspect.by_mark


def test_where_a_placeholder_went_is_where_its_item_went(plant: Plant) -> None:
    plant.ok("remove", 13, parent="C1", part="X")
    plant.ok("identify", 20, placeholder="X", item="M1")
    assert used_in(plant, "X").statement.frontier == ("sn:CAR:C1", "sn:MOTOR:M1")
    plant.ok("assemble", 21, parent="P1", part="M1")
    assert texts(used_in(plant, "X")) == "C1 P1"
    before = answer(plant.connection, WhereUsed(item="X", as_known_at=plant.seq - 2))
    assert texts(before) == "C1"


def test_a_placeholder_is_browsed_like_any_item(plant: Plant) -> None:
    view = detail(plant, "sn:?:X")
    assert (view.item, view.material, view.part_of) == ("sn:?:X", "?", "sn:CAR:C1")
    assert not view.on_hold
    plant.ok("identify", 20, placeholder="X", item="M1")
    plant.ok("hold", 22, item="X", reason="look")
    assert detail(plant, "M1").on_hold
    assert not detail(plant, "M1", 21).on_hold


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(st.integers(0, 2**32).map(Random))
def test_an_answer_on_placeholders_asked_live_is_the_same_bytes_later(random: Random) -> None:
    plant = Plant()
    plant.make("CAR C1", "CAR C2", "MOTOR M1", "MOTOR M2", "STEEL L1", "BOX B1")
    plant.master("station", "OP10", unknown_items="placeholder")
    live: list[tuple[Question, bytes]] = []
    records: list[str] = []
    plant.minute = 10
    for _ in range(30):
        car, unit = random.choice(("C1", "C2")), random.choice(("X", "Y", "M1", "M2"))
        steel = random.choice(("Z", "L1"))
        fields: dict[str, Any] = random.choice(
            (
                {"type": "start", "item": unit, "station": "OP10"},
                {"type": "complete", "item": unit, "station": "OP10", "evaluation": 1},
                {"type": "assemble", "parent": car, "part": unit, "station": "OP10"},
                {"type": "remove", "parent": car, "part": unit},
                {"type": "consume", "item": random.choice((car, unit)), "lot": steel},
                {"type": "consume", "item": car, "lot": steel, "station": "OP10"},
                {"type": "pack", "container": "B1", "item": unit, "station": "OP10"},
                {"type": "identify", "placeholder": unit, "item": random.choice(("M1", "M2"))},
                {"type": "identify", "placeholder": "Z", "item": "L1"},
                {"type": "hold", "item": unit, "scope": "where_used", "reason": "r"},
                {"type": "ship", "items": [unit]},
                {"type": "void", "record": random.choice([*records, ""]), "reason": "r"},
            )
        )
        minute = None if random.random() < 0.6 else random.uniform(1, plant.minute)
        receipt = plant.book(parse_event(fields), minute)
        assert not misremembered(plant.connection)
        if receipt.status is TraceStatus.Ok and fields["type"] != "void":
            records.append(receipt.record)
        item = random.choice(("C1", "X", "Y", "Z", "M1", "L1"))
        as_of = random.choice((None, instant(random.uniform(1, plant.minute))))
        for kind in random.sample((Ingredients, WhereUsed, RecallScope, ItemDetail), 2):
            question = kind(item=item, as_of=as_of, as_known_at=plant.seq)
            live.append((question, _asked(plant, question)))
        with contextlib.suppress(UnknownItem):
            whole = answer(plant.connection, RecallScope(item=item, as_of=as_of))
            counts = answer(plant.connection, RecallScope(item=item, as_of=as_of, limit=0))
            assert counts == replace(whole, hits=(), shares_unknown=0)
    assert [_asked(plant, question) for question, _ in live] == [asked for _, asked in live]
    assert plant.replayed() == plant.dump()


def _asked(plant: Plant, question: Question) -> bytes:
    try:
        return canonical(answer(plant.connection, question))
    except UnknownItem as error:
        return str(error).encode()


@pytest.mark.parametrize(
    ("scope", "held", "status"),
    [
        ("item", set(), TraceStatus.Ok),
        ("where_used", {"sn:CAR:C2"}, TraceStatus.ItemOnHold),
    ],
)
def test_S17_what_holds_a_placeholder_holds_the_later_contents_of_its_lot(
    scope: str, held: set[str], status: TraceStatus
) -> None:
    plant = Plant()
    plant.make("CAR C1", "CAR C2", "STEEL L1", "STEEL L2")
    plant.master("station", "OP10", unknown_items="placeholder")
    plant.minute = 10
    plant.ok("consume", 11, item="C1", lot="X", station="OP10")
    plant.ok("identify", 12, placeholder="X", item="L1")
    plant.ok("fill", 13, container="L1", lot="L2")
    plant.ok("empty", 14, container="L1")
    plant.ok("fill", 15, container="L1", lot="L2")
    plant.ok("consume", 16, item="C2", lot="L1")
    nodes = used_in(plant, "L2").nodes
    contents = {node.item for node in nodes if node.item.startswith("lot:STEEL:L1~s")}
    assert len(contents) == 2
    plant.ok("hold", item="X", scope=scope, reason="odd")
    on_hold = {node.item for node in used_in(plant, "L2").nodes if node.on_hold}
    assert on_hold == contents | held
    assert plant.book("start", 20, item="C2", station="OP20").status is status
