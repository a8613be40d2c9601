"""The file of the items bench: units of one material, made in lots of a thousand; and what every
answer about one of them must say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks._plant import START_US
from tracenode.models.events import Master, Output, Portion, Receive, TraceEvent, Transform
from tracenode.models.items import ItemState
from tracenode.models.quantities import Quantity

__all__ = ["FIELDS", "LOT_SIZE", "MATERIAL", "STATION", "events", "fields_of", "lot", "unit"]

MATERIAL: Final = "PUMP"
STATION: Final = "OP10"
LOT_SIZE: Final = 1_000
FIELDS: Final = ("ItemId", "SerialNumber", "MaterialId", "State", "StationId", "OnHold")


def unit(number: int) -> str:
    return f"sn:{MATERIAL}:P{number:07}"


def lot(number: int) -> str:
    """The lot that a unit was made of."""
    return f"lot:STEEL:S{number // LOT_SIZE:05}"


def events(units: int) -> Iterator[tuple[int, TraceEvent]]:
    """Receive lots, and make units of them."""
    at = START_US
    yield at, Master(kind="material", key="STEEL", data={"kind": "lot", "unit": "KGM"})
    yield at, Master(kind="material", key=MATERIAL, data={"kind": "unit"})
    for first in range(0, units, LOT_SIZE):
        numbers = range(first, min(first + LOT_SIZE, units))
        whole, source = Quantity.of(len(numbers), "KGM"), lot(first)
        at += 1_000_000
        yield at, Receive(item=source, material="STEEL", quantity=whole)
        outputs = tuple(Output(item=unit(number), material=MATERIAL) for number in numbers)
        inputs = (Portion(item=source, quantity=whole),)
        yield at + 1, Transform(station=STATION, inputs=inputs, outputs=outputs)


def fields_of(number: int) -> tuple[object, ...]:
    """Return the values of FIELDS of a unit that nothing has happened to."""
    return unit(number), f"P{number:07}", MATERIAL, int(ItemState.Registered), "", False
