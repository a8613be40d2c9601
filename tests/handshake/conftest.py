"""The whole server as a process, and a controller on libmodbus that it polls."""

from __future__ import annotations

from pathlib import Path

from tests.drivers.mailbox.conftest import plant
from tests.support.server_process import ServerProcess
from tracenode.models.events import Master, Receive, Register
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

__all__ = ["plant", "served_plc"]

MES = Requester("mes")
STATION_TABLES = 'positions = { 1 = "left", 2 = "right" }'
DEVICE = """
[[devices]]
id = "PLC1"
driver = "modbus"
link = "tcp://127.0.0.1:{port}"
station = "OP10"
timeout_ms = 300
mailbox = {{ station_number = 10, base_b = 200, measurements = 2, poll_ms = 10 }}
"""


def served_plc(folder: Path, port: int) -> ServerProcess:
    """Return a server, not started yet, that polls a controller; its journal knows a unit P1 and
    a lot L1."""
    server = ServerProcess(folder, STATION_TABLES + DEVICE.format(port=port))
    with Trace.open(server.database, site="Test", create=True) as trace:
        for material, kind in (("PUMP", "unit"), ("SEAL", "lot")):
            trace.record_now(Master(kind="material", key=material, data={"kind": kind}), MES)
        trace.record_now(Register(item="P1", material="PUMP"), MES)
        trace.record_now(Receive(item="L1", material="SEAL"), MES)
    return server
