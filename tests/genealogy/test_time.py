"""What time allows: a path counts only if its edges share an instant (SEMANTICS S6, S7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.genealogy.asking import into, made_of, path, texts, used_in
from tests.store.plant import Plant, instant
from tracenode.models.errors import MalformedRequest, UnknownItem
from tracenode.models.genealogy import HitMark


@pytest.fixture
def repaired() -> Plant:
    """Module M with cell C1 is in vehicle V from 10 to 20; outside, C2 takes the place of C1 at
    25; M2 is in V from 21 on."""
    plant = Plant()
    for text, material in {
        "V": "CAR",
        "M": "MOTOR",
        "M2": "MOTOR",
        "C1": "PUMP",
        "C2": "PUMP",
    }.items():
        plant.ok("register", 0, item=text, material=material)
    plant.ok("assemble", 5, parent="M", part="C1")
    plant.ok("assemble", 10, parent="V", part="M")
    plant.ok("remove", 20, parent="V", part="M")
    plant.ok("assemble", 21, parent="V", part="M2")
    plant.ok("replace", 25, parent="M", old_part="C1", new_part="C2")
    return plant


def test_ingredients_are_as_built_at_the_time_asked(repaired: Plant) -> None:
    assert texts(made_of(repaired, "V")) == "M2"
    assert texts(made_of(repaired, "V", 9)) == ""
    assert texts(made_of(repaired, "V", 10)) == "C1 M"
    assert texts(made_of(repaired, "V", 19.9)) == "C1 M"
    assert texts(made_of(repaired, "V", 20)) == ""
    assert texts(made_of(repaired, "M", 24)) == "C1"
    assert texts(made_of(repaired, "M")) == "C2"


def test_a_replaced_part_is_in_the_answer_before_and_not_after(repaired: Plant) -> None:
    assert texts(made_of(repaired, "M", 24.9)) == "C1"
    assert texts(made_of(repaired, "M", 25)) == "C2"


def test_ever_shows_for_a_vehicle_what_was_in_a_module_while_it_was_inside(repaired: Plant) -> None:
    assert texts(made_of(repaired, "V", ever=True)) == "C1 M M2"
    assert texts(made_of(repaired, "V", 15, ever=True)) == "C1 M"


def test_where_used_is_ever_unless_a_time_is_given(repaired: Plant) -> None:
    asked = used_in(repaired, "C1")
    assert texts(asked) == "M V"
    assert {node.mark for node in asked.nodes if node.depth} == {HitMark.Removed}
    assert texts(used_in(repaired, "C1", 15)) == "M V"
    assert texts(used_in(repaired, "C1", 22)) == "M"
    assert texts(used_in(repaired, "C1", 30)) == ""
    assert texts(used_in(repaired, "C2")) == "M"


def test_a_path_is_the_shortest_that_shares_an_instant(repaired: Plant) -> None:
    assert into(path(repaired, "C1", "V")) == "C1 M V"
    assert into(path(repaired, "C1", "V", 15)) == "C1 M V"
    assert into(path(repaired, "C1", "V", 22)) == ""
    assert into(path(repaired, "C2", "V")) == ""
    assert into(path(repaired, "V", "V")) == "V"


def test_a_detour_is_taken_where_the_short_way_shares_no_instant() -> None:
    plant = Plant()
    plant.make("PUMP A", "PUMP B", "MOTOR C", "MOTOR D", "CAR V", "CAR W")
    plant.ok("assemble", 10, parent="B", part="A")
    plant.ok("assemble", 12, parent="V", part="B")
    plant.ok("remove", 14, parent="V", part="B")
    plant.ok("remove", 15, parent="B", part="A")
    plant.ok("assemble", 16, parent="C", part="A")
    plant.ok("assemble", 17, parent="D", part="C")
    plant.ok("assemble", 18, parent="W", part="D")
    plant.ok("assemble", 19, parent="W", part="B")
    asked = path(plant, "A", "W")
    assert into(asked) == "A C D W"
    assert [edge.valid_from for edge in asked.edges] == [instant(16), instant(17), instant(18)]


def test_an_answer_knows_no_more_than_was_known() -> None:
    plant = Plant()
    plant.make("PUMP U", "STEEL L", "STEEL K")
    used = plant.ok("consume", 10, item="U", lot="L")
    before = plant.seq
    plant.ok("void", record=used.record, reason="other lot")
    plant.ok("consume", 9, item="U", lot="K")
    assert texts(made_of(plant, "U")) == "K"
    assert texts(made_of(plant, "U", as_known_at=before)) == "L"
    assert texts(made_of(plant, "U", as_known_at=before + 1)) == ""
    assert texts(made_of(plant, "U", 9.5)) == "K"
    assert texts(made_of(plant, "U", 9.5, as_known_at=before)) == ""
    assert texts(used_in(plant, "L")) == ""
    assert texts(used_in(plant, "L", as_known_at=before)) == "U"


def test_as_known_at_is_a_position_or_a_record_time_and_clamped_at_the_head() -> None:
    plant = Plant()
    plant.make("PUMP U", "STEEL L")
    early = plant.seq
    plant.minute = 30
    plant.ok("consume", item="U", lot="L")
    head = plant.seq
    ahead = made_of(plant, "U", as_known_at=head + 1000)
    assert ahead.statement.as_known_at == head
    assert ahead == made_of(plant, "U")
    assert made_of(plant, "U", as_known_at=instant(31)).statement.as_known_at == head
    by_time = made_of(plant, "U", as_known_at=instant(30.9))
    assert by_time.statement.as_known_at == early
    assert texts(by_time) == ""
    assert by_time == made_of(plant, "U", as_known_at=early)
    digest = plant.rows("SELECT hash FROM journal WHERE seq=?", early)[0][0].hex()
    assert by_time.statement.data_version == f"{early}:{digest}"


def test_what_is_not_known_yet_is_no_item() -> None:
    plant = Plant()
    plant.make("PUMP U")
    before = plant.seq
    plant.make("PUMP W")
    with pytest.raises(UnknownItem):
        made_of(plant, "W", as_known_at=before)
    with pytest.raises(UnknownItem):
        made_of(plant, "U", as_known_at=0)
    with pytest.raises(UnknownItem):
        made_of(plant, "NONE")


def test_times_and_limits_that_can_not_be_meant_are_refused() -> None:
    plant = Plant()
    plant.make("PUMP U")
    wrongs: tuple[dict[str, Any], ...] = (
        {"as_known_at": -1},
        {"as_known_at": instant(1).replace(tzinfo=None)},
        {"max_nodes": 0},
        {"max_depth": -1},
    )
    for wrong in wrongs:
        with pytest.raises(MalformedRequest):
            made_of(plant, "U", **wrong)
