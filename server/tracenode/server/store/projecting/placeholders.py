"""Items that stand in for what nobody registered, and the items that they turn out to be (S16).

An identification is one edge from the real item to its placeholder: what went into the one explains
the other. It is of the placeholder's intervals and begins with the first of its facts, since it was
that item all along; so a question about any instant at which it went somewhere finds the real one.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.genealogy import Relation
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.models.items import ItemKind
from tracenode.server.store.reading.resolve import Found

__all__ = ["counterparts", "identified_as", "stood_in_by"]

_REAL: Final = f"SELECT src FROM edge WHERE dst=? AND rel={Relation.Identity:d}"
_STAND_INS: Final = (
    f"SELECT dst FROM edge INDEXED BY edge_identity WHERE src=? AND rel={Relation.Identity:d}"
)


def identified_as(connection: sqlite3.Connection, placeholder: int) -> int | None:
    """Return the number of the item that a placeholder turned out to be; None: nobody knows."""
    row = connection.execute(_REAL, (placeholder,)).fetchone()
    return None if row is None else int(row[0])


def stood_in_by(connection: sqlite3.Connection, item: int) -> list[int]:
    """Return the numbers of the placeholders that turned out to be an item."""
    return [row[0] for row in connection.execute(_STAND_INS, (item,)).fetchall()]


def counterparts(connection: sqlite3.Connection, found: Found, *, used: bool) -> list[int]:
    """Return the numbers of what is the same unit under another id. Nothing for a lot, which may
    well be used in several places; `used` False says that no edge goes out of the item."""
    if found.kind is not ItemKind.Unit:
        return []
    if found.material != PLACEHOLDER:
        return stood_in_by(connection, found.id) if used else []
    real = identified_as(connection, found.id)
    if real is None:
        return []
    return [real, *(n for n in stood_in_by(connection, real) if n != found.id)]
