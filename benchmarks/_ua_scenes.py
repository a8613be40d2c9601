"""Scenes with subscribers: data changes, events flat out, and a plant at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from benchmarks import _ua_requests as requests
from benchmarks._rows import percentile
from benchmarks._ua_client import Wire
from benchmarks._ua_peers import Peer
from benchmarks._ua_traffic import Caller, Listener, Traffic

__all__ = ["Emitted", "PlantDay", "data_changes", "events", "plant"]

SUBSCRIBERS: Final = 10
ITEMS: Final = 500
EVERY_MS: Final = 150.0
INTERVAL_MS: Final = 100.0
WAIT_S: Final = 20.0
LATE_S: Final = 120.0
"""A server that is behind with its own updates gets so much longer."""
QUIET_S: Final = 1.5
"""Without anything new for so long, nothing more comes."""

STATIONS, CALLS_S = 50, 2.0
PANELS, PANEL_ITEMS, PANEL_MS = 20, 500, 1000.0
SYSTEMS, EVENTS_S = 10, 100


@contextmanager
def listeners(
    peer: Peer, count: int, interval_ms: float, *, items: int = 0, queue: int = 1
) -> Iterator[list[Listener]]:
    """Yield subscribers of the first `items` variables, or where that is 0 of all events."""
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            listener = Listener(Wire(peer.endpoint))
            stack.callback(listener.close)
            wire = listener.wire
            asked = requests.create_subscription(interval_ms)
            number = int(wire.ask(asked).Parameters.SubscriptionId)
            if items:
                wire.ask(requests.create_items(number, items, queue=queue))
            else:
                wire.ask(requests.event_item(number, queue))
            made.append(listener)
        yield made


class Quiet:
    """True when all has come, or when nothing new has come for a while."""

    def __init__(self, heard: list[Listener], wanted: int) -> None:
        self._heard, self._wanted = heard, wanted
        self._looks, self._last = 0, -1

    def __call__(self) -> bool:
        total = sum(listener.heard for listener in self._heard)
        self._looks = self._looks + 1 if total == self._last else 0
        self._last = total
        return total >= self._wanted or self._looks > QUIET_S / 0.02


def data_changes(peer: Peer, rounds: int) -> tuple[float, int]:
    """Return the processor time of one notification in microseconds, and how many are missing.

    Ten subscribers watch five hundred variables; all of them change `rounds` times.
    """
    with listeners(peer, SUBSCRIBERS, INTERVAL_MS, items=ITEMS, queue=2 * rounds) as heard:
        traffic = Traffic(heard, [])
        initial = SUBSCRIBERS * ITEMS
        traffic.run(Quiet(heard, initial), WAIT_S)
        before, begun = peer.cpu(), sum(listener.heard for listener in heard)
        peer.tell("update", rounds, ITEMS, EVERY_MS)
        wanted = begun + rounds * initial
        traffic.run(Quiet(heard, wanted), rounds * EVERY_MS / 1000 + WAIT_S, begin=False)
        came = sum(listener.heard for listener in heard) - begun
        cost = (peer.cpu() - before) / max(came, 1)
        peer.done("update")
        return cost, wanted - begun - came


@dataclass(frozen=True, slots=True)
class Emitted:
    """Microseconds for an event to all subscribers; what the first of them heard; how many of all
    were lost."""

    cost: float
    lost: int
    numbers: list[str]


def events(peer: Peer, count: int) -> Emitted:
    """Send events as fast as the server can, to ten subscribers of seven fields."""
    with listeners(peer, SUBSCRIBERS, INTERVAL_MS, queue=10_000) as heard:
        heard[0].keep = True
        traffic = Traffic(heard, [])
        traffic.run(lambda: False, 0.3)
        before = peer.cpu()
        peer.tell("emit", count, 0)
        traffic.run(Quiet(heard, count * SUBSCRIBERS), WAIT_S, begin=False)
        cost = (peer.cpu() - before) / count
        peer.done("emit")
        came = sum(listener.heard for listener in heard)
        numbers = [
            str(event.EventFields[requests.MESSAGE_FIELD].Value.Text)
            for part in heard[0].notifications()
            if isinstance(part, ua.EventNotificationList)
            for event in part.Events
        ]
        return Emitted(cost, count * SUBSCRIBERS - came, numbers)


@dataclass(frozen=True, slots=True)
class PlantDay:
    """What the plant cost and how it felt."""

    cpu_percent: float
    calls: int
    call_p50_ms: float
    call_p99_ms: float
    changes: int
    events: int
    events_missing: int


def plant(peer: Peer, seconds: float) -> PlantDay:
    """Fifty stations call twice a second, twenty panels watch five hundred variables that change
    each second, ten systems hear a hundred events a second."""
    with ExitStack() as stack:
        panels = stack.enter_context(listeners(peer, PANELS, PANEL_MS, items=PANEL_ITEMS))
        systems = stack.enter_context(listeners(peer, SYSTEMS, INTERVAL_MS, queue=10_000))
        callers = []
        for _ in range(STATIONS):
            wire = Wire(peer.endpoint)
            stack.callback(wire.close)
            callers.append(Caller(wire, wire.body(requests.call()), 1 / CALLS_S))
        Traffic(panels + systems, []).run(Quiet(panels, PANELS * PANEL_ITEMS), WAIT_S)
        for listener in panels + systems:
            listener.heard = 0
        count = int(seconds * EVENTS_S)
        before = peer.cpu()
        peer.tell("update", int(seconds), PANEL_ITEMS, PANEL_MS)
        peer.tell("emit", count, EVENTS_S)
        traffic = Traffic(panels + systems, callers)
        traffic.run(lambda: False, seconds, begin=False)
        used = peer.cpu() - before
        Traffic(panels + systems, []).run(Quiet(systems, count * SYSTEMS), WAIT_S, begin=False)
        said = sorted(peer.said.get(timeout=LATE_S) for _ in range(2))
        assert said == ["done emit", "done update"], said
        times = [1000 * took for caller in callers for took in caller.times]
        for caller in callers:
            for body in caller.bodies[:1]:
                answer = struct_from_binary(ua.CallResponse, Buffer(body))
                assert answer.Results[0].StatusCode.is_good()
        heard = sum(listener.heard for listener in systems)
        return PlantDay(
            cpu_percent=used / 1e4 / seconds,
            calls=len(times),
            call_p50_ms=percentile(times, 0.5),
            call_p99_ms=percentile(times, 0.99),
            changes=sum(listener.heard for listener in panels),
            events=heard,
            events_missing=count * SYSTEMS - heard,
        )
