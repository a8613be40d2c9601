"""status beside a running server: how its devices are."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.commands.plant import called
from tests.support.server_process import ServerProcess
from tests.support.waiting import eventually_sync
from tracenode.server.device_board import DeviceBoard, board_path, read_board

DEVICES = """
[[devices]]
id = "Reader"
driver = "scanner"
link = "tcp://127.0.0.1:{port}"
station = "OP10"

[[devices]]
id = "PLC"
driver = "modbus"
link = "tcp://127.0.0.1:1"
points = {{ A = {{ at = "hr:0" }} }}
"""


def devices(database: Path) -> dict[str, Any]:
    told = json.loads(called("status", "--db", database, "--json").stdout)["devices"]
    return {} if told is None else {device["device"]: device for device in told["devices"]}


def test_a_running_server_tells_how_its_devices_are(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        reader = DEVICES.format(port=there.getsockname()[1])
        server = ServerProcess(tmp_path, reader)
        with server:
            scanner, _ = there.accept()
            scanner.sendall(b"SN-1\r")
            eventually_sync(
                lambda: devices(server.database).get("Reader", {}).get("telegrams") == 1, 10
            )
            told = devices(server.database)
            said = called("status", "--db", server.database).stdout
            scanner.close()
    assert told["Reader"]["state"] == "Up"
    assert told["Reader"]["station"] == "OP10"
    assert told["PLC"]["state"] == "BackOff"
    assert "nothing listens there" in told["PLC"]["error"]
    assert told["PLC"]["late_cycles"] == 0
    assert "2 device(s), as of" in said
    assert "PLC: tcp://127.0.0.1:1: nothing listens there" in said
    # Killed: what it told last stands there and is not shown as if it held.
    assert board_path(server.database).exists()
    assert not devices(server.database)
    assert "device(s)" not in called("status", "--db", server.database).stdout


def test_what_is_half_written_is_not_shown(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    board = DeviceBoard(database, [])
    assert read_board(database) is None
    board.write([{"device": "A" * 1000}])
    board.write([{"device": "B"}])
    told = read_board(database)
    assert told is not None
    assert told["devices"] == [{"device": "B"}]
    whole = board_path(database).read_bytes()
    for torn in (whole[:-1], whole.replace(b"B", b"C"), b"", b"\xff"):
        board_path(database).write_bytes(torn)
        assert read_board(database) is None
    board.close()
    board.write([])
    assert not board_path(database).exists()


def test_a_board_that_can_not_be_written_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = DeviceBoard(tmp_path / "none" / "a.db", [])
    board.write([])
    board.write([])
    assert len(caplog.records) == 1
