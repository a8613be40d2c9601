"""asyncua's address space, with virtual nodes that stay while they are monitored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.ua.attribute_ids import AttributeIds

from tracenode.server.opcua.nodes import SharedAttribute
from tracenode.server.opcua.virtual import VirtualNodes

__all__ = ["TraceAddressSpace"]


class TraceAddressSpace(AddressSpace):
    """The nodes of the server: the real ones in a dict, the virtual ones made on demand.

    A shared constant attribute is copied before it is written or monitored, so that a change of
    one node never shows in another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.virtual = VirtualNodes(self)
        self._nodes = self.virtual  # type: ignore[assignment]

    async def write_attribute_value(
        self, nodeid: ua.NodeId, attr: AttributeIds, value: ua.DataValue
    ) -> ua.StatusCode:
        self._unshare(nodeid, attr)
        return await super().write_attribute_value(nodeid, attr, value)

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
