"""One NodeSet2 file (OPC 10000-6 annex F): what it brings and what it needs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = ["NODESET", "UA", "BadNodeset", "ModelStated", "NodesetFile", "read_nodeset"]

UA: Final = "http://opcfoundation.org/UA/"
NODESET: Final = "{http://opcfoundation.org/UA/2011/03/UANodeSet.xsd}"
MAX_BYTES: Final = 64_000_000
"""Of a file; the largest official one has 16 MB."""
DAWN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"^(?:ns=(\d+);)?([isgb]=.+)$", re.DOTALL)


class BadNodeset(ValueError):
    """A file that is no NodeSet2, or contradicts itself; the message says what was found."""


@dataclass(frozen=True, slots=True)
class ModelStated:
    """A model as a file states it, or requires it: there, what is not stated is empty or 1970."""

    uri: str
    version: str
    published: datetime

    def __str__(self) -> str:
        when = f" of {self.published:%Y-%m-%d}" if self.published > DAWN else ""
        return f"{self.uri} {self.version}".rstrip() + when

    def satisfies(self, required: ModelStated) -> bool:
        """True where this one will do: published as late, or without a date of as high a version.

        OPC 10000-6 F.5: the publication date tells which of two versions is the newer one.
        """
        if required.published > DAWN:
            return self.published >= required.published
        return _number(self.version) >= _number(required.version)


@dataclass(frozen=True, slots=True)
class NodesetFile:
    """What a file brings and needs. `name` is what people call it."""

    name: str
    path: Path
    models: tuple[ModelStated, ...]
    required: tuple[ModelStated, ...]
    data_types: Mapping[str, str]
    """Expanded NodeId by name."""
    namespaces: frozenset[str]
    """Those in which it has nodes."""


def read_nodeset(path: Path, name: str) -> NodesetFile:
    """Read what a file brings and needs.

    Raises:
        BadNodeset: unreadable, no NodeSet2 with a model, a NodeId twice.
    """
    root = _root(path)
    uris = [UA, *(uri.text or "" for uri in root.iterfind(f"{NODESET}NamespaceUris/{NODESET}Uri"))]
    stated = root.findall(f"{NODESET}Models/{NODESET}Model")
    if not stated:
        raise BadNodeset("no <Model> that says what it is")
    models = tuple(_stated(model) for model in stated)
    own = {model.uri for model in models}
    required = (
        _stated(needed) for model in stated for needed in model.iterfind(f"{NODESET}RequiredModel")
    )
    ids = [_expanded(node.attrib["NodeId"], uris) for node in _nodes(root)]
    twice = [node_id for node_id, count in Counter(ids).items() if count > 1]
    if twice:
        raise BadNodeset(f"{twice[0]} twice")
    return NodesetFile(
        name,
        path,
        models,
        tuple(model for model in required if model.uri not in own),
        {
            _name(node): _expanded(node.attrib["NodeId"], uris)
            for node in root.iterfind(f"{NODESET}UADataType")
            if node.get("DesignToolOnly") != "true"
        },
        frozenset(node_id.split(";", 1)[0].removeprefix("nsu=") for node_id in ids),
    )


def _root(path: Path) -> ET.Element:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadNodeset(f"{size} bytes, more than {MAX_BYTES}")
        root = ET.parse(path).getroot()
    except OSError as error:
        raise BadNodeset(f"no file that can be read ({error.strerror})") from error
    except ET.ParseError as error:
        raise BadNodeset(f"no XML: {error}") from error
    if root.tag != f"{NODESET}UANodeSet":
        raise BadNodeset(f"<{root.tag.rpartition('}')[2]}> in place of <UANodeSet>")
    return root


def _nodes(root: ET.Element) -> Iterator[ET.Element]:
    return (node for node in root if "NodeId" in node.attrib)


def _stated(element: ET.Element) -> ModelStated:
    uri, text = element.get("ModelUri", ""), element.get("PublicationDate")
    if not uri:
        raise BadNodeset("a model without ModelUri")
    try:
        published = datetime.fromisoformat(text) if text else DAWN
    except ValueError as error:
        raise BadNodeset(f"PublicationDate {text!r} of {uri}") from error
    if published.tzinfo is None:
        published = published.replace(tzinfo=UTC)
    return ModelStated(uri, element.get("Version", ""), published)


def _expanded(text: str, uris: list[str]) -> str:
    found = _ID.match(text.strip())
    index = int(found[1] or 0) if found else -1
    if found is None or not 0 <= index < len(uris):
        raise BadNodeset(f"NodeId {text!r}, which names no namespace of the file")
    return f"nsu={uris[index]};{found[2]}"


def _name(node: ET.Element) -> str:
    """Return the name by which the importer makes a class of a data type: DisplayName."""
    shown = node.find(f"{NODESET}DisplayName")
    name = node.get("BrowseName", "").rpartition(":")[2]
    return (shown.text if shown is not None else None) or name


def _number(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]
