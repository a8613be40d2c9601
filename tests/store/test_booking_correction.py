"""Voids and corrections (SEMANTICS S13)."""

from __future__ import annotations

import pytest

from tests.store.plant import Plant
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("PUMP P1", "PUMP P2", "MOTOR M1", "MOTOR M2", "STEEL L1", "STEEL L2")
    plant.minute = 10
    return plant


def test_S13_void_takes_back_and_stays_readable(plant: Plant) -> None:
    booked = plant.ok("consume", item="P1", lot="L1")
    known = plant.seq
    plant.ok("void", record=booked.record, reason="wrong lot")
    assert plant.edges() == set()
    assert plant.edges(known=known) == {("P1", "L1")}
    assert plant.rows("SELECT type FROM journal WHERE seq=?", booked.position) == [("consume",)]
    touched = plant.rows(
        "SELECT count(*) FROM touch t JOIN item i ON i.id=t.item WHERE i.text='L1' AND t.seq=?",
        plant.seq,
    )
    assert touched == [(1,)]


def test_S13_voided_removal_opens_the_installation_again(plant: Plant) -> None:
    plant.ok("assemble", 11, parent="P1", part="M1")
    removal = plant.ok("remove", 12, parent="P1", part="M1")
    known = plant.seq
    plant.ok("void", record=removal.record, reason="was not removed")
    assert plant.edges() == {("P1", "M1")}
    assert plant.edges(known=known) == set()
    assert plant.edges(11, known) == {("P1", "M1")}


def test_S13_what_closed_the_edge_is_a_dependant(plant: Plant) -> None:
    put = plant.ok("assemble", parent="P1", part="M1")
    removal = plant.ok("remove", parent="P1", part="M1")
    refusal = plant.refused(TraceStatus.MalformedRequest, "void", record=put.record, reason="no")
    assert removal.record in refusal.text
    plant.ok("void", record=put.record, reason="no", acknowledged=[removal.record])
    assert plant.edges(known=plant.seq) == set()


def test_S13_what_uses_a_registered_item_is_a_dependant(plant: Plant) -> None:
    made = plant.ok("register", item="P3", material="PUMP")
    used = plant.ok("consume", item="P3", lot="L1")
    plant.ok("observe", item="P3")
    refusal = plant.refused(TraceStatus.MalformedRequest, "void", record=made.record, reason="no")
    assert "1 dependant" in refusal.text
    assert used.record in refusal.text
    plant.ok("void", record=made.record, reason="no", acknowledged=[used.record])
    plant.refused(TraceStatus.UnknownItem, "scrap", item="P3")


def test_S13_voided_dependants_depend_no_more(plant: Plant) -> None:
    made = plant.ok("register", item="P3", material="PUMP")
    used = plant.ok("consume", item="P3", lot="L1")
    plant.ok("void", record=used.record, reason="no")
    plant.ok("void", record=made.record, reason="no")


def test_S13_completion_depends_on_its_start(plant: Plant) -> None:
    start = plant.ok("start", item="P1", station="OP10")
    end = plant.ok("complete", item="P1", station="OP10", evaluation=1)
    refusal = plant.refused(TraceStatus.MalformedRequest, "void", record=start.record, reason="no")
    assert end.record in refusal.text


def test_S13_what_can_not_be_voided_is_refused_plainly(plant: Plant) -> None:
    booked = plant.ok("consume", item="P1", lot="L1")
    void = plant.ok("void", record=booked.record, reason="no")
    refused = plant.refused(TraceStatus.UnknownItem, "scrap", item="P9")
    master = plant.master("material", "NEW", kind="unit")
    for record, said in (
        (booked.record, "void already"),
        (void.record, "book the record again"),
        (refused.record, "booked nothing"),
        (master.record, "set the entry again"),
        ("019b8ccd-3f60-7000-a65b-ca4c5465a404", "no such record"),
        ("nonsense", "no such record"),
    ):
        refusal = plant.refused(TraceStatus.MalformedRequest, "void", record=record, reason="again")
        assert said in refusal.text


def test_S13_correction_voids_and_books_at_the_same_time(plant: Plant) -> None:
    booked = plant.ok("consume", 11, item="P1", lot="L1", quantity="2 KGM")
    known = plant.seq
    plant.minute = 30
    corrected = plant.ok(
        "correct",
        record=booked.record,
        reason="wrong lot",
        replacement={"type": "consume", "item": "P1", "lot": "L2", "quantity": "3 KGM"},
    )
    assert plant.seq == known + 1
    assert plant.edges(11) == {("P1", "L2")}
    assert plant.edges(11, known) == {("P1", "L1")}
    again = plant.ok(
        "correct",
        record=corrected.record,
        reason="wrong again",
        replacement={"type": "consume", "item": "P2", "lot": "L2"},
    )
    assert plant.edges(11) == {("P2", "L2")}
    plant.ok("void", record=again.record, reason="never happened")
    assert plant.edges() == set()
    assert plant.replayed() == plant.dump()


def test_S13_swapped_parts_can_be_corrected(plant: Plant) -> None:
    """The replacement is decided on as if the record had never been."""
    booked = plant.ok("assemble", parent="M1", part="P1")
    plant.ok(
        "correct",
        record=booked.record,
        reason="the other way round",
        replacement={"type": "assemble", "parent": "P1", "part": "M1"},
    )
    assert plant.edges() == {("P1", "M1")}


def test_S13_correction_of_a_registration_keeps_the_item(plant: Plant) -> None:
    made = plant.ok("receive", item="L3", material="STEEL", quantity="5 KGM")
    plant.ok(
        "correct",
        record=made.record,
        reason="weighed again",
        replacement={"type": "receive", "item": "L3", "material": "STEEL", "quantity": "7 KGM"},
    )
    assert plant.rows("SELECT qty FROM item WHERE text='L3'") == [(7,)]
    assert plant.state("L3") == ItemState.Registered
    plant.ok("consume", item="P1", lot="L3")


def test_S13_refused_replacement_leaves_the_record(plant: Plant) -> None:
    booked = plant.ok("assemble", parent="P1", part="M1")
    for status, part in (
        (TraceStatus.UnknownItem, "M9"),
        (TraceStatus.WouldCloseCycle, "P1"),
        (TraceStatus.MalformedRequest, "L1"),
    ):
        plant.refused(
            status,
            "correct",
            record=booked.record,
            reason="no",
            replacement={"type": "assemble", "parent": "P1", "part": part},
        )
    assert plant.edges() == {("P1", "M1")}


def test_S13_void_of_scrapping_brings_the_item_back(plant: Plant) -> None:
    plant.ok("start", item="P1", station="OP10")
    scrapped = plant.ok("scrap", item="P1")
    plant.ok("void", record=scrapped.record, reason="found good")
    assert plant.state("P1") == ItemState.InProcess
    plant.ok("complete", item="P1", station="OP10", evaluation=1)
