"""Our own certificate and its key: load, make, renew, install what a CA signed.

The certificate is one file, replaced at once; its key is found among the keys by what it says, so
that a renewal that is interrupted leaves a pair that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tracenode.server.opcua.security.certificates.folder import (
    PkiError,
    PkiFolder,
    Place,
    write_private,
    write_whole,
)
from tracenode.server.opcua.security.certificates.making import Application, request, self_signed
from tracenode.server.opcua.security.certificates.reading import (
    Malformed,
    application_uris,
    common_name,
    der,
    parse_certificates,
    self_issued,
)

__all__ = ["OwnCertificate", "covered", "install", "load_own", "make_own", "make_request", "renew"]

FILE: Final = "tracenode.der"
REQUESTED: Final = "requested.pem"
"""The key of a request that a CA has not answered yet."""


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """The pair; `issuers` complete the chain to a root, for clients that know only that."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    issuers: Sequence[x509.Certificate] = ()


def load_own(folder: PkiFolder) -> OwnCertificate:
    """Read our certificate and its key.

    Raises:
        PkiError: there is none, or no key that fits; says what to do.
    """
    path = folder.certs(Place.Own) / FILE
    try:
        certificate = parse_certificates(path.read_bytes())[0]
    except FileNotFoundError as e:
        raise PkiError(
            f"no certificate of this server at {path}: `tracenode pki init` makes it"
        ) from e
    except Malformed as e:
        raise PkiError(f"{path}: {e}") from e
    key = _key_of(folder, certificate.public_key())
    if key is None:
        raise PkiError(f"expected the key of {path} in {folder.private}, found none that fits")
    return OwnCertificate(certificate, key, _issuers(folder, certificate))


def make_own(
    folder: PkiFolder, application: Application, now: datetime, *, bits: int, years: int
) -> OwnCertificate:
    """Make the folder, a key and a self-signed certificate.

    Raises:
        PkiError: there is a certificate already.
    """
    folder.make()
    path = folder.certs(Place.Own) / FILE
    if path.exists():
        raise PkiError(f"{path} is there already; `tracenode pki renew` replaces it")
    key = _new_key(folder, bits)
    certificate = self_signed(key, application, now, years)
    write_whole(path, der(certificate))
    return OwnCertificate(certificate, key)


def renew(
    folder: PkiFolder, application: Application, now: datetime, *, bits: int | None, years: int
) -> OwnCertificate:
    """Replace the certificate by a new self-signed one, with a new key where `bits` says so; keys
    of no use any more are removed.

    Raises:
        PkiError: there is none to renew.
    """
    old = load_own(folder)
    key = old.key if bits is None else _new_key(folder, bits)
    certificate = self_signed(key, application, now, years)
    write_whole(folder.certs(Place.Own) / FILE, der(certificate))
    _drop_other_keys(folder, key)
    return OwnCertificate(certificate, key)


def make_request(
    folder: PkiFolder, application: Application, *, bits: int
) -> x509.CertificateSigningRequest:
    """Make a request for a CA, with a key of its own, which waits until the answer is installed."""
    folder.make()
    path = folder.private / REQUESTED
    key = _load_key(path) if path.exists() else None
    if key is None or key.key_size != bits:
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        write_private(path, _pem(key))
    return request(key, application)


def install(folder: PkiFolder, data: bytes, uri: str) -> OwnCertificate:
    """Take what a CA signed as our certificate; issuers in the same file go to issuers/certs.

    Raises:
        PkiError: no certificate for our application or for a key of ours.
    """
    folder.make()
    try:
        certificate, *others = parse_certificates(data)
    except Malformed as e:
        raise PkiError(f"expected a certificate: {e}") from e
    if uri not in application_uris(certificate):
        found = ", ".join(application_uris(certificate)) or "none"
        raise PkiError(f"expected the application URI {uri} in the certificate, found {found}")
    key = _key_of(folder, certificate.public_key())
    if key is None:
        raise PkiError(
            f"{common_name(certificate.subject)!r} is for a key that is not here: expected the"
            " answer to a request of `tracenode pki csr`"
        )
    write_private(_key_path(folder, key), _pem(key))
    for issuer in others:
        if not self_issued(issuer) or issuer.subject != certificate.subject:
            folder.put(Place.Issuers, issuer)
    write_whole(folder.certs(Place.Own) / FILE, der(certificate))
    _drop_other_keys(folder, key)
    return OwnCertificate(certificate, key, _issuers(folder, certificate))


def covered(certificate: x509.Certificate) -> set[str]:
    """Return the host names (lower case) and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    hosts = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    return hosts | {str(address) for address in names.get_values_for_type(x509.IPAddress)}


# ------------------------------------------------------------------ keys
def _new_key(folder: PkiFolder, bits: int) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    write_private(_key_path(folder, key), _pem(key))
    return key


def _key_path(folder: PkiFolder, key: rsa.RSAPrivateKey) -> Path:
    digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()
    return folder.private / f"tracenode {digest[:16]}.pem"


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load_key(path: Path) -> rsa.RSAPrivateKey | None:
    try:
        data = path.read_bytes()
        load = (
            serialization.load_pem_private_key
            if b"-----BEGIN" in data
            else serialization.load_der_private_key
        )
        key = load(data, None)
    except (OSError, ValueError, TypeError):  # TypeError: it is encrypted
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) else None


def _keys(folder: PkiFolder) -> list[tuple[Path, rsa.RSAPrivateKey]]:
    try:
        paths = sorted(folder.private.iterdir())
    except OSError:
        return []
    found = [(path, _load_key(path)) for path in paths if not path.name.startswith(".")]
    return [(path, key) for path, key in found if key is not None]


def _key_of(folder: PkiFolder, public: object) -> rsa.RSAPrivateKey | None:
    return next((key for _, key in _keys(folder) if key.public_key() == public), None)


def _drop_other_keys(folder: PkiFolder, kept: rsa.RSAPrivateKey) -> None:
    """Remove our older keys; that of a request which is not answered stays."""
    for path, key in _keys(folder):
        waits = path.name == REQUESTED and key.public_key() != kept.public_key()
        if path != _key_path(folder, kept) and not waits:
            path.unlink(missing_ok=True)


def _issuers(folder: PkiFolder, certificate: x509.Certificate) -> list[x509.Certificate]:
    """Return the issuers between our certificate and its root, as far as they are here."""
    known = [
        one.certificate for place in (Place.Issuers, Place.Trusted) for one in folder.kept(place)
    ]
    chain = [certificate]
    while not self_issued(chain[-1]) and len(chain) < 8:
        above = next((one for one in known if one.subject == chain[-1].issuer), None)
        if above is None or self_issued(above):
            break
        chain.append(above)
    return chain[1:]
