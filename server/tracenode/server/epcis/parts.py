"""What EPCIS events are made of: lists of items, quantities, sensor reports, times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from tracenode.models.events import Measurement
from tracenode.models.quantities import Quantity
from tracenode.server.epcis.identities import Identities

__all__ = ["Part", "json_number", "listed", "sensors", "time_text"]

Part = tuple[str, Quantity | None]
"""A public id and how much of it; None is unknown."""
PIECES: Final = frozenset({"H87", "C62", "EA"})
"""Codes of what is counted, which EPCIS says by leaving `uom` out."""


def time_text(moment: datetime) -> str:
    """Return a time in UTC to the microsecond."""
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def json_number(value: Decimal | float) -> int | float:
    """Return a number as JSON has it."""
    return int(value) if value == int(value) else float(value)


def listed(
    parts: Iterable[Part], identities: Identities, instances: str, classes: str
) -> dict[str, Any]:
    """Return items by two keys: what is one thing by its URI, what is a quantity by class."""
    singles: dict[str, None] = {}
    amounts = []
    for public, quantity in parts:
        if identities.is_class(public):
            amounts.append({"epcClass": identities.item(public), **_amount(quantity)})
        else:
            singles[identities.item(public)] = None
    said: dict[str, Any] = {}
    if singles:
        said[instances] = list(singles)
    if amounts:
        said[classes] = amounts
    return said


def _amount(quantity: Quantity | None) -> dict[str, Any]:
    if quantity is None:
        return {}
    said: dict[str, Any] = {"quantity": json_number(quantity.value)}
    if quantity.unit not in PIECES:
        said["uom"] = quantity.unit
    return said


def sensors(
    measurements: Iterable[Measurement], device: str, identities: Identities
) -> dict[str, Any]:
    """Return measurements as a list of one sensor element; nothing where there are none."""
    reports = [_report(measured, device, identities) for measured in measurements]
    return {"sensorElementList": [{"sensorReport": reports}]} if reports else {}


def _report(measured: Measurement, device: str, identities: Identities) -> dict[str, Any]:
    said: dict[str, Any] = {"type": identities.measurement(measured.name)}
    if device:
        said["deviceID"] = identities.device(device)
    if measured.value is not None:
        said["value"] = json_number(measured.value)
    if measured.text:
        said["stringValue"] = measured.text
    if measured.unit:
        said["uom"] = measured.unit
    for key, limit in (("low", measured.low), ("high", measured.high)):
        if limit is not None:
            said[f"tracenode:{key}Limit"] = json_number(limit)
    said["tracenode:evaluation"] = measured.evaluation.name
    return said
