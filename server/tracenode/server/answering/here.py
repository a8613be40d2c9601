"""Answering in this process."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from tracenode.models.errors import TracenodeError
from tracenode.server.answering.held import HeldRecalls
from tracenode.server.answering.jobs import Job, Order
from tracenode.server.store.reading.readers import WIDE, Readers

__all__ = ["Here"]


class Here:
    """The threads of this process for what may read much."""

    slots = WIDE
    pid = None

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._held = HeldRecalls()

    def begin(self, job: Job, over: threading.Event) -> Future[Any]:
        """Do a job on a thread; once `over` is set it is given up soon."""
        return self._readers.submit(
            lambda connection: job.done(connection, self._held, over), wide=True
        )

    def give_up(self, doing: Future[Any]) -> None:
        """Its event says so already."""

    def tell(self, order: Order) -> Future[Any]:
        """Obey an order."""
        done: Future[Any] = Future()
        try:
            done.set_result(order.obeyed(self._held))
        except TracenodeError as error:
            done.set_exception(error)
        return done

    def start(self) -> None:
        """There is nothing to start."""

    def close(self) -> None:
        """The threads are the store's."""
