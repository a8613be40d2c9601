"""The secure channel: hello, open, renew; what asyncua's lets pass is refused here.

A refusal at this level is an Error message and the end of the connection (OPC 10000-6 7.1.5).
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Callable
from typing import Any, Final, cast

from asyncua import ua
from asyncua.common.connection import MessageChunk, SecureConnection, TransportLimits
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import uatcp_to_binary

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.security.certificates.chains import leaf_of
from tracenode.server.opcua.security.certificates.reading import der, thumbprint

__all__ = ["AnswerTooLarge", "ChannelRefused", "TraceChannel", "error_message"]

S = StatusCodes

SMALLEST_BUFFER: Final = 8_192
"""Bytes of a chunk that every peer must be able to take (OPC 10000-6 7.1.2.3)."""
LONGEST_URL: Final = 4_096
STRANGER_MESSAGE: Final = 256 * 1024
"""Bytes of a message while there is no session."""
MIN_LIFETIME_MS, MAX_LIFETIME_MS = 10_000, 3_600_000
GRACE: Final = 1.25
"""A token counts for so many of its lifetimes (OPC 10000-4 5.5.2)."""


class ChannelRefused(Exception):
    """The connection must end. The peer gets the code and `told`; `str()` is for people here."""

    def __init__(self, code: int, words: str, told: str = "") -> None:
        self.code = code
        self.told = told or words
        super().__init__(words)


class AnswerTooLarge(Exception):
    """An answer is longer than its client takes."""


class TraceChannel(SecureConnection):
    """One channel; `known` says whether it carries an activated session."""

    def __init__(
        self, limits: TransportLimits, known: Callable[[], bool], expired: Callable[[], None]
    ) -> None:
        super().__init__(SecurityPolicyNone(), limits)  # type: ignore[no-untyped-call]
        self.greeted = False
        self.message_since: float | None = None
        """Loop time of the first chunk of a message that is not whole."""
        self.sent_certificates = b""
        """What the peer sent as its certificate, issuers included; empty on policy None."""
        self._known = known
        self._expired = expired
        self._answer_size = self._answer_chunks = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def secured(self) -> bool:
        """Whether messages are at least signed."""
        return self.security_policy.Mode != ua.MessageSecurityMode.None_

    # ------------------------------------------------------------------ hello
    def hello(self, said: ua.Hello) -> ua.Acknowledge:
        """Agree on sizes: what we advertise is what we enforce, and what the client says of its
        own is kept (OPC 10000-6 7.1.2)."""
        if self.greeted:
            raise ChannelRefused(S.BadTcpMessageTypeInvalid, "a second hello")
        if min(said.ReceiveBufferSize, said.SendBufferSize) < SMALLEST_BUFFER:
            raise ChannelRefused(
                S.BadConnectionRejected,
                f"expected buffers of at least {SMALLEST_BUFFER} bytes, found"
                f" {said.ReceiveBufferSize} and {said.SendBufferSize}",
            )
        if said.EndpointUrl and len(said.EndpointUrl) > LONGEST_URL:
            raise ChannelRefused(
                S.BadTcpEndpointUrlInvalid, f"an endpoint URL over {LONGEST_URL} characters"
            )
        self.greeted = True
        limits = self._limits
        limits.max_recv_buffer = min(said.SendBufferSize, limits.max_recv_buffer)
        limits.max_send_buffer = min(said.ReceiveBufferSize, limits.max_send_buffer)
        limits.max_chunk_count = math.ceil(limits.max_message_size / limits.max_recv_buffer) + 1
        self._answer_size, self._answer_chunks = said.MaxMessageSize, said.MaxChunkCount
        return ua.Acknowledge(
            ReceiveBufferSize=ua.UInt32(limits.max_recv_buffer),
            SendBufferSize=ua.UInt32(limits.max_send_buffer),
            MaxMessageSize=ua.UInt32(limits.max_message_size),
            MaxChunkCount=ua.UInt32(limits.max_chunk_count),
        )

    @property
    def answer_room(self) -> int:
        """The longest answer, in bytes, that the client takes."""
        chunks = self._answer_chunks * (self._limits.max_send_buffer - 512)
        return min(self._answer_size or 2**31, chunks or 2**31)

    def message_to_binary(
        self, message: bytes, message_type: Any = ua.MessageType.SecureMessage, request_id: int = 0
    ) -> bytes:
        """Encode; raises AnswerTooLarge where the client does not take so much."""
        chunks = math.ceil(len(message) / (self._limits.max_send_buffer - 512))
        if (0 < self._answer_size < len(message)) or 0 < self._answer_chunks < chunks:
            raise AnswerTooLarge
        return super().message_to_binary(message, message_type, request_id)

    # ------------------------------------------------------------------ open and renew
    def check_header(self, header: Any, asked: ua.AsymmetricAlgorithmHeader) -> None:
        """Check the clear part of an OpenSecureChannel, before anything is decrypted."""
        if header.ChunkType != ua.ChunkType.Single:
            raise ChannelRefused(S.BadTcpMessageTypeInvalid, "OpenSecureChannel in several chunks")
        uri, sender = asked.SecurityPolicyURI or "", bytes(asked.SenderCertificate or b"")
        if self.is_open():
            self._check_same(header.ChannelId, uri, sender)
        elif uri != SecurityPolicyNone.URI and not any(p.matches(uri) for p in self._policies):
            shown = uri[:100].rpartition("#")[2]
            raise ChannelRefused(
                S.BadSecurityPolicyRejected, f"the security policy {shown!r} is not offered here"
            )
        if uri == SecurityPolicyNone.URI:
            return
        if not sender:
            raise ChannelRefused(S.BadCertificateInvalid, "no certificate on a secured channel")
        own = next(p.certificate for p in self._policies if p.matches(uri))
        ours = hashlib.sha1(der(own), usedforsecurity=False).digest()
        if asked.ReceiverCertificateThumbPrint != ours:
            found = bytes(asked.ReceiverCertificateThumbPrint or b"").hex().upper()[:40] or "none"
            raise ChannelRefused(
                S.BadCertificateInvalid,
                f"expected a message for our certificate {ours.hex().upper()}, found one for"
                f" {found}: the client knows another certificate of this server",
                "this is not the certificate of this server any more",
            )

    def _check_same(self, channel: int, uri: str, sender: bytes) -> None:
        """A renewal changes neither the channel nor who it is with."""
        policy = self.security_policy
        if channel != self.security_token.ChannelId:
            raise ChannelRefused(S.BadTcpSecureChannelUnknown, f"renewal of channel {channel}")
        if uri != policy.URI:
            raise ChannelRefused(S.BadSecurityChecksFailed, "a renewal with another policy")
        if self.secured and leaf_of(sender) != policy.peer_certificate:
            raise ChannelRefused(
                S.BadSecurityChecksFailed,
                f"a renewal with another certificate ({thumbprint(leaf_of(sender))})",
            )

    def select_policy(
        self, uri: str, peer_certificate: bytes | None, mode: ua.MessageSecurityMode | None = None
    ) -> None:
        """Take a policy that is offered; None without being offered is for discovery only."""
        for policy in self._policies:
            if policy.matches(uri, mode):
                secured = uri != SecurityPolicyNone.URI
                leaf = leaf_of(peer_certificate or b"") if secured else None
                self.security_policy = policy.create(leaf)
                self.sent_certificates = bytes(peer_certificate or b"") if secured else b""
                return
        if uri != SecurityPolicyNone.URI or mode not in (None, ua.MessageSecurityMode.None_):
            shown = uri.rpartition("#")[2]
            named = mode.name.rstrip("_") if mode is not None else ""
            raise ChannelRefused(
                S.BadSecurityModeRejected, f"the security mode {named} of {shown} is not offered"
            )
        self.security_policy = SecurityPolicyNone()  # type: ignore[no-untyped-call]

    def accept(self, asked: ua.OpenSecureChannelParameters, new_id: Any) -> Any:
        """Open or renew, after the message was decrypted and its signature verified; returns the
        answer's parameters."""
        policy = self.security_policy
        renew = asked.RequestType == ua.SecurityTokenRequestType.Renew
        if renew != self.is_open():
            raise ChannelRefused(
                S.BadRequestTypeInvalid,
                "a renewal of a channel that is not open" if renew else "a channel is open already",
            )
        if not self.is_open():
            self.select_policy(policy.URI, self.sent_certificates, asked.SecurityMode)
        elif asked.SecurityMode != policy.Mode:
            raise ChannelRefused(S.BadSecurityChecksFailed, "a renewal with another mode")
        wanted = self.security_policy.secure_channel_nonce_length
        if self.secured and len(asked.ClientNonce or b"") != wanted:
            raise ChannelRefused(
                S.BadNonceInvalid,
                f"expected a nonce of {wanted} bytes, found {len(asked.ClientNonce or b'')}",
            )
        lifetime = asked.RequestedLifetime or MAX_LIFETIME_MS
        asked.RequestedLifetime = ua.UInt32(min(max(lifetime, MIN_LIFETIME_MS), MAX_LIFETIME_MS))
        answer = self.open(asked, new_id)
        if not renew:
            self._arm()
        return answer

    def close(self) -> None:
        super().close()
        self._known, self._expired = _nobody, _nothing  # the connection they are of is gone
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def revolve_tokens(self) -> None:
        super().revolve_tokens()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = self.security_token.RevisedLifetime / 1000 * GRACE
        self._timer = asyncio.get_running_loop().call_later(seconds, self._token_ended)

    def _token_ended(self) -> None:
        """The client has to use its next token now; without one the channel ends."""
        if self.next_security_token.TokenId:
            self.revolve_tokens()
        else:
            expired = self._expired
            self.close()
            expired()

    # ------------------------------------------------------------------ messages
    def _receive(self, msg: MessageChunk) -> ua.Message | None:
        if not self._known() and self._incoming_size + len(msg.Body) > STRANGER_MESSAGE:
            raise ChannelRefused(
                S.BadTcpMessageTooLarge,
                f"a message over {STRANGER_MESSAGE} bytes without a session",
            )
        message = super()._receive(msg)
        if not self._incoming_parts:
            self.message_since = None
        elif self.message_since is None:
            self.message_since = asyncio.get_running_loop().time()
        return message


def _nobody() -> bool:
    return False


def _nothing() -> None:
    return None


def error_message(code: int, words: str) -> bytes:
    """Return an Error message (OPC 10000-6 7.1.2.5), with at most 200 characters of words."""
    kind, reason = cast("ua.MessageType", ua.MessageType.Error), cast("ua.String", words[:200])
    return uatcp_to_binary(kind, ua.ErrorMessage(ua_status(code), reason))
