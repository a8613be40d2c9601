"""The interlock (SEMANTICS S18): what may go into what, and in what order it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.plant import Plant, instant
from tracenode.models.status import TraceStatus as S

EXPIRES = 500.0
"""Minute."""


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("PUMP P1", "PUMP P2", "MOTOR M1", "MOTOR M2", "CAR C1")
    return plant


def lot(plant: Plant, number: str, material: str = "STEEL", expires: float | None = None) -> None:
    moment = None if expires is None else instant(expires).isoformat()
    plant.ok("receive", item=number, material=material, quantity="10 KGM", expires_at=moment)


def draws(of: str) -> Iterator[dict[str, Any]]:
    """Every way to draw from a lot."""
    yield {"event": "consume", "item": "P1", "lot": of}
    yield {
        "event": "transform",
        "inputs": [{"item": of}],
        "outputs": [{"item": f"N{of}", "material": "GLUE"}],
    }


def putting(of: str) -> Iterator[dict[str, Any]]:
    """Every way to put a part into P1, M1 being in it."""
    yield {"event": "assemble", "parent": "P1", "part": of}
    yield {"event": "replace", "parent": "P1", "old_part": "M1", "new_part": of}
    yield {"event": "consume", "item": "P1", "lot": of}
    yield {
        "event": "transform",
        "inputs": [{"item": of}],
        "outputs": [{"item": f"N{of}", "material": "PUMP"}],
    }


# ------------------------------------------------------------------ expiry
def test_S18_material_is_refused_from_its_expiry_on(plant: Plant) -> None:
    lot(plant, "L1", expires=EXPIRES)
    for draw in draws("L1"):
        plant.ok(**draw, minute=EXPIRES - 1)
        draw["outputs"] = [{"item": "N2", "material": "GLUE"}] if "outputs" in draw else None
        event = {key: value for key, value in draw.items() if value is not None}
        refusal = plant.refused(S.MaterialExpired, **event, minute=EXPIRES)
        assert refusal.text == "lot:STEEL:L1 expired at 2026-01-05T14:20:00+00:00"
    plant.ok("consume", EXPIRES - 2, item="P1", lot="L1")


def test_S18_an_expired_part_is_refused(plant: Plant) -> None:
    plant.ok("register", item="M3", material="MOTOR", expires_at=instant(EXPIRES).isoformat())
    plant.ok("assemble", parent="P1", part="M1")
    for put in putting("M3"):
        plant.refused(S.MaterialExpired, **put, minute=EXPIRES)


def test_S18_a_shelf_life_counts_from_the_birth_and_passes_to_what_is_split_or_merged(
    plant: Plant,
) -> None:
    plant.master("material", "GLUE", kind="lot", shelf_life_days=1)
    plant.ok("receive", 0, item="G1", material="GLUE", quantity="10 KGM")
    plant.ok("receive", 60, item="G2", material="GLUE", quantity="10 KGM")
    plant.ok("receive", 61, item="G3", material="GLUE", expires_at=instant(2000).isoformat())
    plant.ok("split", lot="G2", child="G4", quantity="1 KGM")
    plant.ok("merge", lots=[{"item": "G2"}, {"item": "G3"}], item="G5", material="GLUE")
    expired = "SELECT i.text, (i.expires - 1767592800000000) / 60000000 FROM item i JOIN type t"
    rows = plant.rows(f"{expired} ON t.id=i.type WHERE t.code='GLUE' ORDER BY i.text")
    assert rows == [("G1", 1440), ("G2", 1500), ("G3", 2000), ("G4", 1500), ("G5", 1500)]
    plant.refused(S.MaterialExpired, "consume", 1440, item="P1", lot="G1")
    plant.ok("consume", 1999, item="P1", lot="G3")
    assert plant.replayed() == plant.dump()


def test_S13_a_corrected_expiry_counts(plant: Plant) -> None:
    fields: dict[str, Any] = {"type": "receive", "item": "L1", "material": "STEEL"}
    made = plant.ok(**{"event": "receive", **fields, "expires_at": instant(50).isoformat()})
    plant.refused(S.MaterialExpired, "consume", 60, item="P1", lot="L1")
    fields["expires_at"] = instant(70).isoformat()
    plant.ok("correct", record=made.record, reason="misread", replacement=fields)
    plant.ok("consume", 60, item="P1", lot="L1")
    plant.refused(S.MaterialExpired, "consume", 70, item="P1", lot="L1")
    assert plant.replayed() == plant.dump()


# ------------------------------------------------------------------ out of use, bill of material
def test_S18_material_that_is_out_of_use_is_refused(plant: Plant) -> None:
    lot(plant, "L1")
    plant.ok("assemble", parent="P1", part="M1")
    for material, draw in (
        *(("STEEL", draw) for draw in draws("L1")),
        *(("MOTOR", put) for put in putting("M2")),
    ):
        plant.ok("master", kind="material", key=material, data=None)
        refusal = plant.refused(S.MaterialBlocked, **draw)
        assert refusal.text.endswith(f": {material} is out of use")
    plant.ok("remove", parent="P1", part="M1")


def test_S18_what_is_not_in_the_bill_is_refused(plant: Plant) -> None:
    lines = [{"material": "STEEL"}, {"material": "BOLT", "position": "left"}]
    plant.master("bom", "PUMP", components=lines)
    lot(plant, "L1")
    lot(plant, "G1", "GLUE")
    plant.make("CAR C2")
    plant.ok("consume", item="P1", lot="L1")
    plant.ok("consume", item="C1", lot="G1")
    wrong: dict[str, Any] = {"event": "consume", "item": "P1", "lot": "G1"}
    for put in (*putting("M2"), wrong):
        if put["event"] == "replace":
            continue
        refusal = plant.refused(S.PartNotInBom, **put)
        assert refusal.text.endswith("expected STEEL, BOLT at left")
    plant.ok("master", kind="bom", key="PUMP", data=None)
    plant.ok("assemble", parent="P1", part="M2")


def test_S18_a_position_of_the_bill_counts_where_both_are_known(plant: Plant) -> None:
    plant.master("bom", "CAR", components=[{"material": "PUMP"}])
    lines = [{"material": "MOTOR", "position": "left"}]
    plant.master("bom", "PUMP", components=lines)
    at: dict[str, Any] = {"parent": "P1", "part": "M1"}
    refusal = plant.refused(S.PartNotInBom, "assemble", **at, position="right")
    assert refusal.text == ("MOTOR at right does not go into sn:PUMP:P1: expected MOTOR at left")
    plant.ok("assemble", **at, position="left")
    plant.refused(
        S.PartNotInBom, "replace", parent="P1", old_part="M1", new_part="M2", position="right"
    )
    plant.ok("replace", parent="P1", old_part="M1", new_part="M2")
    plant.ok("assemble", parent="C1", part="P1", position="front")


def test_S18_an_input_is_looked_for_in_the_bills_of_what_it_went_into(plant: Plant) -> None:
    plant.master("bom", "PUMP", components=[{"material": "STEEL"}])
    plant.master("bom", "MOTOR", components=[{"material": "GLUE"}])
    lot(plant, "L1")
    lot(plant, "G1", "GLUE")
    plant.master("material", "WASTE", kind="lot")
    lot(plant, "X1", "WASTE")
    outputs = [{"item": "P9", "material": "PUMP"}, {"item": "M9", "material": "MOTOR"}]
    inputs = [{"item": "L1"}, {"item": "G1"}]
    crossed = [{"output": 0, "input": 1}, {"output": 1, "input": 0}]
    refusal = plant.refused(
        S.PartNotInBom, "transform", inputs=inputs, outputs=outputs, map=crossed
    )
    assert refusal.text == "GLUE does not go into sn:PUMP:P9: expected STEEL"
    plant.refused(S.PartNotInBom, "transform", inputs=[*inputs, {"item": "X1"}], outputs=outputs)
    plant.ok("transform", inputs=inputs, outputs=outputs)
    straight = [{"output": 0, "input": 0}, {"output": 1, "input": 1}]
    again = [{"item": "P10", "material": "PUMP"}, {"item": "M10", "material": "MOTOR"}]
    plant.ok("transform", inputs=inputs, outputs=again, map=straight)


# ------------------------------------------------------------------ order
@pytest.mark.parametrize("way", ["assemble", "replace", "consume", "transform"])
def test_S18_refusals_of_material_come_in_their_order(plant: Plant, way: str) -> None:
    """One part violates what it can; each thing set right uncovers the next refusal."""
    plant.ok("register", item="M9", material="MOTOR", expires_at=instant(EXPIRES).isoformat())
    plant.ok("assemble", parent="P1", part="M1")
    plant.ok("assemble", parent="C1", part="M9")
    put = {draw["event"]: draw for draw in putting("M9")}[way]
    plant.master("bom", "PUMP", components=[{"material": "STEEL"}])
    hold = plant.ok("hold", item="M9", reason="suspect")
    plant.ok("master", kind="material", key="MOTOR", data=None)
    scrapped = plant.ok("scrap", item="M9")
    later = EXPIRES + 1
    found = [plant.book(**put, minute=later).status]
    plant.ok("void", record=scrapped.record, reason="not scrapped")
    found.append(plant.book(**put, minute=later).status)
    plant.ok("release", hold=hold.record, reason="good")
    found.append(plant.book(**put, minute=later).status)
    now = EXPIRES - 1
    found.append(plant.book(**put, minute=now).status)
    plant.master("material", "MOTOR", kind="unit")
    found.append(plant.book(**put, minute=now).status)
    plant.ok("master", kind="bom", key="PUMP", data=None)
    found.append(plant.book(**put, minute=now).status)
    plant.ok("remove", now - 1, parent="C1", part="M9")
    found.append(plant.book(**put, minute=now).status)
    assert [status.name for status in found] == [
        "ItemScrapped",
        "ItemOnHold",
        "MaterialExpired",
        "MaterialBlocked",
        "PartNotInBom",
        "PartAlreadyInstalled",
        "Ok",
    ]
