"""The one writer: group commit, idempotency, refusals, storage failures, and being killed."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from tests.store.line import BEFORE_UNITS, LINE, masters, open_line, register
from tests.store.plant import misremembered
from tests.support.waiting import eventually
from tracenode.models.errors import JournalDown
from tracenode.models.events import Observe, Register, Reject, TraceEvent
from tracenode.models.receipts import Receipt, Record, Requester
from tracenode.models.status import TraceStatus
from tracenode.server.store.file.rebuild import rebuild
from tracenode.server.store.file.verify import verify
from tracenode.server.store.projecting import projector
from tracenode.server.store.writing import writer
from tracenode.server.store.writing.journal import Entry, entry_at, now, record_id, record_of
from tracenode.server.store.writing.requests import NATURAL_WINDOW_US
from tracenode.server.trace import Trace

ROOT = Path(__file__).parents[2]
MAILBOX = Requester("mailbox:OP10")


@pytest.fixture
async def trace(tmp_path: Path) -> AsyncIterator[Trace]:
    trace = open_line(tmp_path / "line.db")
    await asyncio.to_thread(masters, trace)
    yield trace
    await trace.aclose()


async def together(trace: Trace, events: Sequence[tuple[TraceEvent, str]]) -> list[Receipt]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(trace.record(event, LINE, rid)) for event, rid in events]
    return [task.result() for task in tasks]


async def count(trace: Trace, sql: str) -> int:
    return await trace.store.readers.run(lambda c: int(c.execute(sql).fetchone()[0]))


# ------------------------------------------------------------------ group commit
async def test_a_hundred_callers_share_commits_and_are_told_in_journal_order(trace: Trace) -> None:
    commits: list[Sequence[Record]] = []
    trace.subscribe(commits.append)
    receipts = await together(trace, [(register(f"P{n}"), f"r{n}") for n in range(100)])
    await eventually(lambda: sum(map(len, commits)) == 100)
    assert len(commits) < 50
    assert len({receipt.item for receipt in receipts}) == 100
    positions = [record.position for commit in commits for record in commit]
    assert positions == sorted(positions) == sorted(r.position for r in receipts)
    assert max(positions) == trace.head.seq


async def test_a_refused_event_fails_alone_in_its_group(trace: Trace) -> None:
    events = [(register("NOREAD" if n == 5 else f"P{n}"), f"r{n}") for n in range(10)]
    receipts = await together(trace, events)
    assert [n for n, receipt in enumerate(receipts) if receipt.refused] == [5]
    assert receipts[5].status is TraceStatus.InvalidIdentifier
    assert receipts[5].sequence == 0
    assert [r.sequence for r in receipts if not r.refused] == list(range(6, 15))
    assert await count(trace, "SELECT count(*) FROM item WHERE text LIKE 'P%'") == 9


async def test_a_fault_of_the_program_fails_alone_in_its_group(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = projector.apply

    def faulty(connection: sqlite3.Connection, seq: int, at: int, event: TraceEvent) -> None:
        apply(connection, seq, at, event)
        if isinstance(event, Register) and "P5" in event.item:
            raise ZeroDivisionError

    monkeypatch.setattr(projector, "apply", faulty)
    events = [(register(f"P{n}"), f"r{n}") for n in range(10)]
    answers = await asyncio.gather(
        *(trace.record(event, LINE, rid) for event, rid in events), return_exceptions=True
    )
    assert [type(a) for a in answers if not isinstance(a, Receipt)] == [ZeroDivisionError]
    assert isinstance(answers[5], ZeroDivisionError)
    assert trace.healthy
    monkeypatch.undo()
    again = await trace.record(events[5][0], LINE, "r5")
    assert again.status is TraceStatus.Ok
    assert again.position == trace.head.seq == BEFORE_UNITS + 10
    assert trace.store._writing is not None
    assert not misremembered(trace.store._writing.connection)
    await trace.aclose()
    assert verify(tmp_path / "line.db", deep=True).whole


async def test_a_listener_that_fails_keeps_nothing_from_the_others(trace: Trace) -> None:
    heard: list[Record] = []
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def broken(records: Sequence[Record]) -> None:
        raise ValueError

    trace.subscribe(broken)
    stop = trace.subscribe(heard.extend)
    assert (await trace.record(register("P1"), LINE)).status is TraceStatus.Ok
    await eventually(lambda: len(heard) == 1 and len(reported) == 1)
    stop()
    await trace.record(register("P2"), LINE)
    await eventually(lambda: len(reported) == 2)
    assert len(heard) == 1


async def test_who_comes_after_the_queue_is_full_waits_to_be_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUEUE", 8)
    trace = open_line(tmp_path / "line.db")
    await asyncio.to_thread(masters, trace)
    receipts = await together(trace, [(register(f"P{n}"), "") for n in range(100)])
    assert not any(receipt.refused for receipt in receipts)
    await trace.aclose()


async def test_what_was_asked_before_closing_is_answered_and_nothing_after(trace: Trace) -> None:
    asked = [asyncio.ensure_future(trace.record(register(f"P{n}"), LINE)) for n in range(50)]
    await asyncio.sleep(0)
    await trace.aclose()
    assert all(not receipt.refused for receipt in await asyncio.gather(*asked))
    with pytest.raises(JournalDown, match="closed"):
        await trace.record(register("P99"), LINE)


async def test_a_caller_that_gives_up_does_not_disturb_the_group(trace: Trace) -> None:
    asked = [asyncio.ensure_future(trace.record(register(f"P{n}"), LINE)) for n in range(20)]
    await asyncio.sleep(0)
    asked[3].cancel()
    receipts = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(receipts[3], asyncio.CancelledError)
    assert sum(isinstance(receipt, Receipt) for receipt in receipts) == 19
    again = await trace.record(register("P3"), LINE)
    assert again.status is TraceStatus.DuplicateIdentifier, "given up is not undone"


# ------------------------------------------------------------------ idempotency
async def test_the_same_request_twice_at_once_has_one_effect(trace: Trace) -> None:
    first, second = await together(trace, [(register("P1"), "r1")] * 2)
    assert {first.status, second.status} == {TraceStatus.Ok, TraceStatus.OkReplayed}
    assert (first.position, first.record, first.sequence, first.item) == (
        second.position,
        second.record,
        second.sequence,
        second.item,
    )
    assert await count(trace, "SELECT count(*) FROM journal") == BEFORE_UNITS + 1


async def test_a_request_replays_after_a_restart(trace: Trace, tmp_path: Path) -> None:
    given = [await trace.record(register(text), LINE, text) for text in ("P1", "NOREAD")]
    await trace.aclose()
    with open_line(tmp_path / "line.db") as again:
        replayed = [await again.record(register(text), LINE, text) for text in ("P1", "NOREAD")]
        assert again.head.seq == BEFORE_UNITS + 2
    assert replayed[0].status is TraceStatus.OkReplayed
    assert replayed[0].position == given[0].position
    assert replayed[1] == given[1], "a refusal replays as itself"


async def test_the_same_id_with_another_payload_is_a_conflict_and_stays_bound(trace: Trace) -> None:
    first = await trace.record(register("P1"), LINE, "r1")
    conflict = await trace.record(register("P2"), LINE, "r1")
    assert conflict.status is TraceStatus.RequestConflict
    assert (await trace.record(register("P1"), LINE, "r1")).position == first.position
    other = await trace.record(register("P2"), Requester("another line"), "r1")
    assert other.status is TraceStatus.Ok, "another requester has ids of its own"


async def test_a_digest_of_the_caller_stands_for_the_payload(trace: Trace) -> None:
    first = await trace.record(register("P1"), MAILBOX, "1:0:7", digest=b"registers of it ")
    again = await trace.record(register("P9"), MAILBOX, "1:0:7", digest=b"registers of it ")
    other = await trace.record(register("P1"), MAILBOX, "1:0:7", digest=b"other registers ")
    assert again.status is TraceStatus.OkReplayed and again.position == first.position
    assert other.status is TraceStatus.RequestConflict


async def test_a_natural_key_recognises_a_request_under_another_id(trace: Trace) -> None:
    first = await trace.record(register("P1"), MAILBOX, "1:0:7", natural_key="P1|10|3")
    again = await trace.record(register("P1"), MAILBOX, "2:0:1", natural_key="P1|10|3")
    assert again.status is TraceStatus.OkReplayed and again.position == first.position
    # From now on the new id is bound too, without its key.
    third = await trace.record(register("P1"), MAILBOX, "2:0:1")
    assert third.status is TraceStatus.OkReplayed and third.position == first.position
    fresh = await trace.record(register("P2"), MAILBOX, "2:0:2", natural_key="P1|10|3")
    assert fresh.status is TraceStatus.Ok, "another payload: the key says nothing"
    own = await trace.record(register("P3"), MAILBOX, "~P1|10|3")
    assert own.status is TraceStatus.Ok, "a request id is never taken for a natural key"


async def test_a_natural_key_says_nothing_after_its_window_or_a_refusal(tmp_path: Path) -> None:
    passed = itertools.count()
    far = [0]

    def clock() -> int:
        return now() + next(passed) + far[0]

    with open_line(tmp_path / "line.db", clock=clock) as trace:
        await asyncio.to_thread(masters, trace)
        event = Observe(item="P1")
        await trace.record(event, MAILBOX, "1", natural_key="k")
        replayed = await trace.record(event, MAILBOX, "2", natural_key="k")
        far[0] = NATURAL_WINDOW_US
        later = await trace.record(event, MAILBOX, "3", natural_key="k")
        assert [replayed.status, later.status] == [TraceStatus.OkReplayed, TraceStatus.Ok]
        refused = await trace.record(register("NOREAD"), MAILBOX, "4", natural_key="n")
        retried = await trace.record(register("NOREAD"), MAILBOX, "5", natural_key="n")
        assert refused.refused and retried.position > refused.position


async def test_the_last_request_of_a_mailbox_is_known_after_a_restart_and_a_rebuild(
    trace: Trace, tmp_path: Path
) -> None:
    assert await trace.last_request(MAILBOX.name) == ""
    await trace.record(register("P1"), MAILBOX, "1:0:7")
    await trace.record(register("NOREAD"), MAILBOX, "1:0:8")
    await trace.record(register("P2"), LINE, "r1")
    assert await trace.last_request(MAILBOX.name) == "1:0:8"
    assert await trace.last_request(LINE.name) == ""
    await trace.aclose()
    result = rebuild(tmp_path / "line.db")
    assert result.before == result.after
    with open_line(tmp_path / "line.db") as again:
        assert await again.last_request(MAILBOX.name) == "1:0:8"


# ------------------------------------------------------------------ storage failures
def limit_pages(trace: Trace) -> Callable[[], None]:
    """Let the database grow no more, as on a full disk; return how to lift that."""
    assert trace.store._writing is not None
    connection = trace.store._writing.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")

    def lift() -> None:
        connection.execute("PRAGMA max_page_count = 1073741823")

    return lift


def bulky(number: int) -> Reject:
    return Reject(raw=f"{number:04x}" + "ff" * 4000, reason="no code")


async def test_a_full_disk_acknowledges_nobody_and_recovers(trace: Trace, tmp_path: Path) -> None:
    lift = limit_pages(trace)
    answers = await asyncio.gather(
        *(trace.record(bulky(n), LINE, f"r{n}") for n in range(200)), return_exceptions=True
    )
    down = [answer for answer in answers if isinstance(answer, BaseException)]
    assert down and {type(answer) for answer in down} == {JournalDown}
    assert not trace.healthy and "full" in trace.fault
    assert trace.down_since is not None and trace.down_since <= time.monotonic()
    booked = [answer.position for answer in answers if isinstance(answer, Receipt)]
    assert trace.head.seq == max(booked, default=BEFORE_UNITS)
    lift()
    await eventually(lambda: trace.healthy)
    again = [await trace.record(bulky(n), LINE, f"r{n}") for n in range(200)]
    assert sum(r.status is TraceStatus.Ok for r in again) == len(down), "a retry books what failed"
    await trace.aclose()
    assert verify(tmp_path / "line.db", deep=True).whole


async def test_a_locked_database_is_a_failure_too_and_recovers(
    trace: Trace, tmp_path: Path
) -> None:
    assert trace.store._writing is not None
    trace.store._writing.connection.execute("PRAGMA busy_timeout = 10")
    intruder = sqlite3.connect(tmp_path / "line.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalDown, match="locked"):
        await trace.record(register("P1"), LINE, "r1")
    assert not trace.healthy
    intruder.execute("ROLLBACK")
    intruder.close()
    receipt = await trace.record(register("P1"), LINE, "r1")
    assert receipt.status is TraceStatus.Ok, "busy is never stored"
    assert trace.healthy and trace.fault == ""


@pytest.mark.integration
@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_a_write_that_the_system_refuses_acknowledges_nobody(tmp_path: Path) -> None:
    path = tmp_path / "line.db"
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.small_disk", str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    acknowledged = done.stdout.splitlines()
    assert 5 < len(acknowledged) < 10_000
    assert_all_there(path, acknowledged)


# ------------------------------------------------------------------ killed
def assert_all_there(path: Path, acknowledged: list[str]) -> None:
    """Every acknowledged record is in the journal, which is whole and gives the tables."""
    with open_line(path) as trace:
        for line in acknowledged:
            position, record, serial = line.split()

            def found(connection: sqlite3.Connection, position: int = int(position)) -> Entry:
                entry = entry_at(connection, position)
                assert entry is not None, f"acknowledged record {position} is lost"
                return entry

            entry = trace.store.readers.run_now(found)
            assert record_id(entry.rec, entry.hash) == record
            assert record_of(entry).request_id == serial
    assert verify(path).whole
    result = rebuild(path)
    assert result.before == result.after


@pytest.mark.integration
def test_no_acknowledged_record_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "line.db"
    chance = random.Random(7)
    acknowledged: list[str] = []
    for round_ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.recorder", str(path), "20"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, "the recorder died by itself"
            time.sleep(chance.uniform(0, 0.25))
        finally:
            process.kill()
            rest, _ = process.communicate(timeout=10)
        assert process.returncode == -signal.SIGKILL
        lines = [first.strip(), *rest.splitlines()]
        # A line cut off by the kill was not heard by anybody.
        acknowledged += lines if rest.endswith("\n") or not rest else lines[:-1]
        assert len(acknowledged) > round_
    assert_all_there(path, acknowledged)
