"""The points of an MQTT device: what a message makes of them, and what silence does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tracenode.drivers.mqtt.options import TopicPoint
from tracenode.drivers.mqtt.payloads import document, found_at, plain, time_in, value_in
from tracenode.models.device_errors import BadTelegram
from tracenode.models.readings import Quality, Reading, Value

__all__ = ["PointState", "States"]

MAX_PAYLOAD = 65_536
"""Bytes of a payload that is looked into."""


@dataclass(slots=True)
class PointState:
    """The last reading of a point, and when it was heard, by the monotonic clock."""

    device: str
    name: str
    options: TopicPoint
    value: Value | None = None
    quality: Quality = Quality.WaitingForInitialData
    at: datetime | None = None
    heard: float = 0.0
    """When the last message came."""
    wrong: str = ""
    """Why its last message gave no value; empty: it gave one."""

    def take(self, payload: bytes, retained: bool, arrived: datetime, now: float) -> Reading:
        """Take a message. `retained`: the broker kept it from before, so its age is not known
        where it does not tell its time."""
        self.heard, self.wrong = now, ""
        options = self.options
        try:
            value, at = self._read(payload)
        except BadTelegram as error:
            self.wrong, self.quality = str(error), Quality.DataEncodingInvalid
            return self._reading(arrived)
        self.value, self.at = value, at or arrived
        if retained and at is None and not options.trust_retained:
            self.quality = Quality.LastUsableValue
        else:
            self.quality = self._judge(value)
        return self._reading(arrived)

    def silent(self, now: float, stale_after: float, gone_since: float | None) -> Quality | None:
        """Return what the point is by its silence, None where it is not silent for too long.
        `gone_since`: its publisher says that it is gone, since then."""
        limit = self.options.max_age_s
        since = self.heard + limit if limit else None
        if gone_since is not None and self.heard <= gone_since:
            since = gone_since if since is None else min(since, gone_since)
        if since is None or now < since or self.quality is Quality.WaitingForInitialData:
            return None
        usable = self.value is not None and self.quality.usable
        young = now < since + stale_after
        return Quality.LastUsableValue if usable and young else Quality.NoCommunication

    def become(self, quality: Quality, now: datetime) -> Reading | None:
        """Take what silence makes of it; None where that is no news."""
        if quality == self.quality:
            return None
        self.quality = quality
        return self._reading(now)

    def _read(self, payload: bytes) -> tuple[Value, datetime | None]:
        options = self.options
        if len(payload) > MAX_PAYLOAD:
            raise BadTelegram(f"at most {MAX_PAYLOAD} bytes", str(len(payload)))
        if options.payload == "text":
            return value_in(plain(payload, "utf-8"), options.type), None
        whole = document(payload)
        found = found_at(whole, options.path)
        if isinstance(found, str) and options.type.name != "String":
            raise BadTelegram(f"a value of {options.type.name}", repr(found)[:60])
        at = time_in(found_at(whole, options.time)) if options.time else None
        return value_in(found, options.type), at

    def _judge(self, value: Value) -> Quality:
        low, high = self.options.min, self.options.max
        if isinstance(value, bool | str):
            return Quality.Good
        if (low is not None and value < low) or (high is not None and value > high):
            return Quality.OutOfRange
        return Quality.Good

    def _reading(self, now: datetime) -> Reading:
        value = self.value if self.quality is not Quality.DataEncodingInvalid else None
        return Reading(self.device, self.name, value, self.quality, self.at or now)


class States:
    """All points of a device, by topic."""

    def __init__(self, device: str, points: dict[str, TopicPoint], stale_after: float) -> None:
        self._stale_after = stale_after
        self._points = [PointState(device, name, options) for name, options in points.items()]
        self.gone_since: float | None = None
        """Since when the publisher says that it is gone; None: it does not."""

    def begin(self) -> None:
        """Know of no value until it comes again: the link was lost, and silence of before it must
        not make a value usable that is shown as lost."""
        for point in self._points:
            if point.quality is not Quality.WaitingForInitialData:
                point.quality = Quality.NoCommunication

    def take(
        self, topic: str, payload: bytes, retained: bool, arrived: datetime, now: float
    ) -> list[Reading]:
        """Take a message; return the readings of the points that it is for."""
        return [
            point.take(payload, retained, arrived, now)
            for point in self._points
            if point.options.topic == topic
        ]

    def age(self, arrived: datetime, now: float) -> Iterator[Reading]:
        """Yield the readings that changed by silence."""
        for point in self._points:
            quality = point.silent(now, self._stale_after, self.gone_since)
            if quality is not None and (reading := point.become(quality, arrived)) is not None:
                yield reading

    @property
    def wrong(self) -> dict[str, str]:
        """The points whose last message gave no value, and why."""
        return {point.name: point.wrong for point in self._points if point.wrong}
