"""Where the quantity of a lot or container went (SEMANTICS S9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.genealogy.asking import recall
from tests.store.plant import Plant, instant
from tracenode.models.analysis import MassBalance
from tracenode.models.answers import Balance, canonical
from tracenode.models.errors import MalformedRequest
from tracenode.server.genealogy import answer

PARTS = ("received", "produced", "filled", "consumed", "scrapped", "shipped", "corrected")


def balance(plant: Plant, item: str, at: float | None = None, **more: Any) -> Balance:
    as_of = None if at is None else instant(at)
    return answer(plant.connection, MassBalance(item=item, as_of=as_of, **more)).balance


def told(found: Balance) -> dict[str, str | None]:
    """The parts that are not nothing, and the balance."""
    parts = {part: getattr(found, part) for part in (*PARTS, "balance")}
    return {
        part: None if quantity is None else str(quantity)
        for part, quantity in parts.items()
        if quantity is None or quantity.mantissa
    }


def test_a_lot_is_what_came_less_what_went() -> None:
    plant = Plant()
    plant.make("PUMP P", "BOX S")
    plant.ok("receive", item="L", material="STEEL", quantity="10 KGM")
    plant.ok("consume", item="P", lot="L", quantity="1500 GRM")
    plant.ok("fill", container="S", lot="L", quantity="2 KGM")
    plant.ok("split", lot="L", child="C", quantity="3 KGM")
    plant.ok("adjust", lot="L", quantity="-0.25 KGM", reason="counted")
    assert told(balance(plant, "L")) == {
        "received": "10 KGM",
        "consumed": "6.5 KGM",
        "corrected": "-0.25 KGM",
        "balance": "3.25 KGM",
    }
    assert told(balance(plant, "C")) == {"produced": "3 KGM", "balance": "3 KGM"}
    plant.ok("ship", items=["L"])
    assert told(balance(plant, "L"))["shipped"] == "3.25 KGM"
    assert "balance" not in told(balance(plant, "L"))
    plant.ok("scrap", item="C")
    assert told(balance(plant, "C")) == {"produced": "3 KGM", "scrapped": "3 KGM"}
    assert recall(plant, "L").balance == balance(plant, "L")
    assert recall(plant, "P").balance is None


def test_a_tank_is_what_was_filled_in_and_emptying_takes_the_rest() -> None:
    plant = Plant()
    plant.make("PUMP P", "BOX S", "BOX K")
    assert balance(plant, "S") == balance(plant, "K")
    plant.ok("receive", item="L", material="STEEL", quantity="100 KGM")
    plant.ok("fill", container="S", lot="L", quantity="50 KGM")
    plant.ok("transfer", source="S", target="K", quantity="20 KGM")
    assert told(balance(plant, "S")) == {
        "filled": "50 KGM",
        "consumed": "20 KGM",
        "balance": "30 KGM",
    }
    plant.ok("empty", container="S")
    plant.ok("fill", container="S", lot="L", quantity="5 KGM")
    assert told(balance(plant, "S")) == {
        "filled": "55 KGM",
        "consumed": "20 KGM",
        "scrapped": "30 KGM",
        "balance": "5 KGM",
    }
    assert told(balance(plant, "K")) == {"filled": "20 KGM", "balance": "20 KGM"}
    assert recall(plant, "S").balance == balance(plant, "S")


def test_unknown_is_counted_and_never_nothing_until_the_tank_is_emptied() -> None:
    plant = Plant()
    plant.make("PUMP P", "BOX S")
    plant.ok("receive", item="L", material="STEEL", quantity="100 KGM")
    plant.ok("fill", container="S", lot="L", quantity="50 KGM")
    plant.ok("consume", item="P", lot="S")
    plant.ok("consume", item="P", lot="S", quantity="2 LTR")
    found = balance(plant, "S")
    assert told(found) == {"filled": "50 KGM", "consumed": None, "balance": None}
    assert found.unknown == 2
    plant.ok("empty", container="S")
    plant.ok("fill", container="S", lot="L", quantity="1 KGM")
    assert told(balance(plant, "S")) == {
        "filled": "51 KGM",
        "consumed": None,
        "scrapped": None,
        "balance": "1 KGM",
    }
    plant.ok("receive", item="M", material="STEEL")
    assert told(balance(plant, "M")) == dict.fromkeys((*PARTS, "balance"))
    assert balance(plant, "M").unknown == 1


def test_what_was_over_consumed_says_so_and_emptying_puts_it_right() -> None:
    plant = Plant()
    plant.make("PUMP P")
    plant.ok("receive", item="L", material="STEEL", quantity="1 KGM")
    plant.ok("consume", item="P", lot="L", quantity="1 KGM")
    assert not balance(plant, "L").over_consumed
    plant.ok("consume", item="P", lot="L", quantity="1 GRM")
    found = balance(plant, "L")
    assert (found.over_consumed, str(found.balance)) == (True, "-0.001 KGM")
    plant.ok("empty", container="L")
    found = balance(plant, "L")
    assert (found.over_consumed, str(found.corrected), str(found.balance)) == (
        True,
        "0.001 KGM",
        "0 KGM",
    )


def test_an_amount_that_is_not_exact_in_the_lots_unit_is_told_in_the_base_unit() -> None:
    plant = Plant()
    plant.make("PUMP P")
    plant.ok("receive", item="L", material="STEEL", quantity="10 LBR")
    plant.ok("consume", item="P", lot="L", quantity="1 LBR")
    assert told(balance(plant, "L"))["balance"] == "9 LBR"
    plant.ok("consume", item="P", lot="L", quantity="1 KGM")
    found = balance(plant, "L")
    assert (found.unit, str(found.received), str(found.balance)) == (
        "KGM",
        "4.5359237 KGM",
        "3.08233133 KGM",
    )


def test_ingredients_of_a_lot_are_part_of_what_it_was_made_with() -> None:
    plant = Plant()
    plant.ok("register", item="MIX", material="GLUE", quantity="10 KGM")
    plant.ok("receive", item="L", material="STEEL", quantity="8 KGM")
    plant.ok("consume", item="MIX", lot="L", quantity="8 KGM")
    assert told(balance(plant, "MIX")) == {"produced": "10 KGM", "balance": "10 KGM"}
    plant.ok(
        "transform",
        inputs=[{"item": "MIX", "quantity": "4 KGM"}, {"item": "L"}],
        outputs=[{"item": "X", "material": "GLUE", "quantity": "4 KGM"}],
    )
    assert told(balance(plant, "MIX"))["balance"] == "6 KGM"
    assert told(balance(plant, "X")) == {"produced": "4 KGM", "balance": "4 KGM"}
    assert balance(plant, "L").consumed is None


def test_it_is_as_of_a_time_knowing_what_was_known() -> None:
    plant = Plant()
    plant.make("PUMP P")
    plant.ok("receive", 10, item="L", material="STEEL", quantity="10 KGM")
    used = plant.ok("consume", 12, item="P", lot="L", quantity="1 KGM")
    known = plant.seq
    question = MassBalance(item="L")
    before = canonical(answer(plant.connection, question))
    plant.ok("consume", 11, item="P", lot="L", quantity="4 KGM")
    assert told(balance(plant, "L", 11.5))["balance"] == "6 KGM"
    plant.ok(
        "correct",
        record=used.record,
        replacement={
            "type": "consume",
            "item": "P",
            "lot": "L",
            "quantity": "2 KGM",
            "event_time": instant(12).isoformat(),
        },
        reason="weighed",
    )
    assert told(balance(plant, "L"))["balance"] == "4 KGM"
    assert told(balance(plant, "L", 11.5))["balance"] == "6 KGM"
    again = MassBalance(item="L", as_known_at=known)
    assert canonical(answer(plant.connection, again)) == before


@pytest.mark.parametrize("item", ["PUMP U", "TRAY T"])
def test_only_what_is_divisible_has_a_balance(item: str) -> None:
    plant = Plant()
    plant.make(item)
    with pytest.raises(MalformedRequest, match="a lot or a container"):
        balance(plant, item.split()[1])


def test_what_was_drawn_from_a_placeholder_was_drawn_from_the_lot_that_it_is() -> None:
    plant = Plant()
    plant.make("PUMP P")
    plant.master("station", "OP10", unknown_items="placeholder")
    plant.ok("consume", item="P", lot="L", quantity="4 KGM", station="OP10")
    plant.ok("receive", item="L", material="STEEL", quantity="10 KGM")
    plant.ok("consume", item="P", lot="lot:STEEL:L", quantity="1 KGM")
    before = plant.seq
    plant.ok("identify", placeholder="lot:?:L", item="lot:STEEL:L")
    found = {"received": "10 KGM", "consumed": "5 KGM", "balance": "5 KGM"}
    assert told(balance(plant, "lot:STEEL:L")) == found
    assert told(balance(plant, "lot:STEEL:L", as_known_at=before))["consumed"] == "1 KGM"
    plant.ok("consume", item="P", lot="lot:?:L", quantity="2 KGM")
    plant.ok("scrap", item="lot:STEEL:L")
    assert told(balance(plant, "lot:STEEL:L"))["scrapped"] == "3 KGM"
