"""Nodes as UANodeSet XML (OPC 10000-6 annex F), indented, in a fixed order."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from modelling import NS0, Enumeration, Field, Model, Structure, Unit
from node_ids import NodeIds
from nodes import Literals, Node, Value

__all__ = ["nodeset"]

NODESET = "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"
TYPES = "http://opcfoundation.org/UA/2008/02/Types.xsd"
LOCALE = "en"
ENUM_VALUE_XML, ARGUMENT_XML, EU_INFORMATION_XML = "i=7616", "i=297", "i=888"
"""Default XML encodings of EnumValueType, Argument and EUInformation."""
UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"
READ_WRITE = "3"
SUBSCRIBE = "1"

ALIASES = (
    "Boolean",
    "Int16",
    "UInt16",
    "Int32",
    "UInt32",
    "UInt64",
    "Double",
    "String",
    "DateTime",
    "LocalizedText",
    "Duration",
    "UtcTime",
    "Argument",
    "IdType",
    "NumericRange",
    "EUInformation",
    "EnumValueType",
    "HasModellingRule",
    "HasEncoding",
    "HasTypeDefinition",
    "GeneratesEvent",
    "HasSubtype",
    "HasProperty",
    "HasComponent",
)


def nodeset(model: Model, nodes: Iterable[Node], ids: NodeIds) -> bytes:
    """Return the nodeset of `nodes`, all of which have a number in `ids`."""
    ET.register_namespace("", NODESET)
    ET.register_namespace("uax", TYPES)
    root = _root(model)
    forward = _forward_references(nodes := list(nodes))
    for node in nodes:
        root.append(_Writer(ids, node, forward.get(node.path, [])).element())
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _root(model: Model) -> ET.Element:
    root = ET.Element(_tag("UANodeSet"), LastModified=model.published)
    _text(ET.SubElement(root, _tag("NamespaceUris")), "Uri", model.uri)
    models = ET.SubElement(root, _tag("Models"))
    stated = {"ModelUri": model.uri, "Version": model.version, "PublicationDate": model.published}
    this = ET.SubElement(models, _tag("Model"), stated)
    for uri, (version, published) in model.required.items():
        stated = {"ModelUri": uri, "Version": version, "PublicationDate": published}
        ET.SubElement(this, _tag("RequiredModel"), stated)
    aliases = ET.SubElement(root, _tag("Aliases"))
    for name in ALIASES:
        _text(aliases, "Alias", f"i={NS0[name]}", Alias=name)
    return root


def _forward_references(nodes: list[Node]) -> dict[str, list[tuple[str, str]]]:
    """Type and target of the references from each parent to its children."""
    forward: dict[str, list[tuple[str, str]]] = {}
    for node in nodes:
        forward.setdefault(node.parent, []).append((node.reference, node.path))
    return forward


class _Writer:
    """Writes one node."""

    def __init__(self, ids: NodeIds, node: Node, children: list[tuple[str, str]]) -> None:
        self._ids, self._node, self._children = ids, node, children

    def element(self) -> ET.Element:
        node = self._node
        element = ET.Element(_tag(f"UA{node.kind}"), self._attributes())
        _text(element, "DisplayName", node.name, Locale=LOCALE)
        _text(element, "Description", node.text, Locale=LOCALE)
        self._references(ET.SubElement(element, _tag("References")))
        if node.inverse is not None:
            _text(element, "InverseName", node.inverse, Locale=LOCALE)
        match node.definition:
            case Enumeration():
                self._enum_definition(element, node.definition)
            case Structure():
                self._structure_definition(element, node.definition)
        if node.value is not None:
            self._value(ET.SubElement(element, _tag("Value")), node.value)
        return element

    def _id(self, name: str) -> str:
        """NodeId of a path, or of a name in the OPC UA namespace."""
        return f"i={NS0[name]}" if name in NS0 else f"ns=1;i={self._ids[name]}"

    def _data_type(self, field: Field) -> str:
        return field.base if field.base in ALIASES else self._id(field.base)

    def _attributes(self) -> dict[str, str]:
        node = self._node
        attributes = {"NodeId": self._id(node.path)}
        attributes["BrowseName"] = node.name if node.foreign_name else f"1:{node.name}"
        if node.reference != "HasSubtype":
            attributes["ParentNodeId"] = self._id(node.parent)
        if node.reference == "HasEncoding":
            attributes["SymbolicName"] = node.name.replace(" ", "")
        if node.abstract:
            attributes["IsAbstract"] = "true"
        if node.notifier:
            attributes["EventNotifier"] = SUBSCRIBE
        if node.data_type is not None:
            attributes["DataType"] = self._data_type(node.data_type)
            if node.data_type.is_array:
                attributes["ValueRank"] = "1"
                attributes["ArrayDimensions"] = str(node.data_type.length)
        if node.writable:
            attributes["AccessLevel"] = attributes["UserAccessLevel"] = READ_WRITE
        return attributes

    def _references(self, references: ET.Element) -> None:
        node = self._node
        if node.type_definition is not None:
            target = self._id(node.type_definition)
            _text(references, "Reference", target, ReferenceType="HasTypeDefinition")
        if node.rule is not None:
            target = self._id(node.rule.value)
            _text(references, "Reference", target, ReferenceType="HasModellingRule")
        for type_, path in (*self._children, *node.forward):
            _text(references, "Reference", self._id(path), ReferenceType=type_)
        inverse = {"ReferenceType": node.reference, "IsForward": "false"}
        _text(references, "Reference", self._id(node.parent), **inverse)

    def _enum_definition(self, element: ET.Element, enumeration: Enumeration) -> None:
        definition = ET.SubElement(element, _tag("Definition"), Name=f"1:{enumeration.name}")
        for member in enumeration.numbers:
            stated = {"Name": member.name, "Value": str(member.value)}
            field = ET.SubElement(definition, _tag("Field"), stated)
            _text(field, "Description", enumeration.members[member.name], Locale=LOCALE)

    def _structure_definition(self, element: ET.Element, structure: Structure) -> None:
        definition = ET.SubElement(element, _tag("Definition"), Name=f"1:{structure.name}")
        for field in structure.fields:
            stated = {"Name": field.name, "DataType": self._data_type(field)}
            if field.is_array:
                stated |= {"ValueRank": "1", "ArrayDimensions": str(field.length)}
            described = ET.SubElement(definition, _tag("Field"), stated)
            _text(described, "Description", field.text, Locale=LOCALE)

    def _value(self, parent: ET.Element, value: Value) -> None:
        match value:
            case Literals(type_, texts, is_list):
                if is_list:
                    parent = ET.SubElement(parent, _tag(f"ListOf{type_}", TYPES))
                for text in texts:
                    _text(parent, type_, text, TYPES)
            case Enumeration() if value.dense:
                parent = ET.SubElement(parent, _tag("ListOfLocalizedText", TYPES))
                for member in value.numbers:
                    _localized(parent, "LocalizedText", member.name)
            case Enumeration():
                parent = ET.SubElement(parent, _tag("ListOfExtensionObject", TYPES))
                for member in value.numbers:
                    body = _extension_object(parent, ENUM_VALUE_XML, "EnumValueType")
                    _text(body, "Value", str(member.value), TYPES)
                    _localized(body, "DisplayName", member.name)
                    _localized(body, "Description", value.members[member.name])
            case Unit():
                body = _extension_object(parent, EU_INFORMATION_XML, "EUInformation")
                _text(body, "NamespaceUri", UNECE, TYPES)
                _text(body, "UnitId", str(value.number), TYPES)
                _localized(body, "DisplayName", value.symbol)
                _localized(body, "Description", value.name)
            case tuple():
                parent = ET.SubElement(parent, _tag("ListOfExtensionObject", TYPES))
                for field in value:
                    self._argument(parent, field)

    def _argument(self, parent: ET.Element, field: Field) -> None:
        body = _extension_object(parent, ARGUMENT_XML, "Argument")
        _text(body, "Name", field.name, TYPES)
        data_type = ET.SubElement(body, _tag("DataType", TYPES))
        _text(data_type, "Identifier", self._id(field.base), TYPES)
        _text(body, "ValueRank", "1" if field.is_array else "-1", TYPES)
        dimensions = ET.SubElement(body, _tag("ArrayDimensions", TYPES))
        if field.is_array:
            _text(dimensions, "UInt32", str(field.length), TYPES)
        _localized(body, "Description", field.text)


def _tag(name: str, namespace: str = NODESET) -> str:
    return f"{{{namespace}}}{name}"


def _text(
    parent: ET.Element, name: str, text: str, namespace: str = NODESET, **attributes: str
) -> None:
    ET.SubElement(parent, _tag(name, namespace), attributes).text = text


def _localized(parent: ET.Element, name: str, text: str) -> None:
    element = ET.SubElement(parent, _tag(name, TYPES))
    _text(element, "Locale", LOCALE, TYPES)
    _text(element, "Text", text, TYPES)


def _extension_object(parent: ET.Element, type_id: str, name: str) -> ET.Element:
    """Append an ExtensionObject and return the element of its fields."""
    element = ET.SubElement(parent, _tag("ExtensionObject", TYPES))
    _text(ET.SubElement(element, _tag("TypeId", TYPES)), "Identifier", type_id, TYPES)
    return ET.SubElement(ET.SubElement(element, _tag("Body", TYPES)), _tag(name, TYPES))
