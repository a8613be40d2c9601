"""The range of times that a HistoryRead names (OPC 10000-11 6.5.3.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

__all__ = ["ALL_AFTER", "ALL_BEFORE", "Range", "from_micros", "micros", "range_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NONE: Final = datetime(1601, 1, 1, tzinfo=UTC)
ALL_BEFORE: Final = (datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) // _MICROSECOND
ALL_AFTER: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Range:
    """Times in [low, high), microseconds since 1970; `down`: the latest first. `start` and `end`
    are those of the request, None where it is open there. `total`: so many values are all that was
    asked for, 0: the range says it."""

    low: int
    high: int
    down: bool
    start: int | None
    end: int | None
    total: int

    def beyond(self, more: int | None, told: int) -> Range | None:
        """Return what is left from `more` on (backwards: before it) after so many values; None
        where nothing is, or all that was asked for was told."""
        left = self.total - told if self.total else 0
        if more is None or (self.total and left <= 0):
            return None
        low, high = (self.low, more) if self.down else (more, self.high)
        return replace(self, low=low, high=high, total=left)


def range_of(start: datetime | None, end: datetime | None, count: int) -> Range:
    """Return what a request asks for. Both ends: from `start` on, without `end`, backwards where
    `end` is earlier; the same twice is that instant. One end: `count` values from there, backwards
    where `start` is open.

    Raises:
        ServiceError: BadHistoryOperationInvalid: fewer than two of the three are given.
    """
    first, last = _given(start), _given(end)
    given = sum(one is not None for one in (first, last, count or None))
    if given < 2:
        raise ServiceError(StatusCodes.BadHistoryOperationInvalid)
    if first is None:
        assert last is not None
        return Range(ALL_BEFORE, last + 1, True, None, last, count)
    if last is None:
        return Range(first, ALL_AFTER, False, first, None, count)
    if last < first:
        return Range(last + 1, first + 1, True, first, last, 0)
    return Range(first, max(last, first + 1), False, first, last, 0)


def micros(moment: datetime) -> int:
    """Return a time in microseconds since 1970, within what can be asked for."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(ALL_BEFORE, min(ALL_AFTER - 1, (aware - _EPOCH) // _MICROSECOND))


def from_micros(moment: int) -> datetime:
    """Return a time of `micros`."""
    return _EPOCH + moment * _MICROSECOND


def _given(moment: datetime | None) -> int | None:
    """DateTime.MinValue stands for a time that is not given."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None if aware <= _NONE else micros(aware)
