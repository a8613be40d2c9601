"""What a booking gets back, and what the journal keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from tracenode.models.events import TraceEvent
from tracenode.models.status import TraceStatus

__all__ = ["Receipt", "Record", "Requester"]


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks for a booking (SEMANTICS): application + station, or a station's mailbox; never a
    session. `name` keys idempotency, `user` is journaled with the booking."""

    name: str
    user: str = ""


class Receipt(NamedTuple):
    """The stored answer to a booking. It exists only after the commit is synced (SEMANTICS S20).

    A refusal is a receipt with `status >= 100`; it booked nothing, was journaled, and replays as
    itself. A replayed success has status OkReplayed and is else the same.
    """

    status: TraceStatus
    text: str
    position: int
    """Journal position of the record or refusal."""
    record: str
    """RecordId (UUIDv7)."""
    sequence: int
    """EventSequence; 0 where nothing was published."""
    item: str = ""
    """Public id of the item booked or assigned."""
    next_step: str = ""
    recipe: str = ""

    @property
    def refused(self) -> bool:
        return self.status.refused


@dataclass(frozen=True, slots=True)
class Record:
    """One published journal record: what OPC UA events, the log and every outward surface show.

    `event` has every reference resolved to public ids and its `event_time` filled.
    """

    position: int
    record: str
    sequence: int
    at: datetime
    recorded: datetime
    event: TraceEvent
    requester: str
    user: str
    request_id: str
    hash: bytes
    item: str
    """The item the record is about, as public id; empty where there is none."""
    material: str
    refusal: TraceStatus | None = None
    """Set where this is a refusal: journaled, told as TraceRejectedEventType, sequence 0."""
    text: str = ""
    json: dict[str, Any] | None = None
