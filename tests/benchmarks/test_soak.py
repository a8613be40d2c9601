"""The soak at a size of seconds, and that it would see what it is there for."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua

from benchmarks._rows import Options, Report
from benchmarks._soak_watch import FRESH_S, Polled, Watch
from tests.support.libmodbus import executable
from tests.support.modbus_faults import oracle
from tests.support.peers import require

pytestmark = pytest.mark.integration

SEED = 7 if os.environ.get("CI") == "true" else random.randrange(2**31)
"""Printed with what fails: `bench soak --seed` draws the same faults."""
SECONDS = 5.0
DEVICE = Polled("D1", 1)
CLOCK, STILL = 200, 201
"""Addresses with the clock in them, and without."""


def test_disturbed_devices_give_no_wrong_value_and_lose_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require(Path("/proc/self/status").exists(), "a system with /proc")
    require(shutil.which("socat") is not None, "socat is not installed")
    executable("modbus_clock")
    from benchmarks import soak

    report = Report(Options(quick=True, json=None, folder=None), "soak")
    report.section(f"seed {SEED}")
    asyncio.run(soak.soak(report, tmp_path, seconds=SECONDS, seed=SEED))
    assert report.finish() == 0, capsys.readouterr().out
    found = {row.name: row.ours for row in report.rows}
    for name in ("faults of telegrams and connections", "kills of a slave", "values read"):
        assert found[name] > 0
    assert found["scans, each recorded once and in order"] > SECONDS
    assert found["requests, each booked once and in order"] > SECONDS


class Looks:
    """What the client sees of one register, one look after the other."""

    def __init__(self) -> None:
        self.watch = Watch([DEVICE])
        self.now = time.monotonic()

    def see(self, address: int, value: Any, status: int = 0) -> list[str]:
        """Return what is found wrong by now."""
        shown = ua.DataValue(ua.Variant(value), StatusCode=ua.StatusCode(ua.UInt32(status)))
        self.watch.compare(DEVICE, address, shown, self.now, self.now + 0.1)
        return self.watch.wrong

    def clock(self, age_s: float) -> int:
        """Return what a register with the clock held so long ago."""
        return (oracle(CLOCK, DEVICE.unit) + int((self.now - age_s) * 100)) & 0xFFFF


def test_values_as_the_device_holds_them_are_right() -> None:
    looks = Looks()
    assert not looks.see(STILL, oracle(STILL, DEVICE.unit))
    for age_s in (2.0, 1.0, 1.0, 0.0, -0.05):
        assert not looks.see(CLOCK, looks.clock(age_s))
    assert looks.watch.good == 6
    assert looks.watch.clocked == 5


@pytest.mark.parametrize(
    ("address", "unit"), [(STILL + 1, 1), (STILL, 2)], ids=["register", "device"]
)
def test_the_value_of_another_one_is_wrong(address: int, unit: int) -> None:
    assert Looks().see(STILL, oracle(address, unit))


@pytest.mark.parametrize("age_s", [FRESH_S + 0.1, 60.0, -1.0, 400.0])
def test_a_value_of_another_time_is_wrong(age_s: float) -> None:
    looks = Looks()
    assert looks.see(CLOCK, looks.clock(age_s))


def test_a_value_that_goes_back_is_wrong() -> None:
    looks = Looks()
    assert not looks.see(CLOCK, looks.clock(0.2))
    assert looks.see(CLOCK, looks.clock(0.5))


def test_a_good_status_without_a_value_is_wrong_and_another_status_is_not_looked_at() -> None:
    looks = Looks()
    assert not looks.see(STILL, 0, status=0x408F0000)
    assert not looks.see(STILL, None, status=0x80310000)
    assert looks.watch.good == 0
    assert looks.see(STILL, None)
