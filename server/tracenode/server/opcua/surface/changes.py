"""That nodes came or went while clients look: NodeVersion and GeneralModelChangeEvent.

Folders whose members appear while the server runs are watched (OPC 10000-3 9.32): slots and
consumers. Items, materials and orders are data more than model: of them the log tells.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import variable_node
from tracenode.server.opcua.subscriptions.events import Event

__all__ = ["ModelChanges"]

V = ua.VariantType
O = ObjectIds  # noqa: E741
ADDED, DELETED, LINKED, UNLINKED = 1, 2, 4, 8
"""Verbs of ModelChangeStructureDataType (OPC 10000-5 12.16)."""
SERVER, FOLDER = ua_id(O.Server), ua_id(O.FolderType)


class ModelChanges:
    """Watches folders. Versions begin with when the server `began`, so that one of a run before is
    never met again."""

    def __init__(self, server: TraceServer, began: datetime) -> None:
        self._server = server
        self._began = f"{began:%Y%m%dT%H%M%S}"
        self._versions: dict[ua.NodeId, int] = {}
        self._changes: list[tuple[ua.NodeId, ua.NodeId, int]] = []
        self._touched: dict[ua.NodeId, None] = {}

    def watch(self, folder: ua.NodeId) -> None:
        """Give a folder a NodeVersion."""
        node = variable_node(
            self._version_id(folder),
            ua.QualifiedName("NodeVersion"),
            ua_id(O.String),
            ua.DataValue(ua.Variant(self._version(0), V.String)),
            type_id=ua_id(O.PropertyType),
            type_name="PropertyType",
        )
        self._server.book.add(node, folder, ua_id(O.HasProperty))
        self._versions[folder] = 0

    def added(self, folder: ua.NodeId, node_id: ua.NodeId, type_id: ua.NodeId) -> None:
        """A node was made in a folder."""
        self._note(folder, LINKED, node_id, ADDED, type_id)

    def removed(self, folder: ua.NodeId, node_id: ua.NodeId, type_id: ua.NodeId) -> None:
        """A node of a folder is gone."""
        self._note(folder, UNLINKED, node_id, DELETED, type_id)

    def _note(
        self, folder: ua.NodeId, linked: int, node_id: ua.NodeId, made: int, type_id: ua.NodeId
    ) -> None:
        self._changes += [(node_id, type_id, made), (folder, FOLDER, linked)]
        self._touched[folder] = None

    async def tell(self) -> None:
        """Tell what was noted since, in one event; nothing where nothing was."""
        changes, folders = self._changes, self._touched
        if not changes:
            return
        self._changes, self._touched = [], {}
        for folder in folders:
            self._versions[folder] += 1
            version = self._version(self._versions[folder])
            await self._server.values.set(self._version_id(folder), version)
        told = [
            ua.ModelChangeStructureDataType(node_id, type_id, ua.Byte(verb))
            for node_id, type_id, verb in changes
        ]
        event = Event(
            event_type=ua_id(O.GeneralModelChangeEventType),
            source=SERVER,
            source_name="Server",
            event_id=uuid.uuid4().bytes,
            time=datetime.now(UTC),
            message=f"nodes came or went in {', '.join(str(one.Identifier) for one in folders)}",
            fields={"Changes": ua.Variant(told, V.ExtensionObject, is_array=True)},
        )
        await self._server.events.emit(event)

    def _version(self, count: int) -> str:
        return f"{self._began}.{count}"

    @staticmethod
    def _version_id(folder: ua.NodeId) -> ua.NodeId:
        return ua_id(f"{folder.Identifier!s}.NodeVersion", folder.NamespaceIndex)
