"""The door of the audit trail: who did what, and who was refused.

`AuditTrail.note` is called on the event loop's thread and never waits: entries are summed, queued
and written in batches by a thread of their own. What is done many times a second comes as a `Note`,
of which an entry is made when it is written or heard, and none while it is only counted. So that
nobody can fill the disk or turn true entries out by making others:

- A refusal is written when it is the first of its kind, source and status; those like it are
  counted and told by one entry at the end of a window, which grows from a minute to an hour as
  long as they go on. New sources share a budget; past it they are counted together.
- What is done by people who may has a budget too, and is counted past it.
- Bookings stand in the journal with their user; the trail refers to them by one entry a window.
- The queue is bounded; what did not fit is told by a number.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from tracenode.server.opcua.security.trail import Trail

__all__ = ["AuditEntry", "AuditKind", "AuditTrail", "Note"]

log = logging.getLogger(__name__)

FLUSH_S: Final = 0.5
"""Between two batches; an entry is on the disk that much later at most."""
QUEUED: Final = 2_000
WINDOW_S, MAX_WINDOW_S = 60.0, 3600.0
SUMS: Final = 256
"""Sums open at a time; past that the kind alone is counted."""
LONGEST: Final = 500
"""Characters of a text in an entry."""


class AuditKind(StrEnum):
    """What an entry is about; docs/security.md lists them with their OPC UA event types."""

    Server = "server"
    Channel = "channel"
    Certificate = "certificate"
    CreateSession = "create-session"
    ActivateSession = "activate-session"
    CloseSession = "close-session"
    Write = "write"
    Call = "call"
    Users = "users"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened; `status` is a StatusCode, Good is 0.

    `source` is where it came from (address of the client), `target` what it was done to (a node,
    a method), `values` what else is known, as plain JSON.
    """

    kind: AuditKind
    source: str
    words: str
    user: str = ""
    status: int = 0
    target: str = ""
    session: str = ""
    client_entry: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """For the audit event alone, by field name; not written to the trail."""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    count: int = 1

    @property
    def refused(self) -> bool:
        return bool(self.status & 0x8000_0000)

    def plain(self) -> dict[str, Any]:
        """Return the entry as it is written."""
        made = {
            "t": self.time.isoformat(timespec="milliseconds"),
            "k": self.kind.value,
            "s": self.source[:LONGEST],
            "w": self.words[:LONGEST],
            "u": self.user[:LONGEST],
            "c": self.status,
            "x": self.target[:LONGEST],
            "i": self.session,
            "e": self.client_entry[:LONGEST],
            "v": {key: _short(value) for key, value in self.values.items()},
            "count": self.count if self.count > 1 else None,
        }
        return {key: value for key, value in made.items() if value not in ("", None, {}, 0)}


Note = Callable[[], AuditEntry]
"""Makes an entry. Called later, and by another thread: what it holds must not change."""


@dataclass(slots=True)
class _Budget:
    """Tokens that come back with time."""

    most: float
    per_second: float
    left: float
    at: float = 0.0

    def take(self, now: float) -> bool:
        self.left = min(self.most, self.left + (now - self.at) * self.per_second)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


@dataclass(slots=True)
class _Sum:
    """Entries alike that were counted since the last one written."""

    last: Note
    ends: float
    window: float = WINDOW_S
    count: int = 0
    untold: int = 0
    """Of those, the ones that no audit event told of."""
    since: datetime | None = None
    first_reference: int = 0


class AuditTrail:
    """Takes entries, sums them, writes them and tells them.

    `tell` is called with each note that is told as an audit event, at once; it must not block, and
    makes the entry only where somebody hears it. Without a folder nothing is written.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.tell: Callable[[Note], None] = lambda _: None
        self._clock = clock
        self._folder: Path | None = None
        self._size = 0
        self._trail: Trail | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._task: asyncio.Task[None] | None = None
        self._queue: list[Note] = []
        self._lost = 0
        self._sums: dict[tuple[object, ...], _Sum] = {}
        now = clock()
        self._strangers = _Budget(most=64, per_second=1 / 30, left=64, at=now)
        self._events = _Budget(most=200, per_second=20, left=200, at=now)
        """Audit events of refusals: past it they are told together."""
        self._people = _Budget(most=500, per_second=1, left=500, at=now)
        self.fault = ""

    # ------------------------------------------------------------------ the door
    def note(
        self,
        kind: AuditKind,
        source: str,
        words: str,
        *,
        user: str = "",
        status: int = 0,
        target: str = "",
        session: str = "",
        client_entry: str = "",
        values: Mapping[str, Any] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Take one entry; on the event loop's thread, never blocks."""
        self.take(
            AuditEntry(
                kind,
                source,
                words,
                user,
                status,
                target,
                session,
                client_entry,
                values or {},
                details or {},
            )
        )

    def take(self, entry: AuditEntry) -> None:
        """Take an entry that is made already; as `note`."""
        if entry.refused:
            self._refused(entry)
        else:
            self.done(lambda: entry, (entry.kind, entry.source, entry.user, entry.target))

    def done(self, note: Note, alike: tuple[object, ...]) -> None:
        """Take what somebody did who may; `alike` is what those have in common that are counted
        together."""
        self.tell(note)
        now = self._clock()
        if self._people.take(now):
            self._put(note)
        else:
            self._add(alike, note, now)

    def booked(self, note: Note, alike: tuple[object, ...], reference: int) -> None:
        """Tell of a booking that is in the journal at EventSequence `reference` (0: unknown).

        The trail gets one entry a window for those that are `alike`.
        """
        self.tell(note)
        found = self._add(("journal", *alike), note, self._clock())
        if not found.first_reference:
            found.first_reference = reference

    # ------------------------------------------------------------------ summing
    def _refused(self, entry: AuditEntry) -> None:
        # the name of a user is a stranger's to choose: it makes no entry of its own
        key = (entry.kind, entry.source, entry.status)
        note, now = (lambda: entry), self._clock()
        told = self._events.take(now)
        if told:
            self.tell(note)
        if key in self._sums:
            self._add(key, note, now).untold += not told
        elif len(self._sums) >= SUMS or not self._strangers.take(now):
            key, other = (entry.kind, "others", True), _anonymous(entry)
            self._add(key, lambda: other, now).untold += not told
        else:
            self._sums[key] = _Sum(note, now + WINDOW_S)
            self._put(note)

    def _add(self, key: tuple[object, ...], note: Note, now: float) -> _Sum:
        found = self._sums.get(key)
        if found is None:
            if len(self._sums) >= SUMS:
                other = _anonymous(note())
                key, note = (other.kind, "others", other.refused), lambda: other
            found = self._sums.setdefault(key, _Sum(note, now + WINDOW_S))
        if not found.count:
            found.since = note().time
        found.last = note
        found.count += 1
        return found

    def _summed(self, now: float, *, all_of_them: bool = False) -> None:
        """Write what was counted in windows that are over; keep counting what goes on."""
        for key, held in list(self._sums.items()):
            if held.ends > now and not all_of_them:
                continue
            if not held.count:
                del self._sums[key]
                continue
            last = held.last()
            values: dict[str, Any] = dict(last.values)
            if held.since is not None:
                values["since"] = held.since.isoformat(timespec="milliseconds")
            if held.first_reference:
                values["first_sequence"] = held.first_reference
            told = AuditEntry(
                last.kind,
                last.source,
                last.words,
                last.user,
                last.status,
                last.target,
                last.session,
                values=values,
                count=held.count,
            )
            self._put(partial(_as_it_is, told))
            if held.untold:
                self.tell(partial(_as_it_is, replace(told, count=held.untold)))
            held.window = min(held.window * 2, MAX_WINDOW_S) if last.refused else WINDOW_S
            held.count = held.untold = held.first_reference = 0
            held.ends = now + held.window

    def _put(self, note: Note) -> None:
        if self._folder is None:
            return
        if len(self._queue) >= QUEUED:
            self._lost += 1
            return
        self._queue.append(note)

    # ------------------------------------------------------------------ writing
    def open(self, folder: Path, size: int) -> None:
        """Write to a folder from now on, `size` bytes at most; call `start` with the loop running.

        Raises:
            OSError: the folder can't be written.
        """
        self._folder, self._size = folder, size
        self._trail = Trail(folder, size)

    def start(self) -> None:
        """Begin to write and to end windows."""
        self._thread = ThreadPoolExecutor(1, "audit")
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what is left, sums too, and let go of the file."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        self._summed(self._clock(), all_of_them=True)
        if self._thread is not None:
            await self._flush()
            self._thread.shutdown()
            self._thread = None
        if self._trail is not None:
            self._trail.close()
            self._trail = None
        self._folder = None

    async def flush(self) -> None:
        """Write what is queued now; for whoever wants to read it right away."""
        await self._flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._summed(self._clock())
            await self._flush()

    async def _flush(self) -> None:
        if self._trail is None or self._thread is None:
            self._queue.clear()
            return
        if self._lost:
            words = f"{self._lost} entries did not fit and are lost"
            lost = AuditEntry(AuditKind.Server, "audit", words)
            self._queue.append(lambda: lost)
            self._lost = 0
        if not self._queue:
            return
        batch, self._queue = self._queue, []
        loop = asyncio.get_running_loop()
        try:
            await asyncio.shield(loop.run_in_executor(self._thread, self._write, batch))
            self.fault = ""
        except OSError as e:
            if not self.fault:
                log.error("the audit trail can't be written: %s", e)
            self.fault = str(e)
            self._lost += len(batch)

    def _write(self, batch: Sequence[Note]) -> None:
        assert self._trail is not None
        self._trail.append([note().plain() for note in batch])


def _as_it_is(entry: AuditEntry) -> AuditEntry:
    return entry


def _anonymous(entry: AuditEntry) -> AuditEntry:
    """Return the entry as one of many sources."""
    return AuditEntry(entry.kind, "others", entry.words, status=entry.status, time=entry.time)


def _short(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value
