"""What is asked: each a question and the form in which its answer is wanted.

Jobs are values: they are sent to a reading process, and asked again where it was lost. The
genealogy is imported by the first one that is done: whoever only books needs none of it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from tracenode.models.answers import Asked, RecallAnswer, RecallScope, canonical
from tracenode.models.events import Report
from tracenode.server.answering.held import HeldRecalls, Page
from tracenode.server.store.reading.reports import IssuedReport
from tracenode.server.store.reading.snapshot import Connection

if TYPE_CHECKING:
    from tracenode.server.genealogy.answers.issued import Change

__all__ = [
    "FetchPage",
    "Job",
    "MakeReport",
    "Order",
    "RecallByPages",
    "Recalled",
    "ReleaseRecall",
    "ReviewReport",
    "SayAsJson",
    "WholeAnswer",
]

FRONTIER: Final = 2_000
"""Of a recall that is held: the ids of its frontier that come with its head."""


class Job(Protocol):
    """Work on a reading thread."""

    def done(self, connection: Connection, held: HeldRecalls, over: threading.Event) -> Any:
        """Return the answer; give up soon after `over` is set."""


class Order(Protocol):
    """A job that reads nothing and takes no time."""

    def obeyed(self, held: HeldRecalls) -> Any:
        """Return the answer."""


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """The answer to a question."""

    question: Asked

    def done(self, connection: Connection, held: HeldRecalls, over: threading.Event) -> Any:
        from tracenode.server.genealogy import answer

        return answer(connection, self.question, over)


@dataclass(frozen=True, slots=True)
class SayAsJson:
    """The canonical bytes of an answer: JSON in UTF-8."""

    question: Asked

    def done(self, connection: Connection, held: HeldRecalls, over: threading.Event) -> bytes:
        from tracenode.server.genealogy import answer

        return canonical(answer(connection, self.question, over))


class Recalled(NamedTuple):
    """A recall with the first page of its hits. Where there are more, or `answer` has not all of
    its frontier, `total` and `frontier` are more than what it has; the hits are held under `name`,
    which is empty where all are here."""

    answer: RecallAnswer
    total: int
    frontier: int
    name: str


@dataclass(frozen=True, slots=True)
class RecallByPages:
    """A recall whose hits, beyond a first page of some, are held for `FetchPage`."""

    question: RecallScope
    page: int

    def done(self, connection: Connection, held: HeldRecalls, over: threading.Event) -> Recalled:
        from tracenode.server.genealogy import answer

        found = answer(connection, self.question, over)
        hits, frontier = found.hits, found.statement.frontier
        head = replace(
            found,
            hits=hits[: self.page],
            statement=replace(found.statement, frontier=frontier[:FRONTIER]),
        )
        name = held.hold(hits) if len(hits) > self.page else ""
        return Recalled(head, len(hits), len(frontier), name)


@dataclass(frozen=True, slots=True)
class MakeReport:
    """The report of a question that is asked now, to be booked."""

    question: Asked
    name: str
    now: datetime

    def done(self, connection: Connection, held: HeldRecalls, over: threading.Event) -> Report:
        from tracenode.server.genealogy.answers.issued import issued

        return issued(connection, self.question, self.name, self.now)[1]


@dataclass(frozen=True, slots=True)
class ReviewReport:
    """How a report would differ now; None where it would not."""

    report: IssuedReport

    def done(
        self, connection: Connection, held: HeldRecalls, over: threading.Event
    ) -> Change | None:
        from tracenode.server.genealogy.answers.issued import change_of

        return change_of(connection, self.report)


@dataclass(frozen=True, slots=True)
class FetchPage:
    """A page of a recall that is held; refused as `HeldRecalls.page` refuses it."""

    name: str
    offset: int
    limit: int

    def obeyed(self, held: HeldRecalls) -> Page:
        return held.page(self.name, self.offset, self.limit)


@dataclass(frozen=True, slots=True)
class ReleaseRecall:
    """A recall that nobody fetches any more."""

    name: str

    def obeyed(self, held: HeldRecalls) -> None:
        held.release(self.name)
