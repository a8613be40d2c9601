"""A cable that is pulled between two switches: neither end is told, and no packet arrives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.support.private_network import carrier, in_a_private_network
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.link import open_link, parse_link
from tracenode.drivers.modbus.endpoint import parse_endpoint
from tracenode.drivers.modbus.guard import Link
from tracenode.drivers.registry import Drivers
from tracenode.models.config import DeviceConfig
from tracenode.models.device_errors import LinkLost

pytestmark = pytest.mark.integration


async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)
    writer.close()


async def listening() -> int:
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


def client_reader() -> None:
    async def lost() -> None:
        async with asyncio.timeout(20):
            link = await open_link(parse_link(f"tcp://127.0.0.1:{await listening()}"))
            carrier(up=False)
            began = time.monotonic()
            with pytest.raises(LinkLost, match="no longer answers"):
                await link.read()
            assert 1 < time.monotonic() - began < 10

    asyncio.run(lost())


def listening_reader() -> None:
    async def lost() -> None:
        async with asyncio.timeout(20):
            table = {"id": "R", "driver": "scanner", "link": "listen://127.0.0.1:4001"}
            reader, sink = Drivers().make(DeviceConfig.model_validate(table)), CollectingSink()
            calling = asyncio.ensure_future(called())
            async with reader:
                await calling
                running = asyncio.ensure_future(reader.run(sink))
                await eventually(lambda: sink.texts == ["SN-1"])
                carrier(up=False)
                with pytest.raises(LinkLost, match="no longer answers"):
                    await running
            # The device calls again, from another port: its place is free.
            carrier(up=True)
            calling = asyncio.ensure_future(called())
            async with reader:
                await calling

    async def called() -> asyncio.StreamWriter:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", 4001)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.write(b"SN-1\r")
                KEPT.append(writer)
                return writer

    asyncio.run(lost())


KEPT: list[asyncio.StreamWriter] = []
"""So that no connection is closed by the garbage collector."""


def idle_modbus() -> None:
    async def lost() -> None:
        async with asyncio.timeout(30):
            link = Link(parse_endpoint(f"tcp://127.0.0.1:{await listening()}"))
            async with link:
                carrier(up=False)
                with pytest.raises(LinkLost):
                    await link.rest(25)

    asyncio.run(lost())


@pytest.mark.parametrize("kind", [client_reader, listening_reader, idle_modbus])
def test_half_open_connection_is_found_while_nothing_is_sent(kind: Callable[[], None]) -> None:
    in_a_private_network(kind)
