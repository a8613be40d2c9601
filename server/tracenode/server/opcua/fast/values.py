"""DataValues as bytes, the same bytes that asyncua makes of them in an answer to a Read."""

from __future__ import annotations

import struct
from datetime import datetime
from typing import Any, Final

from asyncua import ua
from asyncua.ua.ua_binary import Primitives, struct_to_binary

from tracenode.server.opcua.nodes.variants import variant_bytes

__all__ = ["value_bytes"]

_U32: Final = struct.Struct("<I")
_pack_time: Any = Primitives.DateTime.pack


def value_bytes(value: ua.DataValue) -> bytes:
    """Encode a DataValue (OPC 10000-6 5.2.2.17)."""
    if value.SourcePicoseconds is not None or value.ServerPicoseconds is not None:
        return struct_to_binary(value)
    mask, body = 0, b""
    if value.Value is not None:
        mask, body = 0x01, variant_bytes(value.Value)
    if value.StatusCode is not None:
        mask |= 0x02
        body += _U32.pack(value.StatusCode.value)
    if value.SourceTimestamp is not None:
        mask |= 0x04
        body += _time(value.SourceTimestamp)
    if value.ServerTimestamp is not None:
        mask |= 0x08
        body += _time(value.ServerTimestamp)
    return bytes((mask,)) + body


def _time(value: datetime) -> bytes:
    packed: bytes = _pack_time(value)
    return packed
