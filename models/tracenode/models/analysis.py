"""Questions about many items and their answers: causes, balances, windows, bills of material,
coverage, impact (SEMANTICS S9, S19). The rules of `models.answers` hold here too: a probability
is a decimal of 12 significant figures, worked out exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Annotated

from pydantic import BeforeValidator

from tracenode.models.answers import Asked, Balance, ItemView, Question, Statement
from tracenode.models.evaluation import Evaluation
from tracenode.models.items import ItemState
from tracenode.models.quantities import Quantity

__all__ = [
    "BomComparison",
    "BomLineFound",
    "BomVerdict",
    "Cause",
    "CauseAnswer",
    "CauseKind",
    "CommonCause",
    "CompareToBom",
    "Coverage",
    "CoverageAnswer",
    "FindItems",
    "FoundItems",
    "Impact",
    "ImpactAnswer",
    "ImpactLine",
    "MassBalance",
    "MassBalanceAnswer",
    "TimeWindow",
    "Visit",
    "WindowAnswer",
]


# ------------------------------------------------------------------ common cause
class CauseKind(IntEnum):
    """What units may have in common."""

    Item = 1
    """An ingredient: a lot, a reel, a part, a content state."""
    Station = 2
    Slot = 3
    """`station/slot`."""
    Tool = 4
    Operator = 5
    Hour = 6
    """A station in an hour: `station 2026-11-22T14Z`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonCause(Asked):
    """What failing units have in common that passing ones do not.

    `passed` are the units to compare with. Where it is empty they are taken: units of the same
    materials, begun between the first and the last of the failing ones, whose last verdict is OK;
    at most `max_controls`, the nearest in time.
    """

    wide = True

    failed: tuple[str, ...]
    passed: tuple[str, ...] = ()
    max_controls: int = 10_000
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing in common. `failed` and `passed` count the units that it touched; `support` is the
    fraction of the failing ones, `lift` how much more often than in all units compared (None where
    nothing is compared), `p` Fisher's exact test, one-sided, `q` the same after control of the
    false-discovery rate (Benjamini and Hochberg)."""

    kind: CauseKind
    value: str
    failed: int
    passed: int
    support: Decimal
    lift: Decimal | None
    p: Decimal
    q: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseAnswer:
    """Causes by p, then by failing units (most first), kind, value. `tested` counts all candidates,
    given here or not."""

    failed: int
    passed: int
    tested: int
    causes: tuple[Cause, ...]
    statement: Statement


# ------------------------------------------------------------------ balance
@dataclass(frozen=True, slots=True, kw_only=True)
class MassBalance(Question):
    """Where the quantity of a lot or container went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MassBalanceAnswer:
    root: str
    balance: Balance
    statement: Statement


# ------------------------------------------------------------------ time window
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow(Asked):
    """What was at a station in [since, until); None is open."""

    wide = True

    station: str
    since: datetime | None = None
    until: datetime | None = None
    offset: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class Visit:
    """An operation on an item. `ended` None is open; `evaluation` None: it ended without a verdict,
    or is open."""

    item: str
    material: str
    started: datetime
    ended: datetime | None
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAnswer:
    """Visits by their start, then by item."""

    station: str
    total: int
    offset: int
    visits: tuple[Visit, ...]
    statement: Statement


# ------------------------------------------------------------------ search
def _state(given: object) -> object:
    """Take a state by its name too, as `plain` writes it."""
    return ItemState[given] if isinstance(given, str) and given in ItemState.__members__ else given


@dataclass(frozen=True, slots=True, kw_only=True)
class FindItems(Asked):
    """Items by what is known of them; what is empty or None does not count.

    `text` is a part of the serial or lot number, in any case of the letters A to Z. `made_from`:
    they, or what a lot or container ever had in it, were ever made from this item, in any number of
    steps; `max_nodes` of those are looked through. With `station` they were there at some time in
    [since, until), else they were first seen in it. `order` is that of the latest event in their
    life that names one.
    """

    wide = True

    text: str = ""
    material: str = ""
    made_from: str = ""
    order: str = ""
    station: str = ""
    state: Annotated[ItemState | None, BeforeValidator(_state)] = None
    since: datetime | None = None
    until: datetime | None = None
    offset: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItems:
    """Items by number, then by material. `total` is at least so many where the statement says
    truncated."""

    total: int
    offset: int
    items: tuple[ItemView, ...]
    statement: Statement


# ------------------------------------------------------------------ bill of material
class BomVerdict(IntEnum):
    """A line of a bill of material against what is in the item."""

    Right = 0
    Missing = 1
    TooLittle = 2
    TooMuch = 3
    NotInBom = 4
    Unknown = 5
    """It is there, and how much of it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareToBom(Question):
    """What is in an item, one level deep, against its bill of material as known."""


@dataclass(frozen=True, slots=True)
class BomLineFound:
    position: str
    material: str
    expected: Quantity | None
    found: Quantity | None
    items: tuple[str, ...]
    verdict: BomVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BomComparison:
    """`matches`: the material has a bill, and every line is Right. `has_bom` False: it has none,
    and all that is in the item is NotInBom."""

    root: str
    material: str
    has_bom: bool
    matches: bool
    lines: tuple[BomLineFound, ...]
    statement: Statement


# ------------------------------------------------------------------ coverage
@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage(Asked):
    """How complete the trace of a line is: of its stations in [since, until)."""

    wide = True

    stations: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageAnswer:
    """`seen` items were there; `complete` of them have every operation there ended by a verdict and
    no ingredient that is a placeholder or of unknown origin. `placeholders` are those among the
    items and their ingredients. `gaps` are records known to be missing, `rejected` unreadable
    scans, `refused` bookings that were refused."""

    stations: tuple[str, ...]
    seen: int
    complete: int
    placeholders: int
    gaps: int
    rejected: int
    refused: int
    statement: Statement


# ------------------------------------------------------------------ impact
@dataclass(frozen=True, slots=True, kw_only=True)
class Impact(Question):
    """What a hold or recall of an item would touch: counts alone."""

    wide = True

    ever: bool = False


@dataclass(frozen=True, slots=True)
class ImpactLine:
    material: str
    state: ItemState
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactAnswer:
    """Lines by material, then state; the item itself is not counted."""

    root: str
    affected: int
    lines: tuple[ImpactLine, ...]
    statement: Statement
