"""Small numbers for texts that repeat. Given out in journal order, so rebuild gives the same."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.identifiers import SCHEMES
from tracenode.models.items import ItemKind
from tracenode.models.quantities import Quantity

__all__ = [
    "KINDS",
    "position_id",
    "position_text",
    "quantity_of",
    "station_id",
    "station_name",
    "type_id",
    "unit_code_of",
    "unit_id",
]

KINDS: Final[dict[str, ItemKind]] = {scheme: kind for kind, scheme in SCHEMES.items()}
"""The kind of an item by the scheme of its id."""


def _interned(
    connection: sqlite3.Connection, select: str, insert: str, values: tuple[object, ...]
) -> int:
    row = connection.execute(select, values).fetchone()
    if row is None:
        return int(connection.execute(insert, values).lastrowid or 0)
    return int(row[0])


def station_id(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of a station, giving it one where it has none."""
    return _interned(
        connection,
        "SELECT id FROM station WHERE name=?",
        "INSERT INTO station(name) VALUES(?)",
        (name,),
    )


def station_name(connection: sqlite3.Connection, number: int) -> str:
    return str(connection.execute("SELECT name FROM station WHERE id=?", (number,)).fetchone()[0])


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
    return str(connection.execute("SELECT code FROM uom WHERE id=?", (number,)).fetchone()[0])


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
    row = connection.execute(
        "SELECT id FROM type WHERE scheme=? AND code=?", (scheme, code)
    ).fetchone()
    if row is not None:
        return int(row[0])
    cursor = connection.execute(
        "INSERT INTO type(scheme,code,cls) VALUES(?,?,?)", (scheme, code, int(KINDS[scheme]))
    )
    return int(cursor.lastrowid or 0)
