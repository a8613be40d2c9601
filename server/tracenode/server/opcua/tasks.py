"""Work that asyncua's callbacks start outside any task of ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
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

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` and hold it until it is done."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
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
