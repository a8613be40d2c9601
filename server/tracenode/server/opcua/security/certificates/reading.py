"""Certificates and revocation lists from bytes, PEM or DER, and how people name them."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

__all__ = [
    "MAX_CERTIFICATE",
    "Malformed",
    "application_uris",
    "common_name",
    "der",
    "parse_certificates",
    "parse_crl",
    "self_issued",
    "split_der",
    "thumbprint",
]

MAX_CERTIFICATE: Final = 16 * 1024
"""Bytes of one certificate; one of 4096 bits with many names has some 3,000."""
MAX_CHAIN: Final = 8
"""Certificates that a peer may send or a file may hold."""
SEQUENCE: Final = 0x30
LONG_FORM: Final = 0x80


class Malformed(ValueError):
    """Bytes that are no certificate or no revocation list."""


def split_der(blob: bytes) -> list[bytes]:
    """Part the certificates that a peer sends one after another, its own first (OPC 10000-6 6.2.6).

    Raises:
        Malformed: not whole DER sequences, or more than `MAX_CHAIN`, or one over `MAX_CERTIFICATE`.
    """
    parts: list[bytes] = []
    at = 0
    while at < len(blob):
        length = _length(blob, at)
        if length > MAX_CERTIFICATE or at + length > len(blob):
            raise Malformed(f"expected at most {MAX_CERTIFICATE} bytes, found {length}")
        if len(parts) == MAX_CHAIN:
            raise Malformed(f"expected at most {MAX_CHAIN} certificates")
        parts.append(bytes(blob[at : at + length]))
        at += length
    if not parts:
        raise Malformed("expected a certificate, found nothing")
    return parts


def _length(blob: bytes, at: int) -> int:
    """Return the bytes of the DER sequence that begins at `at`, its head included."""
    if len(blob) < at + 2 or blob[at] != SEQUENCE:
        raise Malformed("expected a DER sequence")
    first = blob[at + 1]
    if first < LONG_FORM:
        return 2 + first
    count = first - LONG_FORM
    if not 1 <= count <= 3 or len(blob) < at + 2 + count:
        raise Malformed("expected a definite length")
    return 2 + count + int.from_bytes(blob[at + 2 : at + 2 + count], "big")


def parse_certificates(data: bytes) -> list[x509.Certificate]:
    """Read one certificate or several, PEM or DER.

    Raises:
        Malformed: there is none.
    """
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(part) for part in split_der(data)]
    except Malformed:
        raise
    except ValueError as e:
        raise Malformed(f"no certificate: {e}") from e


def parse_crl(data: bytes) -> x509.CertificateRevocationList:
    """Read a revocation list, PEM or DER.

    Raises:
        Malformed: it is none.
    """
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_crl(data)
        return x509.load_der_x509_crl(data)
    except ValueError as e:
        raise Malformed(f"no revocation list: {e}") from e


def der(certificate: x509.Certificate) -> bytes:
    """Return the bytes of a certificate."""
    return certificate.public_bytes(Encoding.DER)


def thumbprint(certificate: x509.Certificate | bytes) -> str:
    """Return the SHA-1 of the DER form, 40 upper case hexadecimal digits: how OPC UA tools name a
    certificate (OPC 10000-6 6.2.2)."""
    data = certificate if isinstance(certificate, bytes) else der(certificate)
    return hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()


def common_name(name: x509.Name) -> str:
    """Return the common name, or the whole name where it has none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def self_issued(certificate: x509.Certificate) -> bool:
    """Whether it names itself as its issuer."""
    return certificate.issuer == certificate.subject


def application_uris(certificate: x509.Certificate) -> list[str]:
    """Return the URIs of the subject alternative name; empty where it has none or can't be read."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    return extension.value.get_values_for_type(x509.UniformResourceIdentifier)
