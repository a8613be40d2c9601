"""The normal case: an event that is the newest of an item's intervals only ends and begins.

Gives exactly what a recomputation of the item would give, without reading the journal.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from tracenode.models.items import ItemState
from tracenode.server.store.projecting.belief import ALIAS, EDGE, HOLD, LIFE, VISIT
from tracenode.server.store.projecting.facts import Fact
from tracenode.server.store.projecting.interning import position_id, station_id, unit_id
from tracenode.server.store.projecting.memory import memory_of
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
)
from tracenode.server.store.projecting.references import relation_code
from tracenode.server.store.projecting.standing import Parent, Standing
from tracenode.server.store.schema import INF

__all__ = ["append", "inside"]

_TAGS = "SELECT text, at, ev FROM alias WHERE owner=? AND item<>owner AND until=?"


def append(
    connection: sqlite3.Connection,
    standing: Standing,
    move: Move,
    fact: Fact,
    numbers: Mapping[str, int],
) -> None:
    """Carry out one move of an item's newest fact; `numbers` are of the items that it names."""
    at, seq, item = fact.at, fact.seq, standing.number
    match move:
        case Inside():
            rel = relation_code(move.relation)
            _out(connection, standing, rel, None, fact)
            key = (numbers[move.parent], item, seq, 0)
            EDGE.begin(
                connection,
                key,
                (
                    at,
                    rel,
                    None if move.quantity is None else move.quantity.mantissa,
                    unit_id(connection, move.quantity),
                    position_id(connection, move.position),
                ),
                seq,
            )
            standing.inside[rel] = key
            standing.used = True
        case Out():
            _out(connection, standing, relation_code(move.relation), numbers[move.parent], fact)
        case LifeTo():
            _live(connection, standing, move.state, fact)
        case Enter():
            _leave(connection, standing, None, fact)
            entered = station_id(connection, move.station)
            VISIT.begin(connection, (item, at, seq), (entered,), seq)
            standing.visit = (at, seq, entered, INF)
        case Leave():
            station = None if move.station is None else station_id(connection, move.station)
            _leave(connection, standing, station, fact)
        case Birth():
            LIFE.begin(connection, (item, at, seq), (int(ItemState.Registered),), seq)
            standing.life = (at, seq, int(ItemState.Registered))
        case LifeBack() | IdentifiedAs():
            raise AssertionError("an operation broken off and a placeholder are recomputed")
        case HoldOn() | HoldOff() | AliasOn() | AliasOff():
            _mark(connection, item, move, fact, numbers)


def _mark(
    connection: sqlite3.Connection,
    item: int,
    move: HoldOn | HoldOff | AliasOn | AliasOff,
    fact: Fact,
    numbers: Mapping[str, int],
) -> None:
    at, seq = fact.at, fact.seq
    memory_of(connection).held = None
    match move:
        case HoldOn():
            HOLD.begin(connection, (item, at, seq), (move.scope,), seq)
        case HoldOff():
            open_ = connection.execute(
                "SELECT at FROM hold WHERE ev=? AND item=? AND until=?", (move.hold, item, INF)
            ).fetchone()
            if open_ is not None:
                HOLD.end(connection, (item, open_[0], move.hold), at, seq)
        case AliasOn():
            if move.tag:
                _untag(connection, item, fact)
            ALIAS.begin(connection, (move.text, at, seq), (numbers[move.item], item), seq)
        case AliasOff():
            _untag(connection, item, fact)


def inside(connection: sqlite3.Connection, standing: Standing, rel: int) -> Parent | None:
    """Return the key of the edge by which an item is in another now; None where it is in none."""
    if rel not in standing.inside:
        standing.inside[rel] = EDGE.open_inside(connection, standing.number, rel)
    return standing.inside[rel]


def _out(
    connection: sqlite3.Connection, standing: Standing, rel: int, parent: int | None, fact: Fact
) -> None:
    key = inside(connection, standing, rel)
    if key is not None and parent in (None, key[0]):
        EDGE.end(connection, key, fact.at, fact.seq)
        standing.inside[rel] = None


def _live(connection: sqlite3.Connection, standing: Standing, state: ItemState, fact: Fact) -> None:
    if standing.life is None or standing.life[2] in LEFT_THE_PROCESS:
        return
    item, (began, by, _) = standing.number, standing.life
    LIFE.end(connection, (item, began, by), fact.at, fact.seq)
    LIFE.begin(connection, (item, fact.at, fact.seq), (int(state),), fact.seq)
    standing.life = (fact.at, fact.seq, int(state))


def _leave(
    connection: sqlite3.Connection, standing: Standing, station: int | None, fact: Fact
) -> None:
    if standing.visit is None:
        return
    began, by, entered, until = standing.visit
    if until == INF and station in (None, entered):
        VISIT.end(connection, (standing.number, began, by), fact.at, fact.seq)
        standing.visit = (began, by, entered, fact.at)


def _untag(connection: sqlite3.Connection, item: int, fact: Fact) -> None:
    for key in connection.execute(_TAGS, (item, INF)).fetchall():
        ALIAS.end(connection, key, fact.at, fact.seq)
