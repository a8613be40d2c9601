"""Questions to the genealogy and their answers (SEMANTICS S6-S8, S19).

An answer given live equals, byte for byte (`canonical`), the same question asked later at its
`as_known_at`. So an answer holds no elapsed time, no float, and no text that is not journaled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Final

from tracenode.models.genealogy import Direction, EdgeQuality, HitMark, Relation
from tracenode.models.items import ItemKind, ItemState
from tracenode.models.quantities import Quantity

__all__ = [
    "ANSWER_FORMAT",
    "Asked",
    "Balance",
    "Edge",
    "GenealogyAnswer",
    "HistoryAnswer",
    "HistoryEntry",
    "Ingredients",
    "ItemAnswer",
    "ItemDetail",
    "ItemHistory",
    "ItemView",
    "Node",
    "PathAnswer",
    "PathBetween",
    "Question",
    "RecallAnswer",
    "RecallHit",
    "RecallScope",
    "Statement",
    "WhereUsed",
    "canonical",
    "plain",
]

ANSWER_FORMAT: Final = 2
"""Raised whenever the bytes of an answer change their meaning."""
MAX_NODES: Final = 100_000
DEADLINE_S: Final = 30.0

KnownAt = int | datetime | None
"""A journal position, a record time, or None for the head."""


# ------------------------------------------------------------------ questions
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every question says; those about many items are in `models.analysis`.

    `as_of` None is the latest state, `as_known_at` None all that is known; above the head it is
    clamped and echoed. `max_depth` None is unbounded; past `max_nodes` or `deadline_s` the answer
    comes truncated, with its frontier.
    """

    wide: ClassVar[bool] = False
    """It may be about most of the store: small questions do not wait for it."""

    as_of: datetime | None = None
    as_known_at: KnownAt = None
    max_depth: int | None = None
    max_nodes: int = MAX_NODES
    deadline_s: float = DEADLINE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Asked):
    """A question about one item."""

    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients(Question):
    """What went into the item: as built at `as_of`; with `ever`, whatever was in it at any time
    together with all of its own path (SEMANTICS S6, S7)."""

    ever: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereUsed(Question):
    """Where the item went: ever, unless `as_of` is given (SEMANTICS S7). With `ever` and `as_of`,
    all that had begun by then. With `min_share`, from 0 to 1, items are left out of which a smaller
    fraction comes from it; those whose share is unknown stay (SEMANTICS S9)."""

    wide = True

    ever: bool = False
    min_share: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemHistory(Question):
    """The records that touch an item, oldest first; `offset` and `limit` page through them."""

    offset: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PathBetween(Question):
    """How `item` went into `into`: one shortest path that time allows."""

    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallScope(Question):
    """What must be recalled when `item` is suspect: end items that it went into, counts first.

    `limit` 0 gives the counts alone. `ever` as in WhereUsed.
    """

    wide = True

    offset: int = 0
    limit: int = 1000
    ever: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDetail(Question):
    """The state of one item."""


# ------------------------------------------------------------------ answers
@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What every answer says about itself (SEMANTICS S19)."""

    complete: bool
    """Nothing is cut off, no end is open, every item is known: neither truncated nor a frontier
    nor placeholders."""
    truncated: bool
    frontier: tuple[str, ...]
    """Items where the trace ends without a receipt (ingredients) or without ship, scrap or a
    finished unit (where-used), and where a limit cut it; in the order of their ids."""
    pooled_edges: int
    placeholders: int
    """Items of the answer that stand in for one that nobody identified (SEMANTICS S16)."""
    as_of: datetime | None
    as_known_at: int
    """Journal position that the answer knows."""
    data_version: str
    """`<position>:<hash>` of the journal at `as_known_at`."""
    answer_format: int = ANSWER_FORMAT


@dataclass(frozen=True, slots=True)
class Node:
    """An item of an answer. `depth` is its breadth-first level, the root's is 0."""

    item: str
    kind: ItemKind
    material: str
    state: ItemState
    on_hold: bool
    depth: int
    first_seen: datetime
    mark: HitMark | None = None
    """Where-used only: what became of the hit."""


@dataclass(frozen=True, slots=True)
class Edge:
    """`input` went into `output` for [valid_from, valid_to); `valid_to` None is open."""

    output: str
    input: str
    relation: Relation
    quality: EdgeQuality
    quantity: Quantity | None
    position: str
    station: str
    valid_from: datetime
    valid_to: datetime | None
    record: int
    """Journal position of the record that made it."""
    share: Decimal | None = None
    """Which fraction of what went into `output`, measured in the same dimension, this is; None is
    unknown (SEMANTICS S9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenealogyAnswer:
    """Ingredients or where-used. Nodes are ordered by depth, event time, id; edges likewise by
    their output's (input's) place."""

    root: str
    direction: Direction
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    statement: Statement


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One record as it is known: voided records stay, marked."""

    position: int
    record: str
    sequence: int
    """EventSequence, 0 where the record was not published."""
    type: str
    at: datetime
    recorded: datetime
    station: str
    text: str
    voided_by: str | None
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryAnswer:
    root: str
    total: int
    entries: tuple[HistoryEntry, ...]
    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class PathAnswer:
    """Empty `items` where no path is."""

    root: str
    into: str
    items: tuple[str, ...]
    edges: tuple[Edge, ...]
    statement: Statement


@dataclass(frozen=True, slots=True)
class RecallHit:
    """One affected end item; `reason` is one shortest path from the suspect to it. `pooled`: every
    path crosses a pooled edge, so the suspect may not be in it."""

    item: str
    material: str
    state: ItemState
    mark: HitMark
    depth: int
    pooled: bool
    reason: tuple[str, ...]
    share: Decimal | None = None
    """Which fraction of the item comes from the suspect, to 12 decimals; None is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Where the quantity of a lot or container went, all in `unit` (SEMANTICS S9): received +
    produced + filled - consumed - scrapped - shipped + corrected. None where a part of it is
    unknown; `unknown` counts the records without a quantity."""

    unit: str
    received: Quantity | None
    produced: Quantity | None
    filled: Quantity | None
    consumed: Quantity | None
    scrapped: Quantity | None
    shipped: Quantity | None
    corrected: Quantity | None
    balance: Quantity | None
    unknown: int
    over_consumed: bool
    """More was booked out than in, at some time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallAnswer:
    """Counts over all that is affected, then one page of end items.

    An end item is a unit or lot that is part of nothing now (as known); a container or carrier is a
    place. `by_material` counts every affected item, `by_mark` the end items.
    """

    root: str
    affected: int
    end_items: int
    by_material: tuple[tuple[str, int], ...]
    by_mark: tuple[tuple[HitMark, int], ...]
    offset: int
    hits: tuple[RecallHit, ...]
    statement: Statement
    balance: Balance | None = None
    """Of the suspect; None for a unit."""
    shares_unknown: int = 0
    """Hits of this page whose share is unknown."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item as clients browse it. Empty text and None mean: not known."""

    item: str
    kind: ItemKind
    material: str
    text: str
    state: ItemState
    on_hold: bool
    station: str
    order: str
    quantity: Quantity | None
    updated_at: datetime
    parts: tuple[str, ...] = ()
    """Installed now."""
    part_of: str | None = None
    made_from: tuple[str, ...] = ()
    packed_in: str | None = None
    """The container that it is in; of a content, the lot or container that it is in (S5)."""
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAnswer:
    root: str
    view: ItemView
    statement: Statement


# ------------------------------------------------------------------ canonical form
def plain(value: Any) -> Any:
    """Return an answer, or any part of one, as JSON data: times in UTC to the microsecond,
    enums by name, quantities as text."""
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return value.name
        case int():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case Quantity():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case tuple() | list():
            return [plain(item) for item in value]
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case float():
            return value
    assert is_dataclass(value) and not isinstance(value, type), f"not part of an answer: {value!r}"
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}


def canonical(answer: Any) -> bytes:
    """Return the bytes by which two answers are compared: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        plain(answer), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
