"""What a mailbox stands between: the controller's registers and the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tracenode.models.events import TraceEvent
from tracenode.models.receipts import Receipt, Requester

__all__ = ["Booker", "Memory"]


class Memory(Protocol):
    """The controller's registers, offsets from each area's base.

    All raise DriverError; a read returns exactly `count` registers, each of them good, or raises:
    a block that is stale never fires a request. A read or write may be made of several telegrams.
    """

    async def read_a(self, offset: int, count: int) -> Sequence[int]: ...

    async def write_b(self, offset: int, values: Sequence[int]) -> None: ...

    async def read_b(self, offset: int, count: int) -> Sequence[int]: ...


class Booker(Protocol):
    """The one door for bookings, as a mailbox needs it."""

    async def record(
        self,
        event: TraceEvent,
        requester: Requester,
        request_id: str = "",
        *,
        natural_key: str = "",
        digest: bytes = b"",
    ) -> Receipt:
        """Book once for each request id, and once for each natural key; `digest` tells payloads
        apart.

        Raises:
            StoreError: nothing can be booked now.
        """
        ...

    async def last_request(self, requester: str) -> str:
        """Return the last request id of a requester, empty where there is none.

        Raises:
            StoreError: it can't be read now.
        """
        ...

    @property
    def healthy(self) -> bool:
        """False while nothing can be booked, as far as is known."""
        ...
