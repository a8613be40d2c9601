"""The interlock (SEMANTICS S18): every refusal of a check-in with its values, and their order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.plant import Plant, instant
from tracenode.models.errors import TraceError
from tracenode.models.events import Start
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus as S
from tracenode.server.store.booking.checking import checked

OK, NOT_OK, NOT_DECIDABLE = 1, 2, 3
MOUNT: dict[str, Any] = {"step": "mount", "station": "OP10", "recipe": "R3", "tool": "T1"}
SEAL: dict[str, Any] = {"step": "seal", "station": "OP20"}
TEST: dict[str, Any] = {"step": "test", "station": "OP30", "recipe": "R7"}


def route(plant: Plant, *steps: dict[str, Any]) -> None:
    plant.master("route", "PUMP", steps=list(steps))


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    route(plant, MOUNT, SEAL, TEST)
    plant.make("PUMP P1", "PUMP P2", "CAR C1", "MOTOR M1", "STEEL L1")
    return plant


def run(plant: Plant, station: str, evaluation: int = OK, **fields: Any) -> Receipt:
    """Check P1 in and end it with a verdict; return the answer to the verdict."""
    plant.ok("start", item="P1", station=station, **fields)
    return plant.ok("complete", item="P1", station=station, evaluation=evaluation)


# ------------------------------------------------------------------ the route
def test_S18_a_route_is_kept_and_the_record_names_its_step(plant: Plant) -> None:
    begun = plant.ok("start", item="P1", station="OP10")
    assert (begun.next_step, begun.recipe) == ("mount", "R3")
    again = plant.ok("start", item="P1", station="OP10")
    assert (again.next_step, again.recipe) == ("mount", "R3")
    passed = plant.ok("complete", item="P1", station="OP10", evaluation=OK)
    assert (passed.next_step, passed.recipe, passed.text) == ("seal", "", "")
    steps = "SELECT json_extract(body,'$.f.step') FROM journal WHERE type IN ('start','complete')"
    assert plant.rows(steps) == [("mount",), ("mount",)]
    run(plant, "OP20")
    assert run(plant, "OP30").next_step == ""


def test_S18_a_station_that_is_not_in_the_route_is_refused(plant: Plant) -> None:
    refusal = plant.refused(S.WrongRoute, "start", item="P1", station="OP99")
    assert refusal.text == "sn:PUMP:P1 has no step at OP99: next is mount at OP10"
    plant.refused(S.WrongRoute, "start", item="P1", station="OP10", step="polish")
    plant.refused(S.WrongRoute, "start", item="P1", station="OP20", step="mount")
    for station in ("OP10", "OP20", "OP30"):
        run(plant, station)
    refusal = plant.refused(S.WrongRoute, "start", item="P1", station="OP99")
    assert refusal.text.endswith("next is nothing")


def test_S18_the_id_of_a_station_means_its_own_step(plant: Plant) -> None:
    plant.ok("start", item="P1", station="OP10", step="OP10")
    plant.refused(S.MalformedRequest, "complete", item="P1", station="OP10", evaluation=OK,
                  step="test")  # fmt: skip
    passed = plant.ok("complete", item="P1", station="OP10", evaluation=OK, step="OP10")
    assert passed.next_step == "seal"


def test_S18_a_missing_predecessor_is_named(plant: Plant) -> None:
    run(plant, "OP10")
    refusal = plant.refused(S.PreviousStepMissing, "start", item="P1", station="OP30")
    assert refusal.text == "sn:PUMP:P1 can't begin test: seal is not passed"


@pytest.mark.parametrize(("verdict", "name"), [(0, "Undefined"), (2, "NotOK"), (3, "NotDecidable")])
def test_S18_a_failed_predecessor_is_named_with_its_verdict(
    plant: Plant, verdict: int, name: str
) -> None:
    failed = run(plant, "OP10", verdict)
    assert failed.next_step == "mount"
    refusal = plant.refused(S.PreviousStepFailed, "start", item="P1", station="OP20")
    assert refusal.text == f"sn:PUMP:P1 can't begin seal: mount ended {name}"
    run(plant, "OP10")
    run(plant, "OP20")


def test_S18_rework_takes_the_passes_of_later_steps_away(plant: Plant) -> None:
    for station in ("OP10", "OP20"):
        run(plant, station)
    assert run(plant, "OP30", NOT_OK).next_step == "test"
    assert run(plant, "OP10").next_step == "seal"
    plant.refused(S.PreviousStepMissing, "start", item="P1", station="OP30")
    assert run(plant, "OP20").next_step == "test"
    assert run(plant, "OP30").next_step == ""
    assert run(plant, "OP20", NOT_OK).next_step == "seal"
    plant.refused(S.PreviousStepFailed, "start", item="P1", station="OP30")


def test_S18_an_operation_broken_off_takes_nothing_away(plant: Plant) -> None:
    route(plant, {**MOUNT, "max_runs": 2}, SEAL, TEST)
    run(plant, "OP10")
    run(plant, "OP20")
    for _ in range(3):
        plant.ok("start", item="P1", station="OP10")
        plant.ok("abort", item="P1", station="OP10")
    assert run(plant, "OP30").next_step == ""
    assert run(plant, "OP10").next_step == "seal"


def test_S18_what_is_done_once_is_not_begun_again(plant: Plant) -> None:
    route(plant, MOUNT, {**SEAL, "once": True}, TEST)
    run(plant, "OP10")
    run(plant, "OP20", NOT_OK)
    run(plant, "OP20")
    refusal = plant.refused(S.AlreadyProcessed, "start", item="P1", station="OP20")
    assert refusal.text == "sn:PUMP:P1 has passed seal already, which is done once"
    run(plant, "OP10")
    run(plant, "OP20")


def test_S18_the_limit_of_reworks_ends_the_route(plant: Plant) -> None:
    route(plant, MOUNT, {**SEAL, "max_runs": 2}, TEST)
    run(plant, "OP10")
    assert run(plant, "OP20", NOT_OK).next_step == "seal"
    last = run(plant, "OP20", NOT_OK)
    assert (last.next_step, last.text) == (
        "",
        "sn:PUMP:P1 was at seal 2 times: no more are allowed",
    )
    refusal = plant.refused(S.ReworkLimitReached, "start", item="P1", station="OP20")
    assert refusal.text == last.text


def test_S18_optional_steps_are_not_waited_for_unless_they_failed(plant: Plant) -> None:
    route(plant, {**MOUNT, "optional": True}, SEAL, {**TEST, "optional": True})
    made = plant.ok("register", item="P3", material="PUMP")
    assert made.next_step == "seal"
    plant.ok("start", item="P3", station="OP20")
    assert plant.ok("complete", item="P3", station="OP20", evaluation=OK).next_step == ""
    assert run(plant, "OP10", NOT_OK).next_step == "mount"
    plant.refused(S.PreviousStepFailed, "start", item="P1", station="OP20")


def test_S18_a_step_of_any_station_and_two_steps_at_one(plant: Plant) -> None:
    route(plant, MOUNT, SEAL, {"step": "mark", "station": "OP10"}, {"step": "pack"})
    run(plant, "OP10")
    plant.refused(S.PreviousStepMissing, "start", item="P1", station="OP10")
    run(plant, "OP20")
    assert run(plant, "OP10").next_step == "pack"
    run(plant, "BENCH")
    assert run(plant, "OP10", step="mount").next_step == "seal"


def test_S18_recipe_and_tool_count_where_both_are_known(plant: Plant) -> None:
    refusal = plant.refused(S.WrongRecipe, "start", item="P1", station="OP10", recipe="R4")
    assert refusal.text == "recipe of mount: expected R3, found R4"
    refusal = plant.refused(S.WrongTool, "start", item="P1", station="OP10", tool="T2")
    assert refusal.text == "tool of mount: expected T1, found T2"
    run(plant, "OP10", recipe="R3", tool="T1")
    run(plant, "OP20", recipe="R9", tool="T9")


def test_S18_a_part_is_operated_on_only_where_its_route_says_so(plant: Plant) -> None:
    route(plant, MOUNT, {**SEAL, "inside": True}, TEST)
    for part in ("P1", "M1"):
        plant.ok("assemble", parent="C1", part=part)
    plant.refused(S.PartAlreadyInstalled, "start", item="M1", station="OP10")
    refusal = plant.refused(S.PartAlreadyInstalled, "start", item="P1", station="OP10")
    assert refusal.text == "sn:PUMP:P1 is already installed in sn:CAR:C1"
    plant.ok("remove", parent="C1", part="P1")
    run(plant, "OP10")
    plant.ok("assemble", parent="C1", part="P1")
    sealed = run(plant, "OP20")
    assert (sealed.next_step, sealed.text) == ("", refusal.text)


def test_S18_what_was_done_before_there_was_a_route_counts() -> None:
    plant = Plant()
    plant.make("PUMP P1")
    run(plant, "OP10")
    plant.ok("start", item="P1", station="OP20")
    route(plant, MOUNT, SEAL, TEST)
    passed = plant.ok("complete", item="P1", station="OP20", evaluation=OK)
    assert passed.next_step == "test"


def test_S18_without_a_route_in_force_everything_is_allowed(plant: Plant) -> None:
    plant.refused(S.PreviousStepMissing, "start", item="P1", station="OP30")
    plant.ok("master", kind="route", key="PUMP", data=None)
    assert run(plant, "OP30").next_step == ""


# ------------------------------------------------------------------ late and corrected
def test_S15_a_late_start_is_checked_against_what_stood_before_it(plant: Plant) -> None:
    plant.ok("start", 10, item="P1", station="OP10")
    plant.ok("complete", 11, item="P1", station="OP10", evaluation=OK)
    plant.ok("start", 30, item="P1", station="OP20")
    plant.ok("complete", 31, item="P1", station="OP20", evaluation=OK)
    plant.refused(S.PreviousStepMissing, "start", 20, item="P1", station="OP30")
    plant.refused(S.PreviousStepMissing, "start", 5, item="P1", station="OP20")
    plant.ok("start", 40, item="P1", station="OP30")
    plant.ok("complete", 41, item="P1", station="OP30", evaluation=OK)
    plant.ok("start", 20, item="P1", station="OP10")
    late = plant.ok("complete", 21, item="P1", station="OP10", evaluation=NOT_OK)
    assert late.next_step == "mount"
    plant.refused(S.PreviousStepFailed, "start", 25, item="P1", station="OP20")
    plant.refused(S.PreviousStepFailed, "start", 50, item="P1", station="OP30")
    assert plant.replayed() == plant.dump()


def test_S15_of_two_verdicts_on_one_operation_the_earlier_in_event_time_counts(
    plant: Plant,
) -> None:
    plant.ok("start", 10, item="P1", station="OP10")
    plant.ok("complete", 15, item="P1", station="OP10", evaluation=OK)
    late = plant.ok("complete", 12, item="P1", station="OP10", evaluation=NOT_OK)
    assert late.next_step == "mount"
    plant.refused(S.PreviousStepFailed, "start", 20, item="P1", station="OP20")


def test_S13_a_voided_or_corrected_verdict_counts_as_it_stands_now(plant: Plant) -> None:
    good = run(plant, "OP10")
    replacement = {"type": "complete", "item": "P1", "station": "OP10", "evaluation": NOT_OK}
    changed = plant.ok("correct", record=good.record, reason="misread", replacement=replacement)
    assert changed.next_step == "mount"
    plant.refused(S.PreviousStepFailed, "start", item="P1", station="OP20")
    plant.ok("void", record=changed.record, reason="was good")
    refusal = plant.refused(S.DuplicateIdentifier, "start", item="P1", station="OP20")
    assert refusal.text.endswith("in process at OP10")


# ------------------------------------------------------------------ order
def test_S18_refusals_of_a_check_in_come_in_their_order(plant: Plant) -> None:
    """One unit violates all at once; each thing set right uncovers the next refusal."""
    route(plant, MOUNT, {**SEAL, "once": True, "max_runs": 1, "recipe": "R1", "tool": "T1"}, TEST)
    at = 100.0
    plant.ok("receive", item="P9", material="PUMP", expires_at=instant(at + 6).isoformat())
    fields: dict[str, Any] = {"item": "P9", "station": "OP20", "recipe": "R2", "tool": "T2"}

    def said(minute: float = at + 60) -> S:
        return plant.book("start", minute, **fields).status

    plant.ok("start", at, item="P9", station="OP10")
    plant.ok("assemble", at + 1, parent="C1", part="P9")
    hold = plant.ok("hold", at + 1, item="P9", reason="suspect")
    found = [said()]
    plant.ok("complete", at + 2, item="P9", station="OP10", evaluation=NOT_OK)
    found.append(said())
    plant.ok("release", at + 3, hold=hold.record, reason="good")
    found.append(said())
    fields["station"] = "OP99"
    found.append(said(at + 5))
    fields["station"] = "OP20"
    found.append(said(at + 5))
    plant.ok("remove", at + 3, parent="C1", part="P9")
    found.append(said(at + 5))
    plant.ok("start", at + 3.1, item="P9", station="OP10")
    plant.ok("complete", at + 3.2, item="P9", station="OP10", evaluation=OK)
    plant.ok("start", at + 3.3, item="P9", station="OP20")
    plant.ok("complete", at + 3.4, item="P9", station="OP20", evaluation=OK)
    found.append(said(at + 5))
    route(plant, MOUNT, {**SEAL, "max_runs": 1, "recipe": "R1", "tool": "T1"}, TEST)
    found.append(said(at + 5))
    route(plant, MOUNT, {**SEAL, "recipe": "R1", "tool": "T1"}, TEST)
    found.append(said(at + 5))
    fields["recipe"] = "R1"
    found.append(said(at + 5))
    fields["tool"] = "T1"
    found.append(said(at + 5))
    assert [status.name for status in found] == [
        "DuplicateIdentifier",
        "ItemOnHold",
        "MaterialExpired",
        "WrongRoute",
        "PartAlreadyInstalled",
        "PreviousStepFailed",
        "AlreadyProcessed",
        "ReworkLimitReached",
        "WrongRecipe",
        "WrongTool",
        "Ok",
    ]


VIOLATIONS = (
    "DuplicateIdentifier",
    "ItemOnHold",
    "MaterialExpired",
    "PartAlreadyInstalled",
    "PreviousStepMissing",
    "WrongRecipe",
)


@pytest.mark.parametrize(
    ("first", "second"),
    [(first, second) for n, first in enumerate(VIOLATIONS) for second in VIOLATIONS[n + 1 :]],
)
def test_S18_of_two_violations_the_earlier_in_the_order_is_told(first: str, second: str) -> None:
    plant = Plant()
    plant.make("CAR C1")
    both = {first, second}
    expires = instant(60).isoformat() if "MaterialExpired" in both else None
    plant.ok("receive", item="P1", material="PUMP", expires_at=expires)
    if "DuplicateIdentifier" in both:
        plant.ok("start", item="P1", station="OP10")
    if "PartAlreadyInstalled" in both:
        plant.ok("assemble", parent="C1", part="P1")
    if "ItemOnHold" in both:
        plant.ok("hold", item="P1", reason="suspect")
    before = [MOUNT] if "PreviousStepMissing" in both else []
    route(plant, *before, {**SEAL, "recipe": "R1"})
    recipe = "R2" if "WrongRecipe" in both else "R1"
    event = Start(item="P1", station="OP20", recipe=recipe, event_time=instant(61))
    assert plant.refused(S[first], event, 61).status is S[first]


def test_S18_check_says_what_start_says(plant: Plant) -> None:
    for station, evaluation in (("OP10", OK), ("OP20", NOT_OK), ("OP20", OK), ("OP10", OK)):
        for asked in ("OP10", "OP20", "OP30", "OP99"):
            event = Start(item="P1", station=asked, event_time=instant(plant.minute + 1))
            try:
                expected = checked(plant.connection, event).next_step
            except TraceError as refusal:
                expected = str(refusal)
            begun = plant.book(event)
            assert expected == (begun.text if begun.status.refused else begun.next_step)
            if not begun.status.refused:
                plant.ok("abort", item="P1", station=asked)
        run(plant, station, evaluation)
