"""What a driver is, and where its data goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from tracenode.models.readings import Point, Reading, Scan, Value

__all__ = ["Degradable", "Driver", "DriverStats", "Planned", "Sink"]


@dataclass(slots=True)
class DriverStats:
    """Counters of one device since start; plain numbers, read by OPC UA nodes and `status`."""

    telegrams: int = 0
    rejects: int = 0
    duplicates: int = 0
    requests: int = 0
    timeouts: int = 0
    errors: int = 0
    last_good: datetime | None = None
    round_trip_ms: float | None = None
    """Of the last request that was answered."""
    extra: dict[str, int] = field(default_factory=dict)


class Sink(Protocol):
    """Where a driver delivers. Awaiting it is the back-pressure: no queue stands between."""

    async def scan(self, scan: Scan) -> None:
        """Return once the scan is recorded durably (or refused and recorded)."""

    def readings(self, readings: Sequence[Reading]) -> None:
        """Take the latest state; never blocks."""


class Driver(Protocol):
    """One device. Constructing it touches no hardware.

    Use: `async with driver: await driver.run(sink)`. Entering connects, `run` returns never or
    raises a DriverError when the link is gone; the supervisor then starts again.
    """

    device: str

    @property
    def points(self) -> Sequence[Point]:
        """Every point it will ever give, known without a connection."""
        ...

    @property
    def stats(self) -> DriverStats: ...

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            LinkLost: no connection; the message says what to check.
        """
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the link; safe to call twice."""

    async def run(self, sink: Sink) -> None:
        """Deliver until cancelled; begin with the state of every point, changed or not, since the
        supervisor has degraded what was delivered before the link was lost.

        Raises:
            DriverError: the link is gone or the device misbehaves.
        """

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        """Write points by name; with `verify`, read them back.

        Raises:
            NoAnswer: the outcome is unknown.
            DeviceException: the device refused.
        """


@runtime_checkable
class Degradable(Protocol):
    """A driver whose device may be unwell while its link is up; the supervisor looks once a
    second."""

    @property
    def degraded(self) -> str:
        """What is wrong, in words; empty while all is well."""
        ...


@runtime_checkable
class Planned(Protocol):
    """A driver that can say beforehand what it will ask its device."""

    def read_plan(self) -> Iterable[str]:
        """Return lines for people, without touching hardware."""
        ...
