"""Answers as bytes, long ones in pieces.

The long tuples of an answer come before it, some members at a time: loading one piece holds the
server's interpreter for a few milliseconds at most, whatever was asked. Both ends are of one
program and one user, and nothing else writes into their pipe, so they may trust pickles.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Callable, Iterator
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, TypeVar

from tracenode.models.answers import Edge, Node, RecallHit
from tracenode.server.genealogy.items.making import maker

__all__ = ["PIECE", "Pieces", "bytes_of", "parted"]

PIECE: Final = 2_000
"""Members of a tuple that go together."""
T = TypeVar("T")

_MAKERS: Final[dict[type, Callable[..., Any]]] = {
    kind: maker(kind) for kind in (RecallHit, Node, Edge)
}
"""What answers have by the thousand."""


def _made(kind: type[T], *values: Any) -> T:
    made: T = _MAKERS[kind](*values)
    return made


def _reducer(kind: type[T]) -> Callable[[T], tuple[Any, ...]]:
    values = attrgetter(*(field.name for field in fields(kind)))  # type: ignore[arg-type]
    return lambda value: (_made, (kind, *values(value)))


class _Pickler(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table | {kind: _reducer(kind) for kind in _MAKERS}


class _Parting(_Pickler):
    """Leaves long tuples out, and keeps them for their pieces."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.long: list[tuple[Any, ...]] = []

    def persistent_id(self, value: Any) -> tuple[int, int] | None:
        if type(value) is not tuple or len(value) <= PIECE:
            return None
        first = sum(-(-len(other) // PIECE) for other in self.long)
        self.long.append(value)
        return first, -(-len(value) // PIECE)


def bytes_of(value: Any) -> bytes:
    """Return a value in one piece."""
    file = io.BytesIO()
    _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(value)
    return file.getvalue()


def parted(value: Any) -> tuple[Iterator[bytes], bytes]:
    """Return the pieces of a value, made as they are asked for, and then the value without them."""
    file = io.BytesIO()
    pickler = _Parting(file)
    pickler.dump(value)
    pieces = (
        bytes_of(members[start : start + PIECE])
        for members in pickler.long
        for start in range(0, len(members), PIECE)
    )
    return pieces, file.getvalue()


class Pieces:
    """The pieces of one value, as they come."""

    def __init__(self) -> None:
        self._come: list[tuple[Any, ...]] = []

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        self._come.append(pickle.loads(piece))

    def whole(self, rest: bytes) -> Any:
        """Return the value, made of the pieces and of the rest."""
        return _Joining(io.BytesIO(rest), self._come).load()


class _Joining(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, pieces: list[tuple[Any, ...]]) -> None:
        super().__init__(file)
        self._pieces = pieces

    def persistent_load(self, pid: tuple[int, int]) -> tuple[Any, ...]:
        first, count = pid
        return tuple(member for piece in self._pieces[first : first + count] for member in piece)
