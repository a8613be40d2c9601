"""A controller on libmodbus, served by the driver of its device under a supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from tests.drivers.mailbox.conftest import STATION, Plant
from tests.support.handshake_plc import CPlc
from tests.support.waiting import eventually
from tracenode.drivers.registry import Drivers
from tracenode.drivers.supervisor import Supervisor, Timing
from tracenode.models.config import DeviceConfig
from tracenode.models.readings import DeviceState, Reading, Scan

__all__ = ["BASE_B", "Readings", "Server", "listening", "server"]

HEARTBEAT, BASE_B = 5, 200


class Readings:
    """The sink of the device."""

    def __init__(self) -> None:
        self.last: dict[str, Reading] = {}

    async def scan(self, scan: Scan) -> None:
        raise AssertionError(f"a controller does not scan: {scan}")

    def readings(self, readings: Sequence[Reading]) -> None:
        self.last |= {reading.point: reading for reading in readings}


class Server:
    def __init__(self, supervisor: Supervisor, sink: Readings) -> None:
        self.supervisor, self.sink = supervisor, sink

    @property
    def trouble(self) -> str:
        status = self.supervisor.status("PLC1")
        return status.error if status.state is not DeviceState.Up else ""


@asynccontextmanager
async def listening(plant: Plant, port: int, **keys: object) -> AsyncIterator[Server]:
    """Serve a controller that writes into registers of ours."""
    mailbox = {"station_number": 10, "base_b": BASE_B, "measurements": 2}
    table = {"id": "PLC1", "driver": "modbus-server", "link": f"listen://127.0.0.1:{port}"}
    config = DeviceConfig.model_validate({**table, "station": "OP10", "mailbox": mailbox, **keys})
    async with _supervised(plant, config) as running:
        supervisor, early = running.supervisor, (DeviceState.Stopped, DeviceState.Connecting)
        await eventually(lambda: supervisor.status("PLC1").state not in early)
        yield running


@asynccontextmanager
async def server(
    plant: Plant,
    plc: CPlc | None = None,
    *,
    port: int = 0,
    stale_after_s: float = 10.0,
    timeout_ms: int = 500,
    **mailbox: object,
) -> AsyncIterator[Server]:
    port = port or (plc.port if plc else 0)
    options = {"station_number": 10, "base_b": BASE_B, "measurements": 2, "poll_ms": 5, **mailbox}
    config = DeviceConfig.model_validate(
        {
            "id": "PLC1",
            "driver": "modbus",
            "link": f"tcp://127.0.0.1:{port}",
            "station": "OP10",
            "stale_after_s": stale_after_s,
            "timeout_ms": timeout_ms,
            "points": {"Beats": {"at": f"hr:{HEARTBEAT}"}},
            "groups": {"fast": {"period_ms": 20}},
            "mailbox": options,
        }
    )
    async with _supervised(plant, config) as running:
        yield running


@asynccontextmanager
async def _supervised(plant: Plant, config: DeviceConfig) -> AsyncIterator[Server]:
    driver = Drivers([STATION], plant).make(config)
    sink = Readings()
    timing = Timing(first_delay=0.05, longest_delay=0.2, health_period=0.05)
    supervisor = Supervisor([driver], sink, timing=timing)
    task = asyncio.create_task(supervisor.run())
    try:
        yield Server(supervisor, sink)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
