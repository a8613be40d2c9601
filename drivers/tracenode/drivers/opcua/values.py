"""From what an OPC UA server gave to a reading. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeGuard

from asyncua import ua

from tracenode.drivers.opcua.options import NodeOptions
from tracenode.models.readings import PointType, Quality, Reading, Value

__all__ = ["Declared", "variant_of"]


@dataclass(frozen=True, slots=True)
class Declared:
    """A point of a device, as it is declared."""

    device: str
    name: str
    options: NodeOptions

    def reading(self, given: ua.DataValue, now: datetime) -> tuple[Reading, str]:
        """Return a DataValue's reading, and what is wrong with it in words (empty: nothing).

        StatusCode and SourceTimestamp are the server's, unchanged; without a SourceTimestamp the
        ServerTimestamp counts, without both `now`. A value of another type or rank than declared,
        or a float that is no number, is DataEncodingInvalid and not shown.
        """
        quality = Quality(given.StatusCode.value if given.StatusCode is not None else 0)
        at = _utc(given.SourceTimestamp or given.ServerTimestamp) or now
        if not quality.usable:
            return Reading(self.device, self.name, None, quality, at), ""
        value = self._value(given.Value)
        if value is None:
            bad = Reading(self.device, self.name, None, Quality.DataEncodingInvalid, at)
            return bad, f"expected {self._expected}, found {_found(given.Value)}"
        if quality.good and self._outside(value):
            quality = Quality.OutOfRange
        return Reading(self.device, self.name, value, quality, at), ""

    def failed(self, quality: Quality, now: datetime) -> Reading:
        """Return the reading of a node that can't be had."""
        return Reading(self.device, self.name, None, quality, now)

    @property
    def _expected(self) -> str:
        name = self.options.type.name
        return name if self.options.index is None else f"element {self.options.index} of {name}[]"

    def _value(self, variant: ua.Variant | None) -> Value | None:
        options = self.options
        if variant is None or int(variant.VariantType.value) != int(options.type):
            return None
        value = variant.Value
        if options.index is not None:
            if not isinstance(value, list) or len(value) != 1:
                return None
            value = value[0]
        elif variant.is_array:
            return None
        if options.type is PointType.String:
            # OPC 10000-6 5.1.11: a null String and an empty one mean the same.
            return "" if value is None else str(value)
        return value if isinstance(value, bool | int) or _is_number(value) else None

    def _outside(self, value: Value) -> bool:
        low, high = self.options.min, self.options.max
        if isinstance(value, bool | str):
            return False
        return (low is not None and value < low) or (high is not None and value > high)


def variant_of(options: NodeOptions, value: Value) -> ua.Variant | None:
    """Return a value as the server has to have it; None where it does not fit the type."""
    kind = options.type
    if kind is PointType.Boolean:
        fits = isinstance(value, bool)
    elif kind is PointType.String:
        fits = isinstance(value, str)
    elif kind in {PointType.Float, PointType.Double}:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        value = float(value) if fits else value
    else:
        fits = isinstance(value, int) and not isinstance(value, bool) and _holds(kind, value)
    if not fits:
        return None
    return ua.Variant(
        value if options.index is None else [value],
        ua.VariantType(int(kind)),
        is_array=options.index is not None,
    )


def _holds(kind: PointType, value: int) -> bool:
    bits = 8 << (int(kind) - int(PointType.SByte)) // 2
    signed = kind in {PointType.SByte, PointType.Int16, PointType.Int32, PointType.Int64}
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return low <= value <= high


def _utc(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, float) and math.isfinite(value)


def _found(variant: ua.Variant | None) -> str:
    if variant is None or variant.VariantType is ua.VariantType.Null:
        return "no value"
    if isinstance(variant.Value, float) and not _is_number(variant.Value):
        return f"{variant.Value} (no number)"
    array = f"[{len(variant.Value)}]" if isinstance(variant.Value, list) else ""
    return f"{variant.VariantType.name}{array}"
