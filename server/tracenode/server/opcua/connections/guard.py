"""What a connection must get right before a service is asked: hello, channel, certificate.

asyncua leaves a connection open after bytes that can't be verified, and takes messages that only a
server sends; here each of these ends it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto import uacrypto
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary, uatcp_to_binary
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tracenode.server.opcua.connections.channel import (
    AnswerTooLarge,
    ChannelRefused,
    TraceChannel,
    error_message,
)
from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.opcua.security.audit import AuditKind
from tracenode.server.opcua.security.certificates.chains import check_application_uri, leaf_of
from tracenode.server.opcua.security.certificates.reading import common_name, thumbprint
from tracenode.server.opcua.security.certificates.refusal import CertificateRefused, Reason

if TYPE_CHECKING:
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["GuardedProcessor"]

S = StatusCodes
OPEN = ua_id(ObjectIds.OpenSecureChannelRequest_Encoding_DefaultBinary)
SMALLEST_NONCE = 32
"""Bytes of a client's nonce (OPC 10000-4 5.7.2)."""
WRONG_SIGNATURE: Final = (InvalidSignature, vars(uacrypto)["InvalidSignature"])
"""asyncua has one of its own for symmetric keys."""
CHECKS_FAILED = "security checks failed: the server's log says why"


class GuardedProcessor(UaProcessor):
    """The channel's side of asyncua's request loop."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel = TraceChannel(self._limits, self.has_session, self._channel_expired)
        self._connection = self.channel

    @property
    def address(self) -> str:
        """Where the client is, without its port."""
        return str(self.name[0]) if self.name else ""

    def has_session(self) -> bool:
        """Whether an activated session is on this connection."""
        return self.session is not None and self.session.is_activated()

    # ------------------------------------------------------------------ messages
    async def process(self, header: Any, body: Any) -> bool:
        """Take one chunk; returns whether the connection goes on."""
        try:
            return await self._take(header, body)
        except ChannelRefused as e:
            self._refuse(AuditKind.Channel, e.code, str(e), e.told)
        except CertificateRefused as e:
            self._refuse(AuditKind.Certificate, e.told, f"{e} [{e.reason.name}]", CHECKS_FAILED)
        except WRONG_SIGNATURE:
            words = "a message whose signature is wrong"
            self._refuse(AuditKind.Channel, S.BadSecurityChecksFailed, words, CHECKS_FAILED)
        except ua.uaerrors.UaStatusCodeError as e:
            self._refuse(AuditKind.Channel, e.code, str(e), "")
        except Exception as e:  # noqa: BLE001  # what decoders say of bytes that are no message
            words = f"a message that can't be read: {type(e).__name__}: {e}"[:300]
            self._refuse(AuditKind.Channel, S.BadSecurityChecksFailed, words, CHECKS_FAILED)
        return False

    async def _take(self, header: Any, body: Any) -> bool:
        channel, kind = self.channel, header.MessageType
        if kind == ua.MessageType.SecureMessage and channel.is_open():
            message = channel.receive_from_header_and_body(header, body)
            if message is None:
                return True
            sequence, content = message.SequenceHeader(), message.body()
            answered = self.process_message(sequence, content)  # type: ignore[no-untyped-call]
            return await answered is not False
        if kind == ua.MessageType.Hello:
            agreed = channel.hello(struct_from_binary(ua.Hello, body))
            acknowledge = cast("ua.MessageType", ua.MessageType.Acknowledge)
            self._transport.write(uatcp_to_binary(acknowledge, agreed))
            return True
        if kind == ua.MessageType.SecureOpen and channel.greeted:
            await self._open(header, body)
            return True
        if kind == ua.MessageType.SecureClose and channel.is_open():
            channel.receive_from_header_and_body(header, body)  # only who has the keys may close
            channel.close()
            return False
        if kind == ua.MessageType.SecureMessage:
            raise ChannelRefused(S.BadTcpSecureChannelUnknown, "a message without a channel")
        raise ChannelRefused(
            S.BadTcpMessageTypeInvalid, f"expected a message of a client, found {bytes(kind)!r}"
        )

    async def _open(self, header: Any, body: Any) -> None:
        """Open or renew the channel; a stranger's certificate is looked at before anything costly
        is done with our key."""
        channel, front = self.channel, self.iserver.front
        clear = struct_from_binary(ua.AsymmetricAlgorithmHeader, body.copy(header.body_size))
        renewal = channel.is_open()
        channel.check_header(header, clear)
        secured = clear.SecurityPolicyURI != ua.AsymmetricAlgorithmHeader().SecurityPolicyURI
        if secured:
            await front.check(bytes(clear.SenderCertificate))
        try:
            receive = partial(channel.receive_from_header_and_body, header, body)
            message = await front.aside(receive) if secured else receive()
            if message is None:
                raise ChannelRefused(S.BadTcpMessageTypeInvalid, "a part of an OpenSecureChannel")
            asked = struct_from_binary(ua.OpenSecureChannelRequest, message.body())
        except ChannelRefused:
            raise
        except Exception:
            if secured:
                front.admission.forged(self.address)
            raise
        if asked.TypeId != OPEN:
            raise ChannelRefused(S.BadTcpMessageTypeInvalid, "expected an OpenSecureChannel")
        answer = ua.OpenSecureChannelResponse()
        answer.Parameters = channel.accept(asked.Parameters, self.iserver)
        handle = asked.RequestHeader.RequestHandle
        self.send_response(handle, message.SequenceHeader(), answer, ua.MessageType.SecureOpen)
        if secured and not renewal:
            leaf = x509.load_der_x509_certificate(leaf_of(channel.sent_certificates))
            policy = channel.security_policy
            front.opened(
                self.address,
                f"{policy.URI.rpartition('#')[2]}, {policy.Mode.name}, by"
                f" {common_name(leaf.subject)!r} ({thumbprint(leaf)})",
            )

    def send_response(
        self,
        requesthandle: Any,
        seqhdr: Any,
        response: Any,
        msgtype: Any = ua.MessageType.SecureMessage,
    ) -> None:
        """Send an answer; in place of one that the client can't take, that it is too large."""
        try:
            super().send_response(requesthandle, seqhdr, response, msgtype)  # type: ignore[no-untyped-call]
        except AnswerTooLarge:
            fault = ua.ServiceFault()
            fault.ResponseHeader.ServiceResult = ua_status(S.BadResponseTooLarge)
            super().send_response(requesthandle, seqhdr, fault, msgtype)  # type: ignore[no-untyped-call]

    # ------------------------------------------------------------------ the client's certificate
    def check_client(self, asked: ua.CreateSessionParameters) -> None:
        """Check that a session is for who opened the channel (OPC 10000-4 5.7.2).

        Raises:
            ServiceError: another certificate than the channel's, another application than the
                certificate's, no nonce.
        """
        channel = self.channel
        if not channel.secured:
            return
        mine = channel.security_policy.peer_certificate or b""
        mentioned = leaf_of(bytes(asked.ClientCertificate or b""))
        try:
            if mentioned != mine:
                found = thumbprint(mentioned) if mentioned else "none"
                raise CertificateRefused(
                    Reason.BadCertificateInvalid,
                    f"expected the channel's certificate {thumbprint(mine)}, found {found}",
                )
            described = asked.ClientDescription.ApplicationUri or ""
            check_application_uri(x509.load_der_x509_certificate(mine), described)
        except CertificateRefused as e:
            self._tell(AuditKind.Certificate, int(e.reason), f"{e} [{e.reason.name}]")
            raise ServiceError(int(e.reason)) from e
        if len(asked.ClientNonce or b"") < SMALLEST_NONCE:
            raise ServiceError(S.BadNonceInvalid)

    async def recheck(self) -> None:
        """What is trusted has changed: end a channel whose certificate is not trusted any more."""
        if not self.channel.secured or not self.channel.is_open():
            return
        try:
            await self.iserver.front.check(self.channel.sent_certificates)
        except CertificateRefused as e:
            words = f"not trusted any more: {e} [{e.reason.name}]"
            if self.session is not None:
                await self.session.close_session(True)
            self._refuse(AuditKind.Certificate, e.told, words, CHECKS_FAILED)
            self._transport.close()

    # ------------------------------------------------------------------ the end
    def _refuse(self, kind: AuditKind, code: int, words: str, told: str) -> None:
        """Say why to both sides; the caller ends the connection (OPC 10000-6 7.1.5)."""
        self._tell(kind, code, words)
        self.say_error(code, told)

    def refuse_chunk(self, code: int, words: str) -> None:
        """Say why to both sides that a chunk is not taken; the caller ends the connection."""
        self._refuse(AuditKind.Channel, code, words, words)

    def _tell(self, kind: AuditKind, code: int, words: str) -> None:
        self.iserver.front.refused(kind, self.address, words, int(code))

    def say_error(self, code: int, words: str) -> None:
        """Send an Error message."""
        if not self._transport.is_closing():
            self._transport.write(error_message(code, words))

    def _channel_expired(self) -> None:
        words = "the channel was not renewed in time"
        self._refuse(AuditKind.Channel, S.BadSecureChannelTokenUnknown, words, words)
        self._transport.close()

    async def close(self) -> None:
        """The connection is lost."""
        self.channel.close()
        await super().close()  # type: ignore[no-untyped-call]
