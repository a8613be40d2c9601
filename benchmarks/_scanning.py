"""Scans through our driver: from the last byte to the sink, and as many as there come."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.support.serial import cable
from tracenode.drivers.link import opener, parse_link
from tracenode.drivers.scanner import Reader, ScannerOptions, scanner
from tracenode.models.device_errors import LinkLost
from tracenode.models.readings import Scan

__all__ = ["flood", "last_byte_to_sink"]

TEXT: Final = "(01)09521234543213(21)%08d"
BETWEEN_S: Final = 0.002


@dataclass(slots=True)
class Taken:
    """A sink that keeps texts and the time that each came."""

    wanted: int
    texts: list[str | None] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def scan(self, scan: Scan) -> None:
        self.times.append(time.perf_counter_ns())
        self.texts.append(scan.text)
        if len(self.texts) == self.wanted:
            self.complete.set()

    def readings(self, readings: object) -> None:
        raise AssertionError(readings)


def texts(count: int) -> list[str]:
    return [f"SN-{number:08}" for number in range(count)]


async def last_byte_to_sink(count: int) -> tuple[list[float], list[str | None]]:
    """Return the milliseconds of each scan on a pseudo-terminal, and the texts that came."""
    sink = Taken(count)
    with cable() as device:
        async with Running(scanner("S", opener(parse_link(f"serial:{device.port}"))), sink):
            sent = []
            for text in texts(count):
                device.send(text.encode())
                await asyncio.sleep(BETWEEN_S)
                sent.append(time.perf_counter_ns())
                device.send(b"\r")
                await asyncio.sleep(BETWEEN_S)
            async with asyncio.timeout(10):
                await sink.complete.wait()
    spans = zip(sent, sink.times, strict=True)
    return [(taken - begun) / 1e6 for begun, taken in spans], sink.texts


async def flood(count: int) -> tuple[float, list[str | None]]:
    """Return the seconds that `count` scans take that are sent at once over TCP, and the texts."""
    sink = Taken(count)

    def send() -> None:
        caller, _ = there.accept()
        with caller:
            caller.sendall("".join(f"{text}\r" for text in texts(count)).encode())
            caller.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as there:
        sending = threading.Thread(target=send)
        sending.start()
        link = opener(parse_link(f"tcp://127.0.0.1:{there.getsockname()[1]}"))
        reader = scanner("S", link, ScannerOptions())
        began = time.perf_counter()
        async with Running(reader, sink), asyncio.timeout(120):
            await sink.complete.wait()
        seconds = time.perf_counter() - began
        sending.join()
    return seconds, sink.texts


class Running:
    """A reader connected and running inside the block."""

    def __init__(self, reader: Reader, sink: Taken) -> None:
        self._reader, self._sink = reader, sink

    async def __aenter__(self) -> None:
        await self._reader.__aenter__()
        self._task = asyncio.ensure_future(self._reader.run(self._sink))

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError, LinkLost):
            await self._task
        await self._reader.__aexit__(None, None, None)
