"""Publish requests of one session: who is answered with which of them (OPC 10000-4 5.14.1, 5.14.5).

Requests wait in the order in which they came. A subscription that has something to say and finds
none is late; the next request goes to the late one of the highest priority, among equals to the one
that has waited longest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.subscriptions.messages import publish_response

__all__ = ["PublishQueue", "PublishRequest", "Publisher"]

S = StatusCodes
MAX_NOTICES = 100
"""Last messages of subscriptions that are gone, waiting for a request."""


@dataclass(slots=True)
class PublishRequest:
    """A request that waits. `answer` sends a response, `fault` a ServiceFault with its code."""

    handle: int
    results: list[int]
    answer: Callable[[bytes], None]
    fault: Callable[[int], None]
    connection: object
    ends: float | None
    """Time of the event loop after which its client no longer waits; None: it waits for ever."""
    is_read: Callable[[], bool] = lambda: True
    """Whether its client reads what it is sent; nothing is made while it does not."""
    room: int = 2**31
    """The longest answer, in bytes, that the client takes."""


class Publisher(Protocol):
    """A subscription, as its session's queue sees it."""

    @property
    def priority(self) -> int:
        """The greater is served first."""
        ...

    def publish(self, request: PublishRequest) -> bool:
        """Answer the request; True where there is more to say."""
        ...


class PublishQueue:
    """The Publish requests of one session."""

    def __init__(self, beyond: int) -> None:
        self._beyond = beyond
        self._requests: deque[PublishRequest] = deque()
        self._late: dict[Publisher, None] = {}
        self._notices: deque[tuple[int, bytes]] = deque(maxlen=MAX_NOTICES)
        self.publishers: dict[Publisher, None] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def attach(self, publisher: Publisher) -> None:
        """Let a subscription use the requests of this session."""
        self.publishers[publisher] = None

    def detach(self, publisher: Publisher) -> None:
        """The subscription is gone; without any left, waiting requests are answered so."""
        self.publishers.pop(publisher, None)
        self._late.pop(publisher, None)
        if not self.publishers and not self._notices:
            self.refuse_all(S.BadNoSubscription)

    def add(self, request: PublishRequest, now: float) -> None:
        """Take a new request: answer it at once where a subscription is late.

        Raises:
            ServiceError: BadNoSubscription.
        """
        if not self.publishers and not self._notices:
            raise ServiceError(S.BadNoSubscription)
        self.expire(now)
        if len(self._requests) >= len(self.publishers) + self._beyond:
            self._requests.popleft().fault(S.BadTooManyPublishRequests)
        self._requests.append(request)
        self._serve(now)

    def want(self, publisher: Publisher, now: float) -> None:
        """A subscription has something to say: answer a request, or wait for one."""
        self._late[publisher] = None
        self._serve(now)

    def is_late(self, publisher: Publisher) -> bool:
        """True where a subscription waits for a request."""
        return publisher in self._late

    def notice(self, subscription_id: int, message: bytes, now: float) -> None:
        """Send the last message of a subscription that is gone."""
        self._notices.append((subscription_id, message))
        self._serve(now)

    def expire(self, now: float) -> None:
        """Answer requests whose clients wait no longer with BadTimeout."""
        kept: deque[PublishRequest] = deque()
        for request in self._requests:
            if request.ends is not None and request.ends <= now:
                request.fault(S.BadTimeout)
            else:
                kept.append(request)
        self._requests = kept

    def cancel(self, handle: int) -> int:
        """Answer requests of this handle as cancelled; returns how many those were."""
        found = [request for request in self._requests if request.handle == handle]
        for request in found:
            self._requests.remove(request)
            request.fault(S.BadRequestCancelledByClient)
        return len(found)

    def forget(self, connection: object) -> None:
        """Drop the requests of a connection that is lost; nobody can be answered there."""
        self._requests = deque(r for r in self._requests if r.connection is not connection)

    def refuse_all(self, code: int) -> None:
        """Answer all that wait with a ServiceFault."""
        requests, self._requests = self._requests, deque()
        for request in requests:
            request.fault(code)

    def _serve(self, now: float) -> None:
        while self._requests and (self._notices or self._late):
            request = self._requests.popleft()
            if not request.is_read():
                self._requests.appendleft(request)
                return
            if request.ends is not None and request.ends <= now:
                request.fault(S.BadTimeout)
            elif self._notices:
                number, message = self._notices.popleft()
                request.answer(
                    publish_response(request.handle, number, (), False, message, request.results)
                )
            else:
                first = max(self._late, key=lambda one: one.priority)  # the first of equals
                del self._late[first]
                if first.publish(request):
                    self._late[first] = None
        if not self.publishers and not self._notices:
            self.refuse_all(S.BadNoSubscription)
