"""Which items a recorded event names, which it makes, and which edges it draws for good."""

from __future__ import annotations

from typing import Final, NamedTuple

from tracenode.models.events import (
    Adjust,
    Assemble,
    Bind,
    Complete,
    Consume,
    Correct,
    Empty,
    Fill,
    Gap,
    Hold,
    Identify,
    Load,
    Master,
    Merge,
    Pack,
    Receive,
    Register,
    Reject,
    Release,
    Remove,
    Replace,
    Report,
    Ship,
    Split,
    Stale,
    Start,
    TraceEvent,
    Transfer,
    Transform,
    Unbind,
    Unload,
    Unpack,
    Void,
)
from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.models.quantities import Quantity

__all__ = ["INSIDE", "QUALITY", "Drawn", "births", "drawn", "named", "relation_code", "subject"]

QUALITY: Final = 16
"""`rel` of an edge is its Relation plus this times its EdgeQuality."""


def relation_code(relation: Relation, quality: EdgeQuality = EdgeQuality.Exact) -> int:
    """Return `rel` of an edge."""
    return int(relation) + QUALITY * int(quality)


_ABOUT_NO_ITEM: Final = (
    Reject,
    Release,
    Void,
    Correct,
    Master,
    Gap,
    Unload,
    Report,
    Stale,
)


def named(event: TraceEvent) -> tuple[str, ...]:
    """Return every item that an event names, each once. A release, a void and a correction name
    none of themselves; an observation may name what is unknown."""
    match event:
        case Start() | Complete() | Register():
            return (event.item,)
        case Consume():
            return (event.item, event.lot)
        case Assemble():
            return (event.parent, event.part)
        case _:
            return _rarer_names(event)


def _rarer_names(event: TraceEvent) -> tuple[str, ...]:
    match event:
        case Assemble() | Remove():
            return (event.parent, event.part)
        case Replace():
            return (event.parent, event.old_part, event.new_part)
        case Transform():
            inputs = (portion.item for portion in event.inputs)
            return tuple(dict.fromkeys((*inputs, *(output.item for output in event.outputs))))
        case Split():
            return (event.lot, event.child)
        case Merge():
            return tuple(dict.fromkeys((*(lot.item for lot in event.lots), event.item)))
        case Pack() | Unpack():
            return (event.container, event.item)
        case Bind():
            return (event.carrier, event.item)
        case Unbind():
            return (event.carrier,)
        case Ship():
            return tuple(dict.fromkeys(event.items))
        case Fill() | Transfer() | Empty() | Adjust() | Load() | Identify():
            return _content_names(event)
        case Hold():
            return (event.item,) if event.item else ()
        case _:
            return () if isinstance(event, _ABOUT_NO_ITEM) else (event.item,)


def _content_names(
    event: Fill | Transfer | Empty | Adjust | Load | Identify,
) -> tuple[str, ...]:
    match event:
        case Fill():
            return (event.container, event.lot)
        case Transfer():
            return (event.source, event.target)
        case Empty():
            return (event.container,)
        case Identify():
            return (event.placeholder, event.item)
        case _:
            return (event.lot,)


_MAKING: Final = frozenset({Register, Receive, Merge, Transform, Split})


def births(event: TraceEvent) -> tuple[tuple[str, Quantity | None], ...]:
    """Return (public id, quantity) of the items that an event makes, placeholders included."""
    if type(event) not in _MAKING:
        placeholders = event.placeholders
        return tuple((public, None) for public in placeholders) if placeholders else ()
    match event:
        case Register() | Receive() | Merge():
            return ((event.item, event.quantity),)
        case Transform():
            return tuple((output.item, output.quantity) for output in event.outputs)
        case Split():
            return ((event.child, event.quantity),)
        case _:
            return ()


class Drawn(NamedTuple):
    """An edge that begins with its event and never ends. `ordinal` tells the edges of one event
    apart."""

    output: str
    input: str
    ordinal: int
    rel: int
    quantity: Quantity | None
    position: str = ""


INSIDE: Final = (relation_code(Relation.Install), relation_code(Relation.Contain))
"""`rel` of the edges by which an item is in one other at a time."""
_CONSUMED: Final = relation_code(Relation.Consume)
_MADE: Final = relation_code(Relation.Transform)
_POOLED: Final = relation_code(Relation.Transform, EdgeQuality.Pooled)


_DRAWING: Final = frozenset({Consume, Fill, Transfer, Split, Merge, Transform})


def drawn(event: TraceEvent) -> tuple[Drawn, ...]:
    """Return the lasting edges of an event: of a consumption, fill, transfer, transformation, split
    or merge; between lots and containers they join contents (SEMANTICS S5).

    Several outputs without a map give pooled edges, whose quantities are unknown (SEMANTICS S11).
    """
    if type(event) not in _DRAWING:
        return ()
    match event:
        case Consume():
            return (Drawn(event.item, event.lot, 0, _CONSUMED, event.quantity, event.position),)
        case Fill():
            return (Drawn(event.container, event.lot, 0, _CONSUMED, event.quantity),)
        case Transfer():
            return (Drawn(event.target, event.source, 0, _CONSUMED, event.quantity),)
        case Split():
            return (Drawn(event.child, event.lot, 0, _MADE, event.quantity),)
        case Merge():
            return tuple(
                Drawn(event.item, lot.item, ordinal, _MADE, lot.quantity)
                for ordinal, lot in enumerate(event.lots)
            )
        case Transform() if event.map is not None:
            return tuple(
                Drawn(
                    event.outputs[share.output].item,
                    event.inputs[share.input].item,
                    ordinal,
                    _MADE,
                    share.quantity,
                )
                for ordinal, share in enumerate(event.map)
            )
        case Transform() if len(event.outputs) == 1:
            return tuple(
                Drawn(event.outputs[0].item, portion.item, ordinal, _MADE, portion.quantity)
                for ordinal, portion in enumerate(event.inputs)
            )
        case Transform():
            pairs = ((output, portion) for output in event.outputs for portion in event.inputs)
            return tuple(
                Drawn(output.item, portion.item, ordinal, _POOLED, None)
                for ordinal, (output, portion) in enumerate(pairs)
            )
        case _:
            return ()


def subject(event: TraceEvent) -> str:
    """Return the one item that a recorded event is about; empty where there is none."""
    match event:
        case Assemble() | Remove() | Replace():
            return event.parent
        case Transform():
            return event.outputs[0].item
        case Split():
            return event.child
        case Unbind():
            return event.carrier
        case Ship():
            return event.items[0]
        case Correct():
            return subject(event.replacement)
        case Fill() | Empty():
            return event.container
        case Transfer():
            return event.target
        case Adjust() | Load():
            return event.lot
        case _:
            return "" if isinstance(event, _ABOUT_NO_ITEM) else event.item
