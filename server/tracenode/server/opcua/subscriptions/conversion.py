"""Values of different types in one filter element (OPC 10000-4 7.7.4, tables of conversions).

The operand whose type has the lower precedence is converted to the type of the other one, where an
implicit conversion exists. What can't be converted is null. Cast converts explicitly too.
"""

from __future__ import annotations

import math
import struct
import uuid
from datetime import UTC, datetime
from typing import Any

from asyncua import ua

from tracenode.server.opcua.ids import ua_status

__all__ = ["cast", "unified"]

V = ua.VariantType

_PRECEDENCE = {
    kind: rank
    for rank, kind in enumerate(
        (
            V.Double,
            V.Float,
            V.Int64,
            V.UInt64,
            V.Int32,
            V.UInt32,
            V.StatusCode,
            V.Int16,
            V.UInt16,
            V.SByte,
            V.Byte,
            V.Boolean,
            V.Guid,
            V.String,
            V.ExpandedNodeId,
            V.NodeId,
            V.LocalizedText,
            V.QualifiedName,
        )
    )
}
_INTEGERS = {
    V.SByte: (-(2**7), 2**7 - 1),
    V.Byte: (0, 2**8 - 1),
    V.Int16: (-(2**15), 2**15 - 1),
    V.UInt16: (0, 2**16 - 1),
    V.Int32: (-(2**31), 2**31 - 1),
    V.UInt32: (0, 2**32 - 1),
    V.Int64: (-(2**63), 2**63 - 1),
    V.UInt64: (0, 2**64 - 1),
}
_NUMBERS = {*_INTEGERS, V.Float, V.Double}
_FROM_STATUS = {V.Int32, V.UInt32, V.Int64, V.UInt64}
_IMPLICIT_TEXT = {
    V.String: {V.Boolean, V.Guid, *_NUMBERS},
    V.NodeId: {V.ExpandedNodeId, V.String},
    V.ExpandedNodeId: {V.String},
    V.LocalizedText: {V.String},
    V.QualifiedName: {V.String, V.LocalizedText},
}
_EXPLICIT_ONLY = {
    V.String: {V.DateTime, V.NodeId, V.ExpandedNodeId, V.LocalizedText, V.QualifiedName},
    V.Boolean: {V.String},
    V.Guid: {V.String, V.ByteString},
    V.ByteString: {V.Guid},
    V.DateTime: {V.String},
    V.ExpandedNodeId: {V.NodeId},
    V.StatusCode: {V.UInt16},
}


def unified(left: ua.Variant, right: ua.Variant) -> tuple[Any, Any] | None:
    """Return both values in one type, None where they have none in common or one is null."""
    a, b = left.VariantType, right.VariantType
    if left.Value is None or right.Value is None:
        return None
    if a == b == V.LocalizedText and not (left.Value.Locale and right.Value.Locale):
        return left.Value.Text, right.Value.Text  # one without a locale is a text in any
    if a == b:
        return left.Value, right.Value
    ranks = _PRECEDENCE.get(a), _PRECEDENCE.get(b)
    if ranks[0] is None or ranks[1] is None:
        return None
    to_left = ranks[0] < ranks[1]
    source, target = (right, a) if to_left else (left, b)
    if not _is_implicit(source.VariantType, target):
        return None
    made = _convert(source, target)
    if made is None:
        return None
    return (left.Value, made) if to_left else (made, right.Value)


def cast(value: ua.Variant, target: ua.VariantType) -> Any:
    """Return the value in another type, converted implicitly or explicitly, None where it can't."""
    source = value.VariantType
    if value.Value is None or value.is_array:
        return None
    if source == target:
        return value.Value
    if not (
        _is_implicit(source, target)
        or target in _EXPLICIT_ONLY.get(source, ())
        or (source in _NUMBERS and (target in _NUMBERS or target in (V.Boolean, V.String)))
        or (source in _INTEGERS and target == V.StatusCode)
    ):
        return None
    return _convert(value, target)


def _is_implicit(source: ua.VariantType, target: ua.VariantType) -> bool:
    if source in _NUMBERS and target in _NUMBERS:
        return _PRECEDENCE[target] < _PRECEDENCE[source]
    if source == V.Boolean:
        return target in _NUMBERS
    if source == V.StatusCode:
        return target in _FROM_STATUS
    if target == V.StatusCode:
        return source in _INTEGERS and _PRECEDENCE[target] < _PRECEDENCE[source]
    return target in _IMPLICIT_TEXT.get(source, ())


def _convert(value: ua.Variant, target: ua.VariantType) -> Any:
    held = value.Value
    if isinstance(held, list):
        return None
    if isinstance(held, ua.StatusCode):
        held = int(held.value)
    try:
        if target in _INTEGERS:
            return _integer(held, target)
        return _other(held, target)
    except (ValueError, TypeError, OverflowError, struct.error, ua.uaerrors.UaError):
        return None


def _integer(held: Any, target: ua.VariantType) -> int | None:
    if isinstance(held, str):
        number = int(held, 10)
    elif isinstance(held, float):
        number = round(held)
    else:
        number = int(held)
    least, greatest = _INTEGERS[target]
    return number if least <= number <= greatest else None


def _other(held: Any, target: ua.VariantType) -> Any:  # noqa: PLR0912
    match target:
        case V.Double:
            return float(held)
        case V.Float:
            number = float(held)
            if math.isinf(number) or math.isnan(number):
                return number
            return struct.unpack("<f", struct.pack("<f", number))[0]
        case V.Boolean:
            if isinstance(held, str):
                return {"true": True, "1": True, "false": False, "0": False}.get(held.lower())
            return bool(held)
        case V.String:
            return _text(held)
        case V.StatusCode:
            return ua_status(int(held)) if 0 <= int(held) < 2**32 else None
        case V.Guid:
            return uuid.UUID(bytes_le=held) if isinstance(held, bytes) else uuid.UUID(held)
        case V.ByteString:
            return held.bytes_le
        case V.DateTime:
            found = datetime.fromisoformat(held)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        case V.NodeId | V.ExpandedNodeId:
            return ua.NodeId.from_string(held) if isinstance(held, str) else held
        case V.LocalizedText:
            return ua.LocalizedText(held.Name if isinstance(held, ua.QualifiedName) else held)
        case V.QualifiedName:
            return ua.QualifiedName.from_string(held)
    return None


def _text(held: Any) -> str | None:
    match held:
        case bool():
            return "true" if held else "false"
        case ua.LocalizedText():
            return held.Text
        case ua.QualifiedName():
            return str(held.to_string())
        case ua.NodeId():
            return str(held.to_string())
        case datetime():
            return held.isoformat()
        case str() | int() | float() | uuid.UUID():
            return str(held)
    return None
