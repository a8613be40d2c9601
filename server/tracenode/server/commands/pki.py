"""pki init, list, trust, reject, renew, csr, install."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tracenode.models.config import Config
from tracenode.server.commands.common import (
    Tracenode,
    config_option,
    echo_json,
    echo_table,
    json_option,
    printable,
)
from tracenode.server.configuration import load
from tracenode.server.opcua.security.certificates.chains import Trusted, check_chain
from tracenode.server.opcua.security.certificates.folder import Kept, PkiError, PkiFolder, Place
from tracenode.server.opcua.security.certificates.making import KEY_BITS, YEARS, Application
from tracenode.server.opcua.security.certificates.own import (
    OwnCertificate,
    covered,
    install,
    make_own,
    make_request,
    renew,
)
from tracenode.server.opcua.security.certificates.reading import (
    Malformed,
    application_uris,
    common_name,
    der,
    parse_certificates,
    thumbprint,
)
from tracenode.server.opcua.security.certificates.refusal import CertificateRefused
from tracenode.server.opcua.security.reach import certificate_hosts

__all__ = ["pki"]

bits_option = click.option(
    "--bits",
    type=click.Choice([str(bits) for bits in KEY_BITS]),
    default="3072",
    show_default=True,
    help="Size of a new key; some old clients take 2048 at most.",
)
years_option = click.option(
    "--years", type=click.IntRange(1, 25), default=YEARS, show_default=True, help="Validity."
)


@click.group(cls=Tracenode)
def pki() -> None:
    """Certificates: the server's own, and those of clients that it trusts. A running server goes by
    a changed trust list within a second; for another certificate of its own it is restarted."""


@pki.command()
@bits_option
@years_option
@config_option
@json_option
def init(bits: str, years: int, config: Path, as_json: bool) -> None:
    """Make the folder of certificates, the server's key and its self-signed certificate.

    The certificate names the application URI and every host name and address of this machine, of
    opcua.endpoint, opcua.endpoint_urls and opcua.aliases.
    """
    folder, application = _of(config)
    now = datetime.now(UTC)
    own = make_own(folder, application, now, bits=int(bits), years=years)
    _tell_own(folder, own, "made", as_json)


@pki.command("list")
@config_option
@json_option
def list_(config: Path, as_json: bool) -> None:
    """List the certificates and revocation lists, and what is wrong with each."""
    folder, _ = _of(config)
    unread: list[str] = []
    trusted = folder.trusted(unread)
    rows = [
        _row(one, _verdict(one, trusted)) for place in Place for one in folder.kept(place, unread)
    ]
    lists = [_crl_row(path, crl) for path, crl in folder.revocation_lists()]
    if as_json:
        echo_json({"certificates": rows, "revocation_lists": lists, "unreadable": unread})
        return
    shown = ("place", "name", "thumbprint", "until", "uri", "verdict")
    echo_table(shown, [[str(row[key]) for key in shown] for row in rows])
    if lists:
        click.echo("")
        listed = ("issuer", "until", "revoked", "verdict")
        echo_table(listed, [[str(row[key]) for key in listed] for row in lists])
    for text in unread:
        click.echo(printable(f"not read: {text}"), err=True)


@pki.command()
@click.argument("certificate")
@config_option
@json_option
def trust(certificate: str, config: Path, as_json: bool) -> None:
    """Trust CERTIFICATE: the thumbprint of a rejected one, or a file.

    A thumbprint may be cut to its first eight digits or more. For a CA, put its revocation list
    into trusted/crl, too: without one what it issued is refused.
    """
    folder, _ = _of(config)
    folder.make()
    moved = _found(folder, certificate, Place.Rejected)
    for one in moved:
        folder.put(Place.Trusted, one)
        folder.remove(Place.Rejected, thumbprint(one))
    _tell(moved, "trusted", as_json)


@pki.command()
@click.argument("certificate")
@config_option
@json_option
def reject(certificate: str, config: Path, as_json: bool) -> None:
    """Trust CERTIFICATE no more: the thumbprint of a trusted one, or a file.

    A running server ends its connections within a second.
    """
    folder, _ = _of(config)
    folder.make()
    moved = _found(folder, certificate, Place.Trusted)
    gone = [one for one in moved if folder.remove(Place.Trusted, thumbprint(one))]
    if not gone:
        raise PkiError(f"{certificate} is not among the trusted certificates")
    for one in gone:
        folder.put(Place.Rejected, one)
    _tell(gone, "rejected", as_json)


@pki.command("renew")
@click.option("--new-key", is_flag=True, help="With a new key, too.")
@bits_option
@years_option
@config_option
@json_option
def renew_(new_key: bool, bits: str, years: int, config: Path, as_json: bool) -> None:
    """Replace the server's certificate by a new self-signed one, with the names of now."""
    folder, application = _of(config)
    size = int(bits) if new_key else None
    own = renew(folder, application, datetime.now(UTC), bits=size, years=years)
    _tell_own(folder, own, "renewed", as_json)


@pki.command()
@bits_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="tracenode.csr",
    show_default=True,
    help="Where to write it.",
)
@config_option
@json_option
def csr(bits: str, out: Path, config: Path, as_json: bool) -> None:
    """Write a request for a certificate, for the CA of the plant; `pki install` takes its answer.

    Until then the server keeps the certificate and the key that it has.
    """
    folder, application = _of(config)
    request = make_request(folder, application, bits=int(bits))
    out.write_bytes(request.public_bytes(Encoding.PEM))
    if as_json:
        echo_json({"request": str(out), "uri": application.uri, "hosts": application.hosts})
    else:
        click.echo(f"{out}: for {application.uri}; give it to the CA, then: tracenode pki install")


@pki.command("install")
@click.argument("answer", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@json_option
def install_(answer: Path, config: Path, as_json: bool) -> None:
    """Take ANSWER, the certificate that a CA made of our request, as the server's own.

    Its issuers may follow in the same file (PEM).
    """
    folder, application = _of(config)
    own = install(folder, answer.read_bytes(), application.uri)
    _tell_own(folder, own, "installed", as_json)


# ------------------------------------------------------------------ what it is about
def _of(config: Path) -> tuple[PkiFolder, Application]:
    line = load(config)
    return PkiFolder(line.path.parent / line.config.opcua.pki), _application(line.config)


def _application(config: Config) -> Application:
    opcua = config.opcua
    uri = opcua.application_uri or f"urn:tracenode:{config.site.id}"
    hosts = certificate_hosts(opcua.endpoint, opcua.endpoint_urls, opcua.aliases)
    return Application(f"tracenode {config.site.id}", uri, config.site.name, hosts)


def _found(folder: PkiFolder, named: str, place: Place) -> list[x509.Certificate]:
    """Return the certificate of a place by its thumbprint, or those in a file.

    Raises:
        PkiError: none, or several that begin so.
    """
    if Path(named).is_file():
        try:
            return parse_certificates(Path(named).read_bytes())
        except Malformed as e:
            raise PkiError(f"{named}: {e}") from e
    mark = named.replace(":", "").replace(" ", "").upper()
    if len(mark) < 8 or not set(mark) <= set("0123456789ABCDEF"):
        raise PkiError(f"expected a file or a thumbprint of 8 digits or more, found {named!r}")
    found = {
        one.thumbprint: one.certificate
        for one in folder.kept(place)
        if one.thumbprint.startswith(mark)
    }
    if len(found) != 1:
        count = "none" if not found else f"{len(found)} of them"
        raise PkiError(f"expected one certificate {mark} in {folder.certs(place)}, found {count}")
    return list(found.values())


# ------------------------------------------------------------------ what is said
def _verdict(one: Kept, trusted: Trusted) -> str:
    """Return what a running server would say of it."""
    now = datetime.now(UTC)
    if one.place is Place.Own:
        ends = one.certificate.not_valid_after_utc
        return "ours" if now <= ends else "ours, expired: tracenode pki renew"
    if _is_ca(one.certificate):
        return "CA" if now <= one.certificate.not_valid_after_utc else "CA, expired"
    try:
        check_chain(der(one.certificate), trusted, now)
    except CertificateRefused as e:
        return f"{e.reason.name}: {e}"
    return "trusted"


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return basic.ca and usage.key_cert_sign and usage.crl_sign


def _row(one: Kept, verdict: str) -> dict[str, Any]:
    certificate = one.certificate
    return {
        "place": one.place.value,
        "name": common_name(certificate.subject),
        "thumbprint": one.thumbprint,
        "from": f"{certificate.not_valid_before_utc:%Y-%m-%d}",
        "until": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        "uri": ", ".join(application_uris(certificate)),
        "issuer": common_name(certificate.issuer),
        "verdict": verdict,
        "file": str(one.path),
    }


def _crl_row(path: Path, crl: x509.CertificateRevocationList) -> dict[str, Any]:
    until = crl.next_update_utc
    late = until is not None and until < datetime.now(UTC)
    return {
        "issuer": common_name(crl.issuer),
        "until": f"{until:%Y-%m-%d}" if until else "",
        "revoked": len(crl),
        "verdict": "out of date: what this CA issued is refused" if late else "in force",
        "file": str(path),
    }


def _tell(certificates: list[x509.Certificate], done: str, as_json: bool) -> None:
    named = [(common_name(one.subject), thumbprint(one)) for one in certificates]
    if as_json:
        echo_json({done: [{"name": name, "thumbprint": mark} for name, mark in named]})
        return
    for name, mark in named:
        click.echo(printable(f"{done}: {name} {mark}"))


def _tell_own(folder: PkiFolder, own: OwnCertificate, done: str, as_json: bool) -> None:
    certificate = own.certificate
    said = {
        done: common_name(certificate.subject),
        "thumbprint": thumbprint(certificate),
        "until": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        "uri": ", ".join(application_uris(certificate)),
        "hosts": sorted(covered(certificate)),
        "folder": str(folder.root),
    }
    if as_json:
        echo_json(said)
        return
    for line in _lines(said, done):
        click.echo(printable(line))


def _lines(said: dict[str, Any], done: str) -> Iterator[str]:
    yield f"{done}: {said[done]} {said['thumbprint']}, until {said['until']}"
    yield f"  URI    {said['uri']}"
    yield f"  hosts  {', '.join(said['hosts'])}"
    if done == "made":
        yield f"  folder {said['folder']}: keep a copy of it where you keep backups"
        return
    yield "Restart the server; clients then meet a certificate that they do not know yet:"
    yield "  each has to trust it, unless its CA is trusted there already"
