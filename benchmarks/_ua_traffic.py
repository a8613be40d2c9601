"""Many connections at once on one thread: those that listen, and those that call now and then."""

from __future__ import annotations

import heapq
import selectors
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary

from benchmarks import _ua_requests as requests
from benchmarks._ua_client import Refused, Wire

__all__ = ["Caller", "Listener", "Traffic"]

WINDOW: Final = 3
"""Publish requests that a listener leaves with the server."""
PUBLISH_RESPONSE: Final = 829
DATA, EVENTS = 811, 916
CLOSED: Final = b"\x01\x00\xdc\x01"
"""How the body of a CloseSessionResponse begins."""
BODY: Final = 24
"""Where the body of a chunk begins, unencrypted."""
_U32: Final = struct.Struct("<I")
_MESSAGE: Final = struct.Struct("<Iqi")
AHEAD: Final = 28
"""Bytes of an answer before its parameters, without diagnostics and strings."""


class Listener:
    """A connection with one subscription; counts what it hears, `keep` keeps it."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.heard = 0
        self.keep = False
        self.messages: list[bytes] = []
        self._acknowledge = wire.body(requests.publish())
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = []
        self._ask = wire.body(request)

    def begin(self) -> None:
        """Leave Publish requests with the server."""
        for message in self.wire.prepared([self._ask] * WINDOW):
            self.wire.socket.sendall(message)

    def take(self, body: bytes) -> None:
        """Count what came, acknowledge it and ask for more.

        Raises:
            Refused: no good answer to a Publish.
        """
        if body[:4] != b"\x01\x00\x3d\x03" or body[16:20] != b"\0\0\0\0":
            raise Refused(f"{self.wire.endpoint}: expected notifications, found {body[:20].hex()}")
        found, sequence = _counted(body)
        self.heard += found
        if self.keep:
            self.messages.append(body)
        ask = self._ask
        if found:
            ask = self._acknowledge[:-8] + body[AHEAD : AHEAD + 4] + _U32.pack(sequence)
        self.wire.socket.sendall(self.wire.prepared([ask])[0])

    def close(self) -> None:
        """End the session and its subscription; what comes before that is not looked at."""
        request = ua.CloseSessionRequest()
        request.DeleteSubscriptions = True
        try:
            self.wire.socket.sendall(self.wire.prepared([self.wire.body(request)])[0])
            while not self.wire.answer()[0].startswith(CLOSED, BODY):
                pass
        finally:
            self.wire.socket.close()

    def notifications(self) -> Iterator[Any]:
        """Decode what was kept."""
        for body in self.messages:
            response = struct_from_binary(ua.PublishResponse, Buffer(body))
            yield from response.Parameters.NotificationMessage.NotificationData or ()


def _counted(body: bytes) -> tuple[int, int]:
    """Return how many notifications a publish answer has, and its sequence number."""
    at = AHEAD + 4
    (numbers,) = _U32.unpack_from(body, at)
    at += 4 + 4 * (numbers if numbers < 1 << 31 else 0) + 1
    sequence, _, parts = _MESSAGE.unpack_from(body, at)
    at += _MESSAGE.size
    count = 0
    for _ in range(max(parts, 0)):
        buffer = Buffer(body, at)
        kind = nodeid_from_binary(buffer).Identifier
        at = buffer.cur_pos + 1
        (size,) = _U32.unpack_from(body, at)
        at += 4
        if kind in (DATA, EVENTS):
            count += _U32.unpack_from(body, at)[0]
        at += size
    return count, sequence


@dataclass(slots=True)
class Caller:
    """A connection that sends the same request every `every` seconds."""

    wire: Wire
    body: bytes
    every: float
    sent: float = 0.0
    times: list[float] = field(default_factory=list)
    """Seconds from request to answer."""
    bodies: list[bytes] = field(default_factory=list)


class Traffic:
    """All connections of a scene."""

    def __init__(self, listeners: list[Listener], callers: list[Caller]) -> None:
        self.listeners = listeners
        self.callers = callers

    def run(self, enough: Callable[[], bool], seconds: float, *, begin: bool = True) -> None:
        """Let them talk until `enough()` or for `seconds`; looks at `enough` every 20 ms."""
        due: list[tuple[float, int]] = []
        now = time.monotonic()
        ends = now + seconds
        for number, caller in enumerate(self.callers):
            heapq.heappush(due, (now + caller.every * number / len(self.callers), number))
        with selectors.DefaultSelector() as selector:
            for listener in self.listeners:
                selector.register(listener.wire.socket, selectors.EVENT_READ, listener)
                if begin:
                    listener.begin()
            for caller in self.callers:
                selector.register(caller.wire.socket, selectors.EVENT_READ, caller)
            while (now := time.monotonic()) < ends and not enough():
                while due and due[0][0] <= now:
                    at, number = heapq.heappop(due)
                    self._send(self.callers[number])
                    heapq.heappush(due, (at + self.callers[number].every, number))
                wait = min(0.02, due[0][0] - now if due else 0.02)
                for key, _ in selector.select(max(0.0, wait)):
                    _receive(key.data)

    @staticmethod
    def _send(caller: Caller) -> None:
        if caller.sent:  # the last one is still on its way: it counts as late, and no more is sent
            return
        caller.sent = time.monotonic()
        caller.wire.socket.sendall(caller.wire.prepared([caller.body])[0])


def _receive(of: Listener | Caller) -> None:
    of.wire.receive()
    while chunks := of.wire.taken():
        body = of.wire.plain(chunks)
        match of:
            case Listener():
                of.take(body)
            case Caller():
                of.times.append(time.monotonic() - of.sent)
                of.sent = 0.0
                of.bodies.append(body)
