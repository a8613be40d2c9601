"""Who is answered next, who waits and who is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tracenode.models.errors import ReadingProcessLost, TooManyQuestions
from tracenode.server.answering.desk import Desk
from tracenode.server.answering.held import HeldRecalls
from tracenode.server.answering.here import Here
from tracenode.server.store.reading.readers import WIDE
from tracenode.server.store.reading.snapshot import Connection
from tracenode.server.trace import Trace


class Work:
    """A job that ends when it is let go, or when nobody waits for it."""

    def __init__(self, begun: list[str], name: str) -> None:
        self._begun, self._name = begun, name
        self.go = threading.Event()
        self.given_up = False

    def done(self, connection: Connection, held: HeldRecalls, over: threading.Event) -> str:
        self._begun.append(self._name)
        while not self.go.wait(0.005):
            if over.is_set():
                self.given_up = True
                break
        return self._name


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with Trace.open(tmp_path / "t.db", site="S", create=True) as trace:
        yield Here(trace.store.readers)


async def test_jobs_wait_in_the_order_in_which_they_came(here: Here) -> None:
    desk, begun = Desk([here]), list[str]()
    works = [Work(begun, str(n)) for n in range(WIDE + 3)]
    asked = [asyncio.create_task(desk.ask(work)) for work in works]
    await eventually(lambda: len(begun) == WIDE)
    for work in works:
        work.go.set()
    assert await asyncio.gather(*asked) == [str(n) for n in range(WIDE + 3)]
    assert sorted(begun[:WIDE]) == ["0", "1"]
    assert sorted(begun) == [str(n) for n in range(WIDE + 3)]


async def test_more_than_may_wait_are_refused_at_once(here: Here) -> None:
    desk, begun = Desk([here], queue=1, patience_s=30), list[str]()
    works = [Work(begun, str(n)) for n in range(WIDE + 1)]
    asked = [asyncio.create_task(desk.ask(work)) for work in works]
    await eventually(lambda: len(begun) == WIDE)
    with pytest.raises(TooManyQuestions) as refused:
        await desk.ask(Work(begun, "more"))
    assert (refused.value.waiting, refused.value.waited_s) == (1, 0)
    for work in works:
        work.go.set()
    await asyncio.gather(*asked)
    assert await desk.ask(works[0]) == "0"
    assert "more" not in begun


async def test_what_is_not_begun_in_time_is_refused_and_never_begun(here: Here) -> None:
    desk, begun = Desk([here], queue=5, patience_s=0.05), list[str]()
    works = [Work(begun, str(n)) for n in range(WIDE)]
    asked = [asyncio.create_task(desk.ask(work)) for work in works]
    await eventually(lambda: len(begun) == WIDE)
    with pytest.raises(TooManyQuestions, match=r"was not begun within 0\.05 s"):
        await desk.ask(Work(begun, "late"))
    assert not any(task.done() for task in asked)
    for work in works:
        work.go.set()
    await asyncio.gather(*asked)
    assert sorted(begun) == ["0", "1"]


async def test_a_cancelled_job_leaves_its_place_and_its_turn(here: Here) -> None:
    desk, begun = Desk([here]), list[str]()
    works = [Work(begun, str(n)) for n in range(WIDE)]
    asked = [asyncio.create_task(desk.ask(work)) for work in works]
    await eventually(lambda: len(begun) == WIDE)
    waiting = asyncio.create_task(desk.ask(Work(begun, "waits")))
    await asyncio.sleep(0)
    for task in (waiting, *asked):
        task.cancel()
    await asyncio.gather(waiting, *asked, return_exceptions=True)
    await eventually(lambda: all(work.given_up for work in works))
    after = Work(begun, "after")
    after.go.set()
    assert await desk.ask(after) == "after"
    assert "waits" not in begun


async def test_a_closed_desk_refuses(here: Here) -> None:
    desk, begun = Desk([here]), list[str]()
    works = [Work(begun, str(n)) for n in range(WIDE)]
    asked = [asyncio.create_task(desk.ask(work)) for work in works]
    await eventually(lambda: len(begun) == WIDE)
    waiting = asyncio.create_task(desk.ask(Work(begun, "waits")))
    await asyncio.sleep(0)
    desk.close()
    with pytest.raises(ReadingProcessLost, match="the store is closed"):
        await waiting
    with pytest.raises(ReadingProcessLost, match="the store is closed"):
        await desk.ask(works[0])
    for work in works:
        work.go.set()
    await asyncio.gather(*asked)
