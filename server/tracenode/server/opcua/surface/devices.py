"""Devices and their readings as they are now; newest wins, nothing waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asyncua import ua

from tracenode.drivers.driver import DriverStats
from tracenode.drivers.supervisor import DeviceStatus
from tracenode.models.readings import DeviceState, Point, Reading, Scan
from tracenode.server.opcua.methods.arguments import MAX_STRING, NULL_DATE
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.surface.companions import CompanionDevices
from tracenode.server.opcua.surface.telling import GAP, NORMAL, Told
from tracenode.server.opcua.surface.tree import Members, point_id

__all__ = ["DeviceChange", "Devices"]

MAX_CHANGES: Final = 1_000
"""Changes of state that wait to be told; past that the oldest are left out."""
LONGEST_OF: Final = 1_000
"""Requests over which RoundTripMax looks back."""
ALL_IS_WELL: Final = (DeviceState.Up, DeviceState.Connecting, DeviceState.Stopped)


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """One change of a device's state, to be told as an event."""

    before: DeviceState
    status: DeviceStatus

    @property
    def told(self) -> Told:
        """What subscribers hear."""
        status = self.status
        trouble = f": {status.error}" if status.error else ""
        return Told(
            "TraceDeviceStateEventType",
            f"{status.device} is {status.state.name}{trouble}",
            NORMAL if status.state in ALL_IS_WELL else GAP,
            {
                "DeviceId": status.device,
                "DeviceState": int(status.state),
                "PreviousDeviceState": int(self.before),
                "DeviceError": status.error,
            },
        )


@dataclass(slots=True)
class _Device:
    members: Members
    state: DeviceState = DeviceState.Stopped
    was_up: bool = False
    restarts: int = 0
    scans: int = 0
    rejects: int = 0


class Devices:
    """Collects what devices say until it is shown. Every `take_...` method never blocks."""

    def __init__(
        self,
        members: Mapping[str, Members],
        points: Mapping[str, Sequence[Point]],
        companions: CompanionDevices,
    ) -> None:
        """`companions`: the same devices as companion models have them."""
        self._companions = companions
        self._devices = {device: _Device(held) for device, held in members.items()}
        self._points = {
            (device, point.name): point_id(device, point.name)
            for device, declared in points.items()
            if device in members
            for point in declared
        }
        self._values: dict[ua.NodeId, NewValue] = {}
        self._round_trips: dict[str, deque[float]] = {}
        self.changes: deque[DeviceChange] = deque(maxlen=MAX_CHANGES)

    def __contains__(self, device: str) -> bool:
        return device in self._devices

    def take_readings(self, readings: Sequence[Reading]) -> None:
        """Keep the latest reading of each point.

        Raises:
            KeyError: a point that its driver did not declare.
        """
        for reading in readings:
            node_id = self._points[reading.device, reading.point]
            self._keep(
                NewValue(
                    node_id, reading.value, status=int(reading.quality), source_time=reading.at
                )
            )

    def take_state(self, status: DeviceStatus) -> None:
        """Keep a device's state, and the change of it for its event."""
        device = self._devices[status.device]
        before, device.state = device.state, status.state
        if status.state is DeviceState.Up:
            device.restarts += device.was_up and before is not DeviceState.Degraded
            device.was_up = True
        for value in self._companions.state(status):
            self._keep(value)
        self._set(device, "State", int(status.state))
        self._set(device, "StateSince", status.since)
        self._set(device, "Restarts", device.restarts)
        if status.error:
            self._set(device, "LastError", status.error[:MAX_STRING])
        if "ScanActive" in device.members:
            self._set(device, "ScanActive", status.state is DeviceState.Up)
        if before is not status.state:
            self.changes.append(DeviceChange(before, status))

    def take_stats(self, name: str, stats: DriverStats) -> None:
        """Keep a driver's counters."""
        device = self._devices[name]
        self._set(device, "Requests", stats.requests)
        self._set(device, "Timeouts", stats.timeouts)
        self._set(device, "Faults", stats.errors)
        self._set(device, "LastGoodTime", stats.last_good or NULL_DATE)
        if stats.round_trip_ms is not None:
            seen = self._round_trips.setdefault(name, deque(maxlen=LONGEST_OF))
            seen.append(stats.round_trip_ms)
            self._set(device, "RoundTrip", stats.round_trip_ms)
            self._set(device, "RoundTripMax", max(seen))

    def take_scan(self, scan: Scan) -> None:
        """Keep the last scan of a reader, once it is recorded."""
        device = self._devices[scan.device]
        if "ScanCounter" not in device.members:
            return
        if scan.text is None:
            device.rejects += 1
            why = scan.reject.name if scan.reject else "Unreadable"
            self._set(device, "RejectCounter", device.rejects)
            self._set(device, "LastReject", f"{why}: {scan.note}"[:MAX_STRING])
            return
        for value in self._companions.scan(scan):
            self._keep(value)
        device.scans += 1
        self._set(device, "ScanCounter", device.scans)
        self._set(device, "LastScanData", scan.text)
        self._set(device, "LastScanTimestamp", scan.at)

    def taken(self) -> Iterator[NewValue]:
        """Yield what is to be shown and forget it."""
        values, self._values = self._values, {}
        yield from values.values()

    @property
    def waiting(self) -> bool:
        """True where something is to be shown or told."""
        return bool(self._values or self.changes)

    def _set(self, device: _Device, member: str, value: object) -> None:
        self._keep(NewValue(device.members[member], value, source_time=datetime.now(UTC)))

    def _keep(self, value: NewValue) -> None:
        self._values[value.node_id] = value
