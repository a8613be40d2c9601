"""ActivateSession (OPC 10000-4 5.7.3): who the session speaks for, checked off the event loop.

asyncua asks for the user synchronously; scrypt takes some 60 ms, in which no controller would be
answered. So the whole service is here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError, create_nonce
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary

from tracenode.models.roles import role_names
from tracenode.server.opcua.security.audit import AuditKind
from tracenode.server.opcua.security.identity import Identity, LoginRefused, Presented

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.processor import TraceProcessor
    from tracenode.server.opcua.connections.sessions import TraceSession

__all__ = ["activate"]

S = StatusCodes
log = logging.getLogger(__name__)

LOGIN_S: Final = 20.0
"""Seconds that a login may take, its wait for a turn included."""


async def activate(
    processor: TraceProcessor, header: ua.RequestHeader, body: Any
) -> tuple[TraceSession, ua.ActivateSessionResult]:
    """Activate the session that a request's token names; returns it and the answer.

    Raises:
        ServiceError: no such session, a wrong signature, or nobody that may come in. The session
            stays what it was.
    """
    iserver = processor.iserver
    session = processor.session or iserver.session_by_token(header.AuthenticationToken)
    if session is None or session.is_closed or session.nonce is None:
        raise ServiceError(S.BadSessionIdInvalid)
    params = struct_from_binary(ua.ActivateSessionParameters, body)
    nonce = session.nonce
    try:
        _check_client(processor, params, nonce)
        identity = await _identity(processor, params, nonce)
    except ServiceError as e:
        _note(processor, session, header, e)
        raise ServiceError(e.code) from e
    if session.is_closed or session.nonce is not nonce:
        raise ServiceError(S.BadSessionIdInvalid)  # closed, or activated elsewhere, meanwhile
    if session.is_activated() and session.identity.account != identity.account:
        # what it watches was asked for with the rights of somebody else
        raise ServiceError(S.BadIdentityChangeNotSupported)
    held = sum(s.identity.account == identity.account for s in iserver.sessions if s is not session)
    if identity.account and held >= iserver.limits.sessions_per_user:
        raise ServiceError(S.BadTooManySessions)
    session.begin(identity, create_nonce(32))
    result = ua.ActivateSessionResult(ServerNonce=session.nonce)
    result.Results = [ua.StatusCode() for _ in params.ClientSoftwareCertificates or ()]
    roles = ", ".join(role_names(identity.roles))
    iserver.audit.note(
        AuditKind.ActivateSession,
        processor.address,
        f"{session.application_uri} as {identity.account or 'anonymous'} ({roles})",
        user=identity.account,
        session=session.caller.session_id,
        client_entry=str(header.AuditEntryId or ""),
        details={"SessionId": session.session_id},
    )
    return session, result


def _check_client(
    processor: TraceProcessor, params: ua.ActivateSessionParameters, nonce: bytes
) -> None:
    """Check that the request comes from who has the channel's key."""
    policy = processor._connection.security_policy
    data = nonce if policy.host_certificate is None else policy.host_certificate + nonce
    try:
        cryptography = policy.asymmetric_cryptography
        cryptography.verify(data, params.ClientSignature.Signature)  # type: ignore[no-untyped-call]
    except Exception as e:  # whatever a library says of a wrong signature
        raise ServiceError(S.BadApplicationSignatureInvalid) from e


async def _identity(
    processor: TraceProcessor, params: ua.ActivateSessionParameters, nonce: bytes
) -> Identity:
    iserver, policy = processor.iserver, processor._connection.security_policy
    token = params.UserIdentityToken
    if token is None or (isinstance(token, ua.ExtensionObject) and token.TypeId.is_null()):
        token = ua.AnonymousIdentityToken()  # OPC 10000-4 5.7.3.2: an empty token is anonymous
    presented = Presented(
        token=token,
        signature=params.UserTokenSignature,
        offered=iserver.token_policies(policy.URI),
        nonce=nonce,
        certificate=policy.host_certificate or iserver.own_certificate,
        key=iserver.private_key,
        address=processor.address,
    )
    try:
        async with asyncio.timeout(LOGIN_S):
            return await iserver.identities.of(presented)
    except LoginRefused as e:
        raise ServiceError(e.code) from e
    except TimeoutError as e:
        raise ServiceError(S.BadTimeout) from e


def _note(
    processor: TraceProcessor, session: TraceSession, header: ua.RequestHeader, e: ServiceError
) -> None:
    cause = e.__cause__
    words = str(cause) if isinstance(cause, LoginRefused) else ua.StatusCode(ua.UInt32(e.code)).name
    user = cause.user if isinstance(cause, LoginRefused) else ""
    log.warning("%s, %s: login refused: %s", processor.address, session.application_uri, words)
    processor.iserver.audit.note(
        AuditKind.ActivateSession,
        processor.address,
        words,
        user=user,
        status=int(e.code),
        session=session.caller.session_id,
        client_entry=str(header.AuditEntryId or ""),
        details={"SessionId": session.session_id},
    )
