"""What the server tells of itself while it runs: ServerDiagnostics (OPC 10000-5 6.3.3).

Every value is made when it is read. Counters of single services and of notifications are not kept:
in the arrays they are 0 (docs/conformance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_id

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.engine import TraceInternalServer
    from tracenode.server.opcua.subscriptions.subscription import Subscription

__all__ = ["DEGRADED", "HEALTHY", "Counts", "show_diagnostics"]

O = ObjectIds  # noqa: E741
S = StatusCodes
V = ua.VariantType
HEALTHY, DEGRADED = 255, 100
"""Values of ServiceLevel; below 200 it is degraded (OPC 10000-4 6.6.2.4.2)."""
SUMMARY: Final = "Server_ServerDiagnostics_ServerDiagnosticsSummary"
ARRAYS: Final = "Server_ServerDiagnostics_SessionsDiagnosticsSummary_"

SECURITY: Final = frozenset(
    int(code)
    for code in (
        S.BadUserAccessDenied,
        S.BadIdentityTokenInvalid,
        S.BadIdentityTokenRejected,
        S.BadSecurityChecksFailed,
        S.BadSecurityModeRejected,
        S.BadSecurityPolicyRejected,
        S.BadSecureChannelIdInvalid,
        S.BadSessionIdInvalid,
        S.BadSessionNotActivated,
        S.BadNonceInvalid,
        S.BadUserSignatureInvalid,
        S.BadApplicationSignatureInvalid,
        S.BadNoValidCertificates,
        S.BadCertificateInvalid,
        S.BadCertificateUriInvalid,
        S.BadCertificateUntrusted,
        S.BadCertificateTimeInvalid,
        S.BadCertificateRevoked,
    )
)
"""What a request is refused with for reasons of security."""


@dataclass(slots=True)
class Counts:
    """What has happened since the server started."""

    sessions: int = 0
    rejected_sessions: int = 0
    security_rejected_sessions: int = 0
    timed_out: int = 0
    aborted: int = 0
    """Sessions that were ended from this side."""
    rejected_requests: int = 0
    security_rejected_requests: int = 0

    def refused(self, code: int, *, of_a_session: bool = False) -> None:
        """Count a request that was answered with a fault; `of_a_session`: it asked for a session,
        or to be let into one."""
        is_security = code in SECURITY
        self.rejected_requests += 1
        self.security_rejected_requests += is_security
        if of_a_session:
            self.rejected_sessions += 1
            self.security_rejected_sessions += is_security


def show_diagnostics(core: TraceInternalServer) -> None:
    """Have the diagnostics of namespace 0 answer with what is."""
    _Diagnostics(core).show()


class _Diagnostics:
    def __init__(self, core: TraceInternalServer) -> None:
        self._core = core

    def show(self) -> None:
        structure, number = V.ExtensionObject, V.UInt32
        self._make("Server_ServerDiagnostics_EnabledFlag", V.Boolean, lambda: True)
        self._make(SUMMARY, structure, self._summary)
        for part in fields(ua.ServerDiagnosticsSummaryDataType):
            self._make(f"{SUMMARY}_{part.name}", number, self._part(part.name))
        self._make(
            "Server_ServerDiagnostics_SubscriptionDiagnosticsArray", structure, self._subscriptions
        )
        self._make(f"{ARRAYS}SessionDiagnosticsArray", structure, self._sessions)
        self._make(f"{ARRAYS}SessionSecurityDiagnosticsArray", structure, self._securities)

    def _part(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(self._summary(), name)

    def _make(self, name: str, kind: ua.VariantType, value: Callable[[], Any]) -> None:
        def made(_node_id: ua.NodeId, _attribute: AttributeIds) -> ua.DataValue:
            held, now = value(), datetime.now(UTC)
            stamp: Any = now
            variant = ua.Variant(held, kind, is_array=isinstance(held, list))
            return ua.DataValue(variant, ua.StatusCode(), stamp, stamp)

        node_id = ua_id(getattr(O, name))
        self._core.space.set_attribute_value_callback(node_id, AttributeIds.Value, made)
        self._core.space.changes += 1

    # ------------------------------------------------------------------ the summary
    def _summary(self) -> ua.ServerDiagnosticsSummaryDataType:
        counts, subscriptions = self._core.counts, self._core.subscriptions
        intervals = {one.terms.interval for one in subscriptions.subscriptions.values()}
        n = ua.UInt32
        return ua.ServerDiagnosticsSummaryDataType(
            ServerViewCount=n(0),
            CurrentSessionCount=n(len(self._core.sessions)),
            CumulatedSessionCount=n(counts.sessions),
            SecurityRejectedSessionCount=n(counts.security_rejected_sessions),
            RejectedSessionCount=n(counts.rejected_sessions),
            SessionTimeoutCount=n(counts.timed_out),
            SessionAbortCount=n(counts.aborted),
            CurrentSubscriptionCount=n(len(subscriptions.subscriptions)),
            CumulatedSubscriptionCount=n(subscriptions.created),
            PublishingIntervalCount=n(len(intervals)),
            SecurityRejectedRequestsCount=n(counts.security_rejected_requests),
            RejectedRequestsCount=n(counts.rejected_requests),
        )

    # ------------------------------------------------------------------ the arrays
    def _of(self, session: TraceSession) -> Iterator[Subscription]:
        for one in self._core.subscriptions.subscriptions.values():
            if one.session_id == session.session_id:
                yield one

    def _sessions(self) -> list[ua.SessionDiagnosticsDataType]:
        n, made = ua.UInt32, []
        for session in self._core.sessions:
            mine = list(self._of(session))
            client = ua.ApplicationDescription(ApplicationUri=ua.String(session.application_uri))
            timeout: Any = float((session.session_timeout or 0) * 1000)
            made.append(
                ua.SessionDiagnosticsDataType(
                    SessionId=session.session_id,
                    SessionName=ua.String(session.name),
                    ClientDescription=client,
                    ServerUri=ua.String(self._core.server_uri),
                    ActualSessionTimeout=timeout,
                    CurrentSubscriptionsCount=n(len(mine)),
                    CurrentMonitoredItemsCount=n(sum(len(one.items) for one in mine)),
                )
            )
        return made

    def _securities(self) -> list[ua.SessionSecurityDiagnosticsDataType]:
        made = []
        for session in self._core.sessions:
            uri, mode = session.channel_policy or ("", ua.MessageSecurityMode.Invalid)
            made.append(
                ua.SessionSecurityDiagnosticsDataType(
                    SessionId=session.session_id,
                    ClientUserIdOfSession=ua.String(session.identity.account),
                    SecurityMode=ua.MessageSecurityMode(mode),
                    SecurityPolicyUri=ua.String(uri),
                    ClientCertificate=ua.ByteString(session.channel_certificate or b""),
                )
            )
        return made

    def _subscriptions(self) -> list[ua.SubscriptionDiagnosticsDataType]:
        n, made = ua.UInt32, []
        for one in self._core.subscriptions.subscriptions.values():
            items = list(one.items.values())
            disabled = sum(item.mode == ua.MonitoringMode.Disabled for item in items)
            interval: Any = one.terms.interval * 1000
            made.append(
                ua.SubscriptionDiagnosticsDataType(
                    SessionId=one.session_id or ua.NodeId(),
                    SubscriptionId=n(one.number),
                    Priority=ua.Byte(one.terms.priority),
                    PublishingInterval=interval,
                    MaxKeepAliveCount=n(one.terms.keep_alive),
                    MaxLifetimeCount=n(one.terms.life),
                    MaxNotificationsPerPublish=n(one.terms.per_message),
                    PublishingEnabled=bool(one.enabled),
                    UnacknowledgedMessageCount=n(len(one.retained.sequences)),
                    MonitoredItemCount=n(len(items)),
                    DisabledMonitoredItemCount=n(disabled),
                    NextSequenceNumber=n(one.next_sequence),
                )
            )
        return made
