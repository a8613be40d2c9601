"""Asking open reports again after late events, voids and corrections, and telling which are stale
(SEMANTICS S15)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from tracenode.models.errors import StoreError
from tracenode.models.events import Correct, Identify, Master, Report, Stale, Void
from tracenode.models.questions import parse_question
from tracenode.models.receipts import Record, Requester
from tracenode.server.store.reading.reports import IssuedReport
from tracenode.server.trace import Trace

__all__ = ["Review"]

RETRY_S: Final = 5.0
"""After a failure of the store."""
_REVIEWER: Final = Requester("tracenode:review")
_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_REVISIONS: Final = (Void, Correct, Master, Identify)
"""Events that may change what is said of any time: a placeholder always was what it turned out to
be."""

_log = logging.getLogger(__name__)


class Review:
    """Keeps the reports of one trace under review.

        review = Review(trace)
        task_group.create_task(review.run())

    Reports are asked again one at a time, those of many revisions at once. A report that was just
    issued is asked again too: what was recorded meanwhile counts.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._since = _ALWAYS
        """The earliest event time that was revised; all are reviewed at the start."""
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._newest = _ALWAYS
        """The latest time that a report is about."""

    async def run(self) -> None:
        """Review until cancelled."""
        unsubscribe = self._trace.subscribe(self._hear)
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                since, self._since = self._since, _NEVER
                try:
                    await self.review(since)
                except StoreError as error:
                    _log.warning("reports could not be reviewed, trying again: %s", error)
                    self._want(since)
                    await asyncio.sleep(RETRY_S)
        finally:
            unsubscribe()

    async def review(self, since: datetime = _ALWAYS) -> None:
        """Ask every open report about `since` or a later time again; book that it is stale where
        the answer differs.

        Raises:
            StoreError: the store can't be read or written.
        """
        for report in await self._trace.reports():
            about = report.question.as_of or _NEVER
            self._newest = max(self._newest, about)
            if about >= since:
                await self._review(report)

    async def _review(self, report: IssuedReport) -> None:
        change = await self._trace.change_of(report)
        if change is not None:
            stale = Stale(report=report.record, cause=change.cause, digest=change.digest)
            await self._trace.record(stale, _REVIEWER)

    def _hear(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.refusal is not None:
                continue
            match record.event:
                case Report():
                    about = parse_question(record.event.question).as_of or _NEVER
                    self._newest = max(self._newest, about)
                    self._want(about)
                case Stale():
                    pass
                case event if isinstance(event, _REVISIONS):
                    self._want(_ALWAYS)
                case _ if record.at <= self._newest:
                    self._want(record.at)

    def _want(self, since: datetime) -> None:
        self._since = min(self._since, since)
        self._wanted.set()
