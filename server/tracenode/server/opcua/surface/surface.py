"""The trace as OPC UA clients see it: built once, kept up to date from what is committed."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from asyncua import ua

from tracenode.drivers.driver import DriverStats
from tracenode.drivers.supervisor import DeviceStatus
from tracenode.models.config import Config
from tracenode.models.errors import StoreError
from tracenode.models.events import Report
from tracenode.models.readings import Point, Reading, Scan
from tracenode.models.receipts import Record
from tracenode.server.companions.planning import NO_MODELS, Plan
from tracenode.server.consumers import Consumers
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.nodesets import load_types
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.surface.alarms import PlantAlarms
from tracenode.server.opcua.surface.archive import TraceArchive
from tracenode.server.opcua.surface.backlog import Backlog
from tracenode.server.opcua.surface.bindings import bind_methods
from tracenode.server.opcua.surface.changes import ModelChanges
from tracenode.server.opcua.surface.consumers import ConsumerNodes
from tracenode.server.opcua.surface.devices import DeviceChange, Devices
from tracenode.server.opcua.surface.emission import EventMaker
from tracenode.server.opcua.surface.health import describe_site, health
from tracenode.server.opcua.surface.items import Items, item_display
from tracenode.server.opcua.surface.keys import ROOT, device_id, item_id, station_id
from tracenode.server.opcua.surface.listings import KeyedListing
from tracenode.server.opcua.surface.mailbox import VariableMailbox
from tracenode.server.opcua.surface.masters import ORGANIZES, ItemFolders, Masters
from tracenode.server.opcua.surface.methods.limits import MAX_LISTED_ITEMS
from tracenode.server.opcua.surface.methods.pinning import PinMethods
from tracenode.server.opcua.surface.replay import Replays
from tracenode.server.opcua.surface.slots import Slots
from tracenode.server.opcua.surface.stations import Stations
from tracenode.server.opcua.surface.touched import Touched
from tracenode.server.opcua.surface.tree import Members, Tree
from tracenode.server.store.reading.catalogue import Catalogue
from tracenode.server.trace import Trace

__all__ = ["Surface"]

log = logging.getLogger(__name__)

SLICE: Final = 50
"""Records told between two turns of the event loop: a controller's call waits for one slice."""
DIAGNOSE_S: Final = 2.0
"""Between two looks at how the server is."""


class Surface:
    """The OPC UA side of one trace.

        surface = Surface(server, trace, config, points)
        await surface.build()       # after server.open(), before server.start()
        task_group.create_task(surface.run())
        ...
        await surface.close()

    `points` are the readings that each device will give. Everything happens on the event loop's
    thread.
    """

    def __init__(
        self,
        server: TraceServer,
        trace: Trace,
        config: Config,
        points: Mapping[str, Sequence[Point]],
        plan: Plan = NO_MODELS,
    ) -> None:
        self._server, self._trace, self._config, self._points = server, trace, config, points
        self._tree, self._plan = Tree(server, plan), plan
        self._catalogue = Catalogue(trace.store.path, mmap=config.store.local_disk)
        self._backlog = Backlog(trace.records)
        self._shown = asyncio.Event()
        self.consumers = Consumers(trace, config.consumers)
        """Who reads the log, and how far each is."""
        self.replays = Replays(trace, self, self._tell_again)
        self._pins = PinMethods(trace)
        self._changes = ModelChanges(server, datetime.now(UTC))
        self._alarms = PlantAlarms(server, trace, config.alarms)
        self._unsubscribe: Callable[[], None] = lambda: None
        self._members: Members
        self._items: Items
        self._materials: Masters
        self._orders: Masters
        self._stations: Stations
        self._mailboxes: list[VariableMailbox] = []
        self._touched: Touched
        self._slots: Slots
        self._devices: Devices
        self._events: EventMaker
        self.consumer_nodes: ConsumerNodes
        """Where to `listen` for consumers that lag."""

    # -------------------------------------------------------------- life
    async def build(self) -> None:
        """Load the types, make the tree, bind the methods, show what the store knows.

        Raises:
            NodesetError, FileNotFoundError: the installation is not complete.
            StoreError: the store can't be read.
        """
        server, config = self._server, self._config
        await load_types(server, self._plan)
        self._members = self._tree.build(config, self._points)
        describe_site(server, self._tree.model_version())
        self._events = EventMaker(server.space, server.types)
        self._devices = Devices(self._tree.devices, self._points, self._tree.companions)
        self._mount()
        bind_methods(server.gateway, self._trace, config, self.consumers, self.replays, self._pins)
        self.consumer_nodes = ConsumerNodes(server, self._members, self._changes)
        archive = TraceArchive(self._trace, self._event_told)
        archive.open(server, self._tree.stations, self._tree.devices)
        self._unsubscribe = self._trace.subscribe(self._backlog.add)
        self._stations = Stations(config, self._tree.stations, self._catalogue, self._items.view)
        self._slots = Slots(server, self._tree.stations, self._catalogue, self._changes)
        await self._open_mailboxes()
        await self._pins.load()
        await server.values.set_many(self._stations.restored())
        await server.values.set_many(self._slots.restored())
        await server.values.set_many(self._log())
        await server.values.set_many(health(server, self._trace, self._members))
        await self._alarms.build(config, self._members, self._tree.devices)
        await self._show_consumers()
        await self._alarms.slots(self._slots.held())

    async def run(self) -> None:
        """Tell what is committed and show what devices say, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_records())
            tasks.create_task(self._show_devices())
            tasks.create_task(self._diagnose())
            tasks.create_task(self._watch_consumers())

    async def close(self) -> None:
        """Hear of no more records and let go of the store; `run` must have ended."""
        self._unsubscribe()
        await self.replays.close()
        for mailbox in self._mailboxes:
            await mailbox.close()
        self._catalogue.close()

    async def _open_mailboxes(self) -> None:
        server = self._server
        for station in self._config.stations:
            if station.variable_mailbox:
                mailbox = VariableMailbox(
                    station,
                    self._tree.stations[station.id],
                    server.values,
                    server.space,
                    self._trace,
                    self.is_open,
                    time.monotonic,
                )
                await mailbox.resume()
                server.written.mount(mailbox.requests, mailbox)
                server.access.writable_by(mailbox.requests, "booking")
                self._mailboxes.append(mailbox)

    def _mount(self) -> None:
        space, types = self._server.space, self._server.types
        virtual, members, catalogue = self._server.virtual, self._members, self._catalogue
        self._items = Items(space, types, catalogue, self._head, self._tree.stations)
        self._materials = Masters(space, types, catalogue, "material")
        self._orders = Masters(space, types, catalogue, "order")
        self._touched = Touched(
            virtual,
            catalogue,
            items=self._items,
            materials=self._materials,
            orders=self._orders,
        )
        folders = ItemFolders(catalogue)
        virtual.mount("Item", self._items)
        virtual.mount("Mat", self._materials)
        virtual.mount("Ord", self._orders)
        virtual.mount("ByMat", folders)
        virtual.mount_listing(members["Materials"], self._materials.listing())
        virtual.mount_listing(members["Orders"], self._orders.listing())
        virtual.mount_listing(members["Items.ByMaterial"], folders.listing())
        virtual.mount_listing(members["Items"], self._in_process())

    def _head(self) -> int:
        return self._trace.head.seq

    def _in_process(self) -> KeyedListing:
        """Return the references of Items to what is pinned and in process, MAX_LISTED_ITEMS at
        most."""
        catalogue = self._catalogue

        def listed() -> list[str]:
            found = (*self._pins.pinned, *catalogue.in_process(MAX_LISTED_ITEMS))
            return list(dict.fromkeys(found))[:MAX_LISTED_ITEMS]

        def read(after: str | None, limit: int) -> list[tuple[str, str]]:
            items = listed()
            numbered = [(str(number), item) for number, item in enumerate(items)]
            start = 0 if after is None else int(after) + 1
            return numbered[start : start + limit]

        return KeyedListing(
            read,
            lambda item: item in listed(),
            lambda item: (item_id(item), item_display(item)),
            reference_type=ORGANIZES,
            type_id=self._items.type_id,
        )

    # -------------------------------------------------------------- devices
    def show(self, readings: Sequence[Reading]) -> None:
        """Show the latest readings soon; never blocks.

        Raises:
            KeyError: a point that its driver did not declare.
        """
        self._devices.take_readings(readings)
        self._shown.set()

    def device_state(self, status: DeviceStatus) -> None:
        """Show and tell the state of a device soon; never blocks."""
        self._devices.take_state(status)
        self._shown.set()

    def device_stats(self, device: str, stats: DriverStats) -> None:
        """Show a driver's counters soon; never blocks."""
        self._devices.take_stats(device, stats)
        self._shown.set()

    def scanned(self, scan: Scan) -> None:
        """Show a reader's scan soon, once it is recorded; never blocks."""
        self._devices.take_scan(scan)
        self._shown.set()

    async def _show_devices(self) -> None:
        while True:
            await self._shown.wait()
            self._shown.clear()
            await self._server.values.set_many(self._devices.taken())
            while self._devices.changes:
                await self._tell_change(self._devices.changes.popleft())
            while self._tree.companions.events:
                await self._server.events.emit(self._tree.companions.events.popleft())

    async def _tell_change(self, change: DeviceChange) -> None:
        status = change.status
        online = self._stations.device_state(status.device, status.state)
        await self._server.values.set_many(online)
        event = self._events.event(
            change.told,
            device_id(status.device),
            status.device,
            event_id=uuid.uuid4().bytes,
            time=status.since,
        )
        await self._server.events.emit(event)
        await self._alarms.device(status)

    # -------------------------------------------------------------- records
    async def _tell_records(self) -> None:
        while True:
            records = await self._backlog.take(SLICE)
            if self._server.subscriptions:
                for event in filter(None, map(self._event_told, records)):
                    await self._server.events.emit(event)
            await self._server.values.set_many(self._stations.after(records))
            await self._server.values.set_many(self._slots.after(records))
            await self._changes.tell()
            await self._server.values.set_many(self._log())
            await self._server.virtual.refresh(self._touched.by(records))
            await asyncio.sleep(0)

    async def _tell_again(self, record: Record, session_id: str) -> None:
        event = self._event(record, replayed=True)
        await self._server.events.emit(event, only=_session(session_id))

    def is_open(self, session_id: str) -> bool:
        """True until a client's session is closed or timed out."""
        return self._server.is_open(_session(session_id))

    def waiting(self, session_id: str) -> int:
        """How many notifications wait for a session's Publish requests."""
        return self._server.waiting(_session(session_id))

    def _event_told(self, record: Record) -> Event | None:
        """Return the event of a record; that a report was issued is not told."""
        return None if isinstance(record.event, Report) else self._event(record)

    def _event(self, record: Record, *, replayed: bool = False) -> Event:
        event = record.event
        if event.station in self._stations:
            source, name = station_id(event.station), event.station
        elif event.device in self._devices:
            source, name = device_id(event.device), event.device
        else:
            source, name = ROOT, "Traceability"
        return self._events.of_record(record, source, name, replayed=replayed)

    # -------------------------------------------------------------- the log and how the server is
    def _log(self) -> Iterator[NewValue]:
        head, members = self._trace.head, self._members
        yield NewValue(members["Log.LatestSequence"], head.sequence)
        yield NewValue(members["Log.OldestSequence"], min(1, head.sequence))
        yield NewValue(members["Log.HeadHash"], head.hash.hex())
        yield from self.consumer_nodes.pending(head.sequence)

    async def _watch_consumers(self) -> None:
        changed = self.consumers.changed
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(DIAGNOSE_S):
                    await changed.wait()
            changed.clear()
            await self._show_consumers()

    async def _show_consumers(self) -> None:
        try:
            lags = await self.consumers.lags()
        except StoreError as error:
            log.warning("consumers are not shown: %s", error)
        else:
            await self._server.values.set_many(self.consumer_nodes.shown(lags))
            await self._changes.tell()
            await self._alarms.consumers(lags, self.consumer_nodes.made)

    async def _diagnose(self) -> None:
        while True:
            await asyncio.sleep(DIAGNOSE_S)
            await self._server.values.set_many(health(self._server, self._trace, self._members))
            await self._server.values.set_many(self._slots.restored())
            await self._alarms.slots(self._slots.held())
            try:
                await self._alarms.look()
            except StoreError as error:
                log.warning("the journal is not looked at: %s", error)


def _session(text: str) -> ua.NodeId:
    """Return the id of a session that `caller()` names."""
    return ua_id(bytes.fromhex(text), 1)
