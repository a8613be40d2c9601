"""One connection to a device, told in words; against real sockets, terminals and libmodbus."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.libmodbus import tcp_slave
from tests.support.modbus_faults import fault_server
from tests.support.serial import cable
from tracenode.drivers.driver import Driver
from tracenode.drivers.probe import probe
from tracenode.drivers.registry import Drivers
from tracenode.models.config import DeviceConfig


def made(driver: str, link: str, **keys: Any) -> Driver:
    table = {"id": "D", "driver": driver, "link": link, **keys}
    return Drivers().make(DeviceConfig.model_validate(table))


POINTS = {"A": {"at": "hr:7"}, "B": {"at": "ir:0"}}


async def test_a_device_that_gives_every_point_is_well() -> None:
    async with tcp_slave() as port:
        found = await probe(made("modbus", f"tcp://127.0.0.1:{port}", points=POINTS))
    assert found.well, found.words
    assert "2 of 2 points have a value" in found.words
    assert found.round_trip_ms is not None
    assert (found.usable, found.points) == (2, 2)


async def test_a_point_that_the_device_does_not_have_is_named() -> None:
    points = {**POINTS, "Missing": {"at": "hr:5000"}}
    async with tcp_slave() as port:
        found = await probe(made("modbus", f"tcp://127.0.0.1:{port}", points=points))
    assert not found.well
    assert "2 of 3 points" in found.words
    assert "ConfigurationError: Missing" in found.words


async def test_a_unit_that_is_silent_on_a_good_line_is_not_well() -> None:
    async with fault_server() as server:
        server.fault = lambda _: b""
        device = made("modbus", f"tcp://127.0.0.1:{server.port}", points=POINTS, timeout_ms=50)
        found = await probe(device, within=0.5)
    assert not found.well
    assert found.connect_ms is not None
    assert "0 of 2 points have a value; NoCommunication: A, B" in found.words


@pytest.mark.parametrize(
    ("driver", "link", "words"),
    [
        ("modbus", "tcp://127.0.0.1:1", "nothing listens there"),
        ("scanner", "tcp://127.0.0.1:1", "nothing listens there"),
        ("scanner", "serial:/dev/no_such_port", "is the cable plugged in?"),
        ("scanner", "listen://127.0.0.1:0", "nothing connected within 0.3 s"),
    ],
)
async def test_a_device_that_is_not_there_is_told_in_words(
    driver: str, link: str, words: str
) -> None:
    keys = {"points": POINTS} if driver == "modbus" else {}
    found = await probe(made(driver, link, **keys), within=0.3)
    assert not found.well
    assert words in found.words
    assert found.connect_ms is None


async def test_a_reader_is_connected_and_nothing_is_taken_from_it(tmp_path: Path) -> None:
    with cable(tmp_path / "reader") as device:
        device.send(b"SN-1\r")
        found = await probe(made("scanner", f"serial:{device.port}"))
        assert found.well, found.words
        assert found.words.startswith("connected in")


async def test_a_fault_of_a_driver_is_told_and_hurts_no_other_probe() -> None:
    class Broken:
        device, points, stats = "X", (), made("scanner", "loop://").stats

        async def __aenter__(self) -> None:
            raise ExceptionGroup("tasks", [ZeroDivisionError("by zero")])

        async def __aexit__(self, *_: object) -> None: ...

    broken: Any = Broken()
    found, well = await asyncio.gather(probe(broken), probe(made("scanner", "loop://")))
    assert (found.well, found.words) == (False, "ZeroDivisionError: by zero")
    assert well.well
