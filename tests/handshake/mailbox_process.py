"""What serves a controller, as a process of its own that can be killed: the journal, the driver of
the device, its supervisor. `tracenode run` has the same and the OPC UA server, which takes seconds
to start.

    python -m tests.handshake.mailbox_process DATABASE DRIVER LINK
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.project import ROOT
from tracenode.drivers.registry import Drivers
from tracenode.drivers.supervisor import Supervisor
from tracenode.models.config import DeviceConfig, StationConfig
from tracenode.models.events import Master, Receive, Register
from tracenode.models.readings import Reading, Scan
from tracenode.models.receipts import Record, Requester
from tracenode.server.trace import Trace

__all__ = ["MailboxProcess"]

MES = Requester("mes")
MAILBOX = {"station_number": 10, "base_b": 200, "measurements": 2, "poll_ms": 10}


class MailboxProcess:
    """Serves the controller behind a port of this machine, or, as `modbus-server`, at one; use it
    as a context manager. Its journal knows a unit P1 and a lot L1."""

    def __init__(self, folder: Path, port: int, driver: str = "modbus") -> None:
        self.database = folder / "trace.db"
        scheme = "tcp" if driver == "modbus" else "listen"
        self._device = (driver, f"{scheme}://127.0.0.1:{port}")
        self._process: subprocess.Popen[str] | None = None
        with Trace.open(self.database, site="TEST", create=True) as trace:
            for material, kind in (("PUMP", "unit"), ("SEAL", "lot")):
                trace.record_now(Master(kind="material", key=material, data={"kind": kind}), MES)
            trace.record_now(Register(item="P1", material="PUMP"), MES)
            trace.record_now(Receive(item="L1", material="SEAL"), MES)

    def start(self) -> None:
        """Return when it serves."""
        module = "tests.handshake.mailbox_process"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(self.database), *self._device],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "serving\n"

    def kill(self) -> None:
        """End it without a chance to tidy up; harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    async def records(self) -> list[Record]:
        """Return all published records."""
        with Trace.open(self.database, read_only=True) as trace:
            return await trace.records(1, 100_000)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


class Nowhere:
    """The sink of a device that only books."""

    async def scan(self, scan: Scan) -> None:
        raise AssertionError(f"a controller does not scan: {scan}")

    def readings(self, readings: Sequence[Reading]) -> None:
        pass


async def serve(database: Path, driver_name: str, link: str) -> None:
    device = {"id": "PLC1", "driver": driver_name, "link": link, "station": "OP10"}
    own = {"timeout_ms": 300} if driver_name == "modbus" else {}
    config = DeviceConfig.model_validate({**device, **own, "mailbox": MAILBOX})
    with Trace.open(database, site="TEST") as trace:
        driver = Drivers([StationConfig(id="OP10", path="A")], trace).make(config)
        print("serving", flush=True)
        await Supervisor([driver], Nowhere()).run()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
