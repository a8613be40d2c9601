"""The reading process: answers what a server sends it, from the same file.

    python -m tracenode.server.answering.process DATABASE mmap|read

Jobs come on standard input, answers go to standard output. It opens the database read-only and
ends at once when its input does: with the server that began it, however that ends. SIGINT and
SIGTERM, which a terminal or a supervisor of processes sends to the server's whole group, are
therefore the server's alone.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

from tracenode.models.errors import StoreError
from tracenode.server.answering.crossing import error_as_bytes
from tracenode.server.answering.follower import Follower
from tracenode.server.answering.frames import Frame, Kind, frames_of, packed
from tracenode.server.answering.held import HeldRecalls
from tracenode.server.answering.jobs import Job
from tracenode.server.answering.pieces import parted
from tracenode.server.store.adjacency.notes import Taken
from tracenode.server.store.file.database import connect_reader, damage_named, identify
from tracenode.server.store.reading.readers import Readers
from tracenode.server.store.reading.snapshot import Connection

__all__ = ["main"]

LOWER: Final = 5
"""Of priority: beside a server that is busy it gets a third of what the server gets."""
SWITCH_S: Final = 0.001
"""After so long a job lets a page be fetched."""
GARBAGE: Final = 100_000
"""Objects that an answer makes before the collector looks for cycles: it makes none."""


class _Process:
    def __init__(self, outgoing: BinaryIO) -> None:
        self._outgoing = outgoing
        self._lock = threading.Lock()
        self._held = HeldRecalls()
        self._running: dict[int, threading.Event] = {}

    def run(self, database: Path, frames: Iterable[Frame], *, mmap: bool) -> None:
        """Answer until the frames end."""
        try:
            with (
                damage_named(database),
                contextlib.closing(connect_reader(database, mmap=mmap)) as connection,
            ):
                identity = identify(connection, database, None)
        except StoreError as error:
            self._send(Kind.Unfit, 0, error_as_bytes(error))
            return
        follower = Follower(database, identity, lambda: self._send(Kind.Follow, 0), mmap=mmap)
        readers = Readers(database, mmap=mmap, index=follower.index)
        threading.Thread(target=follower.run, args=(self._held.forget_old,), daemon=True).start()
        for frame in frames:
            match frame.kind:
                case Kind.Do:
                    over = self._running[frame.job] = threading.Event()
                    work = self._work(pickle.loads(frame.data), over)
                    doing = readers.submit(work, wide=True)
                    doing.add_done_callback(partial(self._finished, frame.job))
                case Kind.Tell:
                    self._obey(frame)
                case Kind.Cancel:
                    if (given_up := self._running.get(frame.job)) is not None:
                        given_up.set()
                case Kind.Moved:
                    follower.taken(Taken(*pickle.loads(frame.data)))
                case _:
                    raise AssertionError(f"not for a reading process: {frame.kind!r}")

    def _work(self, job: Job, over: threading.Event) -> Callable[[Connection], Any]:
        return lambda connection: job.done(connection, self._held, over)

    def _finished(self, number: int, doing: Future[Any]) -> None:
        self._running.pop(number, None)
        error = doing.exception()
        if error is not None:
            self._send(Kind.Failed, number, error_as_bytes(error))
            return
        try:
            self._answer(number, doing.result())
        except Exception as fault:  # noqa: BLE001  # whatever it is, the server waits for an answer
            self._send(Kind.Failed, number, error_as_bytes(fault))

    def _obey(self, frame: Frame) -> None:
        try:
            self._answer(frame.job, pickle.loads(frame.data).obeyed(self._held))
        except Exception as error:  # noqa: BLE001  # as above
            self._send(Kind.Failed, frame.job, error_as_bytes(error))

    def _answer(self, number: int, value: Any) -> None:
        pieces, rest = parted(value)
        for piece in pieces:
            self._send(Kind.Piece, number, piece)
        self._send(Kind.Done, number, rest)

    def _send(self, kind: Kind, number: int, data: bytes = b"") -> None:
        with self._lock:
            try:
                self._outgoing.write(packed(kind, number, data))
                self._outgoing.flush()
            except OSError:
                os._exit(1)


def main(database: Path, *, mmap: bool) -> None:
    """Run on the standard streams until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(LOWER)
    sys.setswitchinterval(SWITCH_S)
    incoming = sys.stdin.buffer
    # Whatever prints, prints elsewhere.
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    if sys.stderr is not None:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)
    _Process(outgoing).run(database, frames_of(incoming), mmap=mmap)
    outgoing.flush()
    # At once, whatever is being read: nothing here is worth keeping.
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), mmap=sys.argv[2] == "mmap")
