"""The handshake's two register areas, contract version 1 (docs/handshake.md). No I/O.

Text is two 8-bit characters a register, first in the high byte, ASCII, unused = 0. 32-bit values
have their most significant word first. Offsets count registers from the area's base.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from typing import Final, NamedTuple

from tracenode.drivers.mailbox.words import (
    ID_CHARACTERS,
    characters,
    check_value,
    digest_of,
    float32,
    read_id,
    read_text,
    signed,
    text_registers,
)
from tracenode.models.device_errors import BadTelegram
from tracenode.models.errors import InvalidIdentifier, MalformedRequest, UnitMismatch

__all__ = [
    "ACK_SEQ",
    "AREA_B_SIZE",
    "BOOT",
    "B_BOOT",
    "B_EPOCH",
    "HEAD_SEQ",
    "HEARTBEAT",
    "ID_CHARACTERS",
    "MAGIC",
    "MAX_MEASUREMENTS",
    "PATTERN",
    "PAYLOAD",
    "STATUS",
    "VERSION",
    "Answer",
    "Code",
    "Layout",
    "MeasuredValue",
    "PlcBits",
    "Request",
    "Result",
    "ServerBits",
    "Uses",
    "uses_of",
]

MAGIC: Final = 0x5452
VERSION: Final = 1
PATTERN: Final = 0x0102_0304
REASON_CHARACTERS: Final = 40
UNIT_CHARACTERS: Final = 4
MAX_MEASUREMENTS: Final = 40

# Area A, written by the controller
STATION, HEARTBEAT, STATUS, BOOT, HEAD_SEQ, PAYLOAD = 4, 5, 6, 7, 8, 9
IDS, COUNT = (25, 58, 91), 124
# Area B, written by the server
B_EPOCH, B_BOOT, RESULT = 6, 7, 8
ASSIGNED, REASON_TEXT, ACK_SEQ = 14, 47, 68
AREA_B_SIZE: Final = 69

SWAPS: Final = {0x0304_0102: "words", 0x0201_0403: "bytes", 0x0403_0201: "words and bytes"}


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


class Uses(NamedTuple):
    """Which fields a request code reads; what it does not use may hold anything. `ids` are the
    places of Id1 to Id3."""

    ids: tuple[int, ...] = ()
    quantity: bool = False
    measurements: bool = False


USES: Final[Mapping[int, Uses]] = {
    Code.CheckIn: Uses((1,)),
    Code.CompleteItem: Uses((1,), measurements=True),
    Code.InstallPart: Uses((1, 2), quantity=True),
    Code.RemovePart: Uses((1, 2)),
    Code.ReplacePart: Uses((1, 2, 3)),
    Code.LoadMaterial: Uses((2,), quantity=True),
    Code.UnloadMaterial: Uses(quantity=True),
    Code.RegisterItem: Uses((1, 2, 3), quantity=True),
    Code.SetDisposition: Uses((1,)),
    Code.Pack: Uses((1, 2)),
    Code.Unpack: Uses((1, 2)),
    Code.AbortItem: Uses((1,)),
    Code.RecordMeasurements: Uses((1,), measurements=True),
    Code.ConsumeMaterial: Uses((1, 2), quantity=True),
    Code.BindCarrier: Uses((1, 2)),
}


def uses_of(code: int) -> Uses:
    """Return which fields a request code reads; none where there is no such code."""
    return USES.get(code, Uses())


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
    """One measurement. `value` is the shortest decimal that is the same float32."""

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
        """Time of the event, None where the controller gave none.

        Raises:
            MalformedRequest: more than 999 milliseconds.
        """
        if not self.seconds:
            return None
        if self.milliseconds > 999:
            raise MalformedRequest("milliseconds", "0 to 999", str(self.milliseconds))
        return datetime.fromtimestamp(self.seconds, UTC).replace(
            microsecond=self.milliseconds * 1000
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


@dataclass(frozen=True, slots=True)
class Layout:
    """The areas of one station. `measurements` (0 to 40) fixes the length of area A; `crc`: it is
    checked; `low_word_first`: the controller keeps 32-bit values the other way round."""

    measurements: int = 0
    crc: bool = True
    low_word_first: bool = False

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

    # ------------------------------------------------------------ area A
    def identify(self, head: Sequence[int], station: int) -> None:
        """Check offsets 0 to 4 of area A.

        Raises:
            BadTelegram: not a handshake area, another version, swapped words, or the area of
                another station.
        """
        if head[0] != MAGIC:
            hint = " (not a handshake area yet)" if not any(head[:5]) else ""
            raise BadTelegram(f"magic 0x{MAGIC:04X} at A+0", f"0x{head[0]:04X}{hint}")
        if head[1] >> 8 != VERSION:
            raise BadTelegram(f"layout version {VERSION} in the high byte of A+1", hex(head[1]))
        pattern = self._wide(head, 2)
        if pattern != PATTERN:
            hint = f" ({SWAPS[pattern]} are swapped)" if pattern in SWAPS else ""
            raise BadTelegram(f"pattern 0x{PATTERN:08X} at A+2", f"0x{pattern:08X}{hint}")
        if head[4] != station:
            raise BadTelegram(f"station number {station} at A+4", str(head[4]))

    def digest(self, area: Sequence[int]) -> bytes:
        """Return the digest of a payload: offsets 9 to 124+4n of area A, so without the status."""
        return digest_of(area[PAYLOAD : self.crc_at])

    def intact(self, area: Sequence[int]) -> bool:
        """True where the check value is right, or none is used."""
        return not self.crc or area[self.crc_at] == check_value(area[PAYLOAD : self.crc_at])

    def read(self, area: Sequence[int]) -> Request:
        """Decode the payload of a whole area A, as far as its request code uses it.

        Raises:
            MalformedRequest: a wrong checksum, a length or a count out of range.
            InvalidIdentifier: an id that is not ASCII.
            UnitMismatch: a unit of measure that is not ASCII.
        """
        if self.crc:
            expected = check_value(area[PAYLOAD : self.crc_at])
            if area[self.crc_at] != expected:
                raise MalformedRequest("CRC", f"0x{expected:04X}", f"0x{area[self.crc_at]:04X}")
        uses = uses_of(area[9])
        ids = {place: read_id(area, IDS[place - 1], f"Id{place}") for place in uses.ids}
        unit = ""
        if uses.quantity:
            unit = characters(area[20:22]).rstrip("\0")
            if not unit.isascii():
                raise UnitMismatch("ASCII characters at A+20", unit)
        return Request(
            code=area[9],
            evaluation=area[10],
            step=area[11],
            recipe=area[12],
            cycle=area[13],
            seconds=self._wide(area, 14),
            milliseconds=area[16],
            quantity=signed(self._wide(area, 17)) if uses.quantity else 0,
            scale=area[19] if uses.quantity else 0,
            unit=unit,
            position=area[22],
            reason=area[23],
            operator=area[24],
            id1=ids.get(1, ""),
            id2=ids.get(2, ""),
            id3=ids.get(3, ""),
            measurements=self._measured(area) if uses.measurements else (),
        )

    def unit(self, area: Sequence[int]) -> str:
        """Return the unit that a payload is about, also where the rest of it can't be read; empty
        where that is not sure."""
        if not self.intact(area):
            return ""
        if 1 not in uses_of(area[9]).ids or area[9] in (Code.RegisterItem, Code.BindCarrier):
            return ""
        try:
            return read_id(area, IDS[0], "Id1")
        except (MalformedRequest, InvalidIdentifier):
            return ""

    def _measured(self, area: Sequence[int]) -> tuple[MeasuredValue, ...]:
        used = area[COUNT]
        if used > self.measurements:
            raise MalformedRequest("measurements used", f"at most {self.measurements}", str(used))
        return tuple(
            MeasuredValue(area[at], area[at + 1], float32(self._wide(area, at + 2)))
            for at in range(COUNT + 1, COUNT + 1 + 4 * used, 4)
        )

    def payload(self, request: Request) -> list[int]:
        """Encode offsets 9 to 125+4n, as a controller does."""
        words = [
            request.code,
            request.evaluation,
            request.step,
            request.recipe,
            request.cycle,
            *self._pair(request.seconds),
            request.milliseconds,
            *self._pair(request.quantity & 0xFFFF_FFFF),
            request.scale,
            *text_registers(request.unit, UNIT_CHARACTERS)[1:],
            request.position,
            request.reason,
            request.operator,
            *text_registers(request.id1, ID_CHARACTERS),
            *text_registers(request.id2, ID_CHARACTERS),
            *text_registers(request.id3, ID_CHARACTERS),
            len(request.measurements),
        ]
        for measured in request.measurements:
            words += [measured.number, measured.evaluation]
            words += self._pair(*struct.unpack(">I", struct.pack(">f", measured.value)))
        words += [0] * (self.crc_at - PAYLOAD - len(words))
        return [*words, check_value(words) if self.crc else 0]

    # ------------------------------------------------------------ area B
    def header(self, beat: int, bits: ServerBits, epoch: int) -> list[int]:
        """Return offsets 0 to 6 of area B: what says that a server is there."""
        return [MAGIC, VERSION << 8, *self._pair(PATTERN), beat, int(bits), epoch]

    def answer(self, answer: Answer) -> list[int]:
        """Return offsets 7 to 67; the sequence is written after them, in a write of its own."""
        return [
            answer.boot,
            int(answer.result),
            answer.reason,
            answer.step,
            answer.recipe,
            *self._pair(answer.transaction & 0xFFFF_FFFF),
            *text_registers(answer.assigned, ID_CHARACTERS),
            *text_registers(answer.text, REASON_CHARACTERS),
        ]

    def read_answer(self, area_b: Sequence[int]) -> Answer:
        """Decode the answer in a whole area B, as a controller does."""
        return Answer(
            boot=area_b[B_BOOT],
            result=Result(area_b[RESULT]),
            reason=area_b[9],
            step=area_b[10],
            recipe=area_b[11],
            transaction=self._wide(area_b, 12),
            assigned=read_text(area_b, ASSIGNED, ID_CHARACTERS, "assigned id"),
            text=read_text(area_b, REASON_TEXT, REASON_CHARACTERS, "reason text"),
        )

    # ------------------------------------------------------------ words
    def _wide(self, words: Sequence[int], at: int) -> int:
        first, second = words[at], words[at + 1]
        return second << 16 | first if self.low_word_first else first << 16 | second

    def _pair(self, value: int) -> list[int]:
        high, low = divmod(value, 0x1_0000)
        return [low, high] if self.low_word_first else [high, low]
