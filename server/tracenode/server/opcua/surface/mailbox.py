"""The mailbox of variables: a station's requests from clients that can only read and write.

The requests, their numbering and their answers are those of the register handshake
(docs/handshake.md); here they stand in variables of the server, so a Write is what a poll is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.drivers.mailbox.exchange import Asked, Exchange, Settled
from tracenode.drivers.mailbox.layout import Result
from tracenode.drivers.mailbox.neighbours import Booker
from tracenode.drivers.mailbox.requests import result_of
from tracenode.models.config import StationConfig
from tracenode.models.events import TraceEvent
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.values import NewValue, Values
from tracenode.server.opcua.surface.mailbox_request import (
    NUMBER,
    PREFIX,
    REQUEST,
    event_of,
    given_text,
)
from tracenode.server.opcua.surface.tree import Members
from tracenode.server.opcua.tasks import Tasks

__all__ = ["LEASE_S", "VariableMailbox"]

LEASE_S: Final = 30.0
"""How long a mailbox stays its client's after the last Write, unless the client gives it back."""
MAX_RAW: Final = 8_192
"""Bytes of a request that can't be read which are recorded."""


class VariableMailbox:
    """One station's mailbox. All of it happens on the event loop's thread."""

    def __init__(  # noqa: PLR0917
        self,
        station: StationConfig,
        members: Members,
        values: Values,
        space: TraceAddressSpace,
        booker: Booker,
        is_open: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        """`is_open` says whether a session still is; `clock` is monotonic, in seconds."""
        self._station, self._values, self._space = station, values, space
        self._is_open, self._clock = is_open, clock
        self._nodes = {
            path.removeprefix(PREFIX): node_id
            for path, node_id in members.items()
            if path.startswith(PREFIX)
        }
        self._names = {node_id: name for name, node_id in self._nodes.items()}
        self._exchange = Exchange(station.id, f"mailbox:{station.id}/variables", booker, self)
        self._tasks = Tasks()
        self._owner = ""
        self._since = 0.0
        self._given: set[str] = set()
        """What the owner has written; what others left is not part of its requests."""
        self._next: tuple[Asked, dict[str, Any]] | None = None
        self._serving: Asked | None = None

    @property
    def requests(self) -> Sequence[ua.NodeId]:
        """The variables that a client writes."""
        return [self._nodes[name] for name in (*REQUEST, "BootId", NUMBER)]

    async def resume(self) -> None:
        """Go on after the last request that was answered.

        Raises:
            StoreError: it can't be read.
        """
        await self._exchange.resume()

    async def close(self) -> None:
        """End what is being served: what is booked is booked."""
        await self._tasks.close(0)

    # -------------------------------------------------------------- the client writes
    def claim(self, session_id: str) -> int | None:
        """Give the mailbox to the first session that writes; another one is refused until the owner
        has written RequestSequence 0, its session ends, or it wrote nothing for LEASE_S and no
        request of it is being booked."""
        now = self._clock()
        if session_id != self._owner:
            if self._owner and self._is_open(self._owner):
                at_work = self._serving is not None or self._next is not None
                if at_work or now - self._since < LEASE_S:
                    return int(StatusCodes.BadInvalidState)
            self._owner = session_id
            self._given.clear()
        self._since = now
        return None

    def written(self, node_ids: Sequence[ua.NodeId], session_id: str, user: str) -> None:
        """Take a Write; one of RequestSequence is a request."""
        names = {self._names[node_id] for node_id in node_ids}
        self._given |= names
        if NUMBER not in names:
            return
        number = self._number()
        if not number:
            if self._serving is None:
                self._owner = ""
            return
        payload = {name: self._value(name) for name in REQUEST}
        asked = _asked(self._value("BootId") or 0, number, payload, user)
        if asked == self._serving and self._next is None:
            return
        self._next = asked, payload
        if self._serving is None:
            self._serving = asked
            self._tasks.start(self._serve())

    def _read(self, node_id: ua.NodeId) -> Any:
        held = self._space.read_attribute_value(node_id, AttributeIds.Value)
        return None if held.Value is None else held.Value.Value

    def _number(self) -> int:
        return int(self._read(self._nodes[NUMBER]) or 0)

    def _value(self, name: str) -> Any:
        held = self._read(self._nodes[name]) if name in self._given else None
        return REQUEST.get(name) if held is None else held

    # -------------------------------------------------------------- the server answers
    async def _serve(self) -> None:
        try:
            while self._next is not None:
                asked, payload = self._serving, _ = self._next
                self._next = None
                await self._hide(asked)

                def read(payload: Mapping[str, Any] = payload) -> tuple[TraceEvent, int]:
                    return event_of(payload, self._station)

                settled = await self._exchange.serve(asked, read)
                if settled is not None:
                    await self._answer(asked, settled)
        finally:
            self._serving = None

    async def _hide(self, asked: Asked) -> None:
        """A client that asks again under the number answered last must not take the old answer."""
        if self._read(self._nodes["ResponseSequence"]) == asked.number:
            await self._show(ResponseSequence=0)

    async def busy(self, asked: Asked, text: str) -> None:
        """BUSY leaves ResponseSequence unchanged: nothing is acknowledged."""
        await self._show(BootIdEcho=asked.boot, Result=int(Result.Busy), StatusText=text[:254])

    async def withdrawn(self, asked: Asked) -> bool:
        """True where another request was written, or 0."""
        return self._next is not None or not self._number()

    async def _answer(self, asked: Asked, settled: Settled) -> None:
        receipt, fault = settled.receipt, settled.fault
        status = receipt.status if fault is None else fault.status
        result = result_of(status) if fault is None else Result.Rejected
        await self._show(
            BootIdEcho=asked.boot,
            Result=int(result),
            Status=int(TraceStatus.Ok if not status.refused else status),
            StatusText=(receipt.text if fault is None else str(fault))[:254],
            NextStep="" if fault else receipt.next_step,
            Recipe="" if fault else receipt.recipe,
            AssignedId="" if fault else receipt.item,
            EventSequence=0 if fault else receipt.sequence,
            TransactionId=receipt.position & 0xFFFF_FFFF,
            ResponseSequence=asked.number,
        )
        self._since = self._clock()

    async def _show(self, **values: Any) -> None:
        """Set variables in the order given."""
        await self._values.set_many(
            NewValue(self._nodes[name], value) for name, value in values.items()
        )


def _asked(boot: int, number: int, payload: Mapping[str, Any], user: str) -> Asked:
    raw = given_text(payload).encode()
    return Asked(
        boot=int(boot),
        number=number,
        digest=hashlib.sha256(raw).digest()[:16],
        unread=hashlib.sha256(b"refused" + raw).digest()[:16],
        raw=raw[:MAX_RAW].hex(),
        user=user,
    )
