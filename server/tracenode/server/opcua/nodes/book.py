"""Plain nodes: the data asyncua keeps of a node, made directly.

asyncua's own way costs 7.6 KiB a variable and scans the parent's references for every child. Here
constant attributes are shared between nodes (`SharedAttribute`, copied on the first write, see
`space`), and a child is appended to its parent without a scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.opcua.nodes.variants import good_value, scalar

__all__ = [
    "AddressBook",
    "DuplicateNode",
    "SharedAttribute",
    "data_value",
    "method_node",
    "object_node",
    "reference",
    "reference_to",
    "variable_node",
]

A = AttributeIds
V = ua.VariantType

PLAIN = frozenset({bool, int, float, str})
MAX_NODE_ID = 120
"""Characters of a string NodeId; PLC strings hold 255 at best, with `ns=3;s=` before it."""

HAS_TYPE = ua_id(ObjectIds.HasTypeDefinition)
READABLE = ua.AccessLevel.CurrentRead.mask
HISTORY = ua.AccessLevel.HistoryRead.mask
WRITABLE = ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.CurrentWrite.mask


class DuplicateNode(ValueError):
    """A node of this id is in the address space already, or its parent is not."""


class SharedAttribute(AttributeValue):
    """A constant attribute that many nodes share; `TraceAddressSpace` copies it before a change."""


def data_value(
    value: Any,
    variant_type: ua.VariantType,
    *,
    status: int = StatusCodes.Good,
    source_time: datetime | None = None,
    is_array: bool | None = None,
) -> ua.DataValue:
    """Return a value stamped now (server) and `source_time` (device; default now).

    A bad status carries no value (OPC 10000-4 7.11).
    """
    now = datetime.now(UTC)
    if type(value) in PLAIN and not status and is_array is None:
        return good_value(scalar(value, variant_type), source_time or now, now)
    code = ua_status(status)
    if code.is_bad():
        variant = ua.Variant(None, V.Null)
    else:
        variant = ua.Variant(value, variant_type, is_array=is_array)
    source: Any = source_time or now
    server: Any = now
    return ua.DataValue(variant, code, source, server)


def _own(value: Any, variant_type: ua.VariantType) -> AttributeValue:
    return AttributeValue(ua.DataValue(ua.Variant(value, variant_type)))


@lru_cache(maxsize=512)
def _shared(value: Any, variant_type: ua.VariantType, kind: object) -> SharedAttribute:
    return SharedAttribute(ua.DataValue(ua.Variant(value, variant_type)))


def _constant(value: Any, variant_type: ua.VariantType) -> SharedAttribute:
    kind: Any = type(value)  # False, 0 and 0.0 are one dict key, but not one value
    return _shared(value, variant_type, kind)


def _base(
    node_id: ua.NodeId,
    name: ua.QualifiedName,
    node_class: ua.NodeClass,
    display: str | None,
    description: str | None,
) -> NodeData:
    node = NodeData(node_id)
    node.attributes = {
        A.NodeId: _own(node_id, V.NodeId),
        A.BrowseName: _own(name, V.QualifiedName),
        A.NodeClass: _constant(node_class, V.Int32),
        A.DisplayName: _own(ua.LocalizedText(display or name.Name), V.LocalizedText),
        A.WriteMask: _constant(0, V.UInt32),
        A.UserWriteMask: _constant(0, V.UInt32),
    }
    if description:
        node.attributes[A.Description] = _own(ua.LocalizedText(description), V.LocalizedText)
    return node


def object_node(
    node_id: ua.NodeId,
    name: ua.QualifiedName,
    type_id: ua.NodeId,
    *,
    type_name: str = "",
    display: str | None = None,
    description: str | None = None,
    notifier: bool = False,
) -> NodeData:
    """Return an object; `notifier` lets clients subscribe to its events."""
    node = _base(node_id, name, ua.NodeClass.Object, display, description)
    node.attributes[A.EventNotifier] = _constant(1 if notifier else 0, V.Byte)
    node.references.append(_type_reference(type_id, type_name, ua.NodeClass.ObjectType))
    return node


def variable_node(
    node_id: ua.NodeId,
    name: ua.QualifiedName,
    data_type: ua.NodeId,
    value: ua.DataValue,
    *,
    type_id: ua.NodeId | None = None,
    type_name: str = "",
    value_rank: int = -1,
    array_dimensions: tuple[int, ...] = (),
    display: str | None = None,
    description: str | None = None,
    writable: bool = False,
    historized: bool = False,
) -> NodeData:
    """Return a variable, read only unless `writable`; `type_id` defaults to a data variable.
    `historized`: its past can be read."""
    node = _base(node_id, name, ua.NodeClass.Variable, display, description)
    level = WRITABLE if writable else READABLE
    access = _constant(level | HISTORY if historized else level, V.Byte)
    attributes = node.attributes
    attributes[A.Value] = AttributeValue(value)
    attributes[A.DataType] = _constant(data_type, V.NodeId)
    attributes[A.ValueRank] = _constant(value_rank, V.Int32)
    if array_dimensions:
        dimensions = ua.Variant(list(array_dimensions), V.UInt32)
        attributes[A.ArrayDimensions] = AttributeValue(ua.DataValue(dimensions))
    attributes[A.AccessLevel] = attributes[A.UserAccessLevel] = access
    attributes[A.Historizing] = _constant(historized, V.Boolean)
    attributes[A.MinimumSamplingInterval] = _constant(0.0, V.Double)
    type_id = type_id or ua_id(ObjectIds.BaseDataVariableType)
    node.references.append(_type_reference(type_id, type_name, ua.NodeClass.VariableType))
    return node


def method_node(
    node_id: ua.NodeId,
    name: ua.QualifiedName,
    *,
    display: str | None = None,
    description: str | None = None,
) -> NodeData:
    """Return an executable method without its arguments."""
    node = _base(node_id, name, ua.NodeClass.Method, display, description)
    node.attributes[A.Executable] = _constant(True, V.Boolean)
    node.attributes[A.UserExecutable] = _constant(True, V.Boolean)
    return node


def reference(
    target: ua.NodeId,
    type_id: ua.NodeId,
    name: ua.QualifiedName,
    node_class: ua.NodeClass,
    *,
    display: str | None = None,
    type_definition: ua.NodeId | None = None,
    forward: bool = True,
) -> ua.ReferenceDescription:
    """Return a reference to a node that need not exist yet."""
    return ua.ReferenceDescription(
        ReferenceTypeId=type_id,
        IsForward=forward,
        NodeId=target,
        BrowseName=name,
        DisplayName=ua.LocalizedText(display or name.Name),
        NodeClass=node_class,
        TypeDefinition=type_definition or ua.NodeId(),
    )


def reference_to(
    node: NodeData, type_id: ua.NodeId, *, forward: bool = True
) -> ua.ReferenceDescription:
    """Return a reference of `type_id` to `node`, its names copied."""
    return ua.ReferenceDescription(
        ReferenceTypeId=type_id,
        IsForward=forward,
        NodeId=node.nodeid,
        BrowseName=attribute(node, A.BrowseName),
        DisplayName=attribute(node, A.DisplayName),
        NodeClass=ua.NodeClass(attribute(node, A.NodeClass)),
        TypeDefinition=type_definition(node) or ua.NodeId(),
    )


@lru_cache(maxsize=512)
def _type_reference(
    type_id: ua.NodeId, type_name: str, node_class: ua.NodeClass
) -> ua.ReferenceDescription:
    name = ua.QualifiedName(type_name, type_id.NamespaceIndex)
    return reference(type_id, HAS_TYPE, name, node_class)


def attribute(node: NodeData, attribute_id: AttributeIds) -> Any:
    """Return the value of an attribute, None where the node has none."""
    held = node.attributes.get(attribute_id)
    if held is None or held.value is None or held.value.Value is None:
        return None
    return held.value.Value.Value


def type_definition(node: NodeData) -> ua.NodeId | None:
    """Return the type of an object or variable."""
    for link in node.references:
        if link.IsForward and link.ReferenceTypeId == HAS_TYPE:
            target: ua.NodeId = link.NodeId
            return target
    return None


class AddressBook:
    """Adds nodes and references directly; every cost is per node, never per sibling."""

    def __init__(self, space: AddressSpace, changed: Callable[[], None]) -> None:
        """`changed` is called after every change of references."""
        self._space = space
        self._changed = changed

    def add(self, node: NodeData, parent: ua.NodeId, reference_type: ua.NodeId) -> None:
        """Add `node` below `parent`, with references in both directions.

        Raises:
            DuplicateNode: the id is taken, too long, or the parent is unknown.
        """
        node_id = node.nodeid
        if node_id in self._space:
            raise DuplicateNode(f"expected a new node id, {node_id.to_string()} exists")
        if isinstance(node_id.Identifier, str) and len(node_id.Identifier) > MAX_NODE_ID:
            raise DuplicateNode(
                f"expected at most {MAX_NODE_ID} characters, {node_id.Identifier!r} is longer"
            )
        above = self._space.get(parent)
        if above is None:
            raise DuplicateNode(f"expected an existing parent, found {parent.to_string()}")
        node.references.append(reference_to(above, reference_type, forward=False))
        self._space[node_id] = node
        above.references.append(reference_to(node, reference_type))
        self._changed()

    def add_many(
        self, nodes: Iterable[NodeData], parent: ua.NodeId, reference_type: ua.NodeId
    ) -> None:
        """Add many nodes below one parent; errors as `add`."""
        for node in nodes:
            self.add(node, parent, reference_type)

    def link(self, source: ua.NodeId, reference_type: ua.NodeId, target: ua.NodeId) -> None:
        """Add a reference between two existing nodes, both directions; once per pair and type.

        Raises:
            DuplicateNode: one of the two is unknown.
        """
        ends = self._space.get(source), self._space.get(target)
        if ends[0] is None or ends[1] is None:
            missing = source if ends[0] is None else target
            raise DuplicateNode(f"expected an existing node, found {missing.to_string()}")
        if not any(
            link.IsForward and link.NodeId == target and link.ReferenceTypeId == reference_type
            for link in ends[0].references
        ):
            ends[0].references.append(reference_to(ends[1], reference_type))
            ends[1].references.append(reference_to(ends[0], reference_type, forward=False))
            self._changed()

    def remove(self, node_id: ua.NodeId) -> None:
        """Remove one node and the references to it from the nodes it refers to."""
        node = self._space.get(node_id)
        if node is None:
            return
        for link in node.references:
            other = self._space.get(link.NodeId)
            if other is not None:
                other.references[:] = [r for r in other.references if r.NodeId != node_id]
        del self._space[node_id]
        self._changed()
