"""Recording one request inside the writer's transaction: idempotency, decision, entry, tables."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, NamedTuple

from tracenode.models.errors import RequestConflict, TraceError
from tracenode.models.events import Report, Stale, TraceEvent, event_fields
from tracenode.models.receipts import Receipt, Record, Requester
from tracenode.models.status import TraceStatus
from tracenode.server.store import booking
from tracenode.server.store.booking import Decision
from tracenode.server.store.projecting import projector
from tracenode.server.store.writing import requests
from tracenode.server.store.writing.canonical import canonical_json
from tracenode.server.store.writing.journal import (
    NOTED,
    REFUSED,
    Clock,
    Entry,
    Journal,
    entry_at,
    from_microseconds,
    material_of,
    microseconds,
    now,
    receipt_of,
    record_id,
)

__all__ = ["Outcome", "Recorder", "Request"]

UNPUBLISHED: Final = (Report, Stale)
"""Events that get no EventSequence, since the plant did nothing. Subscribers hear of them."""


class Request(NamedTuple):
    """A booking as it is asked for. `digest` (16 bytes) stands for the payload where it is given,
    `natural_key` recognises a request that comes again under another id."""

    event: TraceEvent
    requester: Requester
    request_id: str = ""
    natural_key: str = ""
    digest: bytes = b""


class Outcome(NamedTuple):
    """The answer, and what subscribers hear of it: None for a replay or a note."""

    receipt: Receipt
    record: Record | None


class _Case(NamedTuple):
    """One request on its way: record and event time in microseconds, the event's fields as they
    were given and their canonical JSON, and what the journal keeps of the request."""

    request: Request
    rec: int
    at: int
    given: dict[str, Any]
    given_text: str
    asked: dict[str, Any]
    digest: bytes
    """Of the payload, where the request has an id or a natural key."""
    source: int
    """The requester's number."""


class Recorder:
    """Books requests one after another on the writing connection. Transactions are the caller's."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock = now) -> None:
        self.connection = connection
        self.journal = Journal(connection, clock)

    def record(self, request: Request, *, tell: bool = True) -> Outcome:
        """Book one request, or its refusal; `tell` False leaves out what subscribers would hear.

        A refusal comes from looking alone, but for the claim of its request id, so there is nothing
        to undo. Whatever this raises is a
        failure of the store or a fault of the program, and may leave half an event behind: the
        caller rolls back.
        """
        case = self._case(request)
        try:
            replayed = self._replayed(case)
            if replayed is not None:
                return Outcome(replayed, None)
            decision = booking.decide(
                self.connection,
                request.event,
                at=case.at,
                rec=case.rec,
                seq=self.journal.head.seq + 1,
            )
        except TraceError as refusal:
            return self._refused(case, refusal, tell)
        return self._booked(case, decision, tell)

    def _case(self, request: Request) -> _Case:
        event = request.event
        rec = self.journal.tick()
        at = rec if event.event_time is None else microseconds(event.event_time)
        given = event_fields(event)
        given_text = canonical_json(given)
        asked: dict[str, Any] = {}
        if request.request_id:
            asked["id"] = request.request_id
        if request.natural_key:
            asked["n"] = request.natural_key
        digest = b""
        if asked:
            digest = request.digest or requests.payload_digest(event.type, given_text)
            asked["d"] = digest.hex()
        if request.requester.user:
            asked["u"] = request.requester.user
        source = self.journal.source(request.requester.name)
        return _Case(request, rec, at, given, given_text, asked, digest, source)

    def _replayed(self, case: _Case) -> Receipt | None:
        """Return the stored answer where the request was booked before; None where it is new.

        Raises:
            RequestConflict: the id was booked with another payload.
        """
        digest, source = case.digest, case.source
        if not digest:
            return None
        connection, request = self.connection, case.request
        if request.request_id:
            seq = self.journal.head.seq + 1
            known = requests.claim(connection, source, request.request_id, seq=seq, digest=digest)
            if known is not None:
                if known.digest != digest:
                    raise RequestConflict(request.requester.name, request.request_id)
                return _replay(_entry(connection, known.seq))
        if request.natural_key:
            known = requests.known(connection, source, natural=request.natural_key)
            if known is not None and known.digest == digest:
                stored = _entry(connection, known.seq)
                if case.rec - stored.rec < requests.NATURAL_WINDOW_US:
                    if request.request_id:
                        asked = {**case.asked, "r": known.seq}
                        note = {"f": case.given, "t": request.event.type, "q": asked}
                        self._append(case, NOTED, note, publish=False)
                    return _replay(stored)
        return None

    def _booked(self, case: _Case, decision: Decision, tell: bool) -> Outcome:
        event = case.request.event
        recorded = decision.event
        answer: dict[str, str] = {}
        if decision.item:
            answer["item"] = decision.item
        if decision.text:
            answer["text"] = decision.text
        if decision.next_step:
            answer["next_step"] = decision.next_step
        if decision.recipe:
            answer["recipe"] = decision.recipe
        body: dict[str, Any] = {"f": case.given if recorded is event else event_fields(recorded)}
        if answer:
            body["a"] = answer
        if case.asked:
            body["q"] = case.asked
        if decision.effect:
            published = not isinstance(recorded, UNPUBLISHED)
            entry = self._append(case, recorded.type, body, publish=published)
            projector.apply(self.connection, entry.seq, case.at, recorded)
        else:
            body["t"] = event.type
            entry = self._append(case, NOTED, body, publish=False)
        receipt = Receipt(
            status=TraceStatus.Ok,
            text=decision.text,
            position=entry.seq,
            record=record_id(entry.rec, entry.hash),
            sequence=body.get("es", 0),
            item=decision.item,
            next_step=decision.next_step,
            recipe=decision.recipe,
        )
        if not decision.effect or not tell:
            return Outcome(receipt, None)
        return Outcome(receipt, _record(case, entry, receipt, recorded, body))

    def _refused(self, case: _Case, refusal: TraceError, tell: bool) -> Outcome:
        text = str(refusal)
        event = case.request.event
        body: dict[str, Any] = {
            "f": case.given,
            "t": event.type,
            "a": {"status": int(refusal.status), "text": text},
        }
        if case.asked:
            body["q"] = case.asked
        entry = self._append(case, REFUSED, body, publish=False)
        receipt = Receipt(
            status=refusal.status,
            text=text,
            position=entry.seq,
            record=record_id(entry.rec, entry.hash),
            sequence=0,
        )
        record = _record(case, entry, receipt, event, body) if tell else None
        return Outcome(receipt, record)

    def _append(self, case: _Case, kind: str, body: dict[str, Any], *, publish: bool) -> Entry:
        requester = case.request.requester.name
        entry = self.journal.append(
            rec=case.rec,
            at=case.at,
            source=case.source,
            requester=requester,
            sseq=case.request.event.source_seq,
            kind=kind,
            body=body,
            publish=publish,
            fields=case.given_text if body["f"] is case.given else "",
        )
        requests.index(
            self.connection,
            seq=entry.seq,
            source=case.source,
            requester=requester,
            kind=kind,
            body=body,
            sequence=self.journal.head.sequence,
            claimed=True,
        )
        return entry


def _entry(connection: sqlite3.Connection, position: int) -> Entry:
    entry = entry_at(connection, position)
    assert entry is not None, f"request table names entry {position}, which is not there"
    return entry


def _replay(entry: Entry) -> Receipt:
    """The stored answer; a success says that it is a replay, a refusal replays as itself."""
    receipt = receipt_of(entry)
    return receipt if receipt.refused else receipt._replace(status=TraceStatus.OkReplayed)


def _record(
    case: _Case, entry: Entry, receipt: Receipt, event: TraceEvent, body: dict[str, Any]
) -> Record:
    recorded = from_microseconds(entry.rec)
    at = recorded if entry.at == entry.rec else from_microseconds(entry.at)
    return Record(
        position=entry.seq,
        record=receipt.record,
        sequence=receipt.sequence,
        at=at,
        recorded=recorded,
        event=event.model_copy(update={"event_time": at}),
        requester=entry.source,
        user=case.request.requester.user,
        request_id=case.request.request_id,
        hash=entry.hash,
        item=receipt.item,
        material=material_of(receipt.item),
        refusal=receipt.status if receipt.refused else None,
        text=receipt.text,
        json=body,
    )
