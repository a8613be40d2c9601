"""Which tests are units: they need no peer and no time-outs of real sockets, and are quick."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent
WITH_PEERS: Final = (
    "opcua",
    "nodesets/test_asyncua.py",
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
"""Folders and files in which every test talks to a peer in this process over real sockets or
terminals: an OPC UA server, a Modbus slave, a reader."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    peers = [ROOT / place for place in WITH_PEERS]
    for item in items:
        if any(item.path == peer or peer in item.path.parents for peer in peers):
            item.add_marker(pytest.mark.integration)
