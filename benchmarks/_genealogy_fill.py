"""Writing the plant of `_genealogy_plant` as a whole store: the journal with its hash chain, and
the rows that booking each event would write, in bulk and in the order of their keys.

What the tables hold is not copied from the projector: that a rebuild of such a file gives the same
tables is a test.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks._fill import fill
from benchmarks._genealogy_plant import MATERIALS, Kind, Plant
from benchmarks._genealogy_tables import AMOUNTS, CHUNK, RECEIVED_KGM, write_tables
from benchmarks._plant import START_US
from tracenode.models.events import Master
from tracenode.server.store.projecting.interning import KINDS
from tracenode.server.store.writing.chain import entry_hash
from tracenode.server.store.writing.journal import head_of

__all__ = ["fill_plant"]

SOURCE: Final = "plant"
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
    write_tables(connection, plant, seq)
    return int(seq[-1])


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
