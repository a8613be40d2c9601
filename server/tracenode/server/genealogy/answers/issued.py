"""Answers that are issued as reports, and whether they would be given again (SEMANTICS S15)."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from tracenode.models.analysis import Impact
from tracenode.models.answers import Asked, PathBetween, Question, RecallScope, WhereUsed, plain
from tracenode.models.errors import MalformedRequest, TraceError
from tracenode.models.event_parts import MAX_FIELD
from tracenode.models.events import Report
from tracenode.models.questions import question_fields
from tracenode.server.genealogy.questions import Answer, answer
from tracenode.server.store.projecting.facts import record_at
from tracenode.server.store.reading.reports import IssuedReport
from tracenode.server.store.reading.snapshot import Connection
from tracenode.server.store.writing.journal import head_of

__all__ = ["Change", "change_of", "digest_of", "issued"]

_OF_THE_JOURNAL: Final = ("as_known_at", "data_version")
"""What a statement says of the journal: it differs each time something is recorded."""
_SOONEST: Final = 0.5
"""Part of its deadline before which no question is cut by it."""


def issued(
    connection: Connection, question: Asked, name: str, now: datetime
) -> tuple[Answer, Report]:
    """Answer a question and return it as a report, with the question pinned: to the event time
    `now` where it has no `as_of`; "ever" then means all that had begun by it; to the public ids of
    its items.

    Raises:
        MalformedRequest: a name that is empty or too long; a question about the future or about
            what was known once, or one that its deadline cut: such an answer is not the same again.
        TraceError: no answer.
    """
    if not 1 <= len(name) <= MAX_FIELD:
        expected = f"a text of 1 to {MAX_FIELD} characters"
        raise MalformedRequest("name", expected, f"{len(name)} characters")
    if question.as_known_at is not None:
        raise MalformedRequest("as_known_at", "none: a report is of what is known", "one")
    if question.as_of is not None and question.as_of > now:
        raise MalformedRequest("as_of", f"a time up to {now}", str(question.as_of))
    pinned = replace(question, as_of=question.as_of or now)
    if question.as_of is None and isinstance(pinned, WhereUsed | RecallScope | Impact):
        pinned = replace(pinned, ever=True)
    begun = time.monotonic()
    found: Any = answer(connection, pinned)
    if _is_cut(found, pinned, begun):
        raise MalformedRequest("deadline_s", "time for the whole answer", f"{question.deadline_s}")
    if isinstance(pinned, Question):
        pinned = replace(pinned, item=found.root)
    if isinstance(pinned, PathBetween):
        pinned = replace(pinned, into=found.into)
    fields = question_fields(pinned)
    known = found.statement.as_known_at
    return found, Report(name=name, question=fields, known=known, digest=digest_of(found))


def _is_cut(found: Any, question: Asked, begun: float) -> bool:
    """True where it may be the deadline that cut an answer."""
    late = time.monotonic() - begun >= question.deadline_s * _SOONEST
    return late and bool(found.statement.truncated)


def digest_of(found: Any) -> str:
    """Return the SHA-256 of an answer's canonical bytes, without what its statement says of the
    journal, hexadecimal."""
    said = plain(found)
    for name in _OF_THE_JOURNAL:
        del said["statement"][name]
    return _sha256(said)


class Change(NamedTuple):
    """The digest that a report would have now, and the record since which it is another."""

    digest: str
    cause: str


def change_of(connection: Connection, report: IssuedReport) -> Change | None:
    """Ask a report again; None where it is the same, or the deadline cut the answer. The record is
    found by bisection: each step asks as known at a journal position."""
    low, high = report.known, head_of(connection).seq
    now = _digest_at(connection, report, high)
    if now in (None, report.digest):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _digest_at(connection, report, middle) in (None, report.digest):
            low = middle
        else:
            high = middle
    assert now is not None
    return Change(now, record_at(connection, high))


def _digest_at(connection: Connection, report: IssuedReport, known: int) -> str | None:
    """The digest as known at a journal position; None where the deadline cut the answer. A question
    that is refused has a digest too."""
    question = replace(report.question, as_known_at=known)
    begun = time.monotonic()
    try:
        found = answer(connection, question)
    except TraceError as refusal:
        return _sha256({"refused": str(refusal)})
    return None if _is_cut(found, question, begun) else digest_of(found)


def _sha256(said: Any) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
