"""A NodeSet2 file as asyncua's importer takes it.

Five things that official files have and asyncua 2.1 can't read, or reads as something else:

1. nodes with `DesignToolOnly`: of no address space, and without a parent. They go, with the
   references to them.
2. a default value with a structure inside a structure. It goes; a default of a type says nothing
   of an instance.
3. `RequiredModel` without a version or a date. All of them go; `planning` has looked at them.
4. an option set over Byte or an unsigned integer. Its definition goes: it is that integer.
5. structures whose base has fields. Each gets those of its bases, in front of its own, as its
   StructureDefinition in the address space has them (OPC 10000-3 8.48); also from other files.
"""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

from tracenode.server.companions.files import NODESET, UA

__all__ = ["Normaliser"]

TYPES: Final = "{http://opcfoundation.org/UA/2008/02/Types.xsd}"
UNSIGNED: Final = frozenset({"i=3", "i=5", "i=7", "i=9"})
SUBTYPE: Final = "i=45"


class Normaliser:
    """Normalises files in the order they load; remembers their structures for the later ones."""

    def __init__(self) -> None:
        self._fields: dict[str, list[tuple[ET.Element, str]]] = {}
        """Of each structure by its expanded NodeId, bases first: the field, its data type's id."""

    def text(self, path: Path) -> str:
        """Return the XML of a file that `read_nodeset` could read."""
        ET.register_namespace("", NODESET[1:-1])
        ET.register_namespace("uax", TYPES[1:-1])
        root = ET.parse(path).getroot()
        ids = _Ids(root)
        _drop_design_tool_nodes(root)
        for model in root.iterfind(f"{NODESET}Models/{NODESET}Model"):
            for required in model.findall(f"{NODESET}RequiredModel"):
                model.remove(required)
        for node in root:
            _drop_nested_default(node)
        data_types = {
            ids.expanded(node.attrib["NodeId"]): node
            for node in root.iterfind(f"{NODESET}UADataType")
        }
        for node in data_types.values():
            _drop_option_set(node, ids)
        for key in data_types:
            self._flatten(key, data_types, ids)
        return ET.tostring(root, encoding="unicode")

    def _flatten(self, key: str, data_types: dict[str, ET.Element], ids: _Ids) -> None:
        if key in self._fields or key not in data_types:
            return
        self._fields[key] = []  # a structure that is its own base ends here
        node = data_types[key]
        base = _base(node, ids)
        self._flatten(base, data_types, ids)
        definition = node.find(f"{NODESET}Definition")
        inherited = self._fields.get(base, [])
        if definition is None:
            self._fields[key] = list(inherited)
            return
        if _is_union(definition) or any("Value" in field.attrib for field in definition):
            return
        own = [(field, ids.expanded(field.get("DataType", "i=24"))) for field in definition]
        named = {field.get("Name") for field, _ in own}
        added = [pair for pair in inherited if pair[0].get("Name") not in named]
        for place, (field, data_type) in enumerate(added):
            copied = copy.deepcopy(field)
            copied.set("DataType", ids.of_file(data_type))
            definition.insert(place, copied)
        self._fields[key] = [*added, *own]


class _Ids:
    """NodeIds of a file: by alias or index in the file, and with the namespace's URI."""

    def __init__(self, root: ET.Element) -> None:
        found = root.find(f"{NODESET}NamespaceUris")
        self._element = found if found is not None else ET.Element(f"{NODESET}NamespaceUris")
        self._uris = [UA, *(uri.text or "" for uri in self._element)]
        self._aliases = {
            alias.get("Alias"): alias.text or ""
            for alias in root.iterfind(f"{NODESET}Aliases/{NODESET}Alias")
        }

    def expanded(self, text: str) -> str:
        text = self._aliases.get(text.strip(), text).strip()
        if not text.startswith("ns="):
            return text
        index, _, rest = text.removeprefix("ns=").partition(";")
        return f"nsu={self._uris[int(index)]};{rest}" if int(index) else rest

    def of_file(self, expanded: str) -> str:
        if not expanded.startswith("nsu="):
            return expanded
        uri, _, rest = expanded.removeprefix("nsu=").partition(";")
        if uri not in self._uris:
            self._uris.append(uri)
            ET.SubElement(self._element, f"{NODESET}Uri").text = uri
        return f"ns={self._uris.index(uri)};{rest}"


def _drop_design_tool_nodes(root: ET.Element) -> None:
    dropped = {node.get("NodeId") for node in root if node.get("DesignToolOnly") == "true"}
    if not dropped:
        return
    for node in list(root):
        if node.get("NodeId") in dropped:
            root.remove(node)
            continue
        references = node.find(f"{NODESET}References")
        for link in list(references) if references is not None else ():
            if references is not None and (link.text or "").strip() in dropped:
                references.remove(link)


def _drop_nested_default(node: ET.Element) -> None:
    value = node.find(f"{NODESET}Value")
    if value is not None and any(
        next(body.iter(f"{TYPES}TypeId"), None) is not None for body in value.iter(f"{TYPES}Body")
    ):
        node.remove(value)


def _drop_option_set(node: ET.Element, ids: _Ids) -> None:
    definition = node.find(f"{NODESET}Definition")
    if (
        definition is not None
        and definition.get("IsOptionSet") == "true"
        and _base(node, ids) in UNSIGNED
    ):
        node.remove(definition)


def _base(node: ET.Element, ids: _Ids) -> str:
    for link in node.iterfind(f"{NODESET}References/{NODESET}Reference"):
        kind = link.get("ReferenceType", "")
        subtype = kind == "HasSubtype" or ids.expanded(kind) == SUBTYPE
        if subtype and link.get("IsForward") == "false":
            return ids.expanded(link.text or "")
    return ""


def _is_union(definition: ET.Element) -> bool:
    return definition.get("IsUnion") == "true" or definition.get("IsOptionSet") == "true"
