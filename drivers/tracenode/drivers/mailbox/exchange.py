"""The state machine of docs/handshake.md, whichever way a request comes: which one it is, booked at
most once, answered with what is durable. No I/O but through its neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from tracenode.drivers.mailbox.neighbours import Booker
from tracenode.drivers.mailbox.sequence import CycleRequests, Sequence, Step, following
from tracenode.models.errors import MalformedRequest, StoreError, TraceError
from tracenode.models.events import Gap, Hold, Reject, TraceEvent
from tracenode.models.receipts import Receipt, Requester

__all__ = ["BUSY_RETRY_S", "Asked", "Client", "Exchange", "Settled"]

BUSY_RETRY_S: Final = 0.5
MAX_REASON: Final = 254


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it stands in a mailbox.

    `digest` tells its payload from another one; `unread` is the digest that it is recorded under
    where it can't be read, never that of one which is booked, so that a mended payload under the
    same sequence is a conflict and not a GO. `raw` is what is recorded of it then, hexadecimal.
    """

    boot: int
    number: int
    digest: bytes
    unread: bytes
    raw: str
    user: str = ""
    bypassed: bool = False
    """It tells of what was done without trace: the unit is held where it is refused."""
    unit: str = ""
    """What it is about, where the rest can't be read."""
    kept: bool = False
    """It comes out of the controller's memory: what is missing before it did not fit there."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a request is answered with: the receipt, or `fault` where it could not be read."""

    receipt: Receipt
    fault: TraceError | None = None


class Client(Protocol):
    """The side that asks, while its request can't be stored."""

    async def busy(self, asked: Asked, text: str) -> None:
        """Show that nothing is acknowledged yet, and why."""
        ...

    async def withdrawn(self, asked: Asked) -> bool:
        """True where the request does not stand any more."""
        ...


class Exchange:
    """Serves the requests of one mailbox, one after the other.

    What was asked is booked at most once, whichever side restarts at whichever step: the request
    id is (round, boot id, sequence) and is looked up in the journal, not in memory.
    """

    def __init__(
        self, station: str, requester: str, booker: Booker, client: Client, *, device: str = ""
    ) -> None:
        """`requester`: who asks, the same for ever; begins with `mailbox:`."""
        self._station, self._requester, self._device = station, requester, device
        self._booker, self._client = booker, client
        self._last: Sequence | None = None
        self._cycle = CycleRequests()
        self.durable = True
        """False from a failed attempt to record until one that works."""
        self.busy = 0
        """Attempts to record that failed and were made again."""

    async def resume(self) -> None:
        """Go on after the last request that was answered.

        Raises:
            StoreError: it can't be read now.
        """
        self._last = Sequence.read(await self._booker.last_request(self._requester))

    async def serve(
        self, asked: Asked, read: Callable[[], tuple[TraceEvent, int]]
    ) -> Settled | None:
        """Book a request and return its answer; None where it was withdrawn meanwhile. `read`
        returns its event and its cycle counter (0: none), or raises a TraceError."""
        try:
            step = following(self._last, asked.boot, asked.number)
        except MalformedRequest as error:
            return await self._refuse_out_of_order(asked, error)
        fault: TraceError | None = None
        digest, key = asked.digest, ""
        try:
            event, cycle = read()
            key = self._cycle.key(step.sequence, cycle, digest)
        except TraceError as error:
            fault, event, digest = error, self._rejection(asked, error), asked.unread
        if not await self._record_gap(step, asked):
            return None
        receipt = await self._until_durable(
            event, "", step.sequence.request_id, key=key, digest=digest, asked=asked
        )
        if receipt is None:
            return None
        self._last = step.sequence
        settled = Settled(receipt, None if receipt.refused else fault)
        if asked.bypassed and (receipt.refused or fault):
            await self._hold(event, settled, step.sequence.request_id, key, asked)
        return settled

    async def note(self, event: TraceEvent, part: str, request_id: str) -> bool:
        """Record something beside the requests once; False where nothing can be recorded now."""
        try:
            await self._booker.record(event, self._of(part), request_id)
        except StoreError:
            self.durable = False
            return False
        self.durable = True
        return True

    async def last_note(self, part: str) -> str:
        """Return the request id of the last note of a kind; empty where there is none.

        Raises:
            StoreError: it can't be read now.
        """
        return await self._booker.last_request(self._of(part).name)

    # ------------------------------------------------------------ recording
    def _of(self, part: str, user: str = "") -> Requester:
        """Who asks for what is recorded beside the client's own requests, or for these."""
        return Requester(f"{self._requester}/{part}" if part else self._requester, user)

    def _rejection(self, asked: Asked, error: TraceError) -> Reject:
        """Return the record of a request that can't be read: its bytes, and what is wrong."""
        reason = str(error)[:MAX_REASON]
        return Reject(station=self._station, device=self._device, raw=asked.raw, reason=reason)

    async def _refuse_out_of_order(self, asked: Asked, error: MalformedRequest) -> Settled | None:
        """Refuse a sequence that ran backwards: it may be any request of long ago, so nothing is
        looked up by it, and what follows is still judged by the last good one."""
        last = self._last.request_id if self._last else ""
        request_id = f"{last}>{asked.boot}.{asked.number}.{asked.unread.hex()}"
        receipt = await self._until_durable(
            self._rejection(asked, error), "backwards", request_id, digest=asked.unread, asked=asked
        )
        return None if receipt is None else Settled(receipt, error)

    async def _record_gap(self, step: Step, asked: Asked) -> bool:
        """Record requests that were never seen, once; False where the request was withdrawn."""
        if not step.missing:
            return True
        gap = Gap(
            station=self._station,
            device=self._device,
            kind="fifo" if asked.kept else "handshake",
            missing=step.missing,
            expected=step.expected,
            found=step.sequence.number,
        )
        receipt = await self._until_durable(gap, "gap", step.sequence.request_id, asked=asked)
        return receipt is not None

    async def _hold(
        self, event: TraceEvent, settled: Settled, request_id: str, key: str, asked: Asked
    ) -> None:
        """Hold the unit that a refused request is about: the work is done, and was not allowed."""
        item = getattr(event, "item", "") or getattr(event, "parent", "") or asked.unit
        if not item:
            return
        why = str(settled.fault) if settled.fault else settled.receipt.text
        reason = f"done without trace, refused afterwards: {why}"[:MAX_REASON]
        hold = Hold(station=self._station, device=self._device, item=item, reason=reason)
        held = None
        while held is None:  # even where the request was withdrawn meanwhile
            held = await self._until_durable(hold, "held", request_id, key=key, asked=asked)

    async def _until_durable(
        self,
        event: TraceEvent,
        part: str,
        request_id: str,
        *,
        key: str = "",
        digest: bytes = b"",
        asked: Asked,
    ) -> Receipt | None:
        """Record until it is durable; meanwhile the client sees BUSY. None where it has withdrawn
        its request."""
        requester = self._of(part, asked.user)
        while True:
            try:
                receipt = await self._booker.record(
                    event, requester, request_id, natural_key=key, digest=digest
                )
            except StoreError as error:
                self.durable = False
                self.busy += 1
                await self._client.busy(asked, str(error))
                await asyncio.sleep(BUSY_RETRY_S)
                if await self._client.withdrawn(asked):
                    return None
            else:
                self.durable = True
                return receipt
