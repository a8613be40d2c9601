"""A USB reader gets another port name while the server runs: it is found by its identity."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import serialx

from tests.support.rigs import made
from tests.support.serial import Cable
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.supervisor import Supervisor, Timing
from tracenode.models.readings import DeviceState

pytestmark = pytest.mark.integration


def port(device: str, serial: str | None, product: int = 0x7523) -> serialx.SerialPortInfo:
    known: dict[str, Any] = dict.fromkeys(serialx.SerialPortInfo.__dataclass_fields__)
    known |= {"device": device, "resolved_device": device, "serial_number": serial}
    return serialx.SerialPortInfo(**{**known, "vid": 0x1A86, "pid": product})


async def test_reader_that_gets_another_port_name_is_found_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plugged: list[serialx.SerialPortInfo] = []

    async def listed() -> list[serialx.SerialPortInfo]:
        return plugged

    monkeypatch.setattr(serialx, "async_list_serial_ports", listed)
    sink, states = CollectingSink(), list[DeviceState]()
    reader = made("scanner", "usb:1a86:7523:A502")
    supervisor = Supervisor(
        [reader],
        sink,
        lambda status: states.append(status.state),
        timing=Timing(first_delay=0.02, longest_delay=0.05),
    )
    running = asyncio.ensure_future(supervisor.run())
    await eventually(lambda: "no such device" in supervisor.status("Device").error)
    for name in ("ttyUSB0", "ttyUSB3"):
        cable, other = Cable(tmp_path / name), Cable(tmp_path / f"other-{name}")
        plugged[:] = [port(other.port, "B777"), port(cable.port, "A502"), port("x", "A502", 1)]
        await eventually(lambda: supervisor.status("Device").state is DeviceState.Up)
        other.send(b"WRONG\r")
        cable.send(name.encode() + b"\r")
        await eventually(lambda n=name: n in sink.texts)  # type: ignore[misc]
        plugged.clear()
        cable.pull()
        await eventually(lambda: supervisor.status("Device").state is DeviceState.BackOff)
        other.pull()
    supervisor.stop()
    await running
    assert sink.texts == ["ttyUSB0", "ttyUSB3"]
