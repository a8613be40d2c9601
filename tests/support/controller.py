"""The controller's half of the register handshake in memory, written from docs/handshake.md alone:
nothing of the mailbox is imported, so that both halves check each other."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.waiting import eventually

__all__ = ["BUSY", "GO", "REJECTED", "REWORK", "STOP", "Answered", "Controller"]

GO, STOP, REWORK, BUSY, REJECTED = 1, 2, 3, 4, 5
TELEGRAM = 100
"""Registers; a read of more is several, and the controller may write in between."""


@dataclass(frozen=True)
class Answered:
    sequence: int
    boot: int
    result: int
    reason: int
    transaction: int
    assigned: str
    text: str


def check_value(words: Sequence[int]) -> int:
    crc = 0xFFFF
    for word in words:
        for byte in (word >> 8, word & 0xFF):
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def texts(text: str | bytes, limit: int) -> list[int]:
    raw = text.encode("latin-1") if isinstance(text, str) else text
    padded = raw + bytes(limit - len(raw))
    return [padded[i] * 256 + padded[i + 1] for i in range(0, limit, 2)]


class Controller:
    """Area A and B of one station. It is the `Memory` of a mailbox; `before` is called with the
    name of each operation first, `after` when it is done, and `between` between two telegrams of
    a long read. Any of them may raise, or write."""

    def __init__(self, station: int = 10, boot: int = 7, n: int = 2, *, crc: bool = True) -> None:
        self.n, self.crc, self.boot = n, crc, boot
        self.a = [0] * (127 + 4 * n)
        self.b = [0] * 69
        self.station = station
        self.sequence = 0
        self.reads = 0
        self.before: Callable[[str], None] = lambda operation: None
        self.after: Callable[[str], None] = lambda operation: None
        self.between: Callable[[], None] = lambda: None
        self.power_up()

    def power_up(self, boot: int | None = None) -> None:
        """Start anew; the sequence begins at 1 and area B is empty."""
        self.boot = self.boot if boot is None else boot
        self.a[0:8] = [0x5452, 0x0100, 0x0102, 0x0304, self.station, 0, 1, self.boot]
        self.a[8] = self.a[-1] = 0
        self.b[:] = [0] * 69
        self.sequence = 0

    # ------------------------------------------------------------ what the server reaches
    async def read_a(self, offset: int, count: int) -> Sequence[int]:
        self.before("read_a")
        words: list[int] = []
        while len(words) < count:
            if words:
                self.between()
            await asyncio.sleep(0)
            start = offset + len(words)
            words += self.a[start : start + min(TELEGRAM, count - len(words))]
        self.reads += 1
        self.after("read_a")
        return words

    async def read_b(self, offset: int, count: int) -> Sequence[int]:
        self.before("read_b")
        await asyncio.sleep(0)
        words = self.b[offset : offset + count]
        self.after("read_b")
        return words

    async def write_b(self, offset: int, values: Sequence[int]) -> None:
        self.before("write_b")
        await asyncio.sleep(0)
        self.b[offset : offset + len(values)] = values
        self.after("write_b")

    # ------------------------------------------------------------ what the program does
    def payload(
        self,
        code: int,
        id1: str | bytes = "",
        id2: str | bytes = "",
        id3: str | bytes = "",
        *,
        evaluation: int = 0,
        step: int = 0,
        cycle: int = 0,
        seconds: int = 0,
        quantity: int = 0,
        scale: int = 0,
        unit: str = "",
        position: int = 0,
        reason: int = 0,
        operator: int = 0,
        measured: Sequence[tuple[int, int, float]] = (),
    ) -> list[int]:
        """Offsets 9 to 125+4n."""
        words = [code, evaluation, step, 0, cycle, seconds >> 16, seconds & 0xFFFF, 0]
        words += [quantity >> 16 & 0xFFFF, quantity & 0xFFFF, scale, *texts(unit, 4)]
        words += [position, reason, operator]
        for text in (id1, id2, id3):
            words += [len(text), *texts(text, 64)]
        words.append(len(measured))
        for number, verdict, value in measured:
            words += [number, verdict, *struct.unpack(">HH", struct.pack(">f", value))]
        words += [0] * (116 + 4 * self.n - len(words))
        return [*words, check_value(words) if self.crc else 0]

    def put(self, code: int, *ids: str | bytes, sequence: int | None = None, **more: Any) -> int:
        """Write a request, payload first, sequence last; return its sequence."""
        self.sequence = self.sequence % 65535 + 1 if sequence is None else sequence
        self.a[8] = self.sequence
        self.a[9:-1] = self.payload(code, *ids, **more)
        self.a[-1] = self.sequence
        return self.sequence

    def idle(self) -> None:
        self.a[-1] = 0

    async def idle_until_seen(self) -> None:
        """Write 0 and wait until the server must have read it; forget its last answer."""
        self.idle()
        seen = self.reads + 6
        await eventually(lambda: self.reads >= seen)
        self.b[68] = 0

    @property
    def answer(self) -> Answered | None:
        """The answer to the sequence that stands, if there is one."""
        b = self.b
        if b[68] != self.sequence or b[7] != self.boot or not self.sequence:
            return None
        return self.written

    @property
    def written(self) -> Answered:
        """What stands in area B, acknowledged or not."""
        b = self.b
        said = [
            b"".join(word.to_bytes(2, "big") for word in b[at + 1 : at + 33])[: b[at]].decode()
            for at in (14, 47)
        ]
        return Answered(b[68], b[7], b[8], b[9], b[12] << 16 | b[13], said[0], said[1])

    async def ask(self, code: int, *ids: str | bytes, **more: Any) -> Answered:
        """Write a request and wait for its answer, five seconds at most."""
        self.put(code, *ids, **more)
        return await self.wait()

    async def wait(self) -> Answered:
        found = await eventually(lambda: self.answer)
        assert found is not None
        return found
