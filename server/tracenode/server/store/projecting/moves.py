"""What an event does to the intervals of one item: pure, the same live and in a recomputation.

An item's intervals are its life (states), its visits (operations at stations), the one parent it is
installed in, the one container it is packed in, its holds, and the aliases that it owns. The edges
of consumption and transformation are no intervals: they begin with their event and never end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from tracenode.models.evaluation import Evaluation
from tracenode.models.event_parts import EventBase
from tracenode.models.events import (
    Abort,
    Assemble,
    Bind,
    Complete,
    Consume,
    Hold,
    Identify,
    Merge,
    Pack,
    Receive,
    Register,
    Relabel,
    Release,
    Remove,
    Replace,
    Scrap,
    Ship,
    Split,
    Start,
    TraceEvent,
    Transform,
    Unbind,
    Unpack,
)
from tracenode.models.genealogy import Relation
from tracenode.models.identifiers import SCHEMES, Identity, is_placeholder
from tracenode.models.items import ItemKind, ItemState
from tracenode.models.quantities import Quantity
from tracenode.server.store.projecting.references import named

__all__ = [
    "LEFT_THE_PROCESS",
    "AliasOff",
    "AliasOn",
    "Birth",
    "Enter",
    "HoldOff",
    "HoldOn",
    "IdentifiedAs",
    "Inside",
    "Leave",
    "LifeBack",
    "LifeTo",
    "Move",
    "Out",
    "is_unit",
    "moved",
    "moves",
]

LEFT_THE_PROCESS = frozenset({ItemState.Scrapped, ItemState.Consumed, ItemState.Shipped})
"""States that nothing leads out of: the first such event counts, whatever comes after it."""


@dataclass(frozen=True, slots=True)
class Birth:
    """The item exists from here. What came earlier (late bookings) decides its first state."""


@dataclass(frozen=True, slots=True)
class LifeTo:
    state: ItemState


@dataclass(frozen=True, slots=True)
class LifeBack:
    """Back to the state before the operation that is broken off."""


@dataclass(frozen=True, slots=True)
class Enter:
    """An operation opens; one that is open elsewhere ends."""

    station: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The open operation ends; with a station, only where it is open there."""

    station: str | None = None


@dataclass(frozen=True, slots=True)
class Inside:
    """Into a parent (Install) or a container (Contain); out of another one that it is in."""

    relation: Relation
    parent: str
    quantity: Quantity | None = None
    position: str = ""


@dataclass(frozen=True, slots=True)
class Out:
    """Out of this parent or container, where it is in it."""

    relation: Relation
    parent: str


@dataclass(frozen=True, slots=True)
class IdentifiedAs:
    """The placeholder is this item, and was from its first fact on."""

    item: str


@dataclass(frozen=True, slots=True)
class HoldOn:
    scope: int


@dataclass(frozen=True, slots=True)
class HoldOff:
    hold: int
    """Journal position of the hold."""


@dataclass(frozen=True, slots=True)
class AliasOn:
    """A text means `item`. A carrier's tag stands for one item at a time."""

    text: str
    item: str
    tag: bool


@dataclass(frozen=True, slots=True)
class AliasOff:
    """The tag of the carrier stands for nothing."""


Move = (
    Birth
    | LifeTo
    | LifeBack
    | Enter
    | Leave
    | Inside
    | Out
    | IdentifiedAs
    | HoldOn
    | HoldOff
    | AliasOn
    | AliasOff
)
_UNIT_PREFIX = SCHEMES[ItemKind.Unit] + ":"
_SCOPES = {"item": 0, "where_used": 1}


def is_unit(public: str) -> bool:
    """True where a public id is a unit's."""
    return public.startswith(_UNIT_PREFIX)


def moved(event: TraceEvent) -> tuple[str, ...]:
    """Return the public ids whose intervals an event changes; a release's item is not in it. Every
    event may change since when a placeholder is known, and with it its identity."""
    field = _MOVED.get(type(event))
    own = _several_moved(event) if field is None else (getattr(event, field),)
    stand_ins = [public for public in named(event) if is_placeholder(public)]
    return tuple(dict.fromkeys((*own, *stand_ins))) if stand_ins else own


_MOVED: Final[dict[type[EventBase], str]] = {
    **dict.fromkeys((Register, Receive, Start, Complete, Abort, Scrap, Merge), "item"),
    **dict.fromkeys((Pack, Unpack, Relabel), "item"),
    **dict.fromkeys((Assemble, Remove), "part"),
    **dict.fromkeys((Bind, Unbind), "carrier"),
    Split: "child",
}
"""The field with the one item whose intervals an event changes."""


def _several_moved(event: TraceEvent) -> tuple[str, ...]:
    match event:
        case Consume():
            return (event.lot,) if is_unit(event.lot) else ()
        case Hold():
            return (event.item,) if event.item else ()
        case Replace():
            return (event.old_part, event.new_part)
        case Transform():
            inputs = dict.fromkeys(p.item for p in event.inputs if is_unit(p.item))
            return (*inputs, *(output.item for output in event.outputs))
        case Ship():
            return tuple(dict.fromkeys(event.items))
        case _:
            return ()


class _Same:
    """An event as a key that is equal to itself alone, so that none of it need be hashed."""

    __slots__ = ("event",)

    def __init__(self, event: Transform | Ship) -> None:
        self.event = event

    def __hash__(self) -> int:
        return id(self.event)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.event is other.event


class _Members(NamedTuple):
    used: frozenset[str]
    made: frozenset[str]


@lru_cache(maxsize=64)
def _members(same: _Same) -> _Members:
    """The items of an event of many: each of them asks for its own moves."""
    event = same.event
    if isinstance(event, Ship):
        return _Members(frozenset(event.items), frozenset())
    used = frozenset(portion.item for portion in event.inputs)
    return _Members(used, frozenset(output.item for output in event.outputs))


def moves(public: str, event: TraceEvent, hold: int = 0) -> tuple[Move, ...]:
    """Return what an event does to one item's intervals, in order. `hold` as in `Fact`."""
    found = _MOVES.get(type(event))
    own = () if found is None else found(public, event, hold)
    return (*own, Birth()) if public in event.placeholders else own


def _operation(public: str, event: TraceEvent, _: int) -> tuple[Move, ...]:
    match event:
        case Start() if event.item == public:
            return (_IN_PROCESS, Enter(event.station))
        case Complete() if event.item == public:
            passed = event.evaluation is Evaluation.OK
            return (_COMPLETED if passed else _REGISTERED, Leave(event.station))
        case Abort() if event.item == public:
            return (LifeBack(), Leave(event.station))
        case _:
            return ()


def _part(public: str, event: TraceEvent, _: int) -> tuple[Move, ...]:
    match event:
        case Assemble() if event.part == public:
            return (Inside(Relation.Install, event.parent, event.quantity, event.position),)
        case Remove() if event.part == public:
            return (Out(Relation.Install, event.parent),)
        case Replace() if event.old_part == public:
            return (Out(Relation.Install, event.parent),)
        case Replace() if event.new_part == public:
            return (Inside(Relation.Install, event.parent, None, event.position),)
        case _:
            return ()


def _packing(public: str, event: TraceEvent, _: int) -> tuple[Move, ...]:
    match event:
        case Pack() if event.item == public:
            return (Inside(Relation.Contain, event.container, None, event.position),)
        case Unpack() if event.item == public:
            return (Out(Relation.Contain, event.container),)
        case _:
            return ()


def _birth(public: str, event: TraceEvent, _: int) -> tuple[Move, ...]:
    match event:
        case Register() | Receive() | Merge() if event.item == public:
            return (Birth(),)
        case Split() if event.child == public:
            return (Birth(),)
        case _:
            return ()


def _use(public: str, event: TraceEvent, _: int) -> tuple[Move, ...]:
    match event:
        case Consume() if event.lot == public and is_unit(public):
            return (LifeTo(ItemState.Consumed), Leave())
        case Transform():
            members = _members(_Same(event))
            if public in members.made:
                return (Birth(),)
            if is_unit(public) and public in members.used:
                return (LifeTo(ItemState.Consumed), Leave())
        case Scrap() if event.item == public:
            return (LifeTo(ItemState.Scrapped), Leave())
        case Ship() if public in _members(_Same(event)).used:
            return (LifeTo(ItemState.Shipped), Leave())
        case _:
            pass
    return ()


def _mark(public: str, event: TraceEvent, hold: int) -> tuple[Move, ...]:
    match event:
        case Hold() if event.item == public:
            return (HoldOn(_SCOPES[event.scope]),)
        case Release():
            return (HoldOff(hold),)
        case Bind() if event.carrier == public:
            return (AliasOn(_text(public), event.item, tag=True),)
        case Unbind() if event.carrier == public:
            return (AliasOff(),)
        case Identify() if event.placeholder == public:
            return (IdentifiedAs(event.item),)
        case Relabel() if event.item == public:
            return (AliasOn(event.alias, public, tag=False),)
        case _:
            return ()


_IN_PROCESS: Final = LifeTo(ItemState.InProcess)
_COMPLETED: Final = LifeTo(ItemState.Completed)
_REGISTERED: Final = LifeTo(ItemState.Registered)
_Moves = Callable[[str, TraceEvent, int], tuple[Move, ...]]
_MOVES: Final[dict[type[EventBase], _Moves]] = {
    **dict.fromkeys((Start, Complete, Abort), _operation),
    **dict.fromkeys((Assemble, Remove, Replace), _part),
    **dict.fromkeys((Pack, Unpack), _packing),
    **dict.fromkeys((Register, Receive, Split, Merge), _birth),
    **dict.fromkeys((Consume, Transform, Scrap, Ship), _use),
    **dict.fromkeys((Hold, Release, Bind, Unbind, Identify, Relabel), _mark),
}
"""By event: to ask a class of events whether one is of it takes longer than to find it here."""


def _text(public: str) -> str:
    identity = Identity.parse(public)
    assert identity is not None, f"not a public id: {public!r}"
    return identity.text
