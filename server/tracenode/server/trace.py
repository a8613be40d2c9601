"""The one door: record what happened, ask what is known.

Whoever writes (a driver, a PLC, an MES, an import, the command line) calls `record`; whoever wants
to know calls `ask`. Nothing is acknowledged or told before it is committed and synced
(SEMANTICS S20).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tracenode.models.answers import canonical
from tracenode.models.errors import StoreError
from tracenode.models.events import Report, Start, TraceEvent
from tracenode.models.questions import question_fields
from tracenode.models.receipts import Receipt, Record, Requester
from tracenode.models.status import TraceStatus
from tracenode.server.answering.desk import PATIENCE_S, QUEUE, Desk
from tracenode.server.answering.here import Here
from tracenode.server.answering.jobs import (
    FetchPage,
    MakeReport,
    RecallByPages,
    Recalled,
    ReleaseRecall,
    ReviewReport,
    SayAsJson,
    WholeAnswer,
)
from tracenode.server.store.booking.checking import checked
from tracenode.server.store.reading.reports import IssuedReport, reports
from tracenode.server.store.store import Store
from tracenode.server.store.writing import journal, requests
from tracenode.server.store.writing.journal import Clock, Head
from tracenode.server.store.writing.recording import Request
from tracenode.server.store.writing.writer import Writer

if TYPE_CHECKING:
    from tracenode.models.answers import Asked, RecallScope
    from tracenode.server.answering.held import Page
    from tracenode.server.genealogy.answers.issued import Change
    from tracenode.server.genealogy.lazy_graph import LazyGraph
    from tracenode.server.genealogy.questions import Answer

__all__ = ["Trace"]


class Trace:
    """One journal with its tables, open. Use it as a context manager, or `close` it."""

    def __init__(self, store: Store, desk: Desk | None = None) -> None:
        self.store = store
        self._desk = desk or Desk([Here(store.readers)])

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        site: str | None = None,
        read_only: bool = False,
        create: bool = False,
        mmap: bool = True,
        clock: Clock = journal.now,
        progress: Callable[[int], None] | None = None,
        reading_processes: int | None = None,
    ) -> Self:
        """Open a database; see `Store.open` for what is checked and raised.

        A server says how many processes answer questions about much of the store (ADR 011), 0 for
        none, and refuses such a question where too many wait. Where nothing is said they are
        answered in this process, and all wait. A store that is opened read-only has no processes.
        """
        store = Store.open(
            path,
            site=site,
            read_only=read_only,
            create=create,
            mmap=mmap,
            clock=clock,
            progress=progress,
        )
        if reading_processes is None:
            return cls(store)
        from tracenode.server.answering.worker import Worker

        count = 0 if read_only else reading_processes
        workers = [Worker(store.path, store.index, mmap=mmap) for _ in range(count)]
        desk = Desk(workers or [Here(store.readers)], queue=QUEUE, patience_s=PATIENCE_S)
        return cls(store, desk)

    # -------------------------------------------------------------- recording
    async def record(
        self,
        event: TraceEvent,
        requester: Requester,
        request_id: str = "",
        *,
        natural_key: str = "",
        digest: bytes = b"",
    ) -> Receipt:
        """Book an event; return when the answer is durable. A refusal is an answer too.

        The same `request_id` of the same requester with the same payload gets the stored answer
        and has no second effect (SEMANTICS S14). `natural_key` recognises, within an hour, what
        was booked under another request id. `digest`, 16 bytes, stands for the payload where the
        event's fields do not. While 4,096 requests wait, the next one waits to be let in.

        Raises:
            JournalDown: the store failed; whether it was booked is unknown. Ask again with the
                same request id.
            StoreError: opened read-only.
        """
        return await self._writer.record(Request(event, requester, request_id, natural_key, digest))

    def record_now(self, event: TraceEvent, requester: Requester, request_id: str = "") -> Receipt:
        """As `record`, for callers without an event loop."""
        return self._writer.record_now(Request(event, requester, request_id))

    def subscribe(self, callback: Callable[[Sequence[Record]], None]) -> Callable[[], None]:
        """Call `callback` on the event loop with the records of each commit, in journal order,
        refusals too; return how to stop that. Replays and notes are not told."""
        return self._writer.listen(callback)

    @property
    def healthy(self) -> bool:
        """False from a failure of the store until it can be written again."""
        return self.store.writer is None or self.store.writer.healthy

    @property
    def down_since(self) -> float | None:
        """Since when nothing can be written, in seconds of `time.monotonic`; None: all is well."""
        return None if self.store.writer is None else self.store.writer.down_since

    @property
    def fault(self) -> str:
        """Why nothing can be written; empty while all is well."""
        return "" if self.store.writer is None else self.store.writer.fault

    @property
    def waiting(self) -> int:
        """How many bookings wait to be written."""
        return 0 if self.store.writer is None else self.store.writer.waiting

    @property
    def commit_ms(self) -> float:
        """Milliseconds that the last bookings took to be written and synced together."""
        return 0.0 if self.store.writer is None else self.store.writer.commit_ms

    # -------------------------------------------------------------- asking
    async def ask(self, question: Asked) -> Any:
        """Answer a question of `models.answers` or `models.analysis`. Cancelled, it leaves the
        thread that answers free again soon after.

        Raises:
            TraceError: no answer, such as UnknownItem.
            TooManyQuestions: it is about much of the store, as others that wait.
            StoreError: the file can't be read, or the process that was to read it was lost.
        """
        if question.wide:
            return await self._desk.ask(WholeAnswer(question))
        from tracenode.server.genealogy import answer

        over = threading.Event()
        try:
            return await self.store.readers.run(
                lambda connection: answer(connection, question, over)
            )
        finally:
            over.set()

    def ask_now(self, question: Asked) -> Any:
        """As `ask`, for callers without an event loop."""
        if question.wide:
            return self._desk.ask_now(WholeAnswer(question))
        from tracenode.server.genealogy import answer

        return self.store.readers.run_now(lambda connection: answer(connection, question))

    async def say(self, question: Asked) -> bytes:
        """Answer a question in its canonical bytes, which are JSON; errors as `ask`."""
        if not question.wide:
            return await asyncio.to_thread(canonical, await self.ask(question))
        found: bytes = await self._desk.ask(SayAsJson(question))
        return found

    async def recall(self, question: RecallScope, page: int) -> Recalled:
        """Answer with the counts of a recall and up to `page` of its hits; where there are more,
        they are held for `page` for a while, which each page prolongs. Errors as `ask`."""
        found: Recalled = await self._desk.ask(RecallByPages(question, page))
        return found

    async def page(self, name: str, offset: int, limit: int) -> Page:
        """Return some hits of a recall that is held.

        Raises:
            MalformedRequest: it is not held, or not any more.
            StoreError: the process that holds it was lost.
        """
        found: Page = await self._desk.page(FetchPage(name, offset, limit))
        return found

    async def release(self, name: str) -> None:
        """Let go of a recall that is held; harmless where it is not."""
        await self._desk.release(ReleaseRecall(name))

    @property
    def reading_pids(self) -> list[int]:
        """The ids of the reading processes that run."""
        return self._desk.pids

    def start_reading(self) -> None:
        """Start the reading processes, which else start with the first question for them.

        Raises:
            ReadingProcessLost: one can't be started.
        """
        self._desk.start()

    # -------------------------------------------------------------- reports
    async def issue(
        self, question: Asked, name: str, requester: Requester
    ) -> tuple[Answer, Receipt]:
        """Answer a question as a report (SEMANTICS S15): pinned to now where it has no `as_of`, and
        booked with a digest of its answer. The receipt's record is the report's id. A running
        server asks it again after late events, voids and corrections, and tells a `stale` where the
        answer would differ.

        Raises:
            TraceError: no answer, or none that a report can be made of; nothing is booked.
            JournalDown, StoreError: as `record`.
        """
        from tracenode.server.genealogy.answers.issued import issued

        now = journal.from_microseconds(self._writer.now())
        answer, report = await self.store.readers.run(
            lambda connection: issued(connection, question, name, now)
        )
        return answer, await self.record(report, requester)

    def issue_now(self, question: Asked, name: str, requester: Requester) -> tuple[Answer, Receipt]:
        """As `issue`, for callers without an event loop."""
        from tracenode.server.genealogy.answers.issued import issued

        now = journal.from_microseconds(self._writer.now())
        answer, report = self.store.readers.run_now(
            lambda connection: issued(connection, question, name, now)
        )
        return answer, self.record_now(report, requester)

    async def issue_report(
        self, question: Asked, name: str, requester: Requester, request_id: str = ""
    ) -> tuple[Report, Receipt]:
        """As `issue`, for whoever asks for the answer later: by the question of the report, as
        known at its `known`. Under a request id that was answered, the report of then is returned.
        """
        asked = {"name": name, "question": question_fields(question)}
        now = journal.from_microseconds(self._writer.now())
        report: Report = await self._desk.ask(MakeReport(question, name, now))
        digest = requests.payload_digest(report.type, asked)
        receipt = await self._writer.record(Request(report, requester, request_id, "", digest))
        if receipt.status is TraceStatus.OkReplayed:
            told = await self.store.readers.run(
                lambda connection: journal.entry_at(connection, receipt.position)
            )
            booked = None if told is None else journal.record_of(told).event
            assert isinstance(booked, Report), "answered as a report before"
            report = booked
        return report, receipt

    async def reports(self, *, stale_too: bool = False) -> list[IssuedReport]:
        """Return the issued reports that stand, the oldest first; with `stale_too` all."""
        return await self.store.readers.run(
            lambda connection: reports(connection, stale_too=stale_too)
        )

    def reports_now(self, *, stale_too: bool = False) -> list[IssuedReport]:
        """As `reports`, for callers without an event loop."""
        return self.store.readers.run_now(
            lambda connection: reports(connection, stale_too=stale_too)
        )

    async def change_of(self, report: IssuedReport) -> Change | None:
        """Ask a report again; return how it would differ now, None where it would not. Books
        nothing."""
        found: Change | None = await self._desk.ask(ReviewReport(report))
        return found

    def change_of_now(self, report: IssuedReport) -> Change | None:
        """As `change_of`, for callers without an event loop."""
        from tracenode.server.genealogy.answers.issued import change_of

        return self.store.readers.run_now(lambda connection: change_of(connection, report))

    # -------------------------------------------------------------- what is booked
    async def check(self, event: Start) -> Receipt:
        """Answer what `record` would answer to a check-in now. Nothing is booked or journaled, and
        nothing is reserved: the answer may be another when it is booked.

        Raises:
            TraceError: it would be refused.
            StoreError: the file can't be read.
        """
        return await self.store.readers.run(lambda connection: checked(connection, event))

    async def records(self, from_sequence: int, limit: int) -> list[Record]:
        """Return up to `limit` published records from EventSequence `from_sequence` on."""
        return await self.store.readers.run(
            lambda connection: journal.published(connection, from_sequence, limit)
        )

    async def last_request(self, requester: str) -> str:
        """Return the id of the last answered request of a register mailbox; empty if none."""
        return await self.store.readers.run(
            lambda connection: requests.last_request(connection, requester)
        )

    @property
    def head(self) -> Head:
        """Where the journal durably ends. Blocks for one small read where opened read-only."""
        return self.store.head_now()

    def graph(
        self,
        *,
        as_of: datetime | None = None,
        as_known_at: int | datetime | None = None,
        ever: bool = False,
    ) -> AbstractContextManager[LazyGraph]:
        """Return a context with the whole store, as it is recorded now, as a read-only
        `networkx.DiGraph` that reads what it is asked for; see `lazy_graph`. Left open, it keeps
        the write-ahead log from being folded into the file."""
        from tracenode.server.genealogy.lazy_graph import lazy_graph

        return lazy_graph(
            self.store.path, as_of=as_of, as_known_at=as_known_at, ever=ever, mmap=self.store.mmap
        )

    # -------------------------------------------------------------- the adjacency index
    def index_now(self) -> None:
        """Make the adjacency index of what is recorded now, and load it, unless the one at hand is
        of the journal's head. Answers stay the same and come sooner. Blocks.

        Raises:
            StoreError: the file can't be written, or another process is making it.
        """
        index = self.store.index
        if index.watermark != self.head.seq and not (
            index.load() and index.watermark == self.head.seq
        ):
            index.make()

    async def keep_index(self) -> None:
        """Keep the adjacency index of a growing store at hand, made by processes of low priority,
        until cancelled. A store of few edges needs none and gets none."""
        await self.store.index.keep()

    # -------------------------------------------------------------- closing
    async def aclose(self) -> None:
        """As `close`, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Finish what was asked here and close, end the reading processes; harmless twice."""
        self._desk.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _writer(self) -> Writer:
        if self.store.writer is None:
            raise StoreError(f"{self.store.path} is open read-only")
        return self.store.writer
