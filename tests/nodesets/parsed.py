"""The nodeset as it stands in the file, read without its generator."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass

from tests.support.project import ROOT

__all__ = ["NODESET", "URI", "Argument", "Node", "Nodeset", "read"]

NODESET = ROOT / "nodesets" / "Traceability.NodeSet2.xml"
URI = "urn:tracenode:ua:traceability"
UA = "{http://opcfoundation.org/UA/2011/03/UANodeSet.xsd}"
UAX = "{http://opcfoundation.org/UA/2008/02/Types.xsd}"

BUILT_IN = {
    "i=1": "Boolean",
    "i=4": "Int16",
    "i=5": "UInt16",
    "i=6": "Int32",
    "i=7": "UInt32",
    "i=8": "Int64",
    "i=9": "UInt64",
    "i=11": "Double",
    "i=12": "String",
    "i=13": "DateTime",
}


@dataclass(frozen=True)
class Argument:
    name: str
    type: str
    """Name of a built-in type, or a NodeId."""
    rank: int
    dimensions: tuple[int, ...]
    description: str


@dataclass(frozen=True)
class Node:
    id: str
    kind: str
    name: str
    parent: str | None
    description: str
    references: tuple[tuple[str, str, bool], ...]
    """Type, target, forward."""
    element: ET.Element

    def targets(self, type_: str, *, forward: bool = True) -> list[str]:
        return [to for kind, to, ahead in self.references if kind == type_ and ahead == forward]

    @property
    def fields(self) -> list[ET.Element]:
        """Fields of a data type's definition."""
        return self.element.findall(f"{UA}Definition/{UA}Field")

    @property
    def arguments(self) -> list[Argument]:
        """Arguments in the value of InputArguments or OutputArguments."""
        return [
            Argument(
                _text(argument, "Name"),
                BUILT_IN.get(found := _text(argument, "DataType", "Identifier"), found),
                int(_text(argument, "ValueRank")),
                tuple(int(cell.text or "") for cell in argument.iterfind(f".//{UAX}UInt32")),
                _text(argument, "Description", "Text"),
            )
            for argument in self.element.iterfind(f".//{UAX}Argument")
        ]


class Nodeset:
    """All nodes by id, and paths of names from a type down."""

    def __init__(self, root: ET.Element) -> None:
        self.nodes = {node.id: node for node in map(_node, root) if node is not None}

    def counts(self) -> Counter[str]:
        """How many nodes there are of each class."""
        return Counter(node.kind for node in self.nodes.values())

    def named(self, kind: str) -> dict[str, Node]:
        """Nodes of one class by name."""
        return {node.name: node for node in self.nodes.values() if node.kind == kind}

    def path(self, node: Node) -> str:
        """Names from the type down to the node, as in NodeIds.csv."""
        above = self.nodes.get(node.parent or "")
        return node.name if above is None else f"{self.path(above)}/{node.name}"

    def children(self, node: Node, *types: str) -> list[Node]:
        wanted = types or ("HasProperty", "HasComponent")
        return [self.nodes[to] for type_ in wanted for to in node.targets(type_)]

    def supertype(self, node: Node) -> Node | None:
        """The supertype where it is one of ours."""
        return self.nodes.get(node.targets("HasSubtype", forward=False)[0])

    def methods(self, type_name: str) -> dict[str, tuple[list[Argument], list[Argument]]]:
        """Inputs and outputs of each method of an object type."""
        found = {}
        for method in self.children(self.named("ObjectType")[type_name], "HasComponent"):
            if method.kind == "Method":
                lists = {child.name: child.arguments for child in self.children(method)}
                inputs = lists.get("InputArguments", [])
                found[method.name] = inputs, lists["OutputArguments"]
        return found


def read() -> Nodeset:
    """Read the file."""
    return Nodeset(ET.parse(NODESET).getroot())


def _node(element: ET.Element) -> Node | None:
    kind = element.tag.removeprefix(f"{UA}UA")
    if kind not in ("ObjectType", "DataType", "ReferenceType", "Object", "Variable", "Method"):
        return None
    return Node(
        element.attrib["NodeId"],
        kind,
        element.attrib["BrowseName"].removeprefix("1:"),
        element.attrib.get("ParentNodeId"),
        element.findtext(f"{UA}Description", ""),
        tuple(
            (ref.attrib["ReferenceType"], ref.text or "", ref.attrib.get("IsForward") != "false")
            for ref in element.iterfind(f"{UA}References/{UA}Reference")
        ),
        element,
    )


def _text(element: ET.Element, *names: str) -> str:
    return element.findtext("/".join(f"{UAX}{name}" for name in names), "")
