"""The symmetric keys of one channel, put to use without making a cipher and a MAC for each chunk.

asyncua derives and renews them, and owns them; the bytes are the ones that it makes (AES-CBC with
the channel's own initialization vector for each chunk, HMAC-SHA256: OPC 10000-6 6.7). One cipher
context each way goes on from chunk to chunk:

- What is decrypted follows the vector itself, as the block that was seen last; what that block
  decrypts to is thrown away.
- A block is combined with the one encrypted before it. That one is taken out of a chunk's first
  block, and the vector put in.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

from asyncua.crypto.security_policies import (
    DecryptorAesCbc,
    EncryptorAesCbc,
    SignerHMac256,
    VerifierHMac256,
)

__all__ = ["SIGNATURE", "Keys", "keys_of"]

BLOCK: Final = 16
"""Bytes of a block of AES."""
SIGNATURE: Final = 32
"""Bytes of a signature."""


def keys_of(crypto: Any) -> Keys | None:
    """Return the keys that a channel has now; None: it has none, or of another kind."""
    if not isinstance(crypto.Signer, SignerHMac256) or not isinstance(
        crypto.Verifier, VerifierHMac256
    ):
        return None
    if crypto.is_encrypted and not (
        isinstance(crypto.Encryptor, EncryptorAesCbc)
        and isinstance(crypto.Decryptor, DecryptorAesCbc)
    ):
        return None
    return Keys(crypto)


class Keys:
    """What a channel signs and encrypts with, and what its client does, until they are renewed."""

    def __init__(self, crypto: Any) -> None:
        self._signer, self._verifier = crypto.Signer, crypto.Verifier
        self._ours = hmac.new(crypto.Signer.key, digestmod="sha256")
        self._theirs = hmac.new(crypto.Verifier.key, digestmod="sha256")
        self.is_encrypted = bool(crypto.is_encrypted)
        self.padded_to = int(crypto.plain_block_size())
        if self.is_encrypted:
            ours, theirs = crypto.Encryptor.cipher, crypto.Decryptor.cipher
            self._encryptor, self._decryptor = ours.encryptor(), theirs.decryptor()
            self._start = self._last = _number(ours.mode.initialization_vector)
            self._their_vector = bytes(theirs.mode.initialization_vector)

    def are(self, crypto: Any) -> bool:
        """Return whether these are the keys that a channel has now."""
        return crypto.Signer is self._signer and crypto.Verifier is self._verifier

    # ------------------------------------------------------------------ in
    def decrypted(self, data: bytes) -> bytes | None:
        """Return what was encrypted; None where that can't have been."""
        if not self.is_encrypted:
            return data
        if not data or len(data) % BLOCK:
            return None
        plain: bytes = self._decryptor.update(self._their_vector + data)
        return plain[BLOCK:]

    def is_signed(self, head: bytes, plain: bytes, signature: bytes) -> bool:
        """Return whether the client has signed this."""
        return hmac.compare_digest(_mac(self._theirs, head, plain), signature)

    # ------------------------------------------------------------------ out
    def signature(self, head: bytes, plain: bytes) -> bytes:
        """Sign."""
        return _mac(self._ours, head, plain)

    def encrypted(self, plain: bytes) -> bytes:
        """Encrypt whole blocks."""
        if not self.is_encrypted:
            return plain
        first = _number(plain[:BLOCK]) ^ self._start ^ self._last
        made: bytes = self._encryptor.update(first.to_bytes(BLOCK, "big") + plain[BLOCK:])
        self._last = _number(made[-BLOCK:])
        return made


def _mac(of: hmac.HMAC, head: bytes, plain: bytes) -> bytes:
    mac = of.copy()
    mac.update(head)
    mac.update(plain)
    return mac.digest()


def _number(block: bytes) -> int:
    return int.from_bytes(block, "big")
