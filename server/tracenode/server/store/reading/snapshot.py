"""Reading one state of the file: one read transaction, bounded in time, ended when nobody waits."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tracenode.server.store.adjacency.connection import adjacency_at

if TYPE_CHECKING:
    from tracenode.server.store.adjacency.reach import Adjacency

__all__ = ["Abandoned", "Connection", "OutOfTime", "Reading", "snapshot"]

Connection = sqlite3.Connection

CHECK_EVERY: Final = 1_000_000
"""Virtual machine steps of SQLite, some 20 ms, between two looks at the clock. Each look takes the
interpreter lock, so many would slow every other thread's small question."""

_NEVER: Final = threading.Event()
"""Somebody waits to the end; made once, for it takes longer than a small statement."""


class OutOfTime(Exception):
    """The deadline of a reading has passed; what it was reading is incomplete."""


class Abandoned(Exception):
    """Nobody waits for the answer any more."""


class Reading:
    """Statements on one snapshot, interrupted at a deadline that may be moved, and as soon as
    `abandoned` is set."""

    def __init__(self, connection: Connection, abandoned: threading.Event | None = None) -> None:
        self.connection = connection
        self._ends: float | None = None
        self._abandoned = abandoned or _NEVER

    @contextlib.contextmanager
    def until(self, ends: float) -> Iterator[None]:
        """Bound what runs inside by `ends`, a time of the monotonic clock: from then on statements
        raise OutOfTime."""
        self._ends = ends
        try:
            yield
        finally:
            self._ends = None

    def ends_now(self) -> bool:
        """True where what runs is to be interrupted."""
        return self._abandoned.is_set() or self._late()

    def _late(self) -> bool:
        return self._ends is not None and time.monotonic() > self._ends

    def check(self) -> None:
        """Look at the clock between two pieces of work.

        Raises:
            OutOfTime: the deadline has passed.
            Abandoned: nobody waits.
        """
        if self._abandoned.is_set():
            raise Abandoned
        if self._late():
            raise OutOfTime

    def adjacency(self, position: int) -> Adjacency | None:
        """Return the adjacency index at the position where this snapshot's journal ends; None where
        the tables are to be asked."""
        return adjacency_at(self.connection, position)

    def rows(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a statement with few of them.

        Raises:
            OutOfTime: the deadline has passed.
            Abandoned: nobody waits.
        """
        if self._abandoned.is_set():
            raise Abandoned
        try:
            return self.connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            raise (Abandoned if self._abandoned.is_set() else OutOfTime) from error

    def array(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[Any]:
        """Return the JSON array that a statement has as its one value. It runs as one step,
        without the interpreter lock, however large its result.

        Raises: as `rows`.
        """
        ((text,),) = self.rows(sql, parameters)
        result: list[Any] = json.loads(text)
        return result


@contextlib.contextmanager
def snapshot(connection: Connection, abandoned: threading.Event | None = None) -> Iterator[Reading]:
    """Read in one transaction, so that everything read belongs to one journal head. Inside a
    transaction of the caller's, that one is used. Once `abandoned` is set, reading ends with
    Abandoned."""
    reading = Reading(connection, abandoned)
    own = not connection.in_transaction
    if own:
        connection.execute("BEGIN")
    connection.set_progress_handler(reading.ends_now, CHECK_EVERY)
    try:
        yield reading
    finally:
        connection.set_progress_handler(None, 0)
        if own:
            connection.execute("ROLLBACK")
