"""A broker that wants TLS, a certificate and a user."""

from __future__ import annotations

import gc
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.mqtt.broker import Broker, broker, require_mqtt
from tests.drivers.mqtt.test_source import BACK_WITHIN, SCANS, supervised
from tests.support.certificates import Authority
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.mqtt.configured import configured_mqtt
from tracenode.drivers.mqtt.source import MqttSource
from tracenode.models.config import DeviceConfig
from tracenode.models.device_errors import LinkLost
from tracenode.models.errors import BadSetting

pytestmark = pytest.mark.integration

SETTINGS = """\
allow_anonymous false
password_file {folder}/users
cafile {folder}/authority.pem
certfile {folder}/server.pem
keyfile {folder}/server.pem
require_certificate true
"""


@dataclass
class Secured:
    folder: Path
    broker: Broker

    def source(self, **keys: Any) -> MqttSource:
        tls = {"ca": "authority.pem", "certificate": "own.pem", **keys.pop("tls", {})}
        user = {"user": "cell", "password": "file:password"}
        table = {"client_id": "c", "scans": SCANS, **user, "tls": tls, **keys}
        link = f"mqtts://127.0.0.1:{self.broker.port}"
        config = DeviceConfig.model_validate(
            {"id": "Cell", "driver": "mqtt", "link": link, **table}
        )
        return configured_mqtt(config, self.folder, {})


@pytest.fixture
def secured() -> Iterator[Secured]:
    require_mqtt()
    with tempfile.TemporaryDirectory(prefix="mqtt") as name:
        folder = Path(name)
        authority = Authority(folder)
        authority.issue("server", ["127.0.0.1"])
        authority.issue("own")
        Authority(folder, "stranger")
        (folder / "password").write_text("right\n")
        (folder / "wrong").write_text("wrong\n")
        users = ["mosquitto_passwd", "-b", "-c", str(folder / "users"), "cell", "right"]
        subprocess.run(users, check=True)
        for file in folder.iterdir():
            file.chmod(0o644)
        own = ["--cafile", str(folder / "authority.pem"), "--cert", str(folder / "own.pem")]
        own += ["--key", str(folder / "own.pem"), "-h", "127.0.0.1", "-u", "cell", "-P", "right"]
        with broker(folder, SETTINGS.format(folder=folder), own) as running:
            yield Secured(folder, running)


async def test_scans_come_over_tls_from_a_known_user(secured: Secured) -> None:
    sink = CollectingSink()
    async with supervised(secured.source(), sink):
        await secured.broker.publish("line/1/scan", "P1")
        await eventually(lambda: sink.texts == ["P1"], BACK_WITHIN)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "file:wrong"}, "check user and password"),
        ({"tls": {"ca": "stranger.pem"}}, "tls.ca"),
        ({"tls": {"certificate": ""}}, "127.0.0.1"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_does_not_fit_is_refused_in_words(
    secured: Secured, changed: dict[str, Any], words: str
) -> None:
    driver = secured.source(**changed)
    with pytest.raises(LinkLost, match=words):
        await driver.__aenter__()
    gc.collect()  # paho-mqtt leaves the socket of a failed handshake to it


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "env:TRACENODE_TESTS_UNSET"}, "TRACENODE_TESTS_UNSET"),
        ({"tls": {"ca": "none.pem"}}, "none.pem"),
    ],
)
async def test_what_the_configuration_refers_to_must_be_there(
    secured: Secured, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadSetting, match=words):
        await secured.source(**changed).__aenter__()
