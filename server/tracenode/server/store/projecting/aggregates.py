"""The intervals of one item, from its facts in event order. Pure: no tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracenode.models.items import ItemState
from tracenode.server.store.projecting.facts import Fact
from tracenode.server.store.projecting.moves import (
    LEFT_THE_PROCESS,
    AliasOff,
    AliasOn,
    Birth,
    Enter,
    HoldOff,
    HoldOn,
    IdentifiedAs,
    Inside,
    Leave,
    LifeBack,
    LifeTo,
    Move,
    Out,
    moves,
)
from tracenode.server.store.schema import INF

__all__ = ["Interval", "intervals"]

Opening = LifeTo | Enter | Inside | IdentifiedAs | HoldOn | AliasOn
Place = tuple[str, int]
"""What at most one interval of an item is open in: its life, a visit, a relation, a hold, a tag."""


@dataclass(slots=True)
class Interval:
    """What `opening` began at `at` by the record at `seq`, ended by the one at `uev`."""

    opening: Opening
    at: int
    seq: int
    until: int = INF
    uev: int = 0


def intervals(public: str, facts: Sequence[Fact]) -> list[Interval]:
    """Return every interval of an item, those of no length included."""
    fold = _Fold(facts[0].at if facts else 0)
    for fact in facts:
        for move in moves(public, fact.event, fact.hold):
            fold.take(move, fact)
    return fold.found


class _Fold:
    def __init__(self, first: int) -> None:
        self._first = first
        self.found: list[Interval] = []
        self._open: dict[Place, Interval] = {}
        self._born = False
        self._state = ItemState.Registered
        self._resting = ItemState.Registered

    def take(self, move: Move, fact: Fact) -> None:
        match move:
            case Birth():
                if not self._born:
                    self._born = True
                    self._begin(("life", 0), LifeTo(self._state), fact)
            case LifeTo():
                self._live(move.state, fact)
            case LifeBack():
                self._live(self._resting, fact)
            case Enter():
                self._begin(("visit", 0), move, fact)
            case Leave():
                open_ = self._open.get(("visit", 0))
                if open_ is not None and move.station in (None, _station(open_)):
                    self._end(("visit", 0), fact)
            case Inside():
                self._begin(("inside", move.relation), move, fact)
            case Out():
                open_ = self._open.get(("inside", move.relation))
                if open_ is not None and move.parent == _parent(open_):
                    self._end(("inside", move.relation), fact)
            case IdentifiedAs():
                self.found.append(Interval(move, self._first, fact.seq))
            case HoldOn() | HoldOff() | AliasOn() | AliasOff():
                self._mark(move, fact)

    def _mark(self, move: HoldOn | HoldOff | AliasOn | AliasOff, fact: Fact) -> None:
        match move:
            case HoldOn():
                self._begin(("hold", fact.seq), move, fact)
            case HoldOff():
                self._end(("hold", move.hold), fact)
            case AliasOn():
                self._begin(("tag", 0) if move.tag else ("alias", fact.seq), move, fact)
            case AliasOff():
                self._end(("tag", 0), fact)

    def _live(self, state: ItemState, fact: Fact) -> None:
        if self._state in LEFT_THE_PROCESS:
            return
        self._state = state
        if state is not ItemState.InProcess:
            self._resting = state
        if self._born:
            self._begin(("life", 0), LifeTo(state), fact)

    def _begin(self, place: Place, opening: Opening, fact: Fact) -> None:
        self._end(place, fact)
        self._open[place] = interval = Interval(opening, fact.at, fact.seq)
        self.found.append(interval)

    def _end(self, place: Place, fact: Fact) -> None:
        interval = self._open.pop(place, None)
        if interval is not None:
            interval.until, interval.uev = fact.at, fact.seq


def _station(interval: Interval) -> str:
    assert isinstance(interval.opening, Enter)
    return interval.opening.station


def _parent(interval: Interval) -> str:
    assert isinstance(interval.opening, Inside)
    return interval.opening.parent
