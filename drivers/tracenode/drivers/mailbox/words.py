"""What the handshake's registers are made of: texts, signed and floating numbers, check value."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Final

from tracenode.drivers.modbus.crc import crc16
from tracenode.models.errors import InvalidIdentifier, MalformedRequest

__all__ = [
    "ID_CHARACTERS",
    "bytes_of",
    "characters",
    "check_value",
    "digest_of",
    "float32",
    "read_id",
    "read_text",
    "signed",
    "text_registers",
]

ID_CHARACTERS: Final = 64
DIGEST_BYTES: Final = 16
MAX_FLOAT32: Final = 3.4028234663852886e38


def bytes_of(words: Sequence[int]) -> bytes:
    """Return registers as bytes, the high byte of each first."""
    return struct.pack(f">{len(words)}H", *words)


def check_value(words: Sequence[int]) -> int:
    """Return the CRC-16/MODBUS over registers, the high byte of each first."""
    return crc16(bytes_of(words))


def digest_of(words: Sequence[int]) -> bytes:
    """Return 16 bytes that tell one payload from another."""
    return hashlib.sha256(bytes_of(words)).digest()[:DIGEST_BYTES]


def signed(value: int) -> int:
    """Return an unsigned 32-bit value read as two's complement."""
    return value - (1 << 32) if value >> 31 else value


def float32(bits: int) -> float:
    """Return the shortest decimal that is the same IEEE 754 single: 0.1, not 0.10000000149."""
    packed = struct.pack(">I", bits)
    (value,) = struct.unpack(">f", packed)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if abs(short) <= MAX_FLOAT32 and struct.pack(">f", short) == packed:
            return short
    return float(value)


def characters(words: Sequence[int]) -> str:
    """Return two characters a register; a byte above 127 becomes the character of its number."""
    return bytes_of(words).decode("latin-1")


def read_text(area: Sequence[int], at: int, limit: int, field: str) -> str:
    """Read a length and its characters.

    Raises:
        MalformedRequest: the length is above `limit`.
    """
    length = area[at]
    if length > limit:
        raise MalformedRequest(f"{field} length", f"at most {limit} characters", str(length))
    return characters(area[at + 1 : at + 1 + limit // 2])[:length]


def read_id(area: Sequence[int], at: int, field: str) -> str:
    """Read a length and the characters of an id.

    Raises:
        MalformedRequest: the length is above 64.
        InvalidIdentifier: a byte that is not ASCII.
    """
    text = read_text(area, at, ID_CHARACTERS, field)
    if not text.isascii():
        found = next(c for c in text if not c.isascii())
        raise InvalidIdentifier(text, f"{field} holds the byte 0x{ord(found):02X}, not ASCII")
    return text


def text_registers(text: str, limit: int) -> list[int]:
    """Return length and characters; what is not ASCII becomes a question mark."""
    raw = text.encode("ascii", errors="replace")[:limit]
    return [len(raw), *struct.unpack(f">{limit // 2}H", raw.ljust(limit, b"\0"))]
