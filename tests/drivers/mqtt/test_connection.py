"""A broker that does not do as it should; Mosquitto always does, so it is a few bytes here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from tests.drivers.mqtt.broker import require_mqtt
from tests.drivers.mqtt.test_source import SCANS, source, supervised
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.mqtt import connection
from tracenode.drivers.supervisor import Supervisor
from tracenode.models.readings import DeviceState

pytestmark = pytest.mark.integration

CONNACK, SUBACK = b"\x20\x02\0\0", b"\x90\3%b\1"
CONNECT, SUBSCRIBE, PUBLISH = 1, 8, b"\x30"
MEGABYTE = 1_000_000

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


def publish(topic: bytes, payload: bytes) -> bytes:
    """A message of QoS 0 (MQTT 3.1.1, 3.3)."""
    body = len(topic).to_bytes(2, "big") + topic + payload
    length, rest = b"", len(body)
    while rest > 0x7F:
        length, rest = length + bytes((rest & 0x7F | 0x80,)), rest >> 7
    return PUBLISH + length + bytes((rest,)) + body


async def packet(reader: Reader) -> tuple[int, bytes]:
    """Read a packet that is shorter than 128 bytes; return its type and body."""
    first, length = await reader.readexactly(2)
    return first >> 4, await reader.readexactly(length)


@asynccontextmanager
async def listening(serve: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[int]:
    """Yield the port of what serves each connection until its peer is gone."""

    async def join(reader: Reader, writer: Writer) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def sending(*messages: bytes) -> AsyncIterator[int]:
    """A broker that sends these to whoever subscribes."""
    require_mqtt()

    async def serve(reader: Reader, writer: Writer) -> None:
        while True:
            kind, body = await packet(reader)
            if kind == CONNECT:
                writer.write(CONNACK)
            elif kind == SUBSCRIBE:
                writer.write(SUBACK % body[:2])
                for message in messages:
                    writer.write(message)
                    await writer.drain()

    async with listening(serve) as port:
        yield port


async def test_what_can_not_be_read_is_told_and_does_not_look_like_silence() -> None:
    async with sending(publish(b"line/1/scan", b"P1"), publish(b"line/\xff/scan", b"P2")) as port:
        driver = source(f"mqtt://127.0.0.1:{port}", version="3.1.1", scans=SCANS)
        supervisor = Supervisor([driver], CollectingSink())
        running = asyncio.create_task(supervisor.run())
        try:
            await eventually(lambda: supervisor.status("Cell").state is DeviceState.BackOff)
            assert "what the broker sends can't be read" in supervisor.status("Cell").error
        finally:
            supervisor.stop()
            await running


async def test_scans_that_wait_take_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_HELD_BYTES", 2 * MEGABYTE)
    number = 12
    large = [publish(b"line/1/scan", b"P" * MEGABYTE) for _ in range(number)]
    async with sending(*large) as port:
        driver = source(f"mqtt://127.0.0.1:{port}", version="3.1.1", scans=SCANS)
        sink = CollectingSink()
        sink.gate.clear()
        async with supervised(driver, sink):
            await eventually(lambda: driver.stats.extra["messages"])
            taken = driver.stats.extra["messages"]
            held = driver._connection
            assert held is not None
            await eventually(lambda: held._held >= 2 * MEGABYTE)
            await asyncio.sleep(0.3)
            assert held._held == 2 * MEGABYTE
            assert driver.stats.extra["messages"] == taken <= 3
            sink.gate.set()
            await eventually(lambda: len(sink.scans) == number, 10.0)
