"""The fixed part of the tree: the entry point, equipment folders, stations and devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import AttributeValue
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tracenode.models.config import Config, DeviceConfig, StationConfig
from tracenode.models.readings import DeviceState, Point
from tracenode.server.companions.planning import NO_MODELS, Plan
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.arguments import MAX_STRING
from tracenode.server.opcua.nodes.book import attribute, data_value, object_node, variable_node
from tracenode.server.opcua.surface.companions import CompanionDevices
from tracenode.server.opcua.surface.keys import (
    ROOT,
    area_id,
    below,
    device_id,
    model_id,
    site_name,
    station_id,
)
from tracenode.server.opcua.surface.mailbox_request import blank, new_epoch
from tracenode.server.opcua.surface.methods.limits import (
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_LISTED_ITEMS,
    MAX_MEASUREMENTS,
    MAX_NODES,
    MAX_RECORDS,
)
from tracenode.server.opcua.surface.units import engineering_unit, range_of

__all__ = ["READERS", "Members", "Tree", "point_id"]

Members = Mapping[str, ua.NodeId]
"""The ids of an object's members by path, such as `CurrentItem.ItemId`."""

READERS: Final = frozenset({"scanner", "rfid"})
"""Drivers of devices that read codes."""
COUNTERS: Final = ("Requests", "Timeouts", "Faults", "RoundTrip", "RoundTripMax")

SERVER = ua_id(ObjectIds.Server)
ORGANIZES = ua_id(ObjectIds.Organizes)
HAS_COMPONENT = ua_id(ObjectIds.HasComponent)
HAS_PROPERTY = ua_id(ObjectIds.HasProperty)
HAS_NOTIFIER = ua_id(ObjectIds.HasNotifier)
UTILIZES = ua_id(ObjectIds.Utilizes)
FOLDER = ua_id(ObjectIds.FolderType)
PROPERTY = ua_id(ObjectIds.PropertyType)
STATUS_WAITING: Final = 0x8032_0000
"""BadWaitingForInitialData."""


def point_id(device: str, point: str) -> ua.NodeId:
    """Return the id of a device's reading."""
    return below(device_id(device), ".Points.", point)


class Tree:
    """Builds the nodes that stand as long as the server runs.

    Events go up from a station through its area folders and Equipment, from a device through
    Devices, to Traceability and to Server (HasNotifier; stations and devices are event sources).
    """

    def __init__(self, server: TraceServer, plan: Plan = NO_MODELS) -> None:
        """`plan`: the models that are loaded beside ours."""
        self.companions = CompanionDevices(server, plan)
        self._server = server
        self._create = server.instances.create
        self._epoch = new_epoch()
        self.stations: dict[str, Members] = {}
        self.devices: dict[str, Members] = {}

    def build(self, config: Config, points: Mapping[str, Sequence[Point]]) -> Members:
        """Make everything and return the members of Traceability."""
        members = self._create(
            model_id("TraceabilityType"),
            ROOT,
            "Traceability",
            parent=ua_id(ObjectIds.ObjectsFolder),
            reference_type=ORGANIZES,
            optional=[
                "Quality",
                *(f"Quality.{name}" for name in QUALITY_METHODS),
                "Stock",
                *(f"Stock.{name}" for name in STOCK_METHODS),
                *(f"Queries.{name}" for name in QUERY_METHODS),
                *(f"Log.{name}" for name in LOG_MEMBERS),
                "Items.PinItem",
                "Items.UnpinItem",
                "Diagnostics",
            ],
            values={
                "SiteId": config.site.id,
                "ModelVersion": self.model_version(),
                "Limits.MaxDepth": MAX_DEPTH,
                "Limits.MaxNodes": MAX_NODES,
                "Limits.MaxItems": MAX_ITEMS,
                "Limits.MaxRecords": MAX_RECORDS,
                "Limits.MaxStringLength": MAX_STRING,
                "Limits.MaxMeasurements": MAX_MEASUREMENTS,
                "Limits.MaxListedItems": MAX_LISTED_ITEMS,
            },
            description=config.site.name or None,
            notifier=True,
        )
        link = self._server.book.link
        link(SERVER, HAS_NOTIFIER, ROOT)
        for folder in ("Equipment", "Devices"):
            self._notify(members[folder])
            link(ROOT, HAS_NOTIFIER, members[folder])
        for station in config.stations:
            self._station(station, members["Equipment"])
        for device in config.devices:
            self._device(device, points.get(device.id, ()), members["Devices"])
        self.companions.build(config.devices, READERS)
        return members

    def _notify(self, node_id: ua.NodeId) -> None:
        """Let clients subscribe to the events of an object."""
        node = self._server.space[node_id]
        byte: Any = ua.EventNotifier.SubscribeToEvents.mask
        subscribable = ua.DataValue(ua.Variant(byte, ua.VariantType.Byte))
        node.attributes[AttributeIds.EventNotifier] = AttributeValue(subscribable)

    def model_version(self) -> str:
        """Return the version of the types; empty where they do not tell it."""
        namespace = self._server.space.get(model_id("NamespaceMetadata"))
        for link in () if namespace is None else namespace.references:
            if link.BrowseName.Name == "NamespaceVersion":
                return str(attribute(self._server.space[link.NodeId], AttributeIds.Value))
        return ""

    # -------------------------------------------------------------- equipment
    def _station(self, station: StationConfig, equipment: ua.NodeId) -> None:
        area = self._area(station.path, equipment)
        node_id = station_id(station.id)
        self.stations[station.id] = self._create(
            model_id("TraceStationType"),
            node_id,
            station.id,
            parent=area,
            reference_type=ORGANIZES,
            optional=["Slots", *STATION_METHODS, *(("Mailbox",) * station.variable_mailbox)],
            display=station.name or None,
            values={
                "StationId": station.id,
                "EquipmentPath": station.path,
                "Online": True,
                "LastStatus": 0,
                "LastStatusText": "",
                "LastEventSequence": 0,
                "LastEventType": "",
                "CountOK": 0,
                "CountNotOK": 0,
                "RecentItemIds": [""] * 16,
                **(blank(self._epoch) if station.variable_mailbox else {}),
            },
            notifier=True,
        )
        self._server.book.link(area, HAS_NOTIFIER, node_id)

    def _area(self, path: str, equipment: ua.NodeId) -> ua.NodeId:
        """Return the folder of an equipment path, made where it is not there yet."""
        above, so_far = equipment, ""
        for part in path.split("/"):
            so_far = f"{so_far}/{part}" if so_far else part
            folder = area_id(so_far)
            if folder not in self._server.space:
                node = object_node(
                    folder, site_name(part), FOLDER, type_name="FolderType", notifier=True
                )
                self._server.book.add(node, above, ORGANIZES)
                self._server.book.link(above, HAS_NOTIFIER, folder)
            above = folder
        return above

    # -------------------------------------------------------------- devices
    def _device(self, device: DeviceConfig, points: Sequence[Point], devices: ua.NodeId) -> None:
        reader = device.driver in READERS or "scans" in device.options
        node_id = device_id(device.id)
        values: dict[str, Any] = {
            "DeviceId": device.id,
            "State": int(DeviceState.Stopped),
            "LastError": "",
            "Restarts": 0,
        }
        if reader:
            values |= {"ScanActive": False, "ScanCounter": 0, "RejectCounter": 0}
        members = self._create(
            model_id("TraceReaderType" if reader else "TraceDeviceType"),
            node_id,
            device.id,
            parent=devices,
            reference_type=ORGANIZES,
            optional=COUNTERS,
            values=values,
            notifier=True,
        )
        self.devices[device.id] = members
        self._server.book.link(devices, HAS_NOTIFIER, node_id)
        if device.station:
            self._server.book.link(station_id(device.station), UTILIZES, node_id)
        for point in points:
            self._point(device.id, point, members["Points"])

    def _point(self, device: str, point: Point, folder: ua.NodeId) -> None:
        node_id = point_id(device, point.name)
        with_unit, with_range = (
            point.unit is not None,
            point.low is not None or point.high is not None,
        )
        type_name = (
            "AnalogUnitType"
            if with_unit
            else "AnalogItemType"
            if with_range
            else "BaseDataVariableType"
        )
        unknown = data_value(None, ua.VariantType.Null, status=STATUS_WAITING)
        node = variable_node(
            node_id,
            site_name(point.name),
            ua_id(int(point.type)),
            unknown,
            type_id=ua_id(getattr(ObjectIds, type_name)),
            type_name=type_name,
            description=point.description or None,
        )
        self._server.book.add(node, folder, HAS_COMPONENT)
        if point.unit is not None:
            value = ua.Variant(engineering_unit(point.unit), ua.VariantType.ExtensionObject)
            self._property(node_id, "EngineeringUnits", ObjectIds.EUInformation, value)
        if point.low is not None and point.high is not None:
            value = ua.Variant(range_of(point.low, point.high), ua.VariantType.ExtensionObject)
            self._property(node_id, "EURange", ObjectIds.Range, value)

    def _property(self, owner: ua.NodeId, name: str, data_type: int, value: ua.Variant) -> None:
        node = variable_node(
            below(owner, ".", name),
            ua.QualifiedName(name),
            ua_id(data_type),
            ua.DataValue(value),
            type_id=PROPERTY,
            type_name="PropertyType",
        )
        self._server.book.add(node, owner, HAS_PROPERTY)


STATION_METHODS: Final = (
    "BindCarrier",
    "FillContainer",
    "TransferContent",
    "EmptyContainer",
    "LoadMaterial",
    "UnloadMaterial",
)
QUALITY_METHODS: Final = (
    "PlaceHold",
    "PlaceWindowHold",
    "ReleaseHold",
    "VoidRecord",
    "CorrectRecord",
    "MergePlaceholder",
    "IssueReport",
)
LOG_MEMBERS: Final = (
    "ConsumerCount",
    "LaggingConsumers",
    "Consumers",
    "RegisterConsumer",
    "Acknowledge",
    "Replay",
)
QUERY_METHODS: Final = (
    "FindItems",
    "ExportEpcis",
    "CommonOrigins",
    "CommonCauses",
    "FetchPage",
    "FetchDetails",
    "ReleaseResult",
    "MassBalance",
    "TimeWindow",
    "CompareToBom",
    "Coverage",
    "Impact",
)
STOCK_METHODS: Final = (
    "ReceiveLot",
    "SplitLot",
    "MergeLots",
    "AdjustStock",
    "ShipItems",
    "RelabelItem",
    "ImportMasterData",
)
