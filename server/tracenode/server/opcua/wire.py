"""Decoding that differs from asyncua 2.1's.

asyncua takes the fields of a DataValue in the order Value, Status, SourceTimestamp,
ServerTimestamp, SourcePicoseconds, ServerPicoseconds; on the wire each picoseconds follows its
time (OPC 10000-6 5.2.2.17). With picoseconds present, its times come out as garbage. Only Write
brings DataValues in; what goes out never has picoseconds.
"""

from __future__ import annotations

from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import (
    Primitives,
    nodeid_from_binary,
    struct_from_binary,
    variant_from_binary,
)

__all__ = ["write_parameters"]

MAX_WRITES = 10_000


def write_parameters(body: Any) -> ua.WriteParameters:
    """Decode the parameters of a Write; picoseconds are read and dropped."""
    count = Primitives.Int32.unpack(body)
    params = ua.WriteParameters()
    if count > MAX_WRITES:
        raise ua.uaerrors.BadTooManyOperations
    for _ in range(count):
        write = ua.WriteValue()
        write.NodeId = nodeid_from_binary(body)
        write.AttributeId = _attribute(Primitives.UInt32.unpack(body))
        write.IndexRange = Primitives.String.unpack(body)
        write.Value = data_value(body)
        params.NodesToWrite.append(write)
    return params


def data_value(body: Any) -> ua.DataValue:
    """Decode one DataValue in the order of the specification."""
    mask = Primitives.Byte.unpack(body)
    value = variant_from_binary(body) if mask & 0x01 else None
    status = struct_from_binary(ua.StatusCode, body) if mask & 0x02 else ua.StatusCode()
    source = Primitives.DateTime.unpack(body) if mask & 0x04 else None
    if mask & 0x10:
        Primitives.UInt16.unpack(body)
    server = Primitives.DateTime.unpack(body) if mask & 0x08 else None
    if mask & 0x20:
        Primitives.UInt16.unpack(body)
    return ua.DataValue(value, status, source, server)


def _attribute(number: int) -> AttributeIds:
    try:
        return AttributeIds(number)
    except ValueError as e:
        raise ua.uaerrors.BadAttributeIdInvalid from e
