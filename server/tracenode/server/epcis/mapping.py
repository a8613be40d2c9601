"""One record as the EPCIS events that it is (MODEL, EPCIS mapping).

Business steps, dispositions and types of transactions are words of CBV 2.0. What EPCIS has no word
for stands beside, with the prefix `tracenode:`. The eventID is the RecordId, so it is the same each
time; where one record is several events, those after the first have ids derived from it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from tracenode.models import events
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import TraceEvent
from tracenode.models.receipts import Record
from tracenode.server.epcis.identities import Identities
from tracenode.server.epcis.parts import Part, json_number, listed, sensors, time_text

__all__ = ["Origin", "epcis_events"]

Said = dict[str, Any]
Origin = Callable[[str], Record | None]
"""Gives the record of a RecordId."""
ADD, DELETE, OBSERVE = "ADD", "DELETE", "OBSERVE"
HELD: Final = "non_sellable_other"
"""The disposition of what a hold stands on, as in the events over OPC UA."""
_VERDICTS: Final = {Evaluation.OK: "conformant", Evaluation.NotOK: "non_conformant"}


def epcis_events(record: Record, identities: Identities, origin: Origin) -> list[Said]:
    """Return the events of a record; none where it says nothing that EPCIS could (master data,
    reports, gaps, what no reader could read, a hold on a time window).

    A void is the event that it takes back, told again with an errorDeclaration; a correction is
    that, with the ids of the events in its place, and these.
    """
    event = record.event
    if not isinstance(event, events.Void | events.Correct):
        return _events(record, event, identities)
    after = [] if isinstance(event, events.Void) else _events(record, event.replacement, identities)
    wrong = origin(event.record)
    declared: Said = {
        "declarationTime": time_text(record.recorded),
        "reason": "incorrect_data" if after else "did_not_occur",
    }
    if after:
        declared["correctiveEventIDs"] = [each["eventID"] for each in after]
    before = [] if wrong is None else _events(wrong, _valid(wrong.event), identities)
    return [{**each, "errorDeclaration": declared} for each in before] + after


def _valid(event: TraceEvent) -> TraceEvent:
    return event.replacement if isinstance(event, events.Correct) else event


def _events(record: Record, event: TraceEvent, identities: Identities) -> list[Said]:
    said = _Mapping(record, event, identities).said()
    found = []
    for number, each in enumerate(said):
        name = uuid.UUID(record.record)
        if number:
            name = uuid.uuid5(name, str(number))
        kind = each.pop("type")
        common = _common(record, event, identities)
        transactions = [*_transactions(event, identities), *each.pop("transactions", ())]
        if transactions:
            common["bizTransactionList"] = transactions
        found.append({"type": kind, "eventID": f"urn:uuid:{name}", **common, **each})
    return found


def _common(record: Record, event: TraceEvent, identities: Identities) -> Said:
    happened = event.event_time or record.at
    said: Said = {
        "eventTime": time_text(happened),
        "eventTimeZoneOffset": "+00:00",
        "recordTime": time_text(record.recorded),
    }
    if event.station:
        said["readPoint"] = {"id": identities.station(event.station)}
    said["bizLocation"] = {"id": identities.site}
    for key, text in (
        ("operator", event.operator),
        ("tool", event.tool),
        ("reason", getattr(event, "reason", "")),
    ):
        if text:
            said[f"tracenode:{key}"] = text
    return said


def _transactions(event: TraceEvent, identities: Identities) -> list[Said]:
    order = event.order
    return [{"type": "prodorder", "bizTransaction": identities.order(order)}] if order else []


class _Mapping:
    """The events of one record, without what is common to them."""

    def __init__(self, record: Record, event: TraceEvent, identities: Identities) -> None:
        self._record, self._event, self._identities = record, event, identities

    def said(self) -> list[Said]:
        event = self._event
        match event:
            case events.Register() | events.Receive():
                return [self._came(event)]
            case events.Start() | events.Observe() | events.Relabel() | events.Identify():
                return [self._seen(event)]
            case events.Complete() | events.Abort() | events.Measure():
                return [self._operation(event)]
            case events.Scrap() | events.Ship() | events.Adjust():
                return [self._left(event)]
            case events.Hold() | events.Release():
                return self._held(event)
            case events.Assemble() | events.Remove() | events.Replace():
                return self._assembled(event)
            case events.Bind() | events.Unbind() | events.Load() | events.Unload():
                return [self._tied(event)]
            case events.Pack() | events.Unpack() | events.Empty():
                return [self._packed(event)]
            case _:
                return self._transformed(event)

    # -------------------------------------------------------------- one thing
    def _object(self, action: str, step: str, disposition: str, parts: Iterable[Part]) -> Said:
        said: Said = {"type": "ObjectEvent", "action": action}
        said |= listed(parts, self._identities, "epcList", "quantityList")
        return said | _why(step, disposition)

    def _came(self, event: events.Register | events.Receive) -> Said:
        parts = [(event.item, event.quantity)]
        known: Said = {"tracenode:material": event.material}
        if event.expires_at is not None:
            known["tracenode:expiresAt"] = time_text(event.expires_at)
        if isinstance(event, events.Register):
            return self._object(ADD, "commissioning", "active", parts) | {"ilmd": known}
        if event.supplier:
            known["tracenode:supplier"] = event.supplier
        return self._object(OBSERVE, "receiving", "in_progress", parts) | known

    def _seen(
        self, event: events.Start | events.Observe | events.Relabel | events.Identify
    ) -> Said:
        step, disposition, more = "", "", {}
        match event:
            case events.Start():
                step, disposition = "arriving", "in_progress"
            case events.Relabel():
                more = {"tracenode:alias": event.alias}
            case events.Identify():
                more = {"tracenode:placeholder": self._identities.item(event.placeholder)}
        return self._object(OBSERVE, step, disposition, [(event.item, None)]) | more

    def _operation(self, event: events.Complete | events.Abort | events.Measure) -> Said:
        measured = () if isinstance(event, events.Abort) else event.measurements
        step, disposition, more = "", "in_progress", {}
        match event:
            case events.Complete():
                step, disposition = "inspecting", _VERDICTS.get(event.evaluation, "in_progress")
                more = {"tracenode:evaluation": event.evaluation.name}
                if event.failure_code:
                    more["tracenode:failureCode"] = event.failure_code
            case events.Measure():
                step = "sensor_reporting"
        said = self._object(OBSERVE, step, disposition, [(event.item, None)]) | more
        return said | sensors(measured, event.device, self._identities)

    def _left(self, event: events.Scrap | events.Ship | events.Adjust) -> Said:
        match event:
            case events.Scrap():
                return self._object(DELETE, "destroying", "destroyed", [(event.item, None)])
            case events.Adjust():
                difference = {
                    "tracenode:difference": json_number(event.quantity.value),
                    "tracenode:uom": event.quantity.unit,
                }
                return self._object(OBSERVE, "cycle_counting", "", [(event.lot, None)]) | difference
        parts = [(item, None) for item in event.items]
        said = self._object(OBSERVE, "shipping", "in_transit", parts)
        if event.document:
            document = self._identities.document(event.document)
            said["transactions"] = [{"type": "desadv", "bizTransaction": document}]
        return said | ({"tracenode:customer": event.customer} if event.customer else {})

    def _held(self, event: events.Hold | events.Release) -> list[Said]:
        item = event.item if isinstance(event, events.Hold) else self._record.item
        if not item:
            return []
        change, step = ("set", "holding") if isinstance(event, events.Hold) else ("unset", "")
        said = self._object(OBSERVE, step, "", [(item, None)])
        return [{**said, "persistentDisposition": {change: [HELD]}}]

    # -------------------------------------------------------------- what belongs together
    def _parent(
        self, kind: str, action: str, step: str, parent: str, parts: Sequence[Part]
    ) -> Said:
        said: Said = {"type": kind, "action": action, "parentID": parent}
        said |= listed(parts, self._identities, "childEPCs", "childQuantityList")
        return said | _why(step, "")

    def _assembled(self, event: events.Assemble | events.Remove | events.Replace) -> list[Said]:
        parent = self._identities.item(event.parent)
        where = {"tracenode:position": event.position} if event.position else {}

        def tied(action: str, step: str, part: Part) -> Said:
            return self._parent("AssociationEvent", action, step, parent, [part]) | where

        match event:
            case events.Assemble():
                return [tied(ADD, "assembling", (event.part, event.quantity))]
            case events.Remove():
                return [tied(DELETE, "disassembling", (event.part, None))]
        return [
            tied(DELETE, "replacing", (event.old_part, None)),
            tied(ADD, "replacing", (event.new_part, None)),
        ]

    def _tied(self, event: events.Bind | events.Unbind | events.Load | events.Unload) -> Said:
        identities, parts, action = self._identities, list[Part](), DELETE
        match event:
            case events.Bind():
                parent, action = identities.item(event.carrier), ADD
                parts = [(event.item, None)]
            case events.Load():
                parent, action = identities.slot(event.station, event.slot), ADD
                parts = [(event.lot, event.quantity)]
            case events.Unbind():
                parent = identities.item(event.carrier)
            case events.Unload():
                parent = identities.slot(event.station, event.slot)
                parts = [(self._record.item, event.remaining)] if self._record.item else []
        return self._parent("AssociationEvent", action, "", parent, parts)

    def _packed(self, event: events.Pack | events.Unpack | events.Empty) -> Said:
        parent, parts = self._identities.item(event.container), list[Part]()
        match event:
            case events.Pack():
                action, step, parts = ADD, "packing", [(event.item, None)]
            case events.Unpack():
                action, step, parts = DELETE, "unpacking", [(event.item, None)]
            case events.Empty():
                said = self._parent("AggregationEvent", DELETE, "destroying", parent, [])
                return said | {"disposition": "destroyed"}
        return self._parent("AggregationEvent", action, step, parent, parts)

    # -------------------------------------------------------------- what became what
    def _transformed(self, event: TraceEvent) -> list[Said]:
        came: list[Part]
        went: list[Part]
        match event:
            case events.Consume():
                went, came = [(event.lot, event.quantity)], [(event.item, None)]
            case events.Fill():
                went, came = [(event.lot, event.quantity)], [(event.container, None)]
            case events.Transfer():
                went, came = [(event.source, event.quantity)], [(event.target, None)]
            case events.Split():
                went, came = [(event.lot, event.quantity)], [(event.child, event.quantity)]
            case events.Merge():
                went = [(portion.item, portion.quantity) for portion in event.lots]
                came = [(event.item, event.quantity)]
            case events.Transform():
                went = [(portion.item, portion.quantity) for portion in event.inputs]
                came = [(output.item, output.quantity) for output in event.outputs]
            case _:
                return []
        said: Said = {"type": "TransformationEvent"}
        said |= listed(went, self._identities, "inputEPCList", "inputQuantityList")
        said |= listed(came, self._identities, "outputEPCList", "outputQuantityList")
        return [said | _why("creating_class_instance", "")]


def _why(step: str, disposition: str) -> Said:
    said = {"bizStep": step} if step else {}
    return said | ({"disposition": disposition} if disposition else {})
