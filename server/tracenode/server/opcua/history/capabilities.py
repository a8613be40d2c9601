"""What the server says of its history (OPC 10000-11 5.4.2, 5.2.3), and the bits of its nodes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import AttributeValue
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.nodes.book import AddressBook, attribute, reference
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.values import Values

__all__ = ["advertise_history", "configuration", "remember_events", "remember_values"]

V = ua.VariantType
A = AttributeIds
CONFIGURATION: Final = ua_id(ObjectIds.HAConfiguration)
HAS_CONFIGURATION: Final = ua_id(ObjectIds.HasHistoricalConfiguration)
_OFFERED: Final = ("AccessHistoryDataCapability", "AccessHistoryEventsCapability")
_NOT_OFFERED: Final = (
    "InsertDataCapability",
    "ReplaceDataCapability",
    "UpdateDataCapability",
    "DeleteRawCapability",
    "DeleteAtTimeCapability",
    "InsertEventCapability",
    "ReplaceEventCapability",
    "UpdateEventCapability",
    "DeleteEventCapability",
    "InsertAnnotationCapability",
    "ServerTimestampSupported",
)


async def advertise_history(values: Values, limits: Limits) -> None:
    """Fill in HistoryServerCapabilities and the configuration that all variables share."""
    for name in (*_OFFERED, *_NOT_OFFERED):
        await values.set(_id(name), name in _OFFERED, variant_type=V.Boolean)
    for name in ("MaxReturnDataValues", "MaxReturnEventValues"):
        await values.set(_id(name), limits.history_values_per_node, variant_type=V.UInt32)
    stepped = ua_id(ObjectIds.HAConfiguration_Stepped)
    await values.set(stepped, True, variant_type=V.Boolean)


@cache
def configuration() -> ua.ReferenceDescription:
    """Return the reference of a variable to the configuration of its history."""
    return reference(
        CONFIGURATION,
        HAS_CONFIGURATION,
        ua.QualifiedName("HA Configuration"),
        ua.NodeClass.Object,
        type_definition=ua_id(ObjectIds.HistoricalDataConfigurationType),
    )


def remember_values(
    space: TraceAddressSpace, book: AddressBook, node_ids: Iterable[ua.NodeId]
) -> None:
    """Say of variables that their past can be read."""
    for node_id in node_ids:
        node = space[node_id]
        level = attribute(node, A.AccessLevel) | ua.AccessLevel.HistoryRead.mask
        for name in (A.AccessLevel, A.UserAccessLevel):
            node.attributes[name] = _cell(level, V.Byte)
        node.attributes[A.Historizing] = _cell(True, V.Boolean)
        book.link(node_id, HAS_CONFIGURATION, CONFIGURATION)


def remember_events(space: TraceAddressSpace, node_ids: Iterable[ua.NodeId]) -> None:
    """Say of notifiers that their past events can be read."""
    for node_id in node_ids:
        node = space[node_id]
        bits = attribute(node, A.EventNotifier) | ua.EventNotifier.HistoryRead.mask
        node.attributes[A.EventNotifier] = _cell(bits, V.Byte)


def _cell(value: Any, kind: ua.VariantType) -> AttributeValue:
    return AttributeValue(ua.DataValue(ua.Variant(value, kind)))


def _id(name: str) -> ua.NodeId:
    return ua_id(getattr(ObjectIds, f"HistoryServerCapabilities_{name}"))
