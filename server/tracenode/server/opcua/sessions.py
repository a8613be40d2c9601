"""Sessions: unguessable, bound to who opened them, each with its own subscriptions and pages."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_session import InternalSession, SessionState
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.browse import ContinuationPoints, TraceView
from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.opcua.ranges import sliced
from tracenode.server.opcua.subscriptions import TraceSubscription

if TYPE_CHECKING:
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["Caller", "TraceSession", "caller"]

S = StatusCodes
A = AttributeIds

MAX_OPERATIONS = 10_000
"""Nodes in one Read or Write, methods in one Call."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: user name (None: anonymous), the client's application URI, the session."""

    user: str | None
    application_uri: str
    session_id: str


INTERNAL = Caller(user=None, application_uri="", session_id="internal")

_caller: ContextVar[Caller] = ContextVar("caller", default=INTERNAL)


def caller() -> Caller:
    """Return who is calling the method that runs now; `INTERNAL` outside of any call."""
    return _caller.get()


class TraceSession(InternalSession):
    """One client's session."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.points = ContinuationPoints()
        self.application_uri = ""
        self.channel: object = None
        self.channel_certificate: bytes | None = None
        self.channel_policy: tuple[str, Any] | None = None
        if self.external:  # asyncua's tokens are counters
            self.iserver.unregister_external_session(self)
            token, number = secrets.token_bytes(32), secrets.token_bytes(16)
            self.auth_token = ua_id(token)
            self.session_id = ua_id(number, 1)
            self.iserver.register_external_session(self)

    @property
    def caller(self) -> Caller:
        """Who this session speaks for."""
        number = self.session_id.Identifier
        shown = number.hex() if isinstance(number, bytes) else str(number)
        return Caller(self.user.name, self.application_uri, shown)

    # ------------------------------------------------------------------ life
    async def create_session(
        self, params: ua.CreateSessionParameters, sockname: tuple[str, int] | None = None
    ) -> ua.CreateSessionResult:
        result = await super().create_session(params, sockname)
        self.application_uri = params.ClientDescription.ApplicationUri or ""
        self.name = params.SessionName or self.name
        self.touch()
        self._start_timeout_watchdog()  # asyncua starts it on activation only
        return result

    def activate_session(
        self, params: ua.ActivateSessionParameters, peer_certificate: bytes | None
    ) -> ua.ActivateSessionResult:
        before, known = self.user, self.state is SessionState.Activated
        result = super().activate_session(params, peer_certificate)
        if known and self.user != before:
            self.user = before
            raise ServiceError(S.BadIdentityChangeNotSupported)
        return result

    # ------------------------------------------------------------------ attributes
    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Read attributes: AccessLevel and IndexRange are honoured (OPC 10000-4 5.11.2)."""
        if not self.external:
            return await super().read(params)
        _bounded(params.NodesToRead)
        if params.MaxAge < 0:
            raise ServiceError(S.BadMaxAgeInvalid)
        return [self._read(wanted) for wanted in params.NodesToRead]

    def _read(self, wanted: ua.ReadValueId) -> ua.DataValue:
        if wanted.AttributeId == A.Value:
            access = self._access(wanted.NodeId)
            if access is not None and not access & ua.AccessLevel.CurrentRead.mask:
                return ua.DataValue(StatusCode=ua_status(S.BadNotReadable))
        elif wanted.DataEncoding is not None and wanted.DataEncoding.Name:
            return ua.DataValue(StatusCode=ua_status(S.BadDataEncodingInvalid))
        value = self.aspace.read_attribute_value(wanted.NodeId, wanted.AttributeId)
        return sliced(value, wanted.IndexRange)

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        """Write values of variables marked writable (OPC 10000-4 5.11.4).

        A ranged write is refused: asyncua would put the part in place of the whole array.
        """
        if not self.external:
            return await super().write(params)
        _bounded(params.NodesToWrite)
        results = []
        for write in params.NodesToWrite:
            refusal = self._write_refusal(write)
            if refusal is not None:
                results.append(ua_status(refusal))
                continue
            if write.Value.SourceTimestamp is None:  # the server's time then (OPC 10000-4 7.11)
                now: Any = datetime.now(UTC)
                write.Value = dataclasses.replace(write.Value, SourceTimestamp=now)
            one = ua.WriteParameters()
            one.NodesToWrite = [write]
            results += await super().write(one)
        return results

    def _write_refusal(self, write: ua.WriteValue) -> int | None:
        if write.NodeId not in self.aspace:
            return int(S.BadNodeIdUnknown)
        if write.AttributeId != A.Value:
            return int(S.BadNotWritable)
        access = self._access(write.NodeId)
        if access is None:
            return int(S.BadAttributeIdInvalid)
        if not access & ua.AccessLevel.CurrentWrite.mask:
            return int(S.BadNotWritable)
        if write.IndexRange:
            return int(S.BadWriteNotSupported)
        rank = self.aspace.read_attribute_value(write.NodeId, A.ValueRank).Value
        given = write.Value.Value
        if rank is None or given is None or given.VariantType == ua.VariantType.Null:
            return None
        scalar = rank.Value == -1
        return int(S.BadTypeMismatch) if scalar == bool(given.is_array) else None

    def _access(self, node_id: ua.NodeId) -> int | None:
        level = self.aspace.read_attribute_value(node_id, A.AccessLevel).Value
        return None if level is None or level.Value is None else int(level.Value)

    # ------------------------------------------------------------------ view
    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        if not self.external:
            return await super().browse(params)
        return self._view.browse_page(params, self.points)

    async def browse_next(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        return self._view.browse_more(parameters, self.points)

    @property
    def _view(self) -> TraceView:
        view = self.iserver.view_service
        assert isinstance(view, TraceView)
        return view

    # ------------------------------------------------------------------ methods
    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Call methods one after another; they see this session as `caller()`."""
        _bounded(params)
        token = _caller.set(self.caller if self.external else INTERNAL)
        try:
            return await super().call(params)
        finally:
            _caller.reset(token)

    # ------------------------------------------------------------------ subscriptions
    def _own(self, subscription_id: int) -> TraceSubscription:
        """Return a subscription of this session; those of others do not exist for it."""
        found = self.subscription_service.subscriptions.get(int(subscription_id))
        if not isinstance(found, TraceSubscription) or (
            self.external and found.session_id != self.session_id
        ):
            raise ServiceError(S.BadSubscriptionIdInvalid)
        return found

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        self._own(params.SubscriptionId)
        return await super().create_monitored_items(params)

    async def modify_monitored_items(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        self._own(params.SubscriptionId)
        return await super().modify_monitored_items(params)

    async def delete_monitored_items(
        self, params: ua.DeleteMonitoredItemsParameters
    ) -> list[ua.StatusCode]:
        self._own(params.SubscriptionId)
        return await super().delete_monitored_items(params)

    async def set_monitoring_mode(
        self, params: ua.SetMonitoringModeParameters
    ) -> list[ua.StatusCode]:
        self._own(params.SubscriptionId)
        return await super().set_monitoring_mode(params)

    async def set_publishing_mode(
        self, params: ua.SetPublishingModeParameters
    ) -> list[ua.StatusCode]:
        results = []
        for number in params.SubscriptionIds:
            try:
                await self._own(number).set_publishing_mode(params.PublishingEnabled)
                results.append(ua.StatusCode())
            except ServiceError as e:
                results.append(ua_status(e.code))
        return results

    def modify_subscription(
        self, params: ua.ModifySubscriptionParameters
    ) -> ua.ModifySubscriptionResult:
        self._own(params.SubscriptionId)
        return super().modify_subscription(params)

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        return self._own(params.SubscriptionId).republish(params.RetransmitSequenceNumber)

    async def delete_subscriptions(self, ids: list[int]) -> list[ua.StatusCode]:
        mine = [number for number in ids if self._is_mine(number)]
        done = dict(zip(mine, await super().delete_subscriptions(mine), strict=True))
        unknown = ua_status(S.BadSubscriptionIdInvalid)
        return [done.get(number, unknown) for number in ids]

    def _is_mine(self, number: int) -> bool:
        found = self.subscription_service.subscriptions.get(number)
        return found is not None and (not self.external or found.session_id == self.session_id)

    def publish(
        self, acks: Iterable[ua.SubscriptionAcknowledgement] | None = None
    ) -> tuple[int, list[ua.StatusCode]]:
        """Acknowledge messages of this session's subscriptions; returns how many those are."""
        if not self.external:
            return super().publish(acks)
        own = [
            sub
            for sub in self.subscription_service.subscriptions.values()
            if sub.session_id == self.session_id
        ]
        if not own:
            raise ServiceError(S.BadNoSubscription)
        by_number = {sub.data.SubscriptionId: sub for sub in own}
        results = []
        for ack in acks or ():
            subscription = by_number.get(ack.SubscriptionId)
            if subscription is None:
                code = S.BadSubscriptionIdInvalid
            elif ack.SequenceNumber not in subscription._not_acknowledged_results:
                code = S.BadSequenceNumberUnknown
            else:
                subscription.publish([ack.SequenceNumber])
                code = S.Good
            results.append(ua_status(code))
        return len(own), results

    async def transfer_subscriptions(  # type: ignore[override]  # as asyncua itself
        self, params: ua.TransferSubscriptionsParameters, callback: Callable[..., Any]
    ) -> list[ua.TransferResult]:
        """Take subscriptions over from another session of the same user and application."""
        results = []
        for number in params.SubscriptionIds:
            result = ua.TransferResult()
            results.append(result)
            found = self.subscription_service.subscriptions.get(int(number))
            if not isinstance(found, TraceSubscription):
                result.StatusCode = ua_status(S.BadSubscriptionIdInvalid)
                continue
            owner = self.iserver.session_of(found.session_id)
            if owner is None or (owner.user, owner.application_uri) != (
                self.user,
                self.application_uri,
            ):
                result.StatusCode = ua_status(S.BadUserAccessDenied)
                continue
            processor = callback.__self__  # type: ignore[attr-defined]
            found.session_id = self.session_id
            found.pub_result_callback = callback
            found.pub_request_callback = processor.get_publish_request
            result.AvailableSequenceNumbers = [ua.UInt32(n) for n in found.unacknowledged]
            if params.SendInitialValues:
                await found.resend()
        return results


def _bounded(operations: list[Any]) -> None:
    if not operations:
        raise ServiceError(S.BadNothingToDo)
    if len(operations) > MAX_OPERATIONS:
        raise ServiceError(S.BadTooManyOperations)
