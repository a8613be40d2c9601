"""Write: a plain value of a plain variable at once, few of any by the session's own `write`.

Plain is one value of a built-in type, without times, for a real variable that holds one of that
type. Who may write it, and whether something stands before it, is asked each time; what is not so
plain, and all that is refused, goes to `write` of the session, which waits for nothing when there
are so few. Values are read from the bytes here, by the complete path's decoder.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.server.address_space import AttributeValue
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import nodeid_from_binary

from tracenode.server.opcua.connections.wire import data_value
from tracenode.server.opcua.fast.scalars import NUMBERS, STRING, STRING_BYTE
from tracenode.server.opcua.fast.steps import at_once
from tracenode.server.opcua.fast.wire import EMPTY, I32, NOTHING, answer, node_id_end, response_type
from tracenode.server.opcua.nodes.book import SharedAttribute, attribute
from tracenode.server.opcua.nodes.updating import SINGLE_RANKS
from tracenode.server.opcua.nodes.variants import good_value, scalar
from tracenode.server.opcua.security.audit_notes import Written, note_write

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["Writes"]

RESPONSE: Final = response_type("Write")
MOST: Final = 100
"""Values of one request; between those of longer ones others have their turn."""
REMEMBERED: Final = 100_000
"""NodeIds of variables; then all are forgotten."""
LONGEST: Final = 150
"""Bytes of a NodeId that is remembered."""
VALUE, VALUE_AND_STATUS = 0x01, 0x03
"""A DataValue without times."""
STATUS_GOOD: Final = bytes(4)
WRITABLE: Final = ua.AccessLevel.CurrentWrite.mask
PLAIN_TYPES: Final = frozenset({*NUMBERS, STRING_BYTE})
TARGET_END: Final = struct.Struct("<Ii")
"""Attribute, length of the range."""


ONE: Final = I32.pack(1)
ONE_GOOD: Final = ONE + STATUS_GOOD + EMPTY


class Plain(NamedTuple):
    """A variable that may be given one value of these types, by the bytes of their Variants."""

    cell: AttributeValue
    node_id: ua.NodeId
    shown: str
    types: frozenset[int]


class Writes:
    """Answers Write requests of all sessions."""

    def __init__(self, iserver: TraceInternalServer) -> None:
        self._space, self._types = iserver.space, iserver.types
        self._gates, self._audit = iserver.written, iserver.audit
        self._longest_text = iserver.limits.string_bytes
        self._ids: dict[bytes, ua.NodeId] = {}
        self._changes = -1
        self._plain: dict[bytes, Plain] = {}

    def answer(self, session: TraceSession, handle: int, asked: bytes) -> bytes | None:
        """Write, and return the answer; None where the request is unusual."""
        if self._is_written(session, asked):
            return answer(RESPONSE, handle, ONE_GOOD)
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

    # ------------------------------------------------------------------ plain
    def _is_written(self, session: TraceSession, asked: bytes) -> bool:
        """Write the plain value of a plain variable; False, and nothing done, where it is not."""
        start = len(ONE)
        if asked[:start] != ONE:
            return False
        at = node_id_end(asked, start) + TARGET_END.size
        plain = self._variable(asked[start:at])
        if plain is None or at + 1 >= len(asked) or asked[at + 1] not in plain.types:
            return False
        new = self._plain_value(asked, at)
        cell, node_id = plain.cell, plain.node_id
        if (
            new is None
            or cell.value_callback is not None
            or cell.value_setter is not None
            or node_id in self._gates
            or session.rights.writing(node_id) is not None
        ):
            return False
        held: ua.DataValue | None = cell.value
        old = None if held is None else held.Value
        now = datetime.now(UTC)
        self._space.put(cell, good_value(new, now, now))
        who, attribute_id = session.caller, int(AttributeIds.Value)
        written = Written(who, node_id, plain.shown, attribute_id, "", old, new, 0, now)
        note_write(self._audit, written)
        return True

    def _variable(self, target: bytes) -> Plain | None:
        """Return the plain variable that a NodeId, attribute and range name."""
        if self._space.changes != self._changes or len(self._plain) > REMEMBERED:
            self._plain.clear()
            self._changes = self._space.changes
        found = self._plain.get(target)
        if found is None:
            found = self._found(target)
            if found is not None and len(target) <= LONGEST:
                self._plain[target] = found
        return found

    def _found(self, target: bytes) -> Plain | None:
        end = len(target) - TARGET_END.size
        try:
            node_id = self._node_id(target[:end])
            attribute_id, ranged = TARGET_END.unpack_from(target, end)
        except Exception:  # noqa: BLE001  # the complete path says what is wrong with it
            return None
        node = self._space.virtual.real.get(node_id)
        if node is None or attribute_id != AttributeIds.Value or ranged not in NOTHING:
            return None
        cell = node.attributes.get(AttributeIds.Value)
        if cell is None:
            return None
        data_type = attribute(node, AttributeIds.DataType)
        is_plain = (
            not isinstance(cell, SharedAttribute)
            and int(attribute(node, AttributeIds.AccessLevel) or 0) & WRITABLE
            and attribute(node, AttributeIds.ValueRank) in SINGLE_RANKS
            and isinstance(data_type, ua.NodeId)
        )
        types = self._types.encodings(data_type) if is_plain else frozenset()
        numbers = frozenset(one.value for one in types) & PLAIN_TYPES
        return Plain(cell, node.nodeid, node_id.to_string(), numbers)

    def _plain_value(self, data: bytes, at: int) -> ua.Variant | None:
        """Return the value of a DataValue that goes to the end of the data."""
        mask, kind, end = data[at], data[at + 1], len(data)
        if mask == VALUE_AND_STATUS and data[-len(STATUS_GOOD) :] == STATUS_GOOD:
            end -= len(STATUS_GOOD)
        elif mask != VALUE:
            return None
        at += 2
        if kind == STRING_BYTE:
            return self._text(data[at:end])
        variant_type, form = NUMBERS[kind]
        if at + form.size != end:
            return None
        return scalar(form.unpack_from(data, at)[0], variant_type)

    def _text(self, data: bytes) -> ua.Variant | None:
        size = len(data) - I32.size
        if not 0 <= size <= self._longest_text or I32.unpack_from(data) != (size,):
            return None
        try:
            return scalar(data[I32.size :].decode("utf-8"), STRING)
        except UnicodeDecodeError:
            return None

    # ------------------------------------------------------------------ any
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
    buffer: Any = Buffer(data, at)
    return data_value(buffer), buffer.cur_pos
