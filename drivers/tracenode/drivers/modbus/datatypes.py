"""What stands in registers: number formats, text, and the order of their bytes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from enum import StrEnum

from tracenode.models.readings import PointType

__all__ = ["DataType", "Order", "parse_type"]

MAX_TEXT = 246
"""Bytes: what one write of 123 registers can carry."""

TEXT = re.compile(r"string\(\s*([0-9]{1,3})\s*(?:,\s*([A-Za-z0-9_.-]+)\s*)?\)")


class Order(StrEnum):
    """Order of the bytes of a 32-bit value 0xAABBCCDD on the wire; 64-bit values likewise.

    A value of one register, and text, know only the swap inside a register (BADC, DCBA).
    """

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"

    @property
    def swaps_bytes(self) -> bool:
        return self in (Order.BADC, Order.DCBA)

    @property
    def swaps_words(self) -> bool:
        return self in (Order.CDAB, Order.DCBA)


@dataclass(frozen=True, slots=True)
class DataType:
    """A format of `words` registers; `code` is its struct code, big-endian."""

    name: str
    words: int
    code: str
    opc: PointType
    encoding: str | None = None
    """Of text; None for anything else."""

    @property
    def text(self) -> bool:
        return self.encoding is not None

    @property
    def floating(self) -> bool:
        return self.opc in (PointType.Float, PointType.Double)

    @property
    def boolean(self) -> bool:
        return self.opc is PointType.Boolean


PLAIN = {
    kind.name: kind
    for kind in (
        DataType("bool", 1, "H", PointType.Boolean),
        DataType("bit", 1, "H", PointType.Boolean),
        DataType("int16", 1, "h", PointType.Int16),
        DataType("uint16", 1, "H", PointType.UInt16),
        DataType("int32", 2, "i", PointType.Int32),
        DataType("uint32", 2, "I", PointType.UInt32),
        DataType("int64", 4, "q", PointType.Int64),
        DataType("uint64", 4, "Q", PointType.UInt64),
        DataType("float32", 2, "f", PointType.Float),
        DataType("float64", 4, "d", PointType.Double),
    )
}


def parse_type(text: str) -> DataType:
    """Read `uint16`, `float32`, `string(16)` (bytes, two a register) or `string(16,latin-1)`.

    Raises:
        ValueError: what is allowed.
    """
    if plain := PLAIN.get(text.strip()):
        return plain
    match = TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{', '.join(PLAIN)} or string(n[,encoding])")
    length, encoding = int(match[1]), match[2] or "ascii"
    if not 1 <= length <= MAX_TEXT:
        raise ValueError(f"a text of 1 to {MAX_TEXT} bytes")
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except LookupError as error:
        raise ValueError("an encoding such as ascii or latin-1") from error
    return DataType(
        f"string({length})",
        (length + 1) // 2,
        f"{length}s" + "x" * (length % 2),
        PointType.String,
        encoding=name,
    )
