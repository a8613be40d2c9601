"""What containers and topped-up lots hold (SEMANTICS S5): fill, draw, transfer, empty, adjust."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.plant import Plant, instant
from tracenode.models.events import parse_event
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus
from tracenode.server.store.projecting.content import content_at
from tracenode.server.store.projecting.interning import quantity_of
from tracenode.server.store.reading.resolve import public_id, row_of
from tracenode.server.store.writing.journal import microseconds

Edges = set[tuple[str, str]]


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("BOX T1", "BOX T2", *(f"PUMP P{n}" for n in range(6)))
    for lot in ("A", "B", "C"):
        plant.ok("receive", 9, item=lot, material="STEEL", quantity="100 KGM")
    plant.minute = 10
    return plant


def state(owner: str, receipt: Receipt) -> str:
    return f"{owner}~s{receipt.position}"


def fill(plant: Plant, container: str, lot: str, minute: float | None = None, kg: int = 10) -> str:
    """Return the new content."""
    fields = {"container": container, "lot": lot, "quantity": f"{kg} KGM"}
    return state(container, plant.ok(parse_event({"type": "fill", **fields}), minute))


def draw(plant: Plant, item: str, lot: str, minute: float | None = None, kg: int = 1) -> Receipt:
    fields = {"type": "consume", "item": item, "lot": lot, "quantity": f"{kg} KGM"}
    return plant.ok(parse_event(fields), minute)


def into(plant: Plant, item: str, known: int | None = None) -> str:
    """What an item has edges to, in alphabetical order."""
    return " ".join(sorted(in_ for out, in_ in plant.edges(known=known) if out == item))


def carried(plant: Plant) -> dict[str, str]:
    """How much was carried over into which content."""
    found = {}
    for number, mantissa, unit in plant.rows("SELECT dst, qty, unit FROM edge WHERE rel=5"):
        found[short(plant, number)] = str(quantity_of(plant.connection, mantissa, unit))
    return found


def short(plant: Plant, number: int) -> str:
    return public_id(plant.connection, number).rpartition(":")[2]


def holds(plant: Plant, public: str, minute: float) -> str | None:
    number, _ = row_of(plant.connection, public)
    then = microseconds(instant(minute))
    container = public.startswith("container:")
    node = content_at(plant.connection, number, then, container=container)
    return None if node is None else short(plant, node)


# ------------------------------------------------------------------ states
def test_S5_a_product_has_what_was_in_the_tank_when_it_was_drawn(plant: Plant) -> None:
    first = fill(plant, "T1", "A")
    draw(plant, "P1", "T1")
    second = fill(plant, "T1", "B")
    draw(plant, "P2", "T1")
    assert into(plant, "P1") == first
    assert into(plant, "P2") == second
    assert into(plant, first) == "A"
    assert into(plant, second) == f"B {first}"
    assert carried(plant) == {second: "9 KGM"}


def test_S5_emptying_leaves_nothing_of_what_was_in_it(plant: Plant) -> None:
    first = fill(plant, "T1", "A", 11)
    plant.ok("empty", 12, container="T1", reason="cleaned")
    plant.refused(TraceStatus.MaterialEmpty, "consume", 13, item="P1", lot="T1")
    second = fill(plant, "T1", "B", 14)
    assert into(plant, second) == "B"
    assert [holds(plant, "container:BOX:T1", at) for at in (10, 11, 12, 14)] == [
        None,
        first,
        None,
        second,
    ]
    assert plant.ok("empty", 15, container="T1").text == ""
    again = plant.ok("empty", 16, container="T1")
    assert again.text == "it is empty already"
    assert plant.type_of(again) == "noted"


def test_S5_a_transfer_is_a_draw_and_a_fill(plant: Plant) -> None:
    source = fill(plant, "T1", "A")
    target = state("T2", plant.ok("transfer", source="T1", target="T2", quantity="4 KGM"))
    fill(plant, "T1", "B")
    draw(plant, "P1", "T2")
    assert into(plant, "P1") == target
    assert into(plant, target) == source


def test_S5_a_lot_made_up_before_it_is_drawn_from_stays_one_node(plant: Plant) -> None:
    plant.make("GLUE G")
    draw(plant, "G", "A")
    fill(plant, "G", "B")
    draw(plant, "P1", "G")
    assert into(plant, "G") == "A B"
    assert into(plant, "P1") == "G"
    assert plant.rows("SELECT count(*) FROM flow") == [(0,)]


def test_S5_an_input_after_a_draw_makes_a_new_state_of_a_lot(plant: Plant) -> None:
    draw(plant, "P1", "A", kg=30)
    topped = fill(plant, "A", "B")
    draw(plant, "P2", "A")
    mixed = state("A", draw(plant, "A", "C"))
    assert into(plant, "P1") == "A"
    assert into(plant, "P2") == topped
    assert into(plant, topped) == "A B"
    assert into(plant, mixed) == f"{topped} C"
    assert carried(plant) == {topped: "70 KGM", mixed: "79 KGM"}


def test_S5_a_mounted_lot_counts_as_drawn_from(plant: Plant) -> None:
    plant.ok("load", station="M1", slot="F1", lot="A")
    topped = fill(plant, "A", "B")
    assert into(plant, topped) == "A B"


def test_S5_an_emptied_lot_begins_anew(plant: Plant) -> None:
    draw(plant, "P1", "A")
    plant.ok("empty", container="A")
    plant.refused(TraceStatus.MaterialEmpty, "split", lot="A", child="A2")
    refilled = fill(plant, "A", "B")
    draw(plant, "P2", "A")
    assert into(plant, "P2") == refilled
    assert into(plant, refilled) == "B"


def test_S5_returned_material_closes_no_cycle(plant: Plant) -> None:
    fill(plant, "T1", "A")
    back = state("A", plant.ok("transfer", source="T1", target="A", quantity="2 KGM"))
    draw(plant, "P1", "A")
    assert into(plant, "P1") == back
    fill(plant, "T1", "A")
    draw(plant, "B", "C")
    draw(plant, "C", "B")
    plant.refused(TraceStatus.WouldCloseCycle, "consume", item="A", lot="A")


def test_S5_a_transformation_takes_what_is_in_the_tank(plant: Plant) -> None:
    content = fill(plant, "T1", "A")
    inputs = [{"item": "T1", "quantity": "2 KGM"}, {"item": "T1"}, {"item": "B"}]
    outputs = [{"item": "X", "material": "GLUE"}]
    plant.ok("transform", inputs=inputs, outputs=outputs)
    assert into(plant, "X") == f"B {content}"
    assert plant.rows("SELECT count(*) FROM edge WHERE rel=4") == [(3,)]


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (TraceStatus.MaterialEmpty, {"type": "consume", "item": "P1", "lot": "T2"}),
        (TraceStatus.MaterialEmpty, {"type": "fill", "container": "A", "lot": "T2"}),
        (TraceStatus.MaterialEmpty, {"type": "transfer", "source": "T2", "target": "T1"}),
        (TraceStatus.MaterialEmpty, {"type": "adjust", "lot": "T2", "quantity": "1 KGM"}),
        (TraceStatus.MalformedRequest, {"type": "fill", "container": "A", "lot": "A"}),
        (TraceStatus.MalformedRequest, {"type": "transfer", "source": "T1", "target": "T1"}),
        (TraceStatus.MalformedRequest, {"type": "fill", "container": "P1", "lot": "A"}),
        (TraceStatus.MalformedRequest, {"type": "fill", "container": "T1", "lot": "P1"}),
        (TraceStatus.MalformedRequest, {"type": "empty", "container": "P1"}),
        (TraceStatus.MalformedRequest, {"type": "adjust", "lot": "P1", "quantity": "1 KGM"}),
        (TraceStatus.MalformedRequest, {"type": "split", "lot": "T1", "child": "X"}),
        (TraceStatus.UnitMismatch, {"type": "fill", "lot": "A", "quantity": "1 LTR"}),
        (TraceStatus.UnitMismatch, {"type": "adjust", "lot": "A", "quantity": "1 LTR"}),
        (TraceStatus.ItemOnHold, {"type": "fill", "lot": "B"}),
        (TraceStatus.UnknownItem, {"type": "fill", "lot": "Z"}),
    ],
    ids=str,
)
def test_what_can_not_be(plant: Plant, status: TraceStatus, fields: dict[str, Any]) -> None:
    fill(plant, "T1", "A")
    plant.ok("hold", item="B", reason="cracks")
    defaults = {"container": "T1"} if fields["type"] == "fill" else {}
    reason = {"reason": "counted"} if fields["type"] == "adjust" else {}
    plant.refused(status, parse_event({**defaults, **reason, **fields}))


def test_a_content_is_asked_for_and_never_booked_on(plant: Plant) -> None:
    content = fill(plant, "T1", "A")
    plant.refused(TraceStatus.UnknownItem, "consume", item="P1", lot=f"container:BOX:{content}")


def test_S17_a_hold_reaches_what_is_in_the_tank_now(plant: Plant) -> None:
    fill(plant, "T1", "A")
    draw(plant, "P1", "T1")
    plant.ok("hold", item="A", scope="where_used", reason="cracks")
    plant.refused(TraceStatus.ItemOnHold, "consume", item="P2", lot="T1")
    plant.refused(TraceStatus.ItemOnHold, "start", item="P1", station="OP10")
    plant.ok("empty", container="T1")
    fill(plant, "T1", "B")
    draw(plant, "P2", "T1")
    plant.ok("start", item="P2", station="OP10")


# ------------------------------------------------------------------ late, voided, corrected
def test_S15_a_late_fill_is_in_what_was_drawn_after_it(plant: Plant) -> None:
    first = fill(plant, "T1", "A", 11)
    draw(plant, "P1", "T1", 12)
    draw(plant, "P2", "T1", 15)
    last = fill(plant, "T1", "C", 20)
    known = plant.seq
    late = fill(plant, "T1", "B", 14)
    assert into(plant, "P1") == first
    assert into(plant, "P2") == late
    assert into(plant, late) == f"B {first}"
    assert into(plant, last) == f"C {late}"
    assert carried(plant) == {late: "9 KGM", last: "18 KGM"}
    assert into(plant, "P2", known) == first
    assert into(plant, last, known) == f"C {first}"


def test_S15_a_late_draw_before_an_input_makes_a_state_of_it(plant: Plant) -> None:
    mixed = draw(plant, "A", "B", 12)
    draw(plant, "P1", "A", 14)
    assert into(plant, "A") == "B"
    known = plant.seq
    draw(plant, "P2", "A", 11)
    assert into(plant, "P2") == "A"
    assert into(plant, "P1") == state("A", mixed)
    assert into(plant, "A") == ""
    assert into(plant, state("A", mixed)) == "A B"
    assert into(plant, "A", known) == "B"


def test_S15_a_late_emptying_takes_the_content_away(plant: Plant) -> None:
    fill(plant, "T1", "A", 11)
    draw(plant, "P1", "T1", 15)
    emptied = plant.ok("empty", 13, container="T1")
    assert into(plant, "P1") == "T1"
    plant.ok("void", record=emptied.record, reason="not so")
    assert into(plant, "P1") == "T1~s" + str(emptied.position - 2)


def test_S13_draws_after_a_voided_fill_are_no_dependants(plant: Plant) -> None:
    first = fill(plant, "T1", "A", 11)
    second = plant.ok("fill", 12, container="T1", lot="B", quantity="5 KGM")
    draw(plant, "P1", "T1", 13)
    third = fill(plant, "T1", "C", 14)
    assert carried(plant) == {state("T1", second): "10 KGM", third: "14 KGM"}
    plant.ok("void", record=second.record, reason="never arrived")
    assert into(plant, "P1") == first
    assert into(plant, third) == f"C {first}"
    assert carried(plant) == {third: "9 KGM"}


def test_S13_a_correction_of_a_fill_gives_the_content_a_new_name(plant: Plant) -> None:
    wrong = plant.ok("fill", 11, container="T1", lot="A", quantity="5 KGM")
    draw(plant, "P1", "T1", 12)
    replacement = {"type": "fill", "container": "T1", "lot": "B", "quantity": "6 KGM"}
    right = plant.ok("correct", record=wrong.record, reason="typo", replacement=replacement)
    assert into(plant, "P1") == state("T1", right)
    assert into(plant, state("T1", right)) == "B"
    last = fill(plant, "T1", "C", 13)
    assert carried(plant) == {last: "5 KGM"}


def test_S13_a_voided_draw_makes_one_node_of_the_lot_again(plant: Plant) -> None:
    drawn = draw(plant, "P1", "A", 11)
    topped = fill(plant, "A", "B", 12)
    draw(plant, "P2", "A", 13)
    assert into(plant, "P2") == topped
    plant.ok("void", record=drawn.record, reason="not so")
    assert into(plant, "P2") == "A"
    assert into(plant, "A") == "B"


def test_S6_a_late_fill_with_what_was_made_of_the_tank_closes_a_cycle(plant: Plant) -> None:
    fill(plant, "T1", "A", 11)
    outputs = [{"item": "X", "material": "GLUE"}]
    plant.ok("transform", 15, inputs=[{"item": "T1"}], outputs=outputs)
    plant.refused(TraceStatus.WouldCloseCycle, "fill", 13, container="T1", lot="X")
    fill(plant, "T1", "X", 16)


def test_S19_every_step_is_known_as_it_was_then(plant: Plant) -> None:
    seen: list[tuple[int, Edges]] = []
    for minute, lot in ((20, "A"), (14, "B"), (11, "C"), (17, "A"), (12, "B")):
        fill(plant, "T1", lot, minute)
        seen.append((plant.seq, plant.edges()))
        draw(plant, f"P{len(seen) // 2}", "T1", minute + 0.5)
        seen.append((plant.seq, plant.edges()))
    plant.ok("empty", 13, container="T1")
    for known, edges in seen:
        assert plant.edges(known=known) == edges
    assert plant.replayed() == plant.dump()


@pytest.mark.parametrize("emptied", [False, True])
def test_a_late_fill_costs_no_more_in_an_old_tank(emptied: bool) -> None:
    def statements(age: int) -> int:
        plant = Plant()
        plant.make("BOX T", "PUMP P")
        plant.ok("receive", item="A", material="STEEL", quantity="1000 KGM")
        for minute in range(age):
            fill(plant, "T", "A", 20 + 2 * minute)
            draw(plant, "P", "T", 21 + 2 * minute)
        late = 20 + 2 * age - 4.5
        if emptied:
            # All that comes after the emptying is as it was.
            late = 22.5
            plant.ok("empty", 25.5, container="T")
        told: list[str] = []
        plant.connection.set_trace_callback(told.append)
        fill(plant, "T", "A", late)
        plant.connection.set_trace_callback(None)
        return len(told)

    assert statements(5) == statements(40)
