"""What the writing connection remembers of its tables, so that a booking need not read it again.

Everything here stands in the tables too. Whoever writes such a row keeps the memory right, and
whoever rolls back, be it to a savepoint, calls `forget`. A connection without a memory (a reader's,
which sees what others commit) reads each time.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tracenode.server.store.adjacency.connection import IndexedConnection

if TYPE_CHECKING:
    from tracenode.server.store.adjacency.moved import Moved
    from tracenode.server.store.projecting.standing import Standing
    from tracenode.server.store.projecting.stock import Holding

__all__ = ["Memory", "RememberingConnection", "defer", "forget", "memory_of"]

REMEMBERED: Final = 8192
"""Entries of each kind at most; then all of that kind are forgotten, and read again when needed."""

K = TypeVar("K")
V = TypeVar("V")


class _Bounded(dict[K, V]):
    def __setitem__(self, key: K, value: V) -> None:
        if len(self) >= REMEMBERED:
            self.clear()
        super().__setitem__(key, value)


class Memory:
    """Interned numbers by what they stand for, master data in force, standings of items."""

    __slots__ = ("held", "holdings", "interned", "items", "master", "stations", "units")

    def __init__(self) -> None:
        self.interned: _Bounded[tuple[Any, ...], int] = _Bounded()
        """By statement and values."""
        self.stations: _Bounded[int, str] = _Bounded()
        self.units: _Bounded[int, str] = _Bounded()
        """UN/ECE codes of interned units."""
        self.master: _Bounded[tuple[str, str], str | None] = _Bounded()
        """The data in force by kind and key; None where there is none."""
        self.items: dict[str, Standing] = {}
        """By public id. What is in use is changed along with its rows, so only `trim` drops any."""
        self.holdings: dict[int, Holding] = {}
        """Of lots and containers, by item number; changed along with the rows, as the standings."""
        self.held: tuple[int | None] | None = None
        """(The widest scope of all holds in force, 2 for a window, None for no hold); None where
        not known."""

    def trim(self) -> None:
        """Bound the standings and holdings, while none is in use."""
        if len(self.items) > REMEMBERED:
            self.items.clear()
        if len(self.holdings) > REMEMBERED:
            self.holdings.clear()


class RememberingConnection(IndexedConnection):
    """A connection that nobody else writes beside."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.memory = Memory()
        self.moved: list[Moved] | None = None
        """The edges that its transaction moved; None where nobody follows them."""
        self.due: dict[int, list[int]] | None = None
        """By station: the last record and the verdicts OK and NotOK that its transaction has yet to
        write; None where each is written at once."""


def memory_of(connection: sqlite3.Connection) -> Memory:
    """Return the connection's memory, or one for the moment."""
    return connection.memory if isinstance(connection, RememberingConnection) else Memory()


def defer(connection: sqlite3.Connection) -> None:
    """Have the counts of stations written when `stations.write_due` is called, which is owed before
    each commit and savepoint."""
    if isinstance(connection, RememberingConnection):
        connection.due = {}


def forget(connection: sqlite3.Connection) -> None:
    """Drop what is remembered of rows that were rolled back."""
    if isinstance(connection, RememberingConnection):
        connection.memory = Memory()
        if connection.due:
            connection.due = {}
