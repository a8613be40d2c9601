"""asyncua's address space, with virtual nodes that stay while they are monitored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.nodes.book import SharedAttribute
from tracenode.server.opcua.nodes.samples import Sample
from tracenode.server.opcua.nodes.virtual import VirtualNodes

__all__ = ["TraceAddressSpace", "notify"]


def notify(cell: AttributeValue, value: ua.DataValue) -> None:
    """Tell everyone who watches a cell of its new value, which is shared by all of them.

    Who watches is called with the handle of `add_datachange_callback` and a `Sample`, and returns
    at once: it queues.
    """
    if cell.datachange_callbacks:
        sample = Sample(value)
        for handle, changed in list(cell.datachange_callbacks.items()):
            changed(handle, sample)


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
        else:
            cell.value, cell.value_callback = value, None
        notify(cell, value)

    def add_datachange_callback(
        self, nodeid: ua.NodeId, attr: AttributeIds, callback: Callable[..., Any]
    ) -> tuple[ua.StatusCode, int]:
        self._unshare(nodeid, attr)
        status, handle = super().add_datachange_callback(nodeid, attr, callback)
        if status.is_good():
            self.virtual.pin(nodeid)
        return status, handle

    def delete_datachange_callback(self, handle: int) -> None:
        """Forget a callback; the node may be gone already."""
        node_id, attr = self._handle_to_attribute_map.pop(handle, (None, None))
        if node_id is None or attr is None:
            return
        node = self._nodes.get(node_id)
        if node is not None and attr in node.attributes:
            node.attributes[attr].datachange_callbacks.pop(handle, None)
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
