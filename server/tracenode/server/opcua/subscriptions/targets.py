"""What an item watches: one attribute of one node, or a part of it."""

from __future__ import annotations

import logging

from asyncua import ua
from asyncua.server.address_space import AttributeValue
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.nodes.samples import Sample
from tracenode.server.opcua.nodes.space import TraceAddressSpace, Watcher, enlist

__all__ = ["Target"]

log = logging.getLogger(__name__)

KEPT = 1024
"""The weight of a value, in bytes, that is kept for the next item."""


class Target:
    """An attribute and where its value is held; any number of items may share one.

    The cell of a real node is looked up again when the address space has changed, that of a virtual
    node always.
    """

    __slots__ = ("_cell", "_changes", "_sample", "_space", "attribute", "index_range", "node_id")

    def __init__(
        self,
        space: TraceAddressSpace,
        node_id: ua.NodeId,
        attribute: AttributeIds,
        index_range: str | None = None,
    ) -> None:
        self.node_id = node_id
        self.attribute = attribute
        self.index_range = index_range
        self._space = space
        self._cell: AttributeValue | None = None
        self._changes = -1
        self._sample: Sample | None = None

    @property
    def cell(self) -> AttributeValue | None:
        """Where the value is held, None where there is no such node or attribute any more."""
        space = self._space
        if self._changes == space.changes:
            return self._cell
        node = space.get(self.node_id)
        cell: AttributeValue | None = None if node is None else node.attributes.get(self.attribute)
        self._remember(cell)
        return cell

    @property
    def is_polled(self) -> bool:
        """True where the value is made when it is read, and nobody tells of changes."""
        cell = self.cell
        return cell is not None and cell.value_callback is not None

    def watch(self, watcher: Watcher) -> AttributeValue | None:
        """Tell `watcher` of all changes from now on; returns the cell for `unwatch`."""
        cell = self._cell
        if self._changes == self._space.changes and type(cell) is AttributeValue:
            enlist(cell, watcher)
            return cell
        cell = self._space.watch(self.node_id, self.attribute, watcher)
        self._remember(cell)
        return cell

    def unwatch(self, cell: AttributeValue, watcher: Watcher) -> None:
        """Tell a watcher nothing any more."""
        self._space.unwatch(self.node_id, cell, watcher)

    def read(self) -> Sample:
        """Return the whole value of now, or a bad status; small ones are shared until they
        change."""
        cell = self.cell
        if cell is None or cell.value is None or cell.value_callback is not None:
            return Sample(self._made())
        sample = self._sample
        if sample is None or sample.value is not cell.value:
            sample = Sample(cell.value)
            self._sample = sample if sample.weight <= KEPT else None
        return sample

    def _made(self) -> ua.DataValue:
        try:
            return self._space.read_attribute_value(self.node_id, self.attribute)
        except Exception as e:  # noqa: BLE001  # of whoever makes it; others are read after it
            log.error("%s can't be read: %r", self.node_id.to_string(), e)
            return ua.DataValue(StatusCode=ua_status(StatusCodes.BadInternalError))

    def _remember(self, cell: AttributeValue | None) -> None:
        space = self._space
        if self.node_id in space.virtual.real:
            self._cell, self._changes = cell, space.changes
