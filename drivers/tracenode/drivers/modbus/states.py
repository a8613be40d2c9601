"""The state of points: from what a block gave, or why it gave nothing, to readings. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from tracenode.drivers.clock import Clock
from tracenode.drivers.modbus.codec import BitCodec, BlockCodec, Field, Undecodable
from tracenode.drivers.modbus.options import ModbusOptions, PointOptions
from tracenode.drivers.modbus.read_plan import PlannedBlock
from tracenode.models.device_errors import DeviceException, DriverError
from tracenode.models.readings import Quality, Reading, Value

__all__ = ["BlockPoints", "PointState", "field_of", "quality_of"]

CONFIGURATION = frozenset((1, 2, 3))
"""Exception codes of a request that this device will never answer."""

TEMPORARY = frozenset((5, 6, 10, 11))
"""Exception codes of a unit that is busy, or that its gateway can't reach: as if silent."""


def quality_of(error: DriverError) -> Quality:
    """What an unsuccessful read says of the points it should have served."""
    if not isinstance(error, DeviceException) or error.code in TEMPORARY:
        return Quality.LastUsableValue
    return Quality.ConfigurationError if error.code in CONFIGURATION else Quality.DeviceFailure


def field_of(options: ModbusOptions, point: PointOptions, offset: int) -> Field:
    """Where and how the point stands in a block that begins `offset` before it."""
    return Field(
        offset,
        point.type,
        point.order or options.order,
        point.at.bit,
        point.scale,
        point.offset,
    )


@dataclass(slots=True)
class PointState:
    """The last reading of a point and what decides on the next."""

    name: str
    options: PointOptions
    value: Value | None = None
    quality: Quality = Quality.WaitingForInitialData
    at: datetime | None = None
    """Of the value."""
    owed: bool = True
    """To be delivered whether it changed or not: this run has not told it yet."""

    def take(self, value: Value | Undecodable, now: datetime) -> bool:
        """Take a decoded value; tell whether there is something to deliver."""
        if isinstance(value, Undecodable):
            return self.fail(Quality.DataEncodingInvalid)
        quality = self._judge(value)
        if quality is self.quality and self._near(value) and not self.owed:
            return False
        self.value, self.quality, self.at, self.owed = value, quality, now, False
        return True

    def fail(self, quality: Quality) -> bool:
        """Take a reason for no value; tell whether that is news."""
        if quality is Quality.LastUsableValue and self.value is None:
            quality = Quality.NoCommunication
        if quality is self.quality and not self.owed:
            return False
        self.quality, self.owed = quality, False
        return True

    def reading(self, device: str, now: datetime) -> Reading:
        """The state as a reading; a value that is only the last usable one keeps its time."""
        return Reading(device, self.name, self.value, self.quality, self.at or now)

    def _judge(self, value: Value) -> Quality:
        low, high = self.options.min, self.options.max
        if (low is None and high is None) or isinstance(value, bool | str):
            return Quality.Good
        if (low is not None and value < low) or (high is not None and value > high):
            return Quality.OutOfRange
        return Quality.Good

    def _near(self, value: Value) -> bool:
        old, band = self.value, self.options.deadband
        if band and isinstance(old, int | float) and isinstance(value, int | float):
            return abs(value - old) < band
        return value == old


class BlockPoints:
    """The points that one block serves. A block whose bytes did not change costs one compare."""

    def __init__(
        self,
        device: str,
        planned: PlannedBlock,
        states: Sequence[PointState],
        fields: Sequence[Field],
        whole: BlockPoints | None = None,
    ) -> None:
        self.planned = planned
        self.states = states
        self._device = device
        self._codec = BitCodec(fields) if planned.space.bits else BlockCodec(fields)
        self._raw: bytes | None = None
        self._values: list[Value | Undecodable] = []
        """Of `_raw`, where that is not None."""
        self._doubtful = False
        """Whether a state may be LastUsableValue."""
        self._confirmed: float = whole._confirmed if whole is not None else 0.0

    def begin(self) -> None:
        """Let everything be delivered again: what was, may have been degraded since."""
        self._raw = None
        for state in self.states:
            state.owed = True

    def take(self, raw: bytes, clock: Clock) -> list[Reading]:
        """Take the bytes of a good answer; return the readings that are news."""
        self._confirmed = clock.monotonic()
        if raw == self._raw:
            return []
        values = self._codec.decode(raw)
        pairs: Iterable[tuple[PointState, Value | Undecodable]]
        if self._raw is None:
            pairs = zip(self.states, values, strict=True)
        else:  # what did not change since the last answer is no news, whatever its deadband
            both = zip(self.states, values, self._values, strict=True)
            pairs = [(state, value) for state, value, before in both if value != before]
        self._raw, self._values, self._doubtful = raw, values, False
        now = clock.utc()
        return [s.reading(self._device, now) for s, value in pairs if s.take(value, now)]

    def fail(self, quality: Quality, clock: Clock) -> list[Reading]:
        """Take a reason for no values; return the readings that are news."""
        return list(self._failed(quality, clock))

    def age(self, stale_after: float, clock: Clock) -> list[Reading]:
        """Return readings for values that were the last usable ones for too long."""
        if not self._doubtful or clock.monotonic() - self._confirmed < stale_after:
            return []
        stale = [s for s in self.states if s.quality is Quality.LastUsableValue]
        now = clock.utc()
        return [s.reading(self._device, now) for s in stale if s.fail(Quality.NoCommunication)]

    def _failed(self, quality: Quality, clock: Clock) -> Iterator[Reading]:
        self._raw, self._doubtful = None, True
        now = clock.utc()
        for state in self.states:
            # What is known to be gone, or never to come, is not made better by silence.
            silent = quality is Quality.LastUsableValue
            if silent and state.quality is Quality.NoCommunication:
                continue
            if state.fail(quality):
                yield state.reading(self._device, now)
