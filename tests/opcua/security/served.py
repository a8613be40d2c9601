"""A server with every policy and mode, its folder of certificates, and clients that hold one."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError
from cryptography.hazmat.primitives.serialization import Encoding

from tests.opcua.security.authority import URI, Pair
from tests.support.waiting import eventually
from tracenode.models.roles import Role
from tracenode.server.opcua.core import ServerOptions, TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.security.admission import ConnectionLimits
from tracenode.server.opcua.security.certificates import trust as trust_lists
from tracenode.server.opcua.security.certificates.chains import Trusted
from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place
from tracenode.server.opcua.security.certificates.making import Application
from tracenode.server.opcua.security.certificates.own import make_own
from tracenode.server.opcua.security.certificates.reading import der
from tracenode.server.opcua.security.front import FrontOptions
from tracenode.server.opcua.security.policies import OFFERS

__all__ = ["Served", "Wire", "own_der", "serving"]

APPLICATION = Application("tracenode", "urn:tracenode:Test", "", ["localhost", "127.0.0.1"])
STATUS = ua_id(ObjectIds.Server_ServerStatus_State)


@dataclass
class Served:
    """A running server and what it said of refusals: (address, words)."""

    server: TraceServer
    folder: PkiFolder
    refusals: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return self.server.endpoint

    def refused(self, words: str) -> bool:
        return any(words in said for said in self.refusals)

    @property
    def connections(self) -> int:
        return len(self.server._core.front.admission)

    async def trust(self, *pairs: Pair) -> None:
        """Put certificates where they are trusted, and wait until the server has seen them."""
        for pair in pairs:
            self.folder.put(Place.Trusted, pair.certificate)
        await self.seen()

    async def crl(self, name: str, data: bytes) -> None:
        (self.folder.crls(Place.Trusted) / f"{name}.crl").write_bytes(data)
        await self.seen()

    async def seen(self) -> None:
        """Wait until the server goes by what lies in the folder."""
        trust: Any = self.server._core.front.trust
        wanted = _known(self.folder.trusted())
        await eventually(lambda: _known(trust._trusted) == wanted)

    def client(
        self, pair: Pair | None = None, offer: str = "Basic256Sha256.SignAndEncrypt"
    ) -> Client:
        """Return a client that has not connected yet; without a pair on policy None."""
        client = Client(self.endpoint, timeout=5)
        client.application_uri = URI
        if pair is not None:
            chosen, own = OFFERS[offer], self.server._core.front.own
            assert own is not None
            policy = chosen.policy(
                own.certificate, pair.certificate, pair.key, chosen.mode, None, list(pair.issuers)
            )
            client.security_policy = client.uaclient.security_policy = policy
        return client

    async def works(self, client: Client) -> bool:
        """Connect, read, disconnect."""
        async with client:
            return bool(await client.get_node(STATUS).read_value() == ua.ServerState.Running)

    async def error(self, client: Client) -> str:
        """Connect; returns how that failed, empty if it did not."""
        try:
            async with client:
                return ""
        except (UaError, OSError, TimeoutError, asyncio.CancelledError) as e:
            return type(e).__name__
        finally:
            client.disconnect_socket()


@asynccontextmanager
async def serving(
    folder: Path,
    security: tuple[str, ...] = tuple(OFFERS),
    limits: ConnectionLimits | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """Serve with an own certificate in `folder`."""
    pki = PkiFolder(folder)
    if not pki.certs(Place.Own).exists():
        make_own(pki, APPLICATION, datetime.now(UTC), bits=2048, years=1)
    front = FrontOptions(security, folder, limits=limits or ConnectionLimits(), **options)
    trust_lists.LOOK_S = 0.02  # type: ignore[misc]  # tests wait for it often
    server = TraceServer(
        ServerOptions(
            "Test",
            endpoint="opc.tcp://127.0.0.1:0/tracenode",
            front=front,
            anonymous=Role.Observer,
        )
    )
    await server.open()
    served = Served(server, pki)
    before = server._core.front.refused

    def refused(kind: Any, address: str, words: str, status: int) -> None:
        served.refusals.append(words)
        before(kind, address, words, status)

    server._core.front.refused = refused  # type: ignore[method-assign]
    server._core.front.admission._refused = lambda address, words: served.refusals.append(words)
    await server.start()
    try:
        yield served
    finally:
        await server.stop()


class Wire:
    """A connection of bytes, for what no client library sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, endpoint: str) -> Wire:
        url = urlsplit(endpoint)
        return cls(*await asyncio.open_connection(url.hostname, url.port))

    def send(self, kind: bytes, body: bytes, chunk: bytes = b"F") -> None:
        self.writer.write(kind + chunk + struct.pack("<I", len(body) + 8) + body)

    def hello(self, receive: int = 65535, send: int = 65535, message: int = 0) -> None:
        url = b"opc.tcp://127.0.0.1/"
        sizes = struct.pack("<5I", 0, receive, send, message, 0)
        self.send(b"HEL", sizes + struct.pack("<I", len(url)) + url)

    def open(
        self, uri: str, certificate: bytes = b"", mark: bytes = b"", body: bytes = b""
    ) -> None:
        texts = [uri.encode(), certificate, mark]
        head = b"".join(struct.pack("<i", len(t) or -1) + t for t in texts)
        self.send(b"OPN", struct.pack("<I", 0) + head + body)

    async def answer(self) -> tuple[bytes, bytes]:
        """Return the type and body of the next message; type b"" at the end of the connection."""
        try:
            async with asyncio.timeout(5):
                head = await self.reader.readexactly(8)
                (size,) = struct.unpack("<I", head[4:])
                return head[:3], await self.reader.readexactly(size - 8)
        except (asyncio.IncompleteReadError, ConnectionError):
            return b"", b""

    async def refusal(self) -> tuple[int, str]:
        """Return the code and words of an Error message, after which the connection ends."""
        kind, body = await self.answer()
        assert kind == b"ERR", (kind, body)
        code, length = struct.unpack_from("<Ii", body)
        assert (await self.answer())[0] == b""
        return code, body[8 : 8 + max(length, 0)].decode()

    def close(self) -> None:
        self.writer.close()


def own_der(served: Served) -> bytes:
    own = served.server._core.front.own
    assert own is not None
    return der(own.certificate)


def _known(trusted: Trusted) -> set[object]:
    return {*trusted.certificates, *(crl.public_bytes(Encoding.DER) for crl in trusted.crls)}
