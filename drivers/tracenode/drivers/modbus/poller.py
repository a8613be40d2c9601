"""The driver of one Modbus unit: polls its groups, delivers readings, writes points."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.driver import DriverStats, Sink
from tracenode.drivers.modbus.codec import encode
from tracenode.drivers.modbus.endpoint import Endpoint
from tracenode.drivers.modbus.guard import Link
from tracenode.drivers.modbus.options import GroupOptions, ModbusOptions
from tracenode.drivers.modbus.planner import Span, halves
from tracenode.drivers.modbus.read_plan import PlannedBlock, describe, planned_blocks
from tracenode.drivers.modbus.states import BlockPoints, PointState, field_of, quality_of
from tracenode.models.device_errors import (
    BadTelegram,
    DeviceException,
    DriverError,
    LinkLost,
    NoAnswer,
)
from tracenode.models.errors import MalformedRequest
from tracenode.models.readings import Point, Quality, Reading, Value

__all__ = ["ModbusDevice"]

STRIKES = 3
"""Unusable answers in a row after which a unit, or a block of it, is only probed."""

REFUSED_RETRY = 30.0
"""Seconds until a value is asked for again that the device says it does not have."""

AGEING = 0.25
"""Seconds between two looks for values that have become too old."""

SPLITS = frozenset((2, 3))
"""Exception codes that may be owed to one part of a block only: address, and count."""

SILENT_BEHIND_GATEWAY = frozenset((10, 11))


@dataclass(slots=True, eq=False)
class _Polled:
    """One block of the read plan, being polled."""

    points: BlockPoints
    strikes: int = 0
    held_until: float = 0.0
    """By the monotonic clock: not asked before."""


@dataclass(slots=True, eq=False)
class _Group:
    name: str
    options: GroupOptions
    blocks: list[_Polled]
    due: float = 0.0
    pending: deque[_Polled] = field(default_factory=deque)

    @property
    def period(self) -> float:
        return self.options.period_ms / 1000


class ModbusDevice:
    """A unit on a line that other units may share; see `Driver` for the contract.

    While the unit is silent and the line is up, `run` goes on: values become LastUsableValue, then
    NoCommunication, and the unit is asked one block every `probe_ms` until it answers. Only a lost
    line ends `run`.
    """

    def __init__(
        self,
        device: str,
        link: Link,
        options: ModbusOptions,
        *,
        stale_after: float = 10.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.device = device
        self.options = options
        self._link = link
        self._stale_after = stale_after
        self._clock = clock
        self._within = options.timeout_ms / 1000
        self._states = {name: PointState(name, p) for name, p in options.points.items()}
        self._points = tuple(point.point(name) for name, point in options.points.items())
        self._groups = self._planned(link.endpoint)
        self._borrowed = False
        self._silent = 0
        self._held_until = 0.0
        self._probes = 0
        self._stats = DriverStats(
            extra=dict.fromkeys(
                ("cycles", "late_cycles", "blocks", "bad_telegrams", "exceptions", "unit_down"), 0
            )
        )
        self._count_blocks()

    @property
    def points(self) -> Sequence[Point]:
        return self._points

    def read_plan(self) -> Iterable[str]:
        return describe(self.options, self._link.endpoint).lines()

    @property
    def stats(self) -> DriverStats:
        """`extra`: cycles; late_cycles, those begun while the one before was not done; blocks of
        the read plan; bad_telegrams; exceptions; unit_down, 1 while the unit is only probed."""
        return self._stats

    async def __aenter__(self) -> Self:
        await self._link.__aenter__()
        self._borrowed = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._borrowed:
            self._borrowed = False
            await self._link.__aexit__(kind, error, trace)

    # ------------------------------------------------------------------ polling
    async def run(self, sink: Sink) -> None:
        self._all_due()
        for every in self._groups:
            for polled in every.blocks:
                polled.points.begin()
        aged = self._clock.monotonic()
        while True:
            self._start_due_cycles()
            if (now := self._clock.monotonic()) - aged >= AGEING:
                aged = now
                self._deliver(sink, self._each(lambda b: b.age(self._stale_after, self._clock)))
            group = self._most_urgent()
            pause = self._next_due() - self._clock.monotonic()
            try:
                if group is None:
                    await self._link.rest(pause)
                else:
                    await self._poll(group, group.pending.popleft(), sink)
            except LinkLost:
                self._deliver(sink, self._silence())
                raise

    def _all_due(self) -> None:
        now = self._clock.monotonic()
        self._silent, self._held_until = 0, 0.0
        self._stats.extra["unit_down"] = 0
        for group in self._groups:
            group.due = now
            group.pending.clear()
            for block in group.blocks:
                block.strikes, block.held_until = 0, 0.0

    def _start_due_cycles(self) -> None:
        if self._silent >= STRIKES:  # only probes
            return
        now = self._clock.monotonic()
        for group in self._groups:
            if now < group.due:
                continue
            self._stats.extra["cycles"] += 1
            if group.pending:
                self._stats.extra["late_cycles"] += 1
            else:
                group.pending.extend(block for block in group.blocks if block.held_until <= now)
            missed = int((now - group.due) / group.period)
            self._stats.extra["late_cycles"] += missed
            group.due += (missed + 1) * group.period

    def _most_urgent(self) -> _Group | None:
        if self._clock.monotonic() < self._held_until:
            return None
        waiting = [group for group in self._groups if group.pending]
        return max(waiting, key=lambda group: group.options.priority, default=None)

    def _next_due(self) -> float:
        """When there is something to do: a cycle, the next probe, or values that age."""
        due = min(group.due for group in self._groups)
        ageing = self._clock.monotonic() + AGEING
        return min(max(due, self._held_until), ageing)

    async def _poll(self, group: _Group, polled: _Polled, sink: Sink) -> None:
        planned = polled.points.planned
        block = planned.block
        stats = self._stats
        stats.requests += 1
        try:
            raw = await self._link.read_raw(
                self.options.unit, planned.space, block.address, block.count, within=self._within
            )
        except LinkLost:
            raise
        except DeviceException as error:
            self._refused(group, polled, error, sink)
        except (NoAnswer, BadTelegram) as error:
            if isinstance(error, NoAnswer):
                stats.timeouts += 1
            else:
                stats.extra["bad_telegrams"] += 1
            self._unusable(polled, error, sink)
        else:
            self._answered(polled)
            stats.last_good = self._clock.utc()
            if (seconds := self._link.stats.round_trip) is not None:
                stats.round_trip_ms = seconds * 1000
            self._deliver(sink, polled.points.take(raw, self._clock))

    def _answered(self, polled: _Polled) -> None:
        polled.strikes, polled.held_until = 0, 0.0
        if self._silent >= STRIKES:  # back again: everything is read now, not when next due
            self._all_due()
        self._silent = 0

    def _unusable(self, polled: _Polled, error: DriverError, sink: Sink) -> None:
        """No answer, or none that can be trusted: slow down, so that others get the line."""
        self._stats.errors += 1
        now = self._clock.monotonic()
        probe = self.options.probe_ms / 1000
        polled.strikes += 1
        if polled.strikes >= STRIKES:
            polled.held_until = now + probe
        self._silent += 1
        if self._silent < STRIKES:
            self._deliver(sink, polled.points.fail(quality_of(error), self._clock))
            return
        self._stats.extra["unit_down"] = 1
        self._held_until = now + probe
        for group in self._groups:
            group.pending.clear()
        # The probe: one block in turn, and not a whole cycle of time-outs.
        every = [(group, block) for group in self._groups for block in group.blocks]
        self._probes += 1
        group, block = every[self._probes % len(every)]
        group.pending.append(block)
        self._deliver(sink, self._silence())

    def _refused(self, group: _Group, polled: _Polled, error: DeviceException, sink: Sink) -> None:
        self._stats.extra["exceptions"] += 1
        if error.code in SILENT_BEHIND_GATEWAY:
            self._unusable(polled, error, sink)
            return
        self._stats.errors += 1
        self._answered(polled)
        planned = polled.points.planned
        parts = halves(planned.block)
        if error.code in SPLITS and parts != (planned.block,):
            # Once: the parts replace the block, so the hole stays known.
            pieces = [
                self._polled(PlannedBlock(planned.group, planned.space, part), polled.points)
                for part in parts
            ]
            place = group.blocks.index(polled)
            group.blocks[place : place + 1] = pieces
            group.pending.extendleft(reversed(pieces))
            self._count_blocks()
            return
        quality = quality_of(error)
        if quality is Quality.ConfigurationError:
            polled.held_until = self._clock.monotonic() + REFUSED_RETRY
        self._deliver(sink, polled.points.fail(quality, self._clock))

    # ------------------------------------------------------------------ writing
    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        """Write points by name, one after the other; with `verify`, read them back.

        Raises:
            MalformedRequest: no such point, not writable, or a value that does not fit; nothing
                was written.
            NoAnswer, LinkLost: the outcome is unknown.
            BadTelegram: the device acknowledged and holds another value.
            DeviceException: the device refused.
        """
        for write in [self._writing(name, value, verify) for name, value in values.items()]:
            await write()

    def _writing(self, name: str, value: Value, verify: bool) -> Callable[[], Awaitable[None]]:
        point = self.options.points.get(name)
        if point is None or not point.writable:
            found = "no such point" if point is None else "one that is not writable"
            raise MalformedRequest(name, f"a writable point of {self.device}", found)
        unit, address = self.options.unit, self.options.address(point)
        if not point.at.space.bits and point.at.bit is None:
            words = encode(name, field_of(self.options, point, 0), value)
            return lambda: self._link.write_registers(
                unit, address, words, verify=verify, within=self._within
            )
        if not isinstance(value, bool):
            raise MalformedRequest(name, "true or false", repr(value))
        if point.at.bit is not None:
            bit = point.at.bit
            return lambda: self._link.write_bit(
                unit, address, bit, value, verify=verify, within=self._within
            )
        return lambda: self._link.write_coils(
            unit, address, [value], verify=verify, within=self._within
        )

    # ------------------------------------------------------------------ parts
    def _planned(self, endpoint: Endpoint) -> list[_Group]:
        blocks = planned_blocks(self.options, endpoint)
        return [
            _Group(name, group, [self._polled(b) for b in blocks if b.group == name])
            for name, group in self.options.groups.items()
        ]

    def _polled(self, planned: PlannedBlock, whole: BlockPoints | None = None) -> _Polled:
        """The block with the points it serves; `whole` is the one it is a part of."""
        block = planned.block
        spans = set(block.spans)
        own = [
            state
            for state in self._states.values()
            if state.options.at.space is planned.space
            and self.options.group_of(state.options) == planned.group
            and Span(self.options.address(state.options), state.options.width) in spans
        ]
        fields = [
            field_of(self.options, s.options, self.options.address(s.options) - block.address)
            for s in own
        ]
        return _Polled(BlockPoints(self.device, planned, own, fields, whole))

    def _count_blocks(self) -> None:
        self._stats.extra["blocks"] = sum(len(group.blocks) for group in self._groups)

    def _each(self, readings: Callable[[BlockPoints], list[Reading]]) -> Iterable[Reading]:
        for group in self._groups:
            for polled in group.blocks:
                yield from readings(polled.points)

    def _silence(self) -> Iterable[Reading]:
        return self._each(lambda block: block.fail(Quality.LastUsableValue, self._clock))

    @staticmethod
    def _deliver(sink: Sink, readings: Iterable[Reading]) -> None:
        if news := list(readings):
            sink.readings(news)
