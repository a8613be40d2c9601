"""Where an item stands: the ends of its intervals, which are all that its next event needs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tracenode.models.identifiers import Identity
from tracenode.models.items import ItemKind
from tracenode.server.store.projecting.memory import memory_of

__all__ = ["Life", "Parent", "Standing", "Visit", "parsed", "standing_of"]

Life = tuple[int, int, int]
"""(at, ev, state) of a row of `life`."""
Visit = tuple[int, int, int, int]
"""(at, ev, station, until) of a row of `visit`."""
Parent = tuple[int, ...]
"""Key of the open edge by which an item is in another."""

parsed: Final = lru_cache(maxsize=4096)(Identity.parse)
"""`Identity.parse`, remembering: an event's ids are read several times on its way."""

_ITEM: Final = """
SELECT i.id, t.cls, i.last, i.unit, i.expires FROM type t CROSS JOIN item i
WHERE t.scheme=? AND t.code=? AND i.text=? AND i.type=t.id AND i.gen=? AND i.state_of IS NULL"""
_LIFE: Final = "SELECT at, ev, state FROM life WHERE item=? ORDER BY at DESC, ev DESC LIMIT 1"
_VISIT: Final = (
    "SELECT at, ev, station, until FROM visit WHERE item=? ORDER BY at DESC, ev DESC LIMIT 1"
)
_KINDS: Final = tuple(ItemKind)


@dataclass(slots=True)
class Standing:
    """An item and the last of its intervals in current belief. `tail` and the projector keep it
    right; a recomputation forgets it."""

    number: int
    public: str
    kind: ItemKind
    material: str
    last: int
    """Newest event time of its intervals."""
    unit: int | None
    """Interned unit of the quantity that it was registered with."""
    expires: int | None
    """Until when it may be used, microseconds of event time; None for ever."""
    life: Life | None
    """None where the item does not exist: its registration is void."""
    visit: Visit | None
    inside: dict[int, Parent | None]
    """By `rel` of the edge; what is not in it was not looked up yet."""
    used: bool = True
    """False where no edge ever went out of it; True may be too much."""
    order: str | None = None
    """What it is made for, empty for nothing; None where it was not looked up yet."""


def standing_of(connection: sqlite3.Connection, public: str) -> Standing | None:
    """Return where an item stands that was ever registered, be that void; None where it was not,
    or the text is no public id, or that of a content: nothing is booked on one."""
    items = memory_of(connection).items
    known = items.get(public)
    if known is not None:
        return known
    identity = parsed(public)
    if identity is None or identity.state:
        return None
    canonical = str(identity)
    if canonical != public and canonical in items:
        return items[canonical]
    row = connection.execute(
        _ITEM, (identity.scheme, identity.part, identity.text, identity.generation)
    ).fetchone()
    if row is None:
        return None
    number, kind, last, unit, expires = row
    items[canonical] = standing = Standing(
        number,
        canonical,
        _KINDS[kind],
        identity.part,
        last,
        unit,
        expires,
        connection.execute(_LIFE, (number,)).fetchone(),
        connection.execute(_VISIT, (number,)).fetchone(),
        {},
    )
    return standing
