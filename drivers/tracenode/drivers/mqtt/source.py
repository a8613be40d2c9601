"""The driver of topics at an MQTT broker: scans are booked before they are acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.driver import DriverStats, Sink
from tracenode.drivers.mqtt.connection import Connection, Message
from tracenode.drivers.mqtt.options import MqttOptions
from tracenode.drivers.mqtt.scans import ScanReader
from tracenode.drivers.mqtt.states import States
from tracenode.drivers.mqtt.topics import matches
from tracenode.drivers.together import together
from tracenode.models.device_errors import DeviceException, LinkLost
from tracenode.models.readings import Point, Value

__all__ = ["MqttSource"]

log = logging.getLogger(__name__)

DRAIN_TIMEOUT: Final = 1.0
"""Seconds that a stopping server gives the scan which is being recorded."""
AGEING: Final = 0.25
"""Seconds between two looks for values that have become too old."""
REMEMBERED: Final = 1_000
"""Messages that are known to be recorded, when the broker sends one of them again."""
SHOWN: Final = 3
"""Points that are named of those with which something is wrong."""


class MqttSource:
    """Topics at a broker; see `Driver` for the contract.

    A scan is acknowledged once the sink has it: what is not, the broker keeps and sends again, to
    this process or the next one. What is sent again though it was recorded is recorded flagged.
    """

    def __init__(
        self,
        device: str,
        address: tuple[str, int],
        options: MqttOptions,
        folder: Path,
        *,
        stale_after: float = 10.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`folder`: where relative files of the configuration are; `stale_after`: seconds."""
        self.device, self.options = device, options
        self._address, self._folder, self._clock = address, folder, clock
        self._points = tuple(point.point(name) for name, point in options.points.items())
        self._states = States(device, options.points, stale_after)
        self._readers = [ScanReader(device, scan) for scan in options.scans]
        self._connection: Connection | None = None
        self._had_session = False
        self._kept: deque[Message] = deque()
        self._recorded: OrderedDict[tuple[int, bytes], None] = OrderedDict()
        self._delivery: asyncio.Future[None] | None = None
        counters = ("messages", "redelivered", "unexpected", "sessions_lost")
        self._stats = DriverStats(extra=dict.fromkeys(counters, 0))

    @property
    def points(self) -> Sequence[Point]:
        return self._points

    @property
    def stats(self) -> DriverStats:
        """`extra`: messages; redelivered, scans that the broker sent again; unexpected, messages of
        topics that are not configured (any more); sessions_lost, how often the broker had forgotten
        us, and with us what we had missed."""
        return self._stats

    @property
    def degraded(self) -> str:
        if self._states.gone_since is not None:
            return "the publisher says that it is offline"
        wrong = [f"{name}: {words}" for name, words in self._states.wrong.items()]
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        return "; ".join(wrong[:SHOWN]) + more

    def read_plan(self) -> Iterable[str]:
        options = self.options
        yield f"{self._address[0]}:{self._address[1]}, MQTT {options.version}: {options.client_id}"
        for scan in options.scans:
            yield f"scans of {scan.topic}, acknowledged when recorded"
        yield f"points: {len(self._points)}, of {len(options.state_topics)} topics"

    async def __aenter__(self) -> Self:
        options = self.options
        connection = Connection(self._address, options, self._folder, self._is_scan, self._clock)
        try:
            session = await connection.open()
            if self._had_session and not session:
                self._stats.extra["sessions_lost"] += 1
                log.warning("%s: the broker has lost our session and its scans", self.device)
            # With a session its subscription stands; made again, a broker of version 3.1.1 would
            # send what it retains once more.
            if not (session and self._had_session):
                await connection.subscribe([scan.topic for scan in options.scans], events=True)
            self._had_session = bool(options.scans)
            await connection.subscribe(options.state_topics, events=False)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def run(self, sink: Sink) -> None:
        connection = self._connection
        if connection is None:
            raise LinkLost(self._address[0], "not connected")
        self._states.begin()
        try:
            await together(
                connection.lost(),
                self._show_states(connection, sink),
                self._age(sink),
                self._book_events(connection, sink),
            )
        except asyncio.CancelledError:
            await self._drain()
            raise
        finally:
            self._kept.extend(event for event in connection.waiting() if not event.qos)

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        raise DeviceException(self.device, 0, "topics are read here and not written")

    # ------------------------------------------------------------- messages
    async def _show_states(self, connection: Connection, sink: Sink) -> None:
        while True:
            for message in await connection.states():
                self._stats.extra["messages"] += 1
                self._show(message, sink)

    def _show(self, message: Message, sink: Sink) -> None:
        now, monotonic = self._clock.utc(), self._clock.monotonic()
        available = self.options.availability
        if available is not None and message.topic == available.topic:
            said = message.payload.strip()
            if said == available.offline.encode():
                self._states.gone_since = monotonic
            elif said == available.online.encode():
                self._states.gone_since = None
        readings = self._states.take(
            message.topic, message.payload, message.retained, message.at, monotonic
        )
        if readings:
            self._stats.last_good = now
            sink.readings(readings)

    async def _age(self, sink: Sink) -> None:
        while True:
            await asyncio.sleep(AGEING)
            readings = list(self._states.age(self._clock.utc(), self._clock.monotonic()))
            if readings:
                sink.readings(readings)

    # ------------------------------------------------------------- scans
    def _is_scan(self, topic: str) -> bool:
        return any(matches(scan.topic, topic) for scan in self.options.scans)

    async def _book_events(self, connection: Connection, sink: Sink) -> None:
        if self._delivery is not None:  # begun under the connection before
            await asyncio.wait([self._delivery])
            if not self._delivery.cancelled() and (error := self._delivery.exception()):
                log.warning("%s: a scan is recorded again, after %r", self.device, error)
        while True:
            await self._book_kept(connection, sink)
            events = await connection.events()
            self._stats.extra["messages"] += len(events)
            self._kept.extend(events)

    async def _book_kept(self, connection: Connection, sink: Sink) -> None:
        """Book what is in hand, in order. Cancellation leaves the booking under way to itself: cut
        off, its outcome would be unknown."""
        try:
            while self._kept:
                self._delivery = asyncio.ensure_future(self._book(connection, sink, self._kept[0]))
                await asyncio.shield(self._delivery)
        finally:
            # The broker sends again what it has no acknowledgement of; the rest is in our hands.
            under_way = self._delivery is not None and not self._delivery.done()
            first = [self._kept[0]] if under_way and self._kept else []
            rest = [m for m in list(self._kept)[len(first) :] if not m.qos]
            self._kept = deque([*first, *rest])

    async def _book(self, connection: Connection, sink: Sink, message: Message) -> None:
        reader = next((r for r in self._readers if matches(r.options.topic, message.topic)), None)
        if reader is None:
            self._stats.extra["unexpected"] += 1
        else:
            await self._record(reader, sink, message)
        connection.acknowledge(message)
        self._kept.popleft()

    async def _record(self, reader: ScanReader, sink: Sink, message: Message) -> None:
        digest = hashlib.sha256(f"{message.topic}\0".encode() + message.payload).digest()
        key = (message.number, digest)
        again = message.repeated and key in self._recorded
        scan = reader.read(
            message.payload,
            retained=message.retained,
            again=again,
            arrived=message.at,
            now=self._clock.monotonic(),
        )
        await sink.scan(scan)
        stats = self._stats
        stats.telegrams += 1
        stats.duplicates += scan.duplicate
        stats.rejects += scan.reject is not None
        stats.extra["redelivered"] += message.repeated
        if scan.reject is None:
            stats.last_good = scan.at
        if message.qos:
            self._recorded[key] = None
            if len(self._recorded) > REMEMBERED:
                self._recorded.popitem(last=False)

    async def _drain(self) -> None:
        """Finish the booking under way within DRAIN_TIMEOUT."""
        delivery = self._delivery
        if delivery is None or delivery.done():
            return
        try:
            await asyncio.wait([delivery], timeout=DRAIN_TIMEOUT)
        finally:
            if not delivery.done():
                delivery.cancel()
