"""Variants as bytes: scalars are written without asyncua, and must be what asyncua writes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary

from tracenode.server.opcua.nodes.variants import variant_bytes

V = ua.VariantType


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (V.Boolean, True),
        (V.SByte, -128),
        (V.Byte, 255),
        (V.Int16, -(2**15)),
        (V.UInt16, 2**16 - 1),
        (V.Int32, -(2**31)),
        (V.UInt32, 2**32 - 1),
        (V.Int64, -(2**63)),
        (V.UInt64, 2**64 - 1),
        (V.Float, 1.5),
        (V.Double, math.nan),
        (V.Double, 3),
        (V.String, "Grüße"),
        (V.String, ""),
        (V.String, None),
        (V.ByteString, b"\x00\xff"),
        (V.Double, [1.0, 2.0]),
        (V.Double, []),
        (V.Int32, [[1, 2], [3, 4]]),
        (V.LocalizedText, ua.LocalizedText("here")),
    ],
)
def test_a_variant_is_written_as_asyncua_writes_it(kind: ua.VariantType, value: Any) -> None:
    variant = ua.Variant(value, kind)
    assert variant_bytes(variant) == variant_to_binary(variant)
