"""bench store: durable events a second, latency of a call, disk, rebuild, verify, start, memory.

    python run.py bench store [--quick] [--json FILE]

Ingest is what stations book for a unit (register twice, start, assemble, consume, complete), by 1,
10 and 100 concurrent callers through `Trace.record`, each waiting for its receipt. The peer books
the same events on PostgreSQL and keeps all that ours keeps for them (_ingest_whole.py); beside it
stands one that is spared half of that (_postgres_booking.py says what). All take turns; the numbers
are medians of the turns. At the end the databases are compared: journal entries by type, edges,
states, and with the whole peer visits, stock and counters too; its hash chain is checked.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from benchmarks import _postgres
from benchmarks._fill import SITE, fill
from benchmarks._ingest import (
    BookingPeer,
    connection_each,
    grouped,
    prepare_peer,
    run_loop,
    write_names,
)
from benchmarks._ingest_whole import Peers, broken_link, peers, prepare_whole, whole
from benchmarks._mix import EVENTS_PER_UNIT, beginning, line_events, unit_events
from benchmarks._postgres import NAME, Connection, processor_s
from benchmarks._rows import Options, Report, arguments, clocked, median, percentile, scratch
from benchmarks._served import Usage, used
from tracenode.models.events import TraceEvent
from tracenode.models.receipts import Requester
from tracenode.server.store.file.database import connect_reader
from tracenode.server.store.file.rebuild import rebuild
from tracenode.server.store.file.verify import verify
from tracenode.server.store.schema import INF
from tracenode.server.trace import Trace

CALLERS = {1: ">=1.8", 10: ">=1.5", 100: ">=1.6"}
"""Concurrent callers, and the target of events a second against PostgreSQL."""
SPARED_NAME = f"{NAME}, spared"
"""The peer that keeps and checks less: see _postgres_booking.py."""
UNITS = 100_000
"""Finished units in the big file; each has a part that is a unit too."""
QUICK_UNITS = 3_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rounds, units per round by callers, units in the big file, repeats of a start."""

    rounds: int
    units: dict[int, int]
    filled: int
    starts: int


FULL = Sizes(15, {1: 50, 10: 200, 100: 400}, UNITS, 5)
QUICK = Sizes(3, {1: 20, 10: 60, 100: 100}, QUICK_UNITS, 1)

Book = Callable[[TraceEvent, str], Awaitable[None]]


@dataclass(slots=True)
class Side:
    """What one side did: events a second of each round, microseconds of each call."""

    rates: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    """Calls of each turn."""
    costs: list[float] = field(default_factory=list)
    """Microseconds of processor time for an event in each turn, of all processes that took part."""

    def forget_first(self) -> None:
        """Leave out the first turn."""
        del self.rates[:1], self.costs[:1], self.calls[: sum(self.turns[:1])], self.turns[:1]


def no_other() -> float:
    """The processor time of no other process."""
    return 0.0


async def turn(  # noqa: PLR0917
    side: Side,
    book: Book,
    callers: int,
    first: int,
    units: int,
    others: Callable[[], float] = no_other,
) -> None:
    """Book so many units by so many callers; `others` tells the processor time, in seconds, of the
    processes that book for this one."""
    work = [
        [(n, unit_events(n)) for n in range(first + c, first + units, callers)]
        for c in range(callers)
    ]

    async def caller(mine: list[tuple[int, tuple[TraceEvent, ...]]]) -> None:
        for number, events in mine:
            for place, event in enumerate(events):
                begun = time.perf_counter_ns()
                await book(event, f"{number}-{place}")
                side.calls.append((time.perf_counter_ns() - begun) / 1000)

    spent = time.process_time() + others()
    begun = time.perf_counter()
    await asyncio.gather(*(caller(mine) for mine in work))
    side.turns.append(units * EVENTS_PER_UNIT)
    cost = time.process_time() + others() - spent
    side.costs.append(cost * 1e6 / (units * EVENTS_PER_UNIT))
    side.rates.append(units * EVENTS_PER_UNIT / (time.perf_counter() - begun))


class Ours:
    """Books through the one door."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._requester = Requester("urn:bench|OP10")

    async def book(self, event: TraceEvent, request_id: str) -> None:
        receipt = await self._trace.record(event, self._requester, request_id)
        if receipt.refused:
            raise AssertionError(f"refused: {receipt.text}")


@dataclass(frozen=True, slots=True)
class Race:
    """What each side did for one number of callers. `each` and `groups` are the two ways of the
    spared peer."""

    mine: Side = field(default_factory=Side)
    kept: Side = field(default_factory=Side)
    each: Side = field(default_factory=Side)
    groups: Side = field(default_factory=Side)

    @property
    def spared(self) -> Side:
        """The better way of the spared peer."""
        return max((self.each, self.groups), key=lambda side: median(side.rates or [0.0]))


async def ingest(report: Report, sizes: Sizes, path: Path, peer: Peers | None) -> None:
    """Book on all sides in turns, for each number of callers."""
    first = 0
    with Trace.open(path, site=SITE, create=True) as trace:
        ours = Ours(trace)
        for number, event in enumerate(beginning()):
            await ours.book(event, f"begin-{number}")
        keeper = None
        if peer is not None:
            prepare_peer(peer.spared[0], beginning())
            keeper = prepare_whole(peer.whole[0], beginning())
        for callers, target in CALLERS.items():
            race = Race()
            async with AsyncExitStack() as stack:
                ways: list[tuple[Side, BookingPeer]] = []
                if peer is not None and keeper is not None:
                    await stack.enter_async_context(whole(keeper, peer.whole[1]))
                    for side, opened in (
                        (race.each, connection_each(peer.spared[1], callers)),
                        (race.groups, grouped(peer.spared[1], callers)),
                    ):
                        ways.append((side, await stack.enter_async_context(opened)))
                # A first turn that does not count: plans are made, caches filled.
                for units in (4 * callers, *[sizes.units[callers]] * sizes.rounds):
                    await turn(race.mine, ours.book, callers, first, units)
                    if keeper is not None:
                        await turn(race.kept, keeper.book, callers, first, units, processor_s)
                    # Half of the units each way, so that all databases hold the same.
                    for place, (side, other) in enumerate(ways):
                        share = units // 2
                        begin = first + place * share
                        await turn(side, other.book, callers, begin, share, processor_s)
                    first += units
            tell_race(report, callers, target, race, missing=peer is None)
    if peer is not None:
        for connection, _ in peer:
            write_names(connection)
            compare_contents(report, path, connection)
        compare_kept(report, path, peer.whole[0])


def tell_race(report: Report, callers: int, target: str, race: Race, *, missing: bool) -> None:
    for side in (race.mine, race.kept, race.each, race.groups):
        side.forget_first()
    compare_ingest(report, callers, target, race.mine, None if missing else race.kept)
    if missing:
        return
    for name, side in ((NAME, race.kept), (SPARED_NAME, race.spared)):
        report.add(
            f"processor time of an event, {callers} caller(s) vs {name}",
            median(race.mine.costs),
            median(side.costs),
            unit="us",
        )
    report.add(
        f"durable events, {callers} caller(s) vs {SPARED_NAME}",
        median(race.mine.rates),
        median(race.spared.rates),
        unit="1/s",
    )
    report.note(
        f"{callers} caller(s), {SPARED_NAME}: {median(race.each.rates):,.0f} events/s with a"
        f" connection each, {median(race.groups.rates):,.0f} grouped; the better one is taken"
    )


def compare_ingest(
    report: Report, callers: int, target: str, mine: Side, other: Side | None
) -> None:
    missing = "" if other is not None else NAME
    report.add(
        f"durable events, {callers} caller(s) vs {NAME}",
        median(mine.rates),
        None if other is None else median(other.rates),
        unit="1/s",
        target=target,
        missing=missing,
    )
    for share in (0.5, 0.99):
        report.add(
            f"latency of a call p{share * 100:.0f}, {callers} caller(s) vs {NAME}",
            percentile(mine.calls, share) / 1000,
            None if other is None else percentile(other.calls, share) / 1000,
            unit="ms",
            missing=missing,
        )


_TYPES = "SELECT type, count(*) FROM journal WHERE type <> 'master' GROUP BY type"
_EDGES = """
SELECT o.text, i.text, e.rel, e.qty FROM edge e JOIN item o ON o.id = e.dst
JOIN item i ON i.id = e.src"""
_STATES = f"""
SELECT y.code, i.text, l.state FROM life l JOIN item i ON i.id = l.item
JOIN type y ON y.id = i.type WHERE l.until = {1 << 62}"""


def compare_contents(report: Report, path: Path, peer: Connection) -> None:
    """Compare what both sides hold in the end."""
    with closing(connect_reader(path)) as ours:
        for what, query in (("entries", _TYPES), ("edges", _EDGES), ("states", _STATES)):
            theirs = set(peer.execute(query.encode()).fetchall())
            report.agree(what, set(ours.execute(query).fetchall()), theirs)


_KEPT = {
    "visits": """SELECT i.text, s.name, v.until < {inf} FROM visit v JOIN item i ON i.id = v.item
JOIN station s ON s.id = v.station""",
    "counters of stations": """SELECT s.name, n.ok, n.nok FROM station_now n
JOIN station s ON s.id = n.station""",
    "stock": """SELECT i.text, k.dimension, k.come, k.gone, k.unknown, k.taken FROM stock k
JOIN item i ON i.id = k.item""",
    "touched": "SELECT i.text, count(*) FROM touch t JOIN item i ON i.id = t.item GROUP BY i.text",
}


def compare_kept(report: Report, path: Path, peer: Connection) -> None:
    """Compare what the whole peer keeps besides, and check its chain and its sequence."""

    def plain(rows: Iterable[tuple[object, ...]]) -> set[tuple[object, ...]]:
        return {
            tuple(Decimal(str(v)) if n in (2, 3) else v for n, v in enumerate(row)) for row in rows
        }

    with closing(connect_reader(path)) as ours:
        for what, query in _KEPT.items():
            sql = query.format(inf=INF)
            mine, theirs = ours.execute(sql).fetchall(), peer.execute(sql.encode()).fetchall()
            if what == "stock":
                report.agree(what, plain(mine), plain(theirs))
            else:
                report.agree(what, {(*row,) for row in mine}, {(*row,) for row in theirs})
    report.agree("first broken link of the peer's chain", broken_link(peer), 0)


def disk(report: Report, path: Path, peer: Connection | None) -> None:
    """Compare bytes on disk for each journal entry, all tables and indexes with it."""
    with closing(connect_reader(path)) as ours:
        (entries,) = ours.execute("SELECT count(*) FROM journal").fetchone()
    theirs = None
    if peer is not None:
        row = peer.execute(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c"
            " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
        ).fetchone()
        count = peer.execute("SELECT count(*) FROM journal").fetchone()
        assert row is not None and count is not None
        theirs = float(row[0]) / count[0]
    report.add(
        f"disk for an event vs {NAME}",
        path.stat().st_size / entries,
        theirs,
        unit="bytes",
        missing="" if peer is not None else NAME,
    )


# ------------------------------------------------------------------ a full file
def keeping(report: Report, path: Path) -> None:
    """Measure `rebuild` and `verify` on a file."""
    took, result = clocked(rebuild, path)
    entries = result.entries
    report.agree("tables before and after a rebuild", result.before, result.after)
    report.add(f"rebuild, {entries:,} entries", took / entries, unit="us/entry")
    took, found = clocked(verify, path)
    report.agree("faults found by verify", found.faults, ())
    report.add(f"verify, {entries:,} entries", entries / (took / 1e6), unit="1/s")


def opening(report: Report, sizes: Sizes, empty: Path, full: Path) -> None:
    """Compare how long it takes to open the store."""

    def opened(path: Path) -> None:
        Trace.open(path).close()

    times: dict[Path, list[float]] = {empty: [], full: []}
    for _ in range(sizes.starts):
        for path, taken in times.items():
            taken.append(clocked(opened, path)[0] / 1000)
    report.add(
        f"open and close, {sizes.filled:,} units vs an empty file",
        median(times[full]),
        median(times[empty]),
        unit="ms",
    )


def serving(report: Report, sizes: Sizes, folder: Path, empty: Path, full: Path) -> None:
    """Compare the whole server process on both files: start to endpoint, and RssAnon."""
    usages: dict[Path, list[Usage]] = {empty: [], full: []}
    for number in range(sizes.starts):
        for path, found in usages.items():
            place = folder / f"served-{number}-{path.stem}"
            place.mkdir()
            found.append(used(place, path))

    def of(path: Path, name: str) -> float:
        return median([getattr(usage, name) for usage in usages[path]])

    more = f"{sizes.filled:,} units more than an empty file"
    report.note(
        f"an empty file: {of(empty, 'start_s'):.2f} s to the endpoint, "
        f"RssAnon {of(empty, 'rss_mib'):.0f} MiB at start, {of(empty, 'rss_used_mib'):.0f} in use"
    )
    for name, what, unit, target in (
        ("start_s", "server start to endpoint", "s", "<=1"),
        ("rss_mib", "server RssAnon at start", "MiB", "<=40"),
        ("rss_used_mib", "server RssAnon after browsing and asking", "MiB", "<=40"),
    ):
        difference = of(full, name) - of(empty, name)
        report.add(f"{what}, {more}", difference, unit=unit, target=target)


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(__doc__ or "", argv)
    report = Report(options, "bench store")
    with scratch(options) as folder:
        measure(report, options, folder)
    return report.finish()


def measure(report: Report, options: Options, folder: Path) -> None:
    sizes = QUICK if options.quick else FULL
    path = folder / "ingest.db"
    report.section("Durable ingest")
    if why := _postgres.missing():
        report.note(f"{NAME} is missing: {why}")
        run_loop(ingest(report, sizes, path, None))
        disk(report, path, None)
    else:
        with peers() as both:
            run_loop(ingest(report, sizes, path, both))
            disk(report, path, both.whole[0])
    report.section("Keeping and starting")
    keeping(report, path)
    empty, full = folder / "empty.db", folder / "full.db"
    Trace.open(empty, site=SITE, create=True).close()
    fill(full, line_events(sizes.filled))
    opening(report, sizes, empty, full)
    serving(report, sizes, folder, empty, full)


if __name__ == "__main__":
    sys.exit(main())
