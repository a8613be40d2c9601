"""Chunks to requests and answers to chunks, for one channel.

What is unusual (several chunks, another token, a wrong signature, a jump in the sequence) is left
to the complete path, which answers or refuses it; nothing is changed here before a chunk is taken.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from asyncua import ua
from asyncua.common.connection import MessageChunk

from tracenode.server.opcua.fast.keys import SIGNATURE, Keys, keys_of

__all__ = ["Chunks", "Opened"]

HEAD: Final = struct.Struct("<4sIII")
SEQUENCE: Final = struct.Struct("<II")
PLAIN: Final = struct.Struct("<4sIIIII")
SINGLE: Final = b"MSGF"
GREATEST: Final = 1 << 32


class Opened(NamedTuple):
    """A request that came in one chunk."""

    sequence: int
    request: int
    body: bytes


class Chunks:
    """Opens and seals the chunks of one channel, which stays the owner of keys and numbers."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._policy: object = None
        self._crypto: Any = None
        self._keys: Keys | None = None
        self._longest = 0

    def opened(self, data: bytes, at: int, size: int) -> Opened | None:
        """Return the request in the chunk at `at`, None where the complete path has to look."""
        channel = self._channel
        if size < PLAIN.size or not channel.is_open() or channel._incoming_parts:
            return None
        if channel.security_policy is not self._policy:
            self._use(channel.security_policy)
        head, _, number, token_id = HEAD.unpack_from(data, at)
        token = channel.security_token
        if (
            head != SINGLE
            or number != token.ChannelId
            or token_id != token.TokenId
            or size > channel._limits.max_recv_buffer
        ):
            return None
        if self._crypto is None:
            sequence, request = SEQUENCE.unpack_from(data, at + HEAD.size)
            body = data[at + PLAIN.size : at + size]
        else:
            plain = self._decrypted(data, at, size)
            if plain is None or len(plain) < SEQUENCE.size:
                return None
            sequence, request = SEQUENCE.unpack_from(plain)
            body = plain[SEQUENCE.size :]
        before = channel._peer_sequence_number
        if before is not None and sequence != before + 1:
            return None
        return Opened(sequence, request, body)

    def take(self, opened: Opened) -> None:
        """The request is answered here: the channel counts it."""
        self._channel._peer_sequence_number = opened.sequence

    def sealed(self, request: int, body: bytes) -> bytes:
        """Return an answer as chunks.

        Raises:
            AnswerTooLarge: its client does not take so much.
        """
        channel = self._channel
        keys = None if self._crypto is None else self._current()
        is_odd = self._crypto is not None and keys is None
        if is_odd or len(body) > self._longest:
            whole: bytes = channel.message_to_binary(body, request_id=request)
            return whole
        sequence = channel._sequence_number + 1
        if sequence >= GREATEST:
            sequence = 1
        channel._sequence_number = sequence
        token = channel.security_token
        if keys is None:
            size = PLAIN.size + len(body)
            head = PLAIN.pack(SINGLE, size, token.ChannelId, token.TokenId, sequence, request)
            return head + body
        return self._encrypted(keys, token, SEQUENCE.pack(sequence, request) + body)

    # ------------------------------------------------------------------ keys
    def _use(self, policy: Any) -> None:
        self._policy, self._keys = policy, None
        secured = policy.Mode != ua.MessageSecurityMode.None_
        self._crypto = policy.symmetric_cryptography if secured else None
        channel = self._channel
        chunk = MessageChunk.max_body_size(
            policy.symmetric_cryptography, channel._limits.max_send_buffer
        )
        self._longest = min(chunk, channel.answer_room)

    def _current(self) -> Keys | None:
        """Return the keys of now: asyncua renews them."""
        if self._keys is None or not self._keys.are(self._crypto):
            self._keys = keys_of(self._crypto)
        return self._keys

    def _decrypted(self, data: bytes, at: int, size: int) -> bytes | None:
        self._crypto.revolved_expired_key()
        keys, start = self._current(), at + HEAD.size
        plain = None if keys is None else keys.decrypted(data[start : at + size])
        if keys is None or plain is None:
            return None
        signed = len(plain) - SIGNATURE
        if signed <= 0 or not keys.is_signed(data[at:start], plain[:signed], plain[signed:]):
            return None
        return plain[: signed - plain[signed - 1] - 1] if keys.is_encrypted else plain[:signed]

    def _encrypted(self, keys: Keys, token: Any, plain: bytes) -> bytes:
        if keys.is_encrypted:
            rest = -(len(plain) + 1 + SIGNATURE) % keys.padded_to
            plain += bytes((rest,)) * (rest + 1)
        size = HEAD.size + len(plain) + SIGNATURE
        head = HEAD.pack(SINGLE, size, token.ChannelId, token.TokenId)
        return head + keys.encrypted(plain + keys.signature(head, plain))
