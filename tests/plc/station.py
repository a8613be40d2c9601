"""A simulated station: its program is the structured text of plc/, executed cycle by cycle."""

from __future__ import annotations

import asyncio
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from tests.plc.st.program import Controller
from tests.support.project import ROOT
from tests.support.waiting import eventually
from tracenode.drivers.simulator.memory import RegisterServer

__all__ = ["SOURCES", "Answered", "Station", "linked_station", "station"]

BLOCKS: Final = ("TraceTypes", "F_TraceCrc", "FB_TraceHandshake", "FB_TraceLink")
PROGRAMS: Final = ("PRG_TraceStation", "PRG_TraceStationLink")
SOURCES: Final = [ROOT / "plc" / f"{name}.st" for name in (*BLOCKS, *PROGRAMS)]
BASE_B, REGISTERS = 200, 300
CYCLE_S: Final = 0.005


@dataclass(frozen=True)
class Answered:
    result: int
    reason: int
    transaction: int
    assigned: str
    text: str


class Station:
    """One controller. `exchange` moves its areas in and out before and after each cycle."""

    def __init__(self, program: str) -> None:
        self.plc = Controller(SOURCES, program)
        self.v["MAYBYPASS"] = False
        self.answers: deque[Answered] = deque()
        self.ahead_ms = 0
        self.booking = False
        """A step wants to book; Book must have been FALSE for a cycle for it to begin."""

    @property
    def v(self) -> dict[str, Any]:
        """The variables of the program."""
        return self.plc.variables

    @property
    def trace(self) -> dict[str, Any]:
        """The variables of its FB_TraceHandshake."""
        return dict(self.v["TRACE"])

    def cycle(self) -> None:
        if self.booking and not self.v["TRACE"]["EXECUTE"]:
            self.v["BOOK"], self.booking = True, False
        self.plc.cycle(int(time.monotonic() * 1000) + self.ahead_ms)
        trace = self.v["TRACE"]
        if trace["DONE"]:
            said = trace["ANSWER"]
            self.answers.append(
                Answered(
                    said["RESULT"],
                    said["REASON"],
                    said["TRANSACTION"],
                    _text(said["ASSIGNED"]),
                    _text(said["TEXT"]),
                )
            )

    # ------------------------------------------------------------ what the station's steps do
    def book(
        self,
        code: int,
        *ids: str,
        measured: Sequence[tuple[int, int, float]] = (),
        unit: str = "",
        **fields: int,
    ) -> None:
        """Ask for a booking; returns before it is answered."""
        request = self.v["REQUEST"]
        for name in (
            "EVALUATION",
            "STEP",
            "RECIPE",
            "CYCLE",
            "SECONDS",
            "MILLISECONDS",
            "QUANTITY",
            "SCALE",
            "POSITION",
            "REASON",
            "OPERATOR",
        ):
            request[name] = fields.get(name.lower(), 0)
        request["CODE"] = code
        request["UNITTEXT"] = list(unit.encode().ljust(4, b"\0"))
        for place in range(3):
            raw = ids[place].encode() if place < len(ids) else b""
            request["ID"][place] = {"LENGTH": len(raw), "TEXT": list(raw.ljust(64, b"\0"))}
        request["MEASURED"] = len(measured)
        for place, (number, verdict, value) in enumerate(measured):
            (bits,) = struct.unpack(">I", struct.pack(">f", value))
            row = {"PARAMETER": number, "EVALUATION": verdict, "VALUE": bits}
            request["MEASUREMENT"][place] = row
        self.booking = True

    async def ask(self, code: int, *ids: str, within: float = 10.0, **fields: Any) -> Answered:
        """Ask for a booking and return its answer."""
        self.answers.clear()
        self.book(code, *ids, **fields)
        await eventually(lambda: self.answers, within)
        return self.answers.popleft()

    async def keep(self, code: int, *ids: str, **fields: Any) -> None:
        """Ask for a booking without trace; return when the station may go on."""
        self.book(code, *ids, **fields)
        await eventually(lambda: not self.booking and not self.v["BOOK"])


def _text(held: dict[str, Any]) -> str:
    return bytes(held["TEXT"][: held["LENGTH"]]).decode("ascii")


@asynccontextmanager
async def station() -> AsyncIterator[tuple[Station, RegisterServer]]:
    """A station in client mode: its areas are in its own Modbus server."""
    made = Station("PRG_TraceStation")

    async def run(memory: RegisterServer) -> None:
        while True:
            made.v["AREAB"][:] = memory.words[BASE_B : BASE_B + 69]
            made.cycle()
            memory.words[: len(made.v["AREAA"])] = made.v["AREAA"]
            await asyncio.sleep(CYCLE_S)

    async with RegisterServer(REGISTERS) as memory:
        task = asyncio.create_task(run(memory))
        try:
            yield made, memory
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def linked_station(port: int) -> AsyncIterator[Station]:
    """A station in server mode: FB_TraceLink says what its Modbus client does."""
    made = Station("PRG_TraceStationLink")
    client = _Client(port)

    async def run() -> None:
        moving: asyncio.Task[bool] | None = None
        while True:
            made.v["READY"] = made.v["FAILED"] = False
            if moving is not None and moving.done():
                made.v["READY" if moving.result() else "FAILED"] = True
            made.cycle()
            if moving is not None and moving.done():
                moving = None
            if moving is None and made.v["LINK"]["EXECUTE"]:
                moving = asyncio.create_task(client.move(made.v))
            await asyncio.sleep(CYCLE_S)

    task = asyncio.create_task(run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        client.close()


class _Client:
    """A controller's Modbus client: one telegram at a time, connects by itself."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def move(self, variables: dict[str, Any]) -> bool:
        """Do what FB_TraceLink asks for; False where that failed."""
        link = variables["LINK"]
        offset, count = link["OFFSET"], link["COUNT"]
        try:
            async with asyncio.timeout(1):
                if link["WRITE"]:
                    words = variables["AREAA"][offset : offset + count]
                    payload = struct.pack(f">{count}H", *words)
                    await self._ask(struct.pack(">BHHB", 16, offset, count, 2 * count) + payload)
                else:
                    said = await self._ask(struct.pack(">BHH", 3, BASE_B + offset, count))
                    variables["AREAB"][offset : offset + count] = struct.unpack(
                        f">{count}H", said[2:]
                    )
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            self.close()
            await asyncio.sleep(0.05)
            return False
        return True

    async def _ask(self, pdu: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(struct.pack(">HHHB", 1, 0, len(pdu) + 1, 1) + pdu)
        header = await reader.readexactly(7)
        answer = await reader.readexactly(struct.unpack_from(">H", header, 4)[0] - 1)
        if answer[0] != pdu[0]:
            raise ValueError(f"exception {answer[1]}")
        return answer
