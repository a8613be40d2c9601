"""Objects of a type, under string NodeIds.

asyncua's `instantiate` makes placeholders into nodes, forgets what a member's own type declares,
and costs 7.5 ms an object. Here a type is read once into a plan, and nodes are made directly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.gateway import MethodGateway
from tracenode.server.opcua.nodes.book import (
    AddressBook,
    SharedAttribute,
    attribute,
    data_value,
    method_node,
    object_node,
    type_definition,
    variable_node,
)
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import Declaration, Rule, TypeTree

__all__ = ["Instantiator", "UnknownMember"]

A = AttributeIds
MAX_DEPTH = 8
"""Members within members; a type that contains itself ends here."""


class UnknownMember(ValueError):
    """A member was chosen, or given a value, that the type does not declare."""


class Instantiator:
    """Makes objects of types: mandatory members, chosen optional ones, never placeholders."""

    def __init__(
        self, space: TraceAddressSpace, types: TypeTree, book: AddressBook, gateway: MethodGateway
    ) -> None:
        self._space = space
        self._types = types
        self._book = book
        self._gateway = gateway
        self._shared: dict[ua.NodeId, dict[AttributeIds, SharedAttribute]] = {}

    def create(
        self,
        type_id: ua.NodeId,
        node_id: ua.NodeId,
        name: str,
        *,
        parent: ua.NodeId,
        reference_type: ua.NodeId | None = None,
        optional: Collection[str] = (),
        values: Mapping[str, Any] | None = None,
        display: str | None = None,
        description: str | None = None,
        notifier: bool = False,
        writable: Collection[str] = (),
        initial_status: int = StatusCodes.BadWaitingForInitialData,
    ) -> dict[str, ua.NodeId]:
        """Create an object and return its members' ids by path, such as `CurrentItem.ItemId`.

        A member's id is its parent's with `.` and its browse name. `optional`, `writable` and the
        keys of `values` are such paths; an optional member inside an optional one needs both.
        `notifier`: whether clients subscribe to its events.
        `reference_type` from the parent defaults to HasComponent. A variable without a value has
        `initial_status` until `Values.set`.

        Raises:
            UnknownMember: a path that the type does not declare.
            DuplicateNode: an id that exists already, or no such parent.
        """
        kind = self._space[type_id]
        node = object_node(
            node_id,
            ua.QualifiedName(name, node_id.NamespaceIndex),
            type_id,
            type_name=attribute(kind, A.BrowseName).Name,
            display=display,
            description=description or _text(kind, A.Description),
            notifier=notifier,
        )
        self._book.add(node, parent, reference_type or ua_id(ObjectIds.HasComponent))
        work = _Work(frozenset(optional), dict(values or {}), frozenset(writable), initial_status)
        self._members(type_id, node_id, "", work, 0)
        unknown = (work.optional | work.writable | work.values.keys()) - work.made.keys()
        if unknown:
            raise UnknownMember(
                f"{name}: expected members of {attribute(kind, A.BrowseName).Name}, "
                f"found {sorted(unknown)}"
            )
        return work.made

    def _members(
        self, source: ua.NodeId, owner: ua.NodeId, path: str, work: _Work, depth: int
    ) -> None:
        if depth >= MAX_DEPTH:
            return
        for declaration in self._types.declarations(source):
            name = declaration.name.Name or ""
            below = f"{path}.{name}" if path else name
            wanted = declaration.rule is Rule.MANDATORY or (
                declaration.rule is Rule.OPTIONAL and below in work.optional
            )
            if not wanted:
                continue
            node_id = _below(owner, name)
            work.made[below] = node_id
            if declaration.node_class == ua.NodeClass.Method:
                self._method(declaration, node_id, owner)
                continue
            node = self._node(declaration, node_id, below, work)
            self._book.add(node, owner, declaration.reference_type)
            self._members(declaration.node_id, node_id, below, work, depth + 1)

    def _node(
        self, declaration: Declaration, node_id: ua.NodeId, path: str, work: _Work
    ) -> NodeData:
        declared = self._space[declaration.node_id]
        type_id = type_definition(declared) or ua_id(ObjectIds.BaseObjectType)
        type_name = self._type_name(type_id)
        display = _text(declared, A.DisplayName)
        description = _text(declared, A.Description)
        if declaration.node_class == ua.NodeClass.Object:
            notifier = bool(attribute(declared, A.EventNotifier) or 0)
            return object_node(
                node_id,
                declaration.name,
                type_id,
                notifier=notifier,
                type_name=type_name,
                display=display,
                description=description,
            )
        data_type = attribute(declared, A.DataType)
        dimensions = attribute(declared, A.ArrayDimensions) or ()
        rank = attribute(declared, A.ValueRank)
        access = int(attribute(declared, A.AccessLevel) or 0) & ua.AccessLevel.CurrentWrite.mask
        return variable_node(
            node_id,
            declaration.name,
            data_type,
            self._value(declared, data_type, path, work),
            type_id=type_id,
            value_rank=-1 if rank is None else int(rank),
            array_dimensions=tuple(dimensions),
            writable=path in work.writable or bool(access),
            type_name=type_name,
            display=display,
            description=description,
        )

    def _value(
        self, declared: NodeData, data_type: ua.NodeId, path: str, work: _Work
    ) -> ua.DataValue:
        if path in work.values:
            given = work.values[path]
            held = list(given) if isinstance(given, tuple) else given
            return data_value(held, self._types.encoding(data_type))
        held = declared.attributes.get(A.Value)
        if attribute(declared, A.Value) is not None and held is not None and held.value is not None:
            return held.value
        return data_value(None, ua.VariantType.Null, status=work.initial_status)

    def _method(self, declaration: Declaration, node_id: ua.NodeId, owner: ua.NodeId) -> None:
        declared = self._space[declaration.node_id]
        node = method_node(
            node_id,
            declaration.name,
            display=_text(declared, A.DisplayName),
            description=_text(declared, A.Description),
        )
        self._book.add(node, owner, declaration.reference_type)
        self._gateway.declare_instance(node_id, declaration.node_id)
        for link in declared.references:
            target = self._space.get(link.NodeId)
            if not link.IsForward or link.NodeClass != ua.NodeClass.Variable or target is None:
                continue
            name = link.BrowseName
            copy = NodeData(_below(node_id, name.Name or ""))
            copy.attributes = dict(self._constants(target))
            copy.attributes[A.NodeId] = AttributeValue(
                ua.DataValue(ua.Variant(copy.nodeid, ua.VariantType.NodeId))
            )
            copy.references = [
                kept
                for kept in target.references
                if kept.IsForward and kept.ReferenceTypeId == ua_id(ObjectIds.HasTypeDefinition)
            ]
            self._book.add(copy, node_id, link.ReferenceTypeId)

    def _constants(self, declared: NodeData) -> dict[AttributeIds, SharedAttribute]:
        """Return a declaration's attributes, the id apart, to be shared by all copies of it."""
        known = self._shared.get(declared.nodeid)
        if known is None:
            known = self._shared[declared.nodeid] = {
                key: SharedAttribute(cell.value)
                for key, cell in declared.attributes.items()
                if key != A.NodeId and cell.value is not None
            }
        return known

    def _type_name(self, type_id: ua.NodeId) -> str:
        node = self._space.get(type_id)
        return "" if node is None else attribute(node, A.BrowseName).Name or ""


class _Work:
    """What one `create` has to do and has done."""

    def __init__(
        self,
        optional: frozenset[str],
        values: dict[str, Any],
        writable: frozenset[str],
        initial_status: int,
    ) -> None:
        self.optional = optional
        self.values = values
        self.writable = writable
        self.initial_status = initial_status
        self.made: dict[str, ua.NodeId] = {}


def _below(owner: ua.NodeId, name: str) -> ua.NodeId:
    above = owner.Identifier
    if not isinstance(above, str):
        raise UnknownMember(f"expected a string id, found {owner.to_string()}")
    return ua_id(f"{above}.{name}", owner.NamespaceIndex)


def _text(node: NodeData, attribute_id: AttributeIds) -> str | None:
    held = attribute(node, attribute_id)
    return None if held is None else held.Text
