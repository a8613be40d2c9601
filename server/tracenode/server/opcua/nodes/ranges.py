"""IndexRange: a part of an array, a string or bytes (OPC 10000-4 7.27 NumericRange)."""

from __future__ import annotations

import dataclasses
from typing import Any

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status

__all__ = ["BadIndexRange", "merged", "parsed", "sliced"]

S = StatusCodes
MAX_TEXT = 200
"""Characters of a range; more dimensions than that fits no variable has."""

Bounds = tuple[int, int]


class BadIndexRange(ValueError):
    """A range can't be applied; `status` is BadIndexRangeInvalid, -NoData or -DataMismatch."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


def parsed(text: str) -> list[Bounds]:
    """Return first and last index of each dimension: "3" is (3, 3), "2:5,0" is (2, 5), (0, 0).

    Raises:
        BadIndexRange: Invalid: no number, or a range that does not rise.
    """
    if len(text) > MAX_TEXT:
        raise BadIndexRange(S.BadIndexRangeInvalid, f"expected at most {MAX_TEXT} characters")
    return [_bounds(part) for part in text.split(",")]


def sliced(value: ua.DataValue, index_range: str | None) -> ua.DataValue:
    """Return the part of `value` that `index_range` names, or a bad status; never changes `value`.

    "3" is one element (still an array), "2:5" the elements 2 to 5 as far as there are;
    "1:2,0" goes into the next dimension, which may be the characters of strings.
    BadIndexRangeInvalid is a text that is no range, BadIndexRangeNoData one that lies outside.
    """
    if not index_range or (value.StatusCode is not None and value.StatusCode.is_bad()):
        return value
    held = value.Value
    try:
        bounds = parsed(index_range)
        part = None if held is None else _slice(held.Value, bounds)
        if held is None or part is None:
            raise BadIndexRange(S.BadIndexRangeNoData, index_range)
    except BadIndexRange as e:
        return ua.DataValue(StatusCode=ua_status(e.status), ServerTimestamp=value.ServerTimestamp)
    return dataclasses.replace(value, Value=_variant(part, held))


def merged(held: ua.Variant | None, given: ua.Variant | None, index_range: str) -> ua.Variant:
    """Return `held` with the part that `index_range` names replaced by `given`.

    Raises:
        BadIndexRange: Invalid (no range), NoData (outside of what is held), DataMismatch (as many
            elements in each dimension as the range names were expected).
    """
    bounds = parsed(index_range)
    if held is None or held.Value is None or given is None or given.Value is None:
        raise BadIndexRange(S.BadIndexRangeNoData, "no value to write into")
    return _variant(_merge(held.Value, given.Value, bounds), held)


def _variant(value: Any, like: ua.Variant) -> ua.Variant:
    return ua.Variant(value, like.VariantType, is_array=like.is_array)


def _bounds(text: str) -> Bounds:
    first, colon, last = text.partition(":")
    numbers = (first, last) if colon else (first, first)
    if not all(number.isascii() and number.isdecimal() for number in numbers):
        raise BadIndexRange(S.BadIndexRangeInvalid, f"expected a range, was {text!r}")
    low, high = int(numbers[0]), int(numbers[1])
    if (colon and high <= low) or high > 0xFFFFFFFF:
        raise BadIndexRange(S.BadIndexRangeInvalid, f"expected a rising range, was {text!r}")
    return low, high


def _slice(value: Any, bounds: list[Bounds]) -> Any:
    if not isinstance(value, list | tuple | str | bytes):
        return None
    (low, high), deeper = bounds[0], bounds[1:]
    part = value[low : high + 1]
    if not part:
        return None
    if not deeper:
        # fewer ranges than dimensions name no part (OPC 10000-4 7.27)
        return None if isinstance(part[0], list | tuple) else part
    if not isinstance(part, list | tuple):
        return None
    inner = [_slice(element, deeper) for element in part]
    return None if any(element is None for element in inner) else inner


def _merge(held: Any, given: Any, bounds: list[Bounds]) -> Any:
    if not isinstance(held, list | tuple | str | bytes):
        raise BadIndexRange(S.BadIndexRangeNoData, "expected an array, a string or bytes")
    (low, high), deeper = bounds[0], bounds[1:]
    if high >= len(held):
        raise BadIndexRange(S.BadIndexRangeNoData, f"expected below {len(held)}, was {high}")
    alike = isinstance(given, list | tuple) == isinstance(held, list | tuple)
    if not alike or not hasattr(given, "__len__") or len(given) != high - low + 1:
        raise BadIndexRange(S.BadIndexRangeDataMismatch, f"expected {high - low + 1} elements")
    if isinstance(held, str | bytes):
        if deeper or type(held) is not type(given):
            raise BadIndexRange(S.BadIndexRangeNoData, "expected one range for a text")
        empty: Any = held[:0]
        return empty.join((held[:low], given, held[high + 1 :]))
    part: list[Any] = list(given)
    if deeper:
        inside = zip(held[low : high + 1], given, strict=True)
        part = [_merge(old, new, deeper) for old, new in inside]
    elif isinstance(held[low], list | tuple):
        raise BadIndexRange(S.BadIndexRangeNoData, "expected a range for each dimension")
    return [*held[:low], *part, *held[high + 1 :]]
