"""Events: one lean object an emission, fanned out to the source and everything above it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.variants import scalar

if TYPE_CHECKING:
    from tracenode.server.opcua.subscriptions.service import TraceSubscriptions

__all__ = ["Event", "EventBus"]

V = ua.VariantType
SERVER = ua_id(ObjectIds.Server)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it goes out; immutable, shared by all subscribers.

    `event_id` is given by the caller and stable: the same record sent again carries the same
    bytes. `fields` are the type's own fields by browse name; a field that is missing, or that
    another type has, is null for who selects it. Namespaces of browse names are not compared:
    field names are unique in the model.
    """

    event_type: ua.NodeId
    source: ua.NodeId
    source_name: str
    event_id: bytes
    time: datetime
    message: str
    severity: int = 100
    fields: Mapping[str, ua.Variant] = field(default_factory=dict)
    receive_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    audience: int = 0
    """Roles that may hear it, as a bitmask of `models.roles.Role`; 0: whoever may look."""

    def variant(self, name: str) -> ua.Variant:
        """Return the field of this browse name, a null variant where the event has none."""
        match name:
            case "EventId":
                return scalar(self.event_id, V.ByteString)
            case "EventType":
                return scalar(self.event_type, V.NodeId)
            case "SourceNode":
                return scalar(self.source, V.NodeId)
            case "SourceName":
                return scalar(self.source_name, V.String)
            case "Time":
                return scalar(self.time, V.DateTime)
            case "ReceiveTime":
                return scalar(self.receive_time, V.DateTime)
            case "Message":
                return scalar(ua.LocalizedText(self.message, "en"), V.LocalizedText)
            case "Severity":
                return scalar(self.severity, V.UInt16)
        return self.fields.get(name) or ua.Variant(None, V.Null)


class EventBus:
    """Sends events to every subscription that watches the source or a notifier above it."""

    def __init__(
        self, space: TraceAddressSpace, types: TypeTree, subscriptions: TraceSubscriptions
    ) -> None:
        self._space = space
        self._types = types
        self._subscriptions = subscriptions
        self._notifiers: dict[ua.NodeId, frozenset[ua.NodeId]] = {}

    def forget(self) -> None:
        """Drop the remembered notifier hierarchy; `AddressBook` does after every change."""
        self._notifiers.clear()

    async def emit(self, event: Event, *, only: ua.NodeId | None = None) -> None:
        """Queue `event` for every subscriber, or those of the session `only`; it leaves with their
        next publish."""
        self._subscriptions.listeners.tell(event, self.notifiers(event.source), only=only)

    def refresh(
        self, session: ua.NodeId, subscription: int, item: int | None, events: Iterable[Event]
    ) -> None:
        """Send `events` again to one subscription of a session, or to one of its items, between a
        RefreshStart and a RefreshEnd event (OPC 10000-9 5.5.7, 5.11).

        Raises:
            ServiceError: BadSubscriptionIdInvalid, BadMonitoredItemIdInvalid.
        """
        items = self._subscriptions.event_items(session, subscription, item)
        tell = self._subscriptions.listeners.tell_some
        tell(items, _refresh(ObjectIds.RefreshStartEventType, "refresh begins"), None)
        for event in events:
            tell(items, event, self.notifiers(event.source))
        tell(items, _refresh(ObjectIds.RefreshEndEventType, "refresh ends"), None)

    def notifiers(self, source: ua.NodeId) -> frozenset[ua.NodeId]:
        """Return the source, what is above it by HasEventSource or HasNotifier, and Server.

        Server is the root of every notifier hierarchy (OPC 10000-3 7.17), so it hears all.
        """
        known = self._notifiers.get(source)
        if known is None:
            up = self._types.subtypes(ua_id(ObjectIds.HasEventSource))
            found, todo = {source}, [source]
            while todo:
                node = self._space.get(todo.pop())
                for link in () if node is None else node.references:
                    above = not link.IsForward and link.ReferenceTypeId in up
                    if above and link.NodeId not in found:
                        found.add(link.NodeId)
                        todo.append(link.NodeId)
            known = frozenset(found | {SERVER})
            if source in self._space.virtual.real:
                self._notifiers[source] = known
        return known


def _refresh(event_type: int, message: str) -> Event:
    return Event(
        event_type=ua_id(event_type),
        source=SERVER,
        source_name="Server",
        event_id=secrets.token_bytes(16),
        time=datetime.now(UTC),
        message=message,
    )
