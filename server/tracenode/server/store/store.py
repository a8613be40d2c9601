"""One open store: its lock, its writer (unless read-only) and its readers."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tracenode.models.errors import SchemaMismatch, StoreError
from tracenode.server.store.adjacency.index import Index
from tracenode.server.store.file import database
from tracenode.server.store.file.database import StoreIdentity, damage_named
from tracenode.server.store.file.lock import FileLock
from tracenode.server.store.projecting.memory import RememberingConnection
from tracenode.server.store.reading.readers import Readers
from tracenode.server.store.state.file import StateFile
from tracenode.server.store.writing.journal import Clock, Head, head_of, now
from tracenode.server.store.writing.writer import Writer

__all__ = ["Store"]


@dataclass(frozen=True, slots=True)
class _Writing:
    """What only the writing process has."""

    lock: FileLock
    connection: RememberingConnection
    writer: Writer


class Store:
    """The database file, checked and open. `writer` is None where it was opened read-only."""

    def __init__(
        self,
        path: Path,
        identity: StoreIdentity,
        readers: Readers,
        index: Index,
        writing: _Writing | None = None,
        *,
        mmap: bool = True,
    ) -> None:
        self.path, self.identity, self.readers, self.index = path, identity, readers, index
        self.mmap = mmap
        self.state = StateFile(path, identity)
        self.writer = writing.writer if writing else None
        self._writing = writing

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        site: str | None = None,
        read_only: bool = False,
        create: bool = False,
        mmap: bool = True,
        clock: Clock = now,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """Open a database and check its header, schema and last hashes.

        `site` None takes the file's own; it is needed to create one. `create` makes a database
        where none is. Read-only works beside a running server. A file of an older tracenode gets
        its tables anew from its journal when it is opened for writing; `progress` hears the
        position reached.

        Raises:
            SqliteTooOld, SchemaMismatch, DamagedDatabase: it can't be used, and what to do.
            StoreLocked: another process has it open for writing.
            StoreError: no such file, or the system refuses it.
        """
        database.check_library()
        path = Path(path).resolve()
        if read_only:
            database.check_header(path)
            with (
                damage_named(path),
                contextlib.closing(database.connect_reader(path, mmap=mmap)) as connection,
            ):
                identity = checked(connection, path, site)
            index = Index(path, identity, follows=False, mmap=mmap)
            return cls(path, identity, Readers(path, mmap=mmap, index=index), index, mmap=mmap)
        if not path.parent.is_dir():
            raise StoreError(f"{path.parent}: no such folder")
        if not create:
            database.check_header(path)
        with contextlib.ExitStack() as undo:
            lock = undo.enter_context(FileLock(path))
            if create and not path.exists():
                if site is None:
                    raise StoreError(f"{path}: a new database needs the name of its site")
                database.create(path, site)
            database.check_header(path)
            with damage_named(path):
                connection = database.connect_writer(path)
                undo.callback(connection.close)
                database.upgrade(connection, path, site, progress)
                identity = checked(connection, path, site)
                index = Index(path, identity, follows=True, mmap=mmap)
                writer = Writer(connection, index, clock)
            undo.pop_all()
        readers = Readers(path, mmap=mmap, index=index)
        return cls(path, identity, readers, index, _Writing(lock, connection, writer), mmap=mmap)

    async def head(self) -> Head:
        """Return where the journal ends, as durable."""
        if self.writer is not None:
            return self.writer.head
        return await self.readers.run(head_of)

    def head_now(self) -> Head:
        """As `head`, for callers without an event loop."""
        return self.writer.head if self.writer is not None else self.readers.run_now(head_of)

    async def aclose(self) -> None:
        """As `close`, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Finish what was asked, end the threads, give the lock back; harmless twice."""
        if self.writer is not None:
            self.writer.stop()
        self.state.close()
        self.readers.close()
        if self._writing is not None:
            # Last of all, so that it folds the write-ahead log into the file.
            self._writing.connection.close()
            self._writing.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def checked(connection: sqlite3.Connection, path: Path, site: str | None) -> StoreIdentity:
    """Check an open file as every start does: identity, schema, last hashes."""
    identity = database.identify(connection, path, site)
    if database.is_older(connection):
        raise SchemaMismatch(
            f"{path}: it was written by an older tracenode; start the server on it once"
        )
    database.check_schema(connection, path)
    database.check_tail(connection, path, identity)
    return identity
