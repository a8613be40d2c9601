"""A plant's certificate authority and the application certificates it signs, made as needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["URI", "Authority", "Pair", "application", "key"]

URI = "urn:test:client"
DAY = timedelta(days=1)


@cache
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return one of a few keys: making one takes a tenth of a second."""
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Pair:
    """A certificate, its key, and the issuers that are sent with it."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    issuers: Sequence[x509.Certificate] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def blob(self) -> bytes:
        """What a peer sends: the certificate, then its issuers."""
        return b"".join([self.der, *(one.public_bytes(Encoding.DER) for one in self.issuers)])

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def application(
    issuer: Authority | None = None,
    *,
    name: str = "Test client",
    uri: str = URI,
    days: tuple[float, float] = (-1, 365),
    signing_key: rsa.RSAPrivateKey | None = None,
    own_key: Any = None,
    usage: Sequence[str] = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
    ),
    extended: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    ca: bool = False,
) -> Pair:
    """Return an application certificate, self-signed without an issuer."""
    private = own_key or key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.pair.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * DAY)
        .not_valid_after(now + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(_usage(usage), critical=True)
    )
    if uri:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        builder = builder.add_extension(names, critical=False)
    if extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    signer = signing_key or (issuer.pair.key if issuer else private)
    made = builder.sign(signer, hashes.SHA256())
    return Pair(made, private, issuer.path if issuer else ())


@dataclass
class Authority:
    """A CA: a root, or below another one."""

    pair: Pair
    above: Authority | None = None
    revoked: list[x509.Certificate] = field(default_factory=list)

    @classmethod
    def root(cls, name: str = "Plant root", **given: Any) -> Authority:
        return cls(_ca(name, None, number=1, **given))

    def below(self, name: str = "Plant line CA", **given: Any) -> Authority:
        return Authority(_ca(name, self, number=2, **given), self)

    @property
    def path(self) -> list[x509.Certificate]:
        """Return its certificate and those above, without the root."""
        return [self.pair.certificate, *self.above.path] if self.above else []

    def crl(self, days: tuple[float, float] = (-1, 30), signing_key: Any = None) -> bytes:
        """Return its revocation list."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.pair.certificate.subject)
            .last_update(now + days[0] * DAY)
            .next_update(now + days[1] * DAY)
        )
        for certificate in self.revoked:
            entry = x509.RevokedCertificateBuilder()
            entry = entry.serial_number(certificate.serial_number).revocation_date(now)
            builder = builder.add_revoked_certificate(entry.build())
        made = builder.sign(signing_key or self.pair.key, hashes.SHA256())
        return made.public_bytes(Encoding.DER)


def _ca(
    name: str,
    above: Authority | None,
    *,
    number: int,
    days: tuple[float, float] = (-2, 3650),
    ca: bool = True,
    length: int | None = None,
    usage: Sequence[str] = ("key_cert_sign", "crl_sign"),
) -> Pair:
    private = key(number)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.pair.certificate.subject if above else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * DAY)
        .not_valid_after(now + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca, length if ca else None), critical=True)
        .add_extension(_usage(usage), critical=True)
        .sign(above.pair.key if above else private, hashes.SHA256())
    )
    return Pair(made, private)


def _usage(names: Sequence[str]) -> x509.KeyUsage:
    known = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in names for name in known})


def elliptic() -> ec.EllipticCurvePrivateKey:
    """Return a key of a kind that no policy here takes."""
    return ec.generate_private_key(ec.SECP256R1())
