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
