"""The arguments of a call, from its bytes to what its handler gets, for one method."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from asyncua.common.utils import Buffer
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import variant_from_binary

from tracenode.server.opcua.fast.scalars import NUMBERS, STRING_BYTE
from tracenode.server.opcua.fast.wire import I32
from tracenode.server.opcua.methods.arguments import MAX_STRING, Argument
from tracenode.server.opcua.methods.gateway import Binding

__all__ = ["reader"]

Bounds = tuple[float, float] | None
Read = Callable[[bytes, int], tuple[Any, int]]
"""Reads one Variant; returns what the handler gets, and where the next one begins.

Raises:
    ValueError, struct.error, IndexError, ... : it is not what is declared, or out of its bounds.
"""


def reader(binding: Binding) -> Callable[[bytes, int], dict[str, object] | None]:
    """Return what reads the arguments of a method: by the handler's names where they are all sound,
    None where the complete path has to say what is wrong."""
    parts = [(one.key, _read(one, binding.bounds.get(one.name))) for one in binding.inputs]

    def read(data: bytes, at: int) -> dict[str, object] | None:
        found: dict[str, object] = {}
        try:
            (count,) = I32.unpack_from(data, at)
            if count != len(parts):
                return None
            at += I32.size
            for key, part in parts:
                found[key], at = part(data, at)
        except Exception:  # noqa: BLE001  # as above
            return None
        return found if at == len(data) else None

    return read


def _read(argument: Argument, bounds: Bounds) -> Read:
    kind = 0 if argument.is_array or argument.kind is None else argument.kind.value
    any_other = _anything(argument, bounds)
    if kind == STRING_BYTE:
        return _text(any_other)
    if kind in NUMBERS:
        return _number(kind, NUMBERS[kind][1], bounds, any_other)
    return any_other


def _anything(argument: Argument, bounds: Bounds) -> Read:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        buffer: Any = Buffer(data, at)
        variant = variant_from_binary(buffer)
        if argument.refusal(variant, bounds) != StatusCodes.Good:
            raise ValueError(argument.name)
        return argument.value(variant), buffer.cur_pos

    return read


def _text(other: Read) -> Read:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        start = at + 5
        if data[at] != STRING_BYTE:
            return other(data, at)
        (size,) = I32.unpack_from(data, at + 1)
        end = start + size
        if not 0 <= size <= MAX_STRING or end > len(data):  # no longer in bytes than in characters
            return other(data, at)
        return data[start:end].decode("utf-8") or None, end

    return read


def _number(kind: int, form: struct.Struct, bounds: Bounds, other: Read) -> Read:
    size = 1 + form.size

    def read(data: bytes, at: int) -> tuple[Any, int]:
        if data[at] != kind:
            return other(data, at)
        (value,) = form.unpack_from(data, at + 1)
        if (bounds is None or bounds[0] <= value <= bounds[1]) and math.isfinite(value):
            return value, at + size
        return other(data, at)

    return read
