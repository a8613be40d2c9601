"""The controller's half of the handshake: payload first, sequence last, wait for AckSeq."""

from __future__ import annotations

import asyncio
import struct
from typing import Final

from tracenode.drivers.mailbox import layout as area
from tracenode.drivers.mailbox.layout import Answer, Layout, PlcBits, Request
from tracenode.drivers.simulator.memory import RegisterServer

__all__ = ["AREA_B", "LAYOUT", "POINTS", "SIZE", "Plc"]

LAYOUT: Final = Layout(measurements=2)
AREA_B: Final = 200
POINTS: Final = 300
"""Process values: torque float32 [N m] at +0, temperature int16 [0.1 °C] at +2, cycles uint32
at +3."""
SIZE: Final = 320
HEARTBEAT_S: Final = 0.2
LAST_SEQUENCE: Final = 65_535


class Plc:
    """One station's controller. Requests wait for their answer as long as it takes: a server that
    is away answers when it is back."""

    def __init__(self, number: int, memory: RegisterServer) -> None:
        self.number = number
        self.memory = memory
        self._boot = 1
        self._sequence = 0
        self._cycle = 0
        words = memory.words
        words[0:5] = [
            area.MAGIC,
            area.VERSION << 8,
            *divmod(area.PATTERN, 0x1_0000),
            number,
        ]
        words[area.STATUS] = int(PlcBits.TraceEnabled | PlcBits.PartPresent)
        words[area.BOOT] = self._boot

    async def beat(self) -> None:
        """Count the heartbeat until cancelled."""
        while True:
            words = self.memory.words
            words[area.HEARTBEAT] = (words[area.HEARTBEAT] + 1) & 0xFFFF
            await asyncio.sleep(HEARTBEAT_S)

    def next_cycle(self) -> int:
        """Count the retentive cycle counter: once for each piece of work asked for."""
        self._cycle = self._cycle % LAST_SEQUENCE + 1
        return self._cycle

    def show(self, torque: float, temperature: float) -> None:
        """Set the process values that a poller reads."""
        high, low = struct.unpack(">HH", struct.pack(">f", torque))
        self.memory.words[POINTS : POINTS + 5] = [
            high,
            low,
            round(temperature * 10) & 0xFFFF,
            *divmod(self._cycle, 0x1_0000),
        ]

    async def ask(self, request: Request) -> Answer:
        """Put a request into the registers and return its answer."""
        self._sequence = self._sequence % LAST_SEQUENCE + 1
        words, tail = self.memory.words, LAYOUT.tail
        words[area.HEAD_SEQ] = self._sequence
        words[area.PAYLOAD : LAYOUT.crc_at + 1] = LAYOUT.payload(request)
        words[tail] = self._sequence
        while True:
            self.memory.written.clear()
            acknowledged = words[AREA_B + area.ACK_SEQ] == self._sequence
            if acknowledged and words[AREA_B + area.B_BOOT] == self._boot:
                return LAYOUT.read_answer(words[AREA_B : AREA_B + area.AREA_B_SIZE])
            await self.memory.written.wait()
