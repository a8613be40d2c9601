"""Sampling intervals: of the changes within one interval the last one is told.

Variables here are told of a change when it happens, so nothing is polled that can tell: an interval
only holds back. Variables whose value is made when it is read are asked once an interval.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol
from weakref import WeakValueDictionary

from tracenode.server.opcua.nodes.samples import Sample

__all__ = ["Sampled", "Sampler", "Samplers", "revised_interval"]


class Sampled(Protocol):
    """An item that is sampled."""

    def sample(self, sample: Sample) -> None:
        """Take a new sample."""
        ...

    def read(self) -> Sample:
        """Return the value of now."""
        ...


def revised_interval(asked: float, publishing_ms: float, shortest: float, longest: float) -> float:
    """Return the sampling interval, in ms, that an item gets (OPC 10000-4 7.21).

    0 is every change, a negative or unknown number the publishing interval; others are rounded up
    to a whole multiple of `shortest`.
    """
    if asked == 0:
        return 0.0
    if asked < 0 or math.isnan(asked):
        asked = publishing_ms
    steps = math.ceil(round(min(asked, longest) / shortest, 6))
    return min(max(steps, 1) * shortest, longest)


class Sampler:
    """All items of one interval; its timer runs only while something waits or is polled."""

    def __init__(self, interval_ms: float) -> None:
        self.interval_ms = interval_ms
        self._waiting: dict[Sampled, Sample] = {}
        self._polled: dict[Sampled, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def later(self, item: Sampled, sample: Sample) -> None:
        """Give `item` this sample, or a later one, when the interval ends."""
        self._waiting[item] = sample
        self._arm()

    def poll(self, item: Sampled) -> None:
        """Read a new sample for `item` at each interval."""
        self._polled[item] = None
        self._arm()

    def forget(self, item: Sampled) -> Sample | None:
        """Give `item` nothing any more; returns the sample that it was to get."""
        self._polled.pop(item, None)
        return self._waiting.pop(item, None)

    def close(self) -> None:
        """Stop the timer."""
        self._waiting.clear()
        self._polled.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            seconds = self.interval_ms / 1000
            # all items of one interval share its beat
            self._timer = loop.call_at((loop.time() // seconds + 1) * seconds, self._beat)

    def _beat(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        for item, sample in waiting.items():
            item.sample(sample)
        for item in list(self._polled):
            item.sample(item.read())
        if self._waiting or self._polled:
            self._arm()


class Samplers:
    """The samplers of the server, one for each interval that items have."""

    def __init__(self) -> None:
        self._by_interval: WeakValueDictionary[float, Sampler] = WeakValueDictionary()

    def of(self, interval_ms: float) -> Sampler | None:
        """Return the sampler of an interval, None for every change (0)."""
        if not interval_ms:
            return None
        found = self._by_interval.get(interval_ms)
        if found is None:
            found = self._by_interval[interval_ms] = Sampler(interval_ms)
        return found

    def close(self) -> None:
        """Stop all timers."""
        for sampler in list(self._by_interval.values()):
            sampler.close()
        self._by_interval.clear()
