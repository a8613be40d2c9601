"""Ids of what stands in the tree: types by their path, instances by their key (MODEL)."""

from __future__ import annotations

from urllib.parse import quote, unquote

from asyncua import ua

from tracenode.models.identifiers import Identity
from tracenode.server.nodeset_data import node_numbers
from tracenode.server.opcua.core import SITE, TYPES
from tracenode.server.opcua.ids import ua_id

__all__ = [
    "ROOT",
    "SITE",
    "area_id",
    "below",
    "by_material_id",
    "decoded",
    "device_id",
    "encoded",
    "item_id",
    "item_of",
    "material_id",
    "model_id",
    "model_name",
    "order_id",
    "site_name",
    "station_id",
    "station_of",
]

SAFE = "._~:@-"
"""What stands in a NodeId unencoded beside letters and digits."""
ROOT = ua_id("Traceability", SITE)


def model_id(path: str) -> ua.NodeId:
    """Return the id of a node of the type nodeset by its path, such as `TraceStationType`."""
    return ua_id(node_numbers()[path], TYPES)


def model_name(text: str) -> ua.QualifiedName:
    """Return the browse name of a member that a type declares."""
    return ua.QualifiedName(text, ua.UInt16(TYPES))


def site_name(text: str) -> ua.QualifiedName:
    """Return the browse name of an instance."""
    return ua.QualifiedName(text, ua.UInt16(SITE))


def below(owner: ua.NodeId, separator: str, name: str) -> ua.NodeId:
    """Return the id of a member: its owner's with a separator and its name."""
    return ua_id(f"{owner.Identifier!s}{separator}{name}", SITE)


def encoded(key: str) -> str:
    """Return a key as it stands in a NodeId."""
    return quote(key, safe=SAFE)


def decoded(text: str) -> str | None:
    """Return the key that is written so in a NodeId; None where it would be written otherwise."""
    key = unquote(text)
    return key if encoded(key) == text else None


def area_id(path: str) -> ua.NodeId:
    """Return the id of an equipment folder, such as that of `Plant1/Hall2`."""
    return ua_id("Eq/" + encoded(path.replace("/", ".")), SITE)


def station_id(station: str) -> ua.NodeId:
    """Return the id of a station."""
    return ua_id(f"St/{station}", SITE)


def station_of(node_id: ua.NodeId) -> str:
    """Return the station whose object this is."""
    return str(node_id.Identifier).removeprefix("St/")


def device_id(device: str) -> ua.NodeId:
    """Return the id of a device."""
    return ua_id(f"Dev/{device}", SITE)


def material_id(material: str) -> ua.NodeId:
    """Return the id of a material."""
    return ua_id(f"Mat/{encoded(material)}", SITE)


def by_material_id(material: str) -> ua.NodeId:
    """Return the id of the folder of a material's items."""
    return ua_id(f"ByMat/{encoded(material)}", SITE)


def order_id(order: str) -> ua.NodeId:
    """Return the id of a production order."""
    return ua_id(f"Ord/{encoded(order)}", SITE)


def item_id(public: str, field: str = "") -> ua.NodeId:
    """Return the id of an item by its public id, or of one of its fields."""
    identity = Identity.parse(public)
    key = encoded(public) if identity is None else identity.node_key
    return ua_id(f"Item/{key}#{field}" if field else f"Item/{key}", SITE)


def item_of(key: str) -> str | None:
    """Return the public id that is written so in a NodeId; None where there is none."""
    identity = Identity.parse(key)
    return str(identity) if identity is not None and identity.node_key == key else None
