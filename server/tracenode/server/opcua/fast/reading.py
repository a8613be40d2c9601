"""Read: the bytes of a request lead to held values, whose bytes are made once a change.

A DataValue is never changed after it was handed over, so encoded bytes are good as long as the
variable holds the same object. What else an answer depends on (the session's roles, the nodes there
are, their attributes other than Value) is in the key, or in `TraceAddressSpace.changes`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import struct_from_binary

from tracenode.server.opcua.fast.values import value_bytes
from tracenode.server.opcua.fast.wire import EMPTY, I32, answer, node_id_end, response_type
from tracenode.server.opcua.nodes.reading import read_attribute

if TYPE_CHECKING:
    from asyncua.server.address_space import AttributeValue

    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.nodes.space import TraceAddressSpace

__all__ = ["Reads"]

RESPONSE: Final = response_type("Read")
ASKED: Final = struct.Struct("<dIi")
MOST: Final = 1_000
"""Nodes of one request; longer ones are read in slices, by the complete path."""
KEPT: Final = 64 * 1024 * 1024
"""Bytes, about, of what is remembered of requests; then all of it is forgotten."""
SOURCE, PLACE = 400, 16
"""Bytes, about, of a source, and of one more place where it stands."""
PLAIN_END: Final = 4 + 4 + 2 + 4
"""Bytes after a NodeId: attribute, no range, no encoding."""
TIMESTAMPS: Final = {one.value: one for one in ua.TimestampsToReturn if one.value < 4}


class Held:
    """The Value of a variable, as asked for by everyone with the same rights."""

    __slots__ = ("_cell", "_space", "_timestamps", "_wanted", "bytes", "value")
    is_kept: Final = True

    def __init__(
        self,
        space: TraceAddressSpace,
        cell: AttributeValue,
        wanted: ua.ReadValueId,
        timestamps: ua.TimestampsToReturn,
    ) -> None:
        self._space, self._cell = space, cell
        self._wanted, self._timestamps = wanted, timestamps
        self.value: ua.DataValue | None = None
        self.bytes = b""

    def encoded(self, _session: TraceSession) -> bytes:
        """Return the value of now."""
        cell = self._cell
        held = cell.value
        if held is self.value and held is not None:
            return self.bytes
        made = value_bytes(read_attribute(self._wanted, self._timestamps, self._space))
        keeps = (
            cell.value_callback is None and held is not None and held.ServerTimestamp is not None
        )
        self.value, self.bytes = (held, made) if keeps else (None, b"")
        return made


class Asked:
    """An attribute that is read anew each time, as the complete path reads it. There is no end of
    ids and ranges to ask for: `is_kept` is False where it is no plain attribute of a held node."""

    __slots__ = ("_timestamps", "_wanted", "is_kept")

    def __init__(
        self, wanted: ua.ReadValueId, timestamps: ua.TimestampsToReturn, *, is_kept: bool
    ) -> None:
        self._wanted, self._timestamps, self.is_kept = wanted, timestamps, is_kept

    def encoded(self, session: TraceSession) -> bytes:
        return value_bytes(session._read(self._wanted, self._timestamps))


Source = Held | Asked


class Reads:
    """Answers Read requests of all sessions."""

    def __init__(self, space: TraceAddressSpace) -> None:
        self._space = space
        self._changes = -1
        self._size = 0
        self._requests: dict[tuple[int, bytes], list[Source]] = {}
        self._nodes: dict[tuple[int, int], dict[bytes, Source]] = {}

    def answer(self, session: TraceSession, handle: int, asked: bytes) -> bytes | None:
        """Return the answer to a request with these parameters, None where it is unusual."""
        if self._space.changes != self._changes:
            self._forget()
            self._changes = self._space.changes
        key = session.rights.roles, asked
        sources = self._requests.get(key)
        if sources is None:
            sources = self._planned(session, asked)
            if sources is None:
                return None
            if all(source.is_kept for source in sources):
                self._requests[key] = sources
                self._count(len(asked) + PLACE * len(sources))
        values = [source.encoded(session) for source in sources]
        return answer(RESPONSE, handle, I32.pack(len(values)), *values, EMPTY)

    def _planned(self, session: TraceSession, asked: bytes) -> list[Source] | None:
        if len(asked) < ASKED.size:
            return None
        max_age, code, count = ASKED.unpack_from(asked)
        timestamps = TIMESTAMPS.get(code)
        most = min(MOST, session.iserver.limits.nodes_per_read)
        if not max_age >= 0 or timestamps is None or not 0 < count <= most:
            return None
        known = self._nodes.setdefault((session.rights.roles, code), {})
        sources: list[Source] = []
        at = ASKED.size
        for _ in range(count):
            end = _plain_end(asked, at)
            one = asked[at:end]
            source = known.get(one)
            if source is None:
                source = self._found(session, one, timestamps)
                if source is None:
                    return None
                if source.is_kept:
                    known[one] = source
                    self._count(len(one) + SOURCE)
            sources.append(source)
            at = end
        return sources if at == len(asked) else None

    def _found(
        self, session: TraceSession, one: bytes, timestamps: ua.TimestampsToReturn
    ) -> Source | None:
        buffer: Any = Buffer(one)
        try:
            wanted = struct_from_binary(ua.ReadValueId, buffer)
        except Exception:  # noqa: BLE001  # the complete path says what is wrong with it
            return None
        if len(buffer):
            return None
        node_id, attribute = wanted.NodeId, wanted.AttributeId
        node = self._space.virtual.real.get(node_id)
        plain = not wanted.IndexRange and not (wanted.DataEncoding and wanted.DataEncoding.Name)
        if attribute != AttributeIds.Value or node is None or not plain:
            return Asked(wanted, timestamps, is_kept=plain and node is not None)
        cell = node.attributes.get(AttributeIds.Value)
        if cell is None or session.may_watch(node_id, int(attribute)) is not None:
            return Asked(wanted, timestamps, is_kept=True)
        return Held(self._space, cell, wanted, timestamps)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > KEPT:
            self._forget()

    def _forget(self) -> None:
        self._requests.clear()
        self._nodes.clear()
        self._size = 0


def _plain_end(data: bytes, at: int) -> int:
    """Return where a ReadValueId without range and encoding ends; wrong for any other, whose bytes
    then are not a whole one."""
    return node_id_end(data, at) + PLAIN_END
