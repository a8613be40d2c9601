"""The driver of a scale: polled, or sending by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.driver import DriverStats, Sink
from tracenode.drivers.link import ByteLink, Open
from tracenode.drivers.scale.options import ScaleOptions
from tracenode.drivers.scale.protocols import Weighing
from tracenode.drivers.scale.units import in_unit
from tracenode.drivers.telegram import Framer, Telegram
from tracenode.models.device_errors import BadTelegram, LinkLost, NoAnswer
from tracenode.models.errors import MalformedRequest
from tracenode.models.readings import Point, PointType, Quality, Reading, RejectReason, Value

__all__ = ["STABLE", "WEIGHT", "Scale"]

WEIGHT: Final = "Weight"
STABLE: Final = "Stable"


class Scale:
    """A driver (tracenode.drivers.driver.Driver). Weight is Good only where the scale says that it
    stands still; moving it is Unstable, which is Uncertain."""

    def __init__(
        self, device: str, open_link: Open, options: ScaleOptions, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.device = device
        self._open, self._options, self._clock = open_link, options, clock
        self._dialect = options.dialect
        self._command = options.command.encode() or self._dialect.poll
        self._framer = Framer(self._dialect.framing)
        self._link: ByteLink | None = None
        self._stats = DriverStats()
        self._fault = ""
        self._told: dict[str, tuple[Value | None, Quality]] = {}

    @property
    def points(self) -> Sequence[Point]:
        options = self._options
        return (
            Point(WEIGHT, PointType.Double, options.unit, options.min, options.max),
            Point(STABLE, PointType.Boolean),
        )

    @property
    def stats(self) -> DriverStats:
        return self._stats

    @property
    def degraded(self) -> str:
        """What the scale says is wrong, such as an overload; empty while it weighs."""
        return self._fault

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
        self._told, self._fault = {}, ""
        self._framer.lost()
        while True:
            await self._next(link, sink)

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        raise MalformedRequest("points", "a point that can be written", "a scale, which has none")

    async def _next(self, link: ByteLink, sink: Sink) -> None:
        """Ask, where it is asked, and take what comes until there was a telegram.

        Raises:
            NoAnswer: none within the time-out. The next run begins with an empty line, so that a
                late answer is not taken for a later one.
        """
        began = time.monotonic()
        if self._options.poll_ms:
            self._stats.requests += 1
            await link.write(self._command)
        seconds = self._options.timeout_ms / 1000
        try:
            async with asyncio.timeout(seconds):
                while not (telegrams := await self._heard(link)):
                    pass
        except TimeoutError as error:
            self._stats.timeouts += 1
            raise NoAnswer(f"{self.device} on {link.name}", seconds) from error
        for telegram in telegrams:
            self._take(telegram, sink)
        if self._options.poll_ms:
            self._stats.round_trip_ms = (time.monotonic() - began) * 1000
            await asyncio.sleep(max(0.0, self._options.poll_ms / 1000 - (time.monotonic() - began)))

    async def _heard(self, link: ByteLink) -> list[Telegram]:
        data = await link.read()
        waited = timedelta(seconds=time.monotonic() - link.arrived)
        telegrams = self._framer.feed(data, self._clock.utc() - waited)
        # The check byte that some send behind the CR stands before the next STX: it says nothing.
        return [one for one in telegrams if one.reject is not RejectReason.NoStart]

    def _take(self, telegram: Telegram, sink: Sink) -> None:
        self._stats.telegrams += 1
        try:
            if telegram.reject is not None:
                raise BadTelegram("a whole telegram", telegram.note)
            length = self._options.length
            if length and len(telegram.body) != length:
                raise BadTelegram(f"{length} characters", repr(telegram.body))
            weighing = self._dialect.read(telegram.body)
        except BadTelegram as error:
            self._stats.rejects += 1
            self._fault = str(error)
            self._tell(sink, telegram.at, None, None, Quality.DataEncodingInvalid)
            return
        if weighing.amount is None:
            self._fault = weighing.fault
            self._tell(sink, telegram.at, None, False, Quality.DeviceFailure)
            return
        self._weighed(weighing, telegram.at, sink)

    def _weighed(self, weighing: Weighing, at: datetime, sink: Sink) -> None:
        assert weighing.amount is not None
        weight = in_unit(weighing.amount, weighing.unit, self._options.unit)
        if weight is None:
            self._stats.rejects += 1
            self._fault = f"expected a unit of mass, found {weighing.unit!r}"
            self._tell(sink, at, None, None, Quality.DataEncodingInvalid)
            return
        self._fault = ""
        low, high = self._options.min, self._options.max
        outside = (low is not None and weight < low) or (high is not None and weight > high)
        if not weighing.stable:
            quality = Quality.Unstable
        else:
            quality = Quality.OutOfRange if outside else Quality.Good
            self._stats.last_good = at
        self._tell(sink, at, weight, weighing.stable, quality)

    def _tell(
        self,
        sink: Sink,
        at: datetime,
        weight: float | None,
        stable: bool | None,
        quality: Quality,
    ) -> None:
        """Deliver what is news."""
        known = Quality.Good if stable is not None else quality
        state: dict[str, tuple[Value | None, Quality]] = {
            WEIGHT: (weight, quality),
            STABLE: (stable, known),
        }
        told, self._told = self._told, state
        news = [
            Reading(self.device, name, value, how, at)
            for name, (value, how) in state.items()
            if told.get(name) != (value, how)
        ]
        if news:
            sink.readings(news)
