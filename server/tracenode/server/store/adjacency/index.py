"""What is loaded of a store's index, and when it may be asked."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tracenode.models.errors import StoreError
from tracenode.server.store.adjacency.layout import (
    Base,
    UnusableIndex,
    index_path,
    open_index,
)
from tracenode.server.store.adjacency.making import make_in_process, make_index
from tracenode.server.store.adjacency.moved import Moved, moved_since
from tracenode.server.store.adjacency.notes import Notes
from tracenode.server.store.adjacency.overlay import Overlay
from tracenode.server.store.adjacency.reach import Adjacency
from tracenode.server.store.file.database import StoreIdentity, connect_reader, damage_named
from tracenode.server.store.reading.snapshot import snapshot
from tracenode.server.store.writing.journal import head_of

__all__ = ["Index"]

WORTH: Final = 20_000
"""Edges from which on a running server makes an index; a smaller store answers as fast without."""
BEHIND: Final = 50_000
"""Rows that may have come and gone since, or a share of all, before the index is made anew."""
SHARE: Final = 20
WATCH_S: Final = 2.0
"""Seconds between two looks at how far the index is behind."""
AFTER_FAILURE_S: Final = 300.0
"""Seconds until a process that could not make the index is followed by another."""

_COUNTED: Final = "SELECT count(*) FROM (SELECT 1 FROM edge LIMIT ?)"


class _Loaded(NamedTuple):
    base: Base
    overlay: Overlay
    since: int
    """The position up to which the overlay was made from the tables, in one piece."""


class Index:
    """The index of one open store. Without one, or while it may not be asked, `at` has nothing, and
    the tables answer.

    `follows` is True where the edges of the writer are handed over; else the index answers for the
    journal position alone that it was made at. `catch_up` is given where the writer is of another
    process: it hands over what was moved up to a journal position at least, or says False.
    """

    def __init__(
        self,
        database: Path,
        identity: StoreIdentity,
        *,
        follows: bool,
        mmap: bool = True,
        catch_up: Callable[[int], bool] | None = None,
    ) -> None:
        self._database, self._identity, self._mmap = database, identity, mmap
        self._follows, self._catch_up = follows, catch_up
        self._notes: list[Notes] = []
        self._lock = threading.Lock()
        self._loading: Overlay | None = None
        self._loaded: _Loaded | None = None
        self._last: tuple[int, Sequence[Moved]] | None = None

    # -------------------------------------------------------------- asking
    def at(self, position: int) -> Adjacency | None:
        """Return the adjacency at the journal position of a snapshot; None where it is not known
        to be what the tables have then."""
        if self._loaded is None:
            return None
        if self._catch_up is not None and not self._catch_up(position):
            return None
        loaded = self._loaded
        if loaded is None:
            return None
        base, overlay, since = loaded
        if position == base.watermark or (self._follows and position >= since):
            return Adjacency(base, overlay, position)
        return None

    @property
    def watermark(self) -> int | None:
        """The journal position that the loaded file was made at; None where none is loaded."""
        loaded = self._loaded
        return None if loaded is None else loaded.base.watermark

    def _caught_up(self, position: int) -> bool:
        return self._catch_up is None or self._catch_up(position)

    # -------------------------------------------------------------- following the writer
    def note_for_another(self) -> Notes:
        """Return notes of every transaction that is committed from now on, for an index of another
        process."""
        notes = Notes()
        with self._lock:
            if self._last is not None:
                notes.hand_over(*self._last)
            self._notes = [*self._notes, notes]
        return notes

    def note_no_more(self, notes: Notes) -> None:
        """Let go of notes that nobody takes any more."""
        with self._lock:
            self._notes = [other for other in self._notes if other is not notes]

    def hand_over(self, position: int, moved: Sequence[Moved]) -> None:
        """Take what a transaction moved, up to a journal position, before it is committed."""
        with self._lock:
            self._last = (position, moved)
            for overlay in (self._loading, self._loaded.overlay if self._loaded else None):
                if overlay is not None:
                    overlay.hand_over(position, moved)
            for notes in self._notes:
                notes.hand_over(position, moved)

    def drop(self) -> None:
        """Answer from the tables again. The file stays, and can be loaded again."""
        with self._lock:
            self._loading = self._loaded = self._last = None
            for notes in self._notes:
                notes.lose()

    # -------------------------------------------------------------- loading
    def load(self) -> bool:
        """Load the file, and from the tables what came since; False where the file can't be used
        or is far behind. The writing process removes a file that can't be used. Blocks.

        Raises:
            StoreError: the database can't be read.
        """
        with (
            damage_named(self._database),
            contextlib.closing(connect_reader(self._database, mmap=self._mmap)) as connection,
        ):
            try:
                base = open_index(connection, self._database, self._identity, mapped=self._mmap)
            except UnusableIndex:
                if self._follows and self._catch_up is None:
                    index_path(self._database).unlink(missing_ok=True)
                return False
            overlay = self._begin_to_follow()
            allowed = _allowed(base)
            with snapshot(connection):
                since = head_of(connection).seq
                moved: list[Moved] = []
                if self._follows and since > base.watermark:
                    moved = moved_since(connection, base.watermark, allowed)
        # What comes after this may not be of what the tables said already.
        if len(moved) >= allowed or not self._caught_up(since):
            return False
        overlay.begin(since, moved)
        with self._lock:
            if self._loading is not overlay:
                return False
            self._loading = None
            self._loaded = _Loaded(base, overlay, since)
        return True

    def _begin_to_follow(self) -> Overlay:
        """Return an overlay that hears of every transaction that is committed from now on: also of
        the one that may have been handed over already."""
        with self._lock:
            self._loading = overlay = Overlay()
            if self._last is not None:
                overlay.hand_over(*self._last)
        return overlay

    # -------------------------------------------------------------- making
    def make(self) -> None:
        """Make the file in this thread, and load it. Blocks.

        Raises:
            StoreLocked: another process makes it just now.
            StoreError: the database can't be read, or the file not be written.
        """
        make_index(self._database, mmap=self._mmap)
        self.load()

    async def keep(self) -> None:
        """Keep the index at hand until cancelled: load it, and have another process make it where
        it is missing, can't be used or is far behind."""
        while True:
            usable = self._loaded is not None or await asyncio.to_thread(self._load_quietly)
            if (not usable or self._is_behind()) and await asyncio.to_thread(self._is_worth_it):
                if not await make_in_process(self._database):
                    await asyncio.sleep(AFTER_FAILURE_S)
                await asyncio.to_thread(self._load_quietly)
            if (loaded := self._loaded) is not None:
                await asyncio.to_thread(loaded.overlay.file)
            await asyncio.sleep(WATCH_S)

    def _load_quietly(self) -> bool:
        """As `load`; a database that can't be read is told by whoever has to read it."""
        try:
            return self.load()
        except (StoreError, OSError):
            return False

    def _is_behind(self) -> bool:
        loaded = self._loaded
        return loaded is not None and loaded.overlay.size > _allowed(loaded.base)

    def _is_worth_it(self) -> bool:
        try:
            with (
                damage_named(self._database),
                contextlib.closing(connect_reader(self._database)) as connection,
            ):
                counted = connection.execute(_COUNTED, (WORTH,)).fetchone()
        except StoreError:
            return False
        return bool(counted[0] >= WORTH)


def _allowed(base: Base) -> int:
    return max(BEHIND, base.edges // SHARE)
