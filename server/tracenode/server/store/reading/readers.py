"""The pool of connections that read, each on a thread of its own (STORE.md rule 8)."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from tracenode.models.errors import StoreError
from tracenode.server.store.adjacency.index import Index
from tracenode.server.store.file.database import connect_reader, damage_named

__all__ = ["READERS", "WIDE", "Readers"]

READERS: Final = 4
WIDE: Final = 2
"""Threads of their own for questions that may read much: however many are asked, small ones find a
thread. More would not answer sooner, as all share one interpreter lock."""

T = TypeVar("T")


class Readers:
    """Runs functions of a read connection. What comes while all threads are busy waits its turn;
    every question has a deadline of its own. What is `wide` may read much, and waits for others
    like it alone."""

    def __init__(
        self, path: Path, *, mmap: bool = True, size: int = READERS, index: Index | None = None
    ) -> None:
        self._path, self._mmap, self._index = path, mmap, index
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="tracenode-read")
        self._wide = ThreadPoolExecutor(WIDE, thread_name_prefix="tracenode-wide")

    async def run(self, function: Callable[[sqlite3.Connection], T], *, wide: bool = False) -> T:
        """Run `function` on a reading thread.

        Raises:
            DamagedDatabase, StoreError: the file can't be read; and whatever `function` raises.
        """
        return await asyncio.wrap_future(self.submit(function, wide=wide))

    def run_now(self, function: Callable[[sqlite3.Connection], T], *, wide: bool = False) -> T:
        """As `run`, for callers without an event loop."""
        return self.submit(function, wide=wide).result()

    def submit(
        self, function: Callable[[sqlite3.Connection], T], *, wide: bool = False
    ) -> Future[T]:
        """As `run`, for whoever waits in a way of its own."""
        return (self._wide if wide else self._pool).submit(self._call, function)

    def close(self) -> None:
        """Wait for what runs, drop what waits, close the connections."""
        for pool in (self._pool, self._wide):
            pool.shutdown(cancel_futures=True)
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _call(self, function: Callable[[sqlite3.Connection], T]) -> T:
        with damage_named(self._path):
            return function(self._connection())

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            try:
                connection = connect_reader(self._path, mmap=self._mmap)
            except sqlite3.OperationalError as error:
                raise StoreError(f"{self._path}: {error}") from error
            connection.index = self._index
            self._local.connection = connection
            self._opened.append(connection)
        return connection
