"""The methods of Items: which items the folder lists whatever their state."""

from __future__ import annotations

from tracenode.models.answers import ItemAnswer, ItemDetail
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.booking import reference
from tracenode.server.store.state.pins import pin, pins, unpin
from tracenode.server.store.writing.journal import now
from tracenode.server.trace import Trace

__all__ = ["PinMethods"]


class PinMethods:
    """The handlers, and the public ids of what is pinned, the one pinned last first. They outlive
    the server and are no part of the trace (ADR 010)."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.pinned: tuple[str, ...] = ()

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {"PinItem": self.pin_item, "UnpinItem": self.unpin_item}

    async def load(self) -> None:
        """Read what is pinned.

        Raises:
            StoreError: it can't be read.
        """
        none: tuple[str, ...] = ()
        self.pinned = await self._trace.store.state.read(pins, none)

    async def pin_item(self, call: CallContext, *, item_id: str | None) -> dict[str, object]:
        item = await self._item(item_id)
        await self._trace.store.state.write(lambda connection: pin(connection, item, now()))
        await self.load()
        return {}

    async def unpin_item(self, call: CallContext, *, item_id: str | None) -> dict[str, object]:
        item = await self._item(item_id)
        await self._trace.store.state.write(lambda connection: unpin(connection, item))
        await self.load()
        return {}

    async def _item(self, item_id: str | None) -> str:
        answer: ItemAnswer = await self._trace.ask(ItemDetail(item=reference(item_id)))
        return answer.view.item
