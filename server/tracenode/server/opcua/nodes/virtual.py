"""Nodes made on demand: any number of items in the address space at constant memory.

`VirtualNodes` stands where asyncua keeps its dict of nodes. A string NodeId of the site's
namespace whose head (the text before the first `/`) is mounted is asked of its `NodeSource`; what
comes back is held in a small LRU, or pinned as long as a monitored item watches it. All calls are
made on the event loop's thread and must be cheap: one indexed SELECT.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from asyncua import ua
from asyncua.server.address_space import NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status

if TYPE_CHECKING:
    from tracenode.server.opcua.nodes.space import TraceAddressSpace

__all__ = ["Listing", "NodeSource", "Page", "VirtualNodes"]

CACHED_NODES = 4000
"""Unwatched nodes held, about 3 KiB each."""


@dataclass(frozen=True, slots=True)
class Page:
    """A run of references in key order; `next` is the key to go on after, None at the end."""

    references: Sequence[ua.ReferenceDescription]
    next: str | None


class Listing(Protocol):
    """References of one node that are too many to hold: one type, one direction, one class.

    They come beside the references in the node's own data, paged by a key (keyset, never offset).
    """

    reference_type: ua.NodeId
    forward: bool
    node_class: ua.NodeClass

    def page(self, after: str | None, limit: int) -> Page:
        """Return up to `limit` references after the key `after` (None: from the start)."""
        ...

    def find(self, name: ua.QualifiedName) -> ua.ReferenceDescription | None:
        """Return the reference to the target of this browse name."""
        ...


class NodeSource(Protocol):
    """Makes the nodes below one head, such as `Item`."""

    def node(self, node_id: ua.NodeId) -> NodeData | None:
        """Return a fresh node with its attributes and references, None for an unknown id."""
        ...

    def listings(self, node_id: ua.NodeId) -> Sequence[Listing]:
        """Return the long reference lists of one of its nodes; usually none."""
        ...


class VirtualNodes(MutableMapping[ua.NodeId, NodeData]):
    """The real nodes, and behind them the virtual ones. Iterates over real nodes only."""

    def __init__(self, space: TraceAddressSpace, cached: int = CACHED_NODES) -> None:
        self.real: dict[ua.NodeId, NodeData] = {}
        self.namespace = -1
        self._space = space
        self._sources: dict[str, NodeSource] = {}
        self._listings: dict[ua.NodeId, list[Listing]] = {}
        self._cached = cached
        self._cache: OrderedDict[ua.NodeId, NodeData] = OrderedDict()
        self._pinned: dict[ua.NodeId, NodeData] = {}

    def mount(self, head: str, source: NodeSource) -> None:
        """Serve `ns=3;s=<head>/...` from `source`; `head` itself has no slash."""
        if "/" in head or head in self._sources:
            raise ValueError(f"expected an unused head without a slash, found {head!r}")
        self._sources[head] = source

    def mount_listing(self, node_id: ua.NodeId, listing: Listing) -> None:
        """Give a real node, such as a folder, references that come from `listing`."""
        self._listings.setdefault(node_id, []).append(listing)

    def listings(self, node_id: ua.NodeId) -> Sequence[Listing]:
        """Return the long reference lists of a node, real or virtual."""
        mounted = self._listings.get(node_id, ())
        source = None if node_id in self.real else self._source(node_id)
        return mounted if source is None else [*mounted, *source.listings(node_id)]

    async def refresh(self, node_ids: Iterable[ua.NodeId]) -> None:
        """Make what has changed visible: watched values are updated in place, others forgotten.

        Monitored items of the watched nodes are notified. References of a watched node are
        renewed too. Unknown ids are ignored.
        """
        for node_id in node_ids:
            self._cache.pop(node_id, None)
            held = self._pinned.get(node_id)
            source = self._source(node_id)
            if held is None or source is None:
                continue
            fresh = source.node(node_id)
            if fresh is None:
                gone = ua.DataValue(StatusCode=ua_status(StatusCodes.BadNodeIdUnknown))
                await self._space.write_attribute_value(node_id, AttributeIds.Value, gone)
                continue
            held.references = fresh.references
            for attribute, cell in fresh.attributes.items():
                kept = held.attributes.get(attribute)
                if kept is None:
                    held.attributes[attribute] = cell
                elif cell.value is not None and _differs(kept.value, cell.value):
                    await self._space.write_attribute_value(node_id, attribute, cell.value)

    def pin(self, node_id: ua.NodeId) -> None:
        """Keep a virtual node as long as somebody watches it."""
        node = self._cache.pop(node_id, None)
        if node is not None:
            self._pinned[node_id] = node

    def unpin(self, node_id: ua.NodeId) -> None:
        """Let a node go back to the LRU when nobody watches it any more."""
        node = self._pinned.get(node_id)
        if node is None or any(cell.datachange_callbacks for cell in node.attributes.values()):
            return
        del self._pinned[node_id]
        self._remember(node_id, node)

    def held(self) -> list[ua.NodeId]:
        """Return the ids of the virtual nodes that are held, watched or not; an upper bound of
        what `refresh` has to do when nobody can say which nodes have changed."""
        return [*self._pinned, *self._cache]

    @property
    def pinned(self) -> int:
        """How many virtual nodes are watched."""
        return len(self._pinned)

    @property
    def cached(self) -> int:
        """How many unwatched virtual nodes are held."""
        return len(self._cache)

    def _source(self, node_id: object) -> NodeSource | None:
        if not isinstance(node_id, ua.NodeId) or node_id.NamespaceIndex != self.namespace:
            return None
        identifier = node_id.Identifier
        if not isinstance(identifier, str):
            return None
        head, slash, _ = identifier.partition("/")
        return self._sources.get(head) if slash else None

    def _virtual(self, node_id: object) -> NodeData | None:
        source = self._source(node_id)
        if source is None or not isinstance(node_id, ua.NodeId):
            return None
        node = self._pinned.get(node_id)
        if node is not None:
            return node
        node = self._cache.get(node_id)
        if node is not None:
            self._cache.move_to_end(node_id)
            return node
        node = source.node(node_id)
        if node is not None:
            self._remember(node.nodeid, node)
        return node

    def _remember(self, node_id: ua.NodeId, node: NodeData) -> None:
        self._cache[node_id] = node
        if len(self._cache) > self._cached:
            self._cache.popitem(last=False)

    # ------------------------------------------------------------ the mapping asyncua works on
    def __getitem__(self, key: ua.NodeId) -> NodeData:
        node: NodeData | None = self.get(key)
        if node is None:
            raise KeyError(key)
        return node

    def get(self, key: ua.NodeId, default: Any = None, /) -> Any:
        node = self.real.get(key)
        if node is None:
            node = self._virtual(key)
        return default if node is None else node

    def __contains__(self, key: object) -> bool:
        return key in self.real or self._virtual(key) is not None

    def __setitem__(self, key: ua.NodeId, value: NodeData) -> None:
        self.real[key] = value
        self._space.changes += 1

    def __delitem__(self, key: ua.NodeId) -> None:
        node = self.real.pop(key)
        self._space.changes += 1
        self._space.tell_gone(node)

    def __iter__(self) -> Iterator[ua.NodeId]:
        return iter(self.real)

    def __len__(self) -> int:
        return len(self.real)


def _differs(held: ua.DataValue | None, fresh: ua.DataValue) -> bool:
    if held is None:
        return True
    same_time = held.SourceTimestamp == fresh.SourceTimestamp
    return not (held.Value == fresh.Value and held.StatusCode == fresh.StatusCode and same_time)
