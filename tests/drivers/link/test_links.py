"""Links against real peers: sockets, pseudo-terminals, socat, pyserial's handlers."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import threading
from contextlib import suppress

import pytest
import serial
import serial.rfc2217

from tests.support.waiting import eventually
from tracenode.drivers.link import (
    ByteLink,
    ListenSpec,
    TcpSpec,
    memory_pair,
    open_link,
    parse_link,
)
from tracenode.drivers.link.byte_link import HIGH_WATER
from tracenode.models.device_errors import LinkLost

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes close() send a reset."""


async def read_exactly(link: ByteLink, size: int) -> bytes:
    data = b""
    async with asyncio.timeout(5):
        while len(data) < size:
            data += await link.read()
    return data


class Peer:
    """A TCP server that accepts one connection, with plain blocking sockets."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.spec = TcpSpec("127.0.0.1", self.server.getsockname()[1])

    async def accept(self) -> socket.socket:
        self.server.setblocking(False)
        connection, _ = await asyncio.get_running_loop().sock_accept(self.server)
        connection.setblocking(True)
        return connection

    def close(self) -> None:
        self.server.close()


async def test_a_tcp_link_carries_bytes_both_ways() -> None:
    peer = Peer()
    link = await open_link(peer.spec)
    with await peer.accept() as device:
        device.sendall(b"hello\r")
        assert await read_exactly(link, 6) == b"hello\r"
        await link.write(b"trigger")
        assert device.recv(7) == b"trigger"
        await link.close()
        assert device.recv(1) == b""
    peer.close()


async def test_a_reset_is_seen_at_once_and_loses_no_byte_that_came_before() -> None:
    peer = Peer()
    link = await open_link(peer.spec)
    device = await peer.accept()
    device.sendall(b"last words\r")
    await eventually(lambda: len(link._inbox) == 11)  # type: ignore[attr-defined]
    device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    device.close()
    await eventually(lambda: link._inbox.lost, within=0.1)  # type: ignore[attr-defined]
    assert await link.read() == b"last words\r"
    with pytest.raises(LinkLost, match="reset"):
        await link.read()
    with pytest.raises(LinkLost):
        await link.write(b"x")
    await link.close()
    peer.close()


async def test_a_half_closed_connection_is_a_loss() -> None:
    peer = Peer()
    link = await open_link(peer.spec)
    with await peer.accept() as device:
        device.sendall(b"end")
        device.shutdown(socket.SHUT_WR)
        assert await read_exactly(link, 3) == b"end"
        with pytest.raises(LinkLost, match="closed the connection"):
            await link.read()
    await link.close()
    peer.close()


async def test_nobody_listens_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(LinkLost, match=r"tcp://127\.0\.0\.1.*nothing listens there"):
        await open_link(TcpSpec("127.0.0.1", port))


async def test_the_socket_has_keep_alive_and_a_user_time_out() -> None:
    peer = Peer()
    link = await open_link(peer.spec)
    sock = link._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if sys.platform == "linux":
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 2
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
    await link.close()
    peer.close()


async def test_a_slow_reader_holds_the_sender_back() -> None:
    peer = Peer()
    link = await open_link(peer.spec)
    device = await peer.accept()
    device.setblocking(False)
    loop = asyncio.get_running_loop()
    payload = os.urandom(8 * 1024 * 1024)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(loop.sock_sendall(device, payload))
        await eventually(lambda: link._paused)  # type: ignore[attr-defined]
        assert not sending.done()
        # One wake-up of the loop may bring one read of asyncio (256 KiB) beyond the mark.
        assert len(link._inbox) <= HIGH_WATER + 256 * 1024  # type: ignore[attr-defined]
        assert await read_exactly(link, len(payload)) == payload
    device.close()
    await link.close()
    peer.close()


async def test_a_cancelled_read_loses_no_byte() -> None:
    peer = Peer()
    link = await open_link(peer.spec)
    with await peer.accept() as device:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await link.read()
        device.sendall(b"later")
        assert await read_exactly(link, 5) == b"later"
    await link.close()
    peer.close()


async def dial(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def connected(port: int) -> socket.socket:
    async with asyncio.timeout(5):
        while True:
            try:
                return await dial(port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)


async def test_a_reader_connects_to_us_and_a_second_caller_is_turned_away() -> None:
    loop = asyncio.get_running_loop()
    port = free_port()
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(open_link(ListenSpec("127.0.0.1", port)))
        reader = await connected(port)
        link = await opening
        second = await connected(port)
        with suppress(ConnectionResetError):
            assert await loop.sock_recv(second, 1) == b""
        await loop.sock_sendall(reader, b"scan\r")
        assert await read_exactly(link, 5) == b"scan\r"
        assert "from 127.0.0.1:" in link.name
    reader.close()
    second.close()
    with pytest.raises(LinkLost):
        await link.read()
    await link.close()


async def test_waiting_for_a_reader_can_be_cancelled_and_frees_the_port() -> None:
    spec = ListenSpec("127.0.0.1", free_port())
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await open_link(spec)


async def test_a_taken_port_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        spec = ListenSpec("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(LinkLost, match="in use by another program"):
            await open_link(spec)


async def test_pyserial_loop_gives_back_what_was_written() -> None:
    link = await open_link(parse_link("loop://"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await link.read()
    await link.write(b"around")
    assert await read_exactly(link, 6) == b"around"
    await link.close()


def serve_rfc2217(server: socket.socket) -> None:
    """A terminal server by pyserial's own protocol engine; its port gives back what it gets.
    (A pseudo-terminal has no modem lines, which the protocol wants to know.)"""
    connection, _ = server.accept()
    with connection, serial.serial_for_url("loop://", timeout=0.02) as device:
        connection.settimeout(0.02)
        manager = serial.rfc2217.PortManager(device, Telnet(connection))  # type: ignore[arg-type]
        while True:
            with suppress(TimeoutError):
                data = connection.recv(1024)
                if not data:
                    return
                device.write(b"".join(manager.filter(data)))
            if data := device.read(device.in_waiting):
                connection.sendall(b"".join(manager.escape(data)))


class Telnet:
    """What a PortManager writes its negotiation to."""

    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall


# pyserial 3.5 starts its thread the old way.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
async def test_rfc2217_carries_bytes_to_a_port_elsewhere() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=serve_rfc2217, args=(server,))
        serving.start()
        number = server.getsockname()[1]
        link = await open_link(parse_link(f"rfc2217://127.0.0.1:{number}?baudrate=19200"))
        await link.write(b"scan\xff\r")
        assert await read_exactly(link, 6) == b"scan\xff\r"
        await link.close()
        serving.join(5)
        assert not serving.is_alive()


async def test_an_rfc2217_server_that_is_not_there_is_a_loss_in_bounded_time() -> None:
    with pytest.raises(LinkLost, match="rfc2217"):
        async with asyncio.timeout(5):
            await open_link(parse_link(f"rfc2217://127.0.0.1:{free_port()}"))


async def test_a_memory_pair_holds_back_and_tells_of_the_end() -> None:
    left, right = memory_pair()
    await left.write(bytes(HIGH_WATER))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await left.write(b"more")
    assert len(await right.read()) == HIGH_WATER
    await left.write(b"more")
    assert right.received() == b"more"
    assert right.received() == b""
    await left.close()
    with pytest.raises(LinkLost, match="peer"):
        await right.read()
    with pytest.raises(LinkLost):
        await right.write(b"x")
