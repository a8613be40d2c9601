"""The connections of the fuzz run: at which point of a conversation a changed input is said, and
how its end is seen.

After an input comes a probe, a valid Read. The server must answer it, or end the connection; what
does neither within `ANSWER_S` is stuck.
"""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeVar

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import uatcp_to_binary

from benchmarks._fuzz_changes import changed, framed
from benchmarks._fuzz_requests import SESSION_MS, Spoken, creating, discovery, probe, spoken
from benchmarks._ua_client import HELLO, OPEN, Keys, Refused, Wire
from benchmarks._ua_requests import create_items, create_subscription

__all__ = ["ANSWER_S", "Lane", "Outcome", "Stage", "with_room"]

Connection = TypeVar("Connection", bound=Wire)

ANSWER_S: Final = 20.0
FRAMING: Final = 0.1
"""Share of the inputs on a channel whose chunks are changed, too: most of them end it."""
_FAULT_AT: Final = 16
"""Where the service result stands in the body of a response."""
INTERNAL: Final = 0x80020000
_U32: Final = struct.Struct("<I")
KINDS: Final = (b"HEL", b"OPN", b"MSG", b"CLO")


class Stage(IntEnum):
    """How far a conversation has come when the changed input is said."""

    Hello = 0
    Open = 1
    Opened = 2
    Created = 3
    Session = 4


_LEFT: Final = {
    Stage.Opened: int(StatusCodes.BadSessionIdInvalid),
    Stage.Created: int(StatusCodes.BadSessionNotActivated),
}
"""What a probe is answered while the stage is still the same (else it is good)."""


class Half(Wire):
    """A connection that stops its handshake at a stage. What is left of it ends soon: a connection
    that is broken leaves its session for that long, and the server has room for some."""

    session_ms = SESSION_MS

    def __init__(self, endpoint: str, keys: Keys | None, stage: Stage, source: str) -> None:
        self.stage = stage
        super().__init__(endpoint, keys, source=source)
        self.socket.settimeout(ANSWER_S)

    def _hello(self) -> None:
        if self.stage > Stage.Hello:
            super()._hello()

    def _open(self) -> None:
        if self.stage > Stage.Open:
            super()._open()

    def _activate(self) -> None:
        if self.stage == Stage.Session:
            super()._activate()
        elif self.stage == Stage.Created:
            (_, request), *_ = creating()
            if self.keys is not None:
                request.Parameters.ClientCertificate = self.policy.host_certificate
            self._token = self.ask(request).Parameters.AuthenticationToken


@dataclass(slots=True)
class Outcome:
    """What came of inputs."""

    answered: int = 0
    ended: int = 0
    """Connections that the server ended after them."""
    findings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Lane:
    """One kind of connection: with what stages, on which server."""

    name: str
    endpoint: str
    stages: Sequence[Stage]
    keys: Keys | None = None
    outcome: Outcome = field(default_factory=Outcome)
    _kept: dict[Stage, tuple[Half, list[Spoken]]] = field(default_factory=dict)
    _others: list[bytes] = field(default_factory=list)
    """Requests of a session, for parts of them."""
    _said: int = 0

    def say(self, chance: random.Random, number: int) -> None:
        """Say one input; it is number `number` of the run."""
        stage = chance.choice(self.stages)
        name = f"{self.name}, input {number} at {stage.name}"
        try:
            if stage in (Stage.Hello, Stage.Open):
                self._handshake(chance, stage)
            else:
                self._service(name, chance, stage)
        except TimeoutError:
            self.outcome.findings.append(f"stuck: {name}")
            self._drop(stage)
        except Refused as e:
            self.outcome.findings.append(f"no valid connection after {name}: {e}")

    def rest(self) -> None:
        """Close all connections."""
        for stage in list(self._kept):
            self._drop(stage)

    # ------------------------------------------------------------------ before a channel
    def _handshake(self, chance: random.Random, stage: Stage) -> None:
        """A new connection each time. An address of its own too where the server remembers who sent
        broken handshakes."""
        wire = Half(self.endpoint, self.keys, stage, _address(chance) if self.keys else "")
        with wire.socket:
            if stage == Stage.Hello:
                hello = ua.Hello()
                hello.EndpointUrl = ua.String(self.endpoint)
                hello.ReceiveBufferSize = hello.SendBufferSize = ua.UInt32(65_535)
                chunk: bytes = uatcp_to_binary(HELLO, hello)
            else:
                body = _opening(wire)
                if chance.random() < 0.5:
                    body = changed(chance, body, [body])
                chunk = wire.connection.message_to_binary(body, message_type=OPEN, request_id=1)
            self._leave(wire, framed(chance, chunk))

    # ------------------------------------------------------------------ on a channel
    def _service(self, name: str, chance: random.Random, stage: Stage) -> None:
        wire, requests = self._kept.get(stage) or self._connected(stage)
        framing = chance.random() < FRAMING
        body = wire.body(chance.choice(requests)[1])
        if not framing or chance.random() < 0.5:
            body = changed(chance, body, self._others, _header_size(body))
        made = b"".join(_split(wire, body, chance)) if body else b""
        if framing and made:
            made = framed(chance, made)
        if not _in_step(made):
            self._leave(wire, made)
            self._drop(stage)
            return
        asked = probe()
        handle = self._said = (self._said + 1) & 0xFFFF
        probing = _with_handle(wire.body(asked), 0x7E570000 | handle)
        last = _with_handle(probing, 0x7E580000 | handle)
        # a chunk that claims not to be the last one takes the first probe for its continuation
        probes = [probing, last] if framing else [last]
        message = made + b"".join(wire.prepared(probes))
        expected = _LEFT.get(stage, 0)
        if self._ends(name, wire, message, 0x7E580000 | handle) != expected:
            self._drop(stage)

    def _connected(self, stage: Stage) -> tuple[Half, list[Spoken]]:
        wire = with_room(lambda: Half(self.endpoint, self.keys, stage, ""))
        requests: list[Spoken] = [*discovery(), *creating()]
        if stage == Stage.Session:
            created = wire.ask(_subscription()).Parameters.SubscriptionId
            items = wire.ask(create_items(created, 1)).Results
            requests = spoken(created, items[0].MonitoredItemId or 1)
        if not self._others:
            self._others = [wire.body(request) for _, request in spoken(1, 1)]
        found = self._kept[stage] = wire, requests
        return found

    def _ends(self, name: str, wire: Half, message: bytes, handle: int) -> int | None:
        """Send; return the service result of the answer to the last probe, None where the server
        ended the connection."""
        try:
            wire.socket.sendall(message)
            while True:
                chunks = wire.taken()
                if not chunks:
                    wire.receive()
                    continue
                body = wire.plain(chunks)
                (answered,) = _U32.unpack_from(body, 12)
                (result,) = _U32.unpack_from(body, _FAULT_AT)
                if result == INTERNAL:
                    self.outcome.findings.append(f"BadInternalError: {name}")
                if answered == handle:
                    self.outcome.answered += 1
                    return int(result)
        except (ConnectionError, Refused):
            self.outcome.ended += 1
            return None

    def _leave(self, wire: Half, made: bytes) -> None:
        """Say a part of something and leave: the server must end the connection."""
        try:
            wire.socket.sendall(made)
            wire.socket.shutdown(socket.SHUT_WR)
            while data := wire.socket.recv(65_536):
                self.outcome.answered += data[:3] in (b"ACK", b"OPN")
        except TimeoutError:
            raise
        except OSError:
            pass  # it was faster
        self.outcome.ended += 1

    def _drop(self, stage: Stage) -> None:
        found = self._kept.pop(stage, None)
        if found is not None:
            found[0].socket.close()


def with_room(connect: Callable[[], Connection]) -> Connection:
    """Connect. Sessions whose connections were broken end by their time: a server that is full of
    them must have room again soon."""
    ends = time.monotonic() + ANSWER_S
    while True:
        try:
            return connect()
        except Refused as e:
            if "BadTooManySessions" not in str(e) or time.monotonic() > ends:
                raise
        time.sleep(SESSION_MS / 10_000)


def _subscription() -> ua.CreateSubscriptionRequest:
    """One that ends soon after its connection is broken: 1,000 of them are the most there are."""
    request = create_subscription(100.0)
    request.Parameters.RequestedLifetimeCount = ua.UInt32(30)
    request.Parameters.RequestedMaxKeepAliveCount = ua.UInt32(10)
    return request


# ------------------------------------------------------------------ bytes
def _address(chance: random.Random) -> str:
    """Return an address of this machine (Linux answers for all of 127/8)."""
    return f"127.{chance.randrange(1, 255)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"


def _opening(wire: Wire) -> bytes:
    request = ua.OpenSecureChannelRequest()
    asked = request.Parameters
    asked.RequestType = ua.SecurityTokenRequestType.Issue
    asked.SecurityMode = wire.policy.Mode
    asked.RequestedLifetime = ua.UInt32(60_000)
    asked.ClientNonce = bytes(range(32)) if wire.keys else b""
    return wire.body(request)


def _with_handle(body: bytes, handle: int) -> bytes:
    """Put a request handle in: it stands after the type, the token and the time."""
    at = 4 + _node_id_size(body, 4) + 8
    return body[:at] + _U32.pack(handle) + body[at + 4 :]


def _header_size(body: bytes) -> int:
    """Type, token, time, handle, diagnostics, an audit id of null, time limit, no more."""
    return 4 + _node_id_size(body, 4) + 8 + 4 + 4 + 4 + 4 + 3


_SIZES: Final[dict[int, Callable[[bytes, int], int]]] = {
    0: lambda _body, _at: 2,
    1: lambda _body, _at: 4,
    2: lambda _body, _at: 7,
    4: lambda _body, _at: 19,
    5: lambda body, at: 7 + int(_U32.unpack_from(body, at + 3)[0]),
}


def _node_id_size(body: bytes, at: int) -> int:
    return _SIZES[body[at]](body, at)


def _split(wire: Half, body: bytes, chance: random.Random) -> list[bytes]:
    """Return the message whole, or now and then in small valid chunks."""
    (whole,) = wire.prepared([body])
    if wire.keys is not None or chance.random() < 0.9 or len(body) < 8:
        return [whole]
    head, step = whole[:24], max(1, len(body) // chance.randrange(2, 9))
    parts = [body[at : at + step] for at in range(0, len(body), step)]
    out = []
    (sequence,) = _U32.unpack_from(head, 16)
    for place, part in enumerate(parts):
        flag = b"F" if place == len(parts) - 1 else b"C"
        numbers = head[8:16] + _U32.pack(sequence + place) + head[20:24]
        out.append(b"MSG" + flag + _U32.pack(24 + len(part)) + numbers + part)
    wire.connection._sequence_number += len(parts) - 1
    return out


def _in_step(made: bytes) -> bool:
    """Say whether the server knows, after these bytes, where the next chunk begins; or ends the
    connection because of them."""
    at = 0
    while len(made) - at >= 8:
        size = _U32.unpack_from(made, at + 4)[0]
        if made[at : at + 3] not in KINDS or not 8 < size <= 65_535:
            return True
        at += size
    return at == len(made)
