"""What goes over the pipe between a server and its reading process.

A frame is its kind, the number of the job that it belongs to and the length of what follows, all
little endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import BinaryIO, Final, NamedTuple

__all__ = ["Frame", "Kind", "frames_of", "packed"]

_HEADER: Final = struct.Struct("<BQI")


class Kind(IntEnum):
    """What a frame is. The server sends the first four."""

    Do = 1
    """A job, to be done on a thread."""
    Tell = 2
    """A job of no work, to be done at once."""
    Cancel = 3
    """Nobody waits for a job any more."""
    Moved = 4
    """What `Follow` asked for."""
    Piece = 5
    """Some members of a tuple of an answer that is to come."""
    Done = 6
    """The answer, without its long tuples."""
    Failed = 7
    """The error in its place."""
    Follow = 8
    """A request for what the writer moved."""
    Unfit = 9
    """The error for which the process can't work, and ends."""


class Frame(NamedTuple):
    kind: Kind
    job: int
    data: bytes


def packed(kind: Kind, job: int, data: bytes = b"") -> bytes:
    """Return a frame as bytes."""
    return _HEADER.pack(kind, job, len(data)) + data


def frames_of(stream: BinaryIO) -> Iterator[Frame]:
    """Yield the frames of a stream until it ends, within a frame too."""
    while len(header := stream.read(_HEADER.size)) == _HEADER.size:
        kind, job, length = _HEADER.unpack(header)
        data = stream.read(length)
        if len(data) < length:
            return
        yield Frame(Kind(kind), job, data)
