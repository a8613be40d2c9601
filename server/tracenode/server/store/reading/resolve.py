"""From what was typed or scanned to one item, or a refusal (SEMANTICS S1, S2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from tracenode.models.errors import AmbiguousItem, InvalidIdentifier, UnknownItem
from tracenode.models.identifiers import MAX_TEXT, PLACEHOLDER, Identity, checked_text
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.store.projecting.standing import parsed, standing_of
from tracenode.server.store.reading.scanned import meaning_of
from tracenode.server.store.schema import INF

__all__ = [
    "CARRIERS",
    "LATEST",
    "Found",
    "candidates",
    "checked_reference",
    "former_number",
    "lookup",
    "parsed",
    "public_id",
    "resolve",
    "row_of",
]

LATEST: Final = INF - 1
"""The event time that is later than any."""
CARRIERS: Final = frozenset({ItemKind.Carrier, ItemKind.Container})
"""What can be bound: while it is, its number means what it carries."""
MAX_REFERENCE_TEXT: Final = 254
"""Characters of a scanned text that may be an alias."""

_KINDS: Final = tuple(ItemKind)
_STATES: Final = tuple(ItemState)
_ROW: Final = """
SELECT i.id, t.scheme, t.code, i.text, i.gen, t.cls, i.last, i.unit, i.expires,
  coalesce(
    (SELECT l.state FROM life l WHERE l.item=i.id AND l.at<=?
     ORDER BY l.at DESC, l.ev DESC LIMIT 1),
    (SELECT 0 FROM life f WHERE f.item=i.id LIMIT 1)) AS state
"""
_STATE_THEN: Final = (
    "SELECT state FROM life WHERE item=? AND at<=? ORDER BY at DESC, ev DESC LIMIT 1"
)
_BY_PRODUCT: Final = (
    _ROW
    + """FROM type t CROSS JOIN item i
WHERE t.scheme=? AND t.code=? AND i.text=? AND i.type=t.id AND i.state_of IS NULL"""
)
_BY_TEXT: Final = (
    _ROW
    + """FROM item i INDEXED BY item_key CROSS JOIN type t
WHERE i.text=? AND i.state_of IS NULL AND t.id=i.type"""
)
_BY_ALIAS: Final = (
    _ROW
    + """FROM alias a CROSS JOIN item i CROSS JOIN type t
WHERE a.text=? AND a.at<=? AND a.until>? AND i.id=a.item AND t.id=i.type"""
)


class Found(NamedTuple):
    """An item as the tables have it. `state` is the one at the instant asked for; before its
    registration an item counts as registered (late bookings, S15)."""

    id: int
    public: str
    kind: ItemKind
    material: str
    last: int
    """Newest event time of its intervals."""
    unit: int | None
    """Interned unit of the quantity that it was registered with."""
    state: ItemState
    expires: int | None
    """Until when it may be used, microseconds of event time; None for ever."""


def checked_reference(text: str) -> str:
    """Return a text that can be looked up, unchanged.

    Raises:
        InvalidIdentifier: empty, NUL-padded, over-long, control characters, outer spaces, or a
            reader's word for "nothing read".
    """
    if len(text) <= MAX_TEXT:
        return checked_text(text)
    if len(text) > MAX_REFERENCE_TEXT:
        raise InvalidIdentifier(
            text, f"it has {len(text)} characters, at most {MAX_REFERENCE_TEXT} fit"
        )
    if not text.isprintable():
        raise InvalidIdentifier(text, "it holds control characters")
    return text


def _found(
    row: tuple[int, str, str, str, int, int, int, int | None, int | None, int],
) -> Found:
    number, scheme, part, text, generation, kind, last, unit, expires, state = row
    return Found(
        number,
        str(Identity(scheme, part, text, generation)),
        _KINDS[kind],
        part,
        last,
        unit,
        _STATES[state],
        expires,
    )


def lookup(connection: sqlite3.Connection, identity: Identity, at: int = LATEST) -> Found | None:
    """Return the item of exactly this identity, if it exists in current belief."""
    return _exactly(connection, str(identity), at)


def _exactly(connection: sqlite3.Connection, public: str, at: int) -> Found | None:
    standing = standing_of(connection, public)
    if standing is None or standing.life is None:
        return None
    began, _, state = standing.life
    if began > at:
        row = connection.execute(_STATE_THEN, (standing.number, at)).fetchone()
        state = row[0] if row else ItemState.Registered
    return Found(
        standing.number,
        standing.public,
        standing.kind,
        standing.material,
        standing.last,
        standing.unit,
        _STATES[state],
        standing.expires,
    )


def resolve(connection: sqlite3.Connection, text: str, at: int = LATEST) -> Found:
    """Return the one item that a text means at an instant: a public ItemId, an alias that is valid
    then, a bare number, or a code whose product and serial or lot are an item's. A bound carrier's
    number means what it carries. A placeholder is meant only where no other item is.

    Raises:
        InvalidIdentifier: the text can't be any identity.
        UnknownItem: nothing has it.
        AmbiguousItem: several items have it.
    """
    exact = _exactly(connection, text, at)
    if exact is not None:
        return exact
    meaning = meaning_of(connection, text)
    for possible in meaning.texts:
        checked_reference(possible)
    aliases = [
        found
        for possible in meaning.texts
        for found in _existing(connection.execute(_BY_ALIAS, (at, possible, at, at)))
    ]
    named = candidates(connection, text, at)
    if aliases:
        named = [found for found in named if found.kind not in CARRIERS]
    meant = {found.id: found for found in (*aliases, *named)}
    if len(meant) > 1:
        registered = {n: found for n, found in meant.items() if found.material != PLACEHOLDER}
        meant = registered or meant
    if len(meant) == 1:
        return meant.popitem()[1]
    if not meant:
        if parsed(text) is None and meaning.texts == (text,):
            checked_text(text)
        raise UnknownItem(text)
    raise AmbiguousItem(text, sorted(found.public for found in meant.values()))


def candidates(connection: sqlite3.Connection, text: str, at: int = LATEST) -> list[Found]:
    """Return the items whose own number a text is, of whatever material and generation."""
    meaning = meaning_of(connection, text)
    found = [
        item
        for possible in meaning.texts
        for item in _existing(connection.execute(_BY_TEXT, (at, possible)))
    ]
    for identity in meaning.identities:
        values = (at, identity.scheme, identity.part, identity.text)
        found += _existing(connection.execute(_BY_PRODUCT, values))
    return found


def _existing(rows: Iterable[tuple[Any, ...]]) -> list[Found]:
    return [_found(row) for row in rows if row[-1] is not None]


def row_of(connection: sqlite3.Connection, public: str) -> tuple[int, int]:
    """Return (number, newest event time of its intervals) of a recorded public id, whether its
    registration is valid or not."""
    standing = standing_of(connection, public)
    assert standing is not None, f"no item has the recorded id {public!r}"
    return standing.number, standing.last


def former_number(connection: sqlite3.Connection, public: str) -> int | None:
    """Return the number of an item that was ever registered, void or not; None for no such."""
    standing = standing_of(connection, public)
    return None if standing is None else standing.number


def public_id(connection: sqlite3.Connection, number: int) -> str:
    """Return the public id of an item's number."""
    scheme, part, text, generation, content = connection.execute(
        "SELECT t.scheme, t.code, i.text, i.gen, iif(i.state_of IS NULL, 0, i.ev)"
        " FROM item i CROSS JOIN type t WHERE i.id=? AND t.id=i.type",
        (number,),
    ).fetchone()
    return str(Identity(scheme, part, text, generation, content))
