"""What the fuzz run does to valid bytes. Every choice is made by the random numbers it is given, so
the same seed makes the same bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks._fuzz_requests import MARK

__all__ = ["changed", "framed", "hostile"]

_U32: Final = struct.Struct("<I")
_HEAD: Final = 8
"""Bytes of a chunk's kind, flag and size."""
NUMBERS: Final = (0, 1, 2, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE)
"""Lengths, counts and enumerations that are seldom thought of."""
ALL_ONES: Final = 0xFFFFFFFF
HEAD_KEPT: Final = 0.85
DEEPEST: Final = 4_000
_MARKED: Final = b"\x0f" + _U32.pack(len(MARK)) + MARK
"""A Variant of a ByteString."""

Change = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def changed(chance: random.Random, body: bytes, others: Sequence[bytes], head: int = 0) -> bytes:
    """Return a body with one to three changes; parts of `others` may come into it. Mostly its first
    `head` bytes stay, so that what comes after them is read."""
    kept = head if chance.random() < HEAD_KEPT else 0
    start, body = body[:kept], hostile(chance, body[kept:])
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        body = chance.choice(_CHANGES)(chance, body, others)
    return start + body


# ------------------------------------------------------------------ changes of a body
def _flip(chance: random.Random, body: bytes, _others: Sequence[bytes]) -> bytes:
    out = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        if out:
            out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _number(chance: random.Random, body: bytes, _others: Sequence[bytes]) -> bytes:
    """Put a number over four bytes: a length or count where they were one."""
    if len(body) < 4:
        return body
    number = chance.choice((*NUMBERS, ALL_ONES, chance.getrandbits(32)))
    at = chance.randrange(len(body) - 3)
    return body[:at] + _U32.pack(number) + body[at + 4 :]


def _counts(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """As `_number`, where a small number stands: nearly always a length, a count or an index."""
    places = [at for at in range(len(body) - 3) if body[at + 1 : at + 4] == b"\0\0\0" and body[at]]
    if not places:
        return _number(chance, body, others)
    at = chance.choice(places)
    return body[:at] + _U32.pack(chance.choice((*NUMBERS, ALL_ONES))) + body[at + 4 :]


def _cut(chance: random.Random, body: bytes, _others: Sequence[bytes]) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _longer(chance: random.Random, body: bytes, _others: Sequence[bytes]) -> bytes:
    return body + chance.randbytes(chance.choice((1, 4, 100, 5_000)))


def _without(chance: random.Random, body: bytes, _others: Sequence[bytes]) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + body[at + chance.randrange(1, 20) :]


def _twice(chance: random.Random, body: bytes, _others: Sequence[bytes]) -> bytes:
    at = chance.randrange(len(body) + 1)
    size = chance.randrange(1, 64)
    return body[:at] + body[at : at + size] * chance.choice((2, 3, 50)) + body[at + size :]


def _spliced(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return body[: chance.randrange(len(body) + 1)] + other[chance.randrange(len(other) + 1) :]


def _other_type(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """The request of one service with the type of another."""
    return chance.choice(others)[:4] + body[4:]


def _noise(chance: random.Random, body: bytes, _others: Sequence[bytes]) -> bytes:
    """Keep the type and the request header, put noise in place of the rest."""
    kept = chance.choice((0, 4, 60))
    return body[:kept] + chance.randbytes(chance.randrange(200))


def _same(_chance: random.Random, body: bytes, _others: Sequence[bytes]) -> bytes:
    return body


_CHANGES: Final[tuple[Change, ...]] = (
    *(_flip, _flip, _number, _counts, _counts, _counts, _cut, _longer, _without, _twice),
    *(_spliced, _other_type, _noise, _same),
)


# ------------------------------------------------------------------ hostile values
def hostile(chance: random.Random, body: bytes) -> bytes:
    """Put a value in place of the marked one that claims much, or is deep."""
    if _MARKED not in body:
        return body
    return body.replace(_MARKED, chance.choice(_VALUES)(chance))


def _deep(chance: random.Random) -> int:
    return chance.choice((2, 50, 101, 500, DEEPEST))


def _variants(chance: random.Random) -> bytes:
    """Variants in variants: arrays of one, or what the specification forbids, without an array."""
    part = chance.choice((b"\x98\x01\0\0\0", b"\x18"))
    return part * _deep(chance) + b"\x01\x01"


def _objects(chance: random.Random) -> bytes:
    """Extension objects (LiteralOperand, i=597) that hold each other."""
    made = b"\x01\x01"
    for _ in range(min(_deep(chance), 500)):
        made = b"\x16\x01\x00\x55\x02\x01" + _U32.pack(len(made)) + made
    return made


def _diagnostics(chance: random.Random) -> bytes:
    """Inner diagnostics of inner diagnostics."""
    return b"\x19" + b"\x40" * _deep(chance) + b"\0"


def _data_values(chance: random.Random) -> bytes:
    return b"\x17\x01" * _deep(chance) + b"\x01\x01"


def _array(chance: random.Random) -> bytes:
    """An array of any type that claims many elements and has few, or has dimensions to match."""
    kind = 0x80 | chance.randrange(1, 32)
    many = chance.choice((1_000, 1_000_000, *NUMBERS, ALL_ONES))
    if chance.random() < 0.5:
        return bytes((kind,)) + _U32.pack(many) + bytes(chance.choice((0, 8, 4_096)))
    claimed = b"".join(_U32.pack(chance.choice(NUMBERS)) for _ in range(3))
    return bytes((kind | 0x40,)) + _U32.pack(1) + bytes(16) + _U32.pack(3) + claimed


def _body(chance: random.Random) -> bytes:
    """An extension object of an unknown type, or one that says another length than it has."""
    size = chance.choice((*NUMBERS, ALL_ONES))
    number = chance.choice((297, 597, 884, 12_345))
    return b"\x16\x01\x00" + struct.pack("<H", number) + b"\x01" + _U32.pack(size) + bytes(20)


_VALUES: Final = (_variants, _objects, _diagnostics, _data_values, _array, _body)


# ------------------------------------------------------------------ changes of chunks
def framed(chance: random.Random, chunk: bytes) -> bytes:
    """Return a chunk that is cut, says another size, kind, channel, sequence, or is sent twice."""
    return chance.choice(_FRAMES)(chance, chunk)


def _frame_noise(chance: random.Random, chunk: bytes) -> bytes:
    out = bytearray(chunk)
    for _ in range(chance.choice((1, 2, 6))):
        out[chance.randrange(len(out))] = chance.getrandbits(8)
    return bytes(out)


def _head_noise(chance: random.Random, chunk: bytes) -> bytes:
    out = bytearray(chunk)
    out[chance.randrange(min(len(out), 24))] = chance.getrandbits(8)
    return bytes(out)


def _size(chance: random.Random, chunk: bytes) -> bytes:
    near = len(chunk) + chance.randrange(-9, 10)
    size = chance.choice((*NUMBERS, ALL_ONES, near, near)) & ALL_ONES
    return chunk[:4] + _U32.pack(size) + chunk[_HEAD:]


def _flag(chance: random.Random, chunk: bytes) -> bytes:
    return chunk[:3] + chance.choice((b"C", b"A", b"X", b"\0")) + chunk[4:]


def _kind(chance: random.Random, chunk: bytes) -> bytes:
    kinds = (b"HEL", b"ACK", b"ERR", b"RHE", b"OPN", b"CLO", b"MSG", chance.randbytes(3))
    return chance.choice(kinds) + chunk[3:]


def _truncated(chance: random.Random, chunk: bytes) -> bytes:
    return chunk[: chance.randrange(len(chunk))]


def _resized(chance: random.Random, chunk: bytes) -> bytes:
    """Cut, and say so: a whole chunk whose content ends early."""
    kept = chunk[: chance.randrange(_HEAD, len(chunk) + 1)]
    return kept[:4] + _U32.pack(len(kept)) + kept[_HEAD:]


def _repeated(chance: random.Random, chunk: bytes) -> bytes:
    return chunk * chance.choice((2, 3))


def _numbered(chance: random.Random, chunk: bytes) -> bytes:
    """Another channel, token, sequence number or request number."""
    if len(chunk) < 24:
        return _frame_noise(chance, chunk)
    at = chance.choice((8, 12, 16, 20))
    (number,) = _U32.unpack_from(chunk, at)
    other = chance.choice((*NUMBERS, ALL_ONES, number + 1, number - 1)) & ALL_ONES
    return chunk[:at] + _U32.pack(other) + chunk[at + 4 :]


def _parts(chance: random.Random, chunk: bytes) -> bytes:
    """In parts, each with the same numbers: only the first of them is in sequence."""
    if len(chunk) < 30:
        return _truncated(chance, chunk)
    head, rest = chunk[:24], chunk[24:]
    at = chance.randrange(len(rest))
    out = b""
    for flag, part in ((b"C", rest[:at]), (chance.choice((b"F", b"A")), rest[at:])):
        out += head[:3] + flag + _U32.pack(24 + len(part)) + head[8:] + part
    return out


_FRAMES: Final = (
    *(_frame_noise, _head_noise, _size, _flag, _kind, _truncated, _resized, _repeated),
    *(_numbered, _parts),
)
