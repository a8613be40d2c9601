"""Who listens to which notifier: an event is checked and encoded once for all who ask alike."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.subscriptions.filters import CompiledFilter
from tracenode.server.opcua.subscriptions.items import EventItem, Ready
from tracenode.server.opcua.subscriptions.selection import Fields, Selection, encoded

__all__ = ["Listeners"]

SERVER = ua_id(ObjectIds.Server)
OVERFLOW_TYPE = ua_id(ObjectIds.EventQueueOverflowEventType)
OVERFLOW_SEVERITY = 500


class Listeners:
    """The event items of all subscriptions, by notifier and filter."""

    def __init__(self, types: TypeTree) -> None:
        self._types = types
        self._items: dict[ua.NodeId, dict[CompiledFilter, dict[EventItem, None]]] = {}

    def add(self, item: EventItem) -> None:
        """Put events to an item from now on."""
        assert item.filter is not None
        by_filter = self._items.setdefault(item.target.node_id, {})
        by_filter.setdefault(item.filter, {})[item] = None

    def remove(self, item: EventItem) -> None:
        """Put no more events to an item."""
        by_filter = self._items.get(item.target.node_id, {})
        if item.filter is None or item.filter not in by_filter:
            return
        alike = by_filter[item.filter]
        alike.pop(item, None)
        if not alike:
            del by_filter[item.filter]
        if not by_filter:
            del self._items[item.target.node_id]

    def tell(
        self, event: Event, notifiers: frozenset[ua.NodeId], *, only: ua.NodeId | None = None
    ) -> None:
        """Queue `event` for every item on one of `notifiers` whose filter lets it pass; where
        `only` is given, for the items of that session."""
        built: dict[Selection, Fields] = {}
        verdicts: dict[CompiledFilter, bool] = {}
        owners: dict[Ready, bool] = {}
        for node_id in notifiers & self._items.keys():
            for wanted, items in self._items[node_id].items():
                passes = verdicts.get(wanted)
                if passes is None:
                    passes = verdicts[wanted] = wanted.passes(event)
                if not passes:
                    continue
                fields = built.get(wanted.selection)
                if fields is None:
                    fields = encoded(event, wanted.selection, self._types)
                    built[wanted.selection] = fields
                for item in items:
                    owner = item.owner
                    heard = owners.get(owner)
                    if heard is None:
                        mine = only is None or owner.session_id == only
                        heard = owners[owner] = mine and owner.hears(event.audience)
                    if heard:
                        item.put(fields)

    def tell_some(
        self, items: Iterable[EventItem], event: Event, notifiers: frozenset[ua.NodeId] | None
    ) -> None:
        """Queue `event` for those of some items that would get it; for all of them, whatever their
        filter, where there are no `notifiers`: what belongs to the protocol is for everybody."""
        for item in items:
            wanted = item.filter
            if wanted is None or item.mode == ua.MonitoringMode.Disabled:
                continue
            passes = notifiers is None or (
                item.target.node_id in notifiers
                and item.owner.hears(event.audience)
                and wanted.passes(event)
            )
            if passes:
                item.put(encoded(event, wanted.selection, self._types))

    def overflow(self, wanted: CompiledFilter) -> Fields:
        """Return the event that stands where others were lost (OPC 10000-4 7.22.3)."""
        event = Event(
            event_type=OVERFLOW_TYPE,
            source=SERVER,
            source_name="Server",
            event_id=secrets.token_bytes(16),
            time=datetime.now(UTC),
            message="events were lost: the queue of this item was full",
            severity=OVERFLOW_SEVERITY,
        )
        return encoded(event, wanted.selection, self._types)
