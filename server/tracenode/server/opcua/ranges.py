"""IndexRange: a part of an array, a string or bytes (OPC 10000-4 7.27 NumericRange)."""

from __future__ import annotations

import dataclasses
from typing import Any

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status

__all__ = ["sliced"]


def sliced(value: ua.DataValue, index_range: str | None) -> ua.DataValue:
    """Return the part of `value` that `index_range` names, or a bad status; never changes `value`.

    "3" is one element (still an array), "2:5" the elements 2 to 5; "1:2,0" goes into the next
    dimension. BadIndexRangeInvalid is a text that is no range, BadIndexRangeNoData one that lies
    outside.
    """
    if not index_range or value.Value is None or value.Value.Value is None:
        return value
    try:
        bounds = [_bounds(part) for part in index_range.split(",")]
    except ValueError:
        return _failed(value, StatusCodes.BadIndexRangeInvalid)
    part = _slice(value.Value.Value, bounds)
    if part is None:
        return _failed(value, StatusCodes.BadIndexRangeNoData)
    variant = ua.Variant(part, value.Value.VariantType, is_array=value.Value.is_array)
    return dataclasses.replace(value, Value=variant)


def _bounds(text: str) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    if not first.isdecimal() or (colon and not last.isdecimal()):
        raise ValueError(text)
    low = int(first)
    high = int(last) if colon else low
    if colon and high <= low:
        raise ValueError(text)
    return low, high


def _slice(value: Any, bounds: list[tuple[int, int]]) -> Any:
    if not isinstance(value, list | tuple | str | bytes):
        return None
    (low, high), deeper = bounds[0], bounds[1:]
    part = value[low : high + 1]
    if not part:
        return None
    if not deeper:
        return part
    if not isinstance(part, list | tuple):
        return None
    inner = [_slice(element, deeper) for element in part]
    return None if any(element is None for element in inner) else inner


def _failed(value: ua.DataValue, code: int) -> ua.DataValue:
    return ua.DataValue(StatusCode=ua_status(code), ServerTimestamp=value.ServerTimestamp)
