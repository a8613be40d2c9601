"""The nodes of one namespace as a NodeSet2 file (OPC 10000-6 annex F), for engineering tools.

Properties carry their values; those of other variables are live and left out. A reference is
written once: below a parent by the child, any other by its source.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import attribute, type_definition
from tracenode.server.opcua.nodes.types import TypeTree

__all__ = ["ModelVersion", "nodeset_of"]

A = AttributeIds
V = ua.VariantType
NODESET: Final = "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"
TYPES: Final = "http://opcfoundation.org/UA/2008/02/Types.xsd"
ENCODINGS: Final[Mapping[type[Any], str]] = {
    ua.Argument: "i=297",
    ua.EUInformation: "i=888",
    ua.Range: "i=885",
}
"""Default XML encodings of the structures that properties hold."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model as a nodeset names it: `published` is ISO 8601 in UTC."""

    uri: str
    version: str
    published: str

    @property
    def stated(self) -> dict[str, str]:
        """The attributes of a Model or RequiredModel."""
        return {
            "ModelUri": self.uri,
            "Version": self.version,
            "PublicationDate": self.published,
        }


def nodeset_of(  # noqa: PLR0917
    nodes: Iterable[NodeData],
    types: TypeTree,
    model: ModelVersion,
    required: Sequence[ModelVersion],
    indexes: Mapping[int, str],
    declarations: Mapping[ua.NodeId, ua.NodeId],
) -> bytes:
    """Return the nodeset of some nodes, parents before their children.

    `indexes`: the namespaces they use by their index in the server, 0 apart; `declarations`: the
    method of its type for each method.
    """
    ET.register_namespace("", NODESET)
    ET.register_namespace("uax", TYPES)
    writer = _Writer(list(nodes), types, list(indexes), declarations)
    root = ET.Element(_tag("UANodeSet"), LastModified=model.published)
    uris = ET.SubElement(root, _tag("NamespaceUris"))
    for uri in indexes.values():
        _text(uris, "Uri", uri)
    this = ET.SubElement(ET.SubElement(root, _tag("Models")), _tag("Model"), model.stated)
    for other in required:
        ET.SubElement(this, _tag("RequiredModel"), other.stated)
    root.extend(writer.elements())
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


class _Writer:
    def __init__(
        self,
        nodes: Sequence[NodeData],
        types: TypeTree,
        indexes: Sequence[int],
        declarations: Mapping[ua.NodeId, ua.NodeId],
    ) -> None:
        self._nodes, self._declarations = nodes, declarations
        self._inside = {node.nodeid for node in nodes}
        self._index = {0: 0} | {index: place for place, index in enumerate(indexes, start=1)}
        self._hierarchical = types.subtypes(ua_id(ObjectIds.HierarchicalReferences))
        self._property = ua_id(ObjectIds.PropertyType)

    def elements(self) -> Iterable[ET.Element]:
        return [self._element(node) for node in self._nodes]

    # -------------------------------------------------------------- a node
    def _element(self, node: NodeData) -> ET.Element:
        kind = ua.NodeClass(attribute(node, A.NodeClass))
        stated = {
            "NodeId": self._id(node.nodeid),
            "BrowseName": self._name(attribute(node, A.BrowseName)),
            **self._of_kind(node, kind),
        }
        element = ET.Element(_tag(f"UA{kind.name}"), stated)
        for name, key in (("DisplayName", A.DisplayName), ("Description", A.Description)):
            text = attribute(node, key)
            if text is not None and text.Text:
                _text(element, name, text.Text, **({"Locale": text.Locale} if text.Locale else {}))
        references = ET.SubElement(element, _tag("References"))
        for link in node.references:
            self._reference(references, link)
        if kind is ua.NodeClass.Variable and type_definition(node) == self._property:
            held = node.attributes[A.Value].value
            if held is not None and held.Value is not None and held.Value.Value is not None:
                ET.SubElement(element, _tag("Value")).append(_value(held.Value, self._id))
        return element

    def _of_kind(self, node: NodeData, kind: ua.NodeClass) -> dict[str, str]:
        stated: dict[str, str] = {}
        match kind:
            case ua.NodeClass.Object:
                if attribute(node, A.EventNotifier):
                    stated["EventNotifier"] = str(attribute(node, A.EventNotifier))
            case ua.NodeClass.Method:
                declared = self._declarations.get(node.nodeid)
                if declared is not None:
                    stated["MethodDeclarationId"] = self._id(declared)
            case _:
                stated["DataType"] = self._id(attribute(node, A.DataType))
                if attribute(node, A.ValueRank) is not None:
                    stated["ValueRank"] = str(int(attribute(node, A.ValueRank)))
                dimensions = attribute(node, A.ArrayDimensions)
                if dimensions:
                    stated["ArrayDimensions"] = ",".join(map(str, dimensions))
                stated["AccessLevel"] = str(int(attribute(node, A.AccessLevel) or 0))
        return stated

    def _reference(self, references: ET.Element, link: ua.ReferenceDescription) -> None:
        below = link.ReferenceTypeId in self._hierarchical
        known = link.NodeId in self._inside or link.NodeId.NamespaceIndex in self._index
        if not known or below == link.IsForward:
            return
        stated = {"ReferenceType": self._id(link.ReferenceTypeId)}
        if not link.IsForward:
            stated["IsForward"] = "false"
        _text(references, "Reference", self._id(link.NodeId), **stated)

    # -------------------------------------------------------------- ids
    def _id(self, node_id: ua.NodeId) -> str:
        place = self._index[node_id.NamespaceIndex]
        match node_id.Identifier:
            case int(number):
                text = f"i={number}"
            case str(name):
                text = f"s={name}"
            case other:
                raise ValueError(f"expected a number or a text as identifier, found {other!r}")
        return f"ns={place};{text}" if place else text

    def _name(self, name: ua.QualifiedName) -> str:
        place = self._index[name.NamespaceIndex]
        return f"{place}:{name.Name}" if place else str(name.Name)


# ------------------------------------------------------------------ values
def _value(variant: ua.Variant, id_text: Any) -> ET.Element:
    kind = variant.VariantType
    if not isinstance(variant.Value, list):
        return _single(kind, variant.Value, id_text)
    array = ET.Element(_uax(f"ListOf{kind.name}"))
    array.extend(_single(kind, value, id_text) for value in variant.Value)
    return array


def _single(kind: ua.VariantType, value: Any, id_text: Any) -> ET.Element:
    if kind == V.ExtensionObject:
        return _structure(value, id_text)
    element = ET.Element(_uax(kind.name))
    match value:
        case bool():
            element.text = str(value).lower()
        case datetime():
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            element.text = aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case ua.LocalizedText():
            _localized(element, value)
        case ua.NodeId():
            _text(element, "Identifier", id_text(value), space=TYPES)
        case _:
            element.text = str(value)
    return element


def _structure(value: Any, id_text: Any) -> ET.Element:
    element = ET.Element(_uax("ExtensionObject"))
    type_id = ET.SubElement(element, _uax("TypeId"))
    _text(type_id, "Identifier", ENCODINGS[type(value)], space=TYPES)
    body = ET.SubElement(ET.SubElement(element, _uax("Body")), _uax(type(value).__name__))
    match value:
        case ua.Argument():
            _text(body, "Name", value.Name or "", space=TYPES)
            data_type = ET.SubElement(body, _uax("DataType"))
            _text(data_type, "Identifier", id_text(value.DataType), space=TYPES)
            _text(body, "ValueRank", str(value.ValueRank), space=TYPES)
            dimensions = ET.SubElement(body, _uax("ArrayDimensions"))
            for length in value.ArrayDimensions or ():
                _text(dimensions, "UInt32", str(length), space=TYPES)
            _localized(ET.SubElement(body, _uax("Description")), value.Description)
        case ua.EUInformation():
            _text(body, "NamespaceUri", value.NamespaceUri or "", space=TYPES)
            _text(body, "UnitId", str(value.UnitId), space=TYPES)
            _localized(ET.SubElement(body, _uax("DisplayName")), value.DisplayName)
            _localized(ET.SubElement(body, _uax("Description")), value.Description)
        case ua.Range():
            _text(body, "Low", str(value.Low), space=TYPES)
            _text(body, "High", str(value.High), space=TYPES)
    return element


def _localized(element: ET.Element, text: ua.LocalizedText | None) -> None:
    if text is not None and text.Locale:
        _text(element, "Locale", text.Locale, space=TYPES)
    _text(element, "Text", "" if text is None else text.Text or "", space=TYPES)


def _text(
    parent: ET.Element, name: str, text: str, *, space: str = NODESET, **stated: str
) -> ET.Element:
    element = ET.SubElement(parent, f"{{{space}}}{name}", stated)
    element.text = text
    return element


def _tag(name: str) -> str:
    return f"{{{NODESET}}}{name}"


def _uax(name: str) -> str:
    return f"{{{TYPES}}}{name}"
