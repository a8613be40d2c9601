"""bench churn: clients that connect, call and go, thousands of times.

    python run.py bench churn [--quick] [--only SECURITY] [--json FILE]

One after another, clients connect to the real server (`tracenode run`), call CheckItem and read a
variable; each fourth has a subscription. Nine of ten close their session, one of ten only breaks
its connection: its session and subscription end by their time. It is done unencrypted, and less
often with Basic256Sha256 SignAndEncrypt. Rows are the processor time of the server for one client,
and memory and descriptors beside those after the first tenth. At the end as many sessions and
subscriptions as the server admits at all are opened: one that was left over would be in the way.
Needs Linux.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from asyncua import ua

from benchmarks._fill import fill
from benchmarks._fuzz_requests import STATION, UNIT, probe, site
from benchmarks._mix import line_events
from benchmarks._rows import Options, Report, command_line, scratch
from benchmarks._served import Served, served
from benchmarks._ua_client import Keys, Refused, Wire
from benchmarks._ua_ours import trusting
from benchmarks._ua_peers import certified, cpu_of
from benchmarks._ua_requests import create_items
from tracenode.server.opcua.limits import Limits

FULL: Final = {"unencrypted": 20_000, "SignAndEncrypt": 2_000}
QUICK: Final = {"unencrypted": 400, "SignAndEncrypt": 60}
SECURITY: Final = ("None", "Basic256Sha256.SignAndEncrypt")
UNCLEAN: Final = 10
SUBSCRIBED: Final = 4
MORE_MIB: Final = 16.0
MORE_DESCRIPTORS: Final = 8
GONE_S: Final = 30.0
"""Until sessions and subscriptions that were left have ended by their time."""
_CONFIG: Final = '[[stations]]\nid = "OP10"\npath = "Plant1/Hall1/Line1"\n'
_RESET: Final = struct.pack("ii", 1, 0)


class Visitor(Wire):
    """A client whose session lasts two seconds after it was last heard of."""

    session_ms = 2_000


def subscription() -> ua.CreateSubscriptionRequest:
    """A subscription that ends three seconds after its client was last heard of."""
    request = ua.CreateSubscriptionRequest()
    asked = request.Parameters
    asked.RequestedPublishingInterval = ua.Double(100.0)
    asked.RequestedMaxKeepAliveCount = ua.UInt32(10)
    asked.RequestedLifetimeCount = ua.UInt32(30)
    asked.PublishingEnabled = True
    return request


def check() -> ua.CallRequest:
    """CheckItem of a unit that is known."""
    request = ua.CallRequest()
    asked = ua.CallMethodRequest(ObjectId=site(STATION), MethodId=site(f"{STATION}.CheckItem"))
    asked.InputArguments = [ua.Variant(word, ua.VariantType.String) for word in ("", UNIT)]
    request.Parameters.MethodsToCall = [asked]
    return request


def visit(endpoint: str, keys: Keys | None, number: int) -> tuple[int, int]:
    """Come, ask and go; return what a call and a read said: status and state."""
    wire = Visitor(endpoint, keys)
    if number % SUBSCRIBED == 0:
        wire.ask(create_items(wire.ask(subscription()).Parameters.SubscriptionId, 1))
    called = wire.ask(check()).Results[0].StatusCode.value
    state: Any = wire.ask(probe()).Results[0].Value
    if number % UNCLEAN == 0:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        wire.socket.close()
    else:
        wire.close()
    return called, state.Value


def churn(report: Report, server: Served, keys: Keys, visits: dict[str, int]) -> None:
    """Let visitors come and go; compare what is left of them."""
    for name, count in visits.items():
        report.section(f"{name}: {count:,} clients")
        used = keys if name == "SignAndEncrypt" else None
        said: set[tuple[int, int]] = set()
        size = server.descriptors, server.rss_anon_mib or 0.0
        before, begun, first = cpu_of(server.pid), time.monotonic(), max(1, count // 10)
        for number in range(count):
            said.add(visit(server.endpoint, used, number))
            if number == first:
                size = _at_rest(server, server.descriptors)
        seconds, processor = time.monotonic() - begun, cpu_of(server.pid) - before
        descriptors, mib = _at_rest(server, size[0])
        report.agree(f"{name}: every client was answered", said, {(0, 0)})
        report.add(f"{name}: processor of the server for one client", processor / count, unit="us")
        report.add(f"{name}: clients a second", count / seconds, unit="/s")
        report.add(f"{name}: memory", mib, size[1], unit="MiB")
        report.add(f"{name}: descriptors", descriptors, size[0], unit="")
        report.agree(f"{name}: memory grown by more", mib - size[1] > MORE_MIB, False)
        more = descriptors - size[0] > MORE_DESCRIPTORS
        report.agree(f"{name}: descriptors left open", more, False)


def _at_rest(server: Served, most: int) -> tuple[int, float]:
    ends = time.monotonic() + 5.0
    while time.monotonic() < ends and server.descriptors > most:
        time.sleep(0.05)
    return server.descriptors, server.rss_anon_mib or 0.0


def left(report: Report, endpoint: str) -> None:
    """Open as many sessions and subscriptions as there may be in all: none is left of before."""
    limits = Limits()
    each = limits.subscriptions // limits.sessions
    ends, why = time.monotonic() + GONE_S, "not tried"
    found = 0, 0
    while found != (limits.sessions, limits.subscriptions) and time.monotonic() < ends:
        sessions = subscriptions = 0
        with ExitStack() as stack:
            try:
                for place in range(limits.sessions):
                    wire = Wire(endpoint, source=f"127.0.0.{2 + place % 4}")
                    stack.callback(wire.close)
                    sessions += 1
                    for _ in range(each):
                        wire.ask(subscription())
                        subscriptions += 1
            except Refused as e:
                why = str(e)
        found = sessions, subscriptions
    report.section("none is left: as many as there may be are opened at once")
    report.add("sessions", found[0], limits.sessions, unit="")
    report.add("subscriptions", found[1], limits.subscriptions, unit="")
    report.agree(f"opened ({why})", found, (limits.sessions, limits.subscriptions))


def run(report: Report, folder: Path, visits: dict[str, int]) -> None:
    """Serve a small line; let visitors come."""
    keys = certified(folder)
    trusting(folder / "pki", keys)
    fill(folder / "line.db", line_events(20))
    lines = 'application_uri = "urn:bench:server"'
    with served(folder, folder / "line.db", _CONFIG, opcua=lines, security=SECURITY) as server:
        churn(report, server, keys, visits)
        left(report, server.endpoint)
        said = server.log.read_text(encoding="utf-8", errors="replace")
        report.agree("exceptions in the log", said.count("Traceback (most recent call last)"), 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--only", choices=list(FULL), help="clients of one kind")
    given = parser.parse_args(argv)
    options = Options(given.quick, given.json, given.dir)
    visits = QUICK if options.quick else FULL
    report = Report(options, "churn")
    with scratch(options) as folder:
        run(report, folder, {given.only: visits[given.only]} if given.only else visits)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
