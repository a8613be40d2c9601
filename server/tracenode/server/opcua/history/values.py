"""Raw values with bounds, values at times, modified values: read and encoded in one go."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary

from tracenode.server.opcua.history.pasts import Former, Page, Sample, ValuePast
from tracenode.server.opcua.history.times import ALL_AFTER, ALL_BEFORE, Range, from_micros
from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.opcua.nodes.ranges import sliced
from tracenode.server.opcua.nodes.samples import data_value_bytes

__all__ = ["PAGE_S", "AtTimes", "Modified", "Raw", "Read", "Shape"]

S = StatusCodes
DATA: Final = ua_id(ObjectIds.HistoryData_Encoding_DefaultBinary)
MODIFIED: Final = ua_id(ObjectIds.HistoryModifiedData_Encoding_DefaultBinary)
PAGE_S: Final = 2.0
"""Seconds that one page of one node is read; what is missing then comes with its continuation."""
INTERPOLATED: Final = 0x0402
"""InfoType DataValue with the historian bit Interpolated (OPC 10000-4 7.39)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the values of a node go out."""

    kind: ua.VariantType
    index_range: str = ""

    def encoded(self, sample: Sample, status: int = int(S.Good)) -> bytes:
        """Return one sample as a DataValue with its source time."""
        variant = ua.Variant(sample.value, self.kind)
        source: Any = from_micros(sample.at)
        value = ua.DataValue(variant, ua_status(status), source, None)
        return data_value_bytes(sliced(value, self.index_range), ua.TimestampsToReturn.Source)

    def missing(self, at: int, status: int) -> bytes:
        """Return that there is no value at a time."""
        source: Any = from_micros(at)
        value = ua.DataValue(ua.Variant(None), ua_status(status), source, None)
        return data_value_bytes(value, ua.TimestampsToReturn.Source)


@dataclass(slots=True)
class Read:
    """What came of reading one page: the encoded history, how many are in it, what is to be read
    on, None at the end."""

    type_id: ua.NodeId
    body: bytes
    count: int
    rest: Any = None


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw values of a range; `bounds`: with those at its ends, or beside them. `start_told`: that
    at the start is not to come any more."""

    past: ValuePast
    shape: Shape
    range: Range
    limit: int
    bounds: bool
    start_told: bool = False

    def read(self, reading: Any, room: int) -> Read:
        """Read up to `room` values, one at least."""
        range_, ends = self.range, time.monotonic() + PAGE_S
        room = max(1, min(room, self.limit or room, range_.total or room))
        out: list[bytes] = []
        if self.bounds and not self.start_told and range_.start is not None:
            out += self._start(reading, range_.start)
        more: int | None = range_.high if range_.down else range_.low
        if range_.low < range_.high and len(out) < room:
            page = Page(range_.low, range_.high, range_.down, room - len(out), ends)
            found = self.past.samples(reading, page)
            out += map(self.shape.encoded, found.found)
            more = found.more
        elif range_.low >= range_.high:
            more = None
        if more is None and self.bounds and range_.end is not None and range_.start is not None:
            if len(out) < room:
                out += self._end(reading, range_.end)
            else:
                more = range_.low if range_.down else range_.high
        return Read(DATA, _array(out), len(out), self._rest(more, len(out)))

    def _rest(self, more: int | None, count: int) -> Raw | None:
        range_ = self.range.beyond(more, count)
        return None if range_ is None else replace(self, range=range_, start_told=True)

    def _start(self, reading: Any, start: int) -> list[bytes]:
        """The value at the start is in the range; where there is none, the one beside it."""
        ends = time.monotonic() + PAGE_S
        if self.past.samples(reading, Page(start, start + 1, False, 1, ends)).found:
            return []
        if self.range.down:
            return [self._beside(reading, Page(start + 1, ALL_AFTER, False, 1, ends), start)]
        return [self._beside(reading, Page(ALL_BEFORE, start, True, 1, ends), start)]

    def _end(self, reading: Any, end: int) -> list[bytes]:
        if self.range.start == end:
            return []
        ends = time.monotonic() + PAGE_S
        if self.range.down:
            return [self._beside(reading, Page(ALL_BEFORE, end + 1, True, 1, ends), end)]
        return [self._beside(reading, Page(end, ALL_AFTER, False, 1, ends), end)]

    def _beside(self, reading: Any, page: Page, at: int) -> bytes:
        found = self.past.samples(reading, page)
        if found.found:
            return self.shape.encoded(found.found[0])
        sought = found.more is None
        return self.shape.missing(at, int(S.BadBoundNotFound if sought else S.BadBoundNotSupported))


@dataclass(frozen=True, slots=True)
class AtTimes:
    """Values at times, each that of the last change (OPC 10000-11 6.5.5, stepped)."""

    past: ValuePast
    shape: Shape
    times: Sequence[int]

    def read(self, reading: Any, room: int) -> Read:
        """Read all of them."""
        out = [self._one(reading, moment) for moment in self.times]
        return Read(DATA, _array(out), len(out))

    def _one(self, reading: Any, moment: int) -> bytes:
        found = self.past.at(reading, moment)
        if found is None:
            return self.shape.missing(moment, int(S.BadNoData))
        at = Page(moment, moment + 1, False, 1, time.monotonic() + PAGE_S)
        exact = found.at == moment or bool(self.past.samples(reading, at).found)
        status = int(S.Good) if exact else INTERPOLATED
        return self.shape.encoded(Sample(moment, found.value), status)


@dataclass(frozen=True, slots=True)
class Modified:
    """Values given up, of times in a range, by time (OPC 10000-11 6.5.3.3). `skip` of those at its
    first time were told."""

    past: ValuePast
    shape: Shape
    range: Range
    limit: int
    skip: int = 0

    def read(self, reading: Any, room: int) -> Read:
        """Read up to `room` values, one at least."""
        range_ = self.range
        room = max(1, min(room, self.limit or room, range_.total or room))
        wanted = MOST if range_.down else room + self.skip + 1
        found = list(self.past.former(reading, range_.low, range_.high, wanted))
        if range_.down:
            found.reverse()
        page, beyond = found[self.skip : self.skip + room], found[self.skip + room :]
        values = _array([self.shape.encoded(Sample(one.at, one.value)) for one in page])
        infos = _array([_info(one) for one in page])
        rest = self._rest(page, beyond[0].at) if beyond and page else None
        return Read(MODIFIED, values + infos, len(page), rest)

    def _rest(self, page: list[Former], ahead: int) -> Modified | None:
        range_ = self.range.beyond(ahead + 1 if self.range.down else ahead, len(page))
        if range_ is None:
            return None
        told = sum(one.at == ahead for one in page)
        if ahead == (self.range.high - 1 if self.range.down else self.range.low):
            told += self.skip
        return replace(self, range=range_, skip=told)


MOST: Final = 10_000
"""Values given up that are read to tell the latest first."""


def _info(former: Former) -> bytes:
    info = ua.ModificationInfo(
        ModificationTime=from_micros(former.changed),
        UpdateType=ua.HistoryUpdateType(former.how),
        UserName=former.user,
    )
    encoded: bytes = struct_to_binary(info)
    return encoded


def _array(parts: Sequence[bytes]) -> bytes:
    return struct.pack("<i", len(parts)) + b"".join(parts)
