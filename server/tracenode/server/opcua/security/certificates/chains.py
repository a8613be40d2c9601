"""One certificate against what is trusted (OPC 10000-4 6.1.3, the steps in their order)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tracenode.server.opcua.security.certificates.reading import (
    MAX_CHAIN,
    application_uris,
    common_name,
    parse_certificates,
    self_issued,
    split_der,
    thumbprint,
)
from tracenode.server.opcua.security.certificates.refusal import CertificateRefused, Reason

__all__ = [
    "SMALLEST_KEY",
    "Trusted",
    "check_application_uri",
    "check_chain",
    "check_key",
    "leaf_of",
]

SMALLEST_KEY, LARGEST_KEY = 2048, 4096
"""Bits of an RSA key, for each of the policies offered (OPC 10000-7)."""
T = TypeVar("T", bound=x509.ExtensionType)

LARGEST_CA_KEY: Final = 8192
HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True)
class Trusted:
    """What is trusted at a moment: certificates, issuers that only complete chains, revocation
    lists."""

    certificates: Mapping[str, x509.Certificate] = field(default_factory=dict)
    """By thumbprint."""
    issuers: Mapping[str, x509.Certificate] = field(default_factory=dict)
    crls: Sequence[x509.CertificateRevocationList] = ()


def leaf_of(blob: bytes) -> bytes:
    """Return the peer's own certificate of what it sent, without its issuers; bytes that are no
    certificate come back as they are."""
    try:
        return split_der(blob)[0]
    except ValueError:
        return bytes(blob)


def check_chain(
    blob: bytes, trusted: Trusted, now: datetime, *, for_users: bool = False
) -> list[x509.Certificate]:
    """Check the certificate that a peer sent, and its issuers; returns the chain, its own first.

    That of a user (`for_users`) need only be good for signatures. Takes up to some milliseconds.

    Raises:
        CertificateRefused: why, by the first step that failed.
    """
    try:
        sent = parse_certificates(blob)
        leaf = sent[0]
        check_key(leaf)
        chain = _chain(leaf, sent[1:], trusted)
        if not any(thumbprint(one) in trusted.certificates for one in chain):
            raise CertificateRefused(
                Reason.BadCertificateUntrusted, f"{_named(leaf)} is not trusted, nor is its issuer"
            )
        _check_time(chain, now)
        _check_use(chain[0], for_users)
        _check_issuers(chain)
        _check_revocation(chain, trusted.crls, now)
    except CertificateRefused:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as e:
        # what the library says of certificates that it can read only in part
        raise CertificateRefused(
            Reason.BadCertificateInvalid, f"not a sound certificate: {e}"
        ) from e
    return chain


def check_application_uri(certificate: x509.Certificate, uri: str) -> None:
    """Check that the certificate is that of the application which names itself so.

    Raises:
        CertificateRefused: BadCertificateUriInvalid.
    """
    named = application_uris(certificate)
    if uri not in named:
        found = ", ".join(named) or "none"
        raise CertificateRefused(
            Reason.BadCertificateUriInvalid,
            f"{_named(certificate)}: expected the application URI {uri!r} in it, found {found}",
        )


def check_key(certificate: x509.Certificate, largest: int = LARGEST_KEY) -> None:
    """Check the kind and the size of the key and of the signature.

    Raises:
        CertificateRefused: no RSA key of 2048 to `largest` bits, or signed with an outworn hash.
    """
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise CertificateRefused(
            Reason.BadCertificatePolicyCheckFailed, f"{_named(certificate)}: expected an RSA key"
        )
    if not SMALLEST_KEY <= key.key_size <= largest:
        raise CertificateRefused(
            Reason.BadCertificatePolicyCheckFailed,
            f"{_named(certificate)}: expected a key of {SMALLEST_KEY} to {largest} bits,"
            f" found {key.key_size}",
        )
    if not isinstance(certificate.signature_hash_algorithm, HASHES):
        found = certificate.signature_hash_algorithm
        raise CertificateRefused(
            Reason.BadCertificatePolicyCheckFailed,
            f"{_named(certificate)}: expected a signature with SHA-256 or stronger,"
            f" found {found.name if found else 'none'}",
        )


def _named(certificate: x509.Certificate) -> str:
    return f"certificate {common_name(certificate.subject)!r} ({thumbprint(certificate)})"


# ------------------------------------------------------------------ the chain
def _chain(
    leaf: x509.Certificate, sent: Sequence[x509.Certificate], trusted: Trusted
) -> list[x509.Certificate]:
    """Return the certificates from the leaf to a root, each signed by the next."""
    chain = [leaf]
    known = [*trusted.certificates.values(), *trusted.issuers.values(), *sent]
    while not self_issued(chain[-1]):
        last = chain[-1]
        if len(chain) == MAX_CHAIN:
            raise CertificateRefused(
                Reason.BadCertificateChainIncomplete, f"{_named(leaf)}: a chain without an end"
            )
        named = [one for one in known if one.subject == last.issuer]
        issuer = next((one for one in named if _signed(last, one)), None)
        if issuer is None:
            wrong = Reason.BadCertificateInvalid if named else Reason.BadCertificateChainIncomplete
            why = "did not sign it" if named else "is not known here"
            raise CertificateRefused(
                wrong, f"{_named(last)}: its issuer {common_name(last.issuer)!r} {why}"
            )
        chain.append(issuer)
    root = chain[-1]
    if not _signed(root, root):
        raise CertificateRefused(
            Reason.BadCertificateInvalid, f"{_named(root)}: its own signature is wrong"
        )
    return chain


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    check_key(issuer, LARGEST_CA_KEY)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _check_time(chain: Sequence[x509.Certificate], now: datetime) -> None:
    for place, one in enumerate(chain):
        if one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            continue
        expired = now > one.not_valid_after_utc
        when = one.not_valid_after_utc if expired else one.not_valid_before_utc
        raise CertificateRefused(
            Reason.BadCertificateIssuerTimeInvalid if place else Reason.BadCertificateTimeInvalid,
            f"{_named(one)} {'expired' if expired else 'is not valid before'} {when:%Y-%m-%d %H:%M}"
            f" UTC; the clock here says {now:%Y-%m-%d %H:%M}",
        )


def _check_use(leaf: x509.Certificate, for_users: bool) -> None:
    usage = _extension(leaf, x509.KeyUsage)
    if for_users:
        if usage is not None and not usage.digital_signature:
            raise CertificateRefused(
                Reason.BadCertificateUseNotAllowed,
                f"{_named(leaf)}: expected key usage digitalSignature",
            )
        return
    if usage is None or not (
        usage.digital_signature and usage.key_encipherment and usage.data_encipherment
    ):
        raise CertificateRefused(
            Reason.BadCertificateUseNotAllowed,
            f"{_named(leaf)}: expected key usage digitalSignature, keyEncipherment and"
            " dataEncipherment",
        )
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    if extended is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in extended:
        raise CertificateRefused(
            Reason.BadCertificateUseNotAllowed,
            f"{_named(leaf)}: expected extended key usage clientAuth",
        )


def _check_issuers(chain: Sequence[x509.Certificate]) -> None:
    for below, issuer in enumerate(chain[1:]):
        basic, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
        longest = None if basic is None else basic.path_length
        if (
            basic is None
            or not basic.ca
            or usage is None
            or not (usage.key_cert_sign and usage.crl_sign)
            or (longest is not None and below > longest)
        ):
            raise CertificateRefused(
                Reason.BadCertificateIssuerUseNotAllowed,
                f"{_named(issuer)} may not issue {_named(chain[below])}: expected CA true, key"
                " usage keyCertSign and cRLSign, and a path length that allows it",
            )


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


# ------------------------------------------------------------------ revocation
def _check_revocation(
    chain: Sequence[x509.Certificate],
    crls: Iterable[x509.CertificateRevocationList],
    now: datetime,
) -> None:
    """Every issuer must have a list that is valid now (OPC 10000-4 6.1.3, Find Revocation List)."""
    for place, (one, issuer) in enumerate(pairwise(chain)):
        lists = [crl for crl in crls if crl.issuer == issuer.subject and _crl_of(crl, issuer)]
        if any(_revokes(crl, one) for crl in lists):
            raise CertificateRefused(
                Reason.BadCertificateIssuerRevoked if place else Reason.BadCertificateRevoked,
                f"{_named(one)} was revoked by its issuer {common_name(one.issuer)!r}",
            )
        if not any(_in_force(crl, now) for crl in lists):
            why = "the one here is out of date" if lists else "there is none"
            raise CertificateRefused(
                Reason.BadCertificateIssuerRevocationUnknown
                if place
                else Reason.BadCertificateRevocationUnknown,
                f"{_named(one)}: expected a revocation list of {common_name(one.issuer)!r}: {why}",
            )


def _crl_of(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    return isinstance(key, rsa.RSAPublicKey) and crl.is_signature_valid(key)


def _revokes(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    return crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None


def _in_force(crl: x509.CertificateRevocationList, now: datetime) -> bool:
    until = crl.next_update_utc
    return crl.last_update_utc <= now and (until is None or now <= until)
