"""How the server is (Diagnostics, its status and level), and what its namespace of instances is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.core import SITE, TraceServer
from tracenode.server.opcua.diagnostics import DEGRADED, HEALTHY
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.surface.tree import Members
from tracenode.server.trace import Trace

__all__ = ["describe_site", "health"]

SERVICE_LEVEL: Final = ua_id(ObjectIds.Server_ServiceLevel)
STATUS: Final = ua_id(ObjectIds.Server_ServerStatus)
STATE: Final = ua_id(ObjectIds.Server_ServerStatus_State)


def health(server: TraceServer, trace: Trace, members: Members) -> Iterator[NewValue]:
    """Yield the values of Diagnostics, ServiceLevel and ServerStatus: DEGRADED and Failed while
    nothing can be booked (OPC 10000-5 12.6)."""
    yield NewValue(members["Diagnostics.JournalSize"], trace.store.path.stat().st_size)
    yield NewValue(members["Diagnostics.QueueDepth"], trace.waiting)
    yield NewValue(members["Diagnostics.CommitLatencyMs"], trace.commit_ms)
    yield NewValue(members["Diagnostics.DroppedCalls"], server.gateway.turned_away)
    level = HEALTHY if trace.healthy else DEGRADED
    yield NewValue(SERVICE_LEVEL, level, ua.VariantType.Byte)
    state = ua.ServerState.Running if trace.healthy else ua.ServerState.Failed
    yield NewValue(STATE, int(state), ua.VariantType.Int32)
    status = server.space.read_attribute_value(STATUS, AttributeIds.Value).Value
    if status is not None and status.Value.State != state:
        yield NewValue(STATUS, replace(status.Value, State=state))


def describe_site(server: TraceServer, version: str) -> None:
    """Say what OPC 10000-5 6.3.13 wants said about the namespace of instances: its nodes are this
    plant's alone and made anew with each start, by types of `version`."""
    uri = f"urn:tracenode:site:{server.options.site_id}"
    server.instances.create(
        ua_id(ObjectIds.NamespaceMetadataType),
        ua_id("NamespaceMetadata", SITE),
        uri,
        parent=ua_id(ObjectIds.Server_Namespaces),
        values={
            "NamespaceUri": uri,
            "NamespaceVersion": version,
            "NamespacePublicationDate": datetime.now(UTC),
            "IsNamespaceSubset": False,
            "StaticNodeIdTypes": [],
            "StaticNumericNodeIdRange": [],
            "StaticStringNodeIdPattern": "",
        },
    )
