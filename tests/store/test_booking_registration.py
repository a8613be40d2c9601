"""What makes items: registration, transformation, split, merge (SEMANTICS S1, S10, S11, S22)."""

from __future__ import annotations

import time

import pytest

from tests.store.plant import Plant
from tracenode.models.events import parse_event
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus


@pytest.fixture
def plant() -> Plant:
    return Plant()


def qualities(plant: Plant) -> set[tuple[str, str, int, int | None]]:
    return set(
        plant.rows(
            "SELECT o.text, i.text, e.rel/16, e.qty FROM edge e"
            " JOIN item o ON o.id=e.dst JOIN item i ON i.id=e.src"
        )
    )


def test_S22_material_must_be_known(plant: Plant) -> None:
    plant.refused(TraceStatus.UnknownMaterial, "register", item="1", material="NOTHING")
    plant.ok("master", kind="material", key="PUMP", data=None)
    plant.refused(TraceStatus.UnknownMaterial, "register", item="1", material="PUMP")


def test_S22_order_must_be_known_where_given(plant: Plant) -> None:
    plant.refused(TraceStatus.UnknownOrder, "register", item="1", material="PUMP", order="4711")
    plant.master("order", "4711", material="PUMP", quantity="10 H87")
    plant.ok("register", item="1", material="PUMP", order="4711")


@pytest.mark.parametrize(
    ("kind", "data", "where"),
    [
        ("material", {"kind": "gas"}, "data.kind"),
        ("material", {"unit": "stones"}, "data.unit"),
        ("material", {"reuse_after": 3}, "data.reuse_after"),
        ("route", {"steps": []}, "data.steps"),
        ("bom", {"components": [{"material": ""}]}, "data.components.0.material"),
    ],
)
def test_S22_faulty_master_data_is_refused_with_its_path(
    plant: Plant, kind: str, data: dict[str, object], where: str
) -> None:
    receipt = plant.refused(TraceStatus.MalformedRequest, "master", kind=kind, key="X", data=data)
    assert receipt.text.startswith(f"{where}:")


def test_S22_kind_of_the_material_decides_the_scheme(plant: Plant) -> None:
    made = {
        plant.ok("register", item="1", material=m).item for m in ("PUMP", "STEEL", "BOX", "TRAY")
    }
    assert made == {"sn:PUMP:1", "lot:STEEL:1", "container:BOX:1", "carrier:TRAY:1"}


def test_S18_registering_twice_is_a_duplicate(plant: Plant) -> None:
    plant.make("PUMP 1")
    plant.refused(TraceStatus.DuplicateIdentifier, "register", item="1", material="PUMP")
    plant.refused(TraceStatus.DuplicateIdentifier, "receive", item="sn:PUMP:1", material="PUMP")
    plant.refused(TraceStatus.InvalidIdentifier, "register", item="sn:MOTOR:2", material="PUMP")


def test_S13_voided_registration_frees_the_identity(plant: Plant) -> None:
    first = plant.ok("register", item="1", material="PUMP")
    plant.ok("void", record=first.record, reason="typing error")
    plant.refused(TraceStatus.UnknownItem, "start", item="1", station="OP10")
    assert plant.ok("register", item="1", material="PUMP").item == "sn:PUMP:1"
    assert plant.rows("SELECT count(*) FROM item") == [(1,)]
    assert plant.ok("start", item="1", station="OP10").item == "sn:PUMP:1"
    assert plant.replayed() == plant.dump()


def test_S10_split_keeps_the_parent_on_the_remainder(plant: Plant) -> None:
    plant.ok("receive", item="L1", material="STEEL", quantity="10 KGM")
    child = plant.ok("split", lot="L1", child="L1-A", quantity="2.5 KGM")
    assert child.item == "lot:STEEL:L1-A"
    assert qualities(plant) == {("L1-A", "L1", 0, 25)}
    assert plant.state("L1") == ItemState.Registered
    plant.refused(TraceStatus.UnitMismatch, "split", lot="L1", child="B", quantity="1 LTR")


def test_S10_serials_never_split(plant: Plant) -> None:
    plant.make("PUMP 1")
    plant.refused(TraceStatus.MalformedRequest, "split", lot="1", child="2")


def test_S10_merge_makes_a_new_lot(plant: Plant) -> None:
    plant.make("STEEL L1", "STEEL L2", "PUMP 1")
    lots = [{"item": "L1", "quantity": "1 KGM"}, {"item": "L2"}]
    merged = plant.ok("merge", lots=lots, item="M", material="STEEL")
    assert merged.item == "lot:STEEL:M"
    assert qualities(plant) == {("M", "L1", 0, 1), ("M", "L2", 0, None)}
    lots = [{"item": "L1"}, {"item": "1"}]
    plant.refused(TraceStatus.MalformedRequest, "merge", lots=lots, item="N", material="STEEL")
    lots = [{"item": "L1"}, {"item": "L2"}]
    plant.refused(TraceStatus.DuplicateIdentifier, "merge", lots=lots, item="M", material="STEEL")


def cut(plant: Plant, map_: list[dict[str, object]] | None) -> None:
    plant.make("STEEL L1", "STEEL L2")
    plant.ok(
        "transform",
        inputs=[{"item": "L1", "quantity": "4 KGM"}, {"item": "L2", "quantity": "6 KGM"}],
        outputs=[{"item": "A", "material": "PUMP"}, {"item": "B", "material": "PUMP"}],
        map=map_,
    )


def test_S11_with_a_map_the_edges_are_exact(plant: Plant) -> None:
    cut(plant, [{"output": 0, "input": 0, "quantity": "4 KGM"}, {"output": 1, "input": 1}])
    assert qualities(plant) == {("A", "L1", 0, 4), ("B", "L2", 0, None)}


def test_S11_without_a_map_the_edges_are_pooled_and_quantities_unknown(plant: Plant) -> None:
    cut(plant, None)
    assert qualities(plant) == {(o, i, 2, None) for o in "AB" for i in ("L1", "L2")}


def test_S11_one_output_is_exact_without_a_map(plant: Plant) -> None:
    plant.make("STEEL L1", "MOTOR 1")
    plant.ok(
        "transform",
        inputs=[{"item": "L1", "quantity": "4 KGM"}, {"item": "1"}],
        outputs=[{"item": "A", "material": "PUMP"}],
    )
    assert qualities(plant) == {("A", "L1", 0, 4), ("A", "1", 0, None)}
    assert plant.state("1") == ItemState.Consumed
    assert plant.state("L1") == ItemState.Registered
    plant.refused(TraceStatus.ItemScrapped, "start", item="1", station="OP10")


@pytest.mark.parametrize(
    "map_", [[{"output": 2, "input": 0}], [{"output": 0, "input": 2}], [{"output": 0, "input": 0}]]
)
def test_S11_map_must_fit(plant: Plant, map_: list[dict[str, int]]) -> None:
    plant.make("STEEL L1", "STEEL L2")
    plant.refused(
        TraceStatus.MalformedRequest,
        "transform",
        inputs=[{"item": "L1"}, {"item": "L2"}],
        outputs=[{"item": "A", "material": "PUMP"}, {"item": "B", "material": "PUMP"}],
        map=map_,
    )


def test_S2_one_output_twice_is_a_duplicate(plant: Plant) -> None:
    plant.make("STEEL L1")
    outputs = [{"item": "A", "material": "PUMP"}, {"item": "sn:PUMP:A", "material": "PUMP"}]
    plant.refused(
        TraceStatus.DuplicateIdentifier, "transform", inputs=[{"item": "L1"}], outputs=outputs
    )


def test_S11_a_map_that_leaves_out_an_input_is_refused() -> None:
    plant = Plant()
    plant.make("PUMP P1", "PUMP P2")
    receipt = plant.refused(
        TraceStatus.MalformedRequest,
        "transform",
        inputs=[{"item": "P1"}, {"item": "P2"}],
        outputs=[{"item": "C1", "material": "CAR"}],
        map=[{"output": 0, "input": 0}],
    )
    assert "an output for every input" in receipt.text


@pytest.mark.parametrize(
    "fields",
    [
        {
            "type": "transform",
            "inputs": [{"item": "L2"}],
            "outputs": [{"item": "L1", "material": "STEEL"}],
        },
        {"type": "split", "lot": "L2", "child": "L1"},
        {
            "type": "merge",
            "lots": [{"item": "L2"}, {"item": "L3"}],
            "item": "L1",
            "material": "STEEL",
        },
    ],
    ids=lambda fields: str(fields["type"]),
)
def test_S6_a_number_that_comes_again_closes_no_cycle_with_its_former_uses(
    fields: dict[str, object],
) -> None:
    plant = Plant()
    made = plant.ok("receive", item="L1", material="STEEL")
    plant.make("STEEL L2", "STEEL L3")
    used = plant.ok("consume", item="L2", lot="L1")
    plant.ok("void", record=made.record, reason="typo", acknowledged=[used.record])
    plant.refused(TraceStatus.WouldCloseCycle, parse_event(fields))


def test_S1_a_voided_generation_does_not_free_the_number_before_its_time() -> None:
    plant = Plant(masters=False)
    plant.master("material", "PUMP", kind="unit", reuse_after_days=1)
    day = 24 * 60
    plant.ok("register", 0, item="P", material="PUMP")
    again = plant.ok("register", 2 * day, item="P", material="PUMP")
    assert again.item == "sn:PUMP:P~1"
    plant.ok("void", record=again.record, reason="typo")
    early = {"item": "P", "material": "PUMP"}
    plant.refused(TraceStatus.DuplicateIdentifier, "register", day / 2, **early)
    assert plant.ok("register", 2 * day, **early).item == "sn:PUMP:P~1"


def test_an_event_of_thousands_of_items_takes_time_in_proportion() -> None:
    plant = Plant()
    counts = (500, 4000)
    seconds: dict[int, float] = {}
    for count in counts:
        numbers = [f"{count}-{n}" for n in range(count)]
        outputs = [{"item": number, "material": "PUMP"} for number in numbers]
        plant.make(f"STEEL L{count}")
        begun = time.perf_counter()
        plant.ok("transform", inputs=[{"item": f"L{count}"}], outputs=outputs)
        inputs = [{"item": number} for number in numbers]
        plant.ok("transform", inputs=inputs, outputs=[{"item": f"C{count}", "material": "CAR"}])
        seconds[count] = time.perf_counter() - begun
    few, many = (seconds[count] / count for count in counts)
    assert many < 4 * few
