"""What a station shows beside its methods: the item in process, counts, and its last record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tracenode.models.answers import ItemView
from tracenode.models.config import Config
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Correct, Void
from tracenode.models.readings import DeviceState
from tracenode.models.receipts import Record
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.methods.arguments import NULL_DATE
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.surface.structures import item_fields
from tracenode.server.opcua.surface.telling import told
from tracenode.server.opcua.surface.tree import Members
from tracenode.server.store.reading.catalogue import Catalogue, StationState, completion_in

__all__ = ["Stations"]

RECENT: Final = 16
CURRENT: Final = ("ItemId", "MaterialId", "LotId", "OrderId", "State")
REREAD: Final = 2_000
"""Journal entries that are read again at the start, about 50 µs each."""
EMPTY: Final = {"ItemId": "", "MaterialId": "", "LotId": "", "OrderId": "", "State": 0}


@dataclass(frozen=True, slots=True)
class _Completed:
    """What a completion said: by which record, the verdict, and how long it took if it told."""

    record: str = ""
    verdict: Evaluation = Evaluation.Undefined
    cycle_s: float | None = None

    @classmethod
    def by(cls, record: str, event: Complete) -> _Completed:
        told_ms = event.cycle_time_ms
        return cls(record, event.evaluation, None if told_ms is None else told_ms / 1000)


NOTHING: Final = _Completed()


class Stations:
    """Keeps the variables of all stations: what follows from the tables is read again after each
    batch of records, what only the record tells is taken from it."""

    def __init__(
        self,
        config: Config,
        members: Mapping[str, Members],
        catalogue: Catalogue,
        view: Callable[[str], ItemView | None],
    ) -> None:
        self._members = members
        self._catalogue = catalogue
        self._view = view
        self._recent: dict[str, deque[str]] = {name: deque(maxlen=RECENT) for name in members}
        self._completed: dict[str, _Completed] = {}
        self._devices: dict[str, set[str]] = {name: set() for name in members}
        self._down: set[str] = set()
        for device in config.devices:
            if device.station and device.enabled:
                self._devices[device.station].add(device.id)
                self._down.add(device.id)

    def __contains__(self, station: str) -> bool:
        return station in self._members

    # -------------------------------------------------------------- at start
    def restored(self) -> Iterator[NewValue]:
        """Yield every value as it was before the server stopped. What only the records tell is
        told by the REREAD last entries of the journal; of a station that was quiet for longer, the
        tables know its last record, its verdict and the items with an operation there."""
        states = {station: self._catalogue.station(station) for station in self._members}
        accepted: dict[str, Record] = {}
        last: dict[str, Record] = {}
        for station, state in states.items():
            self._recent[station].extend(state.recent)
            self._recall(station)
            if state.last is not None:
                accepted[station] = last[station] = state.last
        for record in self._catalogue.latest(REREAD):
            self._remember(record)
            last[record.event.station] = record
            if record.refusal is None:
                accepted[record.event.station] = record
        for station, state in states.items():
            for told_last in (accepted.get(station), last.get(station)):
                if told_last is not None:
                    yield from self._last(told_last)
            yield from self._state(station, state)
            yield self._online(station)

    # -------------------------------------------------------------- after a commit
    def after(self, records: Sequence[Record]) -> Iterator[NewValue]:
        """Yield what changed by some records, in journal order."""
        touched: dict[str, None] = {}
        for record in records:
            for station in _places(record, self._members):
                touched[station] = None
            self._remember(record)
            yield from self._last(record)
        for station in touched:
            yield from self._state(station, self._catalogue.station(station))

    def _remember(self, record: Record) -> None:
        station, event = record.event.station, record.event
        if record.refusal is not None:
            return
        if isinstance(event, Void | Correct):
            for place, completed in list(self._completed.items()):
                if completed.record == event.record.lower():
                    self._recall(place)
        if isinstance(event, Complete):
            self._completed[station] = _Completed.by(record.record, event)
        if record.item and station in self._members:
            recent = self._recent[station]
            if record.item in recent:
                recent.remove(record.item)
            recent.appendleft(record.item)

    def _recall(self, station: str) -> None:
        """Take the last verdict of a station from the tables."""
        self._completed.pop(station, None)
        record = self._catalogue.completion(station)
        event = None if record is None else completion_in(record.event)
        if record is not None and event is not None:
            self._completed[station] = _Completed.by(record.record, event)

    def _last(self, record: Record) -> Iterator[NewValue]:
        station = record.event.station
        members = self._members.get(station)
        if members is None:
            return
        status = TraceStatus.Ok if record.refusal is None else record.refusal
        shown: dict[str, Any] = {"LastStatus": int(status), "LastStatusText": record.text}
        if record.refusal is None:
            shown["LastEventSequence"] = record.sequence
            shown["LastEventType"] = told(record).event_type
            shown["LastEventTime"] = record.at
        for name, value in shown.items():  # as their history has them
            yield NewValue(members[name], value, source_time=record.recorded)

    def _state(self, station: str, state: StationState) -> Iterator[NewValue]:
        members = self._members[station]
        view = self._view(state.item) if state.item else None
        fields: Mapping[str, Any] = EMPTY if view is None else item_fields(view)
        for name in CURRENT:
            yield NewValue(members[f"CurrentItem.{name}"], fields[name])
        completed = self._completed.get(station, NOTHING)
        yield NewValue(members["CurrentItem.Evaluation"], int(completed.verdict))
        yield NewValue(members["CurrentItem.StartedAt"], state.started or NULL_DATE)
        yield NewValue(members["CountOK"], state.ok)
        yield NewValue(members["CountNotOK"], state.not_ok)
        cycle = state.cycle_s if completed.cycle_s is None else completed.cycle_s
        if cycle is not None:
            yield NewValue(members["CycleTime"], cycle)
        recent = list(self._recent[station])
        yield NewValue(members["RecentItemIds"], recent + [""] * (RECENT - len(recent)))

    # -------------------------------------------------------------- devices
    def device_state(self, device: str, state: DeviceState) -> Iterator[NewValue]:
        """Yield whether the stations of a device are online, where that is another now."""
        down = state is not DeviceState.Up
        if down == (device in self._down):
            return
        (self._down.add if down else self._down.discard)(device)
        for station, devices in self._devices.items():
            if device in devices:
                yield self._online(station)

    def _online(self, station: str) -> NewValue:
        up = self._down.isdisjoint(self._devices[station])
        return NewValue(self._members[station]["Online"], up)


def _places(record: Record, known: Iterable[str]) -> Iterable[str]:
    """Return the stations whose state may be another after a record. A void or a correction names
    only the record that it undoes, and an operation may have been open elsewhere."""
    if record.refusal is not None:
        return ()
    if isinstance(record.event, Void | Correct) or record.event.type in ELSEWHERE:
        return known
    return (record.event.station,) if record.event.station in known else ()


ELSEWHERE: Final = ("scrap", "ship", "transform")
"""Types of events that end an operation wherever it is open."""
