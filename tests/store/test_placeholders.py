"""Items that nobody registered: placeholders, and what they turn out to be (SEMANTICS S16)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.plant import Plant, instant, misremembered
from tracenode.models.events import parse_event
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus
from tracenode.server.store.reading.resolve import resolve


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("CAR C1", "CAR C2", "PUMP P1", "MOTOR M1", "STEEL L1", "BOX B1", "BOX B2")
    plant.master("station", "OP10", unknown_items="placeholder")
    plant.minute = 10
    return plant


def parent(plant: Plant, output: str) -> set[str]:
    return {in_ for out, in_ in plant.edges() if out == output}


@pytest.mark.parametrize(
    ("made", "fields"),
    [
        ("sn:?:X", {"type": "start", "item": "X"}),
        ("sn:?:X", {"type": "assemble", "parent": "C1", "part": "X"}),
        ("lot:?:X", {"type": "consume", "item": "C1", "lot": "X"}),
        ("sn:?:X", {"type": "pack", "container": "B1", "item": "X"}),
        ("lot:?:X", {"type": "load", "slot": "feeder 1", "lot": "X"}),
    ],
)
def test_S16_a_station_that_takes_what_is_unknown_makes_a_placeholder(
    plant: Plant, made: str, fields: dict[str, Any]
) -> None:
    plant.refused(TraceStatus.UnknownItem, parse_event({**fields, "station": "OP20"}))
    receipt = plant.ok(parse_event({**fields, "station": "OP10"}))
    assert made in receipt.text
    assert resolve(plant.connection, "X").public == made
    assert plant.state("X") is not None
    assert plant.rows("SELECT count(*) FROM touch t JOIN item i ON i.id=t.item WHERE i.text='X'")[
        0
    ] == (1,)
    assert plant.replayed() == plant.dump()


def test_S16_the_new_part_of_an_exchange_may_be_unknown(plant: Plant) -> None:
    plant.ok("assemble", parent="C1", part="M1")
    plant.ok("replace", parent="C1", old_part="M1", new_part="X", station="OP10")
    assert parent(plant, "C1") == {"X"}


def test_an_item_that_was_computed_again_is_remembered_as_its_tables_have_it(plant: Plant) -> None:
    plant.ok("consume", item="C1", lot="X", station="OP10")
    plant.ok("identify", placeholder="X", item="L1")
    assert not misremembered(plant.connection)


def test_S16_the_same_text_again_is_the_same_placeholder(plant: Plant) -> None:
    plant.ok("consume", item="C1", lot="X", station="OP10")
    again = plant.ok("consume", item="C2", lot="X")
    assert again.text == ""
    assert parent(plant, "C1") == parent(plant, "C2") == {"X"}
    assert len(plant.rows("SELECT 1 FROM item WHERE text='X'")) == 1


def test_S16_a_placeholder_lives_like_any_item(plant: Plant) -> None:
    plant.ok("start", item="X", station="OP10")
    assert plant.state("X") == ItemState.InProcess
    plant.ok("consume", item="X", lot="L1", station="OP10")
    plant.ok("complete", item="X", station="OP10", evaluation=1)
    plant.ok("start", item="X", station="OP20")
    assert plant.state("X") == ItemState.InProcess
    assert plant.replayed() == plant.dump()


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (TraceStatus.UnknownItem, {"type": "assemble", "parent": "X", "part": "M1"}),
        (TraceStatus.UnknownItem, {"type": "consume", "item": "X", "lot": "L1"}),
        (TraceStatus.UnknownItem, {"type": "complete", "item": "X", "evaluation": 1}),
        (TraceStatus.UnknownItem, {"type": "assemble", "parent": "C1", "part": "lot:STEEL:X"}),
        (TraceStatus.UnknownItem, {"type": "assemble", "parent": "C1", "part": "sn:?:X"}),
        (TraceStatus.InvalidIdentifier, {"type": "start", "item": "NOREAD"}),
        (TraceStatus.InvalidIdentifier, {"type": "start", "item": "X" * 65}),
        (TraceStatus.AmbiguousItem, {"type": "assemble", "parent": "C1", "part": "TWIN"}),
        (TraceStatus.WouldCloseCycle, {"type": "assemble", "parent": "X", "part": "X"}),
    ],
)
def test_S2_what_can_not_be_meant_gets_no_placeholder(
    plant: Plant, status: TraceStatus, fields: dict[str, Any]
) -> None:
    plant.make("PUMP TWIN", "MOTOR TWIN")
    plant.refused(status, parse_event({**fields, "station": "OP10"}))


def test_whoever_books_names_no_placeholders(plant: Plant) -> None:
    fields: dict[str, Any] = {"item": "M1", "station": "OP10", "placeholders": ["sn:?:M1"]}
    plant.refused(TraceStatus.MalformedRequest, "start", **fields)
    started = plant.ok("start", item="P1", station="OP10")
    replacement = {"type": "start", **fields}
    plant.refused(
        TraceStatus.MalformedRequest,
        "correct",
        record=started.record,
        replacement=replacement,
        reason="r",
    )


def test_a_public_id_that_nobody_registered_is_stood_in_for_by_its_kind(plant: Plant) -> None:
    plant.ok("consume", item="C1", lot="sn:MOTOR:M9", station="OP10")
    assert resolve(plant.connection, "sn:MOTOR:M9").public == "sn:?:sn:MOTOR:M9"
    plant.make("MOTOR M9")
    assert resolve(plant.connection, "sn:MOTOR:M9").public == "sn:MOTOR:M9"


def test_one_scan_in_another_spelling_is_the_same_placeholder(plant: Plant) -> None:
    plant.ok("start", item="(01)04012345678901(21)77", station="OP10")
    first = resolve(plant.connection, "(01)04012345678901(21)77")
    linked = resolve(plant.connection, "https://id.gs1.org/01/04012345678901/21/77")
    assert first.id == linked.id
    plant.master("material", "PUMP", kind="unit", gtin="04012345678901")
    plant.make("PUMP 77")
    assert resolve(plant.connection, "(01)04012345678901(21)77").public == "sn:PUMP:77"


def test_S16_a_placeholder_yields_to_the_item_of_its_text(plant: Plant) -> None:
    plant.ok("assemble", parent="C1", part="X", station="OP10")
    plant.make("MOTOR X")
    assert resolve(plant.connection, "X").public == "sn:MOTOR:X"
    assert resolve(plant.connection, "sn:?:X").public == "sn:?:X"
    assert plant.ok("identify", placeholder="sn:?:X", item="X").item == "sn:MOTOR:X"


def test_a_label_that_was_unknown_may_become_another_name_of_an_item(plant: Plant) -> None:
    plant.ok("assemble", parent="C1", part="X", station="OP10")
    plant.ok("relabel", item="M1", alias="X")
    assert resolve(plant.connection, "X").public == "sn:MOTOR:M1"


def test_no_material_has_the_part_of_placeholders(plant: Plant) -> None:
    event: dict[str, Any] = {"kind": "material", "key": "?", "data": {"kind": "unit"}}
    plant.refused(TraceStatus.InvalidIdentifier, "master", **event)


# ------------------------------------------------------------------ what it turned out to be
def test_S16_one_edge_joins_a_placeholder_with_its_item(plant: Plant) -> None:
    plant.ok("assemble", 12, parent="C1", part="X", station="OP10")
    receipt = plant.ok("identify", 20, placeholder="X", item="M1")
    assert plant.edges() == {("C1", "X"), ("X", "M1")}
    assert ("X", "M1") in plant.edges(12)
    assert ("X", "M1") not in plant.edges(11.9)
    plant.ok("pack", 9, container="B1", item="X")
    assert ("X", "M1") in plant.edges(9)
    assert ("X", "M1") not in plant.edges(9, known=receipt.position)
    plant.ok("void", record=receipt.record, reason="it was not")
    assert plant.edges() == {("C1", "X"), ("B1", "X")}
    plant.make("MOTOR M2")
    plant.ok("identify", placeholder="X", item="M2")
    assert plant.replayed() == plant.dump()


def test_S16_a_late_use_of_an_unknown_lot_is_explained_too(plant: Plant) -> None:
    plant.ok("consume", 15, item="C1", lot="X", station="OP10")
    plant.ok("identify", 20, placeholder="X", item="L1")
    plant.ok("consume", 12, item="C2", lot="X", station="OP10")
    assert plant.edges(12) == {("C2", "X"), ("X", "L1")}
    assert plant.replayed() == plant.dump()


@pytest.mark.parametrize(
    ("placeholder", "item", "found"),
    [
        ("P1", "M1", "a placeholder"),
        ("sn:?:X", "L1", "a unit"),
        ("sn:?:X", "sn:?:Y", "a registered item"),
        ("sn:?:Y", "P1", "one that is not identified"),
    ],
)
def test_S16_an_identification_that_can_not_be_meant_is_refused(
    plant: Plant, placeholder: str, item: str, found: str
) -> None:
    plant.ok("assemble", parent="C1", part="X", station="OP10")
    plant.ok("assemble", parent="C1", part="Y", station="OP10")
    plant.ok("identify", placeholder="Y", item="M1")
    refusal = plant.refused(
        TraceStatus.MalformedRequest, "identify", placeholder=placeholder, item=item
    )
    assert found in refusal.text


def test_a_unit_is_in_one_thing_at_a_time_whatever_it_is_called(plant: Plant) -> None:
    plant.ok("assemble", 12, parent="C1", part="X", station="OP10")
    plant.ok("assemble", 14, parent="C2", part="M1")
    refused = TraceStatus.PartAlreadyInstalled
    plant.refused(refused, "identify", 16, placeholder="X", item="M1")
    plant.ok("remove", 17, parent="C2", part="M1")
    plant.refused(refused, "identify", 18, placeholder="X", item="M1")
    plant.make("MOTOR M2")
    plant.ok("identify", placeholder="X", item="M2")
    plant.refused(refused, "assemble", parent="C2", part="M2")
    plant.ok("remove", parent="C1", part="X")
    plant.ok("assemble", parent="C2", part="M2")
    plant.refused(refused, "assemble", parent="C1", part="X")


def test_a_unit_that_left_the_process_under_one_id_has_left_it(plant: Plant) -> None:
    plant.ok("start", item="X", station="OP10")
    plant.ok("complete", item="X", station="OP10", evaluation=2)
    plant.ok("identify", placeholder="X", item="M1")
    plant.ok("scrap", item="X")
    plant.refused(TraceStatus.ItemScrapped, "start", item="M1", station="OP10")


def test_S6_an_identification_closes_no_cycle(plant: Plant) -> None:
    plant.ok("consume", item="M1", lot="X", station="OP10")
    plant.ok("split", lot="L1", child="L2")
    plant.ok("consume", item="L2", lot="X")
    plant.refused(TraceStatus.WouldCloseCycle, "identify", placeholder="X", item="L2")


def test_what_something_went_into_is_corrected_not_identified(plant: Plant) -> None:
    plant.ok("start", item="X", station="OP10")
    used = plant.ok("consume", item="X", lot="L1", station="OP10")
    plant.refused(TraceStatus.MalformedRequest, "identify", placeholder="X", item="M1")
    replacement = {"type": "consume", "item": "M1", "lot": "L1", "station": "OP10"}
    plant.ok("correct", record=used.record, replacement=replacement, reason="it was M1")
    plant.ok("identify", placeholder="X", item="M1")
    refusal = plant.refused(
        TraceStatus.MalformedRequest, "consume", item="X", lot="L1", station="OP10"
    )
    assert "sn:MOTOR:M1" in refusal.text


def _drawn_and_identified(plant: Plant, *draws: float) -> None:
    """X is drawn from at some minutes, and turns out to be L1; L2 is another lot."""
    plant.make("STEEL L2")
    for minute in draws:
        plant.ok("consume", minute, item="C1", lot="X", station="OP10")
    plant.ok("identify", max(draws) + 1, placeholder="X", item="L1")


def test_S5_a_topped_up_lot_is_drawn_from_under_its_own_id(plant: Plant) -> None:
    _drawn_and_identified(plant, 12)
    plant.ok("fill", 15, container="L1", lot="L2")
    draw = {"item": "C2", "lot": "lot:?:X"}
    refusal = plant.refused(TraceStatus.MalformedRequest, "consume", 16, **draw)
    assert "lot:STEEL:L1" in refusal.text
    plant.ok("consume", 14, **draw)
    plant.ok("consume", 17, item="C2", lot="L1")
    assert plant.replayed() == plant.dump()


def test_S5_what_was_drawn_from_a_topped_up_lot_is_corrected_not_identified(plant: Plant) -> None:
    plant.make("STEEL L2")
    plant.ok("consume", 11, item="C2", lot="L1")
    plant.ok("fill", 12, container="L1", lot="L2")
    used = plant.ok("consume", 13, item="C1", lot="X", station="OP10")
    identify = {"placeholder": "X", "item": "L1"}
    plant.refused(TraceStatus.MalformedRequest, "identify", 14, **identify)
    right = {"type": "consume", "item": "C1", "lot": "L1"}
    plant.ok("correct", record=used.record, replacement=right, reason="it was L1")
    plant.ok("consume", 11.5, item="C2", lot="X", station="OP10")
    plant.ok("identify", 15, **identify)


def test_S15_nothing_late_parts_a_placeholder_from_its_lot(plant: Plant) -> None:
    _drawn_and_identified(plant, 12, 14)
    fill = {"container": "L1", "lot": "L2"}
    plant.refused(TraceStatus.MalformedRequest, "fill", 13, **fill)
    plant.ok("fill", 11, **fill)
    plant.refused(TraceStatus.MalformedRequest, "consume", 10.5, item="C2", lot="L1")


def test_S13_no_correction_parts_a_placeholder_from_its_lot(plant: Plant) -> None:
    _drawn_and_identified(plant, 12, 14)
    fill = {"container": "L1", "lot": "L2"}
    late = plant.ok("fill", 16, **fill)
    for minute, status in ((13, TraceStatus.MalformedRequest), (11, TraceStatus.Ok)):
        earlier = {"type": "fill", **fill, "event_time": instant(minute).isoformat()}
        receipt = plant.book("correct", record=late.record, replacement=earlier, reason="before")
        assert receipt.status is status, receipt.text


def test_S12_a_placeholder_on_a_slot_keeps_its_lot_from_being_topped_up(plant: Plant) -> None:
    plant.make("STEEL L2")
    plant.master("station", "SMT", unknown_items="placeholder", consumption="derive")
    plant.ok("load", 12, station="SMT", slot="F1", lot="X")
    plant.ok("identify", 13, placeholder="X", item="L1")
    fill = {"container": "L1", "lot": "L2"}
    plant.refused(TraceStatus.MalformedRequest, "fill", 14, **fill)
    plant.ok("load", 15, station="SMT", slot="F1", lot="L1")
    plant.ok("fill", 16, **fill)


def test_S17_what_holds_a_placeholder_holds_its_item(plant: Plant) -> None:
    plant.ok("start", 12, item="X", station="OP10")
    plant.ok("complete", 14, item="X", station="OP10", evaluation=1)
    plant.ok("hold", item="X", reason="odd")
    plant.refused(TraceStatus.ItemOnHold, "identify", placeholder="X", item="M1")


def test_S17_a_window_over_a_placeholders_visit_holds_its_item(plant: Plant) -> None:
    plant.ok("start", 12, item="X", station="OP10")
    plant.ok("complete", 14, item="X", station="OP10", evaluation=1)
    plant.ok("identify", placeholder="X", item="M1")
    plant.ok("assemble", parent="C1", part="M1")
    window = {"station": "OP10", "since": instant(13), "until": instant(15)}
    plant.ok("hold", scope="window", window=window, reason="odd")
    plant.refused(TraceStatus.ItemOnHold, "start", item="C1", station="OP20")


def test_S13_void_of_what_made_a_placeholder_has_its_uses_as_dependants(plant: Plant) -> None:
    made = plant.ok("consume", item="C1", lot="X", station="OP10")
    used = plant.ok("consume", item="C2", lot="X", station="OP10")
    refusal = plant.refused(TraceStatus.MalformedRequest, "void", record=made.record, reason="r")
    assert used.record in refusal.text
    plant.ok("void", record=made.record, reason="r", acknowledged=[used.record])
    assert plant.state("X") is None
    plant.refused(TraceStatus.UnknownItem, "consume", item="C1", lot="X")
    again = plant.ok("consume", item="C1", lot="X", station="OP10")
    assert "lot:?:X" in again.text
    assert plant.replayed() == plant.dump()


def test_S13_a_correction_may_make_a_placeholder(plant: Plant) -> None:
    wrong = plant.ok("assemble", parent="C1", part="M1", station="OP10")
    replacement = {"type": "assemble", "parent": "C1", "part": "X", "station": "OP10"}
    fixed = plant.ok("correct", record=wrong.record, replacement=replacement, reason="r")
    assert "sn:?:X" in fixed.text
    assert parent(plant, "C1") == {"X"}
    assert plant.replayed() == plant.dump()
