"""What a soak disturbs: slaves that are killed and started again, a serial line with a gate in it,
a reader whose connection is cut, a controller that is restarted."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import socket
import struct
import termios
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from typing import Final

from tests.support.handshake_plc import CPlc
from tests.support.libmodbus import peer
from tests.support.waiting import eventually

__all__ = ["UNANSWERED_S", "Controller", "Reader", "SerialGate", "Slave"]

LATE_S: Final = 0.3
"""Longer than the time-out of any device of the soak, with the quiet time after it."""
REGISTER: Final = 8
GO: Final = 1
UNANSWERED_S: Final = 60.0
"""A request that is not answered for so long is lost."""
_RESET: Final = struct.pack("ii", 1, 0)


class Slave:
    """A slave on libmodbus (tests/peers/modbus_clock.c) at a port of its own or on a terminal."""

    def __init__(self, unit: int, tty: str = "") -> None:
        self.unit, self.port = unit, 0
        self._tty = tty
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Return when it can be asked, at the same port as before."""
        at = self._tty or str(self.port)
        self.port = int(
            await self._running.enter_async_context(peer("modbus_clock", str(self.unit), at))
        )

    async def stop(self) -> None:
        """Kill it; harmless where it does not run."""
        await self._running.aclose()


class SerialGate:
    """Joins two terminals, and delays, drops, corrupts, splits and precedes by junk what goes
    through. What is corrupted is a burst of 16 bits at most, which the check value always shows."""

    def __init__(self, near: str, far: str, chance: random.Random, rate: float) -> None:
        self._ends = (near, far)
        self._chance, self.rate = chance, rate
        self.faults: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._open: list[int] = []

    async def __aenter__(self) -> SerialGate:
        flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK
        near, far = self._open = [os.open(end, flags) for end in self._ends]
        for source, to in ((near, far), (far, near)):
            coming: asyncio.Queue[bytes] = asyncio.Queue()
            asyncio.get_running_loop().add_reader(source, self._take, source, coming)
            self._tasks.append(asyncio.create_task(self._carry(coming, to)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for end in self._open:
            asyncio.get_running_loop().remove_reader(end)
            os.close(end)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, source: int, coming: asyncio.Queue[bytes]) -> None:
        coming.put_nowait(os.read(source, 4096))

    async def _carry(self, coming: asyncio.Queue[bytes], to: int) -> None:
        while True:
            raw = await coming.get()
            kind = ""
            if self._chance.random() < self.rate:
                kind = self._chance.choice(("delay", "slow", "drop", "corrupt", "split", "junk"))
                self.faults[kind] += 1
            match kind:
                case "delay":
                    await asyncio.sleep(self._chance.uniform(0.001, 0.02))
                case "slow":
                    await asyncio.sleep(LATE_S)
                case "drop":
                    continue
                case "corrupt":
                    raw = self._corrupted(raw)
                case "split":
                    at = self._chance.randrange(len(raw))
                    os.write(to, raw[:at])
                    await asyncio.sleep(0.005)
                    raw = raw[at:]
                case "junk":
                    raw = b"\xff\x00\x12" + raw
            os.write(to, raw)

    def _corrupted(self, raw: bytes) -> bytes:
        flipped = bytearray(raw)
        at = self._chance.randrange(len(raw))
        flipped[at] ^= self._chance.randrange(1, 256)
        if at + 1 < len(raw):
            flipped[at + 1] ^= self._chance.randrange(256)
        return bytes(flipped)


class Reader:
    """A reader that listens and sends numbered scans, one after the other, each once.

    It cuts its connection only when what it sent has arrived: TCP says no more to a reader, so that
    is where the server's duty begins. A telegram that was cut is sent again whole.
    """

    def __init__(self, chance: random.Random, rate: float, port: int) -> None:
        self._chance, self.rate, self.port = chance, rate, port
        self.sent: list[str] = []
        self.cut: list[bytes] = []
        """Beginnings of telegrams that ended with their connection."""
        self.faults: Counter[str] = Counter()
        self._calling: asyncio.Queue[socket.socket] = asyncio.Queue()
        self._caller: socket.socket | None = None

    async def work(self, stop: asyncio.Event) -> None:
        """Listen, and send until told to stop."""
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            listener.setblocking(False)
            accepting = asyncio.create_task(self._accept(listener))
            try:
                while not stop.is_set():
                    await self._scan(loop, f"SCAN{len(self.sent) + 1:08}")
                    await asyncio.sleep(self._chance.uniform(0.01, 0.08))
            finally:
                accepting.cancel()
                if self._caller is not None:
                    self._caller.close()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            caller, _ = await asyncio.get_running_loop().sock_accept(listener)
            caller.setblocking(False)
            self._calling.put_nowait(caller)

    async def _scan(self, loop: asyncio.AbstractEventLoop, text: str) -> None:
        raw, kind = text.encode() + b"\r", ""
        if self._chance.random() < self.rate:
            kind = self._chance.choice(("split", "end", "reset", "cut"))
            self.faults[kind] += 1
        at = self._chance.randrange(1, len(raw) - 1)
        if self._caller is None:
            self._caller = await self._calling.get()
        if kind == "cut":
            await loop.sock_sendall(self._caller, raw[:at])
            self.cut.append(raw[:at])
            await self._hang_up(reset=False)
            self._caller = await self._calling.get()
        elif kind == "split":
            await loop.sock_sendall(self._caller, raw[:at])
            await asyncio.sleep(0.02)
            raw = raw[at:]
        await loop.sock_sendall(self._caller, raw)
        self.sent.append(text)
        if kind in ("end", "reset"):
            await self._hang_up(reset=kind == "reset")

    async def _hang_up(self, *, reset: bool) -> None:
        assert self._caller is not None
        caller, self._caller = self._caller, None
        await eventually(lambda: fcntl.ioctl(caller, termios.TIOCOUTQ, bytes(4)) == bytes(4))
        if reset:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        caller.close()


class Controller:
    """Books numbered units by the register handshake, and begins a cycle anew after a restart."""

    def __init__(self, plc: CPlc, chance: random.Random, restarts: float) -> None:
        self._plc, self._chance = plc, chance
        self.restarting = restarts
        """Share of the requests during which it restarts."""
        self.booked: list[tuple[int, str]] = []
        """Position of the record, as it was answered, and the serial number."""
        self.faults: list[str] = []
        self.restarts = 0
        self.took_s: list[float] = []
        self._boot = 7

    async def work(self, stop: asyncio.Event) -> None:
        """Book until told to stop, or until a request is lost."""
        while not stop.is_set() and not self.faults:
            number = len(self.booked) + 1
            begun = time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(UNANSWERED_S):
                    await self._book(number, f"B{number:08}")
            if len(self.booked) < number and not self.faults:
                self.faults.append(f"request {number} was not answered in {UNANSWERED_S:.0f} s")
            self.took_s.append(time.monotonic() - begun)

    async def _book(self, number: int, serial: str) -> None:
        said = ""
        while not said.startswith("answer"):
            await self._plc.do(f"quick {REGISTER} 0 {number % 65535 + 1} PUMP - {serial}")
            if self._chance.random() < self.restarting:
                await asyncio.sleep(self._chance.uniform(0, 0.06))
                self.restarts += 1
                self._boot = self._boot % 65535 + 1
                await self._plc.do(f"boot {self._boot}")
                continue
            while (said := await self._plc.do("wait 1000")).startswith("timeout"):
                pass
        answer = self._plc.answered(said)
        if answer.result != GO:
            self.faults.append(f"request {number}: {answer}")
        else:
            self.booked.append((answer.transaction, serial))
