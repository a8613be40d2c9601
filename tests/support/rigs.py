"""Devices for the conformance suite: peers on sockets and terminals that come and go."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.support.serial import Cable
from tests.support.waiting import POLL, eventually
from tracenode.drivers.conformance import Rig
from tracenode.drivers.driver import Driver
from tracenode.drivers.registry import Drivers
from tracenode.models.config import DeviceConfig

__all__ = ["CallingRig", "PeerRig", "SerialRig", "TcpRig", "free_port", "made"]


def made(driver: str, link: str, at: str = "", **keys: Any) -> Driver:
    """Return the driver that the configuration would give."""
    table = {"id": "Device", "driver": driver, "link": link, **keys}
    return Drivers().make(DeviceConfig.model_validate(table), at)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class TcpRig(Rig):
    """A device that listens on one port and says `said(n)` for scan `n`."""

    def __init__(
        self, driver: str, said: Callable[[int], tuple[bytes, str]] | None = None, **keys: Any
    ) -> None:
        self._name, self._said, self._keys = driver, said, keys
        self._port = free_port()
        self._server: asyncio.Server | None = None
        self._callers: list[asyncio.StreamWriter] = []

    def driver(self) -> Driver:
        return made(self._name, f"tcp://127.0.0.1:{self._port}", **self._keys)

    async def plug(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self.serve, "127.0.0.1", self._port)

    async def pull(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for caller in self._callers:
            caller.transport.abort()
        self._callers.clear()

    async def scan(self, number: int) -> str | None:
        if self._said is None:
            return None
        raw, text = self._said(number)
        await eventually(lambda: bool(self._callers))  # the driver is connected already
        self._callers[-1].write(raw)
        return text

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keep a connection until the other side ends it."""
        self._callers.append(writer)
        try:
            while data := await reader.read(4096):
                self.asked(data, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            if writer in self._callers:
                self._callers.remove(writer)
            writer.close()

    def asked(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        """The driver sent something."""


class CallingRig(Rig):
    """A device that connects to us, and again when it was cut off."""

    def __init__(self, driver: str, said: Callable[[int], tuple[bytes, str]], **keys: Any) -> None:
        self._name, self._said, self._keys = driver, said, keys
        self._port = free_port()
        self._calling: asyncio.Future[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    def driver(self) -> Driver:
        return made(self._name, f"listen://127.0.0.1:{self._port}", **self._keys)

    async def plug(self) -> None:
        if self._calling is None:
            self._calling = asyncio.ensure_future(self._call())

    async def pull(self) -> None:
        calling, self._calling = self._calling, None
        if calling is not None:
            calling.cancel()
            await asyncio.wait([calling])

    async def scan(self, number: int) -> str | None:
        raw, text = self._said(number)
        writer = await eventually(lambda: self._writer)
        assert writer is not None
        writer.write(raw)
        return text

    async def _call(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    await reader.read()
                finally:
                    self._writer.transport.abort()
                    self._writer = None
            except OSError:
                await asyncio.sleep(POLL)


class SerialRig(Rig):
    """A device on a pseudo-terminal that keeps its name."""

    def __init__(
        self,
        driver: str,
        said: Callable[[int], tuple[bytes, str]],
        settings: str = "",
        **keys: Any,
    ) -> None:
        """`settings`: of the port, as in the query of a link."""
        self._name, self._said, self._keys = driver, said, keys
        self._settings = settings
        self._port = Path(tempfile.gettempdir()) / f"rig-{uuid4()}"
        self._cable: Cable | None = None

    def driver(self) -> Driver:
        return made(self._name, f"serial:{self._port}?{self._settings}", **self._keys)

    async def plug(self) -> None:
        if self._cable is None:
            self._cable = Cable(self._port)

    async def pull(self) -> None:
        if self._cable is not None:
            self._cable.pull()
            self._port.unlink()
            self._cable = None

    async def scan(self, number: int) -> str | None:
        assert self._cable is not None
        raw, text = self._said(number)
        self._cable.send(raw)
        return text


class PeerRig(Rig):
    """A device that is a process of its own: started when plugged, killed when pulled."""

    def __init__(
        self, peer: Callable[[], AbstractAsyncContextManager[object]], driver: Callable[[], Driver]
    ) -> None:
        self._peer, self._driver = peer, driver
        self._running: AsyncExitStack | None = None

    def driver(self) -> Driver:
        return self._driver()

    async def plug(self) -> None:
        if self._running is None:
            self._running = AsyncExitStack()
            await self._running.enter_async_context(self._peer())

    async def pull(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.aclose()
