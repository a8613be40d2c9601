"""Built-in types of one value, by the byte that a Variant of one begins with."""

from __future__ import annotations

import struct
from typing import Final

from asyncua import ua

__all__ = ["NUMBERS", "STRING", "STRING_BYTE"]

V = ua.VariantType

NUMBERS: Final = {
    kind.value: (kind, struct.Struct(f"<{form}"))
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
"""Numbers and truths, and how they are written."""
STRING: Final = V.String
STRING_BYTE: Final = STRING.value
