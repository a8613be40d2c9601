"""Which tests are units: one room at a time, without peers and real sockets, and quick."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent
WHOLE: Final = (
    "benchmarks",
    "commands",
    "docs",
    "house",
    "nodesets",
    "opcua",
    "store/test_start.py",
    "drivers/link/test_links.py",
    "drivers/link/test_serial_ports.py",
    "drivers/mailbox/test_kills.py",
    "drivers/mailbox/test_station.py",
    "drivers/modbus/test_faults.py",
    "drivers/modbus/test_poller.py",
    "drivers/modbus/test_rtu_faults.py",
    "drivers/rfid",
    "drivers/scanner",
    "drivers/supervisor",
)
"""Folders and files in which every test runs a whole command or bench, or talks over a real socket
or terminal to a peer: an OPC UA server, a Modbus slave, a reader."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    whole = [ROOT / place for place in WHOLE]
    for item in items:
        if any(item.path == place or place in item.path.parents for place in whole):
            item.add_marker(pytest.mark.integration)
