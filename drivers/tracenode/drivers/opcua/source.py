"""The driver of a controller's OPC UA server: subscribes to nodes, delivers what they give."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from asyncua import ua

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.driver import DriverStats, Sink
from tracenode.drivers.opcua.node_names import NodeName
from tracenode.drivers.opcua.options import OpcUaOptions
from tracenode.drivers.opcua.session import Session, Watched
from tracenode.drivers.opcua.values import Declared, variant_of
from tracenode.drivers.together import together
from tracenode.models.device_errors import BadTelegram, LinkLost
from tracenode.models.errors import BadSetting, MalformedRequest
from tracenode.models.readings import Point, Quality, Reading, Value

__all__ = ["OpcUaSource"]

REFUSED_RETRY: Final = 10.0
"""Seconds until a node is asked for again that the server says it does not have."""
SHOWN: Final = 3
"""Points that are named of those with which something is wrong."""


class OpcUaSource:
    """A server whose nodes are read by subscription; see `Driver` for the contract.

    A node that the server has not (yet) is ConfigurationError and asked for again every
    REFUSED_RETRY seconds; the other points are not disturbed. A link, session or subscription that
    is gone, and a notification that is missing, end `run`: what is there is read anew then.
    """

    def __init__(
        self,
        device: str,
        endpoint: str,
        options: OpcUaOptions,
        folder: Path,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`folder`: where relative files of the configuration are."""
        self.device, self.options = device, options
        self._endpoint, self._folder, self._clock = endpoint, folder, clock
        self._declared = [Declared(device, name, node) for name, node in options.points.items()]
        self._points = tuple(d.options.point(d.name) for d in self._declared)
        self._session: Session | None = None
        self._namespaces: Sequence[str] = ()
        self._refused: dict[str, str] = {}
        self._misfits: dict[str, str] = {}
        counters = ("notifications", "values", "overflows", "refused_nodes")
        self._stats = DriverStats(extra=dict.fromkeys(counters, 0))

    @property
    def points(self) -> Sequence[Point]:
        return self._points

    @property
    def stats(self) -> DriverStats:
        """`extra`: notifications; values in them; overflows, values before which the server's queue
        ran over; refused_nodes, those that the server has not."""
        self._stats.extra["refused_nodes"] = len(self._refused)
        return self._stats

    @property
    def degraded(self) -> str:
        wrong = [f"{name}: {words}" for name, words in (self._refused | self._misfits).items()]
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        return "; ".join(wrong[:SHOWN]) + more

    def read_plan(self) -> Iterable[str]:
        options = self.options
        yield f"{self._endpoint}, security {options.security}, nodes: {len(self._points)}"
        yield f"one subscription, published every {options.publishing_ms} ms"
        if (box := options.mailbox) is not None:
            yield f"mailbox: {box.area_a} read every {box.poll_ms} ms, answers in {box.area_b}"

    async def __aenter__(self) -> Self:
        session = Session(self.device, self._endpoint, self.options, self._folder)
        try:
            await session.open()
            self._namespaces = await session.namespaces()
        except BaseException:
            await session.close()
            raise
        self._session = session
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # ------------------------------------------------------------- reading
    async def run(self, sink: Sink) -> None:
        session = self.session
        self._refused, self._misfits = {}, {}
        await together(session.lost(), self._deliver(session, sink))

    async def _deliver(self, session: Session, sink: Sink) -> None:
        if not self._declared:
            await asyncio.Event().wait()
        await session.subscribe(self.options.publishing_ms)
        await self._monitor(session, sink, range(len(self._declared)))
        await together(self._listen(session, sink), self._ask_again(session, sink))

    async def _monitor(self, session: Session, sink: Sink, places: Iterable[int]) -> None:
        """Ask for nodes by their place in `points`; what can't be had is delivered as such."""
        wanted: list[tuple[int, Watched]] = []
        failed: list[Reading] = []
        for place in places:
            declared = self._declared[place]
            options = declared.options
            try:
                node = options.node.resolve(self._namespaces)
            except BadSetting as error:
                failed.append(self._refuse(declared, str(error)))
                continue
            pace = -1 if options.sampling_ms is None else options.sampling_ms
            wanted.append((place, (node, options.index_range, pace)))
        began = time.monotonic()
        statuses = await session.monitor(wanted)
        self._stats.round_trip_ms = (time.monotonic() - began) * 1000
        self._stats.requests += 1
        for (place, _), status in zip(wanted, statuses, strict=True):
            declared = self._declared[place]
            if Quality(status.value).usable:
                self._refused.pop(declared.name, None)
            else:
                failed.append(self._refuse(declared, f"the server answers {status.name}"))
        if failed:
            sink.readings(failed)

    def _refuse(self, declared: Declared, why: str) -> Reading:
        self._refused[declared.name] = f"{declared.options.node}: {why}"
        return declared.failed(Quality.ConfigurationError, self._clock.utc())

    async def _ask_again(self, session: Session, sink: Sink) -> None:
        while True:
            await asyncio.sleep(REFUSED_RETRY)
            places = [i for i, d in enumerate(self._declared) if d.name in self._refused]
            if places:
                self._namespaces = await session.namespaces()
                await self._monitor(session, sink, places)

    async def _listen(self, session: Session, sink: Sink) -> None:
        expected: int | None = None
        while True:
            message = await session.notification()
            for part in message.NotificationData or ():
                if isinstance(part, ua.StatusChangeNotification):
                    raise LinkLost(self._endpoint, f"subscription ended: {part.Status.name}")
                found = message.SequenceNumber
                if expected is not None and found != expected:
                    raise BadTelegram(f"notification {expected}", str(found))
                if isinstance(part, ua.DataChangeNotification):
                    self._stats.extra["notifications"] += 1
                    sink.readings(self._readings(part.MonitoredItems))
            if message.NotificationData:
                # OPC 10000-4 7.26: the number after the last UInt32 is 1.
                expected = message.SequenceNumber % 0xFFFF_FFFF + 1

    def _readings(self, items: Sequence[ua.MonitoredItemNotification]) -> list[Reading]:
        now = self._clock.utc()
        readings: list[Reading] = []
        for item in items:
            declared = self._declared[item.ClientHandle]
            reading, wrong = declared.reading(item.Value, now)
            if wrong:
                self._misfits[declared.name] = f"{declared.options.node}: {wrong}"
            else:
                self._misfits.pop(declared.name, None)
            self._stats.extra["overflows"] += _overflowed(reading.quality)
            readings.append(reading)
        self._stats.extra["values"] += len(readings)
        self._stats.last_good = now
        return readings

    # ------------------------------------------------------------- writing
    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        """Write points by name, one after the other; with `verify`, read them back.

        Raises:
            MalformedRequest: no such point, not writable, or a value that does not fit; nothing
                was written.
            NoAnswer, LinkLost: the outcome is unknown.
            BadTelegram: the server acknowledged and holds another value.
            DeviceException: the server refused; its code is the StatusCode.
        """
        planned = [self._planned(name, value) for name, value in values.items()]
        for declared, variant in planned:
            node = self.resolve(declared.options.node)
            index_range = declared.options.index_range
            self._stats.requests += 1
            await self.session.write(node, variant, index_range)
            if not verify:
                continue
            held = await self.session.read(node, index_range)
            if held.Value is None or held.Value.Value != variant.Value:
                found = held.Value.Value if held.Value is not None else None
                raise BadTelegram(f"{declared.name} = {variant.Value!r} read back", repr(found))

    def _planned(self, name: str, value: Value) -> tuple[Declared, ua.Variant]:
        declared = next((d for d in self._declared if d.name == name), None)
        if declared is None or not declared.options.writable:
            found = "no such point" if declared is None else "one that is not writable"
            raise MalformedRequest(name, f"a writable point of {self.device}", found)
        variant = variant_of(declared.options, value)
        if variant is None:
            raise MalformedRequest(name, f"a value of {declared.options.type.name}", repr(value))
        return declared, variant

    # ------------------------------------------------------------- for the mailbox
    @property
    def session(self) -> Session:
        """The open session.

        Raises:
            LinkLost: there is none.
        """
        if self._session is None:
            raise LinkLost(self._endpoint, "not connected")
        return self._session

    def resolve(self, node: NodeName) -> ua.NodeId:
        """Return the NodeId at the server that is connected.

        Raises:
            BadSetting: it has no such namespace.
        """
        return node.resolve(self._namespaces)


def _overflowed(quality: Quality) -> bool:
    """Whether values before this one were discarded (OPC 10000-4 7.39.1: InfoType DataValue, and
    its bit Overflow)."""
    return int(quality) & 0x0480 == 0x0480
