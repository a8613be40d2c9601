"""bench opcua: what the server's OPC UA costs, beside other servers.

    python run.py bench opcua [--quick] [--json FILE] [--only ROWS] [--peers NAMES]

Servers with one address space run side by side: tracenode's core, stock asyncua, node-opcua, and
open62541 served from Python (the package o6), each where it is installed; `slow` among the NAMES is
ours without its fast lane. One client of prepared
bytes asks them in turns. What is compared is the processor time of the server's process for each
operation, from /proc, so Linux only; the medians of the rounds are shown. Answers are compared
between all servers. The rows: read, write, call, browse, items, data, events, connect, secure,
plant, booking.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import _ua_requests as requests
from benchmarks._rows import Options as RowOptions
from benchmarks._rows import Report, command_line, median, scratch
from benchmarks._ua_client import Keys, Wire, exchange
from benchmarks._ua_peers import NAMES, OURS, Peer, certified, commands, peers
from benchmarks._ua_scenes import data_changes, events, plant

ROWS: Final = (
    "read",
    "write",
    "call",
    "browse",
    "items",
    "data",
    "events",
    "connect",
    "secure",
    "plant",
    "booking",
)
PEERS: Final = "asyncua,node,o6"
BATCH: Final = 4_000
"""Requests of one turn at most; its time ends it before, with all but the fastest."""


@dataclass(slots=True)
class Run:
    """What is measured: `rounds` turns of `batch_s` seconds for each row and server."""

    report: Report
    servers: dict[str, Peer]
    keys: Keys
    rounds: int
    batch_s: float
    quick: bool
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def rows(self, name: str, unit: str, targets: dict[str, str]) -> None:
        """Report what the servers cost in the median, ours beside each of the others."""
        ours = median(self.costs[OURS])
        for key, peer in NAMES.items():
            if key in self.costs:
                cost = median(self.costs[key])
                self.report.add(f"{name} vs {peer}", ours, cost, unit=unit, target=targets.get(key))
        if len(self.costs) == 1:
            self.report.add(name, ours, unit=unit)
        self.costs.clear()


def ratio(asyncua: float, node: float, o6: float) -> dict[str, str]:
    """Return targets from how many times as fast ours is to be."""
    faster = {"asyncua": asyncua, "node": node, "o6": o6}
    return {key: f"<={1 / times:.3g}" for key, times in faster.items()}


# ------------------------------------------------------------------ requests
def asked(
    run: Run,
    name: str,
    made: Sequence[Any],
    targets: dict[str, str],
    *,
    sessions: int = 1,
    keys: Keys | None = None,
) -> None:
    """Measure one request, or several in turn, and compare the answers."""
    makers: list[Callable[[], Any]] = [partial(_same, request) for request in made]
    with wires(run, sessions, keys) as of:
        for key in run.servers:
            _, warm = exchange(of[key], makers, 200, run.batch_s)
            list(warm())  # on an encrypted channel every answer must be seen, in its order
        first: dict[str, list[object]] = {}
        for _ in range(run.rounds):
            for key, peer in run.servers.items():
                before = peer.cpu()
                count, answers = exchange(of[key], makers, BATCH, run.batch_s)
                run.costs[key].append((peer.cpu() - before) / count)
                decoded = list(answers())
                first.setdefault(key, [requests.shown(answer) for answer in decoded[:5]])
    compare(run, name, first)
    run.rows(name, "us", targets)


def _same(request: Any) -> Any:
    return request


@contextmanager
def wires(run: Run, sessions: int, keys: Keys | None = None) -> Iterator[dict[str, list[Wire]]]:
    """Yield open connections to each server."""
    with ExitStack() as stack:
        made: dict[str, list[Wire]] = {}
        for key, peer in run.servers.items():
            made[key] = [Wire(peer.endpoint, keys) for _ in range(sessions)]
            for wire in made[key]:
                stack.callback(wire.close)
        yield made


def compare(run: Run, what: str, answers: dict[str, Any]) -> None:
    """Each peer's answers against ours."""
    for key, answer in answers.items():
        if key != OURS:
            run.report.agree(f"{what}, {NAMES[key]}", answers[OURS], answer)


def reading(run: Run) -> None:
    asked(run, "Read 1", [requests.read([0])], ratio(6, 4, 0.8))
    hundred = [requests.read(range(100))]
    asked(run, "Read 100, a repeating set", hundred, ratio(30, 20, 2))
    sets = requests.new_sets(100 if run.quick else 400)
    asked(run, "Read 100, a new set each time", sets, {})


def writing(run: Run) -> None:
    values = [requests.write(999, float(value)) for value in range(50)]
    asked(run, "Write 1", values, ratio(6, 4, 0.8))


def calling(run: Run) -> None:
    name = "Call, 10 sessions, protocol only"
    asked(run, name, [requests.call()], ratio(4, 3, 0.8), sessions=10)


def browsing(run: Run) -> None:
    name = "Browse 1,000 children, warm"
    with wires(run, 1) as of:
        seen: dict[str, object] = {}
        for key in run.servers:
            seen[key] = requests.shown(of[key][0].ask(requests.browse()))
            exchange(of[key], [requests.browse], 3, 5.0)
        for _ in range(run.rounds):
            for key, peer in run.servers.items():
                before = peer.cpu()
                count, answers = exchange(of[key], [requests.browse], 500, run.batch_s)
                run.costs[key].append((peer.cpu() - before) / count)
                sizes = {len(answer.Results[0].References) for answer in list(answers())[:2]}
                run.report.agree(f"{name}, {key}", sizes, {1000})
    compare(run, name, seen)
    run.rows(name, "us", ratio(100, 50, 3))


def watching(run: Run) -> None:
    name = "create 1,000 monitored items"
    with wires(run, 1) as of:
        seen: dict[str, object] = {}
        for _ in range(run.rounds + 1):
            for key, peer in run.servers.items():
                wire = of[key][0]
                made = wire.ask(requests.create_subscription(60_000)).Parameters.SubscriptionId
                before = peer.cpu()
                answer = wire.ask(requests.create_items(made, 1000))
                run.costs[key].append((peer.cpu() - before) / 1000)
                seen[key] = requests.shown(answer)
                wire.ask(requests.delete_subscription(made))
    for costs in run.costs.values():
        del costs[0]
    compare(run, name, seen)
    run.rows(name, "ms", ratio(10, 4, 1))


def connecting(run: Run) -> None:
    count = 5 if run.quick else 20
    for name, keys in (("None", None), ("Basic256Sha256, SignAndEncrypt", run.keys)):
        for _ in range(run.rounds):
            for key, peer in run.servers.items():
                before = peer.cpu()
                for _ in range(count):
                    Wire(peer.endpoint, keys).close()
                run.costs[key].append((peer.cpu() - before) / 1000 / count)
        run.rows(f"connect and close, {name}", "ms", {})


def secured(run: Run) -> None:
    name = "Basic256Sha256, SignAndEncrypt"
    asked(run, f"Read 1, {name}", [requests.read([0])], {}, keys=run.keys)
    asked(run, f"Read 100, a repeating set, {name}", [requests.read(range(100))], {}, keys=run.keys)
    asked(run, f"Call, {name}", [requests.call()], {}, keys=run.keys)


# ------------------------------------------------------------------ scenes
def changing(run: Run) -> None:
    rounds = 3 if run.quick else 10
    for _ in range(1 if run.quick else 3):
        for key, peer in run.servers.items():
            cost, missing = data_changes(peer, rounds)
            run.costs[key].append(cost)
            if key == OURS:
                run.report.agree("data changes that did not come", missing, 0)
            elif missing:
                run.report.note(f"{NAMES[key]}: {missing:,} data changes did not come")
    run.rows("data change to 10 subscribers, for each notification", "us", ratio(15, 3, 1))


def emitting(run: Run) -> None:
    count = 300 if run.quick else 2_000
    for _ in range(1 if run.quick else 3):
        for key, peer in run.servers.items():
            found = events(peer, count)
            run.costs[key].append(found.cost)
            if key == OURS:
                run.report.agree("events heard by 10 subscribers", found.lost, 0)
                run.report.agree("their messages", found.numbers, [str(n) for n in range(count)])
            elif found.lost:
                share = found.lost / (10 * count)
                run.report.note(f"{NAMES[key]}: lost {share:.0%} of the events")
    run.rows("event flat out to 10 subscribers", "us", ratio(10, 4, 1))


def working(run: Run) -> None:
    seconds = 4.0 if run.quick else 15.0
    late: dict[str, float] = {}
    for key, peer in run.servers.items():
        found = plant(peer, seconds)
        run.costs[key].append(found.cpu_percent)
        late[key] = found.call_p99_ms
        run.report.note(
            f"{NAMES.get(key, key)}: {found.calls:,} calls, p50 {found.call_p50_ms:.1f} ms, "
            f"{found.changes:,} data changes, {found.events:,} events"
        )
        if key == OURS:
            run.report.agree("events of the plant that did not come", found.events_missing, 0)
    run.rows("a plant: processor of the server", "%", ratio(5, 3, 1))
    for key, name in NAMES.items():
        if key in late:
            run.report.add(f"a plant: call p99 vs {name}", late[OURS], late[key], unit="ms")
    run.report.add("a plant: call p99", late[OURS], unit="ms", target="<=10")


def booked(run: Run) -> None:
    from benchmarks._ua_bookings import bookings

    bookings(run.report, quick=run.quick)


MEASURES: Final[dict[str, Callable[[Run], None]]] = dict(
    zip(
        ROWS,
        (
            reading,
            writing,
            calling,
            browsing,
            watching,
            changing,
            emitting,
            connecting,
            secured,
            working,
            booked,
        ),
        strict=True,
    )
)


def measure(report: Report, folder: Path, only: Sequence[str], wanted: Sequence[str]) -> None:
    """Start the servers and measure the rows."""
    keys = certified(folder)
    for key, command in commands(folder, keys).items():
        if isinstance(command, str):
            report.note(f"{NAMES[key]} is missing: {command}")
    quick = report.quick
    with peers(folder, keys, [OURS, *wanted]) as servers:
        run = Run(report, servers, keys, 2 if quick else 5, 0.1 if quick else 0.4, quick)
        for row in only:
            report.section(row)
            MEASURES[row](run)


def main(argv: Sequence[str] | None = None) -> int:
    parser = command_line(__doc__ or "")
    parser.add_argument("--only", metavar="ROWS", default=",".join(ROWS), help="some rows")
    parser.add_argument("--peers", metavar="NAMES", default=PEERS, help=f"of {','.join(NAMES)}")
    found = parser.parse_args(argv)
    only, wanted = found.only.split(","), [name for name in found.peers.split(",") if name]
    for name, known in ((only, ROWS), (wanted, NAMES)):
        if unknown := set(name) - set(known):
            parser.error(f"expected some of {', '.join(known)}, found {', '.join(unknown)}")
    if not Path("/proc/self/schedstat").exists():
        print("bench opcua: needs /proc/PID/schedstat, which Linux has", file=sys.stderr)
        return 2
    options = RowOptions(found.quick, found.json, found.dir)
    report = Report(options, "bench opcua")
    with scratch(options) as folder:
        measure(report, folder, [row for row in ROWS if row in only], wanted)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
