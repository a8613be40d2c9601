"""Which nodes that are made on demand may be others after some records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from asyncua import ua

from tracenode.models.events import (
    Consume,
    Correct,
    Empty,
    Fill,
    Hold,
    Master,
    Release,
    Scrap,
    Ship,
    Transfer,
    Void,
)
from tracenode.models.receipts import Record
from tracenode.server.opcua.nodes.virtual import VirtualNodes
from tracenode.server.opcua.surface.items import Items
from tracenode.server.opcua.surface.keys import item_id
from tracenode.server.opcua.surface.masters import Masters
from tracenode.server.opcua.surface.telling import is_lot
from tracenode.server.store.projecting.references import named
from tracenode.server.store.reading.catalogue import Catalogue

__all__ = ["Touched"]

WIDE: Final = (Hold, Release, Void, Correct)
"""Events that change more items than they name."""
REFILLING: Final = (Empty, Fill, Scrap, Ship, Transfer)
"""Events that change the contents of what they name too."""


class Touched:
    """Says which of the items, materials and orders that are held."""

    def __init__(
        self,
        virtual: VirtualNodes,
        catalogue: Catalogue,
        *,
        items: Items,
        materials: Masters,
        orders: Masters,
    ) -> None:
        self._virtual, self._catalogue = virtual, catalogue
        self._items, self._materials, self._orders = items, materials, orders

    def by(self, records: Iterable[Record]) -> Iterator[ua.NodeId]:
        """Yield the ids of the nodes that some records, which are told, may have changed."""
        events = [record.event for record in records if record.refusal is None]
        if any(isinstance(event, WIDE) for event in events):
            yield from self._virtual.held()
            return
        items: dict[str, None] = {}
        owners: set[str] = set()
        for record in records:
            if record.refusal is None:
                items.update(dict.fromkeys((*named(record.event), record.item)))
        for event in events:
            if isinstance(event, Master):
                yield from self._defined(event)
            if isinstance(event, REFILLING) or (isinstance(event, Consume) and is_lot(event.item)):
                owners.update(str(item_id(item).Identifier) for item in named(event))
        items.pop("", None)
        for item in items:
            yield from self._items.nodes_of(item)
        for order in self._catalogue.orders_of(items):
            yield from self._orders.nodes_of(order)
        if owners:
            for node_id in self._virtual.held():
                if str(node_id.Identifier).rpartition("~s")[0] in owners:
                    yield node_id

    def _defined(self, event: Master) -> Iterator[ua.NodeId]:
        if event.kind == "order":
            yield from self._orders.nodes_of(event.key)
        elif event.kind == "material":
            yield from self._materials.nodes_of(event.key)
            yield from self._virtual.held()  # items refer to their material
