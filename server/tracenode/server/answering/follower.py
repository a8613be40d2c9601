"""How a reading process keeps its adjacency index up to what the server's writer commits.

It asks for what was moved before it asks its index about a journal position, and now and then
besides, so that little waits in the server; and it loads the file anew when the server has.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tracenode.models.errors import StoreError
from tracenode.server.store.adjacency.index import Index
from tracenode.server.store.adjacency.notes import Taken, moved_of
from tracenode.server.store.file.database import StoreIdentity

__all__ = ["EVERY_S", "Follower"]

EVERY_S: Final = 2.0
"""Seconds between two requests while nothing is asked."""
AFTER_FAILURE_S: Final = 30.0
"""Seconds until a file that could not be loaded is tried again."""


class Follower:
    """The index of a reading process. `ask` sends a request for what was moved, to which `taken`
    is the answer."""

    def __init__(
        self, database: Path, identity: StoreIdentity, ask: Callable[[], None], *, mmap: bool = True
    ) -> None:
        self.index = Index(database, identity, follows=True, mmap=mmap, catch_up=self._catch_up)
        self._ask = ask
        self._answers: queue.SimpleQueue[Taken] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._upto = -1
        self._wanted: int | None = None
        """The watermark of the server's index."""
        self._next_try = 0.0

    def taken(self, taken: Taken) -> None:
        """Take the server's answer to a request."""
        self._answers.put(taken)

    def run(self, idle: Callable[[], None]) -> None:
        """Follow for ever; `idle` is called each time there is nothing else to do."""
        while True:
            self.look()
            idle()
            time.sleep(EVERY_S)

    def look(self) -> None:
        """Take what waits, and load the file where the server has another one."""
        self._request()
        if self._wanted in (None, self.index.watermark) or time.monotonic() < self._next_try:
            return
        if not self._load():
            self._next_try = time.monotonic() + AFTER_FAILURE_S

    def _load(self) -> bool:
        try:
            return self.index.load()
        except (StoreError, OSError):
            return False

    def _catch_up(self, position: int) -> bool:
        """Have everything handed over that was moved up to a position which the tables have."""
        if position > self._upto:
            self._request(position)
        return True

    def _request(self, position: int = -1) -> None:
        with self._turn:
            if -1 < position <= self._upto:
                return
            self._ask()
            taken = self._answers.get()
            if taken.lost or taken.watermark is None:
                self.index.drop()
            for at, packed in taken.batches:
                self.index.hand_over(at, moved_of(packed))
            self._wanted = taken.watermark
            self._upto = max(self._upto, position)
