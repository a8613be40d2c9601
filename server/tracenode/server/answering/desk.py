"""Who answers next, and who waits.

A place (this process, or a reading process) does some jobs at once; others wait in the order in
which they came. A server bounds how many wait and for how long: a job that is refused was never
begun. The deadline of a question counts from when it is begun, as it is its answerer that looks at
the clock.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from tracenode.models.errors import ReadingProcessLost, StoreError, TooManyQuestions
from tracenode.server.answering.jobs import FetchPage, Job, Order, Recalled, ReleaseRecall

__all__ = ["PATIENCE_S", "QUEUE", "Desk", "Place"]

QUEUE: Final = 16
"""Questions that wait for others at a server."""
PATIENCE_S: Final = 8.0
"""Seconds that one waits: as long as the longest one takes over OPC UA."""
NAMES: Final = 1_000
"""Held recalls of which it is remembered where."""


class Place(Protocol):
    """Where jobs are done, `slots` at once."""

    slots: int

    @property
    def pid(self) -> int | None:
        """Of a process of its own that runs."""

    def begin(self, job: Job, over: threading.Event) -> Future[Any]: ...
    def give_up(self, doing: Future[Any]) -> None: ...
    def tell(self, order: Order) -> Future[Any]: ...
    def start(self) -> None: ...
    def close(self) -> None: ...


@dataclass(eq=False, slots=True)
class _Ticket:
    job: Job
    done: Future[Any] = field(default_factory=Future)
    over: threading.Event = field(default_factory=threading.Event)
    place: Place | None = None
    doing: Future[Any] | None = None
    tries: int = 0


class Desk:
    """The one door to the places. With `queue` and `patience_s` None, whoever comes waits."""

    def __init__(
        self,
        places: Sequence[Place],
        *,
        queue: int | None = None,
        patience_s: float | None = None,
    ) -> None:
        self._places = places
        self._queue, self._patience_s = queue, patience_s
        self._lock = threading.Lock()
        self._free = {place: place.slots for place in places}
        self._waiting: deque[_Ticket] = deque()
        self._where: OrderedDict[str, Place] = OrderedDict()
        self._closed = False

    def start(self) -> None:
        """Have every place ready before somebody asks. Blocks for a moment.

        Raises:
            ReadingProcessLost: a process can't be started.
        """
        for place in self._places:
            place.start()

    @property
    def pids(self) -> list[int]:
        """The ids of the reading processes that run."""
        return [place.pid for place in self._places if place.pid is not None]

    async def ask(self, job: Job) -> Any:
        """Return the answer of a job. Cancelled, it leaves its place soon after. Where the reading
        process is lost meanwhile, it is asked again once.

        Raises:
            TooManyQuestions: it was not begun.
            ReadingProcessLost: the process was lost twice, or can't be started.
            TraceError, StoreError: as the job raises them.
        """
        ticket = self._enter(job)
        try:
            done = asyncio.wrap_future(ticket.done)
            await asyncio.wait({done}, timeout=self._patience_s)
            if not done.done() and self._withdraw(ticket):
                raise self._refusal(self._patience_s or 0)
            return await done
        finally:
            self._give_up(ticket)

    def ask_now(self, job: Job) -> Any:
        """As `ask`, for callers without an event loop; they wait as long as it takes."""
        return self._enter(job).done.result()

    async def page(self, order: FetchPage) -> Any:
        """Return a page of a recall, as `HeldRecalls.page`."""
        return await asyncio.wrap_future(self._holder(order.name).tell(order))

    async def release(self, order: ReleaseRecall) -> None:
        """Have a recall forgotten."""
        await asyncio.wrap_future(self._holder(order.name).tell(order))

    def close(self) -> None:
        """Refuse what waits, end the reading processes. Blocks; harmless twice."""
        with self._lock:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
        for ticket in left:
            _fail(ticket.done, ReadingProcessLost("the store is closed"))
        for place in self._places:
            place.close()

    # -------------------------------------------------------------- who is next
    def _enter(self, job: Job) -> _Ticket:
        ticket = _Ticket(job)
        with self._lock:
            if self._closed:
                raise ReadingProcessLost("the store is closed")
            place = max(self._places, key=self._free.__getitem__)
            if not self._free[place]:
                if self._queue is not None and len(self._waiting) >= self._queue:
                    raise self._refusal(0)
                self._waiting.append(ticket)
                return ticket
            self._free[place] -= 1
        ticket.place = place
        self._begin(ticket)
        return ticket

    def _refusal(self, waited_s: float) -> TooManyQuestions:
        return TooManyQuestions(len(self._waiting), waited_s)

    def _begin(self, ticket: _Ticket) -> None:
        assert ticket.place is not None
        ticket.tries += 1
        try:
            doing = ticket.place.begin(ticket.job, ticket.over)
        except (StoreError, RuntimeError) as error:  # also of an executor that is shut down
            self._leave(ticket.place)
            _fail(ticket.done, error)
            return
        ticket.doing = doing
        doing.add_done_callback(partial(self._finished, ticket))
        if ticket.over.is_set():
            ticket.place.give_up(doing)

    def _finished(self, ticket: _Ticket, doing: Future[Any]) -> None:
        assert ticket.place is not None
        error = doing.exception() if not doing.cancelled() else ReadingProcessLost("it was closed")
        if (
            isinstance(error, ReadingProcessLost)
            and ticket.tries == 1
            and not ticket.over.is_set()
            and not self._closed
        ):
            self._begin(ticket)
            return
        self._leave(ticket.place)
        if error is not None:
            _fail(ticket.done, error)
            return
        found = doing.result()
        if isinstance(found, Recalled) and found.name:
            with self._lock:
                self._where[found.name] = ticket.place
                while len(self._where) > NAMES:
                    self._where.popitem(last=False)
        if ticket.done.set_running_or_notify_cancel():
            ticket.done.set_result(found)

    def _leave(self, place: Place) -> None:
        with self._lock:
            if not self._waiting:
                self._free[place] += 1
                return
            following = self._waiting.popleft()
            following.place = place
        self._begin(following)

    def _withdraw(self, ticket: _Ticket) -> bool:
        """True where a job had not begun; it never will."""
        with self._lock:
            if ticket not in self._waiting:
                return False
            self._waiting.remove(ticket)
            return True

    def _give_up(self, ticket: _Ticket) -> None:
        ticket.over.set()
        self._withdraw(ticket)
        if ticket.done.done():
            return
        ticket.done.cancel()
        place, doing = ticket.place, ticket.doing
        if place is not None and doing is not None:
            place.give_up(doing)

    def _holder(self, name: str) -> Place:
        with self._lock:
            return self._where.get(name, self._places[0])


def _fail(done: Future[Any], error: BaseException) -> None:
    if done.set_running_or_notify_cancel():
        done.set_exception(error)
