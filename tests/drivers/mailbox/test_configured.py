"""The keys of a mailbox, and what is made of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.drivers.mailbox.conftest import STATION
from tests.support.project import ROOT
from tracenode.drivers.driver import Degradable
from tracenode.drivers.mailbox.device import MailboxDevice
from tracenode.drivers.mailbox.options import MailboxOptions
from tracenode.drivers.modbus.poller import ModbusDevice
from tracenode.drivers.registry import Drivers
from tracenode.models.config import DeviceConfig, parse_config
from tracenode.models.errors import ConfigError
from tracenode.models.events import TraceEvent
from tracenode.models.receipts import Receipt, Requester

DOCUMENT = (ROOT / "docs" / "handshake.md").read_text("utf-8")


class NothingBooked:
    """A door behind which there is nothing: making a driver books nothing."""

    healthy = True

    async def record(
        self,
        event: TraceEvent,
        requester: Requester,
        request_id: str = "",
        *,
        natural_key: str = "",
        digest: bytes = b"",
    ) -> Receipt:
        raise AssertionError

    async def last_request(self, requester: str) -> str:
        raise AssertionError


def device(station: str = "OP10", **mailbox: Any) -> DeviceConfig:
    table = {
        "id": "PLC1",
        "driver": "modbus",
        "link": "tcp://127.0.0.1:502",
        "station": station,
        "mailbox": {"station_number": 10, "base_b": 400, **mailbox},
    }
    return DeviceConfig.model_validate(table)


def faults(config: DeviceConfig) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Drivers([STATION]).make(config, "devices[0]")
    return [str(problem) for problem in caught.value.problems]


def test_device_with_a_mailbox_needs_no_points() -> None:
    driver = Drivers([STATION], NothingBooked()).make(device())
    assert isinstance(driver, MailboxDevice)
    assert isinstance(driver, Degradable)
    assert (driver.device, driver.points, driver.degraded) == ("PLC1", (), "")
    assert driver.stats.extra["answered"] == 0


def test_check_of_the_configuration_serves_no_mailbox() -> None:
    assert isinstance(Drivers([STATION]).make(device()), ModbusDevice)


def test_sample_of_the_documentation_is_valid() -> None:
    samples = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(samples) == 2
    configs = [parse_config(sample, "docs/handshake.md") for sample in samples]
    for config in configs:
        drivers = Drivers(config.stations, NothingBooked())
        assert isinstance(drivers.make(config.devices[0]), MailboxDevice)
    assert configs[0].stations[0].positions == {1: "left", 2: "right"}


def test_every_key_is_documented() -> None:
    table = DOCUMENT.split("| key of `mailbox` |")[1].split("\n\n")[0]
    for key in MailboxOptions.model_fields:
        assert f"`{key}`" in table


def test_every_fault_is_told_at_once_with_its_path() -> None:
    told = faults(device("OP99", station_number=0, mesurements=3, poll_ms=1))
    assert len(told) == 4
    assert any(t.startswith("devices[0].mailbox.station_number: ") for t in told)
    assert any("did you mean 'measurements'" in t for t in told)
    assert any(t.startswith("devices[0].station: expected the id of a station") for t in told)


def test_areas_that_overlap_are_refused() -> None:
    (told,) = faults(device(base_a=300, base_b=400))
    assert told.startswith("devices[0].mailbox: expected areas apart: A is hr:300-426")
    (told,) = faults(device(base_b=65500))
    assert "base_b up to 65467" in told


def test_faults_of_device_and_mailbox_come_together() -> None:
    config = device(unit=300)
    broken = DeviceConfig.model_validate({**config.model_dump(), "timeout": 5})
    told = faults(broken)
    assert len(told) == 2
    assert any("devices[0].timeout: " in t for t in told)
