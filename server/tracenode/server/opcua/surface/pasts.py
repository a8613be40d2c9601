"""The past of items, stations and notifiers, read from the tables and the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from math import isnan
from typing import Any, Final, TypeVar

from asyncua import ua

from tracenode.models.answers import ItemDetail, ItemView
from tracenode.models.errors import UnknownItem
from tracenode.models.receipts import Record
from tracenode.models.status import TraceStatus
from tracenode.server.genealogy.answers.detail import item_detail
from tracenode.server.genealogy.items.changes import (
    GivenUp,
    Stretch,
    Verdicts,
    given_up,
    given_up_at,
    is_begun,
    item_times,
    occupant,
    revision,
    station_times,
    verdict_at,
    verdicts_now,
    verdicts_within,
)
from tracenode.server.genealogy.moment import position_by
from tracenode.server.opcua.history.pasts import Former, Heard, Page, Sample, Samples
from tracenode.server.opcua.history.times import ALL_BEFORE, from_micros, micros
from tracenode.server.opcua.methods.arguments import NULL_DATE
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.surface.structures import item_fields
from tracenode.server.opcua.surface.telling import told
from tracenode.server.store.reading.known import number_of_id
from tracenode.server.store.reading.resolve import public_id
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.reading.spans import naming, records_between

__all__ = [
    "ITEM_FIELDS",
    "STATION_FIELDS",
    "BelievedPast",
    "CountPast",
    "ItemPast",
    "NotifierPast",
    "RecordPast",
    "StationPast",
    "past_of_station",
]

T = TypeVar("T")

ITEM_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "StationId": ("life", "visit"),
    "OnHold": ("life", "hold"),
}
"""Where a field of an item can change; all others change with its life."""
ITEM_FIELDS: Final = frozenset(
    (
        "ItemId",
        "Kind",
        "MaterialId",
        "LotId",
        "SerialNumber",
        "State",
        "OnHold",
        "Quantity",
        "UnitOfMeasure",
        "StationId",
        "OrderId",
    )
)
"""Variables of an item whose past is known."""
CURRENT: Final[Mapping[str, Any]] = {
    "CurrentItem.ItemId": "",
    "CurrentItem.MaterialId": "",
    "CurrentItem.LotId": "",
    "CurrentItem.OrderId": "",
    "CurrentItem.State": 0,
    "CurrentItem.StartedAt": NULL_DATE,
    "CurrentItem.Evaluation": 0,
}
COUNTS: Final = ("CountOK", "CountNotOK")
LAST: Final = (
    "LastStatus",
    "LastStatusText",
    "LastEventSequence",
    "LastEventType",
    "LastEventTime",
)
STATION_FIELDS: Final = (*CURRENT, *COUNTS, *LAST)
"""Variables of a station whose past is known."""
CHUNK: Final = 200
"""Times at which a value is looked up between two looks at the clock."""
MOST_GIVEN_UP: Final = 10_000
SOUGHT_S: Final = 2.0
"""Seconds that the last record before a time is sought in the journal."""
NOTHING: Final = object()
"""There was no value."""


# ---------------------------------------------------------------------- what is believed
class BelievedPast:
    """Values by event time, as believed now; those believed before a void, a correction or a late
    event are the former ones."""

    def samples(self, reading: Reading, page: Page) -> Samples:
        """Return the values where they changed."""
        out: list[Sample] = []
        low, high = page.low, page.high
        more: int | None = None
        size = min(page.limit, CHUNK) + 1
        while low < high:
            times, more = self._times(reading, Stretch(low, high, size, page.down))
            out += self._changes(reading, times, page.down)
            if len(out) > page.limit:
                last = out[page.limit - 1].at
                return Samples(out[: page.limit], last if page.down else last + 1)
            if more is None or page.is_over:
                break
            low, high = (low, more) if page.down else (more, high)
        return Samples(out, more if low < high else None)

    def at(self, reading: Reading, moment: int) -> Sample | None:
        """Return the value believed of an instant."""
        (value,) = self._values(reading, [moment])
        return None if value is NOTHING else Sample(ALL_BEFORE, value)

    def former(self, reading: Reading, low: int, high: int, limit: int) -> Sequence[Former]:
        """Return values that were believed before, where they are others since."""
        return list(islice(self._former(reading, low, high), limit))

    def _former(self, reading: Reading, low: int, high: int) -> Iterator[Former]:
        for at, by in self._given_up(reading, low, high):
            before, since = (self._value(reading, at, known) for known in (by - 1, by))
            if before is not NOTHING and not _same(before, since):
                recorded, kind, user = revision(reading, by)
                yield Former(at, before, recorded, int(HOW.get(kind, UPDATE)), user)

    def _changes(self, reading: Reading, times: Sequence[int], down: bool) -> list[Sample]:
        if not times:
            return []
        rising = sorted(times)
        values = self._values(reading, [rising[0] - 1, *rising])
        found = [
            Sample(at, value)
            for at, before, value in zip(rising, values, values[1:], strict=False)
            if value is not NOTHING and not _same(before, value)
        ]
        return found[::-1] if down else found

    def _values(self, reading: Reading, times: Sequence[int]) -> list[Any]:
        """The values of some instants, in order."""
        return [self._value(reading, moment, None) for moment in times]

    def _times(self, reading: Reading, stretch: Stretch) -> tuple[list[int], int | None]:
        raise NotImplementedError

    def _value(self, reading: Reading, moment: int, known: int | None) -> Any:
        raise NotImplementedError

    def _given_up(self, reading: Reading, low: int, high: int) -> list[GivenUp]:
        raise NotImplementedError


UPDATE: Final = ua.HistoryUpdateType.Update
HOW: Final = {"void": ua.HistoryUpdateType.Delete, "correct": ua.HistoryUpdateType.Replace}
"""What a record does to a value by its type; a late event updates it."""


class ItemPast(BelievedPast):
    """The past of one field of an item."""

    def __init__(self, public: str, field: str) -> None:
        self._public, self._field = public, field
        self._tables = ITEM_TABLES.get(field, ("life",))

    def _times(self, reading: Reading, stretch: Stretch) -> tuple[list[int], int | None]:
        item = number_of_id(reading.connection, self._public)
        if item is None:
            return [], None
        times = item_times(reading, item, self._tables, stretch)
        if len(times) < stretch.limit:
            return times, None
        return times, times[-1] + (0 if stretch.down else 1)

    def _value(self, reading: Reading, moment: int, known: int | None) -> Any:
        item = number_of_id(reading.connection, self._public)
        if item is None or not is_begun(reading, item, moment, known):
            return NOTHING
        view = _view(reading, self._public, moment, known)
        return NOTHING if view is None else item_fields(view)[self._field]

    def _given_up(self, reading: Reading, low: int, high: int) -> list[GivenUp]:
        item = number_of_id(reading.connection, self._public)
        if item is None:
            return []
        return given_up(reading, item, self._tables, Stretch(low, high, MOST_GIVEN_UP))


class StationPast(BelievedPast):
    """The past of what is in process at a station, and of its last verdict."""

    def __init__(self, station: str, field: str) -> None:
        self._station, self._field = station, field

    def _times(self, reading: Reading, stretch: Stretch) -> tuple[list[int], int | None]:
        number = _number(reading, self._station)
        if number is None:
            return [], None
        return station_times(reading, self._station, number, stretch)

    def _value(self, reading: Reading, moment: int, known: int | None) -> Any:
        number, empty = _number(reading, self._station), CURRENT[self._field]
        if number is None:
            return empty
        if self._field == "CurrentItem.Evaluation":
            return verdict_at(reading, number, moment, known) or 0
        found = occupant(reading, self._station, number, moment, known)
        if found is None:
            return empty
        if self._field == "CurrentItem.StartedAt":
            return from_micros(found.since)
        public = public_id(reading.connection, found.item)
        view = _view(reading, public, moment, known)
        name = self._field.removeprefix("CurrentItem.")
        return empty if view is None else item_fields(view)[name]

    def _given_up(self, reading: Reading, low: int, high: int) -> list[GivenUp]:
        number = _number(reading, self._station)
        if number is None:
            return []
        return given_up_at(reading, number, Stretch(low, high, MOST_GIVEN_UP))


class CountPast(StationPast):
    """The past of a count of verdicts: that of now, less those given since. What was counted
    before a void is not told."""

    def _values(self, reading: Reading, times: Sequence[int]) -> list[Any]:
        number = _number(reading, self._station)
        if number is None:
            return [0 for _ in times]
        now = verdicts_now(reading, number)
        count = self._of(now) - self._of(verdicts_within(reading, self._station, times[-1], None))
        values = [count]
        for since, until in reversed(list(pairwise(times))):
            count -= self._of(verdicts_within(reading, self._station, since, until))
            values.append(count)
        return values[::-1]

    def _given_up(self, reading: Reading, low: int, high: int) -> list[GivenUp]:
        return []

    def _of(self, verdicts: Verdicts) -> int:
        return verdicts.ok if self._field == "CountOK" else verdicts.not_ok


def _number(reading: Reading, station: str) -> int | None:
    rows = reading.rows("SELECT id FROM station WHERE name=?", (station,))
    return int(rows[0][0]) if rows else None


def _view(reading: Reading, public: str, moment: int, known: int | None) -> ItemView | None:
    question = ItemDetail(item=public, as_of=from_micros(moment), as_known_at=known)
    try:
        return item_detail(reading, question).view
    except UnknownItem:
        return None


def _same(one: Any, other: Any) -> bool:
    unknown = isinstance(one, float) and isinstance(other, float) and isnan(one) and isnan(other)
    return bool(unknown or one == other)


# ---------------------------------------------------------------------- what was recorded
class RecordPast:
    """The past of what a station shows of its last record, by time of record."""

    def __init__(self, station: str, field: str) -> None:
        self._station, self._field = station, field
        self._names = (naming("station", station),)

    def samples(self, reading: Reading, page: Page) -> Samples:
        """Return one value a record."""
        found, more = _recorded(reading, page, self._names, self._shown)
        return Samples([Sample(at, value) for at, (value,) in found], more)

    def at(self, reading: Reading, moment: int) -> Sample | None:
        """Return what the last record said, None where none is found soon."""
        page = Page(ALL_BEFORE, moment + 1, True, 1, time.monotonic() + SOUGHT_S)
        found = self.samples(reading, page).found
        return found[0] if found else None

    def former(self, reading: Reading, low: int, high: int, limit: int) -> Sequence[Former]:
        """What a record said is not changed by another."""
        return ()

    def _shown(self, record: Record) -> tuple[Any] | None:
        if record.event.station != self._station:
            return None
        match self._field:
            case "LastStatus":
                return (int(TraceStatus.Ok if record.refusal is None else record.refusal),)
            case "LastStatusText":
                return (record.text,)
        if record.refusal is not None:
            return None
        match self._field:
            case "LastEventSequence":
                return (record.sequence,)
            case "LastEventType":
                return (told(record).event_type,)
        return (record.at,)


class NotifierPast:
    """The past events of a notifier; `sources` are the nodes whose events it tells, None: all."""

    def __init__(
        self,
        event_of: Callable[[Record], Event | None],
        sources: Collection[ua.NodeId] | None,
        names: Sequence[str],
    ) -> None:
        self._event_of, self._sources, self._names = event_of, sources, names

    def events(self, reading: Reading, page: Page, passes: Callable[[Event], bool]) -> Heard:
        """Return the events of records and refusals that pass, as they were told."""

        def heard(record: Record) -> Event | None:
            event = self._event_of(record)
            if event is None or (self._sources is not None and event.source not in self._sources):
                return None
            return event if passes(event) else None

        return Heard(*_recorded(reading, page, self._names, heard))


def _recorded(
    reading: Reading, page: Page, names: Sequence[str], keep: Callable[[Record], T | None]
) -> tuple[list[tuple[int, T]], int | None]:
    """What `keep` makes of the records of a page, with their times, and where to go on."""
    ((head,),) = reading.rows("SELECT coalesce(max(seq), 0) FROM journal")
    first = position_by(reading, page.low - 1, head) + 1
    last = position_by(reading, page.high - 1, head)
    found: list[tuple[int, T]] = []
    looked = records_between(reading.connection, first, last, down=page.down, naming=names)
    for position, record in looked:
        if record is None:
            if page.is_over and position != (first if page.down else last):
                ((rec,),) = reading.rows("SELECT rec FROM journal WHERE seq=?", (position,))
                return found, rec if page.down else rec + 1
            continue
        made = keep(record)
        if made is None:
            continue
        if len(found) == page.limit:
            at = found[-1][0]
            return found, at if page.down else at + 1
        found.append((micros(record.recorded), made))
    return found, None


def past_of_station(station: str, field: str) -> BelievedPast | RecordPast:
    """Return the past of one of STATION_FIELDS."""
    if field in LAST:
        return RecordPast(station, field)
    return CountPast(station, field) if field in COUNTS else StationPast(station, field)
