"""What the server says of itself: capabilities and operation limits (OPC 10000-5 6.3.2, 6.3.11).

The limits are those that are enforced; what is not offered has no limit to show.
"""

from __future__ import annotations

from typing import Any, Final

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.nodes.book import AddressBook
from tracenode.server.opcua.nodes.values import Values

__all__ = ["LOCALES", "PROFILES", "advertise"]

V = ua.VariantType

PROFILES: Final = tuple(
    f"http://opcfoundation.org/UA-Profile/Server/{name}"
    for name in (
        "MicroEmbeddedDevice2017",
        "StandardDataChangeSubscription2017",
        "EnhancedDataChangeSubscription2017",
        "StandardEventSubscription",
        "Methods",
    )
)
"""Profiles and facets whose services docs/conformance.md shows whole; nobody has certified them."""
LOCALES: Final = ("en",)

_NOT_OFFERED: Final = (
    "OperationLimits_MaxNodesPerHistoryUpdateData",
    "OperationLimits_MaxNodesPerHistoryUpdateEvents",
    "OperationLimits_MaxNodesPerNodeManagement",
)


async def advertise(values: Values, book: AddressBook, limits: Limits) -> None:
    """Fill in what namespace 0 leaves empty, and take out limits of what is not offered."""
    for name, value, kind in _told(limits):
        await values.set(_id(name), value, variant_type=kind)
    redundancy = ua_id(ObjectIds.Server_ServerRedundancy_RedundancySupport)
    await values.set(redundancy, int(ua.RedundancySupport.None_), variant_type=V.Int32)
    for name in _NOT_OFFERED:
        book.remove(_id(name))


def _id(name: str) -> ua.NodeId:
    return ua_id(getattr(ObjectIds, f"Server_ServerCapabilities_{name}"))


def _told(limits: Limits) -> list[tuple[str, Any, ua.VariantType]]:
    of_32 = {
        "MaxSessions": limits.sessions,
        "MaxSubscriptions": limits.subscriptions,
        "MaxSubscriptionsPerSession": limits.subscriptions_per_session,
        "MaxMonitoredItems": limits.monitored_items,
        "MaxMonitoredItemsPerSubscription": limits.monitored_items_per_subscription,
        "MaxMonitoredItemsQueueSize": limits.queue_size,
        "MaxArrayLength": limits.array_length,
        "MaxStringLength": limits.string_bytes,
        "MaxByteStringLength": limits.string_bytes,
        "MaxSelectClauseParameters": limits.select_clauses,
        "MaxWhereClauseParameters": limits.where_elements,
        "OperationLimits_MaxNodesPerRead": limits.nodes_per_read,
        "OperationLimits_MaxNodesPerWrite": limits.nodes_per_write,
        "OperationLimits_MaxNodesPerBrowse": limits.nodes_per_browse,
        "OperationLimits_MaxNodesPerMethodCall": limits.methods_per_call,
        "OperationLimits_MaxNodesPerRegisterNodes": limits.nodes_per_register,
        "OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds": limits.paths_per_translate,
        "OperationLimits_MaxMonitoredItemsPerCall": limits.monitored_items_per_call,
        "OperationLimits_MaxNodesPerHistoryReadData": limits.nodes_per_history_read,
        "OperationLimits_MaxNodesPerHistoryReadEvents": limits.nodes_per_history_read,
    }
    of_16 = {
        "MaxBrowseContinuationPoints": limits.browse_continuation_points,
        "MaxHistoryContinuationPoints": limits.history_continuation_points,
        "MaxQueryContinuationPoints": 0,
    }
    return [
        *((name, value, V.UInt32) for name, value in of_32.items()),
        *((name, value, V.UInt16) for name, value in of_16.items()),
        ("MinSupportedSampleRate", limits.min_sampling_ms, V.Double),
        ("ServerProfileArray", list(PROFILES), V.String),
        ("LocaleIdArray", list(LOCALES), V.String),
    ]
