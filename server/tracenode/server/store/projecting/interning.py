"""Small numbers for texts that repeat. Given out in journal order, so rebuild gives the same."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.identifiers import SCHEMES
from tracenode.models.items import ItemKind
from tracenode.models.quantities import Quantity
from tracenode.server.store.projecting.memory import memory_of
from tracenode.server.store.schema import INF

__all__ = [
    "KINDS",
    "position_id",
    "position_text",
    "quantity_of",
    "slot_id",
    "station_id",
    "station_name",
    "type_id",
    "unit_code_of",
    "unit_id",
]

KINDS: Final[dict[str, ItemKind]] = {scheme: kind for kind, scheme in SCHEMES.items()}
"""The kind of an item by the scheme of its id."""
_NEW_TYPE: Final[dict[str, str]] = {
    scheme: f"INSERT INTO type(scheme,code,cls) VALUES(?,?,{int(kind)})"
    for scheme, kind in KINDS.items()
}


def _interned(
    connection: sqlite3.Connection, select: str, insert: str, values: tuple[object, ...]
) -> int:
    interned = memory_of(connection).interned
    key = (select, *values)
    number = interned.get(key)
    if number is None:
        row = connection.execute(select, values).fetchone()
        made = None if row else connection.execute(insert, values).lastrowid
        interned[key] = number = int(row[0] if row else made or 0)
    return number


def station_id(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of a station, giving it one where it has none."""
    return _interned(
        connection,
        "SELECT id FROM station WHERE name=?",
        "INSERT INTO station(name) VALUES(?)",
        (name,),
    )


def station_name(connection: sqlite3.Connection, number: int) -> str:
    names = memory_of(connection).stations
    name = names.get(number)
    if name is None:
        row = connection.execute("SELECT name FROM station WHERE id=?", (number,)).fetchone()
        names[number] = name = str(row[0])
    return name


def slot_id(connection: sqlite3.Connection, station: int, name: str) -> int:
    """Return the number of a slot of a station, giving it one where it has none."""
    return _interned(
        connection,
        "SELECT id FROM slot WHERE station=? AND name=?",
        f"INSERT INTO slot(station,name,last) VALUES(?,?,{-INF})",
        (station, name),
    )


def position_id(connection: sqlite3.Connection, text: str) -> int | None:
    """Return the number of a position in a parent; None for no position."""
    if not text:
        return None
    return _interned(
        connection,
        "SELECT id FROM position WHERE text=?",
        "INSERT INTO position(text) VALUES(?)",
        (text,),
    )


def position_text(connection: sqlite3.Connection, number: int | None) -> str:
    if number is None:
        return ""
    return str(connection.execute("SELECT text FROM position WHERE id=?", (number,)).fetchone()[0])


def unit_id(connection: sqlite3.Connection, quantity: Quantity | None) -> int | None:
    """Return the number of a quantity's (UN/ECE code, scale); None where it is unknown."""
    if quantity is None:
        return None
    return _interned(
        connection,
        "SELECT id FROM uom WHERE code=? AND scale=?",
        "INSERT INTO uom(code,scale) VALUES(?,?)",
        (quantity.unit, quantity.scale),
    )


def unit_code_of(connection: sqlite3.Connection, number: int) -> str:
    """Return the UN/ECE code of an interned unit."""
    units = memory_of(connection).units
    code = units.get(number)
    if code is None:
        row = connection.execute("SELECT code FROM uom WHERE id=?", (number,)).fetchone()
        units[number] = code = str(row[0])
    return code


def quantity_of(
    connection: sqlite3.Connection, mantissa: int | None, unit: int | None
) -> Quantity | None:
    """Return a stored quantity; None where it is unknown."""
    if mantissa is None or unit is None:
        return None
    code, scale = connection.execute("SELECT code,scale FROM uom WHERE id=?", (unit,)).fetchone()
    return Quantity.stored(mantissa, scale, code)


def type_id(connection: sqlite3.Connection, scheme: str, code: str) -> int:
    """Return the number of a (scheme, part), whose class is the kind of that scheme."""
    return _interned(
        connection,
        "SELECT id FROM type WHERE scheme=? AND code=?",
        _NEW_TYPE[scheme],
        (scheme, code),
    )
