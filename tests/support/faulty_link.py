"""A Modbus TCP hop that delays, drops, corrupts, splits and cuts, by chance and by a seed."""

from __future__ import annotations

import asyncio
import random
import struct
from collections import Counter
from contextlib import suppress

from tests.support.telegram_gate import HEADER, frame

__all__ = ["FaultyLink"]

STATUS = 6
"""Offset in area A that neither check value nor a second read protects: it is left alone."""
READ = 3
SLOW_S = 0.15
"""Longer than the time-out of the client."""


class FaultyLink:
    """Stands between the server and a controller; use it as a context manager. `rate` is the share
    of telegrams to which something happens, `faults` counts what did.

    TCP has a check sum of its own, so what is corrupted is what the protocols above must find: the
    header of a telegram, and what is read of area A.
    """

    def __init__(self, to: int, chance: random.Random, rate: float) -> None:
        self._to, self.chance, self.rate = to, chance, rate
        self.faults: Counter[str] = Counter()
        self.port = 0
        self._joined: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> FaultyLink:
        self._listener = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in self._joined:
            task.cancel()
        await asyncio.gather(*self._joined, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._joined.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:  # the other side is down
            self._joined.discard(task)
            writer.transport.abort()
            return
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    asked = await frame(reader)
                    if not await self._send(asked, back, asked=None):
                        continue
                    answer = await frame(there)
                    await self._send(answer, writer, asked=asked)
        finally:
            self._joined.discard(task)
            writer.transport.abort()
            back.transport.abort()

    async def _send(self, raw: bytes, to: asyncio.StreamWriter, *, asked: bytes | None) -> bool:
        """Pass a telegram on; False where it is lost."""
        fault = ""
        if self.chance.random() < self.rate:
            fault = self.chance.choice(("delay", "slow", "drop", "corrupt", "split", "cut"))
            self.faults[fault] += 1
        match fault:
            case "delay":
                await asyncio.sleep(self.chance.uniform(0.001, 0.02))
            case "slow":
                await asyncio.sleep(SLOW_S)
            case "drop":
                return False
            case "cut":
                raise ConnectionResetError
            case "corrupt":
                raw = self._corrupted(raw, asked)
            case "split":
                at = self.chance.randrange(1, len(raw))
                to.write(raw[:at])
                await to.drain()
                await asyncio.sleep(0.002)
                raw = raw[at:]
        to.write(raw)
        await to.drain()
        return True

    def _corrupted(self, raw: bytes, asked: bytes | None) -> bytes:
        """Flip a bit: of the transaction's number, or of what an answer says of area A."""
        places = [0, 1]
        if asked is not None and asked[HEADER] == READ and raw[HEADER] == READ:
            address, count = struct.unpack_from(">HH", asked, HEADER + 1)
            if address < 200:
                first = HEADER + 2
                places = [
                    first + 2 * offset + half
                    for offset in range(count)
                    for half in (0, 1)
                    if address + offset != STATUS
                ]
        at = self.chance.choice(places)
        flipped = bytearray(raw)
        flipped[at] ^= 1 << self.chance.randrange(8)
        return bytes(flipped)
