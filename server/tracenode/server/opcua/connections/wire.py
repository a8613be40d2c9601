"""Decoding that differs from asyncua 2.1's.

asyncua takes the fields of a DataValue in the order Value, Status, SourceTimestamp,
ServerTimestamp, SourcePicoseconds, ServerPicoseconds; on the wire each picoseconds follows its
time (OPC 10000-6 5.2.2.17). With picoseconds present, its times come out as garbage. Only Write
brings DataValues in; what goes out never has picoseconds.

Five more are put right for the whole process when this module is imported, since every decoder of
asyncua's stands on them:

- An array of Null claims elements that take no bytes, so that its length costs nothing to claim and
  minutes to read: it is refused.
- A string's length below -1 moves the place that is read backwards: it is null, as -1.
- A string that is no UTF-8 becomes one that can't be written anywhere: it is refused.
- Values that hold each other as deep as the stack goes fail wherever they are looked at again: they
  are refused below a hundred (OPC 10000-6 5.1.9).
- Dimensions that claim more elements than came are filled up with made ones: they are refused
  (OPC 10000-6 5.2.2.16).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from asyncua import ua
from asyncua.ua import ua_binary
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import (
    Primitives,
    nodeid_from_binary,
    struct_from_binary,
    variant_from_binary,
)

__all__ = ["write_parameters"]

MAX_WRITES = 10_000
DEEPEST = 100
"""Variants and extension objects that hold each other."""


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


# ---------------------------------------------------------------------- for the whole process
class _NullArrays:
    """How asyncua writes and reads arrays of Null."""

    def pack_array(self, data: Sequence[object] | None) -> bytes:
        """Encode the length of an array whose elements have no bytes."""
        return Primitives.Int32.pack(-1 if data is None else len(data))

    def unpack_array(self, _data: Any, length: int) -> tuple[None, ...]:
        """Decode no elements.

        Raises:
            BadDecodingError: there are some.
        """
        if length > 0:
            raise ua.uaerrors.BadDecodingError
        return ()


def _bytes(data: Any) -> bytes | None:
    length = Primitives.Int32.unpack(data)
    found: bytes | None = data.read(length) if length >= 0 else None
    return found


def _string(data: Any) -> str | None:
    found = _bytes(data)
    return None if found is None else found.decode("utf-8")


_asyncua: Any = ua_binary
_reshape = _asyncua._reshape


def _reshaped(flat: list[object], dimensions: Sequence[int] | None) -> Any:
    if dimensions and (min(dimensions) < 0 or prod(dimensions) != len(flat)):
        raise ua.uaerrors.BadDecodingError
    return _reshape(flat, dimensions) if dimensions else flat


_level = threading.local()


def _bounded(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def bounded(data: Any) -> Any:
        level = getattr(_level, "depth", 0)
        if level >= DEEPEST:
            raise ua.uaerrors.BadEncodingLimitsExceeded
        _level.depth = level + 1
        try:
            return read(data)
        finally:
            _level.depth = level

    return bounded


for _name in ("variant_from_binary", "extensionobject_from_binary"):
    setattr(_asyncua, _name, _bounded(getattr(_asyncua, _name)))
_asyncua.Primitives1.Null = _NullArrays()
_asyncua._Bytes.unpack = staticmethod(_bytes)
_asyncua._String.unpack = staticmethod(_string)
_asyncua._reshape = _reshaped
