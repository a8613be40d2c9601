"""One client that polls a plant of Modbus units, in a process of its own.

    python -m benchmarks._polling ours|pymodbus SECONDS PERIOD_MS EVERY PORT...

Reads what tests/peers/modbus_poller.c reads, and says the same of it on stdout: "done CPU_SECONDS
CYCLES LATE CHECKED WRONG". The values of one unit are checked twice a second, and those of all at
the end; that is in the processor time of both, as keeping the latest value of every register is.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

import uvloop
from pymodbus.client import AsyncModbusTcpClient

from tests.support.modbus_faults import oracle
from tracenode.drivers.driver import Driver
from tracenode.drivers.registry import Drivers
from tracenode.drivers.supervisor import Supervisor
from tracenode.models.config import DeviceConfig
from tracenode.models.readings import Reading, Scan

FIRST, ALL = 125, 200
CHECK_S: Final = 0.5
WARM_S: Final = 0.5


@dataclass(slots=True)
class Seen:
    """The latest value of every register, by unit and address."""

    every: int
    units: Sequence[dict[int, int]]
    checked: int = 0
    wrong: int = 0

    def check(self, unit: int) -> None:
        """Compare a unit (from 1 on) with the oracle. What is added to the registers that change is
        the same in all of one answer."""
        held = self.units[unit - 1]
        for block in (range(FIRST), range(FIRST, ALL)):
            added = set[int]()
            for address in block:
                more = (held.get(address, -1) - oracle(address, unit)) & 0xFFFF
                if self.every and address % self.every == 0:
                    added.add(more)
                else:
                    self.wrong += more != 0
            self.wrong += len(added) > 1
        self.checked += ALL

    async def keep_checking(self) -> None:
        for unit in cycle(range(1, len(self.units) + 1)):
            await asyncio.sleep(CHECK_S)
            self.check(unit)


@dataclass(slots=True)
class Latest:
    """The sink of our drivers."""

    held: Mapping[str, dict[int, int]]
    bad: int = 0
    names: Mapping[str, int] = field(
        default_factory=lambda: {f"R{address}": address for address in range(ALL)}
    )

    async def scan(self, scan: Scan) -> None:
        raise AssertionError(scan)

    def readings(self, readings: Sequence[Reading]) -> None:
        for reading in readings:
            if reading.quality.good:
                value: Any = reading.value
                self.held[reading.device][self.names[reading.point]] = value


def driver_of(unit: int, port: int, period_ms: int) -> tuple[str, DeviceConfig]:
    device = f"D{unit}"
    table = {
        "id": device,
        "driver": "modbus",
        "link": f"tcp://127.0.0.1:{port}",
        "unit": unit,
        "groups": {"all": {"period_ms": period_ms}},
        "points": {f"R{address}": {"at": f"hr:{address}"} for address in range(ALL)},
    }
    return device, DeviceConfig.model_validate(table)


async def ours(seen: Seen, seconds: float, period_ms: int, ports: Sequence[int]) -> tuple[Any, ...]:
    tables = dict(driver_of(unit, port, period_ms) for unit, port in enumerate(ports, 1))
    makes = Drivers()
    drivers: list[Driver] = [makes.make(table) for table in tables.values()]
    sink = Latest(dict(zip(tables, seen.units, strict=True)))
    supervisor = Supervisor(drivers, sink)
    running = asyncio.ensure_future(supervisor.run())
    await asyncio.sleep(WARM_S)
    before = counted(drivers)
    used = await measured(seen, seconds)
    cycles, late = (after - first for after, first in zip(counted(drivers), before, strict=True))
    supervisor.stop()
    await running
    return used, cycles, late


def counted(drivers: Sequence[Driver]) -> tuple[int, int]:
    extras = [driver.stats.extra for driver in drivers]
    return sum(e["cycles"] for e in extras), sum(e["late_cycles"] for e in extras)


async def pymodbus(
    seen: Seen, seconds: float, period_ms: int, ports: Sequence[int]
) -> tuple[Any, ...]:
    """As its documentation has it: a client for each unit, a task that reads and sleeps."""
    counts = [0, 0]
    period = period_ms / 1000

    async def poll(unit: int, port: int) -> None:
        client = AsyncModbusTcpClient("127.0.0.1", port=port)
        await client.connect()
        held, loop = seen.units[unit - 1], asyncio.get_running_loop()
        due = loop.time()
        try:
            while True:
                for first, count in ((0, FIRST), (FIRST, ALL - FIRST)):
                    answer = await client.read_holding_registers(first, count=count, device_id=unit)
                    held.update(enumerate(answer.registers, first))
                counts[0] += 1
                due += period
                if (left := due - loop.time()) < 0:
                    counts[1] += 1
                    due = loop.time()
                await asyncio.sleep(max(0.0, left))
        finally:
            client.close()

    polls = [asyncio.ensure_future(poll(unit, port)) for unit, port in enumerate(ports, 1)]
    await asyncio.sleep(WARM_S)
    before = tuple(counts)
    used = await measured(seen, seconds)
    cycles, late = (after - first for after, first in zip(counts, before, strict=True))
    left = set(polls)
    while left:  # again: its wait for an answer forgets a cancellation that meets the answer
        for one in left:
            one.cancel()
        _, left = await asyncio.wait(left, timeout=0.1)
    return used, cycles, late


async def measured(seen: Seen, seconds: float) -> float:
    """Return the processor seconds of this process in the next `seconds`."""
    checking = asyncio.ensure_future(seen.keep_checking())
    began = processor()
    await asyncio.sleep(seconds)
    used = processor() - began
    checking.cancel()
    for unit in range(1, len(seen.units) + 1):
        seen.check(unit)
    return used


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(argv: Sequence[str]) -> None:
    name, seconds, period_ms, every, *ports = argv
    seen = Seen(int(every), [{} for _ in ports])
    client = {"ours": ours, "pymodbus": pymodbus}[name]
    run = client(seen, float(seconds), int(period_ms), [int(port) for port in ports])
    used, cycles, late = uvloop.run(run)
    print(f"done {used:.6f} {cycles} {late} {seen.checked} {seen.wrong}")


if __name__ == "__main__":
    main(sys.argv[1:])
