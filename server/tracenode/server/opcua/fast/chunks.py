"""Chunks to requests and answers to chunks, for one channel.

What is unusual (several chunks, another token, a wrong signature, a jump in the sequence) is left
to the complete path, which answers or refuses it; nothing is changed here before a chunk is taken.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from asyncua import ua
from asyncua.common.connection import MessageChunk

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
        longest = self._longest
        if len(body) > longest or len(body) > channel.answer_room:
            whole: bytes = channel.message_to_binary(body, request_id=request)
            return whole
        sequence = channel._sequence_number + 1
        if sequence >= GREATEST:
            sequence = 1
        channel._sequence_number = sequence
        token = channel.security_token
        if self._crypto is None:
            size = PLAIN.size + len(body)
            head = PLAIN.pack(SINGLE, size, token.ChannelId, token.TokenId, sequence, request)
            return head + body
        return self._encrypted(token, SEQUENCE.pack(sequence, request) + body)

    # ------------------------------------------------------------------ keys
    def _use(self, policy: Any) -> None:
        self._policy = policy
        secured = policy.Mode != ua.MessageSecurityMode.None_
        self._crypto = policy.symmetric_cryptography if secured else None
        self._longest = MessageChunk.max_body_size(
            policy.symmetric_cryptography, self._channel._limits.max_send_buffer
        )

    def _decrypted(self, data: bytes, at: int, size: int) -> bytes | None:
        crypto = self._crypto
        crypto.use_prev_key = False
        start = at + HEAD.size
        try:
            plain: bytes = crypto.decrypt(data[start : at + size])
            signed = len(plain) - crypto.vsignature_size()
            if signed <= 0:
                return None
            crypto.verify(data[at:start] + plain[:signed], plain[signed:])
            unpadded: bytes = crypto.remove_padding(plain[:signed])
        except Exception:  # noqa: BLE001  # whatever is wrong: the complete path says what
            return None
        return unpadded

    def _encrypted(self, token: Any, plain: bytes) -> bytes:
        crypto = self._crypto
        plain += crypto.padding(len(plain))
        length = len(plain) + crypto.signature_size()
        blocks = length // crypto.plain_block_size()
        size = HEAD.size + blocks * crypto.encrypted_block_size()
        head = HEAD.pack(SINGLE, size, token.ChannelId, token.TokenId)
        plain += crypto.signature(head + plain)
        return head + bytes(crypto.encrypt(plain))
