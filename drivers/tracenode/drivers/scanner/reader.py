"""The driver of everything that sends telegrams on its own: scanners and RFID readers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Final, Self, TypeAlias

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.driver import DriverStats, Sink
from tracenode.drivers.link import ByteLink, Open
from tracenode.drivers.scanner.options import ReaderOptions
from tracenode.drivers.telegram import Framer, Telegram
from tracenode.models.device_errors import DeviceException, LinkLost
from tracenode.models.readings import Point, Scan, Value

__all__ = ["Interpret", "Reader"]

log = logging.getLogger(__name__)

DRAIN_TIMEOUT: Final = 1.0
"""Seconds that a cancelled reader takes to record what has arrived; within the two seconds that
the supervisor gives it."""
MAX_HELD: Final = 10_000
"""Scans kept for a sink that fails, before nothing more is taken from the link."""

Interpret: TypeAlias = Callable[[Telegram, float], Scan]
"""A telegram and the monotonic time in seconds -> its scan."""


class Reader:
    """A driver (tracenode.drivers.driver.Driver): link -> framer -> interpreter -> `sink.scan`.

    No scan is dropped: what the sink has not taken when the link is lost, or when the sink itself
    fails, is delivered first by the next `run`. On cancellation what has arrived is delivered
    within DRAIN_TIMEOUT seconds.
    """

    def __init__(
        self,
        device: str,
        open_link: Open,
        options: ReaderOptions,
        interpret: Interpret,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.device = device
        self._open, self._interpret, self._clock = open_link, interpret, clock
        self._idle_s = options.idle_ms / 1000
        self._framer = Framer(options.framing)
        self._link: ByteLink | None = None
        self._arrived: deque[Scan] = deque()
        self._delivery: asyncio.Future[None] | None = None
        self._stats = DriverStats()

    @property
    def points(self) -> Sequence[Point]:
        return ()

    @property
    def stats(self) -> DriverStats:
        self._stats.extra["bytes"] = self._framer.fed
        self._stats.extra["skipped_bytes"] = self._framer.skipped
        return self._stats

    async def __aenter__(self) -> Self:
        self._link = await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def run(self, sink: Sink) -> None:
        link = self._link
        if link is None:
            raise LinkLost(self.device, "not connected")
        try:
            await self._deliver(sink)
            while True:
                self._take(link, await self._read(link))
                await self._deliver(sink)
        except LinkLost:
            self._interpret_all(self._framer.lost())
            await self._deliver(sink)
            raise
        except asyncio.CancelledError:
            self._take_rest(link)
            await self._drain(sink)
            raise
        finally:
            # Where the sink failed: what is in our hands waits for the next run.
            self._take_rest(link)

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        raise DeviceException(self.device, 0, "a reader has no points to write")

    async def _read(self, link: ByteLink) -> bytes:
        """Wait for bytes; an idle time in an open telegram gives it up and returns none."""
        try:
            async with asyncio.timeout(self._idle_s if self._framer.busy else None):
                return await link.read()
        except TimeoutError:
            if data := link.received():
                return data
            self._interpret_all(self._framer.idle())
            return b""

    def _take(self, link: ByteLink, data: bytes) -> None:
        if data:
            waited = timedelta(seconds=time.monotonic() - link.arrived)
            self._interpret_all(self._framer.feed(data, self._clock.utc() - waited))

    def _take_rest(self, link: ByteLink) -> None:
        if len(self._arrived) < MAX_HELD:
            self._take(link, link.received())
        self._interpret_all(self._framer.lost())

    def _interpret_all(self, telegrams: Sequence[Telegram]) -> None:
        for telegram in telegrams:
            scan = self._interpret(telegram, self._clock.monotonic())
            self._stats.telegrams += 1
            self._stats.duplicates += scan.duplicate
            if scan.reject is None:
                self._stats.last_good = scan.at
            else:
                self._stats.rejects += 1
            self._arrived.append(scan)

    async def _deliver(self, sink: Sink) -> None:
        """Hand over what has arrived, in order. Cancellation leaves the delivery running for
        `_drain`: cut off, a scan's outcome would be unknown, and sent again it could book twice."""
        if self._arrived:
            self._delivery = asyncio.ensure_future(self._deliver_all(sink))
            await asyncio.shield(self._delivery)

    async def _deliver_all(self, sink: Sink) -> None:
        while self._arrived:
            await sink.scan(self._arrived[0])
            self._arrived.popleft()

    async def _drain(self, sink: Sink) -> None:
        """Finish the delivery under way, and deliver the rest, within DRAIN_TIMEOUT."""
        delivery = self._delivery
        if delivery is None or delivery.done():
            delivery = asyncio.ensure_future(self._deliver_all(sink))
        try:
            await asyncio.wait([delivery], timeout=DRAIN_TIMEOUT)
        finally:
            if not delivery.done():
                delivery.cancel()
        if not delivery.done() or delivery.exception() is not None:
            log.warning("%s: stopped with %d scans not recorded", self.device, len(self._arrived))
