"""Keys, the self-signed certificate of an application, and requests to a plant's CA."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tracenode.server.opcua.security.certificates.machine import is_address

__all__ = ["KEY_BITS", "YEARS", "Application", "request", "self_signed"]

KEY_BITS: Final = (2048, 3072, 4096)
YEARS: Final = 10
"""How long a self-signed certificate is valid. Trust is by its thumbprint, and ends with
`pki reject`; a certificate that expires in a year stops a line in a year."""
CLOCK_SKEW: Final = timedelta(hours=1)
"""A client whose clock is behind must not find it not yet valid."""
USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=True,
    data_encipherment=True,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Application:
    """Whom a certificate is for: `hosts` are names and IP addresses, by which clients reach it."""

    name: str
    uri: str
    organization: str
    hosts: Sequence[str]

    @property
    def subject(self) -> x509.Name:
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, self.name[:64])]
        if self.organization:
            parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization[:64]))
        return x509.Name(parts)

    @property
    def alternatives(self) -> x509.SubjectAlternativeName:
        """The application URI first: there must be exactly one (OPC 10000-6 6.2.2)."""
        hosts = [
            x509.IPAddress(ipaddress.ip_address(host)) if is_address(host) else x509.DNSName(host)
            for host in self.hosts
        ]
        return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(self.uri), *hosts])


def self_signed(
    key: rsa.RSAPrivateKey, application: Application, now: datetime, years: int = YEARS
) -> x509.Certificate:
    """Return an application certificate as OPC 10000-6 6.2.2 says: it may be used by a server and
    by a client, and never to sign certificates."""
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(application.subject)
        .issuer_name(application.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=365 * years))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
        .add_extension(application.alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(USAGE, critical=True)
        .add_extension(_both_roles(), critical=False)
        .sign(key, hashes.SHA256())
    )


def request(key: rsa.RSAPrivateKey, application: Application) -> x509.CertificateSigningRequest:
    """Return a request for a certificate with the same names and uses, for a CA to sign."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(application.subject)
        .add_extension(application.alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(USAGE, critical=True)
        .add_extension(_both_roles(), critical=False)
        .sign(key, hashes.SHA256())
    )


def _both_roles() -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
