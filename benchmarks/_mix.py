"""The realistic mix of the ingest benchmark: what a station books for one unit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from benchmarks._plant import START_US
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import (
    Assemble,
    Complete,
    Consume,
    Master,
    Measurement,
    Receive,
    Register,
    Start,
    TraceEvent,
)
from tracenode.models.quantities import Quantity

__all__ = ["EVENTS_PER_UNIT", "beginning", "line_events", "unit_events"]

EVENTS_PER_UNIT: Final = 6
_STATIONS: Final = 8
_UNITS_PER_LOT: Final = 2_000
_LOTS: Final = 100
_USED: Final = Quantity.of("12.5", "GRM")


def beginning() -> Iterator[TraceEvent]:
    """Yield what must be known before the first unit: materials and received lots."""
    for material, kind in (("PUMP", "unit"), ("MOTOR", "unit"), ("GREASE", "lot")):
        yield Master(kind="material", key=material, data={"kind": kind})
    for number in range(_LOTS):
        yield Receive(item=_lot(number), material="GREASE", quantity=Quantity.of(25, "KGM"))


def unit_events(number: int) -> tuple[TraceEvent, ...]:
    """Return the six events of a unit: it and its part are registered, and at a station it is
    started, gets its part and some material, and is completed."""
    unit, part = f"sn:PUMP:P{number:09}", f"sn:MOTOR:M{number:09}"
    station = f"OP{number % _STATIONS + 1}0"
    about: dict[str, Any] = {"station": station, "device": f"PLC_{station}", "operator": "4711"}
    return (
        Register(item=unit, material="PUMP", **about),
        Register(item=part, material="MOTOR", **about),
        Start(item=unit, step="assembly", **about),
        Assemble(parent=unit, part=part, position="motor bay", **about),
        Consume(item=unit, lot=_lot(number // _UNITS_PER_LOT % _LOTS), quantity=_USED, **about),
        Complete(
            item=unit,
            evaluation=Evaluation.OK,
            measurements=(
                Measurement(name="Torque", value=4.5 + number % 10 / 100, unit="NU", low=4, high=5),
                Measurement(name="Angle", value=41.0 + number % 7, unit="DD", low=30, high=60),
            ),
            **about,
        ),
    )


def line_events(units: int) -> Iterator[tuple[int, TraceEvent]]:
    """Yield the events of so many finished units, one every ten milliseconds."""
    at = START_US
    for event in beginning():
        at += 10_000
        yield at, event
    for number in range(units):
        for event in unit_events(number):
            at += 10_000
            yield at, event


def _lot(number: int) -> str:
    return f"lot:GREASE:GREASE-{number:05}"
