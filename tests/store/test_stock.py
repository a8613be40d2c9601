"""The stock of lots and containers, and more booked than there is (SEMANTICS S9)."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.store.plant import Plant
from tracenode.models.events import parse_event
from tracenode.models.quantities import UNITS, Quantity
from tracenode.models.status import TraceStatus
from tracenode.server.store.projecting.flows import FlowKind
from tracenode.server.store.projecting.stock import Totals


def stock(plant: Plant, text: str) -> tuple[str, str, str, int]:
    sql = """
        SELECT s.dimension, s.come, s.gone, s.unknown + s.taken + s.fed
        FROM item i JOIN stock s ON s.item=i.id
        WHERE i.text=? AND i.state_of IS NULL"""
    (row,) = plant.rows(sql, text)
    return (str(row[0]), str(row[1]), str(row[2]), int(row[3]))


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.master("material", "COPPER", kind="lot", over_consumption="reject")
    plant.make("PUMP P1", "PUMP P2", "BOX T")
    plant.ok("receive", item="L", material="STEEL", quantity="10 KGM")
    plant.ok("receive", item="C", material="COPPER", quantity="10 KGM")
    return plant


def test_S9_the_stock_is_exact_across_units_of_one_dimension(plant: Plant) -> None:
    plant.ok("consume", item="P1", lot="L", quantity="0.1 KGM")
    plant.ok("consume", item="P1", lot="L", quantity="1 LBR")
    plant.ok("split", lot="L", child="L2", quantity="250 GRM")
    assert stock(plant, "L") == ("mass", "10", "0.80359237", 0)
    assert stock(plant, "L2") == ("mass", "0.25", "0", 0)


def test_S9_what_is_unknown_is_counted_and_never_zero(plant: Plant) -> None:
    plant.make("STEEL U")
    plant.ok("consume", item="P1", lot="U", quantity="1 KGM")
    plant.ok("consume", item="P1", lot="L")
    assert stock(plant, "U") == ("mass", "0", "1", 1)
    assert stock(plant, "L") == ("mass", "10", "0", 1)


@pytest.mark.parametrize("quantity", ["999999999999999999 TNE", "0.000000000001 MGM"])
def test_S9_more_than_there_is_is_noticed_by_whatever_amount(plant: Plant, quantity: str) -> None:
    for lot in ("L", "C"):
        plant.ok("consume", item="P1", lot=lot, quantity="10 KGM")
    draw = {"item": "P1", "quantity": quantity}
    plant.refused(TraceStatus.OverConsumption, "consume", plant.minute, lot="C", **draw)
    assert "more than there is of lot:STEEL:L" in plant.ok("consume", 99, lot="L", **draw).text


def test_S9_more_than_there_is_is_flagged_or_refused(plant: Plant) -> None:
    flagged = plant.ok("consume", item="P1", lot="L", quantity="10.5 KGM")
    assert flagged.text == "0.5 KGM more than there is of lot:STEEL:L"
    plant.ok("consume", item="P1", lot="C", quantity="9 KGM")
    refusal = plant.refused(
        TraceStatus.OverConsumption, "consume", item="P1", lot="C", quantity="1001 GRM"
    )
    assert "1000 GRM left" in refusal.text
    plant.ok("consume", item="P1", lot="C", quantity="1000 GRM")
    plant.refused(TraceStatus.OverConsumption, "split", lot="C", child="C2", quantity="1 MGM")
    plant.ok("consume", item="P1", lot="C")


def test_S9_more_than_came_in_is_noticed_whatever_was_drawn_unmeasured(plant: Plant) -> None:
    plant.master("station", "SMT", consumption="derive")
    plant.ok("consume", item="P1", lot="C", quantity="9 KGM")
    plant.ok("consume", item="P1", lot="C")
    plant.ok("load", station="SMT", slot="F", lot="C")
    draw = parse_event({"type": "consume", "item": "P1", "lot": "C", "quantity": "1001 GRM"})
    refusal = plant.refused(TraceStatus.OverConsumption, draw)
    assert "1000 GRM left" in refusal.text
    plant.ok("adjust", lot="C", quantity="1 KGM", reason="found")
    assert plant.ok(draw).text == ""


def test_S9_portions_of_one_lot_are_added_up(plant: Plant) -> None:
    portions = [{"item": "C", "quantity": "6 KGM"}, {"item": "C", "quantity": "5 KGM"}]
    outputs = [{"item": "X", "material": "PUMP"}]
    plant.refused(TraceStatus.OverConsumption, "transform", inputs=portions, outputs=outputs)
    plant.ok("transform", inputs=portions[:1], outputs=outputs)


def test_S9_what_is_not_known_is_not_refused(plant: Plant) -> None:
    plant.ok("register", item="C9", material="COPPER")
    assert plant.ok("consume", item="P1", lot="C9", quantity="5 KGM").text == ""


def test_S9_counting_corrects_the_stock(plant: Plant) -> None:
    plant.ok("adjust", lot="C", quantity="-4 KGM", reason="spilt")
    plant.refused(TraceStatus.OverConsumption, "consume", item="P1", lot="C", quantity="7 KGM")
    found = plant.ok("adjust", lot="C", quantity="2 KGM", reason="found")
    plant.ok("consume", item="P1", lot="C", quantity="7 KGM")
    plant.ok("void", record=found.record, reason="not found")
    assert stock(plant, "C") == ("mass", "6", "7", 0)


def test_S9_a_tank_counts_from_where_it_was_empty(plant: Plant) -> None:
    plant.ok("fill", container="T", lot="L", quantity="4 KGM")
    plant.ok("consume", item="P1", lot="T")
    assert stock(plant, "T") == ("mass", "4", "0", 1)
    plant.ok("empty", container="T")
    assert stock(plant, "T") == ("", "0", "0", 0)
    plant.ok("fill", container="T", lot="L", quantity="1 KGM")
    flagged = plant.ok("consume", item="P1", lot="T", quantity="1500 GRM")
    assert flagged.text == "500 GRM more than there is of container:BOX:T"


def test_S13_voids_and_corrections_are_in_the_stock(plant: Plant) -> None:
    taken = plant.ok("consume", item="P1", lot="L", quantity="3 KGM")
    plant.ok(
        "correct",
        record=taken.record,
        reason="weighed again",
        replacement={"type": "consume", "item": "P1", "lot": "L", "quantity": "2 KGM"},
    )
    assert stock(plant, "L") == ("mass", "10", "2", 0)
    made = plant.ok("receive", item="N", material="STEEL", quantity="5 KGM")
    plant.ok(
        "correct",
        record=made.record,
        reason="litres",
        replacement={"type": "receive", "item": "N", "material": "STEEL", "quantity": "7 LTR"},
    )
    assert stock(plant, "N") == ("volume", "7", "0", 0)


def test_S13_a_corrected_quantity_is_in_what_was_carried_over(plant: Plant) -> None:
    plant.ok("receive", item="N", material="STEEL", quantity="5 KGM")
    taken = plant.ok("consume", item="P1", lot="N", quantity="1 KGM")
    plant.ok("fill", container="N", lot="L", quantity="2 KGM")
    assert plant.rows("SELECT qty FROM edge WHERE rel=5") == [(4,)]
    plant.ok(
        "correct",
        record=taken.record,
        reason="weighed again",
        replacement={"type": "consume", "item": "P1", "lot": "N", "quantity": "2 KGM"},
    )
    assert plant.rows("SELECT qty FROM edge WHERE rel=5") == [(3,)]
    plant.ok("adjust", 1, lot="N", quantity="1 KGM", reason="found before")
    assert plant.rows("SELECT qty FROM edge WHERE rel=5") == [(4,)]


def test_S9_totals_are_taken_back_exactly() -> None:
    amounts = [Quantity.of(f"0.{n}", code) for n, code in enumerate(UNITS, start=1)]
    totals = Totals()
    for amount in amounts:
        totals = totals.after(FlowKind.Fill, amount)
    for amount in amounts:
        totals = totals.after(FlowKind.Fill, amount, -1)
    assert totals == Totals()


@pytest.mark.parametrize("code", UNITS)
def test_S9_every_unit_has_an_exact_amount_in_its_base_unit(code: str) -> None:
    dimension, factor = UNITS[code]
    totals = Totals().after(FlowKind.Fill, Quantity.of(7, code))
    assert totals.dimension == dimension
    assert Fraction(totals.come) == 7 * factor
    left = totals.left(code)
    assert left is not None
    assert left.to(code) == Quantity.of(7, code)
