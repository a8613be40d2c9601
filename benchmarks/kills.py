"""bench kills: the real server is killed again and again while clients book and hear.

    python run.py bench kills [--quick] [--kills N] [--seed S] [--json FILE]

`tracenode run` is ended by SIGKILL at moments by chance, one in five while it starts, and started
again on the same file and port. Meanwhile four callers register, start and complete units by OPC UA
methods; a call without an answer is made again with the same RequestId. A consumer (asyncua) hears
the events, and closes its gaps with ReadRecords and with Replay in turns. Another one, where the
packages of tests/node are installed, is on node-opcua; where it ends by itself it is started again.

At the end every record that was acknowledged must be in the journal exactly once and nothing else
beside them, the journal whole (`verify --deep`), and both consumers must have every EventSequence
without a gap, with the same RecordIds, none told twice without its mark. `--seed` gives the same
moments again; what the clients do in between is theirs.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks._fill import fill
from benchmarks._kills_callers import MATERIAL, Caller
from benchmarks._kills_consumer import Consumer
from benchmarks._kills_node import NodeConsumer
from benchmarks._plant import START_US
from benchmarks._rows import Options, Report, command_line, percentile, scratch
from benchmarks._served import configured, spawned, started
from tracenode.models.events import Master
from tracenode.models.receipts import Record
from tracenode.server.store.file.verify import verify
from tracenode.server.trace import Trace

for _name in ("asyncua", "asyncio"):  # they tell of every lost connection
    logging.getLogger(_name).setLevel(logging.CRITICAL)
FULL: Final = 50
QUICK: Final = 3
CALLERS: Final = 4
STARTING: Final = 0.2
"""Share of the kills that come before the server serves."""
STARTING_S: Final = (0.1, 4.0)
SERVING_S: Final = (0.3, 6.0)
"""Between which times after the start, or from when it serves, a kill comes."""
LAST_S: Final = 2.0
"""Of booking after the last kill."""
CAUGHT_UP_S: Final = 180.0
PAGE: Final = 1_000


@dataclass(slots=True)
class Kills:
    """What was done to the server."""

    done: int = 0
    starting: int = 0
    """Of these before it served."""
    calling: int = 0
    """Of these while an answer was waited for."""
    starts_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Clients:
    """Who books, and who hears; `other` is None where it is not installed."""

    callers: list[Caller]
    consumer: Consumer
    other: NodeConsumer | None


async def kill(
    chance: random.Random, count: int, file: Path, callers: Sequence[Caller]
) -> tuple[subprocess.Popen[bytes], Kills]:
    """Kill the server so often; return the one that lives on."""
    kills = Kills()
    for _ in range(count):
        early = chance.random() < STARTING
        moment = chance.uniform(*(STARTING_S if early else SERVING_S))
        if early:
            process = spawned(file)
        else:
            process, server = await asyncio.to_thread(started, file)
            kills.starts_s.append(server.start_s)
        await asyncio.sleep(moment)
        kills.done += 1
        kills.starting += early
        kills.calling += not early and any(caller.calling for caller in callers)
        process.kill()
        await asyncio.to_thread(process.communicate)
    process, _ = await asyncio.to_thread(started, file)
    return process, kills


async def booked(count: int, seed: int, file: Path, clients: Clients) -> Kills:
    """Book and hear while the server is killed, until every client knows everything."""
    callers, consumer, other = clients.callers, clients.consumer, clients.other
    stop, enough = asyncio.Event(), asyncio.Event()
    hearing = asyncio.create_task(consumer.work(enough))
    beside = [asyncio.create_task(other.work())] if other else []
    booking = [asyncio.create_task(caller.work(stop)) for caller in callers]
    process, kills = await kill(random.Random(seed), count, file, callers)
    try:
        await asyncio.sleep(LAST_S)
        stop.set()
        async with asyncio.timeout(CAUGHT_UP_S):
            await asyncio.gather(*booking)
            latest = 1 + sum(len(caller.acknowledged) for caller in callers)
            await _until(lambda: consumer.last >= latest)
            if other is not None:
                await _until(lambda: len(other.ledger) >= latest)
            enough.set()
            await hearing
    except TimeoutError:
        pass  # the report says what is missing
    finally:
        for task in (hearing, *beside, *booking):
            task.cancel()
        await asyncio.gather(hearing, *beside, *booking, return_exceptions=True)
        process.kill()
        await asyncio.to_thread(process.communicate)
    return kills


async def _until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0.1)


# ------------------------------------------------------------------ what came of it
async def _records(database: Path) -> list[Record]:
    found: list[Record] = []
    with Trace.open(database, read_only=True) as trace:
        while page := await trace.records(len(found) + 1, PAGE):
            found += page
    return found


def compared(report: Report, database: Path, clients: Clients) -> None:
    """Compare the journal with what callers and consumers know."""
    callers, consumer, other = clients.callers, clients.consumer, clients.other
    records = asyncio.run(_records(database))
    report.agree("sequences", [r.sequence for r in records], list(range(1, len(records) + 1)))
    known = {(a.sequence, a.kind, a.item) for caller in callers for a in caller.acknowledged}
    acknowledged = sum(len(caller.acknowledged) for caller in callers)
    there = Counter((r.event.type, r.item) for r in records[1:])
    report.agree("records that are there twice", {k for k, n in there.items() if n > 1}, set())
    journal = {(r.sequence, r.event.type, r.item) for r in records[1:]}
    report.agree("acknowledged records, and those of the journal", known, journal)
    report.agree("acknowledged twice", acknowledged, len(known))
    found = verify(database, deep=True)
    report.agree("faults of the journal", found.faults, ())
    for faults in (*(caller.faults for caller in callers), consumer.faults):
        for fault in faults:
            report.agree(fault, "a fault", "none")
    ids = [record.record for record in records]
    report.agree("what the consumer has, and the journal", consumer.ledger, ids)
    if other is not None:
        lines = [f"{sequence} {record}" for sequence, record in enumerate(ids, 1)]
        report.agree("what node-opcua has, and the journal", other.ledger, lines)
        report.agree("gaps that node-opcua found", other.gaps, [])


def run(report: Report, folder: Path, *, kills: int, seed: int) -> None:
    """Kill a server so often; compare what is left."""
    report.section(f"{kills} kills, seed {seed}")
    stations = "".join(
        f'[[stations]]\nid = "OP{number + 1}0"\npath = "Plant1"\n\n' for number in range(CALLERS)
    )
    database = folder / "line.db"
    material = Master(kind="material", key=MATERIAL, data={"kind": "unit"})
    fill(database, [(START_US, material)])
    file = configured(folder, database, stations)
    endpoint = next(
        line.split('"')[1] for line in file.read_text("utf-8").splitlines() if "endpoint" in line
    )
    callers = [Caller(endpoint, number) for number in range(CALLERS)]
    consumer = Consumer(endpoint, "MES1")
    other = NodeConsumer(endpoint, folder) if NodeConsumer.is_installed() else None
    clients, begun = Clients(callers, consumer, other), time.monotonic()
    done = asyncio.run(booked(kills, seed, file, clients))
    seconds = time.monotonic() - begun
    compared(report, database, clients)
    records = sum(len(caller.acknowledged) for caller in callers)
    report.add("kills", done.done, unit="")
    report.add("... before the server served", done.starting, unit="")
    report.add("... while the answer to a booking was waited for", done.calling, unit="")
    report.add("records acknowledged", records, unit="")
    report.add("records a second, restarts included", records / seconds, unit="/s")
    report.add("calls made again", sum(caller.repeated for caller in callers), unit="")
    stored = sum(caller.stored for caller in callers)
    report.add("... that had been booked: the stored answer", stored, unit="")
    report.add("connections of the consumer", consumer.connections, unit="")
    for how in ("heard", "replayed", "read"):
        report.add(f"records that it {how}", consumer.by[how], unit="")
    if other is None:
        report.note("the packages of tests/node are not installed (a test installs them)")
    else:
        report.add("starts of the consumer on node-opcua", other.starts, unit="")
    if done.starts_s:
        report.add("start after a kill, p50", percentile(done.starts_s, 0.5), unit="s")
    said = (folder / "server.log").read_text(encoding="utf-8", errors="replace")
    report.agree("exceptions in the log", said.count("Traceback (most recent call last)"), 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--kills", type=int, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, metavar="S", help="of the moments; else by chance")
    given = parser.parse_args(argv)
    options = Options(given.quick, given.json, given.dir)
    report = Report(options, "kills")
    seed = random.randrange(2**31) if given.seed is None else given.seed
    with scratch(options) as folder:
        run(report, folder, kills=given.kills or (QUICK if given.quick else FULL), seed=seed)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
