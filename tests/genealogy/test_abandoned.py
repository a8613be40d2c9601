"""A question that nobody waits for any more leaves its reading thread."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from tests.store.plant import Plant
from tracenode.models.answers import Ingredients, ItemDetail, RecallScope
from tracenode.models.events import Master, Register
from tracenode.models.receipts import Requester
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
    path = tmp_path / "t.db"
    with Trace.open(path, site="S", create=True) as trace:
        for event in (
            Master(kind="material", key="PUMP", data={"kind": "unit"}),
            Register(item="P", material="PUMP"),
            Register(item="Q", material="PUMP"),
        ):
            assert not trace.record_now(event, Requester("test")).refused
    connection = sqlite3.connect(path)
    connection.executescript("""
        INSERT INTO item(type, text, gen, at, ev, last) WITH RECURSIVE t(n) AS
          (VALUES(1) UNION ALL SELECT n+1 FROM t WHERE n<60000)
          SELECT i.type, 'X' || n, 0, 0, 2, 0 FROM t CROSS JOIN item i WHERE i.text='P';
        INSERT INTO edge(dst, src, ev, ord, at, kf, rel)
          SELECT i.id, coalesce((SELECT max(id) FROM item p WHERE p.id<i.id AND p.text<>'Q'), 0),
            2, 0, 0, 2, 1 FROM item i WHERE i.text LIKE 'X%';""")
    connection.close()
    return path


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
