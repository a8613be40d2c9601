"""CreateMonitoredItems: items that watch whole values of real nodes, read from the bytes.

Any other item of the request (another attribute, a deadband, a node that is virtual or unknown) is
decoded, and made as the complete path makes it, in its place. What the rights of a session say of a
node is kept as for Read: by roles, until `TraceAddressSpace.changes` grows.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import (
    nodeid_from_binary,
    nodeid_to_binary,
    struct_from_binary,
    struct_to_binary,
)

from tracenode.server.opcua.fast.wire import (
    EMPTY,
    I32,
    answer,
    node_id_end,
    response_type,
)
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.subscriptions.deadband import TRIGGERS
from tracenode.server.opcua.subscriptions.monitored import Plain
from tracenode.server.opcua.subscriptions.targets import Target

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.nodes.space import TraceAddressSpace
    from tracenode.server.opcua.subscriptions.service import TraceSubscriptions

__all__ = ["Watches"]

RESPONSE: Final = response_type("CreateMonitoredItems")
ASKED: Final = struct.Struct("<IIi")
"""Subscription, time stamps, how many items."""
ITEM: Final = struct.Struct("<IiHiId3sI?")
"""An item but for its NodeId and handle: attribute, length of the range, encoding, mode; interval,
no filter, size of the queue, whether the oldest is discarded."""
FILTERED: Final = struct.Struct("<IiHiId5siIIdI?")
"""The same with a DataChangeFilter: its type, length, trigger, kind and size of the deadband."""
HANDLE: Final = 18
"""Bytes of an item between its NodeId and its handle, which has four."""
FILTER: Final = HANDLE + 4 + 8
NONE: Final = bytes(3)
CHANGES: Final = (
    nodeid_to_binary(ua_id(ObjectIds.DataChangeFilter_Encoding_DefaultBinary)) + b"\x01"
)
CHANGES_SIZE: Final = 16
MADE: Final = struct.Struct("<II")
"""Good, and the number of the item."""
REVISED: Final = struct.Struct("<dI3x")
"""Interval, queue size, no result of the filter."""
MODES: Final = {mode.value: mode for mode in ua.MonitoringMode}
TIMESTAMPS: Final = {one.value: one for one in ua.TimestampsToReturn if one.value < 4}
VALUE: Final = AttributeIds.Value.value
KEPT: Final = 100_000
"""Targets; then all are forgotten."""

Wanted = tuple[Target, bytes, int] | ua.MonitoredItemCreateRequest
"""An item: its target, handle, and place among what is asked; or one that is unusual."""


class Watches:
    """Answers CreateMonitoredItems requests of all sessions."""

    def __init__(self, space: TraceAddressSpace, subscriptions: TraceSubscriptions) -> None:
        self._space = space
        self._subscriptions = subscriptions
        self._changes = -1
        self._count = 0
        self._targets: dict[int, dict[bytes, Target]] = {}

    def answer(self, session: TraceSession, handle: int, asked: bytes) -> bytes | None:
        """Return the answer to a request with these parameters, None where it is unusual."""
        if len(asked) < ASKED.size:
            return None
        number, code, count = ASKED.unpack_from(asked)
        timestamps = TIMESTAMPS.get(code)
        items = self._subscriptions.items
        if timestamps is None or not 0 < count <= session.iserver.limits.monitored_items_per_call:
            return None
        plain: dict[bytes, Plain] = {}
        try:
            wanted = self._wanted(session, asked, count, plain)
        except Exception:  # noqa: BLE001  # the complete path says what is wrong with it
            return None
        if wanted is None:
            return None
        try:
            subscription = self._subscriptions.of(session, number)
        except ServiceError:
            return None
        if items.room(subscription) < count:
            return None
        agreed = [items.agreed(subscription, one, timestamps) for one in plain.values()]
        revised = [REVISED.pack(one.interval, one.size) for one in agreed]
        results: list[bytes] = []
        for one in wanted:
            if isinstance(one, tuple):
                target, head, place = one
                made = items.create_plain(subscription, target, head, agreed[place])
                results.append(MADE.pack(0, made) + revised[place])
            else:
                result = items.create_one(session, subscription, one, timestamps)
                results.append(struct_to_binary(result))
        return answer(RESPONSE, handle, I32.pack(count), *results, EMPTY)

    def _wanted(
        self, session: TraceSession, asked: bytes, count: int, plain: dict[bytes, Plain]
    ) -> list[Wanted] | None:
        """Return the items of a request, None where that is not all of it. What they ask for goes
        to `plain`, by its bytes: most of them ask for the same."""
        known = self._known(session.rights.roles)
        places: dict[bytes, int] = {}
        wanted: list[Wanted] = []
        at = ASKED.size
        for _ in range(count):
            end = node_id_end(asked, at)
            target = known.get(asked[at:end]) or self._found(session, known, asked[at:end])
            after = end + HANDLE
            size = 4 + (FILTERED if asked[end + FILTER] else ITEM).size
            shape = asked[end:after] + asked[after + 4 : end + size]
            place = places.get(shape)
            if place is None and (found := _plain(shape)) is not None:
                place = places[shape] = len(places)
                plain[shape] = found
            if target is None or place is None or target.is_polled:
                buffer: Any = Buffer(asked, at)
                wanted.append(struct_from_binary(ua.MonitoredItemCreateRequest, buffer))
                at = buffer.cur_pos
            else:
                wanted.append((target, asked[after : after + 4], place))
                at = end + size
        return wanted if at == len(asked) else None

    def _known(self, roles: int) -> dict[bytes, Target]:
        if self._space.changes != self._changes or self._count > KEPT:
            self._targets.clear()
            self._count = 0
            self._changes = self._space.changes
        return self._targets.setdefault(roles, {})

    def _found(
        self, session: TraceSession, known: dict[bytes, Target], name: bytes
    ) -> Target | None:
        buffer: Any = Buffer(name)
        node_id = nodeid_from_binary(buffer)
        real = self._space.virtual.real
        if len(buffer) or node_id not in real or session.may_watch(node_id, VALUE) is not None:
            return None
        target = Target(self._space, node_id, AttributeIds.Value)
        if target.cell is None:
            return None
        known[name] = target
        self._count += 1
        return target


def _plain(shape: bytes) -> Plain | None:
    """Return what an item asks for, None where it is unusual."""
    if len(shape) == ITEM.size:
        attribute, ranged, _, encoding, mode, interval, kind, size, oldest = ITEM.unpack(shape)
        trigger = ua.DataChangeTrigger.StatusValue
        usual = kind == NONE
    else:
        attribute, ranged, _, encoding, mode, interval, kind, length, *changes = FILTERED.unpack(
            shape
        )
        trigger, deadband, _, size, oldest = changes
        usual = kind == CHANGES and length == CHANGES_SIZE and not deadband
    if not usual or attribute != VALUE or ranged > 0 or encoding > 0:
        return None
    return Plain(MODES[mode], interval, TRIGGERS[trigger], size, oldest)
