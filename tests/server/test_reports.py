"""Issued reports: pinned, digested, and stale as soon as the answer would be another (S15)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import eventually
from tracenode.models.answers import Ingredients, RecallScope, WhereUsed
from tracenode.models.errors import MalformedRequest, UnknownItem
from tracenode.models.events import Report, Stale, parse_event
from tracenode.models.items import ItemState
from tracenode.models.questions import QUESTION_NAMES, parse_question, question_fields
from tracenode.models.receipts import Receipt, Record, Requester
from tracenode.models.status import TraceStatus
from tracenode.server.genealogy.answers.issued import digest_of
from tracenode.server.review import Review
from tracenode.server.store.file.rebuild import dump_hash, rebuilt_beside
from tracenode.server.trace import Trace

QUALITY = Requester("quality")


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[Trace]:
    """Pumps P1 and P2 are of lot L, P3 of lot K."""
    with Trace.open(tmp_path / "t.db", site="S", create=True) as trace:
        for key, kind in {"STEEL": "lot", "PUMP": "unit"}.items():
            book(trace, "master", kind="material", key=key, data={"kind": kind})
        for lot in "LK":
            book(trace, "receive", item=lot, material="STEEL")
        for pump, lot in {"P1": "L", "P2": "L", "P3": "K"}.items():
            book(trace, "register", item=pump, material="PUMP")
            book(trace, "consume", item=pump, lot=lot)
        yield trace


def book(trace: Trace, type_: str, **fields: Any) -> Receipt:
    receipt = trace.record_now(parse_event({"type": type_, **fields}), Requester("test"))
    assert not receipt.refused, receipt.text
    return receipt


async def book_soon(trace: Trace, type_: str, **fields: Any) -> Receipt:
    receipt = await trace.record(parse_event({"type": type_, **fields}), Requester("test"))
    assert not receipt.refused, receipt.text
    return receipt


@asynccontextmanager
async def reviewing(trace: Trace) -> AsyncIterator[list[Record]]:
    """Review meanwhile; gives what is told."""
    told: list[Record] = []
    stop = trace.subscribe(told.extend)
    task = asyncio.create_task(Review(trace).run())
    try:
        yield told
    finally:
        stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def stales(told: list[Record]) -> list[Stale]:
    return [record.event for record in told if isinstance(record.event, Stale)]


# ------------------------------------------------------------------ issuing
def test_a_report_is_pinned_to_the_time_of_issue(trace: Trace) -> None:
    answer, receipt = trace.issue_now(RecallScope(item="L"), "complaint 7", QUALITY)
    (report,) = trace.reports_now()
    assert report.record == receipt.record
    assert report.name == "complaint 7"
    pinned = report.question
    assert isinstance(pinned, RecallScope)
    assert (pinned.item, pinned.ever) == ("lot:STEEL:L", True)
    assert pinned.as_of is not None
    assert datetime.now(UTC) - pinned.as_of < timedelta(minutes=1)
    assert report.digest == digest_of(answer) == digest_of(trace.ask_now(pinned))
    assert report.known == answer.statement.as_known_at
    book(trace, "consume", item="P3", lot="L")
    assert trace.change_of_now(report) is None, "what happens later is not in it"


def test_reports_get_no_event_sequence(trace: Trace) -> None:
    before = trace.head.sequence
    _, receipt = trace.issue_now(Ingredients(item="P1"), "x", QUALITY)
    assert (receipt.sequence, trace.head.sequence) == (0, before)


@pytest.mark.parametrize(
    "question",
    [
        Ingredients(item="P1", as_known_at=3),
        Ingredients(item="P1", as_of=datetime(2999, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_can_t_be_asked_again_is_no_report(trace: Trace, question: Ingredients) -> None:
    head = trace.head
    with pytest.raises(MalformedRequest):
        trace.issue_now(question, "x", QUALITY)
    with pytest.raises(UnknownItem):
        trace.issue_now(Ingredients(item="nobody"), "x", QUALITY)
    assert trace.head == head


def test_what_was_issued_can_t_be_voided_or_declared_stale_twice(trace: Trace) -> None:
    _, receipt = trace.issue_now(Ingredients(item="P1"), "x", QUALITY)

    def refused(kind: str, **fields: Any) -> str:
        answer = trace.record_now(parse_event({"type": kind, **fields}), QUALITY)
        assert answer.status is TraceStatus.MalformedRequest
        return answer.text

    assert "can't be voided" in refused("void", record=receipt.record, reason="no")
    digest = "0" * 64
    assert "no such report" in refused("stale", report="x", cause=receipt.record, digest=digest)
    assert "no such record" in refused("stale", report=receipt.record, cause="x", digest=digest)
    said = {"report": receipt.record, "cause": receipt.record, "digest": digest}
    book(trace, "stale", **said)
    assert "stale already" in refused("stale", **said)
    unasked = {"name": "x", "question": {"question": "Guess"}, "known": 1, "digest": digest}
    assert "expected one of" in refused("report", **unasked)


def test_the_tables_are_those_of_the_journal(trace: Trace, tmp_path: Path) -> None:
    _, receipt = trace.issue_now(Ingredients(item="P1"), "x", QUALITY)
    trace.issue_now(Ingredients(item="P2"), "y", QUALITY)
    book(trace, "stale", report=receipt.record, cause=receipt.record, digest="0" * 64)

    def same(connection: Any) -> bool:
        rebuilt_beside(connection, tmp_path / "again.db", trace.store.identity)
        with Trace.open(tmp_path / "again.db", read_only=True) as again:
            return dump_hash(connection) == again.store.readers.run_now(dump_hash)

    assert trace.store.readers.run_now(same)


# ------------------------------------------------------------------ reviewing
async def test_a_late_event_makes_a_report_stale(trace: Trace) -> None:
    _, recall = await trace.issue(WhereUsed(item="L"), "recall of L", QUALITY)
    _, other = await trace.issue(WhereUsed(item="K"), "recall of K", QUALITY)
    before = datetime.now(UTC) - timedelta(seconds=5)
    async with reviewing(trace) as told:
        await book_soon(trace, "consume", item="P3", lot="L")
        late = await book_soon(trace, "consume", item="P3", lot="L", event_time=before)
        await eventually(lambda: stales(told))
        (stale,) = stales(told)
        assert (stale.report, stale.cause) == (recall.record, late.record)
        assert stale.name == "recall of L"
        assert isinstance(parse_question(stale.question), WhereUsed)
        assert [report.record for report in await trace.reports()] == [other.record]
        gone = await trace.reports(stale_too=True)
        assert (gone[0].cause, gone[0].stale) == (late.record, told[-1].record)


async def test_a_void_and_a_correction_make_reports_stale(trace: Trace) -> None:
    used = await book_soon(trace, "consume", item="P3", lot="L")
    wrong = await book_soon(trace, "consume", item="P2", lot="K")
    await trace.issue(Ingredients(item="P3"), "P3", QUALITY)
    await trace.issue(Ingredients(item="P2"), "P2", QUALITY)
    async with reviewing(trace) as told:
        voided = await book_soon(trace, "void", record=used.record, reason="no")
        right = {"type": "consume", "item": "P1", "lot": "K"}
        corrected = await book_soon(
            trace, "correct", record=wrong.record, replacement=right, reason="typo"
        )
        await eventually(lambda: len(stales(told)) == 2)
        assert {stale.name: stale.cause for stale in stales(told)} == {
            "P3": voided.record,
            "P2": corrected.record,
        }


async def test_a_placeholder_that_is_identified_makes_a_report_stale(trace: Trace) -> None:
    station = {"unknown_items": "placeholder"}
    await book_soon(trace, "master", kind="station", key="OP", data=station)
    await book_soon(trace, "consume", item="P1", lot="lot:STEEL:X", station="OP")
    await book_soon(trace, "receive", item="X", material="STEEL")
    await trace.issue(Ingredients(item="P1"), "P1", QUALITY)
    async with reviewing(trace) as told:
        real = {"placeholder": "lot:?:lot%3ASTEEL%3AX", "item": "lot:STEEL:X"}
        identified = await book_soon(trace, "identify", **real)
        await eventually(lambda: stales(told))
        assert stales(told)[0].cause == identified.record


async def test_an_answer_that_can_t_be_given_any_more_is_another(trace: Trace) -> None:
    made = await book_soon(trace, "register", item="P9", material="PUMP")
    await trace.issue(Ingredients(item="P9"), "P9", QUALITY)
    async with reviewing(trace) as told:
        await book_soon(trace, "void", record=made.record, reason="no")
        await eventually(lambda: stales(told))


async def test_what_came_while_nobody_reviewed_is_found_at_the_start(trace: Trace) -> None:
    await trace.issue(WhereUsed(item="L"), "recall of L", QUALITY)
    for _ in range(5):
        await book_soon(trace, "observe", item="P1")
    before = datetime.now(UTC) - timedelta(seconds=5)
    late = await book_soon(trace, "consume", item="P3", lot="L", event_time=before)
    await book_soon(trace, "observe", item="P1")
    async with reviewing(trace) as told:
        await eventually(lambda: stales(told))
        assert stales(told)[0].cause == late.record


async def test_reports_that_stay_the_same_are_left_alone(trace: Trace) -> None:
    await trace.issue(WhereUsed(item="L"), "recall of L", QUALITY)
    async with reviewing(trace) as told:
        before = datetime.now(UTC) - timedelta(seconds=5)
        await book_soon(trace, "consume", item="P1", lot="K", event_time=before)
        await trace.issue(Ingredients(item="P1"), "P1", QUALITY)
        voided = await book_soon(trace, "consume", item="P2", lot="K", event_time=before)
        await book_soon(trace, "void", record=voided.record, reason="no")
        await eventually(lambda: [r for r in told if r.event.type == "void"])
        await Review(trace).review()
        assert not stales(told)
        assert [type(r.event) for r in told].count(Report) == 1


# ------------------------------------------------------------------ questions
def test_every_question_can_be_read_back() -> None:
    when = datetime(2026, 11, 2, 6, 0, 1, 5, tzinfo=UTC)
    own: dict[str, dict[str, Any]] = {
        "CommonCauses": {"failed": ("A", "B"), "passed": ("C",), "limit": 3},
        "TimeWindow": {"station": "OP10", "since": when},
        "Coverage": {"stations": ("OP10",), "until": when},
        "PathBetween": {"item": "A", "into": "B"},
        "FindItems": {"text": "A", "state": ItemState.Completed, "since": when, "limit": 3},
    }
    for name, kind in QUESTION_NAMES.items():
        question = kind(**own.get(name, {"item": "A"}), as_of=when, as_known_at=7)
        said = question_fields(question)
        assert said["question"] == name
        assert parse_question(said) == question


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({}, "question"),
        ({"question": "Impact"}, "item"),
        ({"question": "Impact", "item": "A", "colour": "red"}, "colour"),
        ({"question": "Impact", "item": "A", "max_nodes": "5"}, "max_nodes"),
        ({"question": "Impact", "item": "A", "as_of": 5}, "as_of"),
    ],
)
def test_a_question_that_can_t_be_meant_is_refused(data: dict[str, Any], fault: str) -> None:
    with pytest.raises(MalformedRequest, match=fault):
        parse_question(data)
