"""From the bytes of a block to values, and from a value to registers. No I/O."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from tracenode.drivers.modbus.datatypes import DataType, Order
from tracenode.models.errors import MalformedRequest
from tracenode.models.readings import Value

__all__ = ["BitCodec", "BlockCodec", "Field", "Undecodable", "encode"]


@dataclass(frozen=True, slots=True)
class Field:
    """One value in a block.

    `offset` counts registers (or bits, in a space of bits) from the block's start. The value is
    `raw * scale + shift`; `bit` picks one bit of a register.
    """

    offset: int
    type: DataType
    order: Order = Order.ABCD
    bit: int | None = None
    scale: float = 1.0
    shift: float = 0.0

    @property
    def scaled(self) -> bool:
        return self.scale != 1.0 or self.shift != 0.0


@dataclass(frozen=True, slots=True)
class Undecodable:
    """What a decoder gives in the place of a value: bytes that are none of this type."""

    reason: str


class BlockCodec:
    """Decodes all fields of a block of registers by one gather and one struct.

    Fields may overlap and differ in byte order: the gather lays the bytes of every field out
    big-endian, one field after the other.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        places = [place for field in fields for place in _byte_places(field)]
        self._identity = places == list(range(len(places)))
        self._length = len(places)
        self._gather = itemgetter(*places)
        self._struct = struct.Struct(">" + "".join(field.type.code for field in fields))
        self._finish = [(i, f) for i, field in enumerate(fields) if (f := _finisher(field))]

    def decode(self, raw: bytes) -> list[Value | Undecodable]:
        """Return the values in the order of the fields; `raw` must cover all of them."""
        laid_out = raw[: self._length] if self._identity else bytes(self._gather(raw))
        values: list[Any] = list(self._struct.unpack(laid_out))
        for index, finish in self._finish:
            values[index] = finish(values[index])
        return values


class BitCodec:
    """Decodes fields of coils or discrete inputs: packed, the lowest bit first."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._places = [(field.offset >> 3, 1 << (field.offset & 7)) for field in fields]

    def decode(self, raw: bytes) -> list[Value | Undecodable]:
        return [bool(raw[byte] & mask) for byte, mask in self._places]


def encode(name: str, field: Field, value: Value) -> tuple[int, ...]:
    """Return the registers that hold `value`; the inverse of decoding, rounded to the scale.

    Raises:
        MalformedRequest: the value is of another kind or does not fit; carries `name`.
    """
    kind = field.type
    if kind.text:
        raw: object = _text_bytes(name, kind, value)
    elif kind.boolean:
        if not isinstance(value, bool):
            raise MalformedRequest(name, "true or false", repr(value))
        raw = int(value)
    else:
        raw = _number(name, field, value)
    try:
        big = struct.pack(">" + kind.code, raw)
    except (struct.error, OverflowError) as error:
        raise MalformedRequest(name, f"a value that fits {kind.name}", repr(value)) from error
    wire = bytearray(len(big))
    for source, place in enumerate(_byte_places(field)):
        wire[place - 2 * field.offset] = big[source]
    return struct.unpack(f">{len(wire) // 2}H", wire)


def _byte_places(field: Field) -> list[int]:
    """Places in the block of the field's bytes, most significant first."""
    words = list(range(field.offset, field.offset + field.type.words))
    if field.order.swaps_words and not field.type.text:
        words.reverse()
    low, high = (1, 0) if field.order.swaps_bytes else (0, 1)
    return [place for word in words for place in (2 * word + low, 2 * word + high)]


def _finisher(field: Field) -> Callable[[Any], Value | Undecodable] | None:
    """What is left to do after the struct; None where nothing is."""
    kind, scale, shift = field.type, field.scale, field.shift
    if kind.encoding is not None:
        encoding = kind.encoding
        return lambda raw: _text(raw, encoding)
    if field.bit is not None:
        mask = 1 << field.bit
        return lambda raw: bool(raw & mask)
    if kind.boolean:
        return bool
    if kind.floating:
        return lambda raw: _finite(raw * scale + shift if field.scaled else raw)
    if field.scaled:
        return lambda raw: float(raw * scale + shift)
    return None


def _finite(value: float) -> float | Undecodable:
    return value if math.isfinite(value) else Undecodable(f"expected a finite number, was {value}")


def _text(raw: bytes, encoding: str) -> str | Undecodable:
    """Text up to the first NUL, without the blanks that pad it."""
    used = raw.partition(b"\0")[0]
    try:
        return used.decode(encoding).rstrip(" ")
    except UnicodeDecodeError:
        return Undecodable(f"expected {encoding} text, were the bytes {used.hex(' ')}")


def _text_bytes(name: str, kind: DataType, value: Value) -> bytes:
    if not isinstance(value, str):
        raise MalformedRequest(name, f"a text for {kind.name}", repr(value))
    length = int(kind.code.partition("s")[0])
    try:
        raw = value.encode(kind.encoding or "ascii")
    except UnicodeEncodeError as error:
        raise MalformedRequest(name, f"{kind.encoding} text", repr(value)) from error
    if len(raw) > length:
        raise MalformedRequest(name, f"at most {length} bytes of text", f"{len(raw)}")
    return raw


def _number(name: str, field: Field, value: Value) -> int | float:
    kind = field.type
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise MalformedRequest(name, f"a finite number for {kind.name}", repr(value))
    raw = (value - field.shift) / field.scale if field.scaled else value
    if kind.floating:
        return float(raw)
    if isinstance(raw, float) and not field.scaled and not raw.is_integer():
        raise MalformedRequest(name, f"a whole number for {kind.name}", repr(value))
    return round(raw)
