"""Standing holds on a station and a time, and what they reach (SEMANTICS S17)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.plant import Plant, instant
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("CAR C1", "PUMP P1", "PUMP P2", "PUMP P3", "STEEL L1")
    plant.minute = 10
    plant.ok("start", 10, item="P1", station="OP10")
    plant.ok("complete", 12, item="P1", station="OP10", evaluation=1)
    plant.ok("start", 14, item="P2", station="OP10")
    plant.ok("complete", 16, item="P2", station="OP10", evaluation=1)
    plant.minute = 30
    return plant


def window(plant: Plant, since: float | None, until: float | None, **more: Any) -> Receipt:
    times = {"since": since, "until": until}
    given = {name: instant(minute) for name, minute in times.items() if minute is not None}
    fields = {"scope": "window", "reason": "oven too cold", **more}
    return plant.ok("hold", window={"station": "OP10", **given}, **fields)


def is_held(plant: Plant, item: str) -> bool:
    """Ask by an operation at a station of its own, taken back at once."""
    receipt = plant.book("start", item=item, station=f"ASK {item}")
    if receipt.status is TraceStatus.ItemOnHold:
        return True
    assert receipt.status is TraceStatus.Ok, receipt.text
    plant.ok("void", record=receipt.record, reason="asked only")
    return False


def test_S17_what_was_at_the_station_in_the_window_is_held(plant: Plant) -> None:
    hold = window(plant, 11, 14)
    assert hold.item == ""
    refusal = plant.refused(TraceStatus.ItemOnHold, "assemble", parent="C1", part="P1")
    assert hold.record in refusal.text
    assert "oven too cold" in refusal.text
    assert [is_held(plant, item) for item in ("P1", "P2", "P3", "C1")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("since", "until", "held"),
    [
        (None, 10, ""),
        (None, 11, "P1"),
        (12, 14, ""),
        (11.5, 14.5, "P1P2"),
        (15, None, "P2"),
        (16, None, ""),
        (None, None, "P1P2"),
    ],
)
def test_S3_the_window_is_half_open(
    plant: Plant, since: float | None, until: float | None, held: str
) -> None:
    window(plant, since, until)
    assert "".join(item for item in ("P1", "P2") if is_held(plant, item)) == held


def test_a_visit_of_no_length_counts_where_its_instant_is_in_the_window(plant: Plant) -> None:
    plant.ok("start", 20, item="P3", station="OP10")
    plant.ok("complete", 20, item="P3", station="OP10", evaluation=1)
    window(plant, 20, 21)
    assert is_held(plant, "P3")


def test_S17_what_it_went_into_is_held_then_and_later(plant: Plant) -> None:
    plant.ok("assemble", parent="C1", part="P1")
    hold = window(plant, 11, 13)
    assert is_held(plant, "C1")
    plant.make("CAR C2")
    plant.refused(TraceStatus.ItemOnHold, "assemble", parent="C2", part="C1")
    plant.ok("remove", parent="C1", part="P1")
    assert not is_held(plant, "C1")
    plant.ok("release", hold=hold.record, reason="measured")
    assert not is_held(plant, "P1")


def test_S17_it_stands_for_visits_to_come_and_late_ones(plant: Plant) -> None:
    window(plant, 20, None)
    plant.ok("start", item="P3", station="OP10")
    plant.refused(TraceStatus.ItemOnHold, "consume", item="C1", lot="P3")
    plant.make("PUMP P4")
    plant.ok("start", 21, item="P4", station="OP10")
    plant.ok("complete", 22, item="P4", station="OP10", evaluation=1)
    assert is_held(plant, "P4")


def test_S13_a_visit_declared_wrong_holds_no_more(plant: Plant) -> None:
    window(plant, 20, None)
    visit = plant.ok("start", item="P3", station="OP10")
    assert plant.book("consume", item="C1", lot="P3").status is TraceStatus.ItemOnHold
    plant.ok("void", record=visit.record, reason="it was another")
    plant.ok("consume", item="C1", lot="P3")


def test_S17_two_holds_need_two_releases(plant: Plant) -> None:
    one, other = window(plant, 11, 13), plant.ok("hold", item="P1", reason="noise")
    plant.ok("release", hold=one.record, reason="fine")
    assert is_held(plant, "P1")
    plant.ok("release", hold=other.record, reason="fine")
    assert not is_held(plant, "P1")
    plant.refused(TraceStatus.MalformedRequest, "release", hold=one.record, reason="again")


def test_S13_void_of_a_window_and_of_its_release(plant: Plant) -> None:
    hold = window(plant, 11, 13)
    release = plant.ok("release", hold=hold.record, reason="fine")
    refusal = plant.refused(TraceStatus.MalformedRequest, "void", record=hold.record, reason="no")
    assert release.record in refusal.text
    plant.ok("void", record=release.record, reason="not fine")
    assert is_held(plant, "P1")
    release = plant.ok("release", hold=hold.record, reason="fine at last")
    plant.ok("void", record=hold.record, reason="no", acknowledged=[release.record])
    assert not is_held(plant, "P1")
    assert plant.replayed() == plant.dump()


def test_a_hold_on_a_station_that_nobody_knows_is_refused(plant: Plant) -> None:
    fields: dict[str, Any] = {"scope": "window", "reason": "cold"}
    refusal = plant.refused(
        TraceStatus.MalformedRequest, "hold", window={"station": "OP1O"}, **fields
    )
    assert "'OP1O'" in refusal.text
    plant.master("station", "OP99")
    plant.ok("hold", window={"station": "OP99"}, **fields)


def test_a_window_without_holds_costs_nothing(plant: Plant) -> None:
    plant.ok("start", item="P3", station="OP20")
    remembered = [plant.connection.memory.held]
    window(plant, 0, 5)
    plant.ok("start", item="P1", station="OP20")
    remembered.append(plant.connection.memory.held)
    assert remembered == [(None,), (2,)]
