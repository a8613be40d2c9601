"""bench soak: the real server with devices that are disturbed all the time, for half an hour.

    python run.py bench soak [--quick] [--minutes N] [--seed S] [--json FILE]

`tracenode run` polls four Modbus TCP devices and one RTU device on a serial line (socat), slaves on
libmodbus whose registers tell what they are and how old they are. A reader sends numbered scans, a
controller on libmodbus books numbered units by the register handshake. Between the server and each
stands a gate that delays (also beyond the time-out), drops, splits, corrupts what can be found out
(check values, transaction numbers) and resets. Slaves are killed and started again, the controller
restarts. An asyncua client reads every point five times a second and compares each Good value with
what the register holds, its age included.

Then the faults end, every device must be Up again, and the journal have each scan and each
acknowledged unit exactly once, in order. Memory (RssAnon) after the first fifth of the time, two
minutes at most, is compared with that at the end: it may grow by the pages of the database's file,
which SQLite keeps up to its bound. Descriptors are compared with those before the first fault.
`--seed` draws the same faults again; when they fall is the machine's. Needs Linux, gcc, libmodbus
and socat.

Exit codes: see _rows.py; a wrong value, a loss, a double or growth is a disagreement.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from benchmarks._fill import fill
from benchmarks._plant import START_US
from benchmarks._rows import Options, Report, command_line, median, percentile, scratch
from benchmarks._served import Served, client_of, free_port, served
from benchmarks._soak_peers import UNANSWERED_S, Controller, Reader, SerialGate, Slave
from benchmarks._soak_watch import ADDRESSES, FRESH_S, Polled, Watch, settled
from tests.support.faulty_link import FaultyLink
from tests.support.handshake_plc import handshake_plc
from tests.support.libmodbus import serial_line
from tracenode.models.events import Master, Observe, Register, Reject
from tracenode.models.receipts import Record
from tracenode.server.store.file.verify import verify
from tracenode.server.trace import Trace

T = TypeVar("T")
for _name in ("asyncua", "asyncio"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)
DATABASE: Final = "line.db"
FULL_MIN: Final = 30.0
QUICK_MIN: Final = 0.5
UNITS: Final = (1, 2, 3, 4)
SERIAL_UNIT: Final = 9
RATES: Final = {"tcp": 0.01, "rtu": 0.03, "handshake": 0.005, "scans": 0.02, "restarts": 0.01}
"""Share of telegrams, of requests, of scans to which something happens."""
PAUSE_S: Final = (3.0, 8.0)
"""Between two kills of a slave, and how long one is away."""
AWAY_S: Final = (0.1, 2.0)
MORE_MIB: Final = 16.0
"""Beside what the file grew by: SQLite keeps its pages, up to CACHE_MIB."""
CACHE_MIB: Final = 64.0
MORE_DESCRIPTORS: Final = 4
WARM_S: Final = 120.0
SAMPLES: Final = 200
PAGE: Final = 1_000
_STATIONS: Final = """\
[[stations]]
id = "OP10"
path = "Plant1"

[[stations]]
id = "OP20"
path = "Plant1"

[[devices]]
id = "Reader"
driver = "scanner"
link = "tcp://127.0.0.1:{reader}"
station = "OP20"
terminator = "CR"
idle_ms = 2000

[[devices]]
id = "PLC"
driver = "modbus"
link = "tcp://127.0.0.1:{controller}"
station = "OP10"
timeout_ms = 100
mailbox = {{ station_number = 10, base_b = 200, measurements = 2, poll_ms = 20 }}

"""
_DEVICE: Final = """\
[[devices]]
id = "{device}"
driver = "modbus"
link = "{link}"
unit = {unit}
timeout_ms = 100
probe_ms = 500
groups = {{ all = {{ period_ms = 100 }} }}

[devices.points]
{points}

"""


@dataclass(slots=True)
class Line:
    """Everything that stands around the server."""

    slaves: dict[str, Slave]
    gates: dict[str, FaultyLink | SerialGate]
    """By device, as the slaves."""
    reader: Reader
    controller: Controller
    chance: random.Random
    """Of the kills."""
    kills: int = 0

    @property
    def faults(self) -> Counter[str]:
        """What was done, by where and how."""
        by = ((name, gate.faults) for name, gate in (*self.gates.items(), ("Reader", self.reader)))
        return Counter({f"{name}: {kind}": n for name, found in by for kind, n in found.items()})

    async def disturb(self, seconds: float) -> None:
        """Let faults happen for so long, and kill slaves and start them again."""
        self._rate(**RATES)
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self.chance.uniform(*PAUSE_S)))
            slave = self.chance.choice(list(self.slaves.values()))
            await slave.stop()
            await asyncio.sleep(self.chance.uniform(*AWAY_S))
            await slave.start()
            self.kills += 1
        self._rate(**dict.fromkeys(RATES, 0.0))

    def _rate(
        self, *, tcp: float, rtu: float, handshake: float, scans: float, restarts: float
    ) -> None:
        for device, gate in self.gates.items():
            gate.rate = {"Line": rtu, "PLC": handshake}.get(device, tcp)
        self.reader.rate = scans
        self.controller.restarting = restarts


@dataclass(slots=True)
class Size:
    """Memory of the server and its file, in MiB, by seconds since the beginning."""

    taken: list[tuple[float, float, float]] = field(default_factory=list)

    async def sample(self, server: Served, seconds: float) -> None:
        """Take samples until cancelled."""
        begun = time.monotonic()
        file = server.log.with_name(DATABASE)
        while True:
            at = time.monotonic() - begun
            self.taken.append((at, server.rss_anon_mib or 0.0, file.stat().st_size / 2**20))
            await asyncio.sleep(seconds / SAMPLES)

    def between(self, first: float, last: float) -> tuple[float, float]:
        """Return the medians of memory and file within these seconds."""
        within = [(mib, file) for at, mib, file in self.taken if first <= at <= last]
        return median([mib for mib, _ in within]), median([file for _, file in within])


async def soak(report: Report, folder: Path, *, seconds: float, seed: int) -> None:
    """Disturb the line for so long; compare what came of it."""
    database = folder / DATABASE
    fill(database, [(START_US, Master(kind="material", key="PUMP", data={"kind": "unit"}))])
    async with AsyncExitStack() as stack:
        line, config = await _set_up(stack, folder, seed)
        server = stack.enter_context(served(folder, database, config))
        watch = Watch([Polled(device, slave.unit) for device, slave in line.slaves.items()])
        await _run(report, server, line, watch, seconds=seconds)
    _told(report, line, watch)
    await _compared(report, database, line)
    said = server.log.read_text(encoding="utf-8", errors="replace")
    report.agree("exceptions in the log", said.count("Traceback (most recent call last)"), 0)


async def _set_up(stack: AsyncExitStack, folder: Path, seed: int) -> tuple[Line, str]:
    """Start what stands around the server; return it and its configuration."""

    def chance(name: str) -> random.Random:
        return random.Random(f"{seed} {name}")

    slaves: dict[str, Slave] = {}
    gates: dict[str, FaultyLink | SerialGate] = {}
    config = ""

    async def slave(device: str, unit: int, tty: str = "") -> Slave:
        made = slaves[device] = Slave(unit, tty)
        stack.push_async_callback(made.stop)
        await made.start()
        return made

    for unit in UNITS:
        device = f"D{unit}"
        port = (await slave(device, unit)).port
        gate = await stack.enter_async_context(FaultyLink(port, chance(device), 0.0))
        gates[device] = gate
        config += _device(device, f"tcp://127.0.0.1:{gate.port}", unit)

    for name in ("near", "far"):
        (folder / name).mkdir()
    port_of_server, near = await stack.enter_async_context(serial_line(folder / "near"))
    far, tty = await stack.enter_async_context(serial_line(folder / "far"))
    await slave("Line", SERIAL_UNIT, tty)
    gates["Line"] = await stack.enter_async_context(SerialGate(near, far, chance("Line"), 0.0))
    config += _device("Line", f"rtu:{port_of_server}?baudrate=115200&parity=N", SERIAL_UNIT)

    plc = await stack.enter_async_context(handshake_plc())
    link = await stack.enter_async_context(FaultyLink(plc.port, chance("PLC"), 0.0))
    gates["PLC"] = link
    reader = Reader(chance("Reader"), 0.0, free_port())
    controller = Controller(plc, chance("restarts"), 0.0)
    config += _STATIONS.format(reader=reader.port, controller=link.port)
    return Line(slaves, gates, reader, controller, chance("kills")), config


def _device(device: str, link: str, unit: int) -> str:
    points = "\n".join(f'R{address} = {{ at = "hr:{address}" }}' for address in ADDRESSES)
    return _DEVICE.format(device=device, link=link, unit=unit, points=points)


async def _run(report: Report, server: Served, line: Line, watch: Watch, *, seconds: float) -> None:
    """Work, disturb, and let it settle."""
    devices = [*line.gates, "Reader"]
    stop, size = asyncio.Event(), Size()
    async with client_of(server.endpoint) as client, asyncio.TaskGroup() as group:
        works = (line.reader.work(stop), line.controller.work(stop), watch.work(client, stop))
        working = [group.create_task(work) for work in works]
        report.agree("devices that are not Up at first", await settled(client, devices), {})
        before = server.descriptors
        sampling = group.create_task(size.sample(server, seconds))
        await line.disturb(seconds)
        sampling.cancel()
        ended = time.monotonic()
        report.agree("devices that are not Up again", await settled(client, devices), {})
        report.add("every device is Up again after", time.monotonic() - ended, unit="s")
        after = server.descriptors
        stop.set()
        _, stuck = await asyncio.wait(working, timeout=UNANSWERED_S)
        for task in stuck:
            task.cancel()
        report.agree("peers that did not come to an end", len(stuck), 0)
    warm = min(seconds / 5, WARM_S)
    first, file = size.between(warm, warm + seconds / 10)
    last, file_last = size.between(seconds * 0.9, seconds * 2)
    report.add("memory at the end, beside that after warming up", last, first, unit="MiB")
    report.add("the database's file", file_last, file, unit="MiB")
    more = last - first - min(file_last - file, CACHE_MIB)
    report.agree(f"memory grown by {MORE_MIB:.0f} MiB more than the file", more > MORE_MIB, False)
    report.add("descriptors, beside those before", after, before, unit="")
    report.agree("descriptors left open", after - before > MORE_DESCRIPTORS, False)


# ------------------------------------------------------------------ what came of it
def _told(report: Report, line: Line, watch: Watch) -> None:
    """Say what happened, and compare what the client saw."""
    faults = line.faults
    report.add("faults of telegrams and connections", sum(faults.values()), unit="")
    report.note(", ".join(f"{name} {count}" for name, count in sorted(faults.items())))
    report.add("kills of a slave", line.kills, unit="")
    report.add("restarts of the controller", line.controller.restarts, unit="")
    shown = sum(watch.statuses.values())
    report.add("values read", shown, unit="")
    report.add("... that were Good", 100 * watch.good / shown, unit="%")
    report.add("... and wrong", len(watch.wrong), unit="", target="<=0")
    report.add("oldest Good value", watch.oldest_s, unit="s", target=f"<={FRESH_S:g}")
    report.note(", ".join(f"{name} {count:,}" for name, count in watch.statuses.most_common()))
    for wrong in watch.wrong:
        report.agree(f"{wrong}, shown as Good", "a wrong value", "none")
    report.agree("values were Good, and others not", 0 < watch.clocked < watch.good < shown, True)
    for fault in line.controller.faults:
        report.agree(fault, "a fault", "none")
    took = [seconds * 1000 for seconds in line.controller.took_s]
    for share in (0.5, 0.95, 0.99):
        report.add(f"request to answer p{share * 100:.0f}", percentile(took, share), unit="ms")


async def _compared(report: Report, database: Path, line: Line) -> None:
    """Compare the journal with what the reader sent and the controller was answered."""
    records = await _records(database)
    scans = [r.event.item for r in records if isinstance(r.event, Observe)]
    _once(report, "scans", scans, line.reader.sent)
    rejects = [r.event.raw for r in records if isinstance(r.event, Reject)]
    _once(report, "cut telegrams", rejects, [raw.hex() for raw in line.reader.cut])
    booked = [
        (r.position, r.item.rpartition(":")[2]) for r in records if isinstance(r.event, Register)
    ]
    _once(report, "units", booked, line.controller.booked)
    report.agree("faults of the journal", verify(database, deep=True).faults, ())
    report.add("scans, each recorded once and in order", len(scans), unit="")
    report.add("requests, each booked once and in order", len(booked), unit="")


def _once(report: Report, what: str, found: Sequence[T], expected: Sequence[T]) -> None:
    """Compare what is in the journal with what must be: nothing lost, in order, nothing doubled."""
    report.agree(f"{what}, recorded and to be", set(found), set(expected))
    report.agree(f"{what} in order, each once", list(found), list(expected))


async def _records(database: Path) -> list[Record]:
    found: list[Record] = []
    with Trace.open(database, read_only=True) as trace:
        while page := await trace.records(len(found) + 1, PAGE):
            found += page
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--minutes", type=float, metavar="N", help=f"with faults ({FULL_MIN:g})")
    parser.add_argument("--seed", type=int, metavar="S", help="of the faults; else by chance")
    given = parser.parse_args(argv)
    minutes = given.minutes or (QUICK_MIN if given.quick else FULL_MIN)
    seed = random.randrange(2**31) if given.seed is None else given.seed
    options = Options(given.quick, given.json, given.dir)
    report = Report(options, "soak")
    report.section(f"{minutes:g} minutes of faults, seed {seed}")
    with scratch(options) as folder:
        asyncio.run(soak(report, folder, seconds=minutes * 60, seed=seed))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
