"""What an archive gives of the past of a node. Times are microseconds since 1970."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

from asyncua import ua

from tracenode.server.opcua.subscriptions.events import Event

__all__ = ["Archive", "EventPast", "Former", "Heard", "Page", "Sample", "Samples", "ValuePast"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Up to `limit` of what is in [low, high), the latest first where `down`; reading stops at
    `ends`, a time of the monotonic clock, with less."""

    low: int
    high: int
    down: bool
    limit: int
    ends: float

    @property
    def is_over(self) -> bool:
        """True where the time for reading has passed."""
        return time.monotonic() > self.ends


class Sample(NamedTuple):
    """A value since a time; a plain value, as `Values.set` takes it."""

    at: int
    value: Any


@dataclass(slots=True)
class Samples:
    """A page of samples. `more`: where the next one begins (`low`, or `high` where it goes
    backwards), None at the end."""

    found: list[Sample] = field(default_factory=list)
    more: int | None = None


class Former(NamedTuple):
    """A value that was given up: by whom, when, and how (`ua.HistoryUpdateType`)."""

    at: int
    value: Any
    changed: int
    how: int
    user: str


class ValuePast(Protocol):
    """The past of one variable; asked on a reading thread with a snapshot of the store."""

    def samples(self, reading: Any, page: Page) -> Samples:
        """Return the values that it took on, each at the time it did."""
        ...

    def at(self, reading: Any, moment: int) -> Sample | None:
        """Return the value it had, None where it had none yet."""
        ...

    def former(self, reading: Any, low: int, high: int, limit: int) -> Sequence[Former]:
        """Return up to `limit` values given up since, of times in [low, high), by time."""
        ...


@dataclass(slots=True)
class Heard:
    """A page of events, each with its time of record; `more` as in `Samples`."""

    found: list[tuple[int, Event]] = field(default_factory=list)
    more: int | None = None


class EventPast(Protocol):
    """The past events of one notifier; asked on a reading thread."""

    def events(self, reading: Any, page: Page, passes: Callable[[Event], bool]) -> Heard:
        """Return events by time of record."""
        ...


class Archive(Protocol):
    """Who knows the past of nodes."""

    def values_of(self, node_id: ua.NodeId) -> ValuePast | None:
        """Return the past of a variable, None where it has none."""
        ...

    def events_of(self, node_id: ua.NodeId) -> EventPast | None:
        """Return the past events of a notifier, None where it has none."""
        ...

    async def read(self, function: Callable[[Any], T]) -> T:
        """Run a function of a snapshot on a reading thread."""
        ...
