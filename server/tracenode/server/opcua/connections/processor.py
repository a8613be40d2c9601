"""Requests of one connection: who may ask for what, and what may run side by side."""

from __future__ import annotations

import asyncio
import logging
import struct
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.common.utils import NotEnoughData, ServiceError
from asyncua.server.internal_session import SessionState
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from tracenode.server.opcua.connections.activation import activate
from tracenode.server.opcua.connections.callers import audit_entry
from tracenode.server.opcua.connections.channel import AnswerTooLarge
from tracenode.server.opcua.connections.guard import GuardedProcessor
from tracenode.server.opcua.connections.services import (
    MALFORMED,
    SERVICES,
    Asked,
    Service,
    check_readable,
    decoded,
    request_type,
)
from tracenode.server.opcua.connections.sessions import TraceSession
from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.security.audit_notes import note_session

if TYPE_CHECKING:
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["TraceProcessor"]

S = StatusCodes
log = logging.getLogger(__name__)

CREATE, ACTIVATE = request_type("CreateSession"), request_type("ActivateSession")
CLOSE_SESSION = request_type("CloseSession")
WITHOUT_SESSION = {
    CREATE,
    ACTIVATE,
    request_type("GetEndpoints"),
    request_type("FindServers"),
    request_type("CloseSecureChannel"),
}
OFFERED = {*WITHOUT_SESSION, CLOSE_SESSION, *SERVICES}
"""The address space is ours, and this is no discovery server: nodes can't be added, servers not
registered; there are no queries."""


class TraceProcessor(GuardedProcessor):
    """asyncua's request loop of one connection, with the checks it lacks."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]
    session: TraceSession | None  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limits = self.iserver.limits
        self.places = asyncio.Semaphore(limits.requests_at_once)
        """For the requests that run side by side, those of the fast lane with them."""
        self._waiting = asyncio.Semaphore(limits.requests_waiting)
        self._beside: set[asyncio.Task[None]] = set()
        self.writable = asyncio.Event()
        """Whether the client reads its answers; kept by its transport."""
        self.writable.set()

    # ------------------------------------------------------------------ in and out
    async def process_message(self, seqhdr: Any, body: Any) -> bool:
        """Answer one request. What may take long runs beside the rest, so that Publish and Read go
        on; such requests begin in the order in which they came, so that bookings sent without
        waiting keep it."""
        try:
            type_id = nodeid_from_binary(body)
            header = struct_from_binary(ua.RequestHeader, body)
        except MALFORMED:
            # nobody knows which request to answer
            self.say_error(S.BadDecodingError, "a request whose header can't be read")
            return False
        service = SERVICES.get(type_id)
        if service is None or not service.beside:
            return await self._answered(type_id, header, seqhdr, body)
        await self._waiting.acquire()
        task = self.iserver.tasks.start(self._answered_beside(type_id, header, seqhdr, body))
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        return True

    async def _answered_beside(self, type_id: Any, header: Any, seqhdr: Any, body: Any) -> None:
        hint = int(header.TimeoutHint)
        try:
            async with asyncio.timeout(hint / 1000 if hint else None), self.places:
                await self.writable.wait()
                await self._answered(type_id, header, seqhdr, body)
        except TimeoutError:
            self.send_fault(header, seqhdr, S.BadTimeout)
        finally:
            self._waiting.release()

    async def _answered(self, type_id: Any, header: Any, seqhdr: Any, body: Any) -> bool:
        try:
            return bool(await self._process_message(type_id, header, seqhdr, body))
        except (ServiceError, UaStatusCodeError) as e:
            self.send_fault(header, seqhdr, e.code, of_a_session=type_id in (CREATE, ACTIVATE))
        except (NotEnoughData, struct.error, UnicodeDecodeError):
            self.send_fault(header, seqhdr, S.BadDecodingError)
        except Exception:
            log.exception("request %s failed", type_id.to_string())
            self.send_fault(header, seqhdr, S.BadInternalError)
        return True

    def is_beside(self) -> bool:
        """True where requests run beside the others, or wait for that."""
        return bool(self._beside)

    def send_fault(
        self, header: Any, seqhdr: Any, code: int, *, of_a_session: bool = False
    ) -> None:
        """Answer a request with a ServiceFault, which is counted."""
        self.iserver.counts.refused(int(code), of_a_session=of_a_session)
        response = ua.ServiceFault()
        response.ResponseHeader.ServiceResult = ua_status(code)
        self.send_response(header.RequestHandle, seqhdr, response)

    def send_encoded(self, header: Any, seqhdr: Any, data: bytes) -> None:
        """Answer a request with a response that is encoded already."""
        if self._transport.is_closing():
            return
        try:
            message = self.channel.message_to_binary(data, request_id=seqhdr.RequestId)
        except AnswerTooLarge:
            self.send_fault(header, seqhdr, S.BadResponseTooLarge)
        else:
            self._transport.write(message)

    def send_response(
        self,
        requesthandle: Any,
        seqhdr: Any,
        response: Any,
        msgtype: Any = ua.MessageType.SecureMessage,
    ) -> None:
        if not self._transport.is_closing():
            super().send_response(requesthandle, seqhdr, response, msgtype)

    async def _process_message(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> Any:
        audit_entry.set(str(requesthdr.AuditEntryId or ""))
        if typeid not in OFFERED:
            raise ServiceError(S.BadServiceUnsupported)
        check_readable(typeid, body)
        if typeid in (CREATE, ACTIVATE):
            self._check_channel()
        if typeid == CREATE:
            await self._check_create(body.copy())
        elif typeid == ACTIVATE and self.session is None:
            self._check_reactivation(requesthdr.AuthenticationToken)
        elif (typeid == ACTIVATE or typeid not in WITHOUT_SESSION) and (
            self.session is None
            or self.session.is_closed
            or self.session.channel is not self
            or requesthdr.AuthenticationToken != self.session.auth_token
        ):
            raise ServiceError(S.BadSessionIdInvalid)
        if typeid == ACTIVATE:
            return await self._activate(requesthdr, seqhdr, body)
        service = SERVICES.get(typeid)
        if service is not None:
            return await self._serve(service, requesthdr, seqhdr, body)
        processed = super()._process_message(typeid, requesthdr, seqhdr, body)  # type: ignore[no-untyped-call]
        answer = await processed
        if typeid == CREATE and self.session is not None:
            policy = self._connection.security_policy
            self.session.channel_certificate = policy.peer_certificate
            self.session.channel_policy = policy.URI, policy.Mode
            self.session.channel = self
            self.session.address = self.address
            self.iserver.counts.sessions += 1
            note_session(self.iserver.audit, self.session.caller, self.session.session_id)
        return answer

    async def _activate(self, requesthdr: Any, seqhdr: Any, body: Any) -> bool:
        """Answer ActivateSession; a session that comes from another connection is taken over."""
        session, result = await activate(self, requesthdr, body)
        if self.session is None:
            self.session = session  # pyright: ignore[reportIncompatibleVariableOverride]
        session.channel = self
        session.address = self.address
        response = ua.ActivateSessionResponse()
        response.Parameters = result
        self.send_response(requesthdr.RequestHandle, seqhdr, response)
        return True

    async def _serve(self, service: Service, requesthdr: Any, seqhdr: Any, body: Any) -> bool:
        session = self.session
        assert session is not None
        if not session.is_activated():
            raise ServiceError(S.BadSessionNotActivated)
        session.touch()
        params = decoded(service, body)
        response = await service.answer(Asked(session, self, requesthdr, seqhdr, params))
        if response is not None:
            self.send_response(requesthdr.RequestHandle, seqhdr, response)
        return True

    # ------------------------------------------------------------------ checks
    def _check_channel(self) -> None:
        """A channel of a policy that is not offered serves discovery only."""
        policy = self._connection.security_policy
        if not self._connection.is_open() or not any(
            offered.matches(policy.URI, policy.Mode) for offered in self._connection._policies
        ):
            raise ServiceError(S.BadSecurityPolicyRejected)

    async def _check_create(self, body: Any) -> None:
        if self.session is not None and self.session.state is not SessionState.Closed:
            raise ServiceError(S.BadTooManySessions)  # one session a channel in this stack
        if not await self.iserver.make_room():
            raise ServiceError(S.BadTooManySessions)
        self.check_client(struct_from_binary(ua.CreateSessionParameters, body))

    def _check_reactivation(self, token: ua.NodeId) -> None:
        """A session moves to a new channel only with the same certificate and policy."""
        policy = self._connection.security_policy
        session = self.iserver.lookup_external_session(token)
        if (
            not isinstance(session, TraceSession)
            or session.channel_certificate != policy.peer_certificate
            or session.channel_policy != (policy.URI, policy.Mode)
        ):
            raise ServiceError(S.BadSessionIdInvalid)

    async def _session_watchdog_loop(self) -> None:
        """asyncua's would close the channel and the subscriptions of a session that times out."""

    async def close(self) -> None:
        """The connection is lost: notifications wait for the client to come back, none is sent.
        Nobody waits for the calls of this connection any more; what is being booked is booked.

        A session that lives on and its connection let go of each other: what hung together would
        stay until the next full pass of the garbage collector, which are rare (core.COLLECT)."""
        for task in self._beside:
            task.cancel()
        if self.session is not None:
            self.session.publishing.forget(self)
        if self.session is not None and self.session.channel is not self:
            # it has moved to another connection, and lives on
            self.session = None  # pyright: ignore[reportIncompatibleVariableOverride]
        await super().close()
        if self.session is not None:
            self.session.channel = None
            self.session = None  # pyright: ignore[reportIncompatibleVariableOverride]
