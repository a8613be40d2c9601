"""Writing into a big store, and asking small questions of it while it is busy."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from benchmarks._fill import SITE
from benchmarks._ingest import connection_each, grouped, prepare_peer
from benchmarks._ingest_whole import Peers, prepare_whole, whole
from benchmarks._mix import EVENTS_PER_UNIT, beginning, unit_events
from benchmarks._postgres import NAME
from benchmarks._rows import Report, median, percentile
from benchmarks.store import SPARED_NAME, Ours, Side, turn
from tracenode.models.answers import Ingredients, RecallScope
from tracenode.models.receipts import Requester
from tracenode.server.app import SWITCH_S
from tracenode.server.trace import Trace

__all__ = ["busy", "ingest", "prepare"]

UNITS: Final = {1: 30, 10: 100, 100: 200, 1000: 1000}
"""Units of a turn by concurrent callers, whose events share a commit."""
TARGETS: Final = {1: ">=1.8", 10: ">=1.5", 100: ">=1.6", 1000: ">=1.8"}
ON_BASE: Final = ">=0.8"
_REQUESTER: Final = Requester("urn:bench|OP10")


def prepare(path: Path, *, create: bool = False) -> None:
    """Book what must be there before the first unit of the mix."""
    with Trace.open(path, site=SITE, create=create) as trace:
        for event in beginning():
            receipt = trace.record_now(event, _REQUESTER)
            assert not receipt.refused, receipt.text


async def ingest(
    report: Report, base: Path, size: str, peer: Peers | None, rounds: int = 3
) -> None:
    """Book on an empty store, on PostgreSQL and on the big store in turns, by callers that each
    wait for their receipt. `base` is prepared and may be written to."""
    first = 0
    beside = base.with_name("empty.db")
    prepare(beside, create=True)
    with Trace.open(beside) as empty, Trace.open(base) as big:
        big.index_now()
        keeper = None
        if peer is not None:
            prepare_peer(peer.spared[0], beginning())
            keeper = prepare_whole(peer.whole[0], beginning())
        for callers, units in UNITS.items():
            names = ("empty", "base", "whole", "each", "grouped")
            sides = {name: Side() for name in names}
            async with AsyncExitStack() as stack:
                booking = {"empty": Ours(empty).book, "base": Ours(big).book}
                if peer is not None and keeper is not None:
                    kept = await stack.enter_async_context(whole(keeper, peer.whole[1]))
                    booking["whole"] = kept.book
                    for name, opened in (("each", connection_each), ("grouped", grouped)):
                        way = await stack.enter_async_context(opened(peer.spared[1], callers))
                        booking[name] = way.book
                # A first turn that does not count: plans are made, caches filled.
                for _ in range(rounds + 1):
                    for place, (name, book) in enumerate(booking.items()):
                        # Neither way of the peer's may meet the units of the other.
                        other = first + max(0, place - 2) * units
                        await turn(sides[name], book, callers, other, units)
                    first += 3 * units
            rates = {name: median(side.rates[1:]) for name, side in sides.items() if side.rates}
            report.add(
                f"durable events, {callers} per commit, empty store vs {NAME}",
                rates["empty"],
                rates.get("whole"),
                unit="1/s",
                target=TARGETS[callers],
                missing="" if peer is not None else NAME,
            )
            if peer is not None:
                report.add(
                    f"durable events, {callers} per commit, empty store vs {SPARED_NAME}",
                    rates["empty"],
                    max(rates["each"], rates["grouped"]),
                    unit="1/s",
                )
            report.add(
                f"durable events, {callers} per commit, on {size} vs empty store",
                rates["base"],
                rates["empty"],
                unit="1/s",
                target=ON_BASE,
            )


# ------------------------------------------------------------------ under load
RATE: Final = 2_000
"""Events a second that are booked beside."""
SLICE_S: Final = 0.01
IDLE: Final = 500
"""Small questions to an idle store."""
BUSY_S: Final = 6.0
MAX_NODES: Final = 20_000_000


async def busy(report: Report, base: Path, size: str, hot: str, small: Sequence[str]) -> None:
    """Small questions while a huge recall runs, in the reading process that a server has, and
    stations book. Threads take turns as in a server. `base` is prepared and may be written to."""
    sys.setswitchinterval(SWITCH_S)
    with Trace.open(base, reading_processes=1) as trace:
        trace.index_now()
        # What it takes to start is a server's, long before somebody asks.
        await trace.ask(RecallScope(item=small[0], limit=0))
        for item in small[:50]:
            await trace.ask(Ingredients(item=item))
        idle = await _asked(trace, small, IDLE, 0.0)
        async with _recalling(trace, hot) as recalls, _stations(trace) as booked:
            begun = time.perf_counter()
            loaded = await _asked(trace, small, 0, BUSY_S)
            took = time.perf_counter() - begun
        report.note(
            f"meanwhile {booked[0] / took:,.0f} events/s, {len(recalls)} recalls of"
            f" {max(recalls, default=0):,} items; {len(loaded)} small questions"
        )
        quiet = percentile(idle, 0.99) / 1000
        name = f"small question p99 during recall and events, {size}"
        loud = percentile(loaded, 0.99) / 1000
        report.add(f"{name} vs idle", loud, quiet, unit="ms", target="<=6")
        report.add(name, loud, unit="ms", target="<=12")


async def _asked(trace: Trace, small: Sequence[str], at_least: int, seconds: float) -> list[float]:
    """Ask small questions one after another; return the microseconds of each."""
    times: list[float] = []
    ends = time.perf_counter() + seconds
    while len(times) < at_least or time.perf_counter() < ends:
        begun = time.perf_counter_ns()
        await trace.ask(Ingredients(item=small[len(times) % len(small)]))
        times.append((time.perf_counter_ns() - begun) / 1000)
    return times


@asynccontextmanager
async def _recalling(trace: Trace, hot: str) -> AsyncIterator[list[int]]:
    """Recall an item over and over; yields how many items each recall affected."""
    affected: list[int] = []

    async def recall() -> None:
        while True:
            question = RecallScope(item=hot, limit=0, max_nodes=MAX_NODES)
            affected.append((await trace.ask(question)).affected)

    async with _running(recall()):
        yield affected


@asynccontextmanager
async def _stations(trace: Trace) -> AsyncIterator[list[int]]:
    """Book units at RATE; yields how many events were booked so far."""
    booked = [0]
    units = round(RATE * SLICE_S / EVENTS_PER_UNIT)

    async def unit(number: int) -> None:
        for event in unit_events(number):
            receipt = await trace.record(event, _REQUESTER)
            assert not receipt.refused, receipt.text
            booked[0] += 1

    async def stations() -> None:
        number, due = 10_000_000, time.perf_counter()
        async with asyncio.TaskGroup() as line:
            while True:
                for _ in range(units):
                    line.create_task(unit(number))
                    number += 1
                due += units * EVENTS_PER_UNIT / RATE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async with _running(stations()):
        yield booked


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
