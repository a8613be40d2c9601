"""bench drivers: what polling fifty Modbus devices costs, and how soon a scan is taken.

    python run.py bench drivers [--quick] [--json FILE]

Polling: 50 devices of 200 registers each, ten times a second, each with a connection of its own,
all in a plant on libmodbus (tests/peers/modbus_plant.c). Clients take turns: our driver under its
supervisor, bare pymodbus as its documentation uses it, and a client on libmodbus in C. Each is a
process of its own and tells its own processor time. Registers that change do so at each read: none,
each tenth, or all of them. Every client compares what it read with register = f(address, unit).
Processor time is in percent of one core at 500 cycles a second, from the time of one cycle, so that
a busy machine which delays cycles makes no client look cheap; a late cycle is one that was due
before it could begin. Needs gcc and libmodbus.

Scans: from the last byte on a pseudo-terminal to the sink, and a flood over TCP, in order.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from benchmarks._rows import Report, arguments, median, percentile
from benchmarks._scanning import flood, last_byte_to_sink, texts
from tests.support.libmodbus import executable

ROOT: Final = Path(__file__).resolve().parent.parent
UNITS: Final = 50
PERIOD_MS: Final = 100
CHANGING: Final = {"no register changes": 0, "each tenth changes": 10, "all change": 1}
CLIENTS: Final = ("ours", "pymodbus", "libmodbus")
MOST_SHARE: Final = "<=25"


@dataclass(frozen=True, slots=True)
class Sizes:
    rounds: int
    seconds: float
    scans: int
    flood: int
    units: int = UNITS


FULL: Final = Sizes(rounds=3, seconds=8, scans=1000, flood=100_000)
QUICK: Final = Sizes(rounds=1, seconds=1.5, scans=200, flood=10_000)


@dataclass(frozen=True, slots=True)
class Polled:
    """What a client says of its run."""

    processor: float
    cycles: int
    late: int
    checked: int
    wrong: int


def polling(report: Report, sizes: Sizes) -> None:
    for title, every in CHANGING.items():
        report.section(f"{sizes.units} devices, 200 registers, 10 Hz: {title}")
        found: dict[str, list[Polled]] = {client: [] for client in CLIENTS}
        with plant(sizes.units, every) as ports:
            for _ in range(sizes.rounds):
                for client in CLIENTS:
                    found[client].append(polled(client, sizes.seconds, every, ports))
        a_second = sizes.units * 1000 / PERIOD_MS
        shares = {
            client: median([run.processor / run.cycles * a_second * 100 for run in runs])
            for client, runs in found.items()
        }
        for client, runs in found.items():
            report.agree(f"{title}: wrong values of {client}", sum(r.wrong for r in runs), 0)
            report.agree(f"{title}: values of {client}", all(r.checked for r in runs), True)
        late = {client: sum(run.late for run in runs) for client, runs in found.items()}
        cycles = sum(run.cycles for run in found["ours"])
        report.add("processor, percent of a core", shares["ours"], unit="%", target=MOST_SHARE)
        report.add("the same beside bare pymodbus", shares["ours"], shares["pymodbus"], unit="%")
        report.add("the same beside libmodbus in C", shares["ours"], shares["libmodbus"], unit="%")
        report.add(f"late cycles of {cycles:,}", late["ours"], unit="", target="<=0")
        report.note(f"late: pymodbus {late['pymodbus']}, libmodbus {late['libmodbus']}")


@contextmanager
def plant(units: int, every: int) -> Iterator[list[str]]:
    """Run the plant; yield its ports."""
    command = [str(executable("modbus_plant")), str(units), str(every)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            word, *ports = process.stdout.readline().split()
            assert word == "ready"
            yield ports
        finally:
            process.kill()


def polled(client: str, seconds: float, every: int, ports: Sequence[str]) -> Polled:
    """Run a client to its end."""
    if client == "libmodbus":
        command = [str(executable("modbus_poller"))]
    else:
        command = [sys.executable, "-m", "benchmarks._polling", client]
    said = subprocess.run(
        [*command, str(seconds), str(PERIOD_MS), str(every), *ports],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=seconds + 60,
    ).stdout.split()
    return Polled(float(said[1]), *(int(number) for number in said[2:]))


def scanning(report: Report, sizes: Sizes) -> None:
    report.section("scans")
    spans, came = uvloop.run(last_byte_to_sink(sizes.scans))
    report.agree("scans on a terminal", came, texts(sizes.scans))
    report.add("last byte to sink, median", percentile(spans, 0.5), unit="ms")
    report.add("last byte to sink, p95", percentile(spans, 0.95), unit="ms", target="<=1")
    seconds, came = uvloop.run(flood(sizes.flood))
    report.agree("a flood over TCP, in order", came, texts(sizes.flood))
    report.add(f"{sizes.flood:,} scans at once", sizes.flood / seconds, unit="/s", target=">=10000")


def main() -> int:
    options = arguments(__doc__ or "")
    sizes = QUICK if options.quick else FULL
    report = Report(options, "drivers")
    polling(report, sizes)
    scanning(report, sizes)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
