"""Operations at stations and the interlock (SEMANTICS S14, S18, S22)."""

from __future__ import annotations

import pytest

from tests.store.plant import Plant
from tracenode.models.events import parse_event
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus

OK, NOT_OK = 1, 2


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("PUMP P1", "PUMP P2", "STEEL L1")
    return plant


def test_S18_a_second_check_in_while_open_is_idempotent(plant: Plant) -> None:
    plant.ok("start", item="P1", station="OP10")
    before = plant.dump()
    again = plant.ok("start", item="P1", station="OP10")
    assert plant.type_of(again) == "noted"
    assert plant.dump() == before


def test_S18_after_completion_it_is_a_new_operation(plant: Plant) -> None:
    for _ in range(2):
        assert plant.type_of(plant.ok("start", item="P1", station="OP10")) == "start"
        plant.ok("complete", item="P1", station="OP10", evaluation=OK)
    assert plant.rows("SELECT count(*) FROM visit") == [(2,)]


def test_S18_open_elsewhere_is_a_duplicate(plant: Plant) -> None:
    plant.ok("start", item="P1", station="OP10")
    receipt = plant.refused(TraceStatus.DuplicateIdentifier, "start", item="P1", station="OP20")
    assert "OP10" in receipt.text


def test_S18_completion_without_a_start_names_what_is_in_process(plant: Plant) -> None:
    plant.ok("start", item="P2", station="OP10")
    for type_, fields in (("complete", {"evaluation": OK}), ("abort", {})):
        receipt = plant.refused(TraceStatus.NotStarted, type_, item="P1", station="OP10", **fields)
        assert "sn:PUMP:P2 is in process there" in receipt.text
    receipt = plant.refused(
        TraceStatus.NotStarted, "complete", item="P2", station="OP20", evaluation=OK
    )
    assert "nothing is in process there" in receipt.text


def test_S18_verdict_decides_the_state(plant: Plant) -> None:
    plant.ok("start", item="P1", station="OP10")
    assert plant.state("P1") == ItemState.InProcess
    plant.ok("complete", item="P1", station="OP10", evaluation=OK)
    assert plant.state("P1") == ItemState.Completed
    plant.ok("start", item="P1", station="OP20")
    plant.ok("abort", item="P1", station="OP20")
    assert plant.state("P1") == ItemState.Completed
    plant.ok("start", item="P1", station="OP20")
    plant.ok("complete", item="P1", station="OP20", evaluation=NOT_OK)
    assert plant.state("P1") == ItemState.Registered


@pytest.mark.parametrize("how", ["scrap", "ship", "consume"])
def test_S18_what_left_the_process_is_refused(plant: Plant, how: str) -> None:
    plant.ok("start", item="P1", station="OP10")
    match how:
        case "scrap":
            plant.ok("scrap", item="P1")
        case "ship":
            plant.ok("ship", items=["P1"])
        case _:
            plant.ok("consume", item="P2", lot="P1")
    assert plant.rows("SELECT count(*) FROM visit WHERE until=4611686018427387904") == [(0,)]
    for fields in (
        {"type": "start", "item": "P1", "station": "OP10"},
        {"type": "complete", "item": "P1", "station": "OP10", "evaluation": OK},
        {"type": "assemble", "parent": "P1", "part": "P2"},
        {"type": "assemble", "parent": "P2", "part": "P1"},
        {"type": "consume", "item": "P1", "lot": "L1"},
        {"type": "scrap", "item": "P1"},
        {"type": "ship", "items": ["P1"]},
    ):
        plant.refused(TraceStatus.ItemScrapped, parse_event(fields))
    plant.ok("measure", item="P1", measurements=[{"name": "force", "value": 1.5}])


def test_S18_order_of_checks_is_identity_duplicate_hold(plant: Plant) -> None:
    plant.ok("start", item="P1", station="OP10")
    plant.ok("hold", item="P1", reason="suspect")
    plant.refused(TraceStatus.UnknownItem, "start", item="P9", station="OP20")
    plant.refused(TraceStatus.DuplicateIdentifier, "start", item="P1", station="OP20")
    plant.ok("complete", item="P1", station="OP10", evaluation=OK)
    plant.refused(TraceStatus.ItemOnHold, "start", item="P1", station="OP20")


def test_S18_answers_what_next_from_the_route(plant: Plant) -> None:
    steps = [
        {"step": "weld", "station": "OP10", "recipe": "W7"},
        {"step": "test", "station": "OP20", "recipe": "T3"},
        {"step": "pack"},
    ]
    plant.master("route", "PUMP", steps=steps)
    made = plant.ok("register", item="P3", material="PUMP")
    assert (made.next_step, made.recipe) == ("weld", "W7")
    begun = plant.ok("start", item="P3", station="OP10")
    assert (begun.next_step, begun.recipe) == ("weld", "W7")
    failed = plant.ok("complete", item="P3", station="OP10", evaluation=NOT_OK)
    assert failed.next_step == "weld"
    plant.ok("start", item="P3", station="OP10")
    passed = plant.ok("complete", item="P3", station="OP10", evaluation=OK)
    assert (passed.next_step, passed.recipe) == ("test", "T3")
    plant.ok("start", item="P3", station="OP20")
    tested = plant.ok("complete", item="P3", station="OP20", step="test", evaluation=OK)
    assert tested.next_step == "pack"
    plant.ok("start", item="P3", station="OP30")
    packed = plant.ok("complete", item="P3", station="OP30", evaluation=OK)
    assert (packed.next_step, packed.recipe) == ("", "")
    plant.ok("void", record=passed.record, reason="wrong unit")
    failed = plant.refused(TraceStatus.PreviousStepFailed, "start", item="P3", station="OP30")
    assert failed.text == "sn:PUMP:P3 can't begin pack: weld ended NotOK"


def test_S14_deciding_is_deterministic(plant: Plant) -> None:
    plant.ok("start", item="P1", station="OP10")
    receipts = [
        plant.refused(TraceStatus.DuplicateIdentifier, "start", item="P1", station="OP20")
        for _ in range(2)
    ]
    assert receipts[0].text == receipts[1].text
    assert plant.replayed() == plant.dump()


def test_station_counts_only_verdicts_that_stand(plant: Plant) -> None:
    first = plant.ok("start", item="P1", station="OP10")
    good = plant.ok("complete", item="P1", station="OP10", evaluation=OK)
    plant.ok("start", item="P1", station="OP10")
    plant.ok("complete", item="P1", station="OP10", evaluation=NOT_OK)
    now = "SELECT ok, nok FROM station_now"
    assert plant.rows(now) == [(1, 1)]
    plant.ok(
        "correct",
        record=good.record,
        reason="read wrongly",
        replacement={"type": "complete", "item": "P1", "station": "OP10", "evaluation": NOT_OK},
    )
    assert plant.rows(now) == [(0, 2)]
    assert first.item == "sn:PUMP:P1"
