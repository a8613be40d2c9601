"""Items in the address space: `Item/<ItemId>`, made from the store when somebody looks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData

from tracenode.models.answers import ItemAnswer, ItemDetail, ItemView
from tracenode.models.errors import TraceError
from tracenode.models.identifiers import Identity
from tracenode.server.genealogy import answer
from tracenode.server.opcua.nodes.book import reference, reference_to
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.virtual import Listing
from tracenode.server.opcua.surface.keys import (
    item_id,
    item_of,
    material_id,
    model_id,
    site_name,
    station_id,
)
from tracenode.server.opcua.surface.listings import KeyedListing
from tracenode.server.opcua.surface.pasts import ITEM_FIELDS
from tracenode.server.opcua.surface.structures import item_fields
from tracenode.server.opcua.surface.templates import Template
from tracenode.server.store.reading.catalogue import Catalogue

__all__ = ["Items", "item_display", "master_display"]

HELD_VIEWS: Final = 64
"""Items whose state is held as long as nothing is committed: a client reads one field after
another, and each is a node."""
MAX_PARTS: Final = 2_000
"""References to installed parts of one unit; QueryGenealogy has all of them."""


def item_display(public: str) -> str:
    """Return what people read: the part and the number, of a content which one."""
    identity = Identity.parse(public)
    if identity is None:
        return public
    content = f" (content {identity.state})" if identity.state else ""
    return f"{identity.part} {identity.text}{content}"


def master_display(key: str, data: Mapping[str, Any] | None) -> str:
    """Return what people read of an entry of the master data: its name, if it has one."""
    return str((data or {}).get("name") or key)


class Items:
    """The node source of `Item`.

    An object has references to its parts and its parent (HasPart), its container (PackedIn), the
    parts it replaced, its material and the station where it is. What it was made from, what it went
    into, what is in it now and all contents that it has had (Carries) are listed in pages. The
    content of a container, or of a lot that was topped up, is an item of its own (SEMANTICS S5).
    """

    def __init__(
        self,
        space: AddressSpace,
        types: TypeTree,
        catalogue: Catalogue,
        head: Callable[[], int],
        stations: Collection[str],
    ) -> None:
        self._space = space
        self._template = Template(space, types, "TraceItemType")
        self._catalogue = catalogue
        self._head = head
        self._stations = stations
        self._views: OrderedDict[str, ItemView | None] = OrderedDict()
        self._seen = -1

    @property
    def type_id(self) -> ua.NodeId:
        """The type of an item's object."""
        return self._template.type_id

    def nodes_of(self, public: str) -> list[ua.NodeId]:
        """Return the ids of an item's object and of its variables."""
        fields = (item_id(public, field) for field in self._template.fields)
        return [item_id(public), *fields]

    def view(self, public: str) -> ItemView | None:
        """Return an item as it is now; None where there is none of exactly this id."""
        head = self._head()
        if head != self._seen:
            self._views.clear()
            self._seen = head
        if public not in self._views:
            self._views[public] = self._read(public)
            if len(self._views) > HELD_VIEWS:
                self._views.popitem(last=False)
        return self._views[public]

    def _read(self, public: str) -> ItemView | None:
        question = ItemDetail(item=public)
        try:
            found: ItemAnswer = self._catalogue.read(lambda c: answer(c, question))
        except TraceError:
            return None
        return found.view if found.view.item == public else None

    # -------------------------------------------------------------- NodeSource
    def node(self, node_id: ua.NodeId) -> NodeData | None:
        """Return an item's object or variable."""
        key, hash_, field = str(node_id.Identifier).removeprefix("Item/").partition("#")
        public = item_of(key)
        view = None if public is None else self.view(public)
        if public is None or view is None:
            return None
        owner, display = item_id(public), item_display(public)
        if hash_:
            return self._template.variable(
                owner,
                public,
                display,
                field,
                item_fields(view),
                at=view.updated_at,
                historized=field in ITEM_FIELDS,
            )
        node = self._template.object(owner, public, display)
        node.references.extend(self._relations(view))
        return node

    def listings(self, node_id: ua.NodeId) -> Sequence[Listing]:
        """Return what the item was made from, what it went into, what is in it, and the contents
        that it has had."""
        public = item_of(str(node_id.Identifier).removeprefix("Item/"))
        if public is None:
            return ()
        catalogue, derived = self._catalogue, model_id("DerivedFrom")
        return [
            self._listing(
                lambda after, limit: catalogue.inputs(public, after, limit),
                lambda target: catalogue.is_derived(public, target),
                derived,
            ),
            self._listing(
                lambda after, limit: catalogue.outputs(public, after, limit),
                lambda target: catalogue.is_derived(target, public),
                derived,
                forward=False,
            ),
            self._listing(
                lambda after, limit: catalogue.packed(public, after, limit),
                lambda target: catalogue.is_packed(target, public),
                model_id("PackedIn"),
                forward=False,
            ),
            self._listing(
                lambda after, limit: catalogue.contents(public, after, limit),
                lambda target: catalogue.is_content(target, public),
                model_id("CarriedBy"),
                forward=False,
            ),
        ]

    def _listing(
        self,
        read: Callable[[str | None, int], Sequence[tuple[str, str]]],
        has: Callable[[str], bool],
        reference_type: ua.NodeId,
        *,
        forward: bool = True,
    ) -> KeyedListing:
        return KeyedListing(
            read,
            has,
            link=lambda target: (item_id(target), item_display(target)),
            reference_type=reference_type,
            type_id=self.type_id,
            forward=forward,
        )

    def _relations(self, view: ItemView) -> list[ua.ReferenceDescription]:
        part, packed, replaces = (model_id(name) for name in ("HasPart", "PackedIn", "Replaces"))
        links = [self._link(target, part) for target in view.parts[:MAX_PARTS]]
        if view.part_of is not None:
            links.append(self._link(view.part_of, part, forward=False))
        if view.packed_in is not None:
            links.append(self._link(view.packed_in, packed))
        owner, content, _ = view.item.rpartition("~s")
        if content:
            links.append(self._link(owner, model_id("CarriedBy")))
        links += [self._link(target, replaces) for target in view.replaces]
        links += [
            self._link(target, replaces, forward=False)
            for target in self._catalogue.replaced_by(view.item)
        ]
        material = self._catalogue.master("material", view.material)
        if material is not None:
            links.append(
                reference(
                    material_id(view.material),
                    model_id("DefinedByMaterial"),
                    site_name(view.material),
                    ua.NodeClass.Object,
                    display=master_display(view.material, material),
                    type_definition=model_id("TraceMaterialType"),
                )
            )
        if view.station in self._stations:
            station = self._space[station_id(view.station)]
            links.append(reference_to(station, model_id("LocatedAtStation")))
        return links

    def _link(
        self, target: str, reference_type: ua.NodeId, *, forward: bool = True
    ) -> ua.ReferenceDescription:
        return reference(
            item_id(target),
            reference_type,
            site_name(target),
            ua.NodeClass.Object,
            display=item_display(target),
            type_definition=self.type_id,
            forward=forward,
        )
