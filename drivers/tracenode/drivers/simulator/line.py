"""The line: units go through the stations, each step asked of the server by a controller."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tracenode.drivers.mailbox.layout import Answer, Code, MeasuredValue, Request, Result
from tracenode.drivers.simulator.plc import Plc
from tracenode.drivers.simulator.product import LOT_MATERIALS, Pump, lot_in_use
from tracenode.drivers.simulator.reader import Reader

__all__ = ["Line", "LineStopped", "Progress", "Station", "as_line"]

MAX_REWORKS: Final = 2
OK, NOT_OK = 1, 2
BUFFER: Final = 3
"""Units that fit between two stations."""


class LineStopped(Exception):
    """The server refused what the line asks for; a real line would call its operator."""


@dataclass(slots=True)
class Station:
    plc: Plc
    reader: Reader


@dataclass(slots=True)
class Progress:
    """What the line did so far."""

    started: int = 0
    finished: int = 0
    reworked: int = 0
    scrapped: int = 0
    replaced: int = 0
    requests: int = 0
    refused: int = 0
    scans: int = 0
    last: str = ""


class Line:
    """Three stations in a row, each with room for a few waiting units.

    A finished unit is one line of the truth file: what the controllers say is in it. `pace_s` is
    the time that a station's own work takes.
    """

    def __init__(
        self,
        stations: dict[str, Station],
        truth: Path,
        *,
        units: int | None,
        seed: int,
        pace_s: float,
        report: Callable[[Progress], None],
    ) -> None:
        self._stations, self._truth = stations, truth
        self._units, self._pace_s, self._report = units, pace_s, report
        self._chance = random.Random(seed)
        self._to_board: asyncio.Queue[Pump] = asyncio.Queue(BUFFER)
        self._rework: asyncio.Queue[Pump] = asyncio.Queue()
        self._to_test: asyncio.Queue[Pump] = asyncio.Queue(BUFFER)
        self._finished = asyncio.Event()
        self._spares = 0
        self.progress = Progress()

    async def run(self) -> None:
        """Build until as many units as wanted are finished, or until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(part)
                for part in (
                    *(station.plc.beat() for station in self._stations.values()),
                    self._mount_motors(),
                    self._mount_boards(),
                    self._test(),
                )
            ]
            await self._finished.wait()
            for task in work:
                task.cancel()

    # ------------------------------------------------------------ the stations
    async def _mount_motors(self) -> None:
        station, number = "OP10", 0
        while True:
            number += 1
            pump = Pump.drawn(number, self._chance)
            pump.motor = f"M{number:07d}"
            self._scan(station, pump.motor)
            await self._ask(station, Code.RegisterItem, "PUMP", "", pump.serial)
            self.progress.started += 1
            await self._ask(station, Code.CheckIn, pump.serial)
            await self._ask(station, Code.RegisterItem, "MOTOR", "", pump.motor)
            await self._consume(station, pump, pump.motor, "COIL")
            await self._consume(station, pump, pump.serial, "HOUSING")
            await self._work(station)
            await self._ask(station, Code.InstallPart, pump.serial, pump.motor, position=1)
            pump.used.add(("MOTOR", pump.motor))
            await self._ask(station, Code.CompleteItem, pump.serial, evaluation=OK)
            await self._to_board.put(pump)

    async def _mount_boards(self) -> None:
        station = "OP20"
        while True:
            pump = await self._next_for_board()
            self._scan(station, pump.serial)
            await self._ask(station, Code.CheckIn, pump.serial)
            board = await self._make_board(station, pump)
            if pump.board:
                await self._ask(
                    station, Code.ReplacePart, pump.serial, pump.board, board, position=2, reason=1
                )
                pump.replaced.append(pump.board)
                pump.used -= {("BOARD", pump.board)}
                self.progress.replaced += 1
            else:
                for material in ("SEAL", "GREASE"):
                    await self._consume(station, pump, pump.serial, material)
                await self._ask(station, Code.InstallPart, pump.serial, board, position=2)
            pump.board = board
            pump.used.add(("BOARD", board))
            await self._work(station)
            await self._ask(station, Code.CompleteItem, pump.serial, evaluation=OK)
            await self._to_test.put(pump)

    async def _next_for_board(self) -> Pump:
        """Units for rework go first."""
        if not self._rework.empty():
            return self._rework.get_nowait()
        waits = [asyncio.ensure_future(queue.get()) for queue in (self._rework, self._to_board)]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            for wait in waits:
                wait.cancel()
            raise
        for wait in waits:
            if wait not in done:
                wait.cancel()
        pumps = [wait.result() for wait in done]
        for pump in pumps[1:]:
            self._rework.put_nowait(pump)
        return pumps[0]

    async def _make_board(self, station: str, pump: Pump) -> str:
        self._spares += 1
        board = f"B{self._spares:07d}"
        self._scan(station, board)
        await self._ask(station, Code.RegisterItem, "BOARD", "", board)
        lot = await self._use(station, pump, board, "REEL")
        pump.used.add(("REEL", lot))
        return board

    async def _test(self) -> None:
        station = "OP30"
        while True:
            pump = await self._to_test.get()
            self._scan(station, pump.serial)
            await self._ask(station, Code.CheckIn, pump.serial)
            await self._work(station)
            good = pump.reworks >= pump.failures
            torque = 4.5 + self._chance.uniform(-0.2, 0.2) - (0 if good else 1.5)
            await self._ask(
                station,
                Code.CompleteItem,
                pump.serial,
                evaluation=OK if good else NOT_OK,
                reason=0 if good else 1,
                measurements=(MeasuredValue(1, OK if good else NOT_OK, torque),),
            )
            if good:
                self._finish(pump)
            elif pump.reworks < MAX_REWORKS:
                pump.reworks += 1
                self.progress.reworked += 1
                self._rework.put_nowait(pump)
            else:
                await self._ask(station, Code.SetDisposition, pump.serial, evaluation=2, reason=1)
                self.progress.scrapped += 1
            self._report(self.progress)

    def _finish(self, pump: Pump) -> None:
        with self._truth.open("a", encoding="utf-8") as file:
            file.write(json.dumps(pump.truth()) + "\n")
        self.progress.finished += 1
        self.progress.last = pump.serial
        if self._units is not None and self.progress.finished >= self._units:
            self._report(self.progress)
            self._finished.set()

    # ------------------------------------------------------------ what stations do
    async def _work(self, station: str) -> None:
        """The machine's own work, and its process values."""
        torque, temperature = self._chance.gauss(4.5, 0.1), self._chance.gauss(41.0, 1.5)
        self._stations[station].plc.show(torque, temperature)
        await asyncio.sleep(self._pace_s)

    def _scan(self, station: str, text: str) -> None:
        self.progress.scans += self._stations[station].reader.send(text)

    async def _consume(self, station: str, pump: Pump, into: str, material: str) -> None:
        pump.used.add((material, await self._use(station, pump, into, material)))

    async def _use(self, station: str, pump: Pump, into: str, material: str) -> str:
        unit, used = LOT_MATERIALS[material]
        quantity = Decimal(used).as_tuple()
        scale = -int(quantity.exponent)
        lot = lot_in_use(material, pump.number)
        await self._ask(
            station,
            Code.ConsumeMaterial,
            into,
            lot,
            quantity=int(Decimal(used).scaleb(scale)),
            scale=scale,
            unit=unit,
        )
        return lot

    async def _ask(
        self, station: str, code: Code, id1: str, id2: str = "", id3: str = "", **more: Any
    ) -> Answer:
        plc = self._stations[station].plc
        answer = await plc.ask(
            Request(int(code), id1=id1, id2=id2, id3=id3, cycle=plc.next_cycle(), **more)
        )
        self.progress.requests += 1
        if answer.result is not Result.Go:
            self.progress.refused += 1
            raise LineStopped(
                f"{station}: {code.name} {id1} {id2} {id3}: {answer.result.name}: {answer.text}"
            )
        return answer


def as_line(progress: Progress) -> str:
    """Return the progress as one line of JSON."""
    return json.dumps(asdict(progress))
