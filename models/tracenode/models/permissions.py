"""Who may do what: one table, by groups of methods; a configuration may change it.

Read it from the top. A method stands in one group; what stands in none may be called by
SecurityAdmin alone, so that a new method is not open by oversight (a test names it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from typing import Final

from tracenode.models.errors import BadSetting
from tracenode.models.roles import EVERYBODY, GRANTED, Role

__all__ = [
    "AUDIT",
    "DEFAULT",
    "GROUPS",
    "LOOK",
    "WRITE",
    "Audited",
    "Group",
    "Permissions",
    "audited",
]

R = Role
STAFF: Final = R.Operator | R.Engineer | R.Supervisor
EYES: Final = R.Observer | STAFF


class Audited(Enum):
    """What becomes of a call of a method in the audit trail."""

    Nothing = "nothing"
    """It changes nothing; only a refusal is noted."""
    Entry = "entry"
    Journal = "journal"
    """It stands in the journal with its user; the trail refers to it."""


@dataclass(frozen=True, slots=True)
class Group:
    """What belongs together, the roles that may do it, and its methods by browse name."""

    name: str
    meaning: str
    roles: Role
    methods: frozenset[str] = frozenset()
    audited: Audited = Audited.Entry


LOOK, WRITE, AUDIT = "look", "write", "audit"
"""Groups that are no methods."""

GROUPS: Final = (
    Group(
        LOOK,
        "browse, read and watch the plant, its items and events",
        GRANTED,
    ),
    Group(
        WRITE,
        "write variables that are marked writable",
        STAFF,
    ),
    Group(
        AUDIT,
        "hear audit events; sessions and their security in the server's diagnostics",
        R.ConfigureAdmin | R.SecurityAdmin,
    ),
    Group(
        "queries",
        "questions: they change nothing",
        EYES,
        frozenset(
            {
                "AffectedItems",
                "CommonCauses",
                "CommonOrigins",
                "CompareToBom",
                "Coverage",
                "ExportEpcis",
                "FetchDetails",
                "FetchPage",
                "FindItems",
                "GetHistory",
                "GetItem",
                "Impact",
                "MassBalance",
                "PathBetween",
                "QueryGenealogy",
                "QueryJson",
                "RecallScope",
                "ReleaseResult",
                "TimeWindow",
                "TraceIngredients",
                "TraceWhereUsed",
            }
        ),
        Audited.Nothing,
    ),
    Group(
        "log",
        "read the log and prove it",
        EYES,
        frozenset({"GetRecords", "ReadRecords", "VerifyIntegrity"}),
        Audited.Nothing,
    ),
    Group(
        "consumers",
        "register as a consumer of the log, acknowledge, ask for a replay, pin items",
        STAFF | R.ConfigureAdmin,
        frozenset(
            {
                "Acknowledge",
                "PinItem",
                "RegisterConsumer",
                "Replay",
                "UnpinItem",
                "UnregisterConsumer",
            }
        ),
    ),
    Group(
        "booking",
        "what a station books",
        STAFF,
        frozenset(
            {
                "AbortItem",
                "BindCarrier",
                "CheckItem",
                "CompleteItem",
                "ConsumeMaterial",
                "EmptyContainer",
                "FillContainer",
                "InstallPart",
                "LoadMaterial",
                "Pack",
                "RecordMeasurement",
                "RecordMeasurements",
                "RegisterItem",
                "RemovePart",
                "ReplacePart",
                "SetDisposition",
                "StartItem",
                "TransferContent",
                "Transform",
                "UnloadMaterial",
                "Unpack",
            }
        ),
        Audited.Journal,
    ),
    Group(
        "stock",
        "lots received, split, merged, relabelled, shipped",
        STAFF,
        frozenset({"MergeLots", "ReceiveLot", "RelabelItem", "ShipItems", "SplitLot"}),
        Audited.Journal,
    ),
    Group(
        "quality",
        "holds, voids, corrections, stock set right, reports issued",
        R.Supervisor,
        frozenset(
            {
                "AdjustStock",
                "CorrectRecord",
                "IssueReport",
                "MergePlaceholder",
                "PlaceHold",
                "PlaceWindowHold",
                "ReleaseHold",
                "VoidRecord",
            }
        ),
        Audited.Journal,
    ),
    Group(
        "master",
        "materials, routes, bills of material, orders, stations",
        R.Engineer,
        frozenset({"ImportMasterData"}),
        Audited.Journal,
    ),
    Group(
        "namespace0",
        "methods of the server itself, for one's own subscriptions and conditions",
        EVERYBODY,
        frozenset({"ConditionRefresh", "ConditionRefresh2", "GetMonitoredItems", "ResendData"}),
        Audited.Nothing,
    ),
    Group(
        "conditions",
        "acknowledge, confirm, comment and shelve conditions",
        STAFF,
        frozenset(  # Acknowledge has one name with the log's, for the same people
            {
                "AddComment",
                "Confirm",
                "Disable",
                "Enable",
                "OneShotShelve",
                "TimedShelve",
                "Unshelve",
            }
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Permissions:
    """Which roles may what; `changes` maps groups or methods to other roles than the table's.

    A change of a method goes before one of its group.

    Raises:
        BadSetting: a change of what is neither a group nor a method.
    """

    changes: Mapping[str, Role] = field(default_factory=dict)
    _masks: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        known = set(_names())
        for name in self.changes:
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                expected = f"groups or methods of docs/security.md{hint}"
                raise BadSetting(expected, repr(name))
        for group in GROUPS:
            mask = int(self.changes.get(group.name, group.roles))
            self._masks[group.name] = mask
            for method in group.methods:
                self._masks[method] = int(self.changes.get(method, mask))

    def mask(self, name: str) -> int:
        """Return the roles that may, as a bitmask; `name` is a group or a method's browse name."""
        return self._masks.get(name, int(Role.SecurityAdmin))


def _names() -> Iterator[str]:
    for group in GROUPS:
        yield group.name
        yield from group.methods


_AUDITED: Final = {method: group.audited for group in GROUPS for method in group.methods}


def audited(method: str) -> Audited:
    """Return what becomes of a call of a method in the audit trail."""
    return _AUDITED.get(method, Audited.Entry)


DEFAULT: Final = Permissions()
