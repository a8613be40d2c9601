"""The normal case: an event that is the newest of an item's intervals only ends and begins.

Gives exactly what a recomputation of the item would give, without reading the journal.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from tracenode.models.items import ItemState
from tracenode.server.store.belief import ALIAS, EDGE, HOLD, LIFE, VISIT
from tracenode.server.store.facts import Fact
from tracenode.server.store.interning import position_id, station_id, unit_id
from tracenode.server.store.moves import (
    LEFT_THE_PROCESS,
    AliasOff,
    AliasOn,
    Birth,
    Enter,
    HoldOff,
    HoldOn,
    Inside,
    Leave,
    LifeBack,
    LifeTo,
    Move,
    Out,
)
from tracenode.server.store.references import relation_code
from tracenode.server.store.schema import INF

__all__ = ["append"]

_LAST_LIFE = "SELECT at, ev, state FROM life WHERE item=? ORDER BY at DESC, ev DESC LIMIT 1"
_LAST_VISIT = (
    "SELECT at, ev, station, until FROM visit WHERE item=? ORDER BY at DESC, ev DESC LIMIT 1"
)
_TAGS = "SELECT text, at, ev FROM alias WHERE owner=? AND item<>owner AND until=?"


def append(
    connection: sqlite3.Connection, item: int, move: Move, fact: Fact, numbers: Mapping[str, int]
) -> None:
    """Carry out one move of an item's newest fact; `numbers` are of the items that it names."""
    at, seq = fact.at, fact.seq
    match move:
        case Inside():
            rel = relation_code(move.relation)
            _out(connection, item, rel, None, fact)
            EDGE.begin(
                connection,
                (numbers[move.parent], item, seq, 0),
                (
                    at,
                    rel,
                    None if move.quantity is None else move.quantity.mantissa,
                    unit_id(connection, move.quantity),
                    position_id(connection, move.position),
                ),
                seq,
            )
        case Out():
            _out(connection, item, relation_code(move.relation), numbers[move.parent], fact)
        case LifeTo():
            _live(connection, item, move.state, fact)
        case Enter():
            _leave(connection, item, None, fact)
            VISIT.begin(connection, (item, at, seq), (station_id(connection, move.station),), seq)
        case Leave():
            station = None if move.station is None else station_id(connection, move.station)
            _leave(connection, item, station, fact)
        case Birth():
            LIFE.begin(connection, (item, at, seq), (int(ItemState.Registered),), seq)
        case LifeBack():
            raise AssertionError("an operation broken off is recomputed")
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


def _out(
    connection: sqlite3.Connection, item: int, rel: int, parent: int | None, fact: Fact
) -> None:
    key = EDGE.open_inside(connection, item, rel)
    if key is not None and parent in (None, key[0]):
        EDGE.end(connection, key, fact.at, fact.seq)


def _live(connection: sqlite3.Connection, item: int, state: ItemState, fact: Fact) -> None:
    last = connection.execute(_LAST_LIFE, (item,)).fetchone()
    if last is None or last[2] in LEFT_THE_PROCESS:
        return
    LIFE.end(connection, (item, last[0], last[1]), fact.at, fact.seq)
    LIFE.begin(connection, (item, fact.at, fact.seq), (int(state),), fact.seq)


def _leave(connection: sqlite3.Connection, item: int, station: int | None, fact: Fact) -> None:
    last = connection.execute(_LAST_VISIT, (item,)).fetchone()
    if last is not None and last[3] == INF and station in (None, last[2]):
        VISIT.end(connection, (item, last[0], last[1]), fact.at, fact.seq)


def _untag(connection: sqlite3.Connection, item: int, fact: Fact) -> None:
    for key in connection.execute(_TAGS, (item, INF)).fetchall():
        ALIAS.end(connection, key, fact.at, fact.seq)
