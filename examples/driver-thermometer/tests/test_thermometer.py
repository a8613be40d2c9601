"""The driver keeps the contract, against a thermometer on a socket."""

from __future__ import annotations

import asyncio
import socket

from acme_thermometer import thermometers

from tracenode.drivers.conformance import Conformance, Rig
from tracenode.drivers.driver import Driver
from tracenode.models.config import DeviceConfig


class Simulated(Rig):
    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.server: asyncio.Server | None = None
        self.callers: list[asyncio.StreamWriter] = []

    def driver(self) -> Driver:
        table = {"id": "Oven", "driver": "acme-thermometer", "period_ms": 50}
        table["link"] = f"tcp://127.0.0.1:{self.port}"
        return thermometers()(DeviceConfig.model_validate(table), "devices[0]")

    async def plug(self) -> None:
        if self.server is None:
            self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    async def pull(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None
        for caller in self.callers:
            caller.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.append(writer)
        try:
            while await reader.readuntil(b"T?\r"):
                writer.write(b"T=+21.5\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class TestThermometer(Conformance):
    def rig(self) -> Rig:
        return Simulated()
