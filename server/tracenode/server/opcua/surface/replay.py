"""Events sent again to the session that asked for them, at a bounded rate, behind what is live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from tracenode.models.errors import MalformedRequest
from tracenode.models.receipts import Record
from tracenode.server.opcua.tasks import Tasks
from tracenode.server.trace import Trace

__all__ = ["MAX_RATE", "MAX_REPLAYS", "Replays", "Subscribers"]

log = logging.getLogger(__name__)

MAX_RATE: Final = 1_000
"""Events a second of one replay: a tenth of what the event loop could send."""
MAX_REPLAYS: Final = 4
"""Running at the same time on the whole server."""
SLICE_S: Final = 0.05
"""Between two portions of a replay; what is live goes out in between."""
PAGE: Final = 200
"""Records read from the journal at once."""
MAX_WAITING: Final = 500
"""Notifications waiting for the session at which a replay pauses: half of the queue that an event
item has by default, so that a replay never pushes an event out."""


class Subscribers(Protocol):
    """What a replay needs to know of a session."""

    def is_open(self, session_id: str) -> bool:
        """True until the session is closed or timed out."""
        ...

    def waiting(self, session_id: str) -> int:
        """How many event notifications wait for the session's Publish requests."""
        ...


@dataclass(slots=True)
class _Running:
    first: int
    last: int
    next: int


class Replays:
    """The replays that run, one a consumer at most."""

    def __init__(
        self, trace: Trace, subscribers: Subscribers, tell: Callable[[Record, str], Awaitable[None]]
    ) -> None:
        """`tell(record, session_id)` sends a record's event, marked as replayed, to one session."""
        self._trace, self._subscribers, self._tell = trace, subscribers, tell
        self._tasks = Tasks()
        self._running: dict[str, _Running] = {}

    @property
    def latest(self) -> int:
        """The EventSequence of the latest record."""
        return self._trace.head.sequence

    def start(self, consumer: str, session_id: str, first: int, last: int, rate: int) -> None:
        """Begin to send the records from one EventSequence to another, `rate` a second at most (0:
        MAX_RATE). It ends with the session.

        Raises:
            MalformedRequest: one runs for this consumer, or MAX_REPLAYS run.
        """
        running = self._running.get(consumer)
        if running is not None:
            found = f"one of {running.first} to {running.last}, which is at {running.next}"
            raise MalformedRequest("ConsumerId", f"no replay that runs for {consumer}", found)
        if len(self._running) >= MAX_REPLAYS:
            names = ", ".join(sorted(self._running))
            raise MalformedRequest("ConsumerId", f"at most {MAX_REPLAYS} replays", names)
        if first > last:
            return
        state = self._running[consumer] = _Running(first, last, first)
        rate = min(rate or MAX_RATE, MAX_RATE)
        task = self._tasks.start(self._send(state, session_id, rate))
        task.add_done_callback(lambda _: self._running.pop(consumer, None))

    async def close(self) -> None:
        """End all of them."""
        await self._tasks.close(0)

    async def _send(self, state: _Running, session_id: str, rate: int) -> None:
        loop, subscribers = asyncio.get_running_loop(), self._subscribers
        began, sent = loop.time(), 0
        page: list[Record] = []
        while state.next <= state.last:
            await asyncio.sleep(SLICE_S)
            if not subscribers.is_open(session_id):
                return
            if subscribers.waiting(session_id) >= MAX_WAITING:
                began, sent = loop.time(), 0  # what was not sent meanwhile is not made up for
                continue
            due = int((loop.time() - began) * rate) - sent
            for _ in range(min(due, max(1, int(rate * SLICE_S * 2)))):
                if not page:
                    page = await self._trace.records(state.next, PAGE)
                    page.reverse()
                if not page or page[-1].sequence > state.last:
                    return
                record = page.pop()
                await self._tell(record, session_id)
                state.next = record.sequence + 1
                sent += 1
