"""Objects of a type that are made on demand, each member a node of its own (`Item/SN1#State`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.history.capabilities import configuration
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.arguments import NULL_DATE
from tracenode.server.opcua.nodes.book import (
    attribute,
    data_value,
    object_node,
    reference,
    type_definition,
    variable_node,
)
from tracenode.server.opcua.nodes.types import Rule, TypeTree
from tracenode.server.opcua.surface.keys import below, model_id, site_name

__all__ = ["Template"]


@dataclass(frozen=True, slots=True)
class _Member:
    name: ua.QualifiedName
    reference_type: ua.NodeId
    data_type: ua.NodeId
    kind: ua.VariantType
    type_id: ua.NodeId
    type_name: str
    description: str


class Template:
    """The variables of one type of the model, ready to be given values. Optional members and
    methods are left out."""

    def __init__(self, space: AddressSpace, types: TypeTree, type_name: str) -> None:
        self.type_name = type_name
        self.type_id = model_id(type_name)
        self._members = {
            str(declaration.name.Name): _member(space, types, declaration.node_id, declaration)
            for declaration in types.declarations(self.type_id)
            if declaration.node_class == ua.NodeClass.Variable
            and declaration.rule is Rule.MANDATORY
        }
        self.description = _text(space[self.type_id])

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the variables."""
        return tuple(self._members)

    def object(self, node_id: ua.NodeId, name: str, display: str) -> NodeData:
        """Return the object with references to its type and to its variables."""
        node = object_node(
            node_id,
            site_name(name),
            self.type_id,
            type_name=self.type_name,
            display=display,
            description=self.description,
        )
        for field, member in self._members.items():
            link = reference(
                below(node_id, "#", field),
                member.reference_type,
                member.name,
                ua.NodeClass.Variable,
                type_definition=member.type_id,
            )
            node.references.append(link)
        return node

    def variable(
        self,
        owner: ua.NodeId,
        owner_name: str,
        owner_display: str,
        field: str,
        values: Mapping[str, Any],
        *,
        at: datetime | None = None,
        historized: bool = False,
    ) -> NodeData | None:
        """Return one variable with its value, None where the type has none of this name. `at` is
        its SourceTimestamp; `historized`: its past can be read."""
        member = self._members.get(field)
        if member is None:
            return None
        value = values.get(field)
        if value is None and member.kind == ua.VariantType.DateTime:
            value = NULL_DATE
        node = variable_node(
            below(owner, "#", field),
            member.name,
            member.data_type,
            data_value(value, member.kind, source_time=at),
            type_id=member.type_id,
            type_name=member.type_name,
            description=member.description,
            historized=historized,
        )
        if historized:
            node.references.append(configuration())
        node.references.append(
            reference(
                owner,
                member.reference_type,
                site_name(owner_name),
                ua.NodeClass.Object,
                display=owner_display,
                type_definition=self.type_id,
                forward=False,
            )
        )
        return node


def _member(space: AddressSpace, types: TypeTree, node_id: ua.NodeId, declaration: Any) -> _Member:
    node = space[node_id]
    data_type = attribute(node, AttributeIds.DataType)
    type_id = type_definition(node) or ua_id(ObjectIds.BaseDataVariableType)
    return _Member(
        declaration.name,
        declaration.reference_type,
        data_type,
        types.encoding(data_type),
        type_id,
        str(attribute(space[type_id], AttributeIds.BrowseName).Name),
        _text(node),
    )


def _text(node: NodeData) -> str:
    held = attribute(node, AttributeIds.Description)
    return "" if held is None else held.Text or ""
