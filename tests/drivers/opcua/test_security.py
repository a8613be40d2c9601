"""Certificates, users and secrets of an OPC UA source, against a server that wants them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.drivers.opcua.plc import Plc, plc
from tests.drivers.opcua.test_source import NODES, Shown, source, supervised
from tests.support.waiting import eventually
from tracenode.models.device_errors import LinkLost
from tracenode.models.errors import BadSetting
from tracenode.models.readings import DeviceState

pytestmark = pytest.mark.integration


def certificate(folder: Path, name: str, uri: str) -> None:
    """Write NAME.pem and NAME.key, an application instance certificate and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = [x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")]
    usage = x509.KeyUsage(True, True, True, True, False, True, False, False, False)
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(made.public_bytes(encoding))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / f"{name}.key").write_bytes(key.private_bytes(encoding, form, plain))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("secured")
    certificate(made, "plc", "urn:tests:plc")
    certificate(made, "own", "urn:tracenode:tests")
    certificate(made, "other", "urn:tests:plc")
    (made / "password").write_text("right\n")
    (made / "wrong").write_text("wrong\n")
    return made


@pytest.fixture(scope="module")
def secured_plc(folder: Path) -> Iterator[Plc]:
    files = [str(folder / name) for name in ("plc.pem", "plc.key")]
    with plc(folder / "pki", [*files, "operator", "right"]) as controller:
        yield controller


KEYS = {
    "security": "Basic256Sha256.SignAndEncrypt",
    "certificate": "own.pem",
    "key": "own.key",
    "server_certificate": "plc.pem",
    "user": "operator",
    "password": "file:password",
}


async def test_values_come_over_a_secured_channel(secured_plc: Plc, folder: Path) -> None:
    shown = Shown()
    async with supervised(source(secured_plc.link, folder, **KEYS), shown):
        await eventually(lambda: shown.value("Force") == 1.5, 10.0)
        assert all(shown.last[name].quality.good for name in NODES)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "file:wrong"}, "check user and password"),
        ({"server_certificate": "other.pem"}, "opc.tcp://127.0.0.1"),
    ],
)
async def test_a_wrong_user_and_another_server_are_refused(
    secured_plc: Plc, folder: Path, changed: dict[str, str], words: str
) -> None:
    driver = source(secured_plc.link, folder, **{**KEYS, **changed})
    with pytest.raises(LinkLost, match=words):
        await driver.__aenter__()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "env:TRACENODE_TESTS_UNSET"}, "TRACENODE_TESTS_UNSET"),
        ({"password": "file:none"}, "a file with the secret"),
        ({"certificate": "none.pem"}, "none.pem"),
        ({"key": "password"}, "without passphrase"),
    ],
)
async def test_what_the_configuration_refers_to_must_be_there(
    folder: Path, changed: dict[str, str], words: str
) -> None:
    driver = source("opc.tcp://127.0.0.1:9", folder, **{**KEYS, **changed})
    with pytest.raises(BadSetting, match=words):
        await driver.__aenter__()
    async with supervised(driver, Shown()) as supervisor:
        await eventually(lambda: supervisor.status("Press").state is DeviceState.ConfigFault)
        assert words in supervisor.status("Press").error
