"""Events read back as what was written, and refuse what they do not know."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from tracenode.models.evaluation import Evaluation
from tracenode.models.events import (
    EVENT_TYPES,
    Complete,
    Consume,
    Correct,
    Measurement,
    TraceEvent,
    event_fields,
    parse_event,
)
from tracenode.models.quantities import Quantity

SAMPLES = (
    Consume(item="a", lot="b", quantity=Quantity.of("1.5", "kg"), station="OP10"),
    Complete(
        item="a",
        station="OP10",
        evaluation=Evaluation.NotOK,
        measurements=(Measurement(name="Torque", value=4.5, unit="N·m"),),
    ),
    Correct(record="r", reason="typo", replacement=Consume(item="a", lot="c")),
)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.type)
def test_an_event_survives_its_fields(event: Consume | Complete | Correct) -> None:
    assert parse_event({"type": event.type, **event_fields(event)}) == event


def test_the_union_knows_every_event() -> None:
    assert set(get_args(get_args(TraceEvent)[0])) == set(EVENT_TYPES.values())


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        parse_event({"type": "start", "item": "a", "station": "OP10", "colour": "red"})


def test_an_event_time_without_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        parse_event(
            {"type": "start", "item": "a", "station": "OP10", "event_time": "2026-01-01T00:00:00"}
        )


def test_a_measurement_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Measurement(name="Torque", value=float("nan"))


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_that_utc_can_not_tell_is_refused(time: str) -> None:
    with pytest.raises(ValidationError, match="years 1 to 9999"):
        parse_event({"type": "gap", "kind": "fifo", "missing": 1, "event_time": time})


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "gap", "kind": "fifo", "missing": 1, "source_seq": 2**63},
        {"type": "gap", "kind": "fifo", "missing": 10**5000},
        {"type": "master", "kind": "material", "key": "P", "data": {"name": "\ud800"}},
        {"type": "master", "kind": "material", "key": "P", "data": {"shelf": float("nan")}},
        {"type": "master", "kind": "material", "key": "P", "data": {"shelf": {1, 2}}},
    ],
)
def test_what_the_journal_can_not_keep_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        parse_event(fields)


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(ValidationError, match="from 0 on"):
        parse_event({"type": "consume", "item": "a", "lot": "b", "quantity": "-5 KGM"})
