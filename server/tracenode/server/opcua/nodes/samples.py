"""One value as it goes to everyone who watches it: held once, encoded once."""

from __future__ import annotations

import dataclasses
import logging
import struct
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import Primitives

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.nodes.variants import variant_bytes

__all__ = ["OVERFLOW", "Sample", "data_value_bytes", "with_timestamps"]

log = logging.getLogger(__name__)

T = ua.TimestampsToReturn
SOURCE, SERVER = (T.Source, T.Both), (T.Server, T.Both)

OVERFLOW = 0x0480
"""InfoType DataValue with the bit Overflow (OPC 10000-4 7.39)."""
SMALL = 48
"""Bytes that a number or a time is taken to need while it waits."""


class Sample:
    """A value on its way to the subscribers; immutable, shared by all of them.

    `weight` is about how many bytes it keeps in memory while it waits in a queue.
    """

    __slots__ = ("_before", "_differs", "_encoded", "value", "weight")

    def __init__(self, value: ua.DataValue) -> None:
        self.value = value
        self.weight = SMALL if value.Value is None else _weight(value.Value.Value)
        self._encoded: list[bytes | None] = [None, None, None, None]
        self._before: ua.DataValue | None = None
        self._differs = True

    def encoded(self, timestamps: ua.TimestampsToReturn) -> bytes:
        """Return the DataValue with the time stamps asked for, on the wire; BadEncodingError in the
        place of a value that does not fit its type."""
        known = self._encoded[timestamps]
        if known is None:
            known = self._encoded[timestamps] = self._bytes(timestamps)
        return known

    def _bytes(self, timestamps: ua.TimestampsToReturn) -> bytes:
        value = self.value
        try:
            return data_value_bytes(value, timestamps)
        except Exception as e:  # noqa: BLE001  # of struct, of asyncua, of whatever was set
            log.error("a value that can't be encoded (%s): %.300r", e, value.Value)
        bad = ua_status(StatusCodes.BadEncodingError)
        told = dataclasses.replace(value, Value=None, StatusCode=bad)
        return data_value_bytes(told, timestamps)

    def differs(
        self, before: ua.DataValue, passes: Callable[[ua.DataValue, ua.DataValue], bool]
    ) -> bool:
        """Return what `passes` says of this value after `before`; asked once for all subscribers
        who had the same value before. Always call it with the same `passes`."""
        if before is not self._before:
            self._differs = passes(before, self.value)
            self._before = before
        return self._differs

    def overflowed(self) -> Sample:
        """Return the same value with the overflow bit in its status."""
        code = 0 if self.value.StatusCode is None else int(self.value.StatusCode.value)
        return Sample(dataclasses.replace(self.value, StatusCode=ua_status(code | OVERFLOW)))


def data_value_bytes(value: ua.DataValue, timestamps: ua.TimestampsToReturn) -> bytes:
    """Encode a DataValue, without picoseconds (OPC 10000-6 5.2.2.17)."""
    mask, parts = 0, [b""]
    variant = value.Value
    if variant is not None and variant.VariantType != ua.VariantType.Null:
        mask |= 0x01
        parts.append(variant_bytes(variant))
    code = 0 if value.StatusCode is None else int(value.StatusCode.value)
    if code:
        mask |= 0x02
        parts.append(struct.pack("<I", code))
    source = value.SourceTimestamp if timestamps in SOURCE else None
    server = value.ServerTimestamp if timestamps in SERVER else None
    if source is not None:
        mask |= 0x04
        parts.append(Primitives.DateTime.pack(source))
    if server is not None:
        mask |= 0x08
        parts.append(parts[-1] if server is source else Primitives.DateTime.pack(server))
    parts[0] = bytes([mask])
    return b"".join(parts)


def with_timestamps(value: ua.DataValue, timestamps: ua.TimestampsToReturn) -> ua.DataValue:
    """Return `value` with the time stamps asked for only; never changes it."""
    source: Any = value.SourceTimestamp if timestamps in (T.Source, T.Both) else None
    server: Any = value.ServerTimestamp if timestamps in (T.Server, T.Both) else None
    if source is value.SourceTimestamp and server is value.ServerTimestamp:
        return value
    return ua.DataValue(value.Value, value.StatusCode, source, server)


def _weight(held: object) -> int:
    if isinstance(held, int | float):
        return SMALL
    if isinstance(held, str | bytes):
        return SMALL + len(held)
    if isinstance(held, list | tuple):
        if held and isinstance(held[0], str | bytes | list | tuple):
            return SMALL + sum(_weight(one) for one in held)
        return SMALL + 16 * len(held)
    return SMALL
