"""Variants of what is known, and Variants as bytes: the same that asyncua makes, scalars faster."""

from __future__ import annotations

import struct
from typing import Any, Final

from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary

__all__ = ["GOOD", "good_value", "scalar", "variant_bytes"]

V = ua.VariantType
GOOD: Final = ua.StatusCode()
"""Shared, so nobody changes it."""
_SCALARS: Final = {
    V.Boolean: struct.Struct("<B?"),
    V.SByte: struct.Struct("<Bb"),
    V.Byte: struct.Struct("<BB"),
    V.Int16: struct.Struct("<Bh"),
    V.UInt16: struct.Struct("<BH"),
    V.Int32: struct.Struct("<Bi"),
    V.UInt32: struct.Struct("<BI"),
    V.Int64: struct.Struct("<Bq"),
    V.UInt64: struct.Struct("<BQ"),
    V.Float: struct.Struct("<Bf"),
    V.Double: struct.Struct("<Bd"),
}
_NO_ENCODING: Any = 0
_STRING: Final = struct.Struct("<Bi")


def scalar(value: Any, kind: ua.VariantType) -> ua.Variant:
    """Return a Variant of one value that is known to be of this type.

    asyncua's own constructor looks whether it is, which takes longer than all that is done with it.
    """
    made = ua.Variant.__new__(ua.Variant)
    made.Value, made.VariantType, made.Dimensions, made.is_array = value, kind, None, False
    return made


def good_value(variant: ua.Variant, source: Any, server: Any) -> ua.DataValue:
    """Return a Good DataValue with these times."""
    made = ua.DataValue.__new__(ua.DataValue)
    made.Encoding, made.Value, made.StatusCode = _NO_ENCODING, variant, GOOD
    made.SourceTimestamp, made.ServerTimestamp = source, server
    made.SourcePicoseconds = made.ServerPicoseconds = None
    return made


def variant_bytes(variant: ua.Variant) -> bytes:
    """Encode a Variant."""
    kind, held = variant.VariantType, variant.Value
    if variant.is_array or variant.Dimensions or held is None:
        return variant_to_binary(variant)
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        packed: bytes = scalar.pack(kind.value, held)
        return packed
    if kind == V.String and type(held) is str:
        text = held.encode("utf-8", "surrogateescape")
        return _STRING.pack(V.String.value, len(text)) + text
    return variant_to_binary(variant)
