"""Where a value is inside a Modbus unit: zero-based and explicit, such as `hr:100` or `hr:10.3`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["LAST_ADDRESS", "Address", "AddressRange", "Space", "parse_address", "parse_range"]

LAST_ADDRESS = 65535
"""Highest address of every space (MODBUS Application Protocol V1.1b3, 4.4)."""

NUMBER = r"(0[xX][0-9a-fA-F]{1,4}|[0-9]{1,5})"
ADDRESS = re.compile(rf"(hr|ir|co|di):{NUMBER}(?:\.([0-9]{{1,2}}))?")
RANGE = re.compile(rf"(hr|ir|co|di):{NUMBER}-{NUMBER}")
MODICON = re.compile(r"([0134])([0-9]{4}|[0-9]{5})")


class Space(StrEnum):
    """One of the four address spaces of a unit."""

    Holding = "hr"
    Input = "ir"
    Coil = "co"
    Discrete = "di"

    @property
    def function(self) -> int:
        """Function code that reads it."""
        return READ_FUNCTION[self]

    @property
    def bits(self) -> bool:
        """Its elements are single bits, not 16-bit registers."""
        return self in (Space.Coil, Space.Discrete)

    @property
    def writable(self) -> bool:
        return self in (Space.Holding, Space.Coil)


READ_FUNCTION = {Space.Coil: 1, Space.Discrete: 2, Space.Holding: 3, Space.Input: 4}
MODICON_SPACE = {"0": Space.Coil, "1": Space.Discrete, "3": Space.Input, "4": Space.Holding}


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A register or bit; `bit` 0 is the least significant one of a register."""

    space: Space
    number: int
    bit: int | None = None

    def __str__(self) -> str:
        return f"{self.space}:{self.number}" + ("" if self.bit is None else f".{self.bit}")


@dataclass(frozen=True, slots=True, order=True)
class AddressRange:
    """Addresses `first` to `last`, both included."""

    space: Space
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.space}:{self.first}-{self.last}"


def parse_address(text: str) -> Address:
    """Read `hr:100`, `ir:0x10`, `co:7`, `di:7`, `hr:10.3`.

    Raises:
        ValueError: what is allowed (the caller says what was found), and for a Modicon number how
            to spell it here.
    """
    text = text.strip()
    if match := ADDRESS.fullmatch(text):
        space, number, bit = Space(match[1]), _number(match[2]), match[3]
        if bit is None:
            return Address(space, number)
        if space.bits:
            raise ValueError(f"{space}:{number} without a bit number")
        if int(bit) > 15:
            raise ValueError("a bit of 0 to 15")
        return Address(space, number, int(bit))
    raise ValueError(
        "a zero-based address such as hr:100, ir:0, co:7, di:7 or hr:10.3" + _hint(text)
    )


def parse_range(text: str) -> AddressRange:
    """Read `hr:0-199`: both ends included.

    Raises:
        ValueError: what is allowed.
    """
    match = RANGE.fullmatch(text.strip())
    if match is None:
        raise ValueError("a range such as hr:0-199")
    first, last = _number(match[2]), _number(match[3])
    if first > last:
        raise ValueError("the lower end first")
    return AddressRange(Space(match[1]), first, last)


def _number(digits: str) -> int:
    number = int(digits, 16 if digits[:2].lower() == "0x" else 10)
    if number > LAST_ADDRESS:
        raise ValueError(f"an address up to {LAST_ADDRESS}")
    return number


def _hint(text: str) -> str:
    """The spelling that was probably meant."""
    if (match := MODICON.fullmatch(text)) and int(match[2]) > 0:
        return f"; {text} counts from 1, here it is {MODICON_SPACE[match[1]]}:{int(match[2]) - 1}"
    if text.isdecimal():
        return f"; holding register {text} is hr:{text}"
    return ""
