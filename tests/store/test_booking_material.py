"""What goes in and comes out (SEMANTICS S4, S6, S7, S9)."""

from __future__ import annotations

import pytest

from tests.store.plant import Plant
from tracenode.models.events import parse_event
from tracenode.models.status import TraceStatus


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("CAR C1", "PUMP P1", "PUMP P2", "MOTOR M1", "MOTOR M2", "STEEL L1", "BOX B1")
    plant.minute = 10
    return plant


def test_S4_installation_is_an_interval(plant: Plant) -> None:
    plant.ok("assemble", 11, parent="P1", part="M1", position="left")
    plant.ok("remove", 13, parent="P1", part="M1")
    assert plant.edges() == set()
    assert [plant.edges(minute) for minute in (10, 11, 12.9, 13)] == [
        set(),
        {("P1", "M1")},
        {("P1", "M1")},
        set(),
    ]


def test_S4_two_consumptions_from_one_lot_are_two_edges(plant: Plant) -> None:
    plant.ok("consume", item="P1", lot="L1", quantity="1.5 KGM")
    plant.ok("consume", item="P1", lot="L1", quantity="0.25 KGM")
    amounts = "SELECT e.qty, u.scale FROM edge e JOIN uom u ON u.id=e.unit ORDER BY e.ev"
    assert plant.rows(amounts) == [(15, 1), (25, 2)]


def test_S4_replacing_is_one_record_at_one_instant(plant: Plant) -> None:
    plant.ok("assemble", 11, parent="P1", part="M1")
    before = plant.seq
    plant.ok("replace", 12, parent="P1", old_part="M1", new_part="M2", position="left")
    assert plant.seq == before + 1
    assert plant.edges(11.9) == {("P1", "M1")}
    assert plant.edges(12) == {("P1", "M2")}
    plant.refused(TraceStatus.PartMissing, "replace", parent="P1", old_part="M1", new_part="M2")
    plant.refused(
        TraceStatus.MalformedRequest, "replace", parent="P1", old_part="M2", new_part="M2"
    )


def test_a_part_sits_in_one_parent(plant: Plant) -> None:
    plant.ok("assemble", parent="P1", part="M1")
    for fields in (
        {"type": "assemble", "parent": "P2", "part": "M1"},
        {"type": "assemble", "parent": "P1", "part": "M1"},
        {"type": "consume", "item": "P2", "lot": "M1"},
    ):
        receipt = plant.refused(TraceStatus.PartAlreadyInstalled, parse_event(fields))
        assert "sn:PUMP:P1" in receipt.text
    plant.refused(TraceStatus.PartMissing, "remove", parent="P2", part="M1")
    plant.ok("remove", parent="P1", part="M1")
    plant.ok("assemble", parent="P2", part="M1")


def test_lots_and_containers_are_no_parts(plant: Plant) -> None:
    plant.refused(TraceStatus.MalformedRequest, "assemble", parent="P1", part="L1")
    plant.refused(TraceStatus.MalformedRequest, "assemble", parent="B1", part="M1")
    plant.refused(TraceStatus.MalformedRequest, "consume", item="B1", lot="L1")


def test_S6_a_live_cycle_is_refused(plant: Plant) -> None:
    plant.refused(TraceStatus.WouldCloseCycle, "assemble", parent="P1", part="P1")
    plant.ok("assemble", parent="P1", part="M1")
    plant.ok("consume", item="M1", lot="P2")
    plant.refused(TraceStatus.WouldCloseCycle, "assemble", parent="M1", part="P1")
    plant.refused(TraceStatus.WouldCloseCycle, "consume", item="L1", lot="L1")
    plant.ok("pack", container="B1", item="P1")
    plant.refused(TraceStatus.WouldCloseCycle, "pack", container="M1", item="B1")


def test_S6_a_loop_without_a_shared_instant_is_none(plant: Plant) -> None:
    plant.ok("assemble", 11, parent="P1", part="M1")
    plant.ok("remove", 12, parent="P1", part="M1")
    plant.ok("assemble", 12, parent="M1", part="P1")
    assert plant.edges() == {("M1", "P1")}


def test_S6_late_events_close_no_cycle_either(plant: Plant) -> None:
    plant.ok("assemble", 20, parent="M1", part="P1")
    plant.refused(TraceStatus.WouldCloseCycle, "assemble", 15, parent="P1", part="M1")
    plant.ok("assemble", 15, parent="P1", part="M2")
    plant.ok("remove", 16, parent="P1", part="M2")
    plant.refused(TraceStatus.WouldCloseCycle, "consume", 15, item="P1", lot="M1")


def test_S6_late_edge_that_ended_before_the_other_began_is_accepted(plant: Plant) -> None:
    plant.ok("assemble", 14, parent="P2", part="M1")
    plant.ok("remove", 20, parent="P2", part="M1")
    plant.ok("assemble", 16, parent="M1", part="P1")
    plant.ok("assemble", 12, parent="P1", part="M1")
    assert ("P1", "M1") in plant.edges(13)
    assert ("P1", "M1") not in plant.edges(14)


def test_S6_void_of_a_removal_closes_no_cycle(plant: Plant) -> None:
    plant.ok("assemble", 11, parent="P1", part="M1")
    removal = plant.ok("remove", 12, parent="P1", part="M1")
    plant.ok("assemble", 13, parent="M1", part="P1")
    plant.refused(TraceStatus.WouldCloseCycle, "void", record=removal.record, reason="not so")


def test_S7_parts_of_what_is_scrapped_stay_in_it(plant: Plant) -> None:
    plant.ok("assemble", parent="P1", part="M1")
    plant.ok("scrap", item="P1")
    assert plant.edges() == {("P1", "M1")}
    plant.ok("remove", parent="P1", part="M1")
    plant.ok("assemble", parent="P2", part="M1")


def test_S9_units_of_measure_keep_to_their_dimension(plant: Plant) -> None:
    plant.ok("receive", item="L2", material="STEEL", quantity="10 KGM")
    plant.ok("consume", item="P1", lot="L2", quantity="250 GRM")
    receipt = plant.refused(
        TraceStatus.UnitMismatch, "consume", item="P1", lot="L2", quantity="1 LTR"
    )
    assert "mass" in receipt.text
    plant.ok("consume", item="P1", lot="L2")
    assert plant.rows("SELECT count(*) FROM edge WHERE qty IS NULL") == [(1,)]


def test_S3_late_events_take_their_place(plant: Plant) -> None:
    plant.ok("assemble", 11, parent="P1", part="M1")
    plant.ok("assemble", 20, parent="P1", part="M2")
    known = plant.seq
    plant.ok("remove", 15, parent="P1", part="M1")
    plant.ok("assemble", 16, parent="P2", part="M1")
    assert plant.edges(18) == {("P2", "M1")}
    assert plant.edges(18, known) == {("P1", "M1")}
    plant.refused(TraceStatus.PartMissing, "remove", 17, parent="P1", part="M1")


def test_S4_normal_closing_keeps_no_version(plant: Plant) -> None:
    plant.ok("assemble", 11, parent="P1", part="M1")
    plant.ok("remove", 12, parent="P1", part="M1")
    assert plant.rows("SELECT count(*) FROM edge_was") == [(0,)]
    plant.ok("assemble", 11.5, parent="C1", part="P1")
    assert plant.rows("SELECT count(*) FROM edge_was") == [(0,)]
