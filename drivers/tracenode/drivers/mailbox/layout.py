"""The handshake's two register areas, contract version 1 (docs/handshake.md). No I/O.

Text is two 8-bit characters a register, first in the high byte, ASCII, unused = 0. 32-bit values
have their most significant word first. Offsets count registers from the area's base.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from typing import Final

from tracenode.models.errors import MalformedRequest

__all__ = [
    "ACK_SEQ",
    "AREA_B_SIZE",
    "BOOT",
    "HEAD_SEQ",
    "HEARTBEAT",
    "ID_CHARACTERS",
    "MAGIC",
    "PAYLOAD",
    "VERSION",
    "Answer",
    "Code",
    "Layout",
    "MeasuredValue",
    "PlcBits",
    "Request",
    "Result",
    "ServerBits",
    "crc16",
]

MAGIC: Final = 0x5452
VERSION: Final = 1
PATTERN: Final = 0x0102_0304
ID_CHARACTERS: Final = 64
REASON_CHARACTERS: Final = 40
MAX_MEASUREMENTS: Final = 40

# Area A, written by the controller
STATION, HEARTBEAT, STATUS, BOOT, HEAD_SEQ, PAYLOAD = 4, 5, 6, 7, 8, 9
ID1, ID2, ID3, COUNT = 25, 58, 91, 124
# Area B, written by the server
B_HEARTBEAT, B_STATUS, B_EPOCH, B_BOOT, RESULT = 4, 5, 6, 7, 8
ASSIGNED, REASON_TEXT, ACK_SEQ = 14, 47, 68
AREA_B_SIZE: Final = 69

SUBSTITUTE: Final = "\x1a"
"""Stands for a character that is not ASCII (ISO/IEC 646 SUB), so that the id is refused and the
journal can still hold it."""


class Code(IntEnum):
    """Request codes: the station methods of the information model."""

    CheckIn = 1
    CompleteItem = 2
    InstallPart = 3
    RemovePart = 4
    ReplacePart = 5
    LoadMaterial = 6
    UnloadMaterial = 7
    RegisterItem = 8
    SetDisposition = 9
    Pack = 10
    Unpack = 11
    AbortItem = 12
    RecordMeasurements = 13
    ConsumeMaterial = 14
    BindCarrier = 15


class Result(IntEnum):
    """Answer to the controller."""

    Go = 1
    Stop = 2
    Rework = 3
    Busy = 4
    Rejected = 5


class PlcBits(IntFlag):
    """Area A, offset 6."""

    TraceEnabled = 1
    Bypass = 2
    FirstScan = 4
    PartPresent = 8
    TimeValid = 16
    Fault = 32
    MoreData = 64


class ServerBits(IntFlag):
    """Area B, offset 5."""

    Online = 1
    Durable = 2
    Maintenance = 4


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    number: int
    evaluation: int
    value: float


@dataclass(frozen=True, slots=True)
class Request:
    """What a controller asks: area A, offsets 9 to 125+4n, decoded."""

    code: int
    evaluation: int = 0
    step: int = 0
    recipe: int = 0
    cycle: int = 0
    seconds: int = 0
    milliseconds: int = 0
    quantity: int = 0
    scale: int = 0
    unit: str = ""
    position: int = 0
    reason: int = 0
    operator: int = 0
    id1: str = ""
    id2: str = ""
    id3: str = ""
    measurements: tuple[MeasuredValue, ...] = ()

    @property
    def at(self) -> datetime | None:
        """Time of the event, None where the controller gave none."""
        if not self.seconds:
            return None
        return datetime.fromtimestamp(self.seconds, UTC).replace(
            microsecond=min(self.milliseconds, 999) * 1000
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says: area B, offsets 7 to 67."""

    boot: int
    result: Result
    reason: int = 0
    step: int = 0
    recipe: int = 0
    transaction: int = 0
    assigned: str = ""
    text: str = ""

    def registers(self) -> list[int]:
        """Return offsets 7 to 67; the sequence is written after them, in a write of its own."""
        high, low = divmod(self.transaction & 0xFFFF_FFFF, 0x1_0000)
        return [
            self.boot,
            int(self.result),
            self.reason,
            self.step,
            self.recipe,
            high,
            low,
            *_id_registers(self.assigned),
            *_text_registers(self.text, REASON_CHARACTERS, counted=True),
        ]

    @classmethod
    def read(cls, area_b: Sequence[int]) -> Answer:
        """Read an answer out of the whole area B, as a controller does."""
        return cls(
            boot=area_b[B_BOOT],
            result=Result(area_b[RESULT]),
            reason=area_b[9],
            step=area_b[10],
            recipe=area_b[11],
            transaction=area_b[12] << 16 | area_b[13],
            assigned=_text(area_b, ASSIGNED, ID_CHARACTERS, "assigned id"),
            text=_text(area_b, REASON_TEXT, REASON_CHARACTERS, "reason text"),
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """Area A of one station: `measurements` (0 to 40) fixes its length; `crc`: it is checked."""

    measurements: int = 0
    crc: bool = True

    @property
    def crc_at(self) -> int:
        return 125 + 4 * self.measurements

    @property
    def tail(self) -> int:
        """Offset of ReqSeq, the only trigger."""
        return 126 + 4 * self.measurements

    @property
    def size(self) -> int:
        return self.tail + 1

    def identify(self, head: Sequence[int], station: int) -> None:
        """Check offsets 0 to 4 of area A.

        Raises:
            MalformedRequest: not a handshake area, another version, swapped words, or the area of
                another station.
        """
        if head[0] != MAGIC:
            raise MalformedRequest("magic", f"0x{MAGIC:04X}", f"0x{head[0]:04X}")
        if head[1] >> 8 != VERSION:
            raise MalformedRequest("layout version", str(VERSION), str(head[1] >> 8))
        pattern = head[2] << 16 | head[3]
        if pattern != PATTERN:
            swapped = {0x0304_0102: "words", 0x0201_0403: "bytes", 0x0403_0201: "words and bytes"}
            hint = f" ({swapped[pattern]} are swapped)" if pattern in swapped else ""
            raise MalformedRequest("test pattern", f"0x{PATTERN:08X}", f"0x{pattern:08X}{hint}")
        if head[4] != station:
            raise MalformedRequest("station number", str(station), str(head[4]))

    def read(self, area: Sequence[int]) -> Request:
        """Decode the payload of a whole area A.

        Raises:
            MalformedRequest: a wrong checksum, a length or a count out of range.
        """
        if self.crc:
            expected = crc16(area[PAYLOAD : self.crc_at])
            if area[self.crc_at] != expected:
                raise MalformedRequest("CRC", f"0x{expected:04X}", f"0x{area[self.crc_at]:04X}")
        used = area[COUNT]
        if used > self.measurements:
            raise MalformedRequest("measurements used", f"at most {self.measurements}", str(used))
        return Request(
            code=area[9],
            evaluation=area[10],
            step=area[11],
            recipe=area[12],
            cycle=area[13],
            seconds=area[14] << 16 | area[15],
            milliseconds=area[16],
            quantity=_int32(area[17], area[18]),
            scale=area[19],
            unit=_characters(area[20:22]).rstrip("\0"),
            position=area[22],
            reason=area[23],
            operator=area[24],
            id1=_text(area, ID1, ID_CHARACTERS, "Id1"),
            id2=_text(area, ID2, ID_CHARACTERS, "Id2"),
            id3=_text(area, ID3, ID_CHARACTERS, "Id3"),
            measurements=tuple(_measured(area[125 + 4 * i : 129 + 4 * i]) for i in range(used)),
        )

    def payload(self, request: Request) -> list[int]:
        """Encode offsets 9 to 125+4n, as a controller does."""
        words = [
            request.code,
            request.evaluation,
            request.step,
            request.recipe,
            request.cycle,
            *divmod(request.seconds, 0x1_0000),
            request.milliseconds,
            *divmod(request.quantity & 0xFFFF_FFFF, 0x1_0000),
            request.scale,
            *_text_registers(request.unit, 4, counted=False),
            request.position,
            request.reason,
            request.operator,
            *_id_registers(request.id1),
            *_id_registers(request.id2),
            *_id_registers(request.id3),
            len(request.measurements),
        ]
        for measured in request.measurements:
            words += [measured.number, measured.evaluation]
            words += struct.unpack(">HH", struct.pack(">f", measured.value))
        words += [0] * (self.crc_at - PAYLOAD - len(words))
        return [*words, crc16(words) if self.crc else 0]


def crc16(registers: Sequence[int]) -> int:
    """Return the CRC-16/MODBUS of registers, high bytes first (Modbus over Serial Line 6.2.2)."""
    crc = 0xFFFF
    for byte in struct.pack(f">{len(registers)}H", *registers):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def _int32(high: int, low: int) -> int:
    value = high << 16 | low
    return value - (1 << 32) if value >> 31 else value


def _measured(words: Sequence[int]) -> MeasuredValue:
    (value,) = struct.unpack(">f", struct.pack(">HH", words[2], words[3]))
    return MeasuredValue(words[0], words[1], value)


def _characters(words: Sequence[int]) -> str:
    raw = struct.pack(f">{len(words)}H", *words)
    return "".join(chr(byte) if byte < 0x80 else SUBSTITUTE for byte in raw)


def _text(area: Sequence[int], at: int, limit: int, field: str) -> str:
    length = area[at]
    if length > limit:
        raise MalformedRequest(f"{field} length", f"at most {limit} characters", str(length))
    return _characters(area[at + 1 : at + 1 + limit // 2])[:length]


def _id_registers(text: str) -> list[int]:
    return _text_registers(text, ID_CHARACTERS, counted=True)


def _text_registers(text: str, limit: int, *, counted: bool) -> list[int]:
    raw = text.encode("ascii", errors="replace")[:limit]
    words = struct.unpack(f">{limit // 2}H", raw.ljust(limit, b"\0"))
    return [len(raw), *words] if counted else list(words)
