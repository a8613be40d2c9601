"""A reading process, seen from the server.

It is a child on two pipes: it ends when the pipe it reads from does, so with the server, however
that ends. One thread writes and one reads here, so that neither the event loop nor whoever asks
waits for a pipe.
"""

from __future__ import annotations

import contextlib
import itertools
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from tracenode.models.errors import ReadingProcessLost
from tracenode.server.answering.crossing import error_from
from tracenode.server.answering.frames import Frame, Kind, frames_of, packed
from tracenode.server.answering.jobs import Job, Order
from tracenode.server.answering.pieces import Pieces, bytes_of
from tracenode.server.store.adjacency.index import Index
from tracenode.server.store.adjacency.notes import Notes
from tracenode.server.store.reading.readers import WIDE

__all__ = ["Worker"]

END_TIMEOUT_S: Final = 5.0
"""Until a process whose pipe is closed is killed."""
_MODULE: Final = "tracenode.server.answering.process"


class Worker:
    """One reading process: started with the first job, and anew with the next one after it was
    lost."""

    slots = WIDE

    def __init__(self, database: Path, index: Index, *, mmap: bool = True) -> None:
        self._command = [sys.executable, "-m", _MODULE, str(database), "mmap" if mmap else "read"]
        self._index = index
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process; None where none runs."""
        child = self._child
        return child.pid if child is not None and not child.ended else None

    def start(self) -> None:
        """Have the process run.

        Raises:
            ReadingProcessLost: it can't be started.
        """
        self._running()

    def begin(self, job: Job, over: threading.Event) -> Future[Any]:
        """Do a job there. The future fails with ReadingProcessLost where the process ends first.

        Raises:
            ReadingProcessLost: it can't be started.
        """
        return self._running().send(Kind.Do, job)

    def give_up(self, doing: Future[Any]) -> None:
        """Tell it that nobody waits for a job."""
        child = self._child
        if child is not None:
            child.give_up(doing)

    def tell(self, order: Order) -> Future[Any]:
        """Have an order obeyed there; see `begin`."""
        return self._running().send(Kind.Tell, order)

    def close(self) -> None:
        """End the process; what it was asked fails. Blocks; harmless twice."""
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child is not None:
            child.end()

    def _running(self) -> _Child:
        with self._lock:
            if self._closed:
                raise ReadingProcessLost("the store is closed")
            if self._child is None or self._child.ended:
                self._child = _Child(self._command, self._index)
            return self._child


class _Child:
    """One life of the process."""

    def __init__(self, command: list[str], index: Index) -> None:
        self._index = index
        self._notes: Notes = index.note_for_another()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Of the parent's pipes only these two are its own: it would not end else.
                close_fds=True,
            )
        except OSError as error:
            index.note_no_more(self._notes)
            raise ReadingProcessLost(f"it could not be started: {error.strerror}") from error
        self.pid = self._process.pid
        self.ended = False
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[Future[Any], Pieces]] = {}
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._unfit: Exception | None = None
        for work in (self._write, self._read):
            threading.Thread(target=work, name="tracenode-reading-process", daemon=True).start()

    def send(self, kind: Kind, what: Job | Order) -> Future[Any]:
        """Send a job or an order; return what becomes of it."""
        done: Future[Any] = Future()
        with self._lock:
            if self.ended:
                done.set_exception(self._why())
                return done
            number = next(self._numbers)
            self._waiting[number] = done, Pieces()
        self._outgoing.put(packed(kind, number, bytes_of(what)))
        return done

    def give_up(self, doing: Future[Any]) -> None:
        """Say that nobody waits for an answer; it is dropped when it comes."""
        with self._lock:
            number = next((n for n, (done, _) in self._waiting.items() if done is doing), None)
        if number is not None:
            self._outgoing.put(packed(Kind.Cancel, number))

    def end(self) -> None:
        """Close its pipe and wait for its end."""
        self._outgoing.put(None)
        self._wait()

    def _wait(self) -> None:
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # -------------------------------------------------------------- the threads
    def _write(self) -> None:
        stdin = cast(BinaryIO, self._process.stdin)
        # A process that ended is told by its other pipe.
        with contextlib.suppress(OSError):
            while (data := self._outgoing.get()) is not None:
                stdin.write(data)
                stdin.flush()
        with contextlib.suppress(OSError):
            stdin.close()

    def _read(self) -> None:
        stdout = cast(BinaryIO, self._process.stdout)
        try:
            for frame in frames_of(stdout):
                self._take(frame)
        finally:
            stdout.close()
            self._wait()
            self._lose()

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.Piece:
                self._waiting[frame.job][1].add(frame.data)
            case Kind.Done:
                done, pieces = self._waited_for(frame.job)
                _settle(done, lambda: pieces.whole(frame.data))
            case Kind.Failed:
                done, _ = self._waited_for(frame.job)
                _fail(done, error_from(frame.data))
            case Kind.Follow:
                taken = self._notes.take(self._index.watermark)
                self._outgoing.put(packed(Kind.Moved, 0, pickle.dumps(tuple(taken))))
            case Kind.Unfit:
                self._unfit = error_from(frame.data)
            case _:
                raise AssertionError(f"not for the server: {frame.kind!r}")

    def _waited_for(self, job: int) -> tuple[Future[Any], Pieces]:
        with self._lock:
            return self._waiting.pop(job)

    def _lose(self) -> None:
        """Nothing comes any more."""
        self._index.note_no_more(self._notes)
        self._outgoing.put(None)
        with self._lock:
            self.ended = True
            lost, self._waiting = self._waiting, {}
        for done, _ in lost.values():
            _fail(done, self._why())

    def _why(self) -> Exception:
        if self._unfit is not None:
            return self._unfit
        return ReadingProcessLost(f"it ended with code {self._process.returncode} meanwhile")


def _settle(done: Future[Any], value: Callable[[], Any]) -> None:
    try:
        found = value()
    except Exception as error:  # noqa: BLE001  # handed over, as an executor does
        _fail(done, error)
        return
    if done.set_running_or_notify_cancel():
        done.set_result(found)


def _fail(done: Future[Any], error: Exception) -> None:
    if done.set_running_or_notify_cancel():
        done.set_exception(error)
