"""The folder of certificates: our own pair, the trust list, and what strangers leave there."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.opcua.security.authority import Authority, application, key
from tests.support.waiting import eventually
from tracenode.server.opcua.security.certificates.folder import PkiError, PkiFolder, Place
from tracenode.server.opcua.security.certificates.machine import machine_addresses, machine_names
from tracenode.server.opcua.security.certificates.making import Application
from tracenode.server.opcua.security.certificates.own import (
    covered,
    install,
    load_own,
    make_own,
    make_request,
    renew,
)
from tracenode.server.opcua.security.certificates.refusal import CertificateRefused, Reason
from tracenode.server.opcua.security.certificates.rejected import Rejected
from tracenode.server.opcua.security.certificates.trust import TrustList

US = Application("tracenode", "urn:tracenode:plant1", "Plant 1", ["Plant-PC", "192.0.2.7", "::1"])
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> PkiFolder:
    made = PkiFolder(tmp_path / "pki")
    made.make()
    return made


# ------------------------------------------------------------------ ours
def test_the_certificate_is_as_the_specification_wants(folder: PkiFolder) -> None:
    own = make_own(folder, US, NOW, bits=2048, years=10)
    made = own.certificate
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [US.uri]
    assert covered(made) == {"plant-pc", "192.0.2.7", "::1"}
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert usage.key_encipherment
    assert usage.data_encipherment
    assert not usage.key_cert_sign
    extended = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in extended
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert isinstance(made.signature_hash_algorithm, hashes.SHA256)
    made.verify_directly_issued_by(made)
    assert load_own(folder).certificate == own.certificate


@pytest.mark.skipif(sys.platform == "win32", reason="rights are given otherwise there")
def test_the_key_is_for_this_user_alone(folder: PkiFolder) -> None:
    make_own(folder, US, NOW, bits=2048, years=1)
    (path,) = folder.private.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.private.stat().st_mode) == 0o700


def test_a_certificate_is_never_made_twice(folder: PkiFolder) -> None:
    first = make_own(folder, US, NOW, bits=2048, years=1)
    with pytest.raises(PkiError, match="pki renew"):
        make_own(folder, US, NOW, bits=2048, years=1)
    assert load_own(folder).certificate == first.certificate


def test_without_a_certificate_the_command_is_named(folder: PkiFolder) -> None:
    with pytest.raises(PkiError, match="pki init"):
        load_own(folder)


def test_a_certificate_without_its_key_is_said(folder: PkiFolder) -> None:
    make_own(folder, US, NOW, bits=2048, years=1)
    for path in folder.private.iterdir():
        path.unlink()
    with pytest.raises(PkiError, match="key"):
        load_own(folder)


def test_renewing_keeps_the_key_or_makes_a_new_one(folder: PkiFolder) -> None:
    first = make_own(folder, US, NOW, bits=2048, years=1)
    second = renew(folder, US, NOW, bits=None, years=2)
    assert second.certificate != first.certificate
    assert second.key.public_key() == first.key.public_key()
    third = renew(folder, US, NOW, bits=3072, years=2)
    assert third.key.key_size == 3072
    assert load_own(folder).certificate == third.certificate
    assert len(list(folder.private.iterdir())) == 1


def test_a_ca_signs_our_request(folder: PkiFolder) -> None:
    make_own(folder, US, NOW, bits=2048, years=1)
    asked = make_request(folder, US, bits=2048)
    again = make_request(folder, US, bits=2048)
    assert asked.public_key() == again.public_key()
    line = Authority.root().below()
    signed = application(line, uri=US.uri, own_key=_Public(asked.public_key()))
    bundle = signed.certificate.public_bytes(Encoding.PEM) + line.pair.certificate.public_bytes(
        Encoding.PEM
    )
    own = install(folder, bundle, US.uri)
    assert own.certificate == signed.certificate
    assert own.issuers == [line.pair.certificate]
    assert load_own(folder).issuers == [line.pair.certificate]


def test_an_answer_for_another_key_or_application_is_refused(folder: PkiFolder) -> None:
    first = make_own(folder, US, NOW, bits=2048, years=1)
    strange = application(Authority.root(), uri=US.uri, own_key=key(7))
    with pytest.raises(PkiError, match="pki csr"):
        install(folder, strange.der, US.uri)
    named = application(Authority.root(), uri="urn:other", own_key=first.key)
    with pytest.raises(PkiError, match="urn:other"):
        install(folder, named.der, US.uri)
    assert load_own(folder).certificate == first.certificate


def test_this_machine_has_a_name_and_an_address() -> None:
    assert "localhost" in machine_names()
    addresses = machine_addresses()
    assert "127.0.0.1" in addresses
    assert not {"0.0.0.0", "::"} & set(addresses)


# ------------------------------------------------------------------ strangers
def test_rejected_certificates_are_bounded_and_the_oldest_goes(folder: PkiFolder) -> None:
    now = [0.0]
    rejected = Rejected(folder, lambda: now[0])
    place = folder.certs(Place.Rejected)
    kept = []
    for number in range(200):
        kept.append(rejected.keep(application(name=f"Stranger {number}").certificate))
    assert sum(kept) == len(list(place.iterdir())) == 10
    for number in range(200, 260):
        now[0] += 6.0
        assert rejected.keep(application(name=f"Stranger {number}").certificate)
    names = {path.name.split(" [")[0] for path in place.iterdir()}
    assert len(names) == 50
    assert "Stranger 259" in names
    assert "Stranger 0" not in names


def test_the_same_stranger_takes_one_place(folder: PkiFolder) -> None:
    rejected = Rejected(folder, lambda: 0.0)
    client = application(name="../../etc/passwd")
    assert all(rejected.keep(client.certificate) for _ in range(50))
    (path,) = folder.certs(Place.Rejected).iterdir()
    assert path.parent == folder.certs(Place.Rejected)


# ------------------------------------------------------------------ the trust list
@pytest_asyncio.fixture
async def trust(folder: PkiFolder) -> AsyncIterator[TrustList]:
    made = TrustList(folder)
    await made.start()
    yield made
    await made.close()


async def reason(trust: TrustList, blob: bytes) -> Reason | None:
    try:
        await trust.check(blob)
    except CertificateRefused as refused:
        return refused.reason
    return None


@pytest.mark.asyncio
async def test_trust_comes_and_goes_with_the_files(trust: TrustList) -> None:
    folder, client = trust.folder, application()
    assert await reason(trust, client.blob) is Reason.BadCertificateUntrusted
    (kept,) = folder.kept(Place.Rejected)
    assert kept.certificate == client.certificate
    told: list[None] = []
    trust.changed = lambda: told.append(None)
    kept.path.rename(folder.certs(Place.Trusted) / kept.path.name)
    await eventually(lambda: bool(told), within=2)
    assert await reason(trust, client.blob) is None
    assert folder.remove(Place.Trusted, kept.thumbprint) == 1
    await eventually(lambda: len(told) == 2, within=2)
    assert await reason(trust, client.blob) is Reason.BadCertificateUntrusted


@pytest.mark.asyncio
async def test_a_new_revocation_list_counts_without_a_restart(trust: TrustList) -> None:
    root = Authority.root()
    client = application(root)
    folder = trust.folder
    folder.put(Place.Trusted, root.pair.certificate)
    (folder.crls(Place.Trusted) / "root.crl").write_bytes(root.crl())

    await eventually(lambda: len(trust._trusted.crls) == 1, within=2)
    assert await reason(trust, client.blob) is None
    before = trust._trusted
    root.revoked = [client.certificate]
    (folder.crls(Place.Trusted) / "root.crl").write_bytes(root.crl())
    await eventually(lambda: trust._trusted is not before, within=2)
    assert await reason(trust, client.blob) is Reason.BadCertificateRevoked


@pytest.mark.asyncio
async def test_a_file_that_is_no_certificate_does_not_stop_the_others(trust: TrustList) -> None:
    client = application()
    (trust.folder.certs(Place.Trusted) / "a note.txt").write_text("call Frank")
    (trust.folder.crls(Place.Trusted) / "half.crl").write_bytes(b"\x30\x82\x05")
    trust.folder.put(Place.Trusted, client.certificate)

    await eventually(lambda: bool(trust._trusted.certificates), within=2)
    assert await reason(trust, client.blob) is None


@pytest.mark.asyncio
async def test_checks_of_many_strangers_leave_the_event_loop_free(trust: TrustList) -> None:
    blobs = [application(name=f"S{n}").blob for n in range(300)]
    answers = await asyncio.gather(*(reason(trust, blob) for blob in blobs))
    assert set(answers) == {Reason.BadCertificateUntrusted}
    assert len(list(trust.folder.certs(Place.Rejected).iterdir())) <= 50
    assert len(trust._verdicts) <= 256


class _Public:
    """The public half of a request, where a key pair is expected."""

    def __init__(self, public: object) -> None:
        self._public = public

    def public_key(self) -> object:
        return self._public
