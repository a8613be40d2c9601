"""Event types: flat fields, each selectable by one BrowseName that means the same everywhere."""

from __future__ import annotations

from modelling import Field, ObjectType, Rule, Variable

__all__ = ["EVENT_TYPES"]


def _field(name: str, type_: str, text: str, rule: Rule = Rule.MANDATORY) -> Variable:
    return Variable(Field(name, type_, text), rule, prop=True)


TRACE = ObjectType(
    "TraceEventType",
    "One record of the trace: what, when, where, why and by whom. Flat fields only.",
    (
        _field(
            "EventSequence",
            "UInt64",
            "Number of the published record, without gaps; a jump means: call Log.ReadRecords.",
        ),
        _field("RecordId", "String", "Unique id of the record; the same when it is replayed."),
        _field("RecordTime", "UtcTime", "When the record was durable; Time is when it happened."),
        _field("Action", "TraceActionEnum", "Observe, Add or Delete, as in EPCIS."),
        _field("BizStep", "String", "EPCIS business step, such as assembling."),
        _field("Disposition", "String", "EPCIS disposition after the event, such as conformant."),
        _field("ItemId", "String", "Public id of the item it is about; empty where there is none."),
        _field("MaterialId", "String", "What the item is: part number or material."),
        _field("LotId", "String", "Public id of the lot concerned; empty if none."),
        _field("OrderId", "String", "Production order; empty if not given."),
        _field("Quantity", "Double", "In UnitOfMeasure; NaN where it is not known."),
        _field("UnitOfMeasure", "String", "UN/ECE Recommendation 20 code, such as KGM."),
        _field("StationId", "String", "Station where it happened; empty if none."),
        _field("ReadPoint", "String", "Device that told it; empty if it came by a call."),
        _field("OperatorId", "String", "Who worked at the station; empty if not given."),
        _field("ReasonCode", "String", "Why, for holds, removals, scrap and corrections."),
        _field("RequestId", "String", "Request id of the booking."),
        _field("RecordHash", "String", "Hash that chains the record to those before, hexadecimal."),
        _field("Replayed", "Boolean", "True where it is sent again on a consumer's demand."),
    ),
    "BaseEventType",
    abstract=True,
)
OBJECT = ObjectType(
    "TraceObjectEventType",
    "EPCIS ObjectEvent: an item was registered, received, observed, started or relabelled.",
    supertype=TRACE.name,
)
OPERATION = ObjectType(
    "TraceOperationEventType",
    "An operation on an item ended with a verdict, or values were measured on it.",
    (
        _field("OperationId", "String", "The process step."),
        _field("Evaluation", "TraceEvaluationEnum", "The verdict."),
        _field("FailureCode", "String", "What failed; empty for a good one."),
        _field("CycleTime", "Duration", "Milliseconds from start to end.", Rule.OPTIONAL),
        _field("Measurements", "TraceMeasurementDataType[]", "Measured values.", Rule.OPTIONAL),
    ),
    OBJECT.name,
)
DISPOSITION = ObjectType(
    "TraceDispositionEventType",
    "A hold was placed or released, or the item was scrapped.",
    (
        _field("PreviousDisposition", "String", "Disposition before the event."),
        _field("HoldId", "String", "The hold that was placed or released; empty for scrap."),
    ),
    OBJECT.name,
)
AGGREGATION = ObjectType(
    "TraceAggregationEventType",
    "EPCIS AggregationEvent: an item was packed into or unpacked from a container.",
    (_field("ParentId", "String", "The container or the parent item."),),
    TRACE.name,
)
ASSOCIATION = ObjectType(
    "TraceAssociationEventType",
    "EPCIS AssociationEvent: a part went into or came out of a parent, or an item was bound to a "
    "carrier.",
    (
        _field("ParentId", "String", "The container or the parent item."),
        _field("Position", "String", "Where in the parent; empty if not given."),
        _field("ReplacedItemId", "String", "The part that came out, where one was replaced."),
    ),
    TRACE.name,
)
TRANSFORMATION = ObjectType(
    "TraceTransformationEventType",
    "EPCIS TransformationEvent: inputs went irrevocably into outputs.",
    (
        _field("TransformationId", "String", "Names the transformation."),
        _field("InputIds", "String[]", "Public ids of what went in."),
        _field("InputQuantities", "Double[]", "Quantity of each input; NaN where not known."),
        _field("OutputIds", "String[]", "Public ids of what came out."),
        _field("OutputQuantities", "Double[]", "Quantity of each output; NaN where not known."),
    ),
    TRACE.name,
)
TRANSACTION = ObjectType(
    "TraceTransactionEventType",
    "EPCIS TransactionEvent: items were bound to an order or a document, or shipped with it.",
    (
        _field("TransactionType", "String", "Kind of the document, such as desadv or prodorder."),
        _field("TransactionId", "String", "Number of the document."),
        _field("ItemIds", "String[]", "Public ids of all items concerned."),
    ),
    TRACE.name,
)
CORRECTION = ObjectType(
    "TraceCorrectionEventType",
    "EPCIS errorDeclaration: an earlier record is declared wrong. It is never deleted.",
    (_field("CorrectsRecordId", "String", "RecordId of the record declared wrong."),),
    TRACE.name,
)
MASTER = ObjectType(
    "TraceMasterDataEventType",
    "Master data changed: a material, a route, a bill of material or an order.",
    (
        _field("MasterDataKind", "String", "material, route, bom, order or station."),
        _field("MasterDataKey", "String", "Key of the entry that was set or taken out of use."),
    ),
    TRACE.name,
)
GAP = ObjectType(
    "TraceGapEventType",
    "Something is known to be missing: records that a controller could not keep, or cycles run "
    "in bypass.",
    (
        _field("GapKind", "String", "handshake, fifo or bypass."),
        _field("MissingRecords", "UInt32", "How many records are missing."),
    ),
    TRACE.name,
)
HANDSHAKE_GAP = ObjectType(
    "TraceHandshakeGapEventType",
    "The request sequence of a controller jumped by more than one.",
    (
        _field("ExpectedSequence", "UInt32", "The request sequence that should have come."),
        _field("FoundSequence", "UInt32", "The request sequence that came."),
    ),
    GAP.name,
)
REJECTED = ObjectType(
    "TraceRejectedEventType",
    "A booking was refused. It is journaled, but is no trace record and has no EventSequence.",
    (
        _field("StationId", "String", "Station where it happened; empty if none."),
        _field("ItemId", "String", "Public id of the item it is about; empty where there is none."),
        _field("RequestId", "String", "Request id of the booking."),
        _field("MethodName", "String", "What was asked for, such as InstallPart."),
        _field("Status", "TraceStatusEnum", "Why it was refused."),
        _field("StatusText", "String", "Why it was refused, in words."),
    ),
    "BaseEventType",
)
REPORT_STALE = ObjectType(
    "TraceReportStaleEventType",
    "An issued report would now be answered differently.",
    (
        _field("ReportId", "String", "The report."),
        _field("ReportQuestion", "String", "What the report answered, as JSON."),
        _field("CausedByRecordId", "String", "RecordId of the record that changed the answer."),
    ),
    "BaseEventType",
)
DEVICE_STATE = ObjectType(
    "TraceDeviceStateEventType",
    "A device came, went, or is disturbed.",
    (
        _field("DeviceId", "String", "Configured id of the device."),
        _field("DeviceState", "TraceDeviceStateEnum", "State now."),
        _field("PreviousDeviceState", "TraceDeviceStateEnum", "State before."),
        _field("DeviceError", "String", "What is wrong, in words; empty when all is well."),
    ),
    "BaseEventType",
)

EVENT_TYPES = (
    TRACE,
    OBJECT,
    OPERATION,
    DISPOSITION,
    AGGREGATION,
    ASSOCIATION,
    TRANSFORMATION,
    TRANSACTION,
    CORRECTION,
    MASTER,
    GAP,
    HANDSHAKE_GAP,
    REJECTED,
    REPORT_STALE,
    DEVICE_STATE,
)
