"""Long lists of references, paged by key from the store: no list is ever held whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asyncua import ua

from tracenode.server.opcua.nodes.book import reference
from tracenode.server.opcua.nodes.virtual import Page
from tracenode.server.opcua.surface.keys import SITE

__all__ = ["Keyed", "KeyedListing"]

Keyed = Callable[[str | None, int], Sequence[tuple[str, str]]]
"""(after, limit) -> (key, what stands there) in key order, from the key `after` on."""


class KeyedListing:
    """References of one type to targets that `read` gives page by page.

    `link` makes the id and the display name of a target; its browse name is the target itself.
    `has` says whether a target stands in the list.
    """

    def __init__(
        self,
        read: Keyed,
        has: Callable[[str], bool],
        link: Callable[[str], tuple[ua.NodeId, str]],
        *,
        reference_type: ua.NodeId,
        type_id: ua.NodeId,
        forward: bool = True,
    ) -> None:
        self.reference_type = reference_type
        self.forward = forward
        self.node_class = ua.NodeClass.Object
        self._read, self._has, self._link = read, has, link
        self._type_id = type_id

    def page(self, after: str | None, limit: int) -> Page:
        """Return a page; one more than the limit is read to know whether there is another."""
        found = list(self._read(after, limit + 1))
        shown = found[:limit]
        more = len(found) > limit and shown
        return Page(
            [self._reference(target) for _, target in shown], shown[-1][0] if more else None
        )

    def find(self, name: ua.QualifiedName) -> ua.ReferenceDescription | None:
        """Return the reference to the target of this browse name."""
        target = name.Name or ""
        if name.NamespaceIndex != SITE or not target or not self._has(target):
            return None
        return self._reference(target)

    def _reference(self, target: str) -> ua.ReferenceDescription:
        node_id, display = self._link(target)
        return reference(
            node_id,
            self.reference_type,
            ua.QualifiedName(target, ua.UInt16(SITE)),
            ua.NodeClass.Object,
            display=display,
            type_definition=self._type_id,
            forward=self.forward,
        )
