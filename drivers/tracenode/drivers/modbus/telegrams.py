"""Requests and the answers that may be taken for them. No I/O.

The library below us takes almost any frame for an answer; here is decided which frame is one.
An answer counts only with the right transaction (TCP), unit, function, byte count and, for a
write, the echo of address and count.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.crc import crc16
from tracenode.models.device_errors import BadTelegram

__all__ = [
    "EXCEPTION",
    "MAX_WRITE_BITS",
    "MAX_WRITE_REGISTERS",
    "Request",
    "RtuSearch",
    "Seen",
    "TcpFrame",
    "TcpStream",
    "exception_meaning",
    "mask_request",
    "read_request",
    "write_coil_request",
    "write_coils_request",
    "write_register_request",
    "write_registers_request",
]

MAX_WRITE_REGISTERS = 123
"""MODBUS Application Protocol V1.1b3, 6.12."""

MAX_WRITE_BITS = 1968
"""MODBUS Application Protocol V1.1b3, 6.11."""

MAX_ADU = 260
"""Bytes of a whole TCP telegram (MODBUS Messaging on TCP/IP V1.0b, 4.1)."""

EXCEPTION = 0x80
"""Added to the function code by a device that refuses."""

MEANINGS = {
    1: "illegal function: the device does not know this kind of request",
    2: "illegal data address: no such register or coil",
    3: "illegal data value: the count or a value is not allowed",
    4: "server device failure",
    5: "acknowledge: accepted, still being processed",
    6: "server device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable: is the gateway configured for this unit?",
    11: "gateway target device failed to respond: is the unit powered and wired?",
}


def exception_meaning(code: int) -> str:
    """Say an exception code in words (MODBUS Application Protocol V1.1b3, 7)."""
    return MEANINGS.get(code, "not a code of the specification")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a unit, and what its answer must look like."""

    unit: int
    pdu: bytes
    """Function code and data."""
    head: bytes
    """The answer's PDU begins with these bytes: function and byte count, or the whole echo."""
    size: int
    """Length of the answer's PDU."""
    label: str
    """For messages, such as `read hr:100-119`."""

    @property
    def function(self) -> int:
        return self.pdu[0]

    def fault(self, pdu: bytes) -> tuple[str, str] | None:
        """Return what was expected and what came, or None for an answer (or exception)."""
        if len(pdu) == 2 and pdu[0] == self.function | EXCEPTION:
            return None
        if pdu[0] & ~EXCEPTION != self.function:
            return f"function {self.function} in answer to {self.label}", f"function {pdu[0]}"
        if len(pdu) != self.size:
            return f"{self.size} bytes in answer to {self.label}", f"{len(pdu)} bytes"
        if not pdu.startswith(self.head):
            return f"{self.head.hex(' ')} in answer to {self.label}", pdu[: len(self.head)].hex(" ")
        return None


@lru_cache(maxsize=8192)  # a poller asks the same of its unit for years
def read_request(unit: int, space: Space, address: int, count: int) -> Request:
    function = space.function
    length = -(-count // 8) if space.bits else 2 * count
    return Request(
        unit,
        struct.pack(">BHH", function, address, count),
        bytes((function, length)),
        2 + length,
        f"read {space}:{address}" + (f"-{address + count - 1}" if count > 1 else ""),
    )


def write_registers_request(unit: int, address: int, values: Sequence[int]) -> Request:
    head = struct.pack(">BHH", 16, address, len(values))
    data = struct.pack(f">B{len(values)}H", 2 * len(values), *values)
    return _echoed(unit, head + data, head, f"write hr:{address}")


def write_register_request(unit: int, address: int, value: int) -> Request:
    pdu = struct.pack(">BHH", 6, address, value)
    return _echoed(unit, pdu, pdu, f"write hr:{address}")


def write_coils_request(unit: int, address: int, values: Sequence[bool]) -> Request:
    packed = sum(1 << index for index, value in enumerate(values) if value)
    length = -(-len(values) // 8)
    head = struct.pack(">BHH", 15, address, len(values))
    pdu = head + bytes((length,)) + packed.to_bytes(length, "little")
    return _echoed(unit, pdu, head, f"write co:{address}")


def write_coil_request(unit: int, address: int, value: bool) -> Request:
    pdu = struct.pack(">BHH", 5, address, 0xFF00 if value else 0)
    return _echoed(unit, pdu, pdu, f"write co:{address}")


def mask_request(unit: int, address: int, keep: int, put: int) -> Request:
    """Register = (register AND keep) OR (put AND NOT keep), in the device (6.16)."""
    pdu = struct.pack(">BHHH", 22, address, keep, put)
    return _echoed(unit, pdu, pdu, f"mask hr:{address}")


def _echoed(unit: int, pdu: bytes, head: bytes, label: str) -> Request:
    return Request(unit, pdu, head, len(head), label)


@dataclass(frozen=True, slots=True)
class TcpFrame:
    """One telegram as it came: the header's transaction and unit, the PDU, all its bytes."""

    transaction: int
    unit: int
    pdu: bytes
    adu: bytes


class TcpStream:
    """Cuts a TCP stream into telegrams; keeps in step over late and foreign ones."""

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def waiting(self) -> int:
        """Bytes of a telegram that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[TcpFrame]:
        """Take bytes, return the telegrams they complete.

        Raises:
            BadTelegram: no Modbus header; the stream has lost its step and must be closed.
        """
        buffer = self._buffer + data
        frames: list[TcpFrame] = []
        start = 0
        while len(buffer) - start >= 7:
            transaction, protocol, length, unit = struct.unpack_from(">HHHB", buffer, start)
            end = start + 6 + length
            if protocol or not 3 <= length <= MAX_ADU - 6:
                self._buffer = b""
                raise BadTelegram("a Modbus TCP header", buffer[start : start + 8].hex(" "))
            if end > len(buffer):
                break
            frames.append(TcpFrame(transaction, unit, buffer[start + 7 : end], buffer[start:end]))
            start = end
        self._buffer = buffer[start:]
        return frames


Seen = Callable[[int, bytes], None]
"""Called with unit and PDU of a whole telegram that answers something else; perhaps repeatedly."""


class RtuSearch:
    """Looks for the answer to one request in what an RTU line gives.

    Junk before and after, an echo of the request, and whole telegrams of another unit, function
    or length are passed over: on a line with late answers they are normal.
    """

    MAX_WAITING = 1024
    """Bytes; four times the longest answer. What is older is junk."""

    def __init__(self, request: Request, seen: Seen | None = None) -> None:
        self.request = request
        self._seen = seen
        self.passed_over: str | None = None
        """The first telegram that was whole but no answer to this request, in words."""
        self._buffer = b""

    @property
    def waiting(self) -> int:
        """Bytes that have come and are no answer so far."""
        return len(self._buffer)

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; return the answer's telegram with unit and check bytes once it is whole."""
        self._buffer = buffer = (self._buffer + data)[-self.MAX_WAITING :]
        good = bytes((self.request.unit,)) + self.request.head
        refusal = bytes((self.request.unit, self.request.function | EXCEPTION))
        start, in_step = 0, True
        while start <= len(buffer) - 5:
            if buffer.startswith(good, start):
                frame = _checked(buffer, start, self.request.size + 3)
                if frame is not None:
                    return frame
            elif buffer.startswith(refusal, start):
                frame = _checked(buffer, start, 5)
                if frame is not None:
                    return frame
            foreign = self._foreign(buffer, start)
            # Perhaps the first part of one: its data must not be searched.
            partly = max(_sizes(buffer, start), default=0) > len(buffer) - start
            if partly and not foreign and (in_step or buffer[start] == self.request.unit):
                return None
            start, in_step = start + (foreign or 1), bool(foreign)
        return None

    def _foreign(self, buffer: bytes, start: int) -> int:
        """Length of a whole telegram here that is an answer to something else; 0 if none is.

        Passing over all of it at once matters: its data might spell a telegram.
        """
        for size in _sizes(buffer, start):
            frame = _checked(buffer, start, size)
            if frame is not None:
                if self._seen is not None:
                    self._seen(frame[0], frame[1:-2])
                if self.passed_over is None and self.request.pdu != frame[1:-2]:
                    self.passed_over = f"unit {frame[0]}, function {frame[1]}, {len(frame)} bytes"
                return size
        return 0


def _sizes(buffer: bytes, start: int) -> tuple[int, ...]:
    """Lengths that a telegram beginning here may have, by its function code."""
    function = buffer[start + 1]
    if function & EXCEPTION:
        return (5,)
    if function in (1, 2, 3, 4):
        return (5 + buffer[start + 2], 8)  # 8: the echo of a request
    if function in (5, 6, 15, 16):
        return (8, 9 + buffer[start + 6]) if len(buffer) > start + 6 else (8,)
    return (10,) if function == 22 else ()


def _checked(buffer: bytes, start: int, size: int) -> bytes | None:
    frame = buffer[start : start + size]
    if len(frame) == size and crc16(frame[:-2]).to_bytes(2, "little") == frame[-2:]:
        return frame
    return None
