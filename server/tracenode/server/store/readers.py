"""The pool of connections that read, each on a thread of its own (STORE.md rule 8)."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from tracenode.models.errors import StoreError
from tracenode.server.store.adjacency.index import Index
from tracenode.server.store.database import connect_reader, damage_named

__all__ = ["READERS", "Readers"]

READERS: Final = 4

T = TypeVar("T")


class Readers:
    """Runs functions of a read connection. What comes while all threads are busy waits its turn;
    every question has a deadline of its own."""

    def __init__(
        self, path: Path, *, mmap: bool = True, size: int = READERS, index: Index | None = None
    ) -> None:
        self._path, self._mmap, self._index = path, mmap, index
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="tracenode-read")

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function` on a reading thread.

        Raises:
            DamagedDatabase, StoreError: the file can't be read; and whatever `function` raises.
        """
        return await asyncio.wrap_future(self._pool.submit(self._call, function))

    def run_now(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """As `run`, for callers without an event loop."""
        return self._pool.submit(self._call, function).result()

    def close(self) -> None:
        """Wait for what runs, drop what waits, close the connections."""
        self._pool.shutdown(cancel_futures=True)
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
