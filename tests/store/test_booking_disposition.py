"""Holds, containers, shipping (SEMANTICS S4, S17)."""

from __future__ import annotations

import pytest

from tests.store.plant import Plant
from tracenode.models.events import parse_event
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("CAR C1", "PUMP P1", "PUMP P2", "MOTOR M1", "STEEL L1", "BOX B1", "BOX B2")
    plant.minute = 10
    return plant


def test_S17_held_material_is_refused(plant: Plant) -> None:
    hold = plant.ok("hold", item="L1", reason="cracks")
    plant.ok("hold", item="M1", reason="noise")
    outputs = [{"item": "A", "material": "PUMP"}]
    for fields in (
        {"type": "consume", "item": "P1", "lot": "L1"},
        {"type": "split", "lot": "L1", "child": "L2"},
        {"type": "assemble", "parent": "P1", "part": "M1"},
        {"type": "start", "item": "M1", "station": "OP10"},
        {"type": "ship", "items": ["P1", "M1"]},
        {"type": "transform", "inputs": [{"item": "L1"}], "outputs": outputs},
    ):
        plant.refused(TraceStatus.ItemOnHold, parse_event(fields))
    refusal = plant.refused(TraceStatus.ItemOnHold, "consume", item="P1", lot="L1")
    assert hold.record in refusal.text
    assert "cracks" in refusal.text


def test_S17_scope_item_leaves_products_free(plant: Plant) -> None:
    plant.ok("consume", item="P1", lot="L1")
    plant.ok("hold", item="L1", reason="cracks")
    plant.ok("start", item="P1", station="OP10")


def test_S17_scope_where_used_holds_products_past_and_future(plant: Plant) -> None:
    plant.ok("consume", item="M1", lot="L1")
    hold = plant.ok("hold", item="L1", scope="where_used", reason="cracks")
    plant.refused(TraceStatus.ItemOnHold, "assemble", parent="P1", part="M1")
    plant.ok("release", hold=hold.record, reason="checked")
    plant.ok("assemble", parent="P1", part="M1")
    plant.ok("assemble", parent="C1", part="P1")
    plant.ok("hold", item="L1", scope="where_used", reason="cracks after all")
    plant.refused(TraceStatus.ItemOnHold, "start", item="C1", station="OP10")
    plant.ok("remove", parent="P1", part="M1")
    plant.ok("start", item="C1", station="OP10")


def test_S17_two_holds_need_two_releases(plant: Plant) -> None:
    holds = [plant.ok("hold", item="P1", reason=reason) for reason in ("one", "two")]
    plant.ok("release", hold=holds[0].record, reason="done")
    plant.refused(TraceStatus.ItemOnHold, "start", item="P1", station="OP10")
    refusal = plant.refused(
        TraceStatus.MalformedRequest, "release", hold=holds[0].record, reason="again"
    )
    assert "released already" in refusal.text
    plant.ok("release", hold=holds[1].record, reason="done")
    plant.ok("start", item="P1", station="OP10")
    plant.refused(TraceStatus.MalformedRequest, "release", hold="nonsense", reason="done")


def test_S17_void_of_a_release_holds_again(plant: Plant) -> None:
    hold = plant.ok("hold", item="P1", reason="one")
    release = plant.ok("release", hold=hold.record, reason="done")
    plant.ok("void", record=release.record, reason="released the wrong one")
    plant.refused(TraceStatus.ItemOnHold, "start", item="P1", station="OP10")
    plant.ok("void", record=hold.record, reason="no reason")
    plant.ok("start", item="P1", station="OP10")
    assert plant.replayed() == plant.dump()


def test_S17_release_before_its_hold_is_malformed(plant: Plant) -> None:
    hold = plant.ok("hold", 20, item="P1", reason="one")
    plant.refused(TraceStatus.MalformedRequest, "release", 19, hold=hold.record, reason="done")


def test_S17_open_operation_of_a_held_unit_may_end(plant: Plant) -> None:
    plant.ok("start", item="P1", station="OP10")
    plant.ok("hold", item="P1", reason="one")
    plant.ok("complete", item="P1", station="OP10", evaluation=2)
    plant.ok("scrap", item="P1")


def test_S4_packing_is_an_interval(plant: Plant) -> None:
    plant.ok("pack", 11, container="B1", item="P1")
    plant.refused(TraceStatus.PartAlreadyInstalled, "pack", 12, container="B2", item="P1")
    plant.refused(TraceStatus.PartMissing, "unpack", 12, container="B2", item="P1")
    plant.ok("unpack", 13, container="B1", item="P1")
    plant.ok("pack", 14, container="B2", item="P1")
    assert plant.edges(12) == {("B1", "P1")}
    assert plant.edges() == {("B2", "P1")}
    plant.refused(TraceStatus.MalformedRequest, "pack", container="L1", item="P1")


def test_S7_what_is_packed_ships_with_its_container(plant: Plant) -> None:
    plant.ok("pack", container="B1", item="P1")
    plant.ok("pack", container="B2", item="B1")
    hold = plant.ok("hold", item="P1", reason="one")
    plant.refused(TraceStatus.ItemOnHold, "ship", items=["B2"])
    plant.ok("release", hold=hold.record, reason="done")
    shipped = plant.ok("ship", items=["B2"])
    assert [plant.state(text) for text in ("B2", "B1", "P1", "P2")] == [
        ItemState.Shipped,
        ItemState.Shipped,
        ItemState.Shipped,
        ItemState.Registered,
    ]
    plant.ok("void", record=shipped.record, reason="truck broke down")
    assert plant.state("P1") == ItemState.Registered


def test_late_scrapping_ends_what_came_after(plant: Plant) -> None:
    plant.ok("start", 12, item="P1", station="OP10")
    plant.ok("scrap", 11, item="P1")
    assert plant.state("P1") == ItemState.Scrapped
    plant.refused(TraceStatus.ItemScrapped, "start", 15, item="P1", station="OP20")
    assert plant.replayed() == plant.dump()


def test_a_late_shipment_takes_what_was_packed_then() -> None:
    plant = Plant()
    plant.make("BOX B1", "PUMP P1", "PUMP P2")
    plant.minute = 10
    plant.ok("pack", 11, container="B1", item="P1")
    plant.ok("unpack", 15, container="B1", item="P1")
    plant.ok("pack", 16, container="B1", item="P2")
    plant.ok("ship", 13, items=["B1"])
    assert plant.state("P1") == ItemState.Shipped
    assert plant.state("P2") == ItemState.Registered
