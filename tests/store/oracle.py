"""What the edges are, worked out from a list of events alone: no tables, no versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product

from tests.store.oracle_contents import Contents
from tracenode.models.events import (
    Abort,
    Assemble,
    Complete,
    Consume,
    Fill,
    Merge,
    Pack,
    Register,
    Remove,
    Replace,
    Scrap,
    Ship,
    Split,
    Start,
    TraceEvent,
    Transfer,
    Transform,
    Unpack,
)

FOREVER = 1 << 62
OracleEdge = tuple[str, str, int, int]
"""(output, input, from, until)."""


@dataclass(frozen=True)
class Told:
    """One accepted event; `voids` is the position it makes void."""

    seq: int
    at: int
    event: TraceEvent | None
    voids: int = 0


def valid(told: Iterable[Told], known: int) -> list[Told]:
    upto = [t for t in told if t.seq <= known]
    void = {t.voids for t in upto}
    return sorted(
        (t for t in upto if t.event is not None and t.seq not in void),
        key=lambda t: (t.at, t.seq),
    )


def edges(told: Iterable[Told], known: int) -> set[OracleEdge]:
    """Return every edge of some length, as known at a position."""
    return edges_and_contents(told, known)[0]


def contents(told: Iterable[Told], known: int, at: int | None) -> Contents:
    """Return what is in lots and containers at an instant; None: by all that happened."""
    begun = [replace(t, event=None) if at is not None and at < t.at else t for t in told]
    return edges_and_contents(begun, known)[1]


def edges_and_contents(told: Iterable[Told], known: int) -> tuple[set[OracleEdge], Contents]:
    """Return the edges, and what is in lots and containers in the end."""
    found: list[OracleEdge] = []
    facts = valid(told, known)
    held = Contents()
    held.begin(t.event for t in facts if t.event is not None)
    inside: dict[tuple[str, str], tuple[str, int]] = {}

    def out(relation: str, part: str, at: int, parent: str | None) -> None:
        place = inside.get((relation, part))
        if place is not None and parent in (None, place[0]):
            found.append((place[0], part, place[1], at))
            del inside[relation, part]

    def put(relation: str, part: str, at: int, parent: str) -> None:
        out(relation, part, at, None)
        inside[relation, part] = (parent, at)

    for t in facts:
        assert t.event is not None
        used = {item: held.drawn_from(item) for item in inputs(t.event)}
        held.tell(t.event, t.seq, t.at)
        for output, input_ in pairs(t.event):
            into = held.made.get((output, t.seq), output)
            found.append((into, used[input_], t.at, FOREVER))
        match t.event:
            case Assemble(parent=parent, part=part):
                put("in", part, t.at, parent)
            case Remove(parent=parent, part=part):
                out("in", part, t.at, parent)
            case Replace(parent=parent, old_part=old, new_part=new):
                out("in", old, t.at, parent)
                put("in", new, t.at, parent)
            case Pack(container=container, item=item):
                put("packed", item, t.at, container)
            case Unpack(container=container, item=item):
                out("packed", item, t.at, container)
            case _:
                pass
    found.extend((parent, part, at, FOREVER) for (_, part), (parent, at) in inside.items())
    found.extend((new, before, at, FOREVER) for new, before, at in held.into)
    return {edge for edge in found if edge[2] < edge[3]}, held


def pairs(event: TraceEvent) -> list[tuple[str, str]]:
    """Return the (output, input) of what an event joins for good."""
    match event:
        case Consume(item=item, lot=lot) | Fill(container=item, lot=lot):
            return [(item, lot)]
        case Transfer(source=source, target=target):
            return [(target, source)]
        case Split(lot=lot, child=child):
            return [(child, lot)]
        case Merge(lots=lots, item=item):
            return [(item, lot.item) for lot in lots]
        case Transform(inputs=inputs, outputs=outputs, map=None):
            return [(output.item, portion.item) for output, portion in product(outputs, inputs)]
        case Transform(inputs=inputs, outputs=outputs, map=map_):
            return [(outputs[share.output].item, inputs[share.input].item) for share in map_ or ()]
        case _:
            return []


def inputs(event: TraceEvent) -> set[str]:
    return {input_ for _, input_ in pairs(event)}


def holding(all_edges: Iterable[OracleEdge], at: int | None) -> set[OracleEdge]:
    """Return the edges at an instant; None: those that are open."""
    return {
        edge
        for edge in all_edges
        if (edge[3] == FOREVER if at is None else edge[2] <= at < edge[3])
    }


def has_cycle(all_edges: Iterable[OracleEdge]) -> bool:
    """True where a loop of edges shares an instant."""
    known = list(all_edges)
    for moment in {edge[2] for edge in known}:
        inputs: dict[str, set[str]] = {}
        for output, input_, *_ in holding(known, moment):
            inputs.setdefault(output, set()).add(input_)
        while leaves := [item for item, those in inputs.items() if not those & inputs.keys()]:
            for leaf in leaves:
                del inputs[leaf]
        if inputs:
            return True
    return False


def states(told: Iterable[Told], known: int) -> dict[str, int]:  # noqa: PLR0912
    """Return the last state of every item that exists, by its number in ItemState."""
    state: dict[str, int] = {}
    resting: dict[str, int] = {}
    born: set[str] = set()

    def to(item: str, new: int) -> None:
        if state.get(item, 0) not in (4, 5, 6):
            state[item] = new
            if new != 1:
                resting[item] = new

    for t in valid(told, known):
        match t.event:
            case Register(item=item) | Split(child=item) | Merge(item=item):
                born.add(item)
            case Start(item=item):
                to(item, 1)
            case Complete(item=item, evaluation=verdict):
                to(item, 2 if verdict == 1 else 0)
            case Abort(item=item):
                to(item, resting.get(item, 0))
            case Consume(lot=lot) if lot.startswith("sn:"):
                to(lot, 5)
            case Transform(inputs=inputs, outputs=outputs):
                for portion in inputs:
                    if portion.item.startswith("sn:"):
                        to(portion.item, 5)
                born.update(output.item for output in outputs)
            case Scrap(item=item):
                to(item, 4)
            case Ship(items=items):
                for item in items:
                    to(item, 6)
            case _:
                pass
    return {item: state.get(item, 0) for item in born}
