"""Work whose first step is done at once, and the rest by a task."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from tracenode.server.opcua.tasks import Tasks

who: ContextVar[str] = ContextVar("who", default="nobody")


async def test_what_waits_for_nothing_is_done_at_once() -> None:
    async def work() -> str:
        return "done"

    tasks = Tasks()
    assert tasks.begin(work(), copy_context()) == "done"
    assert not len(tasks)


async def test_an_error_before_it_waits_is_raised_at_once() -> None:
    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        Tasks().begin(work(), copy_context())


async def test_what_waits_goes_on_in_a_task() -> None:
    """With its context, through turns, futures and errors."""
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    steps: list[object] = []

    async def work() -> str:
        token = who.set("ann")
        steps.append("begun")
        await asyncio.sleep(0)
        steps.append(await first)
        try:
            await second
        except ValueError as e:
            steps.append(str(e))
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        steps.append(who.get())
        who.reset(token)
        return "done"

    tasks = Tasks()
    task = tasks.begin(work(), copy_context())
    assert isinstance(task, asyncio.Task)
    assert (steps, len(tasks), who.get()) == (["begun"], 1, "nobody")
    loop.call_soon(first.set_result, 1)
    loop.call_later(0.01, second.set_exception, ValueError("two"))
    assert await task == "done"
    assert steps == ["begun", 1, "two", "ann"]
    assert not len(tasks)


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_cancelled_rest_ends_its_work(turns: int) -> None:
    """Even before the task has had its first turn."""
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    task = Tasks().begin(work(), copy_context())
    assert isinstance(task, asyncio.Task)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    assert ended == ["ended"]


async def test_work_may_refuse_to_be_cancelled() -> None:
    gate = asyncio.Event()

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await gate.wait()
        return "done"

    task = Tasks().begin(work(), copy_context())
    assert isinstance(task, asyncio.Task)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await task == "done"
