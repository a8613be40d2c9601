"""Identities and what means them (SEMANTICS S1, S2)."""

from __future__ import annotations

import pytest

from tests.store.plant import Plant, instant
from tracenode.models.errors import AmbiguousItem, InvalidIdentifier, UnknownItem
from tracenode.models.events import parse_event
from tracenode.models.status import TraceStatus
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.resolve import public_id, resolve

GTIN = "09521234543213"
FORMS = (
    f"({'01'}){GTIN}(21)ABC",
    f"01{GTIN}21ABC\x1d17261231",
    f"]d201{GTIN}21ABC",
    f"https://id.gs1.org/01/{GTIN}/21/ABC",
    "urn:epc:id:sgtin:9521234.054321.ABC",
    "[)>\x1e06\x1d1PMOTOR\x1dSABC\x1e\x04",
)


@pytest.fixture
def plant() -> Plant:
    return Plant()


def test_S1_same_text_on_two_parts_is_two_items(plant: Plant) -> None:
    plant.make("PUMP 7", "MOTOR 7")
    plant.ok("start", item="sn:PUMP:7", station="OP10")
    refusal = plant.refused(TraceStatus.AmbiguousItem, "start", item="7", station="OP20")
    assert "sn:MOTOR:7" in refusal.text
    assert "sn:PUMP:7" in refusal.text


def test_S1_bare_text_resolves_where_one_item_has_it(plant: Plant) -> None:
    plant.make("PUMP 7")
    assert plant.ok("start", item="7", station="OP10").item == "sn:PUMP:7"


def test_S1_serials_restart_as_the_next_generation(plant: Plant) -> None:
    plant.master("material", "PUMP", kind="unit", reuse_after_days=1)
    assert plant.ok("register", 10, item="7", material="PUMP").item == "sn:PUMP:7"
    plant.refused(TraceStatus.DuplicateIdentifier, "register", 1000, item="7", material="PUMP")
    again = plant.ok("register", 10 + 24 * 60, item="7", material="PUMP")
    assert again.item == "sn:PUMP:7~1"
    assert resolve(plant.connection, "sn:PUMP:7").public == "sn:PUMP:7"
    with pytest.raises(AmbiguousItem):
        resolve(plant.connection, "7")


def test_S1_relabelling_is_an_alias_from_then_on(plant: Plant) -> None:
    plant.make("PUMP 7", "PUMP 8")
    plant.ok("relabel", 20, item="7", alias="CUST-99")
    assert resolve(plant.connection, "CUST-99").public == "sn:PUMP:7"
    with pytest.raises(UnknownItem):
        resolve(plant.connection, "CUST-99", 0)
    plant.refused(TraceStatus.DuplicateIdentifier, "relabel", item="8", alias="CUST-99")
    plant.refused(TraceStatus.DuplicateIdentifier, "relabel", item="8", alias="sn:PUMP:7")
    again = plant.ok("relabel", item="7", alias="CUST-99")
    assert plant.type_of(again) == "noted"
    assert plant.edges() == set()


def test_S1_carrier_tag_stands_for_its_item_while_it_is_bound(plant: Plant) -> None:
    plant.make("PUMP 7", "PUMP 8", "TRAY T1")
    plant.ok("bind", 20, carrier="T1", item="7")
    assert plant.ok("start", 21, item="T1", station="OP10").item == "sn:PUMP:7"
    assert plant.type_of(plant.ok("bind", 22, carrier="T1", item="7")) == "noted"
    plant.refused(TraceStatus.DuplicateIdentifier, "bind", 22, carrier="T1", item="8")
    plant.ok("unbind", 23, carrier="T1")
    plant.refused(TraceStatus.MalformedRequest, "unbind", 24, carrier="T1")
    plant.ok("bind", 25, carrier="T1", item="8")
    assert plant.ok("observe", item="T1").item == "sn:PUMP:8"
    microseconds = int(instant(22).timestamp()) * 1_000_000
    assert resolve(plant.connection, "T1", microseconds).public == "sn:PUMP:7"
    assert resolve(plant.connection, "carrier:TRAY:T1").public == "carrier:TRAY:T1"
    assert plant.replayed() == plant.dump()


@pytest.mark.parametrize("form", FORMS[:5])
def test_S1_every_form_of_a_code_means_the_item(plant: Plant, form: str) -> None:
    plant.master("material", "MOTOR", kind="unit", gtin=GTIN)
    plant.make("PUMP ABC")
    assert plant.ok("register", item=form, material="MOTOR").item == "sn:MOTOR:ABC"
    for other in FORMS:
        assert resolve(plant.connection, other).public == "sn:MOTOR:ABC"
        number = number_of(plant.connection, other)
        assert public_id(plant.connection, number) == "sn:MOTOR:ABC"
    with pytest.raises(UnknownItem):
        number_of(plant.connection, form, known=plant.seq - 1)


def test_S1_code_of_an_untold_product_is_the_number_itself(plant: Plant) -> None:
    registered = plant.ok("register", item=FORMS[3], material="MOTOR")
    assert registered.item == f"sn:MOTOR:(01){GTIN}(21)ABC"
    assert resolve(plant.connection, FORMS[4]).public == registered.item


def test_S1_code_of_another_product_is_refused(plant: Plant) -> None:
    plant.master("material", "MOTOR", kind="unit", gtin="04012345678901")
    plant.refused(TraceStatus.InvalidIdentifier, "register", item=FORMS[0], material="MOTOR")
    lot = f"(01){GTIN}(10)L7"
    plant.master("material", "PUMP", kind="unit", gtin=GTIN)
    plant.refused(TraceStatus.InvalidIdentifier, "register", item=lot, material="PUMP")


@pytest.mark.parametrize(
    "text",
    ["", "NOREAD", "??", "ABC\0\0", " 7", "A" * 65, "A" * 300, "A\tB", "(01)09521234543210(21)A"],
)
def test_S2_invalid_identifiers_are_refused_and_recorded(plant: Plant, text: str) -> None:
    for fields in (
        {"type": "register", "material": "PUMP"},
        {"type": "start", "station": "OP10"},
        {"type": "observe"},
    ):
        event = parse_event({"item": text, **fields})
        receipt = plant.refused(TraceStatus.InvalidIdentifier, event)
        assert plant.type_of(receipt) == "refused"
    with pytest.raises(InvalidIdentifier):
        number_of(plant.connection, text)


def test_S2_unknown_text_is_no_new_item(plant: Plant) -> None:
    plant.refused(TraceStatus.UnknownItem, "start", item="7", station="OP10")
    observed = plant.ok("observe", item="7", station="OP10")
    assert observed.item == ""
    assert plant.rows("SELECT * FROM item") == []


def test_S19_a_text_means_what_it_meant_at_a_position(plant: Plant) -> None:
    plant.make("PUMP 7", "PUMP 8")
    before = plant.seq
    label = plant.ok("relabel", item="7", alias="X")
    labelled = plant.seq
    plant.ok("void", record=label.record, reason="wrong pump")
    plant.ok("relabel", item="8", alias="X")
    means = {
        k: public_id(plant.connection, number_of(plant.connection, "X", None, k))
        for k in (labelled, plant.seq)
    }
    assert means == {labelled: "sn:PUMP:7", plant.seq: "sn:PUMP:8"}
    for known in (before, labelled + 1):
        with pytest.raises(UnknownItem):
            number_of(plant.connection, "X", None, known)
