"""What the demo's server begins with: its configuration, master data and received lots."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tracenode.drivers.simulator.product import BILLS, FAILURE, MASTER, POSITIONS, ROUTE, lots
from tracenode.models.errors import StoreError
from tracenode.models.events import Master, Receive, TraceEvent
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

__all__ = ["HOST", "DemoFailed", "receive_material", "write_config"]

HOST: Final = "127.0.0.1"


class DemoFailed(StoreError):
    """The line or the server ended by itself."""


CONFIG_HEAD: Final = """\
[site]
id = "demo"
name = "Demo plant"

[opcua]
endpoint = "opc.tcp://{host}:{port}/tracenode"
# On this machine alone, to try: no certificates, and whoever connects may do all that people
# of a plant may.
security = ["None"]
anonymous = true
anonymous_roles = ["Operator", "Engineer", "Supervisor"]

[profiles.controller]
driver = "modbus"
unit = 1
max_gap = 4
stale_after_s = 5
groups = {{ process = {{ period_ms = 500 }} }}

[profiles.controller.points]
Torque = {{ at = "hr:300", type = "float32", unit = "NU", min = 0, max = 20 }}
Temperature = {{ at = "hr:302", type = "int16", scale = 0.1, unit = "CEL", min = 0, max = 90 }}
Cycles = {{ at = "hr:303", type = "uint32" }}

[profiles.reader]
driver = "scanner"
terminator = "CR"
"""
CONFIG_STATION: Final = """\
[[stations]]
id = "{station}"
path = "DemoPlant/Hall1/PumpLine"
positions = {{ {positions} }}
failure_codes = {{ 1 = {failure} }}
measurements = {{ 1 = "Torque" }}

[[devices]]
id = "PLC_{station}"
profile = "controller"
link = "{plc}"
station = "{station}"
mailbox = {{ station_number = {number}, base_b = 200, measurements = 2, poll_ms = 10 }}

[[devices]]
id = "Reader_{station}"
profile = "reader"
link = "{reader}"
station = "{station}"
"""


async def receive_material(database: Path) -> None:
    """Book the master data and the lots that the line will use up, as an import would."""
    events: list[TraceEvent] = []
    for row in MASTER:
        data = {key: value for key, value in row.items() if key != "material"}
        events.append(Master(kind="material", key=row["material"], data=data))
    events.append(Master(kind="route", key="PUMP", data={"steps": ROUTE}))
    for material, components in BILLS.items():
        events.append(Master(kind="bom", key=material, data={"components": components}))
    with Trace.open(database, site="demo", create=True) as trace:
        await _book(trace, events)
        await _book(
            trace,
            [
                Receive(item=lot, material=material, quantity=Quantity.of(amount, unit))
                for material, lot, amount, unit in lots()
            ],
        )


async def _book(trace: Trace, events: Sequence[TraceEvent]) -> None:
    receipts = await asyncio.gather(*(trace.record(event, Requester("demo")) for event in events))
    for receipt in receipts:
        if receipt.refused:
            raise DemoFailed(f"the demo's material was refused: {receipt.text}")


def write_config(data: Path, places: Sequence[Mapping[str, Any]], port: int) -> None:
    parts = [CONFIG_HEAD.format(host=HOST, port=port)]
    positions = ", ".join(f"{number} = {json.dumps(name)}" for number, name in POSITIONS.items())
    names = {"failure": json.dumps(FAILURE[1]), "positions": positions}
    parts += [CONFIG_STATION.format(**names, **place) for place in places]
    (data / "tracenode.toml").write_text("\n".join(parts), encoding="utf-8")
