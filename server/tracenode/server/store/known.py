"""From a text to an item for questions: as of an event time, as known at a journal position."""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.errors import AmbiguousItem, UnknownItem
from tracenode.models.identifiers import Identity, checked_text
from tracenode.models.items import ItemKind
from tracenode.server.store.resolve import CARRIERS, LATEST, checked_reference, public_id
from tracenode.server.store.schema import INF

__all__ = ["number_of"]

_KNOWN: Final = """
(EXISTS(SELECT 1 FROM life f WHERE f.item=i.id AND f.kf<=:k)
  OR EXISTS(SELECT 1 FROM life_was f WHERE f.item=i.id AND f.kf<=:k AND f.kt>:k))"""
_BY_IDENTITY: Final = f"""
SELECT i.id FROM type t CROSS JOIN item i WHERE t.scheme=:scheme AND t.code=:part
  AND i.text=:text AND i.type=t.id AND i.gen=:gen AND i.state_of IS NULL AND {_KNOWN}"""
_BY_TEXT: Final = f"""
SELECT i.id, t.cls FROM item i INDEXED BY item_key CROSS JOIN type t
WHERE i.text=:text AND i.state_of IS NULL AND t.id=i.type AND {_KNOWN}"""
_BY_ALIAS: Final = f"""
SELECT i.id FROM alias a CROSS JOIN item i WHERE a.text=:text AND a.at<=:t AND a.kf<=:k
  AND (a.until>:t OR a.uev>:k) AND i.id=a.item AND {_KNOWN}
UNION SELECT i.id FROM alias_was a CROSS JOIN item i WHERE a.text=:text AND a.at<=:t AND a.kf<=:k
  AND a.kt>:k AND (a.until>:t OR a.uev>:k) AND i.id=a.item AND {_KNOWN}"""


def number_of(
    connection: sqlite3.Connection, text: str, at: int | None = None, known: int | None = None
) -> int:
    """Return the number of the one item that a text means at an event time (microseconds; None:
    the latest), as known at a journal position (None: the head). By the rules of `resolve`.

    Raises:
        InvalidIdentifier: the text can't be any identity.
        UnknownItem: nothing had it.
        AmbiguousItem: several items had it.
    """
    checked_reference(text)
    asked = {"t": LATEST if at is None else at, "k": INF if known is None else known}
    identity = Identity.parse(text)
    if identity is not None:
        row = connection.execute(
            _BY_IDENTITY,
            {
                **asked,
                "scheme": identity.scheme,
                "part": identity.part,
                "text": identity.text,
                "gen": identity.generation,
            },
        ).fetchone()
        if row is not None:
            return int(row[0])
    asked_text = {**asked, "text": text}
    meant = {row[0] for row in connection.execute(_BY_ALIAS, asked_text)}
    carriers_too = not meant
    for number, kind in connection.execute(_BY_TEXT, asked_text):
        if carriers_too or ItemKind(kind) not in CARRIERS:
            meant.add(number)
    if len(meant) == 1:
        return int(meant.pop())
    if meant:
        raise AmbiguousItem(text, sorted(public_id(connection, number) for number in meant))
    if identity is None:
        checked_text(text)
    raise UnknownItem(text)
