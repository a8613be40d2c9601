"""Work that asyncua's callbacks start outside any task of ours, and its first step at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Generator
from contextvars import Context
from types import coroutine
from typing import Any, TypeVar

__all__ = ["Tasks"]

T = TypeVar("T")
log = logging.getLogger(__name__)


class Tasks:
    """Tasks that somebody holds and awaits.

    asyncua calls us from protocol callbacks, where no TaskGroup can be open; so they are held
    here, counted, and ended when the server stops. An error that a task lets out is logged.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(
        self, work: Coroutine[Any, Any, T], context: Context | None = None
    ) -> asyncio.Task[T]:
        """Run `work` and hold it until it is done."""
        task = asyncio.create_task(work, context=context)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def begin(self, work: Coroutine[Any, Any, T], context: Context) -> T | asyncio.Task[T]:
        """Run `work` until it waits for something; return its result where it waits for nothing,
        else the task of the rest of it. Raises what `work` raises before that.

        Until it waits it runs in no task, so it may not use `asyncio.timeout` or a TaskGroup.
        """
        try:
            waits = context.run(work.send, None)
        except StopIteration as done:
            result: T = done.value
            return result
        task = self.start(_rest(work, waits), context)
        task.add_done_callback(lambda _: work.close())  # a task that never had its turn left it
        return task

    async def close(self, patience: float) -> None:
        """Wait up to `patience` seconds for what is running, then cancel the rest."""
        running = list(self._running)
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=patience)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a task failed", exc_info=error)


async def _rest(work: Coroutine[Any, Any, T], waits: Any) -> T:
    return await _going_on(work, waits)


@coroutine
def _going_on(work: Coroutine[Any, Any, T], waits: Any) -> Generator[Any, Any, T]:
    """Go on with a coroutine that waits for `waits`."""
    try:
        while True:
            try:
                yield waits
                break
            except Exception as thrown:  # noqa: BLE001  # it is for the work to handle
                waits = work.throw(thrown)
            except asyncio.CancelledError as thrown:
                waits = work.throw(thrown)
    except StopIteration as done:
        result: T = done.value
        return result
    ended: T = yield from work
    return ended
