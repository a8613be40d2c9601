"""Connect a device once and say how it is: before a line starts, or when it does not."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tracenode.drivers.driver import Driver
from tracenode.models.device_errors import DriverError
from tracenode.models.errors import TracenodeError
from tracenode.models.readings import Point, Quality, Reading, Scan

__all__ = ["PROBE_S", "Probe", "probe"]

PROBE_S: Final = 5.0
"""Seconds that a device has to connect and to give every point once."""
NAMED: Final = 5
"""Points without a value that are named in the words."""
UNTOLD: Final = frozenset({Quality.WaitingForInitialData, Quality.NoCommunication})


@dataclass(frozen=True, slots=True)
class Probe:
    """What one try showed."""

    device: str
    well: bool
    """Connected, and every point has a value or tells a doubt of its own (Good or Uncertain)."""
    words: str
    """For people; of a failure what to check."""
    connect_ms: float | None = None
    round_trip_ms: float | None = None
    usable: int = 0
    points: int = 0


async def probe(driver: Driver, within: float = PROBE_S) -> Probe:
    """Connect, wait for a value of every point, `within` seconds at most, and close.

    What gives scans alone is only connected: a scan is taken where it can be recorded.
    """
    latest = _Latest(driver.points)
    began = time.monotonic()
    connected: float | None = None
    trouble = ""
    try:
        async with asyncio.timeout(within), driver:
            connected = time.monotonic() - began
            if driver.points:
                await _until_told(driver, latest)
    except TimeoutError:
        trouble = "" if connected is not None else f"nothing connected within {within:g} s"
    except Exception as error:  # noqa: BLE001
        # Whatever a driver raises, the other devices are probed and this one is told.
        cause = _cause(error)
        known = isinstance(cause, TracenodeError)
        trouble = str(cause) if known else f"{type(cause).__name__}: {cause}"
    return _told(driver, latest, connected, trouble)


async def _until_told(driver: Driver, latest: _Latest) -> None:
    """Run the driver until every point was told or the driver ends.

    Raises:
        DriverError: the driver's; it ended before all was told.
    """
    running = asyncio.ensure_future(driver.run(latest))
    told = asyncio.ensure_future(latest.complete.wait())
    try:
        await asyncio.wait([running, told], return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        running.cancel()
        await asyncio.wait([running, told])
    if not latest.complete.is_set() and not running.cancelled():
        running.result()
        raise DriverError(f"{driver.device}: the driver ended by itself")


def _told(driver: Driver, latest: _Latest, connected: float | None, trouble: str) -> Probe:
    usable = [name for name, quality in latest.qualities.items() if quality.usable]
    words = []
    connect_ms = None if connected is None else connected * 1000
    if connect_ms is not None:
        words.append(f"connected in {connect_ms:.0f} ms")
    if connected is not None and driver.points:
        words.append(f"{len(usable)} of {len(latest.qualities)} points have a value")
        words += latest.missing()
    if trouble:
        words.append(trouble)
    return Probe(
        driver.device,
        connected is not None and not trouble and len(usable) == len(latest.qualities),
        "; ".join(words),
        connect_ms,
        driver.stats.round_trip_ms,
        len(usable),
        len(latest.qualities),
    )


class _Latest:
    """The sink of a probe: keeps how each point is."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.qualities = {point.name: Quality.WaitingForInitialData for point in points}
        self.complete = asyncio.Event()

    async def scan(self, scan: Scan) -> None:
        """Never taken, so never acknowledged: a source that can send it again will."""
        await asyncio.Event().wait()

    def readings(self, readings: Sequence[Reading]) -> None:
        self.qualities |= {reading.point: reading.quality for reading in readings}
        if UNTOLD.isdisjoint(self.qualities.values()):
            self.complete.set()

    def missing(self) -> list[str]:
        """Return why points have no value, in words, a text for each reason."""
        counts = Counter(quality for quality in self.qualities.values() if not quality.usable)
        return [
            f"{quality.name}: {self._named(quality, count)}" for quality, count in counts.items()
        ]

    def _named(self, quality: Quality, count: int) -> str:
        some = [name for name, found in self.qualities.items() if found == quality][:NAMED]
        return ", ".join(some) + (f" and {count - NAMED} more" if count > NAMED else "")


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
