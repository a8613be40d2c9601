"""What needs a person, as conditions: devices, consumers, material, the journal and its disk."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.drivers.supervisor import DeviceStatus
from tracenode.models.config import AlarmsConfig, Config
from tracenode.models.readings import DeviceState
from tracenode.server.consumers import ConsumerLag
from tracenode.server.opcua.alarms.alarms import Alarms
from tracenode.server.opcua.alarms.condition import Watched
from tracenode.server.opcua.alarms.methods import ConditionMethods
from tracenode.server.opcua.core import SITE, TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.surface.keys import ROOT, below, device_id, encoded, station_id
from tracenode.server.opcua.surface.tree import Members
from tracenode.server.store.file.inspection import Inspected, inspect
from tracenode.server.store.reading.slots import Slot
from tracenode.server.trace import Trace

__all__ = ["PlantAlarms"]

EXPIRED, DEVICE, CONSUMER, DISK, JOURNAL = 500, 700, 700, 800, 900
"""Severities, of 1 to 1000."""
WELL: Final = 0
LOST: Final = (DeviceState.BackOff, DeviceState.ConfigFault)
FOUND: Final = (DeviceState.Up, DeviceState.Degraded)
"""While a device is connecting or stopped its alarm stays as it was."""
STRETCH: Final = 500
"""Records whose hashes are computed again at a time."""
ENTRIES: Final = 2**63 - 1
"""Journal entries of a stretch, refusals and notes included: as many as there are."""
ROOM_AGAIN: Final = 1.1
"""Of `disk_low_mb`: the alarm ends where so much is free again."""
LONGEST_SLOT: Final = 24
"""Characters of a slot in a condition's id; a longer one stands there as a digest."""
HAS_EVENT_SOURCE: Final = ua_id(ObjectIds.HasEventSource)


class PlantAlarms:
    """Raises and clears the conditions of one plant. Each method may be called as often as one
    likes: what does not change is not told again."""

    def __init__(self, server: TraceServer, trace: Trace, config: AlarmsConfig) -> None:
        self._server, self._trace, self._config = server, trace, config
        self._alarms = Alarms(server, trace.store.state)
        self._next = 1
        """The first record of the stretch to be checked next."""
        self._was_whole = True
        self._log: ua.NodeId
        self._journal: ua.NodeId
        self._integrity: ua.NodeId
        self._disk: ua.NodeId
        self._consumers: set[str] = set()

    async def build(self, config: Config, members: Members, devices: Mapping[str, Members]) -> None:
        """Make the conditions that are always there.

        Raises:
            StoreError: the state of conditions can't be read.
        """
        await self._alarms.load()
        ConditionMethods(self._alarms, self._server.events).bind(self._server.gateway)
        self._log, diagnostics = members["Log"], members["Diagnostics"]
        for source in (self._log, diagnostics):
            self._server.book.link(ROOT, HAS_EVENT_SOURCE, source)
        self._journal = await self._make("JournalDown", self._log, "Log", JOURNAL)
        self._integrity = await self._make("JournalIntegrity", self._log, "Log", JOURNAL)
        self._disk = await self._make("DiskSpace", diagnostics, "Diagnostics", DISK)
        for device in config.devices:
            if device.enabled:
                node_id = device_id(device.id)
                state = devices[device.id]["State"]
                await self._make("DeviceLost", node_id, device.id, DEVICE, state)

    async def _make(
        self,
        name: str,
        source: ua.NodeId,
        source_name: str,
        severity: int,
        input_node: ua.NodeId | None = None,
    ) -> ua.NodeId:
        node_id = below(source, ".", name)
        watched = Watched(
            node_id, name, source, source, source_name, severity, input_node=input_node
        )
        await self._alarms.make(watched)
        return node_id

    # ------------------------------------------------------------------ devices
    async def device(self, status: DeviceStatus) -> None:
        """A device has changed its state."""
        node_id = below(device_id(status.device), ".", "DeviceLost")
        if node_id not in self._alarms:
            return
        if status.state in LOST:
            trouble = f": {status.error}" if status.error else ""
            message = f"{status.device} is lost ({status.state.name}){trouble}"
            await self._alarms.set(node_id, message, severity=DEVICE)
        elif status.state in FOUND:
            await self._alarms.set(node_id, f"{status.device} is back", severity=WELL)

    # ------------------------------------------------------------------ consumers
    async def consumers(self, lags: Sequence[ConsumerLag], made: Mapping[str, Members]) -> None:
        """How far all consumers are behind; `made` are the members of their nodes."""
        for name in self._consumers - {lag.consumer.name for lag in lags}:
            await self._alarms.remove(self._lag_id(name))
            self._consumers.discard(name)
        for lag in lags:
            name, node_id = lag.consumer.name, self._lag_id(lag.consumer.name)
            lags_now = lag.lagging or lag.strayed
            if node_id not in self._alarms:
                if not lags_now and not self._alarms.was_kept(node_id):
                    continue
                consumer = below(self._log, ".", f"Consumers.{name}")
                lagging = made[name]["Lagging"]
                await self._alarms.make(
                    Watched(
                        node_id,
                        "ConsumerLag",
                        consumer,
                        self._log,
                        f"Log, consumer {name}",
                        CONSUMER,
                        input_node=lagging,
                    )
                )
                self._consumers.add(name)
            if lags_now:
                await self._alarms.set(node_id, f"consumer {name}: {lag.text}")
            else:
                message = f"consumer {name} has caught up"
                await self._alarms.set(node_id, message, severity=WELL)

    def _lag_id(self, name: str) -> ua.NodeId:
        return below(self._log, ".", f"Consumers.{name}.ConsumerLag")

    # ------------------------------------------------------------------ material
    async def slots(self, slots: Iterable[tuple[str, Slot, Members]]) -> None:
        """What is on the slots of stations: station, slot and the members of its node."""
        now = datetime.now(UTC)
        for station, slot, members in slots:
            expired = slot.expires is not None and slot.expires <= now
            node_id = _expiry_id(station, slot.name)
            if node_id not in self._alarms:
                if not expired and not self._alarms.was_kept(node_id):
                    continue
                await self._alarms.make(
                    Watched(
                        node_id,
                        "MaterialExpired",
                        below(station_id(station), ".", f"Slots.{encoded(slot.name)}"),
                        station_id(station),
                        f"{station}, slot {slot.name}",
                        EXPIRED,
                        condition_class=ObjectIds.ProcessConditionClassType,
                        input_node=members["ExpiresAt"],
                    )
                )
            if expired:
                since = f"{slot.expires:%Y-%m-%d %H:%M} UTC"
                message = f"{slot.lot} on {station} slot {slot.name} expired {since}"
                await self._alarms.set(node_id, message)
            else:
                message = f"{station} slot {slot.name} holds nothing that is expired"
                await self._alarms.set(node_id, message, severity=WELL)

    # ------------------------------------------------------------------ the journal and its disk
    async def look(self) -> None:
        """Look at the journal, at the disk, and at the hashes of some records.

        Raises:
            StoreError: the journal can't be read.
        """
        await self._alarms.keep()
        if self._trace.healthy:
            await self._alarms.set(self._journal, "the journal is written", severity=WELL)
        else:
            message = f"nothing can be booked: {self._trace.fault}"
            await self._alarms.set(self._journal, message)
        await self._look_at_disk()
        await self._check()

    async def _look_at_disk(self) -> None:
        low = self._config.disk_low_mb * 1_000_000
        free = _free(self._trace.store.path)
        if free is None or not low:
            return
        told = f"{free / 1e6:.0f} MB are free on the disk of {self._trace.store.path.name}"
        if free < low:
            await self._alarms.set(self._disk, f"{told}, less than {self._config.disk_low_mb}")
        elif free >= low * ROOM_AGAIN:
            await self._alarms.set(self._disk, told, severity=WELL)

    async def _check(self) -> None:
        """Compute the hashes of the next stretch of records again; from the first anew after the
        last, and all is well after a whole round."""
        head = self._trace.head.sequence
        if not head:
            return
        if self._next > head:
            if self._was_whole:
                message = f"records 1 to {head} are as they were written"
                await self._alarms.set(self._integrity, message, severity=WELL)
            self._next, self._was_whole = 1, True
        first, last = self._next, min(head, self._next + STRETCH - 1)
        self._next = last + 1
        found: Inspected = await self._trace.store.readers.run(
            lambda connection: inspect(connection, first, last, ENTRIES)
        )
        if found.first_bad:
            self._was_whole = False
            message = f"record {found.first_bad} is not as it was written: {found.text}"
            await self._alarms.set(self._integrity, message)


def _expiry_id(station: str, slot: str) -> ua.NodeId:
    key = encoded(slot)
    if len(key) > LONGEST_SLOT:
        key = hashlib.blake2s(slot.encode(), digest_size=8).hexdigest()
    return ua_id(f"St/{station}.Slots.{key}.MaterialExpired", SITE)


def _free(path: Path) -> int | None:
    """Return the bytes that are free on the disk of a file, None where the system does not say."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None
