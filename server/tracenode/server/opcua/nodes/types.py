"""The type tree: what is a subtype of what, what a type declares, how a data type is encoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.ids import ua_id

__all__ = ["Declaration", "Rule", "TypeTree"]

A = AttributeIds
O = ObjectIds  # noqa: E741
TYPE_CLASSES = (
    ua.NodeClass.ObjectType,
    ua.NodeClass.VariableType,
    ua.NodeClass.ReferenceType,
    ua.NodeClass.DataType,
)
BUILT_IN = 25
"""Numbers of the concrete built-in types, 1 (Boolean) to 25 (DiagnosticInfo)."""
NUMBER, INTEGER, UINTEGER, ENUMERATION = 26, 27, 28, 29


class Rule(Enum):
    """What a declaration's modelling rule asks for."""

    MANDATORY = "mandatory"
    OPTIONAL = "optional"
    PLACEHOLDER = "placeholder"
    NONE = "none"


_RULES = {
    O.ModellingRule_Mandatory: Rule.MANDATORY,
    O.ModellingRule_Optional: Rule.OPTIONAL,
    O.ModellingRule_MandatoryPlaceholder: Rule.PLACEHOLDER,
    O.ModellingRule_OptionalPlaceholder: Rule.PLACEHOLDER,
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """A member that a type, or a member of a type, declares."""

    node_id: ua.NodeId
    reference_type: ua.NodeId
    name: ua.QualifiedName
    node_class: ua.NodeClass
    rule: Rule


class TypeTree:
    """Questions about types, answered from the address space and remembered.

    Clients ask about any NodeId, and there is no end of those: only types are remembered. Call
    `forget` after types were added.
    """

    def __init__(self, space: AddressSpace) -> None:
        self._space = space
        self._below: dict[ua.NodeId, frozenset[ua.NodeId]] = {}
        self._above: dict[ua.NodeId, tuple[ua.NodeId, ...]] = {}
        self._encodings: dict[ua.NodeId, frozenset[ua.VariantType]] = {}

    def forget(self) -> None:
        """Drop what is remembered."""
        self._below.clear()
        self._above.clear()
        self._encodings.clear()

    def exists(self, type_id: ua.NodeId) -> bool:
        """True where the address space has this node."""
        return type_id in self._space

    def subtypes(self, type_id: ua.NodeId) -> frozenset[ua.NodeId]:
        """Return `type_id` and everything below it."""
        known = self._below.get(type_id)
        if known is None:
            found, todo = {type_id}, [type_id]
            while todo:
                for target in self._follow(todo.pop(), forward=True):
                    if target not in found:
                        found.add(target)
                        todo.append(target)
            known = frozenset(found)
            if self._is_type(type_id):
                self._below[type_id] = known
        return known

    def lineage(self, type_id: ua.NodeId) -> tuple[ua.NodeId, ...]:
        """Return `type_id` and its supertypes, nearest first."""
        known = self._above.get(type_id)
        if known is None:
            line = [type_id]
            while (up := next(self._follow(line[-1], forward=False), None)) is not None:
                if up in line:
                    break
                line.append(up)
            known = tuple(line)
            if self._is_type(type_id):
                self._above[type_id] = known
        return known

    def is_a(self, type_id: ua.NodeId, base: ua.NodeId) -> bool:
        """True where `type_id` is `base` or a subtype of it."""
        return base in self.lineage(type_id)

    def encodings(self, data_type: ua.NodeId) -> frozenset[ua.VariantType]:
        """Return the built-in types a value of `data_type` may come as; empty means any.

        An enumeration is an Int32, Duration a Double, a structure an ExtensionObject; the abstract
        Number, Integer and UInteger allow their concrete types.
        """
        known = self._encodings.get(data_type)
        if known is None:
            known = self._encoded_as(data_type)
            if self._is_type(data_type):
                self._encodings[data_type] = known
        return known

    def _encoded_as(self, data_type: ua.NodeId) -> frozenset[ua.VariantType]:
        v = ua.VariantType
        signed = {v.SByte, v.Int16, v.Int32, v.Int64}
        unsigned = {v.Byte, v.UInt16, v.UInt32, v.UInt64}
        for ancestor in self.lineage(data_type):
            number = ancestor.Identifier
            if ancestor.NamespaceIndex != 0 or not isinstance(number, int):
                continue
            if 1 <= number <= BUILT_IN and number != v.Variant.value:
                return frozenset({v(number)})
            if number == ENUMERATION:
                return frozenset({v.Int32})
            if number in (NUMBER, INTEGER, UINTEGER):
                return frozenset(
                    {
                        NUMBER: signed | unsigned | {v.Float, v.Double},
                        INTEGER: signed,
                        UINTEGER: unsigned,
                    }[number]
                )
        return frozenset()

    def encoding(self, data_type: ua.NodeId) -> ua.VariantType:
        """Return the one built-in type that values of a concrete data type are encoded as."""
        found = self.encodings(data_type)
        if len(found) != 1:
            raise ValueError(f"expected a concrete data type, found {data_type.to_string()}")
        return next(iter(found))

    def declarations(self, node_id: ua.NodeId) -> list[Declaration]:
        """Return what a type or a member declares below itself, inherited and merged.

        For a type: its own members and those of its supertypes, the nearest winning by browse
        name. For a member: what stands below it, merged with what its type definition declares.
        """
        merged: dict[tuple[int, str], Declaration] = {}
        for source in reversed(list(self._sources(node_id))):
            for declaration in self._members(source):
                merged[declaration.name.NamespaceIndex, declaration.name.Name or ""] = declaration
        return list(merged.values())

    def _sources(self, node_id: ua.NodeId) -> Iterator[NodeData]:
        node = self._space[node_id]
        yield node
        for link in node.references:
            if link.IsForward and link.ReferenceTypeId == ua_id(O.HasTypeDefinition):
                for ancestor in self.lineage(link.NodeId):
                    if ancestor in self._space:
                        yield self._space[ancestor]
                return
        for ancestor in self.lineage(node_id)[1:]:
            yield self._space[ancestor]

    def _members(self, node: NodeData) -> Iterator[Declaration]:
        aggregates = self.subtypes(ua_id(O.Aggregates)) | {ua_id(O.Organizes)}
        wanted = (ua.NodeClass.Object, ua.NodeClass.Variable, ua.NodeClass.Method)
        for link in node.references:
            if not link.IsForward or link.ReferenceTypeId not in aggregates:
                continue
            target = self._space.get(link.NodeId)
            if target is None or link.NodeClass not in wanted:
                continue
            yield Declaration(
                link.NodeId, link.ReferenceTypeId, link.BrowseName, link.NodeClass, _rule(target)
            )

    def _is_type(self, node_id: ua.NodeId) -> bool:
        node = self._space.get(node_id)
        cell = None if node is None else node.attributes.get(A.NodeClass)
        held = None if cell is None or cell.value is None else cell.value.Value
        return held is not None and held.Value in TYPE_CLASSES

    def _follow(self, node_id: ua.NodeId, *, forward: bool) -> Iterator[ua.NodeId]:
        node = self._space.get(node_id)
        for link in () if node is None else node.references:
            if (
                link.IsForward == forward
                and link.ReferenceTypeId.Identifier == O.HasSubtype
                and link.ReferenceTypeId.NamespaceIndex == 0
            ):
                yield link.NodeId


def _rule(node: NodeData) -> Rule:
    for link in node.references:
        if link.IsForward and link.ReferenceTypeId == ua_id(O.HasModellingRule):
            return _RULES.get(link.NodeId.Identifier, Rule.NONE)
    return Rule.NONE
