"""The error tree.

TracenodeError
├─ ConfigError            the configuration; carries every problem found
├─ BadSetting             one value of the configuration; a ValueError too, for validators
├─ TraceError             a booking or question was refused; carries its TraceStatus
│  ├─ InvalidIdentifier, DuplicateIdentifier, UnknownItem, AmbiguousItem
│  ├─ UnknownMaterial, UnknownOrder, UnknownStation, UnknownRecord
│  ├─ ItemOnHold, ItemScrapped, NotStarted, StationBusy
│  ├─ PartAlreadyInstalled, PartMissing, WouldCloseCycle
│  ├─ UnitMismatch, MalformedRequest, HasDependants, RequestConflict
│  ├─ NotAuthorized
│  └─ the refusals of the interlock and of stock, in `models.interlock`
├─ DriverError            a device or its link, in `device_errors`; the supervisor tries again
│  ├─ LinkLost            the connection is gone or could not be made
│  ├─ NoAnswer            a time-out: the outcome is unknown
│  ├─ BadTelegram         bytes that are no valid telegram
│  │  └─ BadCode          a telegram whose text is no valid code
│  └─ DeviceException     the device answered with an error of its own
├─ TooManyQuestions       a question was not begun; ask it later
└─ StoreError             the database
   ├─ SqliteTooOld, SchemaMismatch, DamagedDatabase
   ├─ StoreLocked         another process writes
   ├─ ReadingProcessLost  a question has no answer; ask it again
   └─ JournalDown         nothing is acknowledged any more
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tracenode.models.status import TraceStatus

__all__ = [
    "AmbiguousItem",
    "BadSetting",
    "ConfigError",
    "ConfigProblem",
    "DamagedDatabase",
    "DuplicateIdentifier",
    "HasDependants",
    "InvalidIdentifier",
    "ItemOnHold",
    "ItemScrapped",
    "JournalDown",
    "MalformedRequest",
    "NotAuthorized",
    "NotStarted",
    "PartAlreadyInstalled",
    "PartMissing",
    "ReadingProcessLost",
    "RequestConflict",
    "SchemaMismatch",
    "SqliteTooOld",
    "StationBusy",
    "StoreError",
    "StoreLocked",
    "TooManyQuestions",
    "TraceError",
    "TracenodeError",
    "UnitMismatch",
    "UnknownItem",
    "UnknownMaterial",
    "UnknownOrder",
    "UnknownRecord",
    "UnknownStation",
    "WouldCloseCycle",
]


class TracenodeError(Exception):
    """Anything that tracenode itself raises."""


# ------------------------------------------------------------------ configuration
@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One fault of a configuration: where, what was found, what is allowed."""

    path: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}"


class ConfigError(TracenodeError):
    """The configuration is wrong; `problems` holds every fault, not only the first."""

    def __init__(self, source: str, problems: Sequence[ConfigProblem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{source}: {len(self.problems)} problem(s)\n{lines}")


class BadSetting(TracenodeError, ValueError):
    """One value of the configuration can't be used. Validators turn it into a ConfigProblem."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"expected {expected}, found {found}")


# ------------------------------------------------------------------ refusals
class TraceError(TracenodeError):
    """A booking or a question was refused; nothing was booked.

    `status` is what a PLC gets, `str(error)` the text beside it. Subclasses carry the values.
    """

    status: ClassVar[TraceStatus]


class InvalidIdentifier(TraceError):
    """The text can't be an identity (SEMANTICS S2): empty, NOREAD, NUL-padded, over-long ..."""

    status = TraceStatus.InvalidIdentifier

    def __init__(self, text: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"identifier {text[:64]!r} is not usable: {reason}")


class DuplicateIdentifier(TraceError):
    """The identity is registered already, or is active at another station."""

    status = TraceStatus.DuplicateIdentifier

    def __init__(self, item: str, where: str) -> None:
        self.item, self.where = item, where
        super().__init__(f"{item} exists already: {where}")


class UnknownItem(TraceError):
    """No item has this id or alias."""

    status = TraceStatus.UnknownItem

    def __init__(self, item: str) -> None:
        self.item = item
        super().__init__(f"no item is known as {item!r}")


class AmbiguousItem(TraceError):
    """A bare text that several items carry; `candidates` are their public ids."""

    status = TraceStatus.AmbiguousItem

    def __init__(self, text: str, candidates: Sequence[str]) -> None:
        self.text, self.candidates = text, tuple(candidates)
        some = ", ".join(self.candidates[:4]) + (" ..." if len(self.candidates) > 4 else "")
        super().__init__(f"{text!r} may be {some}: give the whole id")


class UnknownMaterial(TraceError):
    """The material is not in the master data."""

    status = TraceStatus.UnknownMaterial

    def __init__(self, material: str) -> None:
        self.material = material
        super().__init__(f"no material is known as {material!r}")


class UnknownOrder(TraceError):
    """The order is not in the master data."""

    status = TraceStatus.UnknownOrder

    def __init__(self, order: str) -> None:
        self.order = order
        super().__init__(f"no order is known as {order!r}")


class UnknownStation(TraceError):
    """The station is not in the configuration."""

    status = TraceStatus.MalformedRequest

    def __init__(self, station: str) -> None:
        self.station = station
        super().__init__(f"no station is known as {station!r}")


class UnknownRecord(TraceError):
    """A void or correction names a record that does not exist or is void already."""

    status = TraceStatus.MalformedRequest

    def __init__(self, record: str, reason: str) -> None:
        self.record, self.reason = record, reason
        super().__init__(f"record {record!r}: {reason}")


class ItemOnHold(TraceError):
    """The item, or something it was made from, is on hold."""

    status = TraceStatus.ItemOnHold

    def __init__(self, item: str, hold: str, reason: str) -> None:
        self.item, self.hold, self.reason = item, hold, reason
        super().__init__(f"{item} is on hold by {hold}: {reason}")


class ItemScrapped(TraceError):
    """The item has left the process for good (scrapped, consumed or shipped)."""

    status = TraceStatus.ItemScrapped

    def __init__(self, item: str, state: str) -> None:
        self.item, self.state = item, state
        super().__init__(f"{item} can't be used: it is {state}")


class NotStarted(TraceError):
    """A completion for an item whose operation is not open at this station."""

    status = TraceStatus.NotStarted

    def __init__(self, item: str, station: str, started: str | None) -> None:
        self.item, self.station, self.started = item, station, started
        found = f"{started} is" if started else "nothing is"
        super().__init__(f"{item} is not started at {station}: {found} in process there")


class StationBusy(TraceError):
    """The station has another item in process, or the server can't take the request now."""

    status = TraceStatus.StationBusy

    def __init__(self, station: str, reason: str) -> None:
        self.station, self.reason = station, reason
        super().__init__(f"station {station} is busy: {reason}")


class PartAlreadyInstalled(TraceError):
    """A part that sits in a parent already."""

    status = TraceStatus.PartAlreadyInstalled

    def __init__(self, part: str, parent: str) -> None:
        self.part, self.parent = part, parent
        super().__init__(f"{part} is already installed in {parent}")


class PartMissing(TraceError):
    """A part to remove that does not sit in the parent."""

    status = TraceStatus.PartMissing

    def __init__(self, part: str, parent: str) -> None:
        self.part, self.parent = part, parent
        super().__init__(f"{part} is not installed in {parent}")


class WouldCloseCycle(TraceError):
    """The edge would make an item an ingredient of itself (SEMANTICS S6)."""

    status = TraceStatus.WouldCloseCycle

    def __init__(self, output: str, input_: str) -> None:
        self.output, self.input = output, input_
        super().__init__(f"{input_} can't go into {output}: {output} is an ingredient of it")


class UnitMismatch(TraceError):
    """Two units of measure that do not convert into each other, or an unknown code."""

    status = TraceStatus.UnitMismatch

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"unit of measure: expected {expected}, found {found!r}")


class MalformedRequest(TraceError):
    """A field of the request is missing or out of range."""

    status = TraceStatus.MalformedRequest

    def __init__(self, field: str, expected: str, found: str) -> None:
        self.field, self.expected, self.found = field, expected, found
        super().__init__(f"{field}: expected {expected}, found {found}")


class HasDependants(TraceError):
    """A void that others depend on (SEMANTICS S13); list them all to acknowledge."""

    status = TraceStatus.MalformedRequest

    def __init__(self, record: str, dependants: Sequence[str]) -> None:
        self.record, self.dependants = record, tuple(dependants)
        super().__init__(
            f"record {record} has {len(self.dependants)} dependant(s) to be listed: "
            + ", ".join(self.dependants[:8])
        )


class RequestConflict(TraceError):
    """The same request id came with another payload (SEMANTICS S14)."""

    status = TraceStatus.RequestConflict

    def __init__(self, requester: str, request_id: str) -> None:
        self.requester, self.request_id = requester, request_id
        super().__init__(f"request {request_id!r} of {requester} was booked with another payload")


class NotAuthorized(TraceError):
    """The user may not do this."""

    status = TraceStatus.NotAuthorized

    def __init__(self, user: str, action: str) -> None:
        self.user, self.action = user, action
        super().__init__(f"{user} may not {action}")


# ------------------------------------------------------------------ questions
class TooManyQuestions(TracenodeError):
    """More questions about much of the store wait than would be answered in time; this one was not
    begun."""

    def __init__(self, waiting: int, waited_s: float) -> None:
        self.waiting, self.waited_s = waiting, waited_s
        super().__init__(
            f"too many questions about much of the store: {waiting} wait, this one was not begun"
            f" within {waited_s:g} s; ask it later"
        )


# ------------------------------------------------------------------ store
class StoreError(TracenodeError):
    """The database can't be used as asked; the message says what to do."""


class SqliteTooOld(StoreError):
    """The SQLite library lacks what the schema needs."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"SQLite {expected} or newer is needed, found {found}")


class SchemaMismatch(StoreError):
    """The file is of another application or of a newer tracenode."""


class DamagedDatabase(StoreError):
    """The file fails its checks; `advice` says how to go on."""

    def __init__(self, path: str, fault: str, advice: str) -> None:
        self.path, self.fault, self.advice = path, fault, advice
        super().__init__(f"{path}: {fault}. {advice}")


class StoreLocked(StoreError):
    """Another process has the database open for writing."""


class JournalDown(StoreError):
    """The journal can't be written; nothing is acknowledged until it can."""


class ReadingProcessLost(StoreError):
    """The process that was to answer a question ended. Nothing is lost but the answer: asked again,
    another process answers."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the reading process gave no answer: {reason}")
