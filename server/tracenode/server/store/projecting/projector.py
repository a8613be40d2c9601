"""Projecting recorded events into the tables.

For each item whose intervals an event changes: where the event is the newest, `tail` appends;
where it came late, voids or corrects, the item is recomputed from its facts, compared with the
tables, and the difference is versioned (SEMANTICS S13: one code path).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from tracenode.models.events import (
    Abort,
    Correct,
    Identify,
    Master,
    Observe,
    Release,
    Report,
    Stale,
    TraceEvent,
    Void,
)
from tracenode.models.quantities import Quantity
from tracenode.server.store.projecting import content, mounts, orders, tail, watches
from tracenode.server.store.projecting.belief import EDGE, Row, withdraw
from tracenode.server.store.projecting.expiry import expiry_of
from tracenode.server.store.projecting.facts import Fact, entry, fact_of
from tracenode.server.store.projecting.flows import FLOWING
from tracenode.server.store.projecting.interning import KINDS, position_id, type_id, unit_id
from tracenode.server.store.projecting.memory import memory_of
from tracenode.server.store.projecting.moves import moved, moves
from tracenode.server.store.projecting.recompute import recompute
from tracenode.server.store.projecting.references import INSIDE, births, drawn, named
from tracenode.server.store.projecting.standing import Standing, parsed, standing_of
from tracenode.server.store.projecting.stations import count_record, uncount
from tracenode.server.store.reading.master import put_master
from tracenode.server.store.reading.reports import put_report
from tracenode.server.store.reading.resolve import lookup, public_id, row_of
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import position_of

__all__ = ["apply", "items_of", "project", "target_of"]


def apply(connection: sqlite3.Connection, seq: int, at: int, event: TraceEvent) -> None:
    """Project one recorded event; `at` is its event time in microseconds.

    Called in journal order for every entry that is neither a refusal nor a note, live and by
    rebuild. The result depends on nothing but the journal up to `seq`.
    """
    project(connection, seq, at, event)


def project(connection: sqlite3.Connection, seq: int, at: int, event: TraceEvent) -> list[Row]:
    """Do as `apply`. Return the edges that a recomputation drew anew or lengthened."""
    memory_of(connection).trim()
    count_record(connection, seq, event)
    match event:
        case Void():
            return _withdraw(connection, seq, event.record, None)
        case Correct():
            return _withdraw(connection, seq, event.record, fact_of(connection, seq, at, event))
        case Master():
            put_master(connection, seq, event)
            return []
        case Report() | Stale():
            put_report(connection, seq, event)
            return []
        case _:
            return _book(connection, fact_of(connection, seq, at, event))


def target_of(connection: sqlite3.Connection, record: str) -> Fact:
    """Return what the record that is voided or corrected says happened."""
    seq = position_of(connection, record)
    assert seq is not None, f"no such record: {record}"
    _, at, event = entry(connection, seq)
    assert event is not None, f"record {record} booked nothing"
    return fact_of(connection, seq, at, event)


def items_of(connection: sqlite3.Connection, fact: Fact) -> tuple[str, ...]:
    """Return the public ids of the items that a recorded fact touches."""
    match fact.event:
        case Release():
            return _held(connection, fact)
        case Observe():
            identity = parsed(fact.event.item)
            known = identity is not None and lookup(connection, identity) is not None
            return (fact.event.item,) if known else ()
        case _:
            return named(fact.event)


def _held(connection: sqlite3.Connection, release: Fact) -> tuple[str, ...]:
    row = connection.execute(
        "SELECT item FROM hold WHERE ev=:ev UNION SELECT item FROM hold_was WHERE ev=:ev",
        {"ev": release.hold},
    ).fetchone()
    return () if row is None else (public_id(connection, row[0]),)


def _moved(connection: sqlite3.Connection, fact: Fact) -> tuple[str, ...]:
    return _held(connection, fact) if isinstance(fact.event, Release) else moved(fact.event)


def _book(connection: sqlite3.Connection, fact: Fact) -> list[Row]:
    event = fact.event
    born = births(event)
    fresh = _bear(connection, fact, born) if born else {}
    reborn = {public for public, _ in born if public not in fresh}
    reborn.update(event.placeholders)
    refolded = type(event) is Abort or type(event) is Identify
    standings = {public: _standing(connection, public) for public in items_of(connection, fact)}
    numbers = {public: standing.number for public, standing in standings.items()}
    _touch(connection, numbers.values(), fact.seq)
    changed = content.born(connection, fact, fresh) if born else []
    if type(event) in FLOWING:
        changed += _draw(connection, fact, numbers)
    watches.mark(connection, fact)
    for public in _moved(connection, fact):
        standing = standings[public]
        number, last = standing.number, standing.last
        counted = orders.place(connection, standing)
        if fact.at < last or refolded or public in reborn:
            changed += recompute(connection, number, public, fact.seq, (fact,))
        else:
            for step in moves(public, event, fact.hold):
                tail.append(connection, standing, step, fact, numbers)
        if fact.at > last:
            connection.execute("UPDATE item SET last=? WHERE id=?", (fact.at, number))
            standing.last = fact.at
        orders.follow(connection, fact, standing, counted)
    mounts.mount(connection, fact)
    return changed


def _standing(connection: sqlite3.Connection, public: str) -> Standing:
    standing = standing_of(connection, public)
    assert standing is not None, f"no item has the recorded id {public!r}"
    return standing


def _withdraw(
    connection: sqlite3.Connection, seq: int, record: str, replacement: Fact | None
) -> list[Row]:
    target = target_of(connection, record)
    connection.execute("INSERT INTO void(ev,by) VALUES(?,?)", (target.seq, seq))
    uncount(connection, target.event)
    watches.unmark(connection, target, seq)
    newest = () if replacement is None else (replacement,)
    changed = content.unborn(connection, target, seq)
    for fact in newest:
        changed += content.born(connection, fact, _bear(connection, fact, births(fact.event)))
    rows = {
        public: row_of(connection, public)
        for fact in (target, *newest)
        for public in items_of(connection, fact)
    }
    numbers = {public: number for public, (number, _) in rows.items()}
    _touch(connection, numbers.values(), seq)
    nodes = {**numbers, **content.placed(connection, target, numbers)}
    for edge in drawn(target.event):
        key = (nodes[edge.output], nodes[edge.input], target.seq, edge.ordinal)
        withdraw(connection, key, seq)
    changed += content.take_back(connection, target, numbers, seq, newest)
    for fact in newest:
        if type(fact.event) in FLOWING:
            changed += _draw(connection, fact, numbers)
        connection.executemany(
            "UPDATE item SET last=? WHERE id=? AND last<?",
            [(fact.at, numbers[public], fact.at) for public in _moved(connection, fact)],
        )
    affected = dict.fromkeys(
        public for fact in (target, *newest) for public in _moved(connection, fact)
    )
    counted = {
        public: orders.place_in_tables(connection, numbers[public], public) for public in affected
    }
    for fact in newest:
        orders.name(connection, fact, [numbers[public] for public in _moved(connection, fact)])
    for public, was in counted.items():
        changed += recompute(connection, numbers[public], public, seq, newest)
        now = orders.place_in_tables(connection, numbers[public], public)
        orders.move(connection, was, now)
    mounts.remount(connection, seq, target, newest)
    return changed


def _bear(
    connection: sqlite3.Connection, fact: Fact, born: Iterable[tuple[str, Quantity | None]]
) -> dict[str, int]:
    """Make rows for the items that a fact makes; return the numbers of those that had none
    before."""
    fresh: dict[str, int] = {}
    items = memory_of(connection).items
    for public, quantity in born:
        identity = parsed(public)
        assert identity is not None, f"not a public id: {public!r}"
        type_ = type_id(connection, identity.scheme, identity.part)
        key = (identity.text, type_, identity.generation)
        amount = None if quantity is None else quantity.mantissa
        unit = unit_id(connection, quantity)
        expires = expiry_of(connection, fact.event, identity.part, fact.at)
        values = (fact.at, fact.seq, amount, unit, expires, *key)
        made = connection.execute(_NEW_ITEM, (*values, fact.at))
        if made.rowcount == 0:
            connection.execute(_REBORN_ITEM, values)
            items.pop(public, None)
            continue
        assert made.lastrowid is not None
        fresh[public] = made.lastrowid
        items[public] = Standing(
            made.lastrowid,
            public,
            KINDS[identity.scheme],
            identity.part,
            fact.at,
            unit,
            expires,
            life=None,
            visit=None,
            inside=dict.fromkeys(INSIDE),
            used=False,
            order="",
        )
    return fresh


_NEW_ITEM: Final = """
INSERT INTO item(at,ev,qty,unit,expires,text,type,gen,last) VALUES(?,?,?,?,?,?,?,?,?)
ON CONFLICT(text,type,gen) WHERE state_of IS NULL DO NOTHING"""
_REBORN_ITEM: Final = """
UPDATE item SET at=?, ev=?, qty=?, unit=?, expires=?
WHERE text=? AND type=? AND gen=? AND state_of IS NULL"""


def _touch(connection: sqlite3.Connection, items: Iterable[int], seq: int) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO touch(item,seq) VALUES(?,?)", [(item, seq) for item in items]
    )


def _draw(connection: sqlite3.Connection, fact: Fact, numbers: dict[str, int]) -> list[Row]:
    """Draw the lasting edges of a fact; return them and what its late flows drew anew."""
    made = content.place(connection, fact, numbers)
    nodes = made.nodes
    for edge in drawn(fact.event):
        _standing(connection, edge.input).used = True
        output, input_, quantity = edge.output, edge.input, edge.quantity
        key = (
            nodes.get(output, numbers[output]),
            nodes.get(input_, numbers[input_]),
            fact.seq,
            edge.ordinal,
        )
        payload = (
            fact.at,
            edge.rel,
            None if quantity is None else quantity.mantissa,
            unit_id(connection, quantity),
            position_id(connection, edge.position),
        )
        EDGE.begin(connection, key, payload, fact.seq)
        if made.resettled:
            made.changed.append(Row(key, payload, INF, 0, fact.seq))
    return made.changed
