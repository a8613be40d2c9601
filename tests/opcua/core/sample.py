"""A small plant to serve: two stations, a folder of 12,000 virtual units, one booking method."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from asyncua import ua
from asyncua.server.address_space import NodeData
from asyncua.ua.object_ids import ObjectIds

from tracenode.models.errors import ItemOnHold, JournalDown
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.gateway import CallContext
from tracenode.server.opcua.nodes.book import data_value, object_node, reference, variable_node
from tracenode.server.opcua.nodes.virtual import Listing, Page
from tracenode.server.opcua.subscriptions.events import Event

UNITS = 12_000
STATION_TYPE = ua_id(1002, 2)
OPERATION_EVENT = ua_id(1011, 2)
SAMPLE_EVENT = ua_id(1010, 2)
ORGANIZES = ua_id(ObjectIds.Organizes)
HAS_COMPONENT = ua_id(ObjectIds.HasComponent)
HAS_NOTIFIER = ua_id(ObjectIds.HasNotifier)
STRING = ua_id(ObjectIds.String)


def site(text: str) -> ua.NodeId:
    return ua_id(text, 3)


def name(text: str) -> ua.QualifiedName:
    return ua.QualifiedName(text, ua.UInt16(3))


def call_station(call: CallContext) -> str:
    return str(call.object_id.Identifier).removeprefix("St/")


def operation(sequence: int, *, station: str = "OP10", item: str = "SN1") -> Event:
    return Event(
        event_type=OPERATION_EVENT,
        source=site(f"St/{station}"),
        source_name=station,
        event_id=b"record-%d" % sequence,
        time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        message=f"{item} completed {station}",
        severity=100,
        fields={
            "EventSequence": ua.Variant(sequence, ua.VariantType.UInt64),
            "ItemId": ua.Variant(item, ua.VariantType.String),
            "Evaluation": ua.Variant(1, ua.VariantType.Int32),
        },
    )


class Units:
    """A source and listing of units SN00000 ... with one variable, `State`."""

    reference_type = ORGANIZES
    forward = True
    node_class = ua.NodeClass.Object

    def __init__(self) -> None:
        self.keys = [f"SN{number:05}" for number in range(UNITS)]
        self.states = dict.fromkeys(self.keys, "Registered")
        self.made = 0

    def node(self, node_id: ua.NodeId) -> NodeData | None:
        key, _, member = str(node_id.Identifier).removeprefix("Item/").partition("#")
        if key not in self.states:
            return None
        self.made += 1
        unit, state = site(f"Item/{key}"), site(f"Item/{key}#State")
        if member == "State":
            node = variable_node(
                node_id, name("State"), STRING, data_value(self.states[key], ua.VariantType.String)
            )
            node.references.append(
                reference(unit, HAS_COMPONENT, name(key), ua.NodeClass.Object, forward=False)
            )
            return node
        if member:
            return None
        node = object_node(node_id, name(key), ua_id(ObjectIds.BaseObjectType))
        node.references.append(
            reference(state, HAS_COMPONENT, name("State"), ua.NodeClass.Variable)
        )
        return node

    def listings(self, node_id: ua.NodeId) -> Sequence[Listing]:
        return ()

    def page(self, after: str | None, limit: int) -> Page:
        start = 0 if after is None else bisect_right(self.keys, after)
        keys = self.keys[start : start + limit]
        more = start + limit < len(self.keys)
        return Page([self._link(key) for key in keys], keys[-1] if more else None)

    def find(self, name: ua.QualifiedName) -> ua.ReferenceDescription | None:
        key = name.Name or ""
        return self._link(key) if name.NamespaceIndex == 3 and key in self.states else None

    @staticmethod
    def _link(key: str) -> ua.ReferenceDescription:
        return reference(site(f"Item/{key}"), ORGANIZES, name(key), ua.NodeClass.Object)


@dataclass
class Sample:
    server: TraceServer
    units: Units
    stations: dict[str, dict[str, ua.NodeId]] = field(default_factory=dict)
    calls: list[tuple[CallContext, dict[str, object]]] = field(default_factory=list)
    slow: int = 0
    most_slow: int = 0
    """How many slow calls run, and ran at most, at once."""

    def bind(self) -> None:
        """Let `book` answer Book."""
        self.server.gateway.bind_type(
            STATION_TYPE,
            {"Book": self.book},
            bounds={"Count": (0, 100)},
            needs_request_id=True,
            time_limit=0.6,
        )

    async def book(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        reason: str | None,
        quantity: float | None,
        count: int | None,
        values: tuple[float, ...],
    ) -> dict[str, object]:
        """The handler of Book; the item's name says how it ends."""
        given: dict[str, object] = {
            "request_id": request_id,
            "item_id": item_id,
            "reason": reason,
            "quantity": quantity,
            "count": count,
            "values": values,
        }
        self.calls.append((call, given))
        match item_id:
            case "HELD":
                raise ItemOnHold("HELD", "H-1", "because " + "x" * 300)
            case "DOWN":
                raise JournalDown("disk full")
            case "BROKEN":
                raise ZeroDivisionError
            case "WRONG":
                return {"event_sequence": "no number"}
            case "EVENT":
                await self.server.events.emit(operation(7, station=call_station(call)))
            case "SN00300":
                self.units.states["SN00300"] = reason or ""
                await self.server.virtual.refresh([site("Item/SN00300#State")])
            case "SLOW":
                self.slow += 1
                self.most_slow = max(self.most_slow, self.slow)
                await asyncio.sleep(0.4)
                self.slow -= 1
            case "STUCK":
                await asyncio.sleep(1.2)
        return {"event_sequence": len(self.calls), "item_ids": ["A", "B"]}


async def sample_server(server: TraceServer, nodeset: Path) -> Sample:
    """Fill a server that does not listen yet."""
    await server.open()
    await server.import_nodeset(nodeset)
    objects = ua_id(ObjectIds.ObjectsFolder)
    folder = ua_id(ObjectIds.FolderType)
    book = server.book
    book.add(object_node(site("Plant"), name("Plant"), folder, notifier=True), objects, ORGANIZES)
    book.link(ua_id(ObjectIds.Server), HAS_NOTIFIER, site("Plant"))
    book.add(object_node(site("Items"), name("Items"), folder), site("Plant"), ORGANIZES)
    units = Units()
    sample = Sample(server, units)
    for station in ("OP10", "OP20"):
        sample.stations[station] = server.instances.create(
            STATION_TYPE,
            site(f"St/{station}"),
            station,
            parent=site("Plant"),
            optional=["Current.Torque"],
            values={"StationId": station, "Limits": [1.0, 2.0, 3.0]},
            writable=["Current.ItemId", "Limits"],
            notifier=True,
        )
        book.link(site("Plant"), HAS_NOTIFIER, site(f"St/{station}"))
    sample.bind()
    server.virtual.mount("Item", units)
    server.virtual.mount_listing(site("Items"), units)
    return sample
