"""Our own drivers, through the suite that third parties run."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.libmodbus import rtu_slave, serial_line, tcp_slave
from tests.support.rigs import CallingRig, PeerRig, SerialRig, TcpRig, free_port, made
from tracenode.drivers.conformance import Conformance, Rig

pytestmark = pytest.mark.integration


def line(number: int) -> tuple[bytes, str]:
    return f"SN-{number:04}\r\n".encode(), f"SN-{number:04}"


def tag(number: int) -> tuple[bytes, str]:
    epc = f"FF{number:022X}"
    return f"{epc},1,-47.5\r\n".encode(), epc


POINTS = {
    "Word": {"at": "hr:7"},
    "Real": {"at": "hr:20", "type": "float32"},
    "Scaled": {"at": "ir:3", "type": "int16", "scale": 0.1},
    "Long": {"at": "hr:30", "type": "int64"},
    "Bit": {"at": "hr:11.0"},
    "Coil": {"at": "co:3"},
    "Text": {"at": "hr:65", "type": "string(2)"},
}
QUICK: dict[str, Any] = {"points": POINTS, "groups": {"fast": {"period_ms": 20}}, "timeout_ms": 200}


class TestScannerOverTcp(Conformance):
    def rig(self) -> Rig:
        return TcpRig("scanner", line)


class TestScannerThatConnectsToUs(Conformance):
    patience_s = 3.0

    def rig(self) -> Rig:
        return CallingRig("scanner", line)


class TestScannerOnASerialPort(Conformance):
    def rig(self) -> Rig:
        return SerialRig("scanner", line)


class TestScannerThroughPyserial(Conformance):
    """The same, by the thread behind the seam."""

    def rig(self) -> Rig:
        return SerialRig("scanner", line, "backend=pyserial")


class TestRfidOnASerialPort(Conformance):
    def rig(self) -> Rig:
        return SerialRig("rfid", tag)


class TestModbusTcp(Conformance):
    """Against a slave on libmodbus."""

    def rig(self) -> Rig:
        port = free_port()
        return PeerRig(
            lambda: tcp_slave(port), lambda: made("modbus", f"tcp://127.0.0.1:{port}", **QUICK)
        )


class TestModbusRtu(Conformance):
    """Against a slave on libmodbus, on a line of pseudo-terminals."""

    @pytest.fixture(autouse=True)
    def _folder(self) -> Iterator[None]:
        with tempfile.TemporaryDirectory(prefix="line") as folder:
            self.folder = Path(folder)
            yield

    def rig(self) -> Rig:
        @asynccontextmanager
        async def unit() -> AsyncIterator[None]:
            async with serial_line(self.folder) as (_, slave), rtu_slave(slave):
                yield

        link = f"rtu:{self.folder / 'master'}?baudrate=115200&parity=N"
        return PeerRig(unit, lambda: made("modbus", link, **QUICK))
