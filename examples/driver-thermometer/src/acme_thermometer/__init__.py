"""tracenode driver of the ACME thermometer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tracenode.drivers.driver import DriverStats, Sink
from tracenode.drivers.link import ByteLink, Open, opener, parse_link
from tracenode.drivers.registry import Make
from tracenode.models.config import DeviceConfig, problems_of
from tracenode.models.device_errors import LinkLost, NoAnswer
from tracenode.models.errors import BadSetting, ConfigError, ConfigProblem, MalformedRequest
from tracenode.models.readings import Point, PointType, Quality, Reading, Value

__all__ = ["Thermometer", "ThermometerOptions", "thermometers"]

ANSWER = re.compile(rb"T=([+-]\d{1,3}\.\d)\r\n")


class ThermometerOptions(BaseModel):
    """The keys of its `[[devices]]` table beside those that every device has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    period_ms: int = Field(default=1000, ge=20, le=3_600_000)
    timeout_ms: int = Field(default=500, ge=10, le=60_000)


def thermometers() -> Make:
    """The entry point: called once a server, returns what makes a driver from a device's table."""

    def make(config: DeviceConfig, at: str) -> Thermometer:
        problems: list[ConfigProblem] = []
        try:
            link = parse_link(config.link)
        except BadSetting as error:
            problems.append(ConfigProblem(f"{at}.link", error.found, error.expected))
        try:
            options = ThermometerOptions.model_validate(config.options)
        except ValidationError as error:
            problems += problems_of(error, ThermometerOptions, at)
        if problems:
            raise ConfigError(config.id, problems)
        return Thermometer(config.id, opener(link), options)

    return make


class Thermometer:
    """See `tracenode.drivers.driver.Driver` for the contract. Nothing is opened here."""

    def __init__(self, device: str, open_link: Open, options: ThermometerOptions) -> None:
        self.device = device
        self._open, self._options = open_link, options
        self._link: ByteLink | None = None
        self._stats = DriverStats()

    @property
    def points(self) -> Sequence[Point]:
        return (Point("Temperature", PointType.Double, unit="CEL", low=-99.9, high=999.9),)

    @property
    def stats(self) -> DriverStats:
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
        while True:
            sink.readings([await self._asked(link)])
            await asyncio.sleep(self._options.period_ms / 1000)

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        raise MalformedRequest("points", "a point that can be written", "a thermometer has none")

    async def _asked(self, link: ByteLink) -> Reading:
        """Ask once. A late answer can't be taken for the next one: NoAnswer ends the run, and the
        supervisor connects anew."""
        self._stats.requests += 1
        seconds = self._options.timeout_ms / 1000
        began = asyncio.get_running_loop().time()
        await link.write(b"T?\r")
        line = b""
        try:
            async with asyncio.timeout(seconds):
                while not line.endswith(b"\n"):
                    line += await link.read()
        except TimeoutError as error:
            self._stats.timeouts += 1
            raise NoAnswer(self.device, seconds) from error
        self._stats.round_trip_ms = (asyncio.get_running_loop().time() - began) * 1000
        now = datetime.now(UTC)
        answer = ANSWER.fullmatch(line)
        if answer is None:
            self._stats.errors += 1
            return Reading(self.device, "Temperature", None, Quality.DataEncodingInvalid, now)
        self._stats.last_good = now
        return Reading(self.device, "Temperature", float(answer[1]), Quality.Good, now)
