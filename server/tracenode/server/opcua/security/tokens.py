"""User identity tokens (OPC 10000-4 7.40): what an endpoint offers, and what a client sent.

A password is always encrypted for this server's certificate together with the session's last
nonce, on whatever channel: one that comes in clear is refused. A user certificate signs the
server's certificate and that nonce. So neither can be sent a second time by somebody who saw it.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

__all__ = ["BadToken", "decrypted", "suite_of", "token_policies", "verify"]

NONE: Final = "http://opcfoundation.org/UA/SecurityPolicy#None"
MAX_SECRET: Final = 4096
"""Bytes of an encrypted password."""


class BadToken(Exception):
    """A token is not what its policy asks for; the text says why, for this side alone."""


@dataclass(frozen=True, slots=True)
class Suite:
    """What a security policy uses for tokens."""

    uri: str
    encryption: str
    oaep: hashes.HashAlgorithm
    signature: str
    pss: bool = False

    @property
    def name(self) -> str:
        return self.uri.rpartition("#")[2]


_OAEP: Final = "http://www.w3.org/2001/04/xmlenc#rsa-oaep"
_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_POLICY: Final = "http://opcfoundation.org/UA/SecurityPolicy#"
SUITES: Final = (  # the strongest first
    Suite(
        _POLICY + "Aes256_Sha256_RsaPss",
        "http://opcfoundation.org/UA/security/rsa-oaep-sha2-256",
        hashes.SHA256(),
        "http://opcfoundation.org/UA/security/rsa-pss-sha2-256",
        pss=True,
    ),
    Suite(_POLICY + "Basic256Sha256", _OAEP, hashes.SHA1(), _SHA256),
    Suite(_POLICY + "Aes128_Sha256_RsaOaep", _OAEP, hashes.SHA1(), _SHA256),
)
ON_NONE: Final = SUITES[1]
"""For tokens on a channel without security: what every client knows."""


def token_policies(
    policy_uri: str, *, anonymous: bool, users: bool, certificate: bool
) -> list[ua.UserTokenPolicy]:
    """Return what an endpoint of a security policy offers.

    `anonymous`: without a name. `users`: names and certificates, which `certificate` says that the
    server can take: it has one itself, that passwords are encrypted for.
    """
    offered = []
    if anonymous:
        offered.append(_policy("anonymous", ua.UserTokenType.Anonymous, NONE))
    if users and certificate:
        suite = _suite(policy_uri) or ON_NONE
        for word, kind in (
            ("username", ua.UserTokenType.UserName),
            ("certificate", ua.UserTokenType.Certificate),
        ):
            offered.append(_policy(f"{word}_{suite.name}", kind, suite.uri))
    return offered


def suite_of(token: Any, kind: ua.UserTokenType, offered: Iterable[ua.UserTokenPolicy]) -> Suite:
    """Return the algorithms of the policy that a token names.

    Raises:
        BadToken: the endpoint offers no such policy.
    """
    for policy in offered:
        if policy.TokenType == kind and policy.PolicyId == token.PolicyId:
            suite = _suite(policy.SecurityPolicyUri or NONE)
            if suite is not None:
                return suite
    raise BadToken(f"expected a token policy of this endpoint, found {token.PolicyId!r}")


def decrypted(
    token: ua.UserNameIdentityToken, suite: Suite, key: rsa.RSAPrivateKey, nonce: bytes
) -> str:
    """Return the password of a token; takes milliseconds.

    Raises:
        BadToken: in clear, by other means than the policy's, or made for another nonce.
    """
    secret = bytes(token.Password or b"")
    if not token.EncryptionAlgorithm:
        raise BadToken("the password came in clear; expected it encrypted")
    if token.EncryptionAlgorithm != suite.encryption:
        raise BadToken(f"expected {suite.encryption}, found {token.EncryptionAlgorithm[:80]!r}")
    block = key.key_size // 8
    if not secret or len(secret) % block or len(secret) > MAX_SECRET:
        raise BadToken(f"expected blocks of {block} bytes, found {len(secret)} bytes")
    oaep = padding.OAEP(padding.MGF1(suite.oaep), suite.oaep, None)
    try:
        plain = b"".join(
            key.decrypt(secret[at : at + block], oaep) for at in range(0, len(secret), block)
        )
    except ValueError as e:
        raise BadToken("the password is not encrypted for this server's certificate") from e
    if len(plain) < 4:
        raise BadToken("the encrypted password has no length")
    (length,) = struct.unpack_from("<I", plain)
    body = plain[4 : 4 + length]
    if length != len(body) or length < len(nonce):
        raise BadToken("the encrypted password has a wrong length")
    password, given = body[: length - len(nonce)], body[length - len(nonce) :]
    if not nonce or not hmac.compare_digest(given, nonce):
        raise BadToken("the password was encrypted for another nonce: it may have been sent before")
    try:
        return password.decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadToken("the password is not UTF-8") from e


def verify(
    certificate: x509.Certificate,
    suite: Suite,
    signature: ua.SignatureData,
    signed: Sequence[bytes],
) -> None:
    """Check that the holder of a user certificate signed one of `signed`; takes milliseconds.

    `signed` are the forms that clients use: the server's certificate alone or with its issuers,
    each followed by the nonce.

    Raises:
        BadToken: by other means than the policy's, or made by another key or for another nonce.
    """
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise BadToken("expected a user certificate with an RSA key of 2048 bits or more")
    if signature.Algorithm != suite.signature:
        raise BadToken(f"expected {suite.signature}, found {str(signature.Algorithm)[:80]!r}")
    sha = hashes.SHA256()
    for data in signed:
        try:
            if suite.pss:
                pss = padding.PSS(padding.MGF1(sha), sha.digest_size)
                key.verify(bytes(signature.Signature or b""), data, pss, sha)
            else:
                key.verify(bytes(signature.Signature or b""), data, padding.PKCS1v15(), sha)
        except InvalidSignature:
            continue
        return
    raise BadToken("the signature is not that of the certificate over this session's nonce")


def _suite(uri: str) -> Suite | None:
    return next((suite for suite in SUITES if suite.uri == uri), None)


def _policy(name: str, kind: ua.UserTokenType, uri: str) -> ua.UserTokenPolicy:
    return ua.UserTokenPolicy(PolicyId=name, TokenType=kind, SecurityPolicyUri=uri)
