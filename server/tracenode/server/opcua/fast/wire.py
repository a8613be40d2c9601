"""The parts of requests and answers that the lane reads and writes itself (OPC 10000-6 5.2)."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import nodeid_to_binary

__all__ = [
    "EMPTY",
    "I32",
    "NOTHING",
    "NULL_ARRAY",
    "U32",
    "Asking",
    "answer",
    "fault",
    "node_id_end",
    "request_type",
    "response_type",
]

U32: Final = struct.Struct("<I")
I32: Final = struct.Struct("<i")
_HEADER: Final = struct.Struct("<4sqI")
_HEADER_END: Final = bytes(4 + 1 + 4 + 3)
"""Good; no diagnostics, no strings, no additional header."""
_BAD_END: Final = struct.Struct("<I8x")
NOTHING: Final = (-1, 0)
"""Lengths of a string that is null or empty."""
EMPTY: Final = bytes(4)
"""An array or string of no length."""
NULL_ARRAY: Final = b"\xff\xff\xff\xff"

_EPOCH_AS_FILETIME: Final = 116_444_736_000_000_000


class Asking(NamedTuple):
    """One request: its handle, how long its client waits (ms, 0: for ever), and how the body of its
    answer is sent."""

    handle: int
    hint: int
    send: Callable[[bytes], None]


def node_id_end(data: bytes, at: int) -> int:
    """Return where the NodeId at `at` ends, `at` where its kind is unknown or it is cut off."""
    match data[at] if at < len(data) else -1:
        case 3 | 5 if at + 7 <= len(data):
            (length,) = I32.unpack_from(data, at + 3)
            return at if length < 0 else at + 7 + int(length)
        case 0:
            return at + 2
        case 1:
            return at + 4
        case 2:
            return at + 7
        case 4:
            return at + 19
    return at


def _now() -> int:
    """Return the time in units of 100 ns since 1601 (OPC 10000-6 5.2.2.5)."""
    return time.time_ns() // 100 + _EPOCH_AS_FILETIME


def _type(name: str) -> bytes:
    number = getattr(ObjectIds, f"{name}_Encoding_DefaultBinary")
    return nodeid_to_binary(ua.FourByteNodeId(number))


def request_type(service: str) -> bytes:
    """Return how a request of this service begins."""
    return _type(f"{service}Request")


def response_type(service: str) -> bytes:
    """Return how an answer of this service begins."""
    return _type(f"{service}Response")


def answer(kind: bytes, handle: int, *parts: bytes) -> bytes:
    """Return a response with a Good header around its parameters."""
    return b"".join((_HEADER.pack(kind, _now(), handle), _HEADER_END, *parts))


def fault(handle: int, code: int) -> bytes:
    """Return a ServiceFault."""
    return _HEADER.pack(_FAULT, _now(), handle) + _BAD_END.pack(code)


_FAULT: Final = _type("ServiceFault")
