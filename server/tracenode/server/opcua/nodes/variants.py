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
    kind: (kind.value, struct.Struct(f"<B{form}"))
    for kind, form in (
        (V.Boolean, "?"),
        (V.SByte, "b"),
        (V.Byte, "B"),
        (V.Int16, "h"),
        (V.UInt16, "H"),
        (V.Int32, "i"),
        (V.UInt32, "I"),
        (V.Int64, "q"),
        (V.UInt64, "Q"),
        (V.Float, "f"),
        (V.Double, "d"),
    )
}
_NO_ENCODING: Any = 0
_STRING, _STRING_BYTE, _STRING_HEAD = V.String, V.String.value, struct.Struct("<Bi")


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
    if kind is _STRING and type(held) is str:
        text = held.encode("utf-8", "surrogateescape")
        return _STRING_HEAD.pack(_STRING_BYTE, len(text)) + text
    known = _SCALARS.get(kind)
    if known is not None:
        code, form = known
        packed: bytes = form.pack(code, held)
        return packed
    return variant_to_binary(variant)
