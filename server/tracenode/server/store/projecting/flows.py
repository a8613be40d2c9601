"""What an event brings into a lot or container and takes out of it: pure (SEMANTICS S5, S9)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

from tracenode.models.events import (
    Adjust,
    Consume,
    Empty,
    Fill,
    Load,
    Merge,
    Split,
    TraceEvent,
    Transfer,
    Transform,
)
from tracenode.models.identifiers import SCHEMES
from tracenode.models.items import ItemKind
from tracenode.models.quantities import Quantity

__all__ = ["DRAWN", "FLOWING", "INPUTS", "Flow", "FlowKind", "flows", "is_container", "is_lot"]


class FlowKind(IntEnum):
    """What a record does to the content of a lot or container."""

    Draw = 0
    """Takes some out."""
    Fill = 1
    """Puts some in."""
    Mix = 2
    """Consumed into a lot: an ingredient, whose amount is part of what the lot is booked with."""
    Empty = 3
    Adjust = 4
    Load = 5
    """Mounted on a slot of a station that declares what it takes: no amount."""
    Feed = 6
    """Mounted on a slot of a station that derives what it takes: from then on nobody knows how much
    was taken. `flows` tells it as Load: only the master data say which it is."""


INPUTS: Final = frozenset({FlowKind.Fill, FlowKind.Mix})
DRAWN: Final = frozenset({FlowKind.Draw, FlowKind.Load, FlowKind.Feed})
_LOT: Final = SCHEMES[ItemKind.Lot] + ":"
_CONTAINER: Final = SCHEMES[ItemKind.Container] + ":"
_DIVISIBLE: Final = (_LOT, _CONTAINER)
FLOWING: Final = frozenset({Consume, Split, Transform, Merge, Fill, Transfer, Empty, Adjust, Load})
"""The events that may bring something into a lot or container, or out of one; what draws lasting
edges is among them."""


class Flow(NamedTuple):
    """One amount into or out of `owner` (a public id); None is unknown."""

    owner: str
    kind: FlowKind
    quantity: Quantity | None = None


def is_lot(public: str) -> bool:
    """True where a public id is a lot's."""
    return public.startswith(_LOT)


def is_container(public: str) -> bool:
    """True where a public id is a container's."""
    return public.startswith(_CONTAINER)


def flows(event: TraceEvent) -> tuple[Flow, ...]:
    """Return what a recorded event does to lots and containers; all of one owner's are of one kind.

    What a lot is registered, received or made with is no flow: it is there from the beginning.
    """
    if type(event) not in FLOWING:
        return ()
    match event:
        case Consume():
            if event.item.startswith(_LOT):
                return (*_drawn(event.lot, event.quantity), Flow(event.item, FlowKind.Mix))
            return _drawn(event.lot, event.quantity)
        case Split():
            return _drawn(event.lot, event.quantity)
        case Transform():
            return _portions((portion.item, portion.quantity) for portion in event.inputs)
        case Merge():
            return _portions((lot.item, lot.quantity) for lot in event.lots)
        case Fill():
            filled = Flow(event.container, FlowKind.Fill, event.quantity)
            return (*_drawn(event.lot, event.quantity), filled)
        case Transfer():
            filled = Flow(event.target, FlowKind.Fill, event.quantity)
            return (*_drawn(event.source, event.quantity), filled)
        case Empty():
            return (Flow(event.container, FlowKind.Empty),)
        case Adjust():
            return (Flow(event.lot, FlowKind.Adjust, event.quantity),)
        case Load():
            return (Flow(event.lot, FlowKind.Load),) if event.lot.startswith(_DIVISIBLE) else ()
        case _:
            return ()


def _drawn(public: str, quantity: Quantity | None) -> tuple[Flow, ...]:
    return (Flow(public, FlowKind.Draw, quantity),) if public.startswith(_DIVISIBLE) else ()


def _portions(portions: Iterable[tuple[str, Quantity | None]]) -> tuple[Flow, ...]:
    return tuple(
        Flow(public, FlowKind.Draw, quantity)
        for public, quantity in portions
        if public.startswith(_DIVISIBLE)
    )
