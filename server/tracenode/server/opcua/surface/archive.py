"""Whose past is known: items, stations, notifiers, by their nodes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.models.receipts import Record
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.history.capabilities import remember_events, remember_values
from tracenode.server.opcua.history.pasts import EventPast, ValuePast
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.surface.keys import ROOT, SITE, device_id, item_of, station_id
from tracenode.server.opcua.surface.pasts import (
    ITEM_FIELDS,
    STATION_FIELDS,
    ItemPast,
    NotifierPast,
    past_of_station,
)
from tracenode.server.opcua.surface.tree import Members
from tracenode.server.store.reading.snapshot import snapshot
from tracenode.server.store.reading.spans import MOST_NAMES, naming
from tracenode.server.trace import Trace

__all__ = ["TraceArchive"]

T = TypeVar("T")
SERVER: Final = ua_id(ObjectIds.Server)


class TraceArchive:
    """The archive of one trace; `event_of` makes the event of a record, None of what is not
    told."""

    def __init__(self, trace: Trace, event_of: Callable[[Record], Event | None]) -> None:
        self._trace, self._event_of = trace, event_of
        self._values: dict[ua.NodeId, ValuePast] = {}
        self._events: dict[ua.NodeId, EventPast] = {}

    def open(
        self, server: TraceServer, stations: Mapping[str, Members], devices: Collection[str]
    ) -> None:
        """Find what is remembered in the tree, and say so at its nodes."""
        for station, members in stations.items():
            for field in STATION_FIELDS:
                if field in members:
                    self._values[members[field]] = past_of_station(station, field)
        remember_values(server.space, server.book, self._values)
        sources = {station_id(name): ("station", name) for name in stations}
        sources |= {device_id(name): ("device", name) for name in devices}
        above = {source: server.events.notifiers(source) for source in sources}
        for node_id in {ROOT, SERVER, *(one for found in above.values() for one in found)}:
            below = {source for source, found in above.items() if node_id in found}
            everything = node_id in (ROOT, SERVER)
            names = () if everything else _names([sources[one] for one in below])
            past = NotifierPast(self._event_of, None if everything else below, names)
            self._events[node_id] = past
        remember_events(server.space, self._events)
        server.history.archive = self

    def values_of(self, node_id: ua.NodeId) -> ValuePast | None:
        """Return the past of a variable of a station or an item."""
        known = self._values.get(node_id)
        if known is not None or node_id.NamespaceIndex != SITE:
            return known
        head, _, field = str(node_id.Identifier).partition("#")
        public = item_of(head.removeprefix("Item/")) if head.startswith("Item/") else None
        return None if public is None or field not in ITEM_FIELDS else ItemPast(public, field)

    def events_of(self, node_id: ua.NodeId) -> EventPast | None:
        """Return the past events of a notifier."""
        return self._events.get(node_id)

    async def read(self, function: Callable[[Any], T]) -> T:
        """Run a function of a snapshot on a thread for wide questions.

        Raises:
            StoreError: the file can't be read.
        """

        def read(connection: Any) -> T:
            with snapshot(connection) as reading:
                return function(reading)

        return await self._trace.store.readers.run(read, wide=True)


def _names(sources: list[tuple[str, str]]) -> tuple[str, ...]:
    """What stands in the records of some sources; empty where they are too many to look for."""
    if len(sources) > MOST_NAMES:
        return ()
    return tuple(naming(field, name) for field, name in sources)
