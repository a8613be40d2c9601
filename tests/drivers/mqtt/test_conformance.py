"""The MQTT driver through the suite that every driver has to pass."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drivers.mqtt.broker import OPEN, Broker, require_mqtt
from tests.support.rigs import made
from tracenode.drivers.conformance import Conformance, Rig
from tracenode.drivers.driver import Driver

pytestmark = pytest.mark.integration

POINTS = {
    "Force": {"topic": "press/force", "type": "Double", "trust_retained": True},
    "Text": {"topic": "press/text", "type": "String", "trust_retained": True},
}


class BrokerRig(Rig):
    """A broker that keeps the values, and is pulled whole."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o777)
        self._broker = Broker(folder, OPEN)
        self._up = False

    def driver(self) -> Driver:
        scans = [{"topic": "scan"}]
        return made("mqtt", self._broker.link, client_id="c", scans=scans, points=POINTS)

    async def plug(self) -> None:
        if self._up:
            return
        self._up = True
        await asyncio.to_thread(self._broker.start)
        await self._broker.publish("press/force", "12.5", retain=True)
        await self._broker.publish("press/text", "A", retain=True)

    async def pull(self) -> None:
        self._up = False
        await asyncio.to_thread(self._broker.stop)

    async def scan(self, number: int) -> str | None:
        await self._broker.publish("scan", f"P{number}")
        return f"P{number}"


class TestMqtt(Conformance):
    @pytest.fixture(autouse=True)
    def _folder(self) -> Iterator[None]:
        require_mqtt()
        with tempfile.TemporaryDirectory(prefix="mqtt") as folder:
            self.rigged = BrokerRig(Path(folder))
            try:
                yield
            finally:
                self.rigged._broker.kill()

    def rig(self) -> Rig:
        return self.rigged
