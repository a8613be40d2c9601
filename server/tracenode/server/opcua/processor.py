"""Requests of one connection: who may ask for what, and what may run side by side."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_session import SessionState
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary
from cryptography import x509

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.sessions import TraceSession
from tracenode.server.opcua.wire import write_parameters

if TYPE_CHECKING:
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["TraceProcessor"]

S = StatusCodes

MAX_PARALLEL_CALLS = 8
"""Call requests of one connection that run at once; the next one waits, and its client with it.
They begin in the order in which they came, so that bookings sent without waiting keep it."""


def _request(name: str) -> ua.NodeId:
    return ua_id(getattr(ObjectIds, f"{name}Request_Encoding_DefaultBinary"))


CREATE, ACTIVATE = _request("CreateSession"), _request("ActivateSession")
CALL, WRITE, BROWSE_NEXT = _request("Call"), _request("Write"), _request("BrowseNext")
WITHOUT_SESSION = {
    CREATE,
    ACTIVATE,
    _request("GetEndpoints"),
    _request("FindServers"),
    _request("CloseSecureChannel"),
}
REFUSED = {
    _request(name)
    for name in (
        "RegisterServer",
        "RegisterServer2",
        "AddNodes",
        "DeleteNodes",
        "AddReferences",
        "DeleteReferences",
    )
}
"""The address space is ours, and this is no discovery server."""


class TraceProcessor(UaProcessor):
    """asyncua's request loop of one connection, with the checks it lacks."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]
    session: TraceSession | None  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._calls = asyncio.Semaphore(MAX_PARALLEL_CALLS)
        self._calling: set[asyncio.Task[None]] = set()

    async def process_message(self, seqhdr: Any, body: Any) -> Any:
        """Answer one request; a Call runs beside the rest, so that Publish and Read go on."""
        if nodeid_from_binary(body.copy()) == CALL:
            await self._calls.acquire()
            call = self.iserver.tasks.start(self._call(seqhdr, body))
            self._calling.add(call)
            call.add_done_callback(self._calling.discard)
            return True
        return await super().process_message(seqhdr, body)  # type: ignore[no-untyped-call]

    async def _call(self, seqhdr: Any, body: Any) -> None:
        try:
            await super().process_message(seqhdr, body)  # type: ignore[no-untyped-call]
        finally:
            self._calls.release()

    def send_response(
        self,
        requesthandle: Any,
        seqhdr: Any,
        response: Any,
        msgtype: Any = ua.MessageType.SecureMessage,
    ) -> None:
        if not self._transport.is_closing():
            super().send_response(requesthandle, seqhdr, response, msgtype)  # type: ignore[no-untyped-call]

    async def _process_message(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> Any:
        if typeid in REFUSED:
            raise ServiceError(S.BadServiceUnsupported)
        if typeid in (CREATE, ACTIVATE):
            self._check_channel()
        if typeid == CREATE:
            await self._check_create(body.copy())
        elif typeid == ACTIVATE and self.session is None:
            self._check_reactivation(requesthdr.AuthenticationToken)
        elif (typeid == ACTIVATE or typeid not in WITHOUT_SESSION) and (
            self.session is None
            or self.session.channel is not self
            or requesthdr.AuthenticationToken != self.session.auth_token
        ):
            raise ServiceError(S.BadSessionIdInvalid)
        if typeid in (BROWSE_NEXT, WRITE):
            return await self._own_service(typeid, requesthdr, seqhdr, body)
        processed = super()._process_message(typeid, requesthdr, seqhdr, body)  # type: ignore[no-untyped-call]
        answer = await processed
        if typeid == CREATE and self.session is not None:
            policy = self._connection.security_policy
            self.session.channel_certificate = policy.peer_certificate
            self.session.channel_policy = policy.URI, policy.Mode
        if typeid in (CREATE, ACTIVATE) and self.session is not None:
            self.session.channel = self
        return answer

    async def _own_service(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> bool:
        session = self.session
        assert session is not None
        if not session.is_activated():
            raise ServiceError(S.BadSessionNotActivated)
        session.touch()
        self.session_last_activity = time.monotonic()
        response: ua.BrowseNextResponse | ua.WriteResponse
        if typeid == BROWSE_NEXT:
            asked = struct_from_binary(ua.BrowseNextParameters, body)
            response = ua.BrowseNextResponse()
            response.Parameters.Results = await session.browse_next(asked)
        else:
            response = ua.WriteResponse()
            response.Results = await session.write(write_parameters(body))
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
        if len(self.iserver.sessions) >= self.iserver.max_sessions:
            raise ServiceError(S.BadTooManySessions)
        certificate = self._connection.security_policy.peer_certificate
        if not certificate:
            return
        asked = struct_from_binary(ua.CreateSessionParameters, body)
        if asked.ClientCertificate and asked.ClientCertificate != certificate:
            raise ServiceError(S.BadCertificateInvalid)
        if self.iserver.certificate_validator is not None:
            # the channel's certificate counts, not the one that the client mentions
            await self.iserver.certificate_validator(
                x509.load_der_x509_certificate(certificate), asked.ClientDescription
            )

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

    async def close(self) -> None:
        """The connection is lost: notifications wait for the client to come back, none is sent.
        Nobody waits for the calls of this connection any more; what is being booked is booked."""
        for call in self._calling:
            call.cancel()
        if self.session is not None and self.session.channel is not self:
            # it has moved to another connection, and lives on
            self.session = None  # pyright: ignore[reportIncompatibleVariableOverride]
        self._publish_requests.clear()
        self._publish_results_subs.clear()
        await super().close()  # type: ignore[no-untyped-call]
