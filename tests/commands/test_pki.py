"""Certificates on the command line: made, listed, trusted, rejected, renewed, requested."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.commands.plant import called
from tests.opcua.security.authority import Authority, Pair, application
from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place
from tracenode.server.opcua.security.certificates.own import covered, load_own
from tracenode.server.opcua.security.certificates.reading import application_uris, thumbprint
from tracenode.server.opcua.security.certificates.rejected import Rejected

CONFIG = """
[site]
id = "plant1"
name = "Plant 1"
[opcua]
endpoint = "opc.tcp://0.0.0.0:4840/tracenode"
endpoint_urls = ["opc.tcp://203.0.113.9:14840/tracenode"]
aliases = ["mes.plant1.example", "192.0.2.77"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tracenode.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def folder(config: Path) -> PkiFolder:
    return PkiFolder(config.parent / "pki")


def pki(config: Path, *words: str | Path, code: int = 0) -> Any:
    said = called("pki", *words, "--config", config, "--json")
    assert said.exit_code == code, said.output
    return json.loads(said.stdout if code == 0 else said.stderr)


def made(config: Path) -> Any:
    return pki(config, "init", "--bits", "2048")


def kept(folder: PkiFolder, place: Place) -> list[str]:
    return [one.thumbprint for one in folder.kept(place)]


def test_init_makes_a_certificate_for_every_way_to_the_server(
    config: Path, folder: PkiFolder
) -> None:
    said = made(config)
    own = load_own(folder).certificate
    assert said["thumbprint"] == thumbprint(own)
    assert application_uris(own) == ["urn:tracenode:plant1"]
    hosts = covered(own)
    assert {"mes.plant1.example", "192.0.2.77", "203.0.113.9", "localhost", "127.0.0.1"} <= hosts
    assert "0.0.0.0" not in hosts
    again = pki(config, "init", code=4)
    assert "pki renew" in again["error"]["message"]
    assert load_own(folder).certificate == own


def test_a_rejected_client_is_listed_trusted_and_rejected_again(
    config: Path, folder: PkiFolder
) -> None:
    made(config)
    client = application(name="SCADA")
    Rejected(folder).keep(client.certificate)
    mark = thumbprint(client.certificate)
    (row,) = [r for r in pki(config, "list")["certificates"] if r["place"] == "rejected"]
    assert (row["name"], row["thumbprint"]) == ("SCADA", mark)
    assert row["verdict"].startswith("BadCertificateUntrusted: ")
    assert pki(config, "trust", mark[:8])["trusted"] == [{"name": "SCADA", "thumbprint": mark}]
    assert (kept(folder, Place.Trusted), kept(folder, Place.Rejected)) == ([mark], [])
    (row,) = [r for r in pki(config, "list")["certificates"] if r["place"] == "trusted"]
    assert row["verdict"] == "trusted"
    pki(config, "reject", mark)
    assert (kept(folder, Place.Trusted), kept(folder, Place.Rejected)) == ([], [mark])


def test_a_file_is_trusted_and_what_is_wrong_with_it_is_listed(
    config: Path, folder: PkiFolder, tmp_path: Path
) -> None:
    made(config)
    late = application(name="Old PLC", days=(-30, -1))
    file = tmp_path / "plc.pem"
    file.write_bytes(late.certificate.public_bytes(Encoding.PEM))
    pki(config, "trust", file)
    (row,) = [r for r in pki(config, "list")["certificates"] if r["place"] == "trusted"]
    assert "BadCertificateTimeInvalid" in row["verdict"]
    assert "expired" in row["verdict"]


def test_a_ca_and_its_revocation_list_are_listed(config: Path, folder: PkiFolder) -> None:
    made(config)
    root = Authority.root()
    folder.put(Place.Trusted, root.pair.certificate)
    (folder.crls(Place.Trusted) / "root.crl").write_bytes(root.crl(days=(-30, -1)))
    (folder.certs(Place.Trusted) / "notes.txt").write_text("by Frank")
    said = pki(config, "list")
    assert [r["verdict"] for r in said["certificates"] if r["place"] == "trusted"] == ["CA"]
    assert said["revocation_lists"][0]["verdict"].startswith("out of date")
    assert "notes.txt" in said["unreadable"][0]


@pytest.mark.parametrize("named", ["ABCDEF12", "short", "../x"])
def test_what_is_not_there_is_said(config: Path, named: str) -> None:
    made(config)
    assert pki(config, "trust", named, code=4)["error"]["kind"] == "PkiError"
    assert pki(config, "reject", named, code=4)["error"]["kind"] == "PkiError"


def test_renewing(config: Path, folder: PkiFolder) -> None:
    assert "pki init" in pki(config, "renew", code=4)["error"]["message"]
    made(config)
    first = load_own(folder)
    config.write_text(config.read_text().replace("192.0.2.77", "192.0.2.78"))
    pki(config, "renew")
    second = load_own(folder)
    assert second.key.public_key() == first.key.public_key()
    assert "192.0.2.78" in covered(second.certificate)
    pki(config, "renew", "--new-key", "--bits", "2048")
    assert load_own(folder).key.public_key() != first.key.public_key()


def test_a_ca_of_the_plant_signs_the_request(
    config: Path, folder: PkiFolder, tmp_path: Path
) -> None:
    made(config)
    request = tmp_path / "us.csr"
    pki(config, "csr", "--bits", "2048", "--out", request)
    asked = x509.load_pem_x509_csr(request.read_bytes())
    assert asked.is_signature_valid
    signed = signed_by(Authority.root(), asked)
    answer = tmp_path / "us.pem"
    answer.write_bytes(signed.public_bytes(Encoding.PEM))
    pki(config, "install", answer)
    assert load_own(folder).certificate == signed
    other = tmp_path / "other.pem"
    strange: Pair = application(uri="urn:tracenode:plant1")
    other.write_bytes(strange.certificate.public_bytes(Encoding.PEM))
    assert "pki csr" in pki(config, "install", other, code=4)["error"]["message"]


def test_a_secured_server_does_not_start_without_a_certificate(config: Path) -> None:
    said = called("run", config)
    assert said.exit_code == 4
    assert "tracenode pki init" in said.stderr


def signed_by(ca: Authority, asked: x509.CertificateSigningRequest) -> x509.Certificate:
    """Sign a request as a CA does: its names and uses are taken over."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(ca.pair.certificate.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
    )
    for extension in asked.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(ca.pair.key, hashes.SHA256())
