"""What an oracle is told, and the words that it answers in: ties between items, stays at places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from tracenode.models.events import TraceEvent
from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.models.quantities import Quantity

__all__ = [
    "FOREVER",
    "Place",
    "Stay",
    "Tie",
    "Told",
    "from_microseconds",
    "is_unit",
    "microseconds",
    "owner_of",
    "texts",
    "valid",
]

FOREVER: Final = 1 << 62
Place = tuple[int, int]
"""(event time, position): the order in which things happened."""


@dataclass(frozen=True)
class Told:
    """One accepted event at `at`, microseconds; `voids` is the position it makes void, `ends` that
    of the hold which it releases. No event: a void alone."""

    seq: int
    at: int
    event: TraceEvent | None
    voids: int = 0
    ends: int = 0

    @property
    def said(self) -> TraceEvent:
        assert self.event is not None, "a void says nothing"
        return self.event


def valid(told: Iterable[Told], known: int) -> list[Told]:
    """Return what counts of what is known, in the order in which it happened."""
    upto = [t for t in told if t.seq <= known]
    void = {t.voids for t in upto}
    return sorted(
        (t for t in upto if t.event is not None and t.seq not in void),
        key=lambda t: (t.at, t.seq),
    )


class Tie(NamedTuple):
    """`input` went into `output` by the record at `seq`, for [at, until)."""

    output: str
    input: str
    relation: Relation
    at: int
    until: int
    seq: int
    quality: EdgeQuality = EdgeQuality.Exact
    quantity: Quantity | None = None
    position: str = ""
    ordinal: int = 0
    """Tells the ties of one record apart."""


class Stay(NamedTuple):
    """Something was somewhere for [at, until): a unit at a station, a content on a slot. `seq` is
    the record that it began by."""

    item: str
    place: str
    at: int
    until: int
    seq: int
    slot: str = ""


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(moment: int) -> datetime:
    return _EPOCH + timedelta(microseconds=moment)


def owner_of(node: str) -> str:
    """Return the lot or container that a content is of; any other item itself."""
    return node.partition("~s")[0]


def is_unit(public: str) -> bool:
    return public.startswith("sn:")


def texts(data: Any) -> Iterator[str]:
    """Yield all texts in an event."""
    match data:
        case str():
            yield data
        case dict():
            for value in data.values():
                yield from texts(value)
        case list() | tuple():
            for value in data:
                yield from texts(value)
        case _:
            pass
