"""Which node is in a lot or container, and what a record draws from and makes (SEMANTICS S5).

A lot is its own content until something is put into it that was drawn from before; from there on
each input makes a new state, as every input of a container does. While a lot's records are in no
such order, they draw from and go into the lot itself, and only its stock is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tracenode.models.events import Load, TraceEvent
from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind
from tracenode.server.store.projecting import mounts
from tracenode.server.store.projecting.belief import Row
from tracenode.server.store.projecting.facts import Fact, later_facts_of
from tracenode.server.store.projecting.flows import (
    DRAWN,
    Flow,
    FlowKind,
    flows,
    is_container,
    is_lot,
)
from tracenode.server.store.projecting.references import births
from tracenode.server.store.projecting.settling import (
    Line,
    delete_lines,
    first_place,
    is_drawn,
    lines_at,
    lines_before,
    put_line,
    settle,
)
from tracenode.server.store.projecting.stock import (
    NEVER,
    Holding,
    Totals,
    holding_of,
    keep,
    keep_drawn,
    open_holding,
)
from tracenode.server.store.reading.master import policy_then
from tracenode.server.store.reading.resolve import Found, former_number, row_of
from tracenode.server.store.schema import INF

__all__ = [
    "Placed",
    "born",
    "content_at",
    "content_then",
    "makes_state",
    "place",
    "placed",
    "resettles",
    "take_back",
    "unborn",
]

_AT: Final = "SELECT state, until FROM content WHERE item=? AND at<=? ORDER BY at DESC, ev DESC"
_INPUT_AFTER: Final = f"""
SELECT 1 FROM edge WHERE dst=:item AND rel={Relation.Consume:d} AND (at,ev)>(:at,:ev)
  AND (at,ev)<(:end,:endev) LIMIT 1"""


@dataclass(slots=True)
class Placed:
    """The nodes of one record: of a lot or container (by public id) what was in it when something
    was drawn from it, or what it held after something went in. `changed` are edges of other records
    that lead elsewhere than before."""

    nodes: dict[str, int] = field(default_factory=dict)
    changed: list[Row] = field(default_factory=list)
    resettled: bool = False


def content_at(
    connection: sqlite3.Connection, item: int, at: int, *, container: bool
) -> int | None:
    """Return the node that is in a lot or container at an event time; None where it is empty."""
    return content_then(connection, holding_of(connection, item, container=container), at)


def content_then(connection: sqlite3.Connection, holding: Holding, at: int) -> int | None:
    """As `content_at`."""
    if at >= holding.last:
        return holding.content
    row = connection.execute(_AT, (holding.number, at)).fetchone()
    if row is None:
        return None if holding.container else holding.number
    return int(row[0]) if row[1] > at else None


def makes_state(connection: sqlite3.Connection, found: Found, at: int, seq: int) -> bool:
    """True where the newest input to a lot or container would make a new state of it."""
    if found.kind is ItemKind.Container:
        return True
    holding = holding_of(connection, found.id, container=False)
    return holding.content != found.id or is_drawn(connection, found.id, (at, seq))


def resettles(connection: sqlite3.Connection, event: TraceEvent, at: int, seq: int) -> bool:
    """True where an event would change what others have drawn from a lot or container, or made of
    it, so that its effect can't be foretold."""
    for owner, group in _by_owner(connection, event, seq):
        number = former_number(connection, owner)
        if number is None:
            continue
        holding = holding_of(connection, number, container=is_container(owner))
        if at >= holding.last:
            continue
        in_flow = (at, seq) >= holding.begins or holding.begins[0] != INF
        if in_flow or not _keeps_order(connection, holding, Line(at, seq, 0, *group[0][1:])):
            return True
    return False


# ------------------------------------------------------------------ booking a record
def place(connection: sqlite3.Connection, fact: Fact, numbers: Mapping[str, int]) -> Placed:
    """Book what a recorded fact does to lots and containers; `numbers` are of all that it names."""
    made = Placed()
    for owner, group in _by_owner(connection, fact.event, fact.seq):
        holding = holding_of(connection, numbers[owner], container=is_container(owner))
        if fact.at >= holding.last and group[0].kind in _SIMPLE:
            made.nodes[owner] = _append(connection, holding, group, fact)
            continue
        before = holding.content
        changed = _insert(connection, holding, group, fact)
        made.changed += changed
        late = fact.at < holding.last
        made.resettled = made.resettled or late
        holding.last = max(holding.last, fact.at)
        keep(connection, holding)
        made.nodes[owner] = _node(connection, holding, fact)
        if late or holding.content != before:
            mounts.remount_of(connection, holding.number, fact.seq, (fact,))
    return made


_SIMPLE: Final = frozenset({FlowKind.Draw, FlowKind.Load, FlowKind.Feed, FlowKind.Adjust})


def _by_owner(
    connection: sqlite3.Connection, event: TraceEvent, seq: int
) -> list[tuple[str, list[Flow]]]:
    found = flows(event)
    if isinstance(event, Load) and policy_then(connection, event.station, seq).derives:
        found = tuple(flow._replace(kind=FlowKind.Feed) for flow in found)
    if len(found) < 2:
        return [(flow.owner, [flow]) for flow in found]
    groups: dict[str, list[Flow]] = {}
    for flow in found:
        groups.setdefault(flow.owner, []).append(flow)
    return list(groups.items())


def _append(connection: sqlite3.Connection, holding: Holding, group: list[Flow], fact: Fact) -> int:
    """Book the newest record of a holding, one that leaves its content as it is."""
    node = holding.number if holding.content is None else holding.content
    in_flow = (fact.at, fact.seq) >= holding.begins
    before = holding.totals
    for ordinal, flow in enumerate(group):
        if in_flow:
            line = Line(fact.at, fact.seq, ordinal, flow.kind, flow.quantity, node, holding.totals)
            put_line(connection, holding.number, line)
        holding.totals = holding.totals.after(flow.kind, flow.quantity)
    holding.last = fact.at
    if holding.totals[:2] == before[:2] and before.dimension:
        keep_drawn(connection, holding)
    else:
        keep(connection, holding)
    return node


def _insert(
    connection: sqlite3.Connection, holding: Holding, group: list[Flow], fact: Fact
) -> list[Row]:
    number, where = holding.number, (fact.at, fact.seq)
    new = _new_lines(group, fact)
    if where >= holding.begins:
        last = lines_before(connection, number, where)
        totals = Totals() if last is None else last.after
        return settle(connection, holding, where, fact.seq, totals=totals, added=new)
    if _keeps_order(connection, holding, new[0]):
        return _shift(connection, holding, new, fact.seq, 1)
    earlier = [] if fact.at >= holding.last else _plain_lines(connection, holding, fact)
    totals = _opening(connection, holding)
    for line in earlier:
        totals = totals.after(line.kind, line.quantity, -1)
    holding.begins = where
    return settle(connection, holding, where, fact.seq, totals=totals, added=[*new, *earlier])


def _new_lines(group: list[Flow], fact: Fact) -> list[Line]:
    return [
        Line(fact.at, fact.seq, ordinal, flow.kind, flow.quantity)
        for ordinal, flow in enumerate(group)
    ]


def _keeps_order(connection: sqlite3.Connection, holding: Holding, line: Line) -> bool:
    """True where all that went into the lot itself goes before all that was drawn from it, after a
    record before the first line too."""
    if line.kind is FlowKind.Adjust:
        return True
    if line.kind is FlowKind.Empty:
        return False
    if line.kind not in DRAWN:
        return not is_drawn(connection, holding.number, line.place)
    end, endev = holding.begins
    values = {"item": holding.number, "at": line.at, "ev": line.ev, "end": end, "endev": endev}
    return connection.execute(_INPUT_AFTER, values).fetchone() is None


def _opening(connection: sqlite3.Connection, holding: Holding) -> Totals:
    """Return the stock of a lot before its first line."""
    if holding.begins[0] == INF:
        return holding.totals
    return lines_at(connection, holding.number, holding.begins)[0].before


def _shift(
    connection: sqlite3.Connection, holding: Holding, lines: list[Line], seq: int, sign: int
) -> list[Row]:
    """Change the stock of a lot before its first line by lines that are none of its own."""
    totals = _opening(connection, holding)
    for line in lines:
        totals = totals.after(line.kind, line.quantity, sign)
    if holding.begins[0] == INF:
        holding.totals = totals
        return []
    drawn = sign > 0 and any(line.kind in DRAWN for line in lines)
    return settle(connection, holding, holding.begins, seq, totals=totals, drawn=drawn)


def _plain_lines(connection: sqlite3.Connection, holding: Holding, fact: Fact) -> list[Line]:
    """Return what came into and went out of a lot itself after a fact, before its first line."""
    found: list[Line] = []
    for later in later_facts_of(connection, holding.number, fact, before=holding.begins):
        for owner, group in _by_owner(connection, later.event, later.seq):
            if row_of(connection, owner)[0] == holding.number:
                found += [
                    Line(later.at, later.seq, ordinal, flow.kind, flow.quantity, holding.number)
                    for ordinal, flow in enumerate(group)
                ]
    return found


def _node(connection: sqlite3.Connection, holding: Holding, fact: Fact) -> int:
    where = (fact.at, fact.seq)
    if where < holding.begins:
        return holding.number
    node = lines_at(connection, holding.number, where)[0].node
    assert node is not None, "a line of the table has its node"
    return node


# ------------------------------------------------------------------ taking a record back
def placed(
    connection: sqlite3.Connection, fact: Fact, numbers: Mapping[str, int]
) -> dict[str, int]:
    """Return the nodes that a booked fact drew from and made, by public id."""
    return {
        owner: _node(
            connection,
            holding_of(connection, numbers[owner], container=is_container(owner)),
            fact,
        )
        for owner, _ in _by_owner(connection, fact.event, fact.seq)
    }


def take_back(
    connection: sqlite3.Connection,
    fact: Fact,
    numbers: Mapping[str, int],
    seq: int,
    newest: tuple[Fact, ...],
) -> list[Row]:
    """Undo what a booked fact, whose edges are withdrawn, did to lots and containers.

    `newest` are the facts at `seq` itself. Return the edges of other records that lead elsewhere.
    """
    changed: list[Row] = []
    where = (fact.at, fact.seq)
    for owner, group in _by_owner(connection, fact.event, fact.seq):
        holding = holding_of(connection, numbers[owner], container=is_container(owner))
        if where < holding.begins:
            changed += _shift(connection, holding, _new_lines(group, fact), seq, -1)
        else:
            removed = lines_at(connection, holding.number, where)
            delete_lines(connection, holding.number, where)
            if where == holding.begins:
                holding.begins = first_place(connection, holding.number)
            totals = removed[0].before
            changed += settle(connection, holding, where, seq, totals=totals, removed=removed)
        keep(connection, holding)
        mounts.remount_of(connection, holding.number, seq, newest)
    return changed


# ------------------------------------------------------------------ births
def born(connection: sqlite3.Connection, fact: Fact, fresh: Mapping[str, int]) -> list[Row]:
    """Book what the lots that a fact makes come with; `fresh` are the numbers of those items that
    were never heard of before."""
    changed: list[Row] = []
    for public, quantity in births(fact.event):
        if not is_lot(public):
            continue
        line = Line(NEVER, 0, 0, FlowKind.Fill, quantity)
        if public in fresh:
            holding = open_holding(connection, fresh[public])
        else:
            holding = holding_of(connection, row_of(connection, public)[0], container=False)
        changed += _shift(connection, holding, [line], fact.seq, 1)
        keep(connection, holding)
    return changed


def unborn(connection: sqlite3.Connection, fact: Fact, seq: int) -> list[Row]:
    """Take back what the lots that a fact made came with."""
    changed: list[Row] = []
    for public, quantity in births(fact.event):
        if is_lot(public):
            holding = holding_of(connection, row_of(connection, public)[0], container=False)
            line = Line(NEVER, 0, 0, FlowKind.Fill, quantity)
            changed += _shift(connection, holding, [line], seq, -1)
            keep(connection, holding)
    return changed
