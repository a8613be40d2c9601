"""TCP links: we connect, or the one reader connects to us."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from typing import Final

from tracenode.drivers.link.byte_link import ByteLink
from tracenode.drivers.link.hints import words
from tracenode.drivers.link.spec import ListenSpec, TcpSpec
from tracenode.drivers.link.transport import TransportLink
from tracenode.models.device_errors import LinkLost

__all__ = ["ListenLink", "connect_tcp", "keep_alive", "listen_tcp"]

log = logging.getLogger(__name__)

CONNECT_TIMEOUT: Final = 3.0
"""Seconds. A device in the same building answers in milliseconds or not at all."""
IDLE_BEFORE_PROBE: Final = 2
"""Seconds of silence before the first keep-alive probe; then one a second."""
PROBES: Final = 3
UNACKNOWLEDGED_MS: Final = 5000
"""TCP_USER_TIMEOUT: sent bytes or probes without an answer for so long end the connection."""


def keep_alive(sock: socket.socket) -> None:
    """Let the operating system notice a pulled cable in about five seconds, where it can."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # macOS has TCP_KEEPALIVE for what others call TCP_KEEPIDLE.
    idle = "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE"
    for name, value in (
        (idle, IDLE_BEFORE_PROBE),
        ("TCP_KEEPINTVL", 1),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MS),
        ("TCP_NODELAY", 1),
    ):
        option: int | None = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


async def connect_tcp(spec: TcpSpec) -> TransportLink:
    """Connect.

    Raises:
        LinkLost: no connection within CONNECT_TIMEOUT.
    """
    link = TransportLink(str(spec))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            transport, _ = await loop.create_connection(lambda: link, spec.host, spec.port)
    except TimeoutError as e:
        reason = f"no answer within {CONNECT_TIMEOUT:g} s (address, cable or firewall?)"
        raise LinkLost(link.name, reason) from e
    except OSError as e:
        raise LinkLost(link.name, words(e)) from e
    _tune(transport)
    return link


class ListenLink:
    """The connection of the one reader, and the port it came in by. A second caller is turned
    away while the first is connected: which of two is the reader nobody can tell."""

    def __init__(self, peer: TransportLink, server: asyncio.Server) -> None:
        self.name = peer.name
        self._peer, self._server = peer, server

    @property
    def arrived(self) -> float:
        return self._peer.arrived

    async def read(self) -> bytes:
        return await self._peer.read()

    def received(self) -> bytes:
        return self._peer.received()

    async def write(self, data: bytes) -> None:
        await self._peer.write(data)

    async def close(self) -> None:
        self._server.close()
        await self._peer.close()


class _Caller(TransportLink):
    """A caller: the first one is the reader."""

    def __init__(self, spec: ListenSpec, reader: asyncio.Future[_Caller]) -> None:
        super().__init__(str(spec))
        self._reader = reader

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if self._reader.done():
            log.warning("%s: turned away a second caller %s", self.name, peer)
            self.abort()
            return
        self.name = f"{self.name} from {_address(peer)}"
        self._inbox.name = self.name
        _tune(transport)
        self._reader.set_result(self)


async def listen_tcp(spec: ListenSpec) -> ByteLink:
    """Open the port and wait, without a limit, until a reader connects.

    Raises:
        LinkLost: the port can't be opened.
    """
    loop = asyncio.get_running_loop()
    reader: asyncio.Future[_Caller] = loop.create_future()
    try:
        server = await loop.create_server(
            lambda: _Caller(spec, reader),
            spec.host,
            spec.port,
            # On Windows SO_REUSEADDR would let a second program take the same port.
            reuse_address=sys.platform != "win32",
            backlog=1,
        )
    except OSError as e:
        raise LinkLost(str(spec), words(e)) from e
    try:
        return ListenLink(await reader, server)
    except asyncio.CancelledError:
        server.close()
        raise


def _tune(transport: asyncio.BaseTransport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        keep_alive(sock)


def _address(peer: object) -> str:
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "a reader"
