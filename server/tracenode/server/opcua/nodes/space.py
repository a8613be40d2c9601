"""asyncua's address space, with virtual nodes that stay while they are monitored."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.nodes.book import SharedAttribute
from tracenode.server.opcua.nodes.samples import Sample
from tracenode.server.opcua.nodes.virtual import VirtualNodes

__all__ = ["TraceAddressSpace", "Watcher", "enlist", "notify"]


class Watcher(Protocol):
    """Who is told of the changes of an attribute."""

    def changed(self, sample: Sample) -> None:
        """Take a new value; returns at once: it queues."""
        ...


def enlist(cell: AttributeValue, watcher: Watcher) -> None:
    """Tell `watcher` of all changes of a cell that is its node's own, and of a real node."""
    watchers: Any = cell.datachange_callbacks
    watchers[watcher] = None


def notify(cell: AttributeValue, value: ua.DataValue) -> None:
    """Tell everyone who watches a cell of its new value, one `Sample` that all of them share."""
    if cell.datachange_callbacks:
        sample = Sample(value)
        watchers: Any = tuple(cell.datachange_callbacks)
        for watcher in watchers:
            watcher.changed(sample)


class TraceAddressSpace(AddressSpace):
    """The nodes of the server: the real ones in a dict, the virtual ones made on demand.

    A shared constant attribute is copied before it is written or monitored, so that a change of
    one node never shows in another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        """Grows with every change of real nodes, their references and their attributes other than
        Value: what was made of those before may be wrong."""
        self.virtual = VirtualNodes(self)
        self._nodes = self.virtual  # type: ignore[assignment]

    async def write_attribute_value(
        self, nodeid: ua.NodeId, attr: AttributeIds, value: ua.DataValue
    ) -> ua.StatusCode:
        """As asyncua's, for what writes through it; a bad status carries no value."""
        node = self._nodes.get(nodeid)
        if node is None:
            return ua_status(StatusCodes.BadNodeIdUnknown)
        cell = node.attributes.get(attr)
        if cell is None:
            return ua_status(StatusCodes.BadAttributeIdInvalid)
        if value.StatusCode is not None and value.StatusCode.is_bad():
            value = dataclasses.replace(value, Value=ua.Variant(None, ua.VariantType.Null))
        elif not self._is_expected_variant_type(value, cell, node):
            return ua_status(StatusCodes.BadTypeMismatch)
        self.assign(node, attr, value)
        if attr in (AttributeIds.BrowseName, AttributeIds.DisplayName):
            self._sync_reference_names(nodeid, node, attr, value)
        return ua.StatusCode()

    def assign(self, node: NodeData, attr: AttributeIds, value: ua.DataValue) -> None:
        """Give an attribute of a node a value that was checked, and tell who watches it."""
        self._unshare(node.nodeid, attr)
        if attr != AttributeIds.Value:
            self.changes += 1
        cell = node.attributes[attr]
        if cell.value_setter is not None:
            cell.value_setter(node, attr, value)
            notify(cell, value)
        else:
            self.put(cell, value)

    @staticmethod
    def put(cell: AttributeValue, value: ua.DataValue) -> None:
        """Give a Value's own cell, which nothing sets in its place, a value that was checked."""
        cell.value, cell.value_callback = value, None
        notify(cell, value)

    @staticmethod
    def tell_gone(node: NodeData) -> None:
        """Tell who watches a node that it is there no more (OPC 10000-4 5.13.1)."""
        gone = ua.DataValue(StatusCode=ua_status(StatusCodes.BadNodeIdUnknown))
        for cell in node.attributes.values():
            notify(cell, gone)

    def watch(
        self, node_id: ua.NodeId, attr: AttributeIds, watcher: Watcher
    ) -> AttributeValue | None:
        """Tell `watcher` of all changes of an attribute from now on; returns the cell that holds
        it, None where there is no such node or attribute."""
        self._unshare(node_id, attr)
        node = self._nodes.get(node_id)
        cell: AttributeValue | None = None if node is None else node.attributes.get(attr)
        if cell is not None:
            enlist(cell, watcher)
            self.virtual.pin(node_id)
        return cell

    def unwatch(self, node_id: ua.NodeId, cell: AttributeValue, watcher: Watcher) -> None:
        """Tell a watcher of a cell nothing any more; the node may be gone already."""
        watchers: Any = cell.datachange_callbacks
        watchers.pop(watcher, None)
        self.virtual.unpin(node_id)

    def value_cell(self, node_id: ua.NodeId) -> AttributeValue | None:
        """Return where a variable's value is held, None where there is no such variable."""
        node: NodeData | None = self._nodes.get(node_id)
        return None if node is None else node.attributes.get(AttributeIds.Value)

    def _unshare(self, node_id: ua.NodeId, attr: AttributeIds) -> None:
        node = self._nodes.get(node_id)
        if node is None:
            return
        held = node.attributes.get(attr)
        if isinstance(held, SharedAttribute) and held.value is not None:
            node.attributes[attr] = AttributeValue(held.value)
            self.changes += attr == AttributeIds.Value
