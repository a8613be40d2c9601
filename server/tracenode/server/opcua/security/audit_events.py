"""The audit trail as OPC UA audit events (OPC 10000-5 6.4), for sessions that may hear them."""

from __future__ import annotations

import uuid
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import type_definition
from tracenode.server.opcua.security.audit import AuditEntry, AuditKind, Note
from tracenode.server.opcua.subscriptions.events import Event

if TYPE_CHECKING:
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["AuditEvents"]

O = ObjectIds  # noqa: E741
V = ua.VariantType
SERVER: Final = ua_id(O.Server)
WAITING: Final = 1_000
"""Events that wait to be sent; the oldest goes."""
SEVERITY, REFUSED_SEVERITY = 100, 500

TYPES: Final = {
    AuditKind.Server: (O.AuditEventType, "Server"),
    AuditKind.Channel: (O.AuditOpenSecureChannelEventType, "SecureChannel/OpenSecureChannel"),
    AuditKind.Certificate: (O.AuditCertificateEventType, "Security/Certificate"),
    AuditKind.CreateSession: (O.AuditCreateSessionEventType, "Session/CreateSession"),
    AuditKind.ActivateSession: (O.AuditActivateSessionEventType, "Session/ActivateSession"),
    AuditKind.CloseSession: (O.AuditSessionEventType, "Session/CloseSession"),
    AuditKind.Write: (O.AuditWriteUpdateEventType, "Attribute/Write"),
    AuditKind.Call: (O.AuditUpdateMethodEventType, "Attribute/Call"),
    AuditKind.Users: (O.AuditSecurityEventType, "Security/Users"),
}
CERTIFICATE: Final = {
    0x8014_0000: O.AuditCertificateExpiredEventType,
    0x8015_0000: O.AuditCertificateExpiredEventType,
    0x8012_0000: O.AuditCertificateInvalidEventType,
    0x801A_0000: O.AuditCertificateUntrustedEventType,
    0x810D_0000: O.AuditCertificateUntrustedEventType,
    0x801D_0000: O.AuditCertificateRevokedEventType,
    0x801E_0000: O.AuditCertificateRevokedEventType,
    0x8016_0000: O.AuditCertificateDataMismatchEventType,
    0x8017_0000: O.AuditCertificateDataMismatchEventType,
    0x8018_0000: O.AuditCertificateMismatchEventType,
    0x8019_0000: O.AuditCertificateMismatchEventType,
}
"""The type that goes with why a certificate was refused."""
CONDITION: Final = {
    "Acknowledge": O.AuditConditionAcknowledgeEventType,
    "Confirm": O.AuditConditionConfirmEventType,
    "AddComment": O.AuditConditionCommentEventType,
    "Enable": O.AuditConditionEnableEventType,
    "Disable": O.AuditConditionEnableEventType,
}
"""The type that goes with what was said about a condition (OPC 10000-9 5.10)."""
KINDS: Final = {
    "SessionId": V.NodeId,
    "MethodId": V.NodeId,
    "AttributeId": V.UInt32,
    "IndexRange": V.String,
    "SecureChannelId": V.String,
    "ClientCertificate": V.ByteString,
    "ClientCertificateThumbprint": V.String,
    "Certificate": V.ByteString,
    "RevisedSessionTimeout": V.Double,
}


class AuditEvents:
    """Sends entries as events while somebody may hear them; never blocks who notes."""

    def __init__(self, iserver: TraceInternalServer) -> None:
        self._iserver = iserver
        self._waiting: deque[Note] = deque(maxlen=WAITING)
        self._sending = False

    def tell(self, note: Note) -> None:
        """Send an entry soon; does nothing while no session may hear it."""
        if not self._iserver.auditors:
            return
        self._waiting.append(note)
        if not self._sending:
            self._sending = True
            self._iserver.tasks.start(self._send())

    async def _send(self) -> None:
        try:
            while self._waiting:
                await self._iserver.events.emit(self._event(self._waiting.popleft()()))
        finally:
            self._sending = False

    def _event(self, entry: AuditEntry) -> Event:
        number, name = TYPES[entry.kind]
        if entry.kind is AuditKind.Certificate:
            number = CERTIFICATE.get(entry.status & 0xFFFF_0000, number)
        details = dict(entry.details)
        if entry.kind is AuditKind.Call and self._is_condition(details.get("SourceNode")):
            method = str(entry.values.get("method"))
            number, name = CONDITION.get(method, number), f"Method/{method}"
            said = dict(
                zip(("ConditionEventId", "Comment"), details["InputArguments"], strict=False)
            )
            details |= said
        source = details.pop("SourceNode", SERVER)
        fields = {key: _variant(key, value) for key, value in details.items()}
        fields |= {
            "ActionTimeStamp": ua.Variant(entry.time, V.DateTime),
            "Status": ua.Variant(not entry.refused, V.Boolean),
            "ServerId": ua.Variant(self._iserver.server_uri, V.String),
            "ClientAuditEntryId": ua.Variant(entry.client_entry, V.String),
            "ClientUserId": ua.Variant(entry.user or "Anonymous", V.String),
            "StatusCodeId": ua.Variant(ua.StatusCode(ua.UInt32(entry.status)), V.StatusCode),
        }
        times = f" ({entry.count} times)" if entry.count > 1 else ""
        return Event(
            event_type=ua_id(number),
            source=source,
            source_name=name,
            event_id=uuid.uuid4().bytes,
            time=entry.time,
            message=f"{entry.words}{times}",
            severity=REFUSED_SEVERITY if entry.refused else SEVERITY,
            fields=fields,
            audience=self._iserver.access.audit,
        )

    def _is_condition(self, node_id: ua.NodeId | None) -> bool:
        node = None if node_id is None else self._iserver.space.get(node_id)
        kind = None if node is None else type_definition(node)
        return kind is not None and self._iserver.types.is_a(kind, ua_id(O.ConditionType))


def _variant(name: str, value: Any) -> ua.Variant:
    if isinstance(value, ua.Variant):
        return value
    if name == "InputArguments":
        return ua.Variant([given.Value for given in value], V.Variant, is_array=True)
    return ua.Variant(value, KINDS.get(name, V.Null)) if value is not None else ua.Variant()
