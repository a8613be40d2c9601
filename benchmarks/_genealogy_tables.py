"""The rows that booking the events of a plant writes, in the order of their keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks._genealogy_plant import MATERIALS, Integers, Kind, Plant
from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.store.projecting.interning import KINDS
from tracenode.server.store.projecting.references import relation_code
from tracenode.server.store.projecting.stock import NEVER, plain
from tracenode.server.store.schema import INF

__all__ = ["AMOUNTS", "CHUNK", "RECEIVED_KGM", "put", "write_tables"]

RECEIVED_KGM: Final = 1_000_000
AMOUNTS: Final = np.array([thousandth for thousandth in range(1, 1000) if thousandth % 10])
"""Thousandths of a kilogram that are used up; none of them could be written with fewer digits."""
RECEIVED_UNIT, USED_UNIT = 1, 2
CHUNK: Final = 50_000


def write_tables(connection: sqlite3.Connection, plant: Plant, seq: Integers) -> None:
    """Write everything but the journal; `seq` are the positions of the events."""
    _items(connection, plant, seq)
    _stations(connection, plant, seq)
    _stocks(connection, plant)
    _touched(connection, plant, seq)
    _lives(connection, plant, seq)
    _edges(connection, plant, seq)


def put(connection: sqlite3.Connection, into: str, *columns: Integers | Sequence[Any]) -> None:
    """Insert rows given by their columns."""
    for start in range(0, len(columns[0]), CHUNK):
        parts = (column[start : start + CHUNK] for column in columns)
        lists = [part.tolist() if isinstance(part, np.ndarray) else part for part in parts]
        connection.executemany(f"INSERT INTO {into}", zip(*lists, strict=True))


def _first_uses(values: Integers) -> Integers:
    """Return each value once, in the order of their first uses."""
    found, first = np.unique(values, return_index=True)
    return found[np.argsort(first)]


def _numbered(values: Integers, size: int) -> Integers:
    """Return the number of each value below `size`, from 1 in the order given."""
    numbers = np.zeros(size, np.int64)
    numbers[values] = np.arange(1, len(values) + 1)
    return numbers


def _items(connection: sqlite3.Connection, plant: Plant, seq: Integers) -> None:
    used = _first_uses(plant.material.astype(np.int64))
    connection.executemany(
        "INSERT INTO type(scheme, code, cls) VALUES (?,?,?)",
        [
            (m.scheme, m.name, int(KINDS[m.scheme]))
            for m in (MATERIALS[number] for number in used.tolist())
        ],
    )
    connection.executemany("INSERT INTO uom(code, scale) VALUES ('KGM', ?)", [(0,), (3,)])
    birth = np.flatnonzero(plant.kind <= Kind.Register)
    last = np.zeros(len(birth) + 1, np.int64)
    moving = np.where(np.isin(plant.kind, (Kind.Assemble, Kind.Pack, Kind.Replace)), plant.part, 0)
    own = np.isin(plant.kind, (Kind.Start, Kind.Complete, Kind.Ship)) | (
        plant.kind <= Kind.Register
    )
    for items in (np.where(own, plant.item, 0), moving, plant.old):
        np.maximum.at(last, items, plant.at)
    received = (plant.kind[birth] == Kind.Receive) & _are_lots(plant)
    put(
        connection,
        "item(type, at, ev, last, qty, unit, text, gen)"
        " VALUES (?,?,?,?,nullif(?,0),nullif(?,0),?,0)",
        _numbered(used, len(MATERIALS))[plant.material],
        plant.at[birth],
        seq[birth],
        last[1:],
        received * RECEIVED_KGM,
        received * RECEIVED_UNIT,
        [public.rpartition(":")[2] for public in plant.public_ids()[1:]],
    )


def _stocks(connection: sqlite3.Connection, plant: Plant) -> None:
    """Every lot has a stock; how much of a lot came into being is known of received ones alone."""
    lots = _are_lots(plant)
    consumed = np.flatnonzero(plant.kind == Kind.Consume)
    source = np.concatenate([plant.source, plant.part[consumed]])
    used = np.concatenate([_amounts(np.arange(len(plant.source))), _amounts(consumed)])
    gone = np.bincount(source, used, len(lots) + 1)[1:][lots].astype(np.int64).tolist()
    last = np.full(len(lots) + 1, NEVER)
    at = np.concatenate([np.repeat(plant.at, np.diff(plant.first)), plant.at[consumed]])
    np.maximum.at(last, source, at)
    received = (plant.kind[plant.kind <= Kind.Register] == Kind.Receive)[lots].tolist()
    connection.executemany(
        "INSERT INTO stock(item, last, come, gone, unknown, taken, fed, dimension)"
        " VALUES (?,?,?,?,?,0,0,?)",
        [
            (
                item,
                newest,
                str(RECEIVED_KGM * known),
                plain(Decimal(amount).scaleb(-3)),
                int(not known),
                "mass" if known or amount else "",
            )
            for item, newest, amount, known in zip(
                (np.flatnonzero(lots) + 1).tolist(),
                last[1:][lots].tolist(),
                gone,
                received,
                strict=True,
            )
        ],
    )


def _are_lots(plant: Plant) -> npt.NDArray[np.bool_]:
    return np.array([KINDS[m.scheme] is ItemKind.Lot for m in MATERIALS])[plant.material]


def _amounts(ordinal: Integers) -> Integers:
    return AMOUNTS[ordinal % len(AMOUNTS)]


def _stations(connection: sqlite3.Connection, plant: Plant, seq: Integers) -> None:
    """A record is at the station where its item's material is made."""
    material = plant.material[plant.item - 1].astype(np.int64)
    at_station = np.array([bool(m.station) for m in MATERIALS])[material]
    passed = np.bincount(material[plant.kind == Kind.Complete], minlength=len(MATERIALS))
    for number in _first_uses(material[at_station]).tolist():
        newest = np.flatnonzero(material == number)[-1]
        (station,) = connection.execute(
            "INSERT INTO station(name) VALUES (?) RETURNING id", (MATERIALS[number].station,)
        ).fetchone()
        connection.execute(
            "INSERT INTO station_now VALUES (?,?,?,0)",
            (station, int(seq[newest]), int(passed[number])),
        )


def _touched(connection: sqlite3.Connection, plant: Plant, seq: Integers) -> None:
    pairs = [
        items[items > 0] << 32 | seq[items > 0] for items in (plant.item, plant.part, plant.old)
    ]
    pairs.append(plant.source << 32 | np.repeat(seq, np.diff(plant.first)))
    ordered = np.sort(np.concatenate(pairs))
    put(connection, "touch VALUES (?,?)", ordered >> 32, ordered & 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class _Happened:
    """When an event of one kind happened to each item, and its position; INF and 0 where not."""

    at: Integers
    seq: Integers

    @classmethod
    def of(cls, plant: Plant, seq: Integers, *kinds: Kind) -> _Happened:
        chosen = np.flatnonzero(np.isin(plant.kind, kinds))
        at = np.full(len(plant.material) + 1, INF)
        position = np.zeros(len(plant.material) + 1, np.int64)
        at[plant.item[chosen]], position[plant.item[chosen]] = plant.at[chosen], seq[chosen]
        return cls(at, position)


def _lives(connection: sqlite3.Connection, plant: Plant, seq: Integers) -> None:
    born = _Happened.of(plant, seq, Kind.Receive, Kind.Transform, Kind.Register)
    started = _Happened.of(plant, seq, Kind.Start)
    completed = _Happened.of(plant, seq, Kind.Complete)
    shipped = _Happened.of(plant, seq, Kind.Ship)
    never = _Happened(np.full_like(born.at, INF), np.zeros_like(born.at))
    rows = []
    for state, begun, ends in (
        (ItemState.Registered, born, (started, shipped)),
        (ItemState.InProcess, started, (completed,)),
        (ItemState.Completed, completed, (never,)),
        (ItemState.Shipped, shipped, (never,)),
    ):
        items = np.flatnonzero(begun.at < INF)
        until = np.minimum.reduce([end.at[items] for end in ends])
        uev = np.maximum.reduce([end.seq[items] for end in ends])
        at, ev = begun.at[items], begun.seq[items]
        rows.append((items, at, ev, np.full(len(items), int(state)), until, uev, ev))
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    order = np.lexsort((columns[1], columns[0]))
    put(connection, "life VALUES (?,?,?,?,?,?,?)", *(column[order] for column in columns))
    items = np.flatnonzero(started.at < INF)
    names = dict(connection.execute("SELECT name, id FROM station"))
    stations = np.array([names.get(m.station, 0) for m in MATERIALS])
    put(
        connection,
        "visit VALUES (?,?,?,?,?,?,?)",
        items,
        started.at[items],
        started.seq[items],
        stations[plant.material[items - 1]],
        completed.at[items],
        completed.seq[items],
        started.seq[items],
    )


_RELATIONS: Final = {
    Kind.Assemble: Relation.Install,
    Kind.Replace: Relation.Install,
    Kind.Consume: Relation.Consume,
    Kind.Pack: Relation.Contain,
}


def _edges(connection: sqlite3.Connection, plant: Plant, seq: Integers) -> None:
    places = _first_uses(plant.place[plant.place > 0])
    put(connection, "position(text) VALUES (?)", [f"place {place}" for place in places.tolist()])
    position = _numbered(places, int(plant.place.max()) + 1)
    made = np.repeat(np.arange(len(plant.kind)), np.diff(plant.first))
    single = np.flatnonzero(np.isin(plant.kind, list(_RELATIONS)))
    event = np.concatenate([made, single])
    dst = plant.item[event]
    src = np.concatenate([plant.source, plant.part[single]])
    ordinal = np.concatenate([np.arange(len(made)) - plant.first[made], np.zeros_like(single)])
    relation = np.zeros(len(Kind), np.int64)
    for kind, meant in _RELATIONS.items():
        relation[kind] = relation_code(meant)
    relation[Kind.Transform] = relation_code(Relation.Transform)
    consumed = np.where(plant.kind[single] == Kind.Consume, _amounts(single), 0)
    amount = np.concatenate([_amounts(np.arange(len(made))), consumed])
    order = np.argsort(dst << 32 | src)
    event, dst, src, ordinal, amount = (c[order] for c in (event, dst, src, ordinal, amount))
    ended = np.flatnonzero(plant.kind == Kind.Replace)
    closed = np.searchsorted(dst << 32 | src, plant.item[ended] << 32 | plant.old[ended])
    is_open = np.ones(len(dst), bool)
    is_open[closed] = False
    columns = (
        dst,
        src,
        seq[event],
        ordinal,
        plant.at[event],
        seq[event],
        relation[plant.kind[event]],
        amount,
        (amount > 0) * USED_UNIT,
        position[plant.place[event]],
    )
    values = "VALUES (?,?,?,?,?,?,?,nullif(?,0),nullif(?,0),nullif(?,0)"
    put(connection, f"edge {values})", *(column[is_open] for column in columns))
    by_key = np.argsort(closed)
    past = [column[closed[by_key]] for column in columns]
    put(connection, f"edge_past {values},?,?)", *past, plant.at[ended][by_key], seq[ended][by_key])
