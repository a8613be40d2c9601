"""What the fast lane encrypts and signs is, byte for byte, what asyncua does with the same keys."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto import security_policies
from asyncua.crypto.security_policies import Cryptography
from hypothesis import given
from hypothesis import strategies as st

from tracenode.server.opcua.fast.keys import Keys, keys_of

MODES = ua.MessageSecurityMode
NAMES = ["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]
MESSAGES = st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=8)


def derived(name: str, mode: Any, seed: bytes = b"seed") -> Any:
    """Return the symmetric side of a policy, as a channel has it after it was opened."""
    kind: Any = getattr(security_policies, f"SecurityPolicy{name}")
    policy = kind.__new__(kind)
    policy.symmetric_cryptography = Cryptography(mode)  # type: ignore[no-untyped-call]
    policy.make_local_symmetric_key(b"secret" * 6, seed)
    policy.make_remote_symmetric_key(b"their secret" * 3, seed, 60_000)
    return policy.symmetric_cryptography


def used(crypto: Any) -> Keys:
    keys = keys_of(crypto)
    assert keys is not None
    return keys


@pytest.mark.parametrize("mode", [MODES.Sign, MODES.SignAndEncrypt])
@pytest.mark.parametrize("name", NAMES)
@given(messages=MESSAGES)
def test_chunk_after_chunk_is_as_asyncua_makes_it(
    name: str, mode: Any, messages: list[bytes]
) -> None:
    crypto = derived(name, mode)
    other = derived(name, mode)  # the client: what we verify with is what it signs with
    other.Signer.key, other.Encryptor.cipher = crypto.Verifier.key, crypto.Decryptor.cipher
    keys = used(crypto)
    for message in messages:
        whole = message * 32
        assert keys.signature(b"head", whole) == crypto.signature(b"head" + whole)
        assert keys.encrypted(whole) == crypto.encrypt(whole)
        assert keys.is_signed(b"head", whole, other.signature(b"head" + whole))
        assert not keys.is_signed(b"heaD", whole, other.signature(b"head" + whole))
        sent = other.encrypt(whole)
        assert keys.decrypted(sent) == crypto.decrypt(sent) == whole
        broken = bytes([sent[0] ^ 1]) + sent[1:]
        assert keys.decrypted(broken) == crypto.decrypt(broken)  # and the next one is whole again


def test_no_whole_blocks_are_not_decrypted() -> None:
    keys = used(derived(NAMES[0], MODES.SignAndEncrypt))
    assert keys.decrypted(b"") is None
    assert keys.decrypted(bytes(17)) is None


def test_renewed_keys_are_noticed() -> None:
    crypto = derived(NAMES[0], MODES.SignAndEncrypt)
    keys = used(crypto)
    assert keys.are(crypto)
    assert not keys.are(derived(NAMES[0], MODES.SignAndEncrypt, b"another seed"))


def test_a_channel_without_keys_has_none() -> None:
    assert keys_of(Cryptography()) is None  # type: ignore[no-untyped-call]
