"""How a node is named: `ns=3;s=Press.Force`, `ns=3;i=17`, or `nsu=urn:acme:press;s=Press.Force`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import unquote

from asyncua import ua
from asyncua.ua.uaerrors import UaError
from pydantic import PlainValidator

from tracenode.models.errors import BadSetting

__all__ = ["NodeName", "NodeReference", "parse_node"]

EXPECTED: Final = "a NodeId such as ns=3;s=Press.Force, ns=3;i=17 or nsu=urn:acme:press;s=Force"
MAX_INDEX: Final = 0xFFFF
_PARTS: Final = re.compile(r"(?:ns=(\d{1,5});|nsu=([^;]+);)?([isgb]=.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NodeName:
    """A NodeId in its text form (OPC 10000-6 5.1.12), whose namespace may be named by its URI: the
    index may be another one after the next download to the controller, the URI is not."""

    text: str
    index: int
    uri: str
    """Empty where `index` counts."""
    identifier: str

    def __str__(self) -> str:
        return self.text

    def resolve(self, namespaces: Sequence[str]) -> ua.NodeId:
        """Return the NodeId at a server that has these namespaces.

        Raises:
            BadSetting: it has no such namespace.
        """
        index = self.index
        if self.uri:
            if self.uri not in namespaces:
                known = ", ".join(namespaces)
                raise BadSetting(f"one of the server's namespaces ({known})", self.uri)
            index = namespaces.index(self.uri)
        elif index >= len(namespaces):
            expected = f"a namespace index of the server, 0 to {len(namespaces) - 1}"
            raise BadSetting(expected, str(index))
        return ua.NodeId.from_string(f"ns={index};{self.identifier}")


def parse_node(text: str) -> NodeName:
    """Read a node's name.

    Raises:
        BadSetting: it is no NodeId in its text form.
    """
    parts = _PARTS.fullmatch(text)
    index = int(parts[1] or 0) if parts else 0
    if parts is None or index > MAX_INDEX:
        raise BadSetting(EXPECTED, repr(text))
    try:
        ua.NodeId.from_string(f"ns={index};{parts[3]}")
    except (UaError, ValueError) as error:
        raise BadSetting(EXPECTED, repr(text)) from error
    return NodeName(text, index, unquote(parts[2] or ""), parts[3])


def _node(value: object) -> NodeName:
    if not isinstance(value, str):
        raise BadSetting(EXPECTED, repr(value))
    return parse_node(value)


NodeReference = Annotated[NodeName, PlainValidator(_node, json_schema_input_type=str)]
"""A key of a configuration that names a node."""
