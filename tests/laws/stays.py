"""Where things were and what became of them, replayed event by event: operations at stations, what
was on slots, states of items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tests.laws.told import FOREVER, Place, Stay, Told, is_unit
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import (
    Abort,
    Complete,
    Consume,
    Load,
    Merge,
    Receive,
    Register,
    Scrap,
    Ship,
    Split,
    Start,
    Transform,
    Unload,
)
from tracenode.models.items import ItemState

__all__ = ["Course", "mounts", "states", "visits"]

_GONE: Final = (ItemState.Scrapped, ItemState.Consumed, ItemState.Shipped)
Course = list[tuple[Place, str | None]]
"""What is in a lot or container from each place in time on; None: nothing."""


def visits(facts: Iterable[Told]) -> list[Stay]:
    """Operations at stations."""
    found: list[Stay] = []
    there: dict[str, Stay] = {}

    def leave(item: str, at: int, station: str | None = None) -> None:
        if item in there and station in (None, there[item].place):
            found.append(there.pop(item)._replace(until=at))

    for t in facts:
        match t.event:
            case Start(item=item, station=station):
                leave(item, t.at)
                there[item] = Stay(item, station, t.at, FOREVER, t.seq)
            case Complete(item=item, station=station) | Abort(item=item, station=station):
                leave(item, t.at, station)
            case Scrap(item=item):
                leave(item, t.at)
            case Consume(lot=lot) if is_unit(lot):
                leave(lot, t.at)
            case Ship(items=items):
                for item in items:
                    leave(item, t.at)
            case Transform(inputs=inputs):
                for portion in filter(lambda portion: is_unit(portion.item), inputs):
                    leave(portion.item, t.at)
            case _:
                pass
    return [*found, *there.values()]


def mounts(
    facts: Iterable[Told],
    course: dict[str, Course],
    deriving: frozenset[str],
) -> list[Stay]:
    """Each content that was on a slot of a station that derives its consumption."""
    found: list[Stay] = []
    on: dict[tuple[str, str], tuple[str, Place]] = {}

    def off(place: tuple[str, str], end: Place) -> None:
        if place in on:
            lot, begin = on.pop(place)
            found.extend(_pieces(lot, place, begin, end, course.get(lot, [])))

    for t in facts:
        match t.event:
            case Load(station=station, slot=slot, lot=lot):
                off((station, slot), (t.at, t.seq))
                on[station, slot] = (lot, (t.at, t.seq))
            case Unload(station=station, slot=slot):
                off((station, slot), (t.at, t.seq))
            case _:
                pass
    for place in list(on):
        off(place, (FOREVER, 0))
    return [stay for stay in found if stay.place in deriving]


def _pieces(
    lot: str,
    place: tuple[str, str],
    begin: Place,
    end: Place,
    course: Course,
) -> Iterator[Stay]:
    """What was in a lot or container while it was on a slot. One that nothing was in when it was
    loaded stands for itself until something comes in, one that was emptied there for nothing."""
    before = [node for at, node in course if at <= begin]
    steps: Course = [(begin, (before[-1] if before else None) or lot)]
    steps += [step for step in course if begin < step[0] < end]
    ends = [*(at for at, _ in steps[1:]), end]
    for ((at, seq), node), (until, _) in zip(steps, ends, strict=True):
        if node is not None:
            yield Stay(node, place[0], at, until, seq, place[1])


def states(facts: Iterable[Told]) -> dict[str, ItemState]:  # noqa: PLR0912
    state: dict[str, ItemState] = {}
    resting: dict[str, ItemState] = {}
    born: set[str] = set()

    def to(item: str, new: ItemState) -> None:
        if state.get(item) not in _GONE:
            state[item] = new
            if new is not ItemState.InProcess:
                resting[item] = new

    for t in facts:
        born.update(t.said.placeholders)
        match t.event:
            case Register(item=item) | Receive(item=item):
                born.add(item)
            case Split(child=item) | Merge(item=item):
                born.add(item)
            case Start(item=item):
                to(item, ItemState.InProcess)
            case Complete(item=item, evaluation=verdict):
                passed = verdict is Evaluation.OK
                to(item, ItemState.Completed if passed else ItemState.Registered)
            case Abort(item=item):
                to(item, resting.get(item, ItemState.Registered))
            case Consume(lot=lot) if is_unit(lot):
                to(lot, ItemState.Consumed)
            case Transform(inputs=inputs, outputs=outputs):
                for portion in filter(lambda portion: is_unit(portion.item), inputs):
                    to(portion.item, ItemState.Consumed)
                born.update(output.item for output in outputs)
            case Scrap(item=item):
                to(item, ItemState.Scrapped)
            case Ship(items=items):
                for item in items:
                    to(item, ItemState.Shipped)
            case _:
                pass
    return {item: state.get(item, ItemState.Registered) for item in born}
