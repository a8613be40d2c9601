"""What a record says in the flat words of the model: the fields of its event and of its line in the
log (MODEL, EPCIS mapping)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tracenode.models import events
from tracenode.models.evaluation import Action, Evaluation
from tracenode.models.events import TraceEvent
from tracenode.models.identifiers import Identity
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Record
from tracenode.server.opcua.surface.wording import METHODS, message
from tracenode.server.store.writing.canonical import canonical_json

__all__ = ["FAULT", "GAP", "NORMAL", "REFUSED", "Told", "is_lot", "record_json", "told"]

NORMAL: Final = 100
REFUSED: Final = 300
FAULT: Final = 500
"""NotOK, hold, scrap, and what was declared wrong."""
GAP: Final = 700


@dataclass(frozen=True, slots=True)
class Told:
    """A record as it goes out. `fields` holds plain values by field name; what is not named there
    is empty, and a number that is not known is NaN."""

    event_type: str
    message: str
    severity: int
    fields: Mapping[str, Any]


def told(record: Record) -> Told:
    """Return what a record says, a refusal as TraceRejectedEventType."""
    event = record.event
    if record.refusal is not None:
        return Told(
            "TraceRejectedEventType",
            message(record),
            REFUSED,
            {
                "StationId": event.station,
                "ItemId": record.item or _subject(event),
                "RequestId": record.request_id,
                "MethodName": METHODS.get(event.type, event.type),
                "Status": int(record.refusal),
                "StatusText": record.text,
            },
        )
    words = _words(record, event)
    item = words.fields.get("ItemId", record.item)
    fields: dict[str, Any] = {
        "EventSequence": record.sequence,
        "RecordId": record.record,
        "RecordTime": record.recorded,
        "Action": int(words.action),
        "BizStep": words.biz_step,
        "Disposition": words.disposition,
        "ItemId": item,
        "MaterialId": _material(item) or record.material,
        "LotId": item if is_lot(item) else "",
        "OrderId": event.order,
        "StationId": event.station,
        "ReadPoint": event.device,
        "OperatorId": event.operator,
        "ReasonCode": getattr(event, "reason", ""),
        "RequestId": record.request_id,
        "RecordHash": record.hash.hex(),
        "Replayed": False,
        **_quantity(getattr(event, "quantity", None)),
        **words.fields,
    }
    return Told(words.event_type, message(record), words.severity, fields)


@dataclass(frozen=True, slots=True)
class _Words:
    event_type: str
    action: Action
    biz_step: str
    disposition: str
    fields: Mapping[str, Any]
    severity: int = NORMAL


def _words(record: Record, event: TraceEvent) -> _Words:
    match event:
        case events.Register():
            return _object(Action.Add, "commissioning", "active", event.item)
        case events.Receive():
            return _object(Action.Add, "receiving", "in_progress", event.item)
        case events.Observe():
            return _object(Action.Observe, "", "", event.item)
        case events.Reject():
            return _Words("TraceObjectEventType", Action.Observe, "", "", {"ItemId": ""}, REFUSED)
        case events.Start():
            return _object(Action.Observe, "arriving", "in_progress", event.item)
        case events.Relabel():
            return _object(Action.Observe, "", "", event.item)
        case events.Complete() | events.Abort() | events.Measure():
            return _operation(event)
        case events.Assemble() | events.Remove() | events.Replace():
            return _association(event)
        case (
            events.Consume()
            | events.Fill()
            | events.Transfer()
            | events.Transform()
            | events.Split()
            | events.Merge()
        ):
            return _transformation(record, event)
        case events.Scrap() | events.Hold() | events.Release():
            return _disposition(record, event)
        case _:
            return _rarer_words(record, event)


def _rarer_words(record: Record, event: TraceEvent) -> _Words:
    match event:
        case events.Bind():
            return _tied(Action.Add, event.item, event.carrier)
        case events.Unbind():
            return _tied(
                Action.Delete, "" if record.item == event.carrier else record.item, event.carrier
            )
        case events.Pack():
            return _packed(Action.Add, "packing", event.item, event.container)
        case events.Unpack():
            return _packed(Action.Delete, "unpacking", event.item, event.container)
        case events.Load() | events.Unload() | events.Identify():
            return _joined(record, event)
        case events.Empty():
            fields = {"ItemId": event.container}
            return _Words(
                "TraceDispositionEventType", Action.Delete, "destroying", "destroyed", fields
            )
        case events.Adjust():
            return _object(Action.Observe, "cycle_counting", "", event.lot)
        case events.Ship():
            return _shipment(event)
        case events.Void() | events.Correct():
            return _correction(record, event)
        case events.Master():
            action = Action.Add if event.data is not None else Action.Delete
            about = {"ItemId": "", "MasterDataKind": event.kind, "MasterDataKey": event.key}
            return _Words("TraceMasterDataEventType", action, "", "", about)
        case events.Gap():
            return _gap(event)
        case events.Stale():
            return _stale(event)
    raise TypeError(f"expected a trace event, found {type(event).__name__}")


def _object(action: Action, biz_step: str, disposition: str, item: str) -> _Words:
    return _Words("TraceObjectEventType", action, biz_step, disposition, {"ItemId": item})


def _operation(event: events.Complete | events.Abort | events.Measure) -> _Words:
    verdict, disposition = Evaluation.Undefined, "in_progress"
    own: dict[str, Any]
    match event:
        case events.Complete():
            verdict = event.evaluation
            disposition = {Evaluation.OK: "conformant", Evaluation.NotOK: "non_conformant"}.get(
                verdict, "in_progress"
            )
            own = {"OperationId": event.step or event.station, "FailureCode": event.failure_code}
            if event.cycle_time_ms is not None:
                own["CycleTime"] = float(event.cycle_time_ms)
            own["Measurements"] = event.measurements
        case events.Measure():
            verdict = _worst(event.measurements)
            own = {"OperationId": event.station, "Measurements": event.measurements}
        case events.Abort():
            own = {"OperationId": event.station}
    fields = {"ItemId": event.item, "Evaluation": int(verdict), **own}
    severity = FAULT if verdict is Evaluation.NotOK else NORMAL
    return _Words(
        "TraceOperationEventType", Action.Observe, "inspecting", disposition, fields, severity
    )


def _worst(measurements: tuple[events.Measurement, ...]) -> Evaluation:
    found = {measurement.evaluation for measurement in measurements}
    for verdict in (Evaluation.NotOK, Evaluation.NotDecidable, Evaluation.Undefined):
        if verdict in found:
            return verdict
    return Evaluation.OK


def _association(event: events.Assemble | events.Remove | events.Replace) -> _Words:
    fields: dict[str, Any] = {"ParentId": event.parent, "Position": event.position}
    match event:
        case events.Assemble():
            fields |= {"ItemId": event.part}
            return _Words("TraceAssociationEventType", Action.Add, "assembling", "", fields)
        case events.Remove():
            fields |= {"ItemId": event.part}
            return _Words("TraceAssociationEventType", Action.Delete, "disassembling", "", fields)
    fields |= {"ItemId": event.new_part, "ReplacedItemId": event.old_part}
    return _Words("TraceAssociationEventType", Action.Add, "replacing", "", fields)


def _tied(action: Action, item: str, carrier: str) -> _Words:
    fields = {"ItemId": item, "ParentId": carrier}
    return _Words("TraceAssociationEventType", action, "", "", fields)


def _joined(record: Record, event: events.Load | events.Unload | events.Identify) -> _Words:
    match event:
        case events.Load():
            action, fields = Action.Add, {"ItemId": event.lot, "Position": event.slot}
        case events.Unload():
            action, fields = Action.Delete, {"ItemId": record.item, "Position": event.slot}
            fields |= _quantity(event.remaining)
        case events.Identify():
            fields = {"ItemId": event.item, "ReplacedItemId": event.placeholder}
            action = Action.Add
    return _Words("TraceAssociationEventType", action, "", "", fields)


def _packed(action: Action, biz_step: str, item: str, container: str) -> _Words:
    fields = {"ItemId": item, "ParentId": container}
    return _Words("TraceAggregationEventType", action, biz_step, "", fields)


def _transformation(
    record: Record,
    event: events.Consume
    | events.Fill
    | events.Transfer
    | events.Transform
    | events.Split
    | events.Merge,
) -> _Words:
    lot = ""
    went_in: list[tuple[str, Quantity | None]] = []
    came_out: list[tuple[str, Quantity | None]] = []
    match event:
        case events.Consume():
            lot, went_in = event.lot, [(event.lot, event.quantity)]
            came_out = [(event.item, None)]
        case events.Fill():
            lot, went_in = event.lot, [(event.lot, event.quantity)]
            came_out = [(event.container, None)]
        case events.Transfer():
            went_in = [(event.source, event.quantity)]
            came_out = [(event.target, None)]
        case events.Split():
            lot, went_in = event.lot, [(event.lot, event.quantity)]
            came_out = [(event.child, event.quantity)]
        case events.Merge():
            went_in = [(portion.item, portion.quantity) for portion in event.lots]
            came_out = [(event.item, event.quantity)]
        case events.Transform():
            went_in = [(portion.item, portion.quantity) for portion in event.inputs]
            came_out = [(output.item, output.quantity) for output in event.outputs]
    item = came_out[0][0] if len(came_out) == 1 else record.item
    fields = {
        "ItemId": item,
        "LotId": lot or (item if is_lot(item) else ""),
        "TransformationId": record.record,
        "InputIds": [text for text, _ in went_in],
        "InputQuantities": [_number(quantity) for _, quantity in went_in],
        "OutputIds": [text for text, _ in came_out],
        "OutputQuantities": [_number(quantity) for _, quantity in came_out],
    }
    return _Words("TraceTransformationEventType", Action.Add, "creating_class_instance", "", fields)


def _disposition(record: Record, event: events.Scrap | events.Hold | events.Release) -> _Words:
    match event:
        case events.Scrap():
            return _Words(
                "TraceDispositionEventType",
                Action.Delete,
                "destroying",
                "destroyed",
                {"ItemId": event.item},
                FAULT,
            )
        case events.Hold():
            return _Words(
                "TraceDispositionEventType",
                Action.Observe,
                "holding",
                HELD,
                {"ItemId": event.item, "HoldId": record.record},
                FAULT,
            )
    fields = {"HoldId": event.hold, "PreviousDisposition": HELD}
    return _Words("TraceDispositionEventType", Action.Observe, "", "available", fields)


HELD: Final = "non_sellable_other"
"""The CBV 2.0 disposition of what a hold stands on."""


def _shipment(event: events.Ship) -> _Words:
    fields = {
        "ItemId": event.items[0] if len(event.items) == 1 else "",
        "TransactionType": "desadv" if event.document else "",
        "TransactionId": event.document,
        "ItemIds": list(event.items),
    }
    return _Words("TraceTransactionEventType", Action.Observe, "shipping", "in_transit", fields)


def _correction(record: Record, event: events.Void | events.Correct) -> _Words:
    fields: dict[str, Any] = {"CorrectsRecordId": event.record}
    if isinstance(event, events.Correct):
        as_if = _words(record, event.replacement)
        kept = ("ItemId", "LotId")
        fields |= {name: as_if.fields[name] for name in kept if name in as_if.fields}
        return _Words(
            "TraceCorrectionEventType",
            as_if.action,
            as_if.biz_step,
            as_if.disposition,
            fields,
            FAULT,
        )
    return _Words("TraceCorrectionEventType", Action.Delete, "", "", fields, FAULT)


def _gap(event: events.Gap) -> _Words:
    fields: dict[str, Any] = {
        "GapKind": event.kind,
        "MissingRecords": event.missing,
        "ReasonCode": event.note,
    }
    if event.kind != "handshake":
        return _Words("TraceGapEventType", Action.Observe, "", "", fields, GAP)
    fields |= {"ExpectedSequence": event.expected or 0, "FoundSequence": event.found or 0}
    return _Words("TraceHandshakeGapEventType", Action.Observe, "", "", fields, GAP)


def _stale(event: events.Stale) -> _Words:
    fields = {
        "ReportId": event.report,
        "ReportQuestion": canonical_json(event.question),
        "CausedByRecordId": event.cause,
    }
    return _Words("TraceReportStaleEventType", Action.Observe, "", "", fields, FAULT)


# ------------------------------------------------------------------ small words
def is_lot(item: str) -> bool:
    """True where a public id names a lot."""
    return item.startswith("lot:")


def _material(item: str) -> str:
    identity = Identity.parse(item) if item else None
    return identity.part if identity else ""


def _number(quantity: Quantity | None) -> float:
    return math.nan if quantity is None else float(quantity)


def _quantity(quantity: Quantity | None) -> dict[str, Any]:
    unit = "" if quantity is None else quantity.unit
    return {"Quantity": _number(quantity), "UnitOfMeasure": unit}


def _subject(event: TraceEvent) -> str:
    """Return the reference a refused event is about, as it was given."""
    for name in ("item", "part", "new_part", "lot", "child", "container", "target", "carrier"):
        text = getattr(event, name, "")
        if text:
            return str(text)
    return ""


def record_json(record: Record) -> str:
    """Return the whole record as canonical JSON."""
    return json.dumps(record.json or {}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
