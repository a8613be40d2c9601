"""From a text to an item for questions: as of an event time, as known at a journal position."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.errors import AmbiguousItem, UnknownItem
from tracenode.models.identifiers import Identity, checked_text, is_placeholder
from tracenode.models.items import ItemKind
from tracenode.server.store.reading.resolve import (
    CARRIERS,
    LATEST,
    checked_reference,
    parsed,
    public_id,
)
from tracenode.server.store.reading.scanned import meaning_of
from tracenode.server.store.schema import INF

__all__ = ["IDENTIFIED", "TYPED", "number_of", "number_of_id", "parts_of"]

_KNOWN: Final = """
(EXISTS(SELECT 1 FROM life f WHERE f.item=i.id AND f.kf<=:k)
  OR EXISTS(SELECT 1 FROM life_was f WHERE f.item=i.id AND f.kf<=:k AND f.kt>:k))"""
TYPED: Final = "t.scheme=:scheme AND t.code=:part"
IDENTIFIED: Final = f"""
i.text=:text AND i.type=t.id AND i.gen=:gen AND i.state_of IS NULL AND {_KNOWN}"""
"""The conditions that `TYPED` type `t` and item `i` are those with the `parts_of` an identity, as
known at journal position `:k`. There is one at most."""
_BY_IDENTITY: Final = f"SELECT i.id FROM type t CROSS JOIN item i WHERE {TYPED} AND {IDENTIFIED}"
_BY_CONTENT: Final = """
SELECT s.id FROM type t CROSS JOIN item i CROSS JOIN item s
WHERE t.scheme=:scheme AND t.code=:part AND i.text=:text AND i.type=t.id AND i.gen=:gen
  AND i.state_of IS NULL AND s.state_of=i.id AND s.ev=:content
  AND (EXISTS(SELECT 1 FROM content c WHERE c.item=i.id AND c.at=s.at AND c.ev=s.ev AND c.kf<=:k)
    OR EXISTS(SELECT 1 FROM content_was c
      WHERE c.item=i.id AND c.at=s.at AND c.ev=s.ev AND c.kf<=:k AND c.kt>:k))"""
_BY_TEXT: Final = f"""
SELECT i.id, t.cls FROM item i INDEXED BY item_key CROSS JOIN type t
WHERE i.text=:text AND i.state_of IS NULL AND t.id=i.type AND {_KNOWN}"""
_BY_PRODUCT: Final = f"""
SELECT i.id, t.cls FROM type t CROSS JOIN item i WHERE t.scheme=:scheme AND t.code=:part
  AND i.text=:text AND i.type=t.id AND i.state_of IS NULL AND {_KNOWN}"""
_BY_ALIAS: Final = f"""
SELECT i.id FROM alias a CROSS JOIN item i WHERE a.text=:text AND a.at<=:t AND a.kf<=:k
  AND (a.until>:t OR a.uev>:k) AND i.id=a.item AND {_KNOWN}
UNION SELECT i.id FROM alias_was a CROSS JOIN item i WHERE a.text=:text AND a.at<=:t AND a.kf<=:k
  AND a.kt>:k AND (a.until>:t OR a.uev>:k) AND i.id=a.item AND {_KNOWN}"""


def number_of_id(
    connection: sqlite3.Connection, public: str, known: int | None = None
) -> int | None:
    """Return the number of the item or content state of exactly this public id, as known at a
    journal position (None: the head); None where there is none."""
    identity = parsed(public)
    if identity is None:
        return None
    sql = _BY_CONTENT if identity.state else _BY_IDENTITY
    values = {"k": INF if known is None else known, **parts_of(identity)}
    row = connection.execute(sql, values).fetchone()
    return None if row is None else int(row[0])


def number_of(
    connection: sqlite3.Connection, text: str, at: int | None = None, known: int | None = None
) -> int:
    """Return the number of the one item that a text means at an event time (microseconds; None:
    the latest), as known at a journal position (None: the head). By the rules of `resolve`; a
    content state is named by its public id alone.

    Raises:
        InvalidIdentifier: the text can't be any identity.
        UnknownItem: nothing had it.
        AmbiguousItem: several items had it.
    """
    asked = {"t": LATEST if at is None else at, "k": INF if known is None else known}
    exact = number_of_id(connection, text, known)
    if exact is not None:
        return exact
    meaning = meaning_of(connection, text, asked["k"])
    texts = [checked_reference(possible) for possible in meaning.texts]
    meant = {
        row[0]
        for possible in texts
        for row in connection.execute(_BY_ALIAS, {**asked, "text": possible})
    }
    carriers_too = not meant
    named = [
        row
        for possible in texts
        for row in connection.execute(_BY_TEXT, {**asked, "text": possible})
    ]
    for product in meaning.identities:
        named += connection.execute(_BY_PRODUCT, {**asked, **parts_of(product)})
    meant |= {number for number, kind in named if carriers_too or ItemKind(kind) not in CARRIERS}
    if len(meant) > 1:
        meant = {n for n in meant if not is_placeholder(public_id(connection, n))} or meant
    if len(meant) == 1:
        return int(meant.pop())
    if meant:
        raise AmbiguousItem(text, sorted(public_id(connection, number) for number in meant))
    if parsed(text) is None and meaning.texts == (text,):
        checked_text(text)
    raise UnknownItem(text)


def parts_of(identity: Identity) -> dict[str, str | int]:
    """Return the parameters of `TYPED` and `IDENTIFIED`, without the position."""
    return {
        "scheme": identity.scheme,
        "part": identity.part,
        "text": identity.text,
        "gen": identity.generation,
        "content": identity.state,
    }
