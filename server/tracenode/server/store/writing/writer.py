"""The one thread that writes, and its group commit.

What arrives while a sync runs shares the next one. A storage failure rolls the group back, nobody
in it is acknowledged, and the writer tries again with the next group, or by itself while idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

from tracenode.models.errors import JournalDown
from tracenode.models.receipts import Receipt, Record
from tracenode.server.store.adjacency.index import Index
from tracenode.server.store.adjacency.moved import mark, undo_to
from tracenode.server.store.projecting.memory import RememberingConnection, defer, forget
from tracenode.server.store.projecting.stations import write_due
from tracenode.server.store.writing.journal import Clock, Head, now
from tracenode.server.store.writing.recording import Outcome, Recorder, Request

__all__ = ["GROUP", "QUEUE", "Writer"]

GROUP: Final = 512
"""Requests that share one commit at most: past that the sync no longer is what costs."""
QUEUE: Final = 4096
"""Requests that wait at most; who comes later waits to be let in (back-pressure)."""
GATHER_S: Final = 0.002
"""Seconds that the writer waits at most for those whom it has just answered to ask again: so they
share one sync, where the first of them would have one of its own. Who asks alone never waits."""
PROBE_S: Final = 1.0
"""Seconds between two attempts to write again while nothing is asked."""

_STORAGE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""Result codes that say the store failed; any other is a fault of the program and fails alone."""

Listener = Callable[[Sequence[Record]], None]
_Answer = Receipt | BaseException


class _Job:
    __slots__ = ("reply", "request")

    def __init__(self, request: Request, reply: asyncio.Future[Receipt] | Future[Receipt]) -> None:
        self.request, self.reply = request, reply


class Writer:
    """Owns the writing connection from `start` to `close`.

    On an event loop, `record` is the way in and listeners are called on that loop, after the
    commit, in journal order. Without one, `record_now` is, and listeners are called in the writer
    thread.
    """

    def __init__(self, connection: RememberingConnection, index: Index, clock: Clock = now) -> None:
        self._connection, self._index = connection, index
        connection.moved = []
        defer(connection)
        self._recorder = Recorder(connection, clock)
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._room = asyncio.BoundedSemaphore(QUEUE)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Listener] = []
        self._gate = threading.Lock()
        self._settled = threading.Event()
        self._settled.set()
        self._answered = 0
        self._closing = False
        self.head: Head = self._recorder.journal.head
        """Where the journal durably ends."""
        self.fault: str = ""
        """Why nothing is acknowledged; empty while all is well."""
        self.commit_ms = 0.0
        """How long the last group took to be booked and synced."""
        self.down_since: float | None = None
        """Monotonic seconds; None while all is well."""
        self._thread = threading.Thread(target=self._run, name="tracenode-write", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """False from a storage failure until the first commit after it."""
        return self.down_since is None

    @property
    def waiting(self) -> int:
        """How many requests wait for the next group."""
        return self._queue.qsize()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the records of each commit; return how to stop that."""
        self._listeners.append(listener)
        with contextlib.suppress(RuntimeError):
            self._loop = self._loop or asyncio.get_running_loop()

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    async def record(self, request: Request) -> Receipt:
        """Book a request; return when it is durable. A caller that gives up knows nothing: the
        request may still be booked.

        Raises:
            JournalDown: the store failed; nothing of it is booked as far as is known.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            assert self._loop is None, "one writer serves one event loop"
            self._loop = loop
        await self._room.acquire()
        reply: asyncio.Future[Receipt] = loop.create_future()
        try:
            self._submit(_Job(request, reply))
        except JournalDown:
            self._room.release()
            raise
        return await reply

    def record_now(self, request: Request) -> Receipt:
        """As `record`, for callers without an event loop."""
        reply: Future[Receipt] = Future()
        self._submit(_Job(request, reply))
        return reply.result()

    def now(self) -> int:
        """Return the record time that an entry would get now, in microseconds."""
        return self._recorder.journal.tick()

    def _submit(self, job: _Job) -> None:
        with self._gate:
            if self._closing:
                raise JournalDown("the store is closed")
            self._queue.put(job)

    def stop(self) -> None:
        """Take no more requests, finish those that wait, end the thread. Blocks; harmless twice."""
        with self._gate:
            if not self._closing:
                self._closing = True
                self._queue.put(None)
        self._thread.join()

    # -------------------------------------------------------------- the thread
    def _run(self) -> None:
        open_for_more = True
        while open_for_more:
            try:
                job = self._queue.get(timeout=None if self.healthy else PROBE_S)
            except queue.Empty:
                self._probe()
                continue
            if self._queue.qsize() * 2 < self._answered:
                self._settled.wait(GATHER_S)
            jobs: list[_Job] = []
            while job is not None:
                jobs.append(job)
                if len(jobs) == GROUP:
                    break
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
            open_for_more = job is not None
            if jobs:
                self._answered = len(jobs) if len(jobs) > 1 else 0
                self._commit(jobs)

    def _commit(self, jobs: list[_Job]) -> None:
        began = time.perf_counter()
        try:
            try:
                answers, records = self._book(jobs, self._unguarded)
            except Exception as error:  # a fault of the program: see _guarded
                if _storage_failed(error):
                    raise
                self._undo()
                answers, records = self._book(jobs, self._guarded)
        except sqlite3.Error as error:
            self._fail(error)
            self._answer(jobs, [_down(error) for _ in jobs], [])
            return
        if self._recorder.journal.head != self.head:
            self._recovered(self._recorder.journal.head)
        self.commit_ms = (time.perf_counter() - began) * 1000
        self._answer(jobs, answers, records)

    def _book(
        self, jobs: list[_Job], book: Callable[[Request], Outcome | Exception]
    ) -> tuple[list[_Answer], list[Record]]:
        """Book a group in one transaction, synced when this returns."""
        answers: list[_Answer] = []
        records: list[Record] = []
        self._connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            outcome = book(job.request)
            if isinstance(outcome, Exception):
                answers.append(outcome)
                continue
            answers.append(outcome.receipt)
            if outcome.record is not None:
                records.append(outcome.record)
        write_due(self._connection)
        self._hand_over()
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._index.drop()
            raise
        return answers, records

    def _hand_over(self) -> None:
        """Let the index know before any reader can see it."""
        moved = self._connection.moved
        if moved:
            self._connection.moved = []
            self._index.hand_over(self._recorder.journal.head.seq, moved)

    def _unguarded(self, request: Request) -> Outcome:
        return self._recorder.record(request, tell=bool(self._listeners))

    def _guarded(self, request: Request) -> Outcome | Exception:
        """Book one request so that a fault of the program fails alone and goes to whoever asked.

        Only for a group that failed: the savepoint costs an eighth of an event.
        """
        execute, journal = self._connection.execute, self._recorder.journal
        head = journal.head
        marked = mark(self._connection)
        write_due(self._connection)
        execute("SAVEPOINT request")
        try:
            outcome = self._unguarded(request)
        except Exception as error:  # handed over, as an executor does
            if _storage_failed(error):
                raise
            execute("ROLLBACK TO request")
            execute("RELEASE request")
            journal.head = head
            undo_to(self._connection, marked)
            self._forget()
            return error
        execute("RELEASE request")
        return outcome

    def _undo(self) -> None:
        self._recorder.journal.head = self.head
        undo_to(self._connection, 0)
        self._forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _forget(self) -> None:
        self._recorder.journal.forget()
        forget(self._connection)

    def _fail(self, error: sqlite3.Error) -> None:
        # What can't even be rolled back now is rolled back by the next opening.
        with contextlib.suppress(sqlite3.Error):
            self._undo()
        self.fault = str(error)
        if self.down_since is None:
            self.down_since = time.monotonic()

    def _recovered(self, head: Head) -> None:
        self.head = head
        self.fault = ""
        self.down_since = None

    def _probe(self) -> None:
        """Try one commit while nothing is asked."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(
                "INSERT INTO meta(key, value) VALUES ('recovered', ?)"
                " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                (str(self._recorder.journal.tick()),),
            )
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(error)
        else:
            self._recovered(self.head)

    # -------------------------------------------------------------- back to the callers
    def _answer(self, jobs: list[_Job], answers: Sequence[_Answer], records: list[Record]) -> None:
        """Hand a group's answers over, all at once."""
        waiting: list[tuple[asyncio.Future[Receipt], _Answer]] = []
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(job.reply, Future):
                _resolve(job.reply, answer)
            else:
                waiting.append((job.reply, answer))
        loop = self._loop
        if loop is None:
            self._tell(records)
            return
        self._settled.clear()
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._deliver, loop, waiting, records)

    def _deliver(
        self,
        loop: asyncio.AbstractEventLoop,
        waiting: list[tuple[asyncio.Future[Receipt], _Answer]],
        records: list[Record],
    ) -> None:
        for reply, answer in waiting:
            self._room.release()
            if not reply.done():
                _resolve(reply, answer)
        # Behind those who were just woken, so that it is said once they have gone on.
        loop.call_soon(self._settled.set)
        if records:
            for listener in tuple(self._listeners):
                # Each on its own, so that one that fails is the loop's to report and no other's.
                loop.call_soon(listener, records)

    def _tell(self, records: list[Record]) -> None:
        if records:
            for listener in tuple(self._listeners):
                listener(records)


def _resolve(reply: asyncio.Future[Receipt] | Future[Receipt], answer: _Answer) -> None:
    if isinstance(answer, BaseException):
        reply.set_exception(answer)
    else:
        reply.set_result(answer)


def _down(error: sqlite3.Error) -> JournalDown:
    down = JournalDown(f"the journal can't be written: {error}")
    down.__cause__ = error
    return down


def _storage_failed(error: Exception) -> bool:
    return (
        isinstance(error, sqlite3.Error)
        and getattr(error, "sqlite_errorcode", 0) & 0xFF in _STORAGE
    )
