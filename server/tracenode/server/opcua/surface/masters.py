"""Materials, orders and the folders of a material's items: made from the master data when somebody
looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData
from asyncua.ua.object_ids import ObjectIds

from tracenode.models.identifiers import Identity
from tracenode.models.quantities import Quantity
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import object_node
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.virtual import Listing
from tracenode.server.opcua.surface.items import item_display, master_display
from tracenode.server.opcua.surface.keys import (
    below,
    by_material_id,
    decoded,
    item_id,
    material_id,
    model_id,
    order_id,
    site_name,
)
from tracenode.server.opcua.surface.listings import KeyedListing
from tracenode.server.opcua.surface.templates import Template
from tracenode.server.store.reading.catalogue import Catalogue, OrderCounts

__all__ = ["ItemFolders", "Masters", "material_fields", "order_fields"]

ORGANIZES: Final = ua_id(ObjectIds.Organizes)
FOLDER: Final = ua_id(ObjectIds.FolderType)
DAY_MS: Final = timedelta(days=1) / timedelta(milliseconds=1)


def material_fields(key: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return what a material's object says, by field name."""
    return {
        "MaterialId": key,
        "Name": data.get("name", ""),
        "Revision": data.get("revision", ""),
        "Unit": data.get("unit", ""),
        "Level": data.get("level") or 0,
        "ShelfLife": (data.get("shelf_life_days") or 0) * DAY_MS,
        "Gtin": data.get("gtin", ""),
        "IdPattern": data.get("id_pattern", ""),
    }


def order_fields(key: str, data: dict[str, Any], counts: OrderCounts) -> dict[str, Any]:
    """Return what an order's object says."""
    quantity = data.get("quantity")
    target = 0.0 if quantity is None else float(Quantity.model_validate(quantity))
    return {
        "OrderId": key,
        "MaterialId": data.get("material", ""),
        "TargetQuantity": target,
        "GoodCount": counts.good,
        "ScrapCount": counts.scrap,
        "InProcessCount": counts.in_process,
        "State": "open",
    }


class Masters:
    """The node source of one kind of master data, such as `Mat`."""

    def __init__(
        self,
        space: AddressSpace,
        types: TypeTree,
        catalogue: Catalogue,
        kind: str,
    ) -> None:
        materials = kind == "material"
        self.template = Template(
            space, types, "TraceMaterialType" if materials else "TraceOrderType"
        )
        self.id_of: Callable[[str], ua.NodeId] = material_id if materials else order_id
        self._kind = kind
        self._catalogue = catalogue

    def _fields(self, key: str, data: dict[str, Any]) -> dict[str, Any]:
        if self._kind == "material":
            return material_fields(key, data)
        return order_fields(key, data, self._catalogue.order(key))

    def nodes_of(self, key: str) -> list[ua.NodeId]:
        """Return the ids of an entry's object and of its variables."""
        owner = self.id_of(key)
        return [owner, *(below(owner, "#", field) for field in self.template.fields)]

    def node(self, node_id: ua.NodeId) -> NodeData | None:
        """Return an entry's object or variable."""
        text, hash_, field = str(node_id.Identifier).partition("/")[2].partition("#")
        key = decoded(text)
        data = None if key is None else self._catalogue.master(self._kind, key)
        if key is None or data is None:
            return None
        owner, display = self.id_of(key), master_display(key, data)
        if hash_:
            return self.template.variable(owner, key, display, field, self._fields(key, data))
        return self.template.object(owner, key, display)

    def listings(self, node_id: ua.NodeId) -> Sequence[Listing]:
        """Return the items of a material."""
        key = decoded(str(node_id.Identifier).partition("/")[2])
        if key is None or self._kind != "material":
            return ()
        return [_items(self._catalogue, key, model_id("DefinedByMaterial"), forward=False)]

    def listing(self) -> KeyedListing:
        """Return the references of the folder of this kind to all entries in use."""
        catalogue, kind = self._catalogue, self._kind
        return KeyedListing(
            lambda after, limit: [(key, key) for key in catalogue.keys(kind, after, limit)],
            lambda key: catalogue.master(kind, key) is not None,
            lambda key: (self.id_of(key), master_display(key, catalogue.master(kind, key))),
            reference_type=ORGANIZES,
            type_id=self.template.type_id,
        )


class ItemFolders:
    """The node source of `ByMat`: a folder for each part of which there is an item."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def node(self, node_id: ua.NodeId) -> NodeData | None:
        """Return a folder."""
        part = decoded(str(node_id.Identifier).partition("/")[2])
        if part is None or not self._catalogue.has_part(part):
            return None
        return object_node(by_material_id(part), site_name(part), FOLDER, type_name="FolderType")

    def listings(self, node_id: ua.NodeId) -> Sequence[Listing]:
        """Return the items of the part."""
        part = decoded(str(node_id.Identifier).partition("/")[2])
        return () if part is None else [_items(self._catalogue, part, ORGANIZES)]

    def listing(self) -> KeyedListing:
        """Return the references of ByMaterial to all folders."""
        return KeyedListing(
            lambda after, limit: [(part, part) for part in self._catalogue.parts(after, limit)],
            self._catalogue.has_part,
            lambda part: (by_material_id(part), part),
            reference_type=ORGANIZES,
            type_id=FOLDER,
        )


def _items(
    catalogue: Catalogue, part: str, reference_type: ua.NodeId, *, forward: bool = True
) -> KeyedListing:
    return KeyedListing(
        lambda after, limit: [(item, item) for item in catalogue.items_of(part, after, limit)],
        lambda item: _is_of(catalogue, item, part),
        lambda item: (item_id(item), item_display(item)),
        reference_type=reference_type,
        type_id=model_id("TraceItemType"),
        forward=forward,
    )


def _is_of(catalogue: Catalogue, item: str, part: str) -> bool:
    identity = Identity.parse(item)
    return identity is not None and identity.part == part and catalogue.has_item(item)
