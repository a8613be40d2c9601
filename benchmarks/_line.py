"""From a device's bytes and a client's call to their answers, through the real server process."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client

from benchmarks._fill import SITE
from benchmarks._rows import Report, microseconds, percentile
from benchmarks._served import Places, called, client_of, served, text
from tracenode.drivers.mailbox.layout import Code, Request, Result
from tracenode.drivers.simulator.memory import HOST, RegisterServer
from tracenode.drivers.simulator.plc import AREA_B, SIZE, Plc
from tracenode.drivers.simulator.reader import Reader, open_reader
from tracenode.models.events import Master
from tracenode.models.receipts import Requester
from tracenode.server.nodeset_data import node_numbers
from tracenode.server.opcua.ids import ua_id
from tracenode.server.trace import Trace

__all__ = ["line_latency"]

POLLS: Final = (10, 20)
"""Milliseconds between two looks of the server at a mailbox."""
PUBLISH_MS: Final = 10.0
"""Publishing interval that the client asks for."""
EVENT_S: Final = 10.0
"""A scan whose event has not come by then ends the run."""
OK: Final = 1

_STATION = """\
[[stations]]
id = "OP10"
path = "Plant1/Hall1/Line1"

[[devices]]
id = "Reader"
driver = "scanner"
terminator = "CR"
link = "{link}"
station = "OP10"

"""
_CONTROLLER = """\
[[stations]]
id = "P{poll}"
path = "Plant1/Hall1/Line1"

[[devices]]
id = "PLC_P{poll}"
driver = "modbus"
link = "tcp://{host}:{port}"
unit = 1
station = "P{poll}"
mailbox = {{ station_number = {poll}, base_b = {area}, measurements = 2, poll_ms = {poll} }}

"""


async def line_latency(report: Report, folder: Path, *, quick: bool) -> None:
    """Measure the way in: scan to event, handshake, method calls."""
    report.section("The way in, through the server process")
    database = folder / "line.db"
    with Trace.open(database, site=SITE, create=True) as trace:
        master = Master(kind="material", key="PUMP", data={"kind": "unit"})
        await trace.record(master, Requester("bench"))
    await _scans_and_calls(report, folder, database, quick=quick)
    await _handshakes(report, folder, database, quick=quick)


async def _scans_and_calls(report: Report, folder: Path, database: Path, *, quick: bool) -> None:
    async with AsyncExitStack() as stack:
        reader = await open_reader()
        stack.callback(reader.close)
        config = _STATION.format(link=reader.link)
        server = stack.enter_context(served(folder, database, config))
        client = await stack.enter_async_context(client_of(server.endpoint))
        await scans(report, client, reader, 40 if quick else 300)
        await calls(report, client, 40 if quick else 500)


async def _handshakes(report: Report, folder: Path, database: Path, *, quick: bool) -> None:
    """With a server of its own: being polled costs this process time that would count as ours."""
    async with AsyncExitStack() as stack:
        controllers: dict[int, Plc] = {}
        config = ""
        for poll in POLLS:
            memory = await stack.enter_async_context(RegisterServer(SIZE))
            controllers[poll] = Plc(poll, memory)
            config += _CONTROLLER.format(poll=poll, host=HOST, port=memory.port, area=AREA_B)
            await stack.enter_async_context(_beating(controllers[poll]))
        stack.enter_context(served(folder, database, config))
        await handshakes(report, controllers, 10 if quick else 100)


@asynccontextmanager
async def _beating(plc: Plc) -> AsyncIterator[None]:
    beat = asyncio.create_task(plc.beat())
    try:
        yield
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)


def _rows(report: Report, name: str, times: list[float]) -> None:
    for share in (0.5, 0.95, 0.99):
        took = percentile(times, share) / 1000
        report.add(f"{name} p{share * 100:.0f}", took, unit="ms")


# ------------------------------------------------------------------ scans
class Heard:
    """Wakes whoever waits for the event of a scan."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[tuple[int, datetime]]] = {}

    def expect(self, code: str) -> asyncio.Future[tuple[int, datetime]]:
        """Return when the event of a code comes: then, and its RecordTime."""
        self._waiting[code] = asyncio.get_running_loop().create_future()
        return self._waiting[code]

    def event_notification(self, event: Any) -> None:
        """Called by the client for each event."""
        found = self._waiting.pop(event.ItemId, None)
        if found is not None and not found.done():
            found.set_result((time.perf_counter_ns(), event.RecordTime))


async def scans(report: Report, client: Client, reader: Reader, count: int) -> None:
    """Each code is sent at a random moment of the publishing interval, one at a time."""
    heard = Heard()
    places = await Places.of(client)
    subscription = await client.create_subscription(PUBLISH_MS, heard)
    kind = client.get_node(ua_id(node_numbers()["TraceObjectEventType"], places.types))
    await subscription.subscribe_events(client.nodes.server, kind)
    chance = random.Random(1)
    await _first_scan(reader, heard)
    times: list[float] = []
    recorded: list[float] = []
    for number in range(count):
        await asyncio.sleep(chance.uniform(0.02, 0.04))
        code = f"SCAN{number:08}"
        coming = heard.expect(code)
        sent, begun = time.time(), time.perf_counter_ns()
        assert reader.send(code), "nobody took the telegram"
        async with asyncio.timeout(EVENT_S):
            heard_at, record_time = await coming
        times.append((heard_at - begun) / 1000)
        recorded.append((record_time.replace(tzinfo=UTC).timestamp() - sent) * 1e6)
    await subscription.delete()
    report.agree("scans heard as events", len(times), count)
    link = "pseudo-terminal" if sys.platform != "win32" else "TCP"
    _rows(report, f"scan ({link}) to its record", recorded)
    interval = subscription.parameters.RequestedPublishingInterval
    _rows(report, f"scan ({link}) to OPC UA event, publishing each {interval:g} ms,", times)


async def _first_scan(reader: Reader, heard: Heard) -> None:
    """Scan until the first event comes: the device may not be connected yet."""
    async with asyncio.timeout(EVENT_S):
        for number in range(100):
            coming = heard.expect(f"FIRST{number}")
            reader.send(f"FIRST{number}")
            done, _ = await asyncio.wait([coming], timeout=0.2)
            if done:
                return


# ------------------------------------------------------------------ handshakes
async def handshakes(report: Report, controllers: dict[int, Plc], units: int) -> None:
    """Register, check in and complete units by register mailboxes, the polls in turns."""
    times: dict[int, list[float]] = {poll: [] for poll in controllers}
    refused = []
    for number in range(units):
        for poll, plc in controllers.items():
            item = f"H{poll}-{number:06}"
            for request in _unit_requests(plc, item):
                begun = time.perf_counter_ns()
                async with asyncio.timeout(EVENT_S):
                    answer = await plc.ask(request)
                times[poll].append(microseconds(begun))
                if answer.result is not Result.Go:
                    refused.append(answer.text)
    report.agree("handshakes refused", refused, [])
    for poll, taken in times.items():
        _rows(report, f"register handshake, request to answer, poll_ms {poll},", taken)


def _unit_requests(plc: Plc, item: str) -> Iterator[Request]:
    yield Request(int(Code.RegisterItem), id1="PUMP", id3=item, cycle=plc.next_cycle())
    yield Request(int(Code.CheckIn), id1=item, cycle=plc.next_cycle())
    yield Request(int(Code.CompleteItem), id1=item, evaluation=OK, cycle=plc.next_cycle())


# ------------------------------------------------------------------ calls
async def calls(report: Report, client: Client, units: int) -> None:
    """StartItem and CompleteItem by method calls, each durable when it returns."""
    places = await Places.of(client)
    station = places.node("St/OP10")
    register, start, complete = [
        await places.member(station, name) for name in ("RegisterItem", "StartItem", "CompleteItem")
    ]
    none, verdict = text(""), ua.Variant(OK, ua.VariantType.Int32)
    both: list[float] = []
    one: list[float] = []
    statuses: set[int] = set()
    for number in range(units):
        item = text(f"sn:PUMP:C{number:06}")
        outputs = await called(station, register, text(f"r{number}"), text("PUMP"), none, item)
        statuses.add(status_of(outputs))
        steps = (
            (start, text(f"s{number}"), item, none, none),
            (complete, text(f"c{number}"), item, verdict, none),
        )
        begun = time.perf_counter_ns()
        for method, *given in steps:
            before = time.perf_counter_ns()
            statuses.add(status_of(await called(station, method, *given)))
            one.append(microseconds(before))
        both.append(microseconds(begun))
    report.agree("statuses of the calls", statuses, {0})
    _rows(report, "one booking call by an OPC UA client", one)
    _rows(report, "StartItem + CompleteItem by an OPC UA client", both)


def status_of(outputs: list[Any]) -> int:
    """Return the Status of a booking: its last output."""
    return int(outputs[-1])
