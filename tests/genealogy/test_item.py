"""One item: its records and its state."""

from __future__ import annotations

import pytest

from tests.genealogy.asking import detail, made_of
from tests.store.plant import Plant, instant
from tracenode.models.answers import ItemHistory
from tracenode.models.errors import AmbiguousItem, MalformedRequest
from tracenode.models.events import EVENT_TYPES
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.genealogy import answer
from tracenode.server.genealogy.items import narrative


def test_history_is_in_event_order_with_words_from_the_records() -> None:
    plant = Plant()
    plant.ok("register", 1, item="U", material="PUMP")
    plant.ok("receive", 1, item="L", material="STEEL", quantity="10 kg", supplier="ACME")
    plant.ok("start", 2, item="U", station="OP10")
    plant.ok("complete", 4, item="U", station="OP10", evaluation=2, failure_code="E7")
    plant.ok("consume", 3, item="U", lot="L", quantity="1.5 KGM", position="left")
    asked = answer(plant.connection, ItemHistory(item="U"))
    assert asked.root == "sn:PUMP:U"
    assert [entry.text for entry in asked.entries] == [
        "registered as PUMP",
        "started at OP10",
        "1.5 KGM of lot:STEEL:L consumed by sn:PUMP:U, position left",
        "completed at OP10: NotOK (E7)",
    ]
    assert [entry.at for entry in asked.entries] == [instant(m) for m in (1, 2, 3, 4)]
    assert [entry.station for entry in asked.entries] == ["", "OP10", "", "OP10"]
    early = answer(plant.connection, ItemHistory(item="U", as_of=instant(2)))
    assert early.entries == asked.entries[:2]


def test_voided_records_stay_and_say_by_which() -> None:
    plant = Plant()
    plant.make("PUMP U", "STEEL L", "STEEL K")
    used = plant.ok("consume", item="U", lot="L")
    known = plant.seq
    replacement = {"type": "consume", "item": "U", "lot": "K"}
    corrected = plant.ok("correct", record=used.record, replacement=replacement, reason="typo")
    entries = answer(plant.connection, ItemHistory(item="U")).entries
    assert [(entry.type, entry.voided_by) for entry in entries] == [
        ("register", None),
        ("consume", corrected.record),
        ("correct", None),
    ]
    assert entries[2].text == (
        f"corrected record {used.record}: typo; instead: lot:STEEL:K consumed by sn:PUMP:U"
    )
    before = answer(plant.connection, ItemHistory(item="U", as_known_at=known)).entries
    assert [entry.voided_by for entry in before] == [None, None]
    assert [e.type for e in answer(plant.connection, ItemHistory(item="K")).entries][
        -1
    ] == "correct"


def test_history_comes_in_pages() -> None:
    plant = Plant()
    plant.make("PUMP U")
    for _ in range(5):
        plant.ok("start", item="U", station="OP10")
        plant.ok("abort", item="U", station="OP10")
    whole = answer(plant.connection, ItemHistory(item="U"))
    assert whole.total == len(whole.entries) == 11
    page = answer(plant.connection, ItemHistory(item="U", offset=3, limit=4))
    assert (page.entries, page.total) == (whole.entries[3:7], 11)
    with pytest.raises(MalformedRequest):
        answer(plant.connection, ItemHistory(item="U", offset=-1))


def test_every_kind_of_event_has_words() -> None:
    assert narrative._WORDS.keys() == EVENT_TYPES.keys()


def test_detail_says_what_stands_at_the_moment() -> None:
    plant = Plant()
    plant.master("order", "4711", material="PUMP", quantity="3 H87")
    plant.ok("register", 1, item="U", material="PUMP", quantity="1 H87")
    for text, material in {"M1": "MOTOR", "M2": "MOTOR", "V": "CAR", "L": "STEEL"}.items():
        plant.ok("register", 1, item=text, material=material)
    plant.ok("register", 1, item="B", material="BOX")
    plant.ok("start", 2, item="U", station="OP10", order="4711")
    plant.ok("consume", 3, item="U", lot="L")
    plant.ok("assemble", 4, parent="U", part="M1")
    plant.ok("replace", 5, parent="U", old_part="M1", new_part="M2")
    plant.ok("complete", 6, item="U", station="OP10", evaluation=1)
    plant.ok("pack", 7, container="B", item="U")
    plant.ok("unpack", 8, container="B", item="U")
    plant.ok("assemble", 9, parent="V", part="U")
    view = detail(plant, "U")
    assert (view.item, view.kind, view.material, view.text) == (
        "sn:PUMP:U",
        ItemKind.Unit,
        "PUMP",
        "U",
    )
    assert (view.state, view.station, view.order) == (ItemState.Completed, "OP10", "4711")
    assert (str(view.quantity), view.updated_at) == ("1 H87", instant(9))
    assert (view.parts, view.part_of) == (("sn:MOTOR:M2",), "sn:CAR:V")
    assert (view.made_from, view.packed_in) == (("lot:STEEL:L",), None)
    assert detail(plant, "M2").replaces == ("sn:MOTOR:M1",)
    then = detail(plant, "U", 4)
    assert (then.state, then.parts, then.part_of) == (ItemState.InProcess, ("sn:MOTOR:M1",), None)
    assert detail(plant, "U", 7).packed_in == "container:BOX:B"


def test_a_bare_number_on_two_parts_is_ambiguous() -> None:
    plant = Plant()
    plant.make("PUMP X1")
    known = plant.seq
    plant.make("MOTOR X1")
    with pytest.raises(AmbiguousItem):
        detail(plant, "X1")
    assert detail(plant, "sn:MOTOR:X1").material == "MOTOR"
    assert detail(plant, "X1", as_known_at=known).material == "PUMP"


def test_what_began_and_ended_at_one_instant_still_counts() -> None:
    plant = Plant()
    plant.ok("receive", 1, item="U", material="PUMP", quantity="1 H87", order="")
    plant.ok("start", 1, item="U", station="OP10")
    plant.ok("complete", 1, item="U", station="OP10", evaluation=1)
    view = detail(plant, "U")
    assert (view.station, str(view.quantity), view.state) == ("OP10", "1 H87", ItemState.Completed)
    assert detail(plant, "U", 1) == view
    assert made_of(plant, "U").statement.complete
    known = plant.seq
    plant.ok("start", 2, item="U", station="OP20")
    assert detail(plant, "U", as_known_at=known) == view
