"""The controller on libmodbus (tests/peers/handshake_plc.c), spoken to in its commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.libmodbus import executable

__all__ = ["CPlc", "PlcAnswer", "handshake_client", "handshake_plc"]

ANSWER_TIMEOUT = 20.0


@dataclass(frozen=True)
class PlcAnswer:
    sequence: int
    result: int
    reason: int
    boot: int
    transaction: int
    text: str


class CPlc:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.port = 0

    async def line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return (await self._process.stdout.readline()).decode().rstrip("\n")

    async def send(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        await self._process.stdin.drain()

    async def do(self, command: str) -> str:
        await self.send(command)
        return await self.line()

    @staticmethod
    def answered(said: str) -> PlcAnswer:
        assert said.startswith("answer "), said
        words = said.split(" ", 6)
        sequence, result, reason, boot, transaction = (int(word) for word in words[1:6])
        return PlcAnswer(sequence, result, reason, boot, transaction, words[6])

    async def ask(
        self,
        code: int,
        id1: str = "-",
        id2: str = "-",
        id3: str = "-",
        *,
        evaluation: int = 0,
        cycle: int = 0,
        how: str = "ask",
    ) -> PlcAnswer:
        said = await self.do(f"{how} {code} {evaluation} {cycle} {id1} {id2} {id3}")
        return self.answered(said)

    async def registers(self, offset: int, count: int) -> list[int]:
        said = await self.do(f"get {offset} {count}")
        return [int(word) for word in said.split()[1:]]


@asynccontextmanager
async def handshake_plc(
    station: int = 10, boot: int = 7, n: int = 2, flags: str = "-"
) -> AsyncIterator[CPlc]:
    """A controller's process with area A at 0 and area B at 200 (n up to 18)."""
    async with _spoken_to("handshake_plc", station, boot, n, flags) as (plc, said):
        plc.port = int(said)
        yield plc


@asynccontextmanager
async def handshake_client(
    port: int, unit: int = 1, station: int = 10, boot: int = 7
) -> AsyncIterator[CPlc]:
    """The process of a controller that writes into the registers of a server: area A at 0, area B
    at 200, two measurements."""
    async with _spoken_to("handshake_client", port, unit, station, boot, 2, 200) as (plc, _):
        yield plc


@asynccontextmanager
async def _spoken_to(name: str, *arguments: object) -> AsyncIterator[tuple[CPlc, str]]:
    process = await asyncio.create_subprocess_exec(
        str(executable(name)),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        plc = CPlc(process)
        ready = await plc.line()
        assert ready.startswith("ready"), ready
        yield plc, ready.removeprefix("ready").strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
