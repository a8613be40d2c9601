"""From the definition to nodes: one for each type, member, encoding, argument list and unit.

A node is named by its path, such as `TraceStationType/InstallPart/InputArguments`. The order is
that of the definition, a parent before its children.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from modelling import (
    Component,
    Enumeration,
    Field,
    Member,
    Method,
    Model,
    ObjectType,
    Rule,
    Structure,
    Unit,
    Variable,
)

__all__ = ["ENCODINGS", "METADATA", "Kind", "Literals", "Node", "Value", "nodes"]

Kind = Literal["ObjectType", "DataType", "ReferenceType", "Object", "Variable", "Method"]

ENCODINGS = ("Default Binary", "Default XML", "Default JSON")
METADATA = "NamespaceMetadata"


@dataclass(frozen=True, slots=True)
class Literals:
    """A value of built-in type: one text, or a list of them."""

    type: str
    texts: tuple[str, ...]
    is_list: bool = False


Value = Literals | Enumeration | Unit | tuple[Field, ...]
"""An enumeration stands for its EnumStrings or EnumValues, fields for their Arguments."""


@dataclass(frozen=True, slots=True)
class Node:
    """`parent`, `type_definition`, `data_type` and the targets of `forward` are paths or names of
    the OPC UA namespace."""

    path: str
    kind: Kind
    name: str
    text: str
    reference: str
    """Reference type from the parent to this node."""
    parent: str
    foreign_name: bool = False
    """The BrowseName is of the OPC UA namespace."""
    rule: Rule | None = None
    type_definition: str | None = None
    data_type: Field | None = None
    value: Value | None = None
    definition: Enumeration | Structure | None = None
    inverse: str | None = None
    abstract: bool = False
    writable: bool = False
    notifier: bool = False
    forward: tuple[tuple[str, str], ...] = ()
    """Further references: type and target."""


def nodes(model: Model) -> list[Node]:
    """Return every node of the model."""
    return [
        *_reference_types(model),
        *_enumerations(model),
        *_structures(model),
        *(node for type_ in model.types() for node in _object_type(type_)),
        *_metadata(model),
    ]


def _reference_types(model: Model) -> Iterator[Node]:
    for type_ in model.references:
        yield Node(
            type_.name,
            "ReferenceType",
            type_.name,
            type_.text,
            "HasSubtype",
            type_.supertype,
            inverse=type_.inverse,
            abstract=type_.abstract,
        )


def _enumerations(model: Model) -> Iterator[Node]:
    for type_ in model.enumerations:
        yield Node(
            type_.name,
            "DataType",
            type_.name,
            type_.text,
            "HasSubtype",
            "Enumeration",
            definition=type_,
        )
        if type_.dense:
            field = Field("EnumStrings", "LocalizedText[]", "Names of the numbers from 0 on.")
        else:
            field = Field("EnumValues", "EnumValueType[]", "Numbers with their names.")
        node = _property(type_.name, replace(field, type=f"{field.base}[{len(type_.members)}]"))
        yield replace(node, value=type_, rule=None)


def _structures(model: Model) -> Iterator[Node]:
    for type_ in model.structures:
        yield Node(
            type_.name,
            "DataType",
            type_.name,
            type_.text,
            "HasSubtype",
            "Structure",
            definition=type_,
        )
        for encoding in ENCODINGS:
            yield Node(
                f"{type_.name}/{encoding}",
                "Object",
                encoding,
                f"{encoding} encoding of {type_.name}.",
                "HasEncoding",
                type_.name,
                foreign_name=True,
                type_definition="DataTypeEncodingType",
            )


def _object_type(type_: ObjectType) -> Iterator[Node]:
    yield Node(
        type_.name,
        "ObjectType",
        type_.name,
        type_.text,
        "HasSubtype",
        type_.supertype,
        abstract=type_.abstract,
        forward=tuple(("GeneratesEvent", event) for event in type_.generates),
    )
    for member in type_.members:
        yield from _member(type_.name, member)


def _member(parent: str, member: Member) -> Iterator[Node]:
    path = f"{parent}/{member.name}"
    match member:
        case Variable(field, rule):
            yield Node(
                path,
                "Variable",
                member.name,
                field.text,
                "HasProperty" if member.prop else "HasComponent",
                parent,
                rule=rule,
                type_definition=_variable_type(member),
                data_type=field,
                writable=member.writable,
            )
            if member.unit is not None:
                field = Field("EngineeringUnits", "EUInformation", "The unit of the value.")
                yield replace(_property(path, field), value=member.unit)
        case Method():
            yield Node(
                path, "Method", member.name, member.text, "HasComponent", parent, rule=member.rule
            )
            for name, arguments in (
                ("InputArguments", member.inputs),
                ("OutputArguments", member.outputs),
            ):
                if arguments:
                    text = f"{name.removesuffix('Arguments')} arguments of {member.name}."
                    field = Field(name, f"Argument[{len(arguments)}]", text)
                    yield replace(_property(path, field), value=arguments)
        case Component():
            yield Node(
                path,
                "Object",
                member.name,
                member.text,
                "HasComponent",
                parent,
                rule=member.rule,
                type_definition=member.type,
                notifier=member.notifier,
            )


def _variable_type(variable: Variable) -> str:
    if variable.prop:
        return "PropertyType"
    return "BaseDataVariableType" if variable.unit is None else "AnalogUnitType"


def _property(parent: str, field: Field) -> Node:
    """A property whose name the OPC UA namespace defines."""
    return Node(
        f"{parent}/{field.name}",
        "Variable",
        field.name,
        field.text,
        "HasProperty",
        parent,
        foreign_name=True,
        rule=Rule.MANDATORY,
        type_definition="PropertyType",
        data_type=field,
    )


def _metadata(model: Model) -> Iterator[Node]:
    """What OPC 10000-5 6.3.13 (NamespaceMetadataType) wants said about a namespace."""
    yield Node(
        METADATA,
        "Object",
        model.uri,
        "About the namespace of these types.",
        "HasComponent",
        "Namespaces",
        type_definition="NamespaceMetadataType",
    )
    for name, type_, text, value in (
        ("NamespaceUri", "String", "URI of the namespace.", Literals("String", (model.uri,))),
        ("NamespaceVersion", "String", "Its version.", Literals("String", (model.version,))),
        (
            "NamespacePublicationDate",
            "DateTime",
            "When the version was published.",
            Literals("DateTime", (model.published,)),
        ),
        (
            "IsNamespaceSubset",
            "Boolean",
            "Whether nodes are left out.",
            Literals("Boolean", ("false",)),
        ),
        (
            "StaticNodeIdTypes",
            "IdType[]",
            "Kinds of NodeIds that are the same on every server: numeric.",
            Literals("Int32", ("0",), is_list=True),
        ),
        (
            "StaticNumericNodeIdRange",
            "NumericRange[]",
            "Numbers that are the same on every server.",
            Literals("String", ("1001:19999",), is_list=True),
        ),
        ("StaticStringNodeIdPattern", "String", "None: there are no string ids.", None),
    ):
        node = _property(METADATA, Field(name, type_, text))
        yield replace(node, value=value, rule=None)
