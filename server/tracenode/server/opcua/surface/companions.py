"""Devices as the companion models DI (OPC 10000-100) and AutoID (OPC 30010) have them.

Only where those models are configured, and beside our own nodes, which stay what they are. What
neither the configuration nor the device tells is not made up: optional members are left out,
mandatory strings are empty, a RevisionCounter is -1 (OPC 10000-100 5.5.2).
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.drivers.supervisor import DeviceStatus
from tracenode.models.config import DeviceConfig
from tracenode.models.nameplates import Nameplate
from tracenode.models.readings import DeviceState, Quality, Scan
from tracenode.server.companions.planning import Plan
from tracenode.server.companions.vendored import AUTO_ID, DI, vendored
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import data_value, variable_node
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.surface.keys import below, device_id

__all__ = ["CompanionDevices", "ReaderEvents"]

V = ua.VariantType
DEVICE_SET, HEALTH_TYPE, I_HEALTH, I_VENDOR, I_TAG = 5001, 6244, 15051, 15035, 15048
OPTICAL_READER, RFID_READER, OPTICAL_SCAN, RFID_SCAN = 1008, 1003, 1009, 1006
OPTICAL_RESULT, RFID_RESULT, SCAN_DATA, SIGHTING = 3026, 3007, 3020, 3006
CODE_TYPE: Final = "RAW:STRING"
"""What ScanData is: the text of the code as the reader gave it."""
MAX_SCANS: Final = 1_000
"""Scans that wait to be told; past that the oldest are left out. The log has them all."""
NORMAL: Final = 100

HEALTH: Final[Mapping[DeviceState, int]] = {
    DeviceState.Up: 0,  # NORMAL
    DeviceState.Degraded: 3,  # OFF_SPEC
    DeviceState.BackOff: 1,  # FAILURE
    DeviceState.ConfigFault: 1,
}
STATUS: Final[Mapping[DeviceState, int]] = {
    DeviceState.Up: 2,  # Scanning
    DeviceState.Degraded: 1,  # Error
    DeviceState.BackOff: 1,
    DeviceState.ConfigFault: 1,
}
"""Of an AutoID reader."""
NOT_KNOWN: Final = {
    DeviceState.Stopped: Quality.OutOfService,
    DeviceState.Connecting: Quality.WaitingForInitialData,
}
VENDOR: Final[Mapping[str, V]] = {
    "Manufacturer": V.LocalizedText,
    "ManufacturerUri": V.String,
    "Model": V.LocalizedText,
    "ProductCode": V.String,
    "SerialNumber": V.String,
    "HardwareRevision": V.String,
    "SoftwareRevision": V.String,
    "DeviceRevision": V.String,
    "DeviceClass": V.String,
    "DeviceManual": V.String,
    "ProductInstanceUri": V.String,
}
TAG: Final[Mapping[str, V]] = {"AssetId": V.String, "ComponentName": V.LocalizedText}
MANDATORY: Final = (
    "Manufacturer",
    "Model",
    "HardwareRevision",
    "SoftwareRevision",
    "DeviceRevision",
    "DeviceManual",
    "SerialNumber",
)
"""Of DI's DeviceType."""


@dataclass(frozen=True, slots=True)
class _Reader:
    members: Mapping[str, ua.NodeId]
    node_id: ua.NodeId
    rfid: bool


class ReaderEvents(deque[Event]):
    """Scans that are to be told, the newest MAX_SCANS."""

    def __init__(self) -> None:
        super().__init__(maxlen=MAX_SCANS)


class CompanionDevices:
    """The nodes of devices in DI and AutoID, and what they show; nothing where DI is not loaded."""

    def __init__(self, server: TraceServer, plan: Plan) -> None:
        self._server = server
        self._di, self._auto_id = plan.index(DI), plan.index(AUTO_ID)
        self._health: dict[str, list[ua.NodeId]] = {}
        self._readers: dict[str, _Reader] = {}
        self.events = ReaderEvents()

    # -------------------------------------------------------------- nodes
    def build(self, devices: Iterable[DeviceConfig], readers: frozenset[str]) -> None:
        """Make the nodes of devices that are in the tree; `readers` are drivers of readers."""
        if self._di is None:
            return
        for device in devices:
            node_id = device_id(device.id)
            self._health[device.id] = [self._interfaces(node_id, device.nameplate)]
            if self._auto_id is not None and device.driver in readers:
                self._reader(device, self._auto_id)
            else:
                self._server.book.link(self._of_di(DEVICE_SET), _ORGANIZES, node_id)

    def _of_di(self, number: int) -> ua.NodeId:
        return ua_id(number, self._di or 0)

    def _interfaces(self, node_id: ua.NodeId, nameplate: Nameplate) -> ua.NodeId:
        link = self._server.book.link
        link(node_id, _HAS_INTERFACE, self._of_di(I_HEALTH))
        unknown = data_value(None, V.Null, status=int(Quality.WaitingForInitialData))
        health = self._member(node_id, "DeviceHealth", HEALTH_TYPE, unknown)
        for interface, names in ((I_VENDOR, VENDOR), (I_TAG, TAG)):
            known = {name: kind for name, kind in names.items() if _stated(nameplate, name)}
            if known:
                link(node_id, _HAS_INTERFACE, self._of_di(interface))
            for name, kind in known.items():
                self._property(node_id, name, kind, _stated(nameplate, name))
        return health

    def _member(
        self, owner: ua.NodeId, name: str, data_type: int, value: ua.DataValue
    ) -> ua.NodeId:
        node = variable_node(
            below(owner, ".", name), self._name(name), self._of_di(data_type), value
        )
        self._server.book.add(node, owner, _HAS_COMPONENT)
        return node.nodeid

    def _property(self, owner: ua.NodeId, name: str, kind: ua.VariantType, text: str) -> None:
        node = variable_node(
            below(owner, ".", name),
            self._name(name),
            ua_id(kind.value),
            data_value(_worded(text, kind), kind),
            type_id=ua_id(ObjectIds.PropertyType),
            type_name="PropertyType",
        )
        self._server.book.add(node, owner, ua_id(ObjectIds.HasProperty))

    def _name(self, name: str) -> ua.QualifiedName:
        return ua.QualifiedName(name, ua.UInt16(self._di or 0))

    def _reader(self, device: DeviceConfig, auto_id: int) -> None:
        """Make the AutoID device of a reader: it stands in DeviceSet, and below our own."""
        rfid, above = device.driver == "rfid", device_id(device.id)
        node_id = below(above, ".", "AutoId")
        plate = {name: _stated(device.nameplate, name) for name in (*VENDOR, *TAG)}
        shown = {name: text for name, text in plate.items() if text or name in MANDATORY}
        kinds = {**VENDOR, **TAG}
        optional = ["ScanActive", "LastScanData", "LastScanTimestamp", "DeviceHealth"]
        if rfid:
            optional += ["LastScanAntenna", "LastScanRSSI"]
        members = self._server.instances.create(
            ua_id(RFID_READER if rfid else OPTICAL_READER, auto_id),
            node_id,
            device.id,
            parent=self._of_di(DEVICE_SET),
            optional=[*optional, *(name for name in shown if name not in MANDATORY)],
            values={
                **{name: _worded(text, kinds[name]) for name, text in shown.items()},
                "RevisionCounter": -1,
                "DeviceName": device.id,
                "AutoIdModelVersion": vendored()["AutoID"].version,
            },
            notifier=True,
        )
        self._server.book.link(above, _HAS_COMPONENT, node_id)
        self._server.book.link(above, ua_id(ObjectIds.HasNotifier), node_id)
        self._health[device.id].append(members["DeviceHealth"])
        self._readers[device.id] = _Reader(members, node_id, rfid)

    # -------------------------------------------------------------- what they show
    def state(self, status: DeviceStatus) -> Iterator[NewValue]:
        """Yield what a state of a device changes."""
        for node_id in self._health.get(status.device, ()):
            yield _coded(node_id, HEALTH, status)
        reader = self._readers.get(status.device)
        if reader is not None:
            yield _coded(reader.members["DeviceStatus"], STATUS, status)
            active = status.state is DeviceState.Up
            node_id = reader.members["ScanActive"]
            yield NewValue(node_id, active, source_time=status.since)

    def scan(self, scan: Scan) -> Iterator[NewValue]:
        """Yield what a scan that was read changes, and keep its event; nothing for a reject."""
        reader = self._readers.get(scan.device)
        if reader is None or scan.text is None:
            return
        members = reader.members
        told = [("LastScanData", scan.text, V.String), ("LastScanTimestamp", scan.at, V.DateTime)]
        if reader.rfid and scan.antenna is not None:
            told.append(("LastScanAntenna", scan.antenna, V.Int32))
        if reader.rfid and scan.rssi_dbm is not None:
            told.append(("LastScanRSSI", round(scan.rssi_dbm), V.Int32))
        for name, value, kind in told:
            yield NewValue(members[name], value, variant_type=kind, source_time=scan.at)
        self.events.append(self._event(reader, scan))

    def _event(self, reader: _Reader, scan: Scan) -> Event:
        result = self._rfid_result(scan) if reader.rfid else self._optical_result(scan)
        return Event(
            event_type=ua_id(RFID_SCAN if reader.rfid else OPTICAL_SCAN, self._auto_id or 0),
            source=reader.node_id,
            source_name=scan.device,
            event_id=uuid.uuid4().bytes,
            time=scan.at,
            message=f"{scan.device} read {scan.text}",
            severity=NORMAL,
            fields={
                "DeviceName": ua.Variant(scan.device, V.String),
                "ScanResult": ua.Variant([result], V.ExtensionObject, is_array=True),
            },
        )

    def _made(self, number: int, **fields: Any) -> Any:
        """Return a structure of AutoID; `fields` it does not name keep their defaults."""
        kind: Any = ua.extension_objects_by_datatype[ua_id(number, self._auto_id or 0)]
        return kind(**fields)

    def _scan_data(self, scan: Scan) -> Any:
        data = self._made(SCAN_DATA)
        data.String = scan.text
        return data

    def _optical_result(self, scan: Scan) -> Any:
        return self._made(
            OPTICAL_RESULT,
            CodeType=CODE_TYPE,
            ScanData=self._scan_data(scan),
            Timestamp=scan.at,
            Location=None,
            Grade=None,
            Position=None,
            Symbology=scan.symbology or None,
            ImageId=None,
        )

    def _rfid_result(self, scan: Scan) -> Any:
        seen = []
        if scan.antenna is not None and scan.rssi_dbm is not None:
            seen.append(
                self._made(
                    SIGHTING,
                    Antenna=scan.antenna,
                    Strength=round(scan.rssi_dbm),
                    Timestamp=scan.at,
                    CurrentPowerLevel=0,
                )
            )
        return self._made(
            RFID_RESULT,
            CodeType=CODE_TYPE,
            ScanData=self._scan_data(scan),
            Timestamp=scan.at,
            Location=None,
            Sighting=seen,
        )


_ORGANIZES: Final = ua_id(ObjectIds.Organizes)
_HAS_COMPONENT: Final = ua_id(ObjectIds.HasComponent)
_HAS_INTERFACE: Final = ua_id(ObjectIds.HasInterface)
_KEYS: Final = {
    name: "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
    for name in (*VENDOR, *TAG)
}


def _stated(nameplate: Nameplate, name: str) -> str:
    return str(getattr(nameplate, _KEYS[name]))


def _worded(text: str, kind: ua.VariantType) -> Any:
    return ua.LocalizedText(text) if kind is V.LocalizedText else text


def _coded(node_id: ua.NodeId, codes: Mapping[DeviceState, int], status: DeviceStatus) -> NewValue:
    code = codes.get(status.state)
    quality = NOT_KNOWN.get(status.state, Quality.Good)
    return NewValue(
        node_id, code, variant_type=V.Int32, status=int(quality), source_time=status.since
    )
