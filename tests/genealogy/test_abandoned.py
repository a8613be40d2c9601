"""A question that nobody waits for any more leaves its reading thread."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.genealogy.chain import LONG, chain_at
from tests.store.plant import Plant
from tracenode.models.analysis import Impact
from tracenode.models.answers import Ingredients, ItemDetail, RecallScope
from tracenode.server.genealogy import answer
from tracenode.server.store.reading.readers import READERS
from tracenode.server.store.reading.snapshot import Abandoned, OutOfTime, Reading, snapshot
from tracenode.server.trace import Trace

ENDLESS = """
WITH RECURSIVE t(n) AS (VALUES(1) UNION ALL SELECT n+1 FROM t WHERE n<1000000000000)
SELECT max(n) FROM t"""


def with_deadline(reading: Reading) -> None:
    with reading.until(time.monotonic() + 0.05):
        reading.rows(ENDLESS)


def test_a_statement_ends_soon_after_nobody_waits() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    over = threading.Event()
    threading.Timer(0.05, over.set).start()
    begun = time.monotonic()
    with pytest.raises(Abandoned), snapshot(connection, over) as reading:
        reading.rows(ENDLESS)
    assert time.monotonic() - begun < 5
    assert not connection.in_transaction
    with pytest.raises(Abandoned), snapshot(connection, over) as reading:
        reading.check()
    with pytest.raises(OutOfTime), snapshot(connection) as reading:
        with_deadline(reading)
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_answer_that_was_given_up_before_it_began_reads_nothing() -> None:
    plant = Plant()
    plant.make("PUMP P")
    over = threading.Event()
    over.set()
    with pytest.raises(Abandoned):
        answer(plant.connection, Ingredients(item="P"), over)
    assert answer(plant.connection, Ingredients(item="P")).root == "sn:PUMP:P"


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A database with pump P and a chain of 60,000 items that begins at it: a recall of seconds."""
    return chain_at(tmp_path / "t.db")


def test_cancelled_questions_leave_all_threads_free(chain: Path) -> None:
    """More long questions than threads are cancelled; then a quick one is answered at once."""

    async def ask(trace: Trace) -> float:
        assert (await trace.ask(RecallScope(item="P", limit=0))).affected == 60_000
        begun = time.monotonic()
        waiting = [
            asyncio.create_task(trace.ask(RecallScope(item="P"))) for _ in range(4 * READERS)
        ]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert all(task.cancelled() for task in waiting)
        for _ in range(2 * READERS):
            assert (await trace.ask(Ingredients(item="Q"))).root == "sn:PUMP:Q"
        return time.monotonic() - begun

    with Trace.open(chain) as trace:
        assert asyncio.run(ask(trace)) < 2


def test_recalls_leave_small_questions_a_thread(chain: Path) -> None:
    """While more recalls are asked for than there are threads, one item is answered at once."""

    async def ask(trace: Trace) -> None:
        recalls = [
            asyncio.create_task(trace.ask(RecallScope(item="P"))) for _ in range(4 * READERS)
        ]
        await asyncio.sleep(0.05)
        for _ in range(2 * READERS):
            assert (await trace.ask(ItemDetail(item="Q"))).root == "sn:PUMP:Q"
        assert not any(task.done() for task in recalls)
        for task in recalls:
            task.cancel()
        await asyncio.gather(*recalls, return_exceptions=True)

    with Trace.open(chain) as trace:
        asyncio.run(ask(trace))


@pytest.mark.parametrize("question", [RecallScope(item="P", limit=0), Impact(item="P")])
def test_a_count_that_does_not_end_leaves_time_to_tell_what_is_found(
    chain: Path, question: RecallScope | Impact
) -> None:
    """One deadline for both, and the answer says where it was cut."""
    with Trace.open(chain) as trace:
        begun = time.monotonic()
        answer = trace.ask_now(replace(question, deadline_s=0.06))
        assert time.monotonic() - begun < 5
        assert answer.affected < LONG
        assert answer.statement.truncated
        assert len(answer.statement.frontier) == 1
