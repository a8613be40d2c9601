"""Notification messages as bytes, and those that wait to be acknowledged.

Written out here rather than built as objects: a message is made of parts that were encoded once for
all subscribers, and is kept as it went out for Republish (OPC 10000-4 5.14.6).
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import Primitives

__all__ = [
    "Notifications",
    "Retained",
    "keep_alive",
    "notification_message",
    "publish_response",
    "republish_response",
    "status_change",
]

MAX_SEQUENCE = 0xFFFFFFFF


def _type_id(name: str) -> bytes:
    number = getattr(ObjectIds, f"{name}_Encoding_DefaultBinary")
    return struct.pack("<BBH", 1, 0, number)


PUBLISH, REPUBLISH = _type_id("PublishResponse"), _type_id("RepublishResponse")
DATA_CHANGE = _type_id("DataChangeNotification") + b"\x01"
EVENTS = _type_id("EventNotificationList") + b"\x01"
STATUS = _type_id("StatusChangeNotification") + b"\x01"
EMPTY_ARRAY = struct.pack("<i", 0)
HEADER_END = b"\x00" + EMPTY_ARRAY + b"\x00\x00\x00"
"""No diagnostics, no strings, no additional header."""


class Notifications:
    """What one message will tell: encoded MonitoredItemNotifications and EventFieldLists, how many
    more and how many bytes fit, and how many entries of what weight were taken from queues."""

    __slots__ = ("data", "events", "freed", "room", "size", "taken")

    def __init__(self, room: int, size: int) -> None:
        self.data: list[bytes] = []
        self.events: list[bytes] = []
        self.room, self.size = room, size
        self.taken = self.freed = 0

    @property
    def is_full(self) -> bool:
        """True where nothing more fits."""
        return self.room <= 0 or self.size <= 0


def notification_message(
    sequence: int, data: Sequence[bytes], events: Sequence[bytes], status: int | None = None
) -> bytes:
    """Return a NotificationMessage of encoded MonitoredItemNotifications and EventFieldLists."""
    parts: list[bytes] = []
    if data:
        body = b"".join((struct.pack("<i", len(data)), *data, EMPTY_ARRAY))
        parts += DATA_CHANGE, struct.pack("<i", len(body)), body
    if events:
        body = b"".join((struct.pack("<i", len(events)), *events))
        parts += EVENTS, struct.pack("<i", len(body)), body
    if status is not None:
        parts += STATUS, struct.pack("<iIB", 5, status, 0)
    count = bool(data) + bool(events) + (status is not None)
    return b"".join((struct.pack("<I", sequence), _now(), struct.pack("<i", count), *parts))


def keep_alive(sequence: int) -> bytes:
    """Return the message without notifications; it names the next sequence number."""
    return notification_message(sequence, (), ())


def status_change(sequence: int, code: int) -> bytes:
    """Return the last message of a subscription that is gone."""
    return notification_message(sequence, (), (), code)


def publish_response(  # noqa: PLR0917
    handle: int,
    subscription_id: int,
    available: Sequence[int],
    more: bool,
    message: bytes,
    results: Sequence[int],
) -> bytes:
    """Return a PublishResponse around an encoded NotificationMessage."""
    return b"".join(
        (
            _header(PUBLISH, handle),
            struct.pack("<I", subscription_id),
            _numbers(available),
            b"\x01" if more else b"\x00",
            message,
            _numbers(results),
            EMPTY_ARRAY,
        )
    )


def republish_response(handle: int, message: bytes) -> bytes:
    """Return a RepublishResponse around an encoded NotificationMessage."""
    return _header(REPUBLISH, handle) + message


class Retained:
    """The messages of one subscription that were sent and not acknowledged, bounded both ways."""

    def __init__(self, count: int, size: int) -> None:
        self._count, self._size = count, size
        self._held = 0
        self._messages: OrderedDict[int, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._messages

    def keep(self, sequence: int, message: bytes) -> None:
        """Keep a message; the oldest go where there are too many. The newest always stays."""
        self._messages[sequence] = message
        self._held += len(message)
        while len(self._messages) > 1 and (
            len(self._messages) > self._count or self._held > self._size
        ):
            self._held -= len(self._messages.popitem(last=False)[1])

    def get(self, sequence: int) -> bytes | None:
        """Return a message that is still held."""
        return self._messages.get(sequence)

    def acknowledge(self, sequence: int) -> bool:
        """Let a message go; False where it is not held."""
        gone = self._messages.pop(sequence, None)
        if gone is None:
            return False
        self._held -= len(gone)
        return True

    @property
    def sequences(self) -> list[int]:
        """The sequence numbers held, oldest first."""
        return list(self._messages)


def following(sequence: int) -> int:
    """Return the next sequence number; after the greatest comes 1 (OPC 10000-4 7.11)."""
    return 1 if sequence >= MAX_SEQUENCE else sequence + 1


def _numbers(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<i{len(numbers)}I", len(numbers), *numbers)


def _header(type_id: bytes, handle: int) -> bytes:
    return b"".join((type_id, _now(), struct.pack("<II", handle, 0), HEADER_END))


def _now() -> bytes:
    packed: bytes = Primitives.DateTime.pack(datetime.now(UTC))
    return packed
