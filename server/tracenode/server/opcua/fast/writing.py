"""Write: few plain values; every check, note and claim is the session's own.

Values are read from the bytes here, by the complete path's decoder; the rest is `write` of the
session, which waits for nothing when there are so few.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import nodeid_from_binary

from tracenode.server.opcua.connections.wire import data_value
from tracenode.server.opcua.fast.steps import at_once
from tracenode.server.opcua.fast.wire import EMPTY, I32, NOTHING, answer, node_id_end, response_type

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.sessions import TraceSession

__all__ = ["Writes"]

RESPONSE: Final = response_type("Write")
MOST: Final = 100
"""Values of one request; between those of longer ones others have their turn."""
REMEMBERED: Final = 100_000
"""NodeIds of variables; then all are forgotten."""
LONGEST: Final = 150
"""Bytes of a NodeId that is remembered."""
PLAIN: Final = 0x01
"""A DataValue of a value alone, without status and times."""
NUMBERS: Final = {
    kind.value: (kind, struct.Struct(f"<{form}"))
    for kind, form in (
        (ua.VariantType.SByte, "b"),
        (ua.VariantType.Byte, "B"),
        (ua.VariantType.Int16, "h"),
        (ua.VariantType.UInt16, "H"),
        (ua.VariantType.Int32, "i"),
        (ua.VariantType.UInt32, "I"),
        (ua.VariantType.Int64, "q"),
        (ua.VariantType.UInt64, "Q"),
        (ua.VariantType.Float, "f"),
        (ua.VariantType.Double, "d"),
    )
}
"""Numbers by the byte that a Variant of one begins with, and how they are written."""
TARGET_END: Final = struct.Struct("<Ii")
"""Attribute, length of the range."""


class Writes:
    """Answers Write requests of all sessions."""

    def __init__(self) -> None:
        self._ids: dict[bytes, ua.NodeId] = {}

    def answer(self, session: TraceSession, handle: int, asked: bytes) -> bytes | None:
        """Write, and return the answer; None where the request is unusual."""
        values = self._values(asked)
        if values is None:
            return None
        params = ua.WriteParameters()
        params.NodesToWrite = values
        try:
            codes = at_once(session.write(params))
        except ServiceError:
            return None
        count = len(codes)
        packed = struct.pack(f"<i{count}I", count, *(code.value for code in codes))
        return answer(RESPONSE, handle, packed, EMPTY)

    def _values(self, asked: bytes) -> list[ua.WriteValue] | None:
        if len(asked) < I32.size:
            return None
        (count,) = I32.unpack_from(asked)
        if not 0 < count <= MOST:
            return None
        at, found = I32.size, []
        try:
            for _ in range(count):
                end = node_id_end(asked, at)
                node_id = self._node_id(asked[at:end])
                attribute, ranged = TARGET_END.unpack_from(asked, end)
                if attribute != AttributeIds.Value or ranged not in NOTHING:
                    return None
                value, at = _value(asked, end + TARGET_END.size)
                found.append(
                    ua.WriteValue(NodeId=node_id, AttributeId=AttributeIds.Value, Value=value)
                )
        except Exception:  # noqa: BLE001  # the complete path says what is wrong with it
            return None
        return found if at == len(asked) else None

    def _node_id(self, data: bytes) -> ua.NodeId:
        known = self._ids.get(data)
        if known is None:
            buffer: Any = Buffer(data)
            known = nodeid_from_binary(buffer)
            if len(buffer):
                raise ValueError("expected a NodeId and no more")
            if len(data) <= LONGEST:
                if len(self._ids) >= REMEMBERED:
                    self._ids.clear()
                self._ids[data] = known
        return known


def _value(data: bytes, at: int) -> tuple[ua.DataValue, int]:
    scalar = NUMBERS.get(data[at + 1]) if data[at] == PLAIN else None
    if scalar is not None:
        kind, form = scalar
        (number,) = form.unpack_from(data, at + 2)
        value = ua.DataValue(ua.Variant(number, kind), ua.StatusCode())
        return value, at + 2 + form.size
    buffer: Any = Buffer(data, at)
    return data_value(buffer), buffer.cur_pos
