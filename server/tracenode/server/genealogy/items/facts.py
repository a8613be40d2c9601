"""What is known of many items at once: identity, when first seen, state, holds, receipt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from tracenode.models.identifiers import public_id
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.genealogy.edges.believed import Lens, interval_sources, lens_of
from tracenode.server.genealogy.edges.closure import chunks
from tracenode.server.genealogy.edges.contents import emptied
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import Reading

__all__ = [
    "Fact",
    "earliest",
    "exists_sql",
    "facts_of",
    "first_seen_sql",
    "order_sql",
    "receipts",
    "received",
    "state_sql",
]


class Fact(NamedTuple):
    """An item as known. `first_seen` is the event time of its registration; where that was voided,
    of the first record that names it.

    A content has the state and holds of its owner, and was scrapped where it was emptied out. It is
    first seen with the record that made it.
    """

    public: str
    kind: ItemKind
    material: str
    text: str
    state: ItemState
    first_seen: int
    """Microseconds."""
    held: bool
    """By a hold on itself."""
    owner: int | None = None
    """Of a content: the lot or container that it is or was in."""


# As in `closure`: quicker than calling the enumerations.
_KINDS: Final = {int(kind): kind for kind in ItemKind}
_STATES: Final = {int(state): state for state in ItemState}
_OWNER: Final = "coalesce(i.state_of,i.id)"


def _any(table: str, row: str, anchor: str, lens: Lens, column: str) -> str:
    """The rows of an item in an interval table, as a sub-select of `column`s."""
    return " UNION ALL ".join(
        f"SELECT {column} FROM {source.table} {row} WHERE {row}.item={anchor}{source.where}"
        for source in interval_sources(table, row, anchor, lens)
    )


def state_sql(point: Lens) -> str:
    """Return the state of an item, a row `i` of `item`, as an expression; NULL where it has none. A
    content has that of its owner, and is scrapped where it was emptied out."""
    state = _any("life", "l", _OWNER, point, "l.at AS at, l.ev AS ev, l.state AS state")
    return (
        f"iif(i.state_of IS NOT NULL AND {emptied('i', point)},{ItemState.Scrapped:d},"
        f"(SELECT state FROM ({state}) ORDER BY at DESC, ev DESC LIMIT 1))"
    )


def exists_sql(point: Lens) -> str:
    """Return the condition that an item, a row `i` of `item` that is no content, has a state."""
    return f"EXISTS({_any('life', 'l', 'i.id', point, '1')})"


def first_seen_sql(*, live: bool) -> str:
    """Return the event time at which an item, a row `i` of `item` that is no content, began."""
    born = _any("life", "l", "i.id", Lens(Span.Ever, live, bounded=False), "l.at AS at")
    return f"(SELECT at FROM ({born}) ORDER BY at LIMIT 1)"


def order_sql(begun: Lens) -> str:
    """Return the order that the latest event in the life of an item, a row `i` of `item`, names;
    NULL where none does."""
    life = _any("life", "l", "i.id", begun, "l.at AS at, l.ev AS ev")
    return (
        f"(SELECT m.name FROM ({life}) n CROSS JOIN made_for m ON m.item=i.id AND m.ev=n.ev"
        " ORDER BY n.at DESC, n.ev DESC LIMIT 1)"
    )


@cache
def facts_sql(point: Lens) -> str:
    """Return the statement for the facts of the items in `:ids`, as one JSON array of rows."""
    ever = Lens(Span.Ever, point.live, bounded=False)
    born = _any("life", "l", "i.id", ever, "l.at AS at")
    hold = _any("hold", "h", _OWNER, point, "1")
    return (
        "SELECT json_group_array(json_array(i.id,y.scheme,y.code,y.cls,i.text,i.gen,"
        f"iif(i.state_of IS NULL,(SELECT at FROM ({born}) ORDER BY at LIMIT 1),i.at),"
        f"{state_sql(point)},"
        f"EXISTS({hold}),i.state_of,iif(i.state_of IS NULL,0,i.ev)))"
        " FROM json_each(:ids) j CROSS JOIN item i ON i.id=j.value"
        " CROSS JOIN type y ON y.id=i.type"
    )


_FIRST_NAMED = """
SELECT json_group_array(json_array(j.value,
  (SELECT r.at FROM touch t CROSS JOIN journal r ON r.seq=t.seq WHERE t.item=j.value
   ORDER BY t.seq LIMIT 1)))
FROM json_each(:ids) j
"""


def facts_of(reading: Reading, ids: Iterable[int], moment: Moment) -> dict[int, Fact]:
    """Return what is known of each item. The state is the one at `as_of`, else the latest."""
    sql = facts_sql(lens_of(moment, moment.point))
    facts: dict[int, Fact] = {}
    unborn: dict[int, list[Any]] = {}
    for chunk in chunks(list(ids)):
        for row in reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters}):
            if row[6] is None:
                unborn[row[0]] = row
            else:
                facts[row[0]] = _fact(row)
    for chunk in chunks(list(unborn)):
        for number, at in reading.array(_FIRST_NAMED, {"ids": json.dumps(chunk)}):
            row = unborn[number]
            row[6] = at
            facts[number] = _fact(row)
    return facts


def _fact(row: list[Any]) -> Fact:
    _, scheme, part, kind, text, generation, at, state, hold, owner, content = row
    return Fact(
        public_id(scheme, part, text, generation, content),
        _KINDS[kind],
        part,
        text,
        ItemState.Registered if state is None else _STATES[state],
        at,
        bool(hold),
        owner,
    )


@cache
def _births_sql(lens: Lens) -> str:
    born = _any("life", "l", "i.id", lens, "l.at AS at")
    return (
        "SELECT json_group_array(json_array(i.id,iif(i.state_of IS NULL,(SELECT at FROM"
        f" ({born}) ORDER BY at LIMIT 1),i.at)))"
        " FROM json_each(:ids) j CROSS JOIN item i ON i.id=j.value"
    )


def earliest(reading: Reading, ids: Sequence[int], count: int, moment: Moment) -> list[int]:
    """Return the first `count` of the items, by event time of their registration and by id. Ids
    are compared only among the items that may be the last."""
    sql = _births_sql(Lens(Span.Ever, moment.live, bounded=False))
    born: dict[int, int] = {}
    for chunk in chunks(ids):
        born.update(reading.array(sql, {"ids": json.dumps(chunk), "K": moment.known}))
    unborn = [item for item, at in born.items() if at is None]
    born.update((item, fact.first_seen) for item, fact in facts_of(reading, unborn, moment).items())
    order = sorted(born, key=born.__getitem__)
    last = born[order[count - 1]]
    sure = [item for item in order[:count] if born[item] < last]
    tied = facts_of(reading, [item for item in order if born[item] == last], moment)
    return sure + sorted(tied, key=lambda item: tied[item].public)[: count - len(sure)]


# ------------------------------------------------------------------ receipts
@cache
def _registered_sql(lens: Lens, *, told: bool) -> str:
    """Return the statement for those of `:ids` that came by a receipt, as one JSON array; with what
    came where `told`."""
    first = _any("life", "l", "j.value", lens, "l.at AS at, l.ev AS ev")
    quantity = (
        "json_extract(r.body, CASE r.type"
        " WHEN 'correct' THEN '$.f.replacement.quantity' ELSE '$.f.quantity' END)"
    )
    return (
        f"SELECT json_group_array({f'json_array(j.value, {quantity})' if told else 'j.value'})"
        " FROM json_each(:ids) j CROSS JOIN journal r"
        f" ON r.seq=(SELECT ev FROM ({first}) ORDER BY at, ev LIMIT 1)"
        " WHERE r.type='receive' OR (r.type='correct'"
        " AND json_extract(r.body,'$.f.replacement.type')='receive')"
    )


def receipts(reading: Reading, ids: Sequence[int], moment: Moment) -> dict[int, str | None]:
    """Return those of some items that came by a receipt, each with the quantity that came; None is
    unknown."""
    return dict(_registered(reading, ids, moment, told=True))


def received(reading: Reading, ids: Sequence[int], moment: Moment) -> set[int]:
    """Return those of some items that came by a receipt."""
    return set(_registered(reading, ids, moment, told=False))


def _registered(
    reading: Reading, ids: Sequence[int], moment: Moment, *, told: bool
) -> Iterator[Any]:
    sql = _registered_sql(Lens(Span.Begun, moment.live, bounded=False), told=told)
    for chunk in chunks(ids):
        yield from reading.array(sql, {"ids": json.dumps(chunk), "K": moment.known})
