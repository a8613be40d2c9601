"""Types of the subset, and what a variable of each begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = [
    "BITS",
    "BOOL",
    "ELEMENTARY",
    "INTS",
    "LITERAL",
    "TIME",
    "Array",
    "Block",
    "Elementary",
    "Frame",
    "Struct",
    "Type",
    "fits",
    "initial",
]

Frame = dict[str, Any]
"""The variables of one instance, by name in upper case. Arrays and structures are shared by who got
them as VAR_IN_OUT."""


@dataclass(frozen=True)
class Type:
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Elementary(Type):
    """`least` and `most` are its bounds; a BOOL has none."""

    least: int = 0
    most: int = 0


@dataclass(frozen=True)
class Array(Type):
    least: int
    most: int
    of: Type


@dataclass(frozen=True)
class Struct(Type):
    members: Mapping[str, Type] = field(hash=False)


@dataclass(frozen=True)
class Block(Type):
    """A function block: what its instances are made of and what a call does."""

    variables: Mapping[str, Type] = field(hash=False)
    inputs: frozenset[str]
    in_outs: frozenset[str]
    outputs: frozenset[str]
    begins: Mapping[str, Any] = field(hash=False)
    """Values other than the types' own."""
    run: Callable[[Frame], None] = field(hash=False)


def _signed(name: str, bits: int) -> Elementary:
    return Elementary(name, -(1 << bits - 1), (1 << bits - 1) - 1)


def _unsigned(name: str, bits: int) -> Elementary:
    return Elementary(name, 0, (1 << bits) - 1)


BOOL: Final = Elementary("BOOL")
TIME: Final = _signed("TIME", 32)
LITERAL: Final = Elementary("a literal", -(1 << 31), (1 << 32) - 1)
INTS: Final = (
    _signed("INT", 16),
    _signed("DINT", 32),
    _unsigned("UINT", 16),
    _unsigned("UDINT", 32),
)
BITS: Final = (_unsigned("BYTE", 8), _unsigned("WORD", 16), _unsigned("DWORD", 32))
ELEMENTARY: Final[Mapping[str, Elementary]] = {t.name: t for t in (BOOL, TIME, *INTS, *BITS)}


def fits(value: int, type_: Type) -> bool:
    """Return whether a literal is a value of a type."""
    if not isinstance(type_, Elementary) or type_ in (BOOL, TIME):
        return False
    return type_.least <= value <= type_.most


def initial(type_: Type) -> Any:
    """Return what a variable of a type holds before anything is assigned."""
    match type_:
        case Array():
            return [initial(type_.of) for _ in range(type_.least, type_.most + 1)]
        case Struct():
            return {name: initial(member) for name, member in type_.members.items()}
        case Block():
            made = {name: initial(of) for name, of in type_.variables.items()}
            return made | dict(type_.begins)
        case _:
            return False if type_ == BOOL else 0
