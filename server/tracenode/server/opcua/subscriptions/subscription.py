"""One subscription: its publishing cycle, its messages, its life (OPC 10000-4 5.14.1)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.subscriptions.items import DataItem, Item
from tracenode.server.opcua.subscriptions.messages import (
    Notifications,
    Retained,
    following,
    keep_alive,
    notification_message,
    publish_response,
    status_change,
)
from tracenode.server.opcua.subscriptions.publishing import PublishQueue, PublishRequest
from tracenode.server.opcua.subscriptions.queues import Budget

__all__ = ["Owner", "Subscription", "Terms"]

S = StatusCodes
OVERHEAD = 2_048
"""Bytes of a message beside its notifications: headers, acknowledgements, sequence numbers."""
SPARE = 100
"""Items in `ready` that may have been deleted, beside as many as there are twice."""
Owner = tuple[object, str]
"""Whom a subscription belongs to when its session is gone: user and client application."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed on; `interval` in seconds, `life` and `keep_alive` in cycles."""

    interval: float
    life: int
    keep_alive: int
    per_message: int
    priority: int


class Subscription:
    """One subscription with its monitored items.

    Everything happens on the event loop's thread, and nothing waits: a timer ends each publishing
    cycle, and a message goes out where its session has a Publish request.
    """

    def __init__(  # noqa: PLR0917
        self,
        number: int,
        owner: Owner,
        terms: Terms,
        limits: Limits,
        budget: Budget,
        expired: Callable[[Subscription], None],
    ) -> None:
        self.number = number
        self.owner = owner
        self.session_id: ua.NodeId | None = None
        self.terms = terms
        self.enabled = True
        self.hears: Callable[[int], bool] = bool
        """Whether its session hears an event that is for these roles."""
        self.items: dict[int, Item] = {}
        self.retained = Retained(limits.retained_messages, limits.retained_bytes)
        self.budget = Budget(limits.queued_bytes, limits.queued_notifications, budget)
        self._limits = limits
        self._expired = expired
        self._queue: PublishQueue | None = None
        self.ready: deque[Item] = deque()
        self._sequence = 1
        self._last_item = 0
        self._has_spoken = False
        self._cycles_silent = 0
        self._cycles_alone = 0
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + terms.interval
        self._timer: asyncio.TimerHandle | None = self._loop.call_at(self._due, self._tick)

    # ------------------------------------------------------------------ life
    @property
    def priority(self) -> int:
        """The greater is served first."""
        return self.terms.priority

    @property
    def next_sequence(self) -> int:
        """The sequence number of the next message with notifications."""
        return self._sequence

    @property
    def ends(self) -> float:
        """The time of the event loop at which it ends without its client."""
        return self._due + (self.terms.life - self._cycles_alone) * self.terms.interval

    @property
    def queue(self) -> PublishQueue | None:
        """The Publish requests that it uses; None while it belongs to no session."""
        return self._queue

    def attach(
        self, session_id: ua.NodeId, queue: PublishQueue, hears: Callable[[int], bool]
    ) -> None:
        """Use the Publish requests of this session, and its rights, from now on."""
        self.detach()
        self.session_id, self._queue, self.hears = session_id, queue, hears
        queue.attach(self)
        self.touch()

    def detach(self) -> None:
        """Belong to no session; it goes on until its life ends."""
        if self._queue is not None:
            self._queue.detach(self)
        self.session_id, self._queue = None, None

    def touch(self) -> None:
        """Its client has asked for something: its life begins anew."""
        self._cycles_alone = 0

    def change(self, terms: Terms) -> None:
        """Go on with other terms; the cycle starts again."""
        self.terms = terms
        self.touch()
        if self._timer is not None:
            self._timer.cancel()
            self._due = self._loop.time() + terms.interval
            self._timer = self._loop.call_at(self._due, self._tick)

    def close(self) -> None:
        """End it; nothing is sent any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for item in self.items.values():
            item.close()
        self.items.clear()
        self.ready.clear()
        self.detach()

    def last_word(self, code: int) -> bytes:
        """Return the message that tells what became of it."""
        return status_change(self._sequence, code)

    # ------------------------------------------------------------------ items
    def new_number(self) -> int:
        """Return an id for a new item."""
        self._last_item += 1
        return self._last_item

    def tidy(self) -> None:
        """Let go of deleted items, once they are most of those that were ready."""
        ready = self.ready
        if len(ready) <= 2 * len(self.items) + SPARE:
            return
        for _ in range(len(ready)):
            item = ready.popleft()
            if item.waiting:
                ready.append(item)
            else:
                item.is_ready = False

    def resend(self) -> None:
        """Tell the value of now of every reporting item (SendInitialValues)."""
        for item in self.items.values():
            if isinstance(item, DataItem):
                item.resend()

    # ------------------------------------------------------------------ publishing
    def _tick(self) -> None:
        """A publishing cycle ends."""
        now = self._loop.time()
        self._due = max(self._due + self.terms.interval, now)
        self._timer = self._loop.call_at(self._due, self._tick)
        self._cycles_alone += 1
        self._cycles_silent += 1
        if self._cycles_alone > self.terms.life:
            self._expire()
            return
        queue = self._queue
        if queue is None:
            return
        queue.expire(now)
        if (
            not self._has_spoken
            or (self.enabled and self._has_news())
            or self._cycles_silent >= self.terms.keep_alive
        ):
            queue.want(self, now)

    def publish(self, request: PublishRequest) -> bool:
        """Answer a Publish request; True where there is more to say at once."""
        self._has_spoken = True
        self._cycles_silent = self._cycles_alone = 0
        sequence, more = self._sequence, False
        if self.enabled and self._has_news():
            message = self._message(sequence, request.room)
            self.retained.keep(sequence, message)
            self._sequence = following(sequence)
            more = self._has_news()
        else:
            message = keep_alive(sequence)
        request.answer(
            publish_response(
                request.handle,
                self.number,
                self.retained.sequences,
                more,
                message,
                request.results,
            )
        )
        return more

    def _message(self, sequence: int, longest: int) -> bytes:
        size = min(self._limits.message_bytes, max(longest - OVERHEAD, 1))
        told = Notifications(self.terms.per_message, size)
        ready = self.ready
        try:
            while ready and told.room > 0 and told.size > 0 and ready[0].take(told):
                ready.popleft().is_ready = False
        finally:
            self.budget.give_back(told.freed, told.taken)
        return notification_message(sequence, told.data, told.events)

    def _has_news(self) -> bool:
        """True where an item has something to be told; those that were switched off go."""
        ready = self.ready
        while ready and not ready[0].waiting:
            ready.popleft().is_ready = False
        return bool(ready)

    def _expire(self) -> None:
        queue, number = self._queue, self.number
        if queue is not None:
            queue.notice(number, self.last_word(S.BadTimeout), self._loop.time())
        self._expired(self)
