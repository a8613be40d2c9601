"""A raw OPC UA client for load: the handshake by asyncua's codec, the rest prepared bytes.

Requests are encoded (and encrypted) before the clock runs, and answers are only collected while it
runs; they are checked afterwards. So the client costs next to nothing beside any server, and is the
same for all of them.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer, create_nonce
from asyncua.crypto import security_policies, uacrypto
from asyncua.ua.ua_binary import (
    header_from_binary,
    nodeid_from_binary,
    struct_from_binary,
    struct_to_binary,
    uatcp_to_binary,
)
from cryptography.hazmat.primitives import serialization

__all__ = ["Keys", "Refused", "Wire", "exchange"]

T = TypeVar("T")
ANSWER_S: Final = 60.0
CHUNK: Final = 65_535
_HEAD: Final = struct.Struct("<4sIIIII")
SERVICE_FAULT: Final = 397
SEEN: Final = 5
"""Answers that are decoded, of each connection in each turn."""
HELLO: Any = ua.MessageType.Hello
OPEN: Any = ua.MessageType.SecureOpen
_policies: Any = security_policies
_x509: Any = uacrypto.x509_from_der


class Refused(RuntimeError):
    """A server answered with a bad status, or with what was not asked for."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Files of the client's and the server's certificate."""

    certificate: Path
    key: Path
    server: Path


class Wire:
    """One connection with one session, anonymous. `keys` asks for Basic256Sha256 SignAndEncrypt,
    `source` is the address to connect from."""

    session_ms: float = 600_000
    """How long its session may be silent."""

    def __init__(self, endpoint: str, keys: Keys | None = None, *, source: str = "") -> None:
        self.endpoint = endpoint
        self.keys = keys
        self._held = bytearray()
        self._bodies: dict[Callable[[], Any], bytes] = {}
        self._request = 0
        host, _, port = endpoint.removeprefix("opc.tcp://").partition("/")[0].partition(":")
        own = (source, 0) if source else None
        self.socket = socket.create_connection((host, int(port)), ANSWER_S, own)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.policy = _policy(keys)
        limits = TransportLimits(CHUNK, CHUNK, 0, 0)
        self.connection = SecureConnection(self.policy, limits)
        self._token = ua.NodeId()
        try:
            self._hello()
            self._open()
            self._activate()
        except BaseException:
            self.socket.close()
            raise

    # ------------------------------------------------------------------ services
    def ask(self, request: Any) -> Any:
        """Send a request, return its response.

        Raises:
            Refused: a service fault.
        """
        self.socket.sendall(self.prepared([self.body(request)])[0])
        return self.decoded(self.answer())

    def body(self, request: Any) -> bytes:
        """Encode a request of this session, without the chunk around it."""
        head = request.RequestHeader
        head.AuthenticationToken = self._token
        head.Timestamp = datetime.now(UTC)
        head.RequestHandle = 1
        head.TimeoutHint = 0
        return struct_to_binary(request)

    def known(self, make: Callable[[], Any]) -> bytes:
        """Encode what `make` makes, once."""
        body = self._bodies.get(make)
        if body is None:
            body = self._bodies[make] = self.body(make())
        return body

    def prepared(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Return messages ready to be sent, in this order, with nothing else between them."""
        made = []
        connection = self.connection
        for body in bodies:
            self._request += 1
            if self.keys is not None:
                made.append(connection.message_to_binary(body, request_id=self._request))
                continue
            connection._sequence_number += 1
            token = connection.security_token
            head = _HEAD.pack(
                b"MSGF",
                len(body) + _HEAD.size,
                token.ChannelId,
                token.TokenId,
                connection._sequence_number,
                self._request,
            )
            made.append(head + body)
        return made

    def answer(self) -> list[bytes]:
        """Wait for one whole message; return its chunks."""
        found: list[bytes] = []
        while not found:
            found = self.taken()
            if not found:
                self.receive()
        return found

    def receive(self) -> None:
        """Take in what the socket has; waits for it."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise Refused(f"{self.endpoint} closed the connection")
        self._held += data

    def taken(self) -> list[bytes]:
        """Return the chunks of the next whole message that has come, none where it has not."""
        held, at = self._held, 0
        chunks = []
        while len(held) - at >= 8:
            size = int.from_bytes(held[at + 4 : at + 8], "little")
            if len(held) - at < size:
                return []
            chunks.append(bytes(held[at : at + size]))
            at += size
            if chunks[-1][3:4] == b"F":
                del held[:at]
                return chunks
        return []

    def plain(self, chunks: Sequence[bytes]) -> bytes:
        """Return the body of a message, decrypted and checked. Messages in the order they came."""
        if chunks[0][:3] == b"ERR":
            raise Refused(f"{self.endpoint}: error {chunks[0][8:].hex()}")
        if self.keys is None:
            return b"".join(chunk[24:] for chunk in chunks)
        message: Any = None
        for chunk in chunks:
            buffer = Buffer(chunk)
            header = header_from_binary(buffer)
            message = self.connection.receive_from_header_and_body(header, buffer)
        body: bytes = message.body().read(len(message.body()))
        return body

    def decoded(self, chunks: Sequence[bytes]) -> Any:
        """Decode an answer.

        Raises:
            Refused: its service result is bad.
        """
        body = self.plain(chunks)
        kind = nodeid_from_binary(Buffer(body))
        if kind.Identifier == SERVICE_FAULT:
            fault = struct_from_binary(ua.ServiceFault, Buffer(body))
            raise Refused(f"{self.endpoint}: {fault.ResponseHeader.ServiceResult.name}")
        found: Any = struct_from_binary(ua.extension_objects_by_typeid[kind], Buffer(body))
        found.ResponseHeader.ServiceResult.check()
        return found

    def check(self, chunks: Sequence[bytes]) -> None:
        """Look at the head of an answer only.

        Raises:
            Refused: it is a fault.
        """
        body = self.plain(chunks)
        if body[16:20] != bytes(4):
            raise Refused(f"{self.endpoint}: expected a good answer, found {body[:20].hex()}")

    def close(self) -> None:
        """End the session and its subscriptions."""
        try:
            request = ua.CloseSessionRequest()
            request.DeleteSubscriptions = True
            self.ask(request)
        finally:
            self.socket.close()

    # ------------------------------------------------------------------ handshake
    def _hello(self) -> None:
        hello = ua.Hello()
        hello.EndpointUrl = ua.String(self.endpoint)
        hello.ReceiveBufferSize = hello.SendBufferSize = ua.UInt32(CHUNK)
        self.socket.sendall(uatcp_to_binary(HELLO, hello))
        (chunk,) = self.answer()
        if chunk[:3] != b"ACK":
            raise Refused(f"{self.endpoint}: expected ACK, found {chunk[:3]!r}")

    def _open(self) -> None:
        nonce = create_nonce(self.policy.secure_channel_nonce_length) if self.keys else b""
        request = ua.OpenSecureChannelRequest()
        asked = request.Parameters
        asked.RequestType = ua.SecurityTokenRequestType.Issue
        asked.SecurityMode = self.policy.Mode
        asked.RequestedLifetime = ua.UInt32(3_600_000)
        asked.ClientNonce = nonce
        self._request += 1
        self.socket.sendall(
            self.connection.message_to_binary(
                self.body(request),
                message_type=OPEN,
                request_id=self._request,
            )
        )
        (chunk,) = self.answer()
        buffer = Buffer(chunk)
        message = self.connection.receive_from_header_and_body(header_from_binary(buffer), buffer)
        found = struct_from_binary(ua.OpenSecureChannelResponse, message.body())
        if self.keys is not None:
            self.connection.set_channel(found.Parameters, asked.RequestType, nonce)
        else:
            self.connection.security_token = found.Parameters.SecurityToken
            self.connection._open = True

    def _activate(self) -> None:
        request = ua.CreateSessionRequest()
        asked = request.Parameters
        asked.ClientDescription.ApplicationUri = "urn:bench:client"
        asked.ClientDescription.ApplicationType = ua.ApplicationType.Client
        asked.EndpointUrl = self.endpoint
        asked.SessionName = "bench"
        asked.RequestedSessionTimeout = ua.Double(self.session_ms)
        asked.ClientNonce = create_nonce(32)
        if self.keys is not None:
            asked.ClientCertificate = self.policy.host_certificate
        created = self.ask(request).Parameters
        self._token = created.AuthenticationToken
        second = ua.ActivateSessionRequest()
        token = ua.AnonymousIdentityToken()
        token.PolicyId = next(
            policy.PolicyId
            for offered in created.ServerEndpoints
            if offered.SecurityPolicyUri == self.policy.URI
            for policy in offered.UserIdentityTokens
            if policy.TokenType == ua.UserTokenType.Anonymous
        )
        second.Parameters.UserIdentityToken = token
        if self.keys is not None:
            signed = self.policy.peer_certificate + created.ServerNonce
            signature = second.Parameters.ClientSignature
            signature.Algorithm = self.policy.AsymmetricSignatureURI
            signature.Signature = self.policy.asymmetric_cryptography.signature(signed)
        self.ask(second)


def _policy(keys: Keys | None) -> Any:
    if keys is None:
        return _policies.SecurityPolicyNone()
    return _policies.SecurityPolicyBasic256Sha256(
        _x509(keys.server.read_bytes()),
        _x509(keys.certificate.read_bytes()),
        _private(keys.key),
        ua.MessageSecurityMode.SignAndEncrypt,
    )


@cache
def _private(path: Path) -> Any:
    return serialization.load_pem_private_key(path.read_bytes(), None)


def exchange(
    wires: Sequence[Wire],
    requests: Sequence[Callable[[], Any]],
    count: int,
    seconds: float,
    *,
    spread: bool = False,
    seen: int = SEEN,
) -> tuple[int, Callable[[], Iterator[Any]]]:
    """Send requests on all wires at once, each the next one when its answer has come.

    Every wire sends all requests in turn, or with `spread` its share of them. Ends after `count`
    answers or `seconds`. Returns how many answers came, and what gives the first `seen` of each
    wire decoded, when the measuring is done; it checks that the others are good.
    """
    step = len(wires) if spread else 1
    bodies = {
        id(wire): [wire.known(make) for make in requests[number % step :: step]]
        for number, wire in enumerate(wires)
    }
    each = -(-count // len(wires))
    waiting: dict[int, list[bytes]] = {}
    marks = {}
    for wire in wires:
        of = bodies[id(wire)]
        marks[id(wire)] = wire.connection._sequence_number, wire._request
        waiting[id(wire)] = wire.prepared([of[n % len(of)] for n in range(each)])
        waiting[id(wire)].reverse()
    answers: dict[int, list[list[bytes]]] = {id(wire): [] for wire in wires}
    _run(wires, waiting, answers, seconds)
    for wire in wires:  # what was not sent has used up no number
        unsent = len(waiting[id(wire)])
        sequence, request = marks[id(wire)]
        wire.connection._sequence_number = sequence + each - unsent
        wire._request = request + each - unsent

    def decoded() -> Iterator[Any]:
        for wire in wires:
            for place, chunks in enumerate(answers[id(wire)]):
                if place < seen:
                    yield wire.decoded(chunks)
                else:
                    wire.check(chunks)

    return sum(len(found) for found in answers.values()), decoded


def _run(
    wires: Sequence[Wire],
    waiting: dict[int, list[bytes]],
    answers: dict[int, list[list[bytes]]],
    seconds: float,
) -> None:
    ends = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for wire in wires:
            wire.socket.sendall(waiting[id(wire)].pop())
            selector.register(wire.socket, selectors.EVENT_READ, wire)
        open_wires = len(wires)
        while open_wires:
            ready = selector.select(ANSWER_S)
            if not ready:
                raise Refused(f"{wires[0].endpoint}: no answer within {ANSWER_S:g} s")
            for key, _ in ready:
                wire = key.data
                wire.receive()
                chunks = wire.taken()
                if not chunks:
                    continue
                answers[id(wire)].append(chunks)
                if waiting[id(wire)] and time.monotonic() < ends:
                    wire.socket.sendall(waiting[id(wire)].pop())
                else:
                    selector.unregister(wire.socket)
                    open_wires -= 1
