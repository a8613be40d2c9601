"""bench recall: a recall of 100,000 units over OPC UA, and what other clients feel of it.

    python run.py bench recall [--quick] [--json FILE]

The real server process (`tracenode run`) over a file in which one lot went into 100,000 units.
node-opcua recalls the lot, page by page of 2,000 (asyncua, where the packages of tests/node are
not installed). Meanwhile, and before, four other clients each call CheckItem and read a variable
twenty times a second: their answer times are compared. The pages are compared with what went in.
It is done twice: answered by a reading process (`[store] reading_processes`), and by the server.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from asyncua import ua

from benchmarks._fill import fill
from benchmarks._rows import Report, arguments, percentile, scratch
from benchmarks._served import Places, called, client_of, served, text
from tracenode.models.events import (
    Master,
    Output,
    Portion,
    Receive,
    Share,
    TraceEvent,
    Transform,
)
from tracenode.models.quantities import Quantity

FULL: Final = 100_000
QUICK: Final = 10_000
BATCH: Final = 5_000
"""Units that one record makes."""
PAGE: Final = 2_000
OTHERS: Final = 4
PAUSE_S: Final = 0.05
IDLE_S: Final = 8.0
ROUNDS: Final = 5
BY: Final = {"beside": 1, "in the server": 0}
"""Who answers, and the reading processes of the server."""
LOT: Final = "lot:STEEL:HOT"
STATION: Final = '[[stations]]\nid = "OP10"\npath = "Plant1/Hall1/Line1"\n'
SCRIPTS: Final = Path(__file__).resolve().parent.parent / "tests" / "node"


def unit(number: int) -> str:
    return f"sn:PUMP:P{number:06}"


def events(units: int) -> Iterator[tuple[int, TraceEvent]]:
    """A lot, and the units made of it: 1 kg each."""
    at = 1_767_600_000_000_000
    yield at, Master(kind="material", key="STEEL", data={"kind": "lot", "unit": "KGM"})
    yield at, Master(kind="material", key="PUMP", data={"kind": "unit"})
    one = Quantity.of(1, "KGM")
    whole = Quantity.of(units, "KGM")
    yield at + 1, Receive(item=LOT, material="STEEL", quantity=whole)
    for first in range(0, units, BATCH):
        made = range(first, min(first + BATCH, units))
        yield (
            at + 2 + first,
            Transform(
                station="OP10",
                inputs=(Portion(item=LOT, quantity=Quantity.of(len(made), "KGM")),),
                outputs=tuple(Output(item=unit(number), material="PUMP") for number in made),
                map=tuple(Share(output=n, input=0, quantity=one) for n in range(len(made))),
            ),
        )


# ------------------------------------------------------------------ who recalls
async def recalled(endpoint: str) -> dict[str, Any]:
    """Recall the lot with node-opcua where it is installed, else with asyncua."""
    node = shutil.which("node")
    if node is None or not (SCRIPTS / "node_modules" / "node-opcua").is_dir():
        return await _recalled_by_asyncua(endpoint)
    process = await asyncio.create_subprocess_exec(
        node,
        str(SCRIPTS / "recall_client.js"),
        endpoint,
        LOT,
        str(PAGE),
        cwd=SCRIPTS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(err.decode()[-2000:])
    line = next(line for line in out.decode().splitlines() if line.startswith("{"))
    found: dict[str, Any] = json.loads(line)
    return {**found, "client": "node-opcua"}


async def _recalled_by_asyncua(endpoint: str) -> dict[str, Any]:
    async with client_of(endpoint) as client:
        places = await Places.of(client)
        queries = await places.member(places.node("Traceability"), "Queries")
        begun = time.perf_counter()
        recall = await places.member(queries, "RecallScope")
        asked = (text(LOT), ua.Variant(), ua.Variant(0, ua.VariantType.UInt64), _u32(PAGE))
        first = await called(queries, recall, *asked)
        recalled_ms = (time.perf_counter() - begun) * 1000
        items, pages = list(first[0]), 1
        fetch = await places.member(queries, "FetchPage")
        while (
            first[6]
            and (
                page := await called(queries, fetch, text(first[6]), _u32(len(items)), _u32(PAGE))
            )[0]
        ):
            items += page[0]
            pages += 1
        return {
            "affected": first[4],
            "items": len(items),
            "different": len(set(items)),
            "first": items[0],
            "last": items[-1],
            "pages": pages,
            "recalledMs": recalled_ms,
            "allMs": (time.perf_counter() - begun) * 1000,
            "client": "asyncua",
        }


def _u32(number: int) -> ua.Variant:
    return ua.Variant(number, ua.VariantType.UInt32)


# ------------------------------------------------------------------ the others
class Others:
    """Clients with a life of their own; what they waited for is in `calls` and `reads`, in ms."""

    def __init__(self) -> None:
        self.calls: list[float] = []
        self.reads: list[float] = []

    async def one(self, endpoint: str, number: int) -> None:
        """Call and read until cancelled."""
        async with client_of(endpoint) as client:
            places = await Places.of(client)
            station = places.node("St/OP10")
            check = await places.member(station, "CheckItem")
            status = await places.member(station, "LastStatus")
            while True:
                begun = time.perf_counter()
                await called(station, check, text(""), text(unit(number)))
                called_at = time.perf_counter()
                await status.read_value()
                done = time.perf_counter()
                self.calls.append((called_at - begun) * 1000)
                self.reads.append((done - called_at) * 1000)
                await asyncio.sleep(PAUSE_S)

    def taken(self) -> tuple[list[float], list[float]]:
        """Return the times so far and begin anew."""
        found = self.calls, self.reads
        self.calls, self.reads = [], []
        return found


async def measure(report: Report, endpoint: str, units: int, by: str) -> None:
    others = Others()
    tasks = [asyncio.create_task(others.one(endpoint, number)) for number in range(OTHERS)]
    try:
        await asyncio.sleep(1.0)
        others.taken()
        await asyncio.sleep(IDLE_S)
        idle = others.taken()
        found = [await recalled(endpoint) for _ in range(ROUNDS)]
        busy = others.taken()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    report.section(f"{by}: recall of {units:,} units over OPC UA, to {found[0]['client']}")
    for seen in found:
        report.agree("affected", seen["affected"], units)
        report.agree("items that came", (seen["items"], seen["different"]), (units, units))
        report.agree("first and last", (seen["first"], seen["last"]), (unit(0), unit(units - 1)))
    times = [seen["recalledMs"] for seen in found]
    report.add(f"{by}: the recall and its first page, p50", percentile(times, 0.5), unit="ms")
    all_of_it = [seen["allMs"] for seen in found]
    report.add(f"{by}: all {found[0]['pages']} pages, p50", percentile(all_of_it, 0.5), unit="ms")
    report.section(f"{by}: {OTHERS} other clients meanwhile, beside themselves before")
    for name, now, before in (("CheckItem", busy[0], idle[0]), ("read", busy[1], idle[1])):
        for share in (0.5, 0.99):
            report.add(
                f"{by}: {name} p{share * 100:.0f}, {len(now):,} and {len(before):,} of them",
                percentile(now, share),
                percentile(before, share),
                unit="ms",
            )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    options = arguments(__doc__ or "", argv)
    units = QUICK if options.quick else FULL
    report = Report(options, "recall")
    with scratch(options) as folder:
        database = folder / "recall.db"
        fill(database, events(units))
        for by, processes in BY.items():
            with served(
                folder, database, STATION, store=f"reading_processes = {processes}"
            ) as server:
                asyncio.run(measure(report, server.endpoint, units, by))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
