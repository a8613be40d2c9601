"""Writing the plant of `_genealogy_plant` as a whole store: the journal with its hash chain, and
the rows that booking each event would write, in bulk and in the order of their keys.

What the tables hold is not copied from the projector: that a rebuild of such a file gives the same
tables is a test.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks._fill import fill
from benchmarks._genealogy_plant import MATERIALS, Integers, Kind, Plant
from benchmarks._plant import START_US
from tracenode.models.events import Master
from tracenode.models.genealogy import Relation
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.store.chain import entry_hash
from tracenode.server.store.interning import KINDS
from tracenode.server.store.journal import head_of
from tracenode.server.store.references import relation_code
from tracenode.server.store.schema import INF

__all__ = ["fill_plant"]

SOURCE: Final = "plant"
RECEIVED_KGM: Final = 1_000_000
AMOUNTS: Final = np.array([thousandth for thousandth in range(1, 1000) if thousandth % 10])
"""Thousandths of a kilogram that are used up; none of them could be written with fewer digits."""
RECEIVED_UNIT, USED_UNIT = 1, 2
CHUNK: Final = 50_000
_WRITTEN: Final = ("item", "edge", "edge_past", "life", "visit")
"""Tables whose indexes are made after the rows: sorting beats keeping sorted."""


def fill_plant(path: Path, plant: Plant) -> int:
    """Make a database with everything that happened in a plant; return how many entries it has."""
    fill(path, _masters())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in (
            "journal_mode = MEMORY",
            "synchronous = OFF",
            "cache_size = -262144",
            "threads = 2",
        ):
            connection.execute(f"PRAGMA {pragma}")
        made = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            f" AND tbl_name IN ({','.join('?' * len(_WRITTEN))})",
            _WRITTEN,
        ).fetchall()
        connection.execute("BEGIN")
        for name, _ in made:
            connection.execute(f"DROP INDEX {name}")
        entries = _write(connection, plant)
        for _, sql in made:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL")
        return entries


def _masters() -> Iterator[tuple[int, Master]]:
    for number, material in enumerate(MATERIALS):
        data = {"kind": KINDS[material.scheme].name.lower(), "unit": "KGM"}
        yield (
            START_US - len(MATERIALS) + number,
            Master(kind="material", key=material.name, data=data),
        )


def _write(connection: sqlite3.Connection, plant: Plant) -> int:
    head = head_of(connection)
    numbers = np.arange(len(plant.kind))
    (source,) = connection.execute(
        "INSERT INTO source(name) VALUES (?) RETURNING id", (SOURCE,)
    ).fetchone()
    connection.executemany(
        f"INSERT INTO journal VALUES (?,?,?,{source},NULL,?,?,?)", _entries(connection, plant)
    )
    seq = numbers + head.seq + 1
    put(connection, "emitted VALUES (?,?)", numbers + head.sequence + 1, seq)
    _items(connection, plant, seq)
    _touched(connection, plant, seq)
    _lives(connection, plant, seq)
    _edges(connection, plant, seq)
    return int(seq[-1])


def put(connection: sqlite3.Connection, into: str, *columns: Integers | Sequence[Any]) -> None:
    """Insert rows given by their columns."""
    for start in range(0, len(columns[0]), CHUNK):
        parts = (column[start : start + CHUNK] for column in columns)
        lists = [part.tolist() if isinstance(part, np.ndarray) else part for part in parts]
        connection.executemany(f"INSERT INTO {into}", zip(*lists, strict=True))


# ------------------------------------------------------------------ the journal
def _entries(connection: sqlite3.Connection, plant: Plant) -> Iterator[tuple[Any, ...]]:
    """Yield the rows (seq, rec, at, type, body, hash) of all events."""
    head = head_of(connection)
    seq, previous, sequence = head.seq, head.hash, head.sequence
    types = [kind.name.lower() for kind in Kind]
    kinds = [kind.encode() for kind in types]
    source = SOURCE.encode()
    for at, kind, about, fields in _events(plant):
        seq += 1
        sequence += 1
        body = f'{{"a":{{"item":"{about}"}},"es":{sequence},"f":{{{fields}}}}}'
        previous = entry_hash(
            previous,
            seq=seq,
            rec=at,
            at=at,
            source=source,
            sseq=None,
            kind=kinds[kind],
            body=body.encode(),
        )
        yield seq, at, at, types[kind], body, previous


def _events(plant: Plant) -> Iterator[tuple[int, int, str, str]]:
    """Yield (time, kind, public id of the subject, canonical fields) of all events."""
    names = plant.public_ids()
    used = [f'"quantity":"0.{amount:03} KGM"' for amount in AMOUNTS.tolist()]
    cycle = len(used)
    material = [0, *plant.material.tolist()]
    stations = [f',"station":"{m.station}"' if m.station else "" for m in MATERIALS]
    received = [f'"quantity":"{RECEIVED_KGM} KGM"' if m.scheme == "lot" else "" for m in MATERIALS]
    for start in range(0, len(plant.kind), CHUNK):
        end = min(start + CHUNK, len(plant.kind))
        columns = (plant.at, plant.kind, plant.item, plant.part, plant.old, plant.place)
        inputs = plant.source[plant.first[start] : plant.first[end]].tolist()
        bounds = (plant.first[start : end + 1] - plant.first[start]).tolist()
        offset = int(plant.first[start])
        rows = zip(*(column[start:end].tolist() for column in columns), strict=True)
        for number, (at, kind, item, part, old, place) in enumerate(rows):
            name, of = names[item], material[item]
            at_station = stations[of]
            made = f'"item":"{name}","material":"{MATERIALS[of].name}"'
            match kind:
                case Kind.Transform:
                    low, high = bounds[number], bounds[number + 1]
                    portions = ",".join(
                        [
                            f'{{"item":"{names[inputs[n]]}",{used[(offset + n) % cycle]}}}'
                            for n in range(low, high)
                        ]
                    )
                    fields = f'"inputs":[{portions}],"outputs":[{{{made}}}]{at_station}'
                case Kind.Assemble:
                    where = f'"position":"place {place}"'
                    fields = f'"parent":"{name}","part":"{names[part]}",{where}{at_station}'
                case Kind.Consume:
                    amount = used[(start + number) % cycle]
                    fields = f'"item":"{name}","lot":"{names[part]}",{amount}{at_station}'
                case Kind.Receive:
                    fields = f"{made},{received[of]}".rstrip(",")
                case Kind.Register:
                    fields = f"{made}{at_station}"
                case Kind.Start:
                    fields = f'"item":"{name}"{at_station}'
                case Kind.Complete:
                    fields = f'"evaluation":1,"item":"{name}"{at_station}'
                case Kind.Pack:
                    fields = f'"container":"{name}","item":"{names[part]}"'
                    name = names[part]
                case Kind.Replace:
                    parts = f'"new_part":"{names[part]}","old_part":"{names[old]}"'
                    where = f'"position":"place {place}"'
                    fields = f'{parts},"parent":"{name}",{where}{at_station}'
                case _:
                    fields = f'"items":["{name}"]'
            yield at, kind, name, fields


# ------------------------------------------------------------------ the tables
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
    lot = np.array([KINDS[m.scheme] is ItemKind.Lot for m in MATERIALS])
    received = (plant.kind[birth] == Kind.Receive) & lot[plant.material]
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
    _stations(connection, plant, seq)


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
    consumed = np.where(plant.kind[single] == Kind.Consume, AMOUNTS[single % len(AMOUNTS)], 0)
    amount = np.concatenate([AMOUNTS[np.arange(len(made)) % len(AMOUNTS)], consumed])
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
