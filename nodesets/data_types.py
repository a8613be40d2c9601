"""Data types: the enumerations of `tracenode.models` described, and flat structures."""

from __future__ import annotations

from event_types import EVENT_TYPES
from modelling import Enumeration, Field, Structure, Variable

from tracenode.models.analysis import CauseKind
from tracenode.models.evaluation import Action, Evaluation
from tracenode.models.genealogy import Direction, EdgeQuality, HitMark, Relation
from tracenode.models.items import ItemKind, ItemState
from tracenode.models.readings import DeviceState
from tracenode.models.status import TraceStatus

__all__ = ["ENUMERATIONS", "ITEM_FIELDS", "STRUCTURES"]

ENUMERATIONS = (
    Enumeration(
        "TraceItemKindEnum",
        "What an item is.",
        ItemKind,
        {
            "Unit": "One serialised thing.",
            "Lot": "A divisible quantity under one lot number.",
            "Container": "A place that material passes through, such as a tank or a pallet.",
            "Carrier": "A reusable carrier or tag.",
        },
    ),
    Enumeration(
        "TraceItemStateEnum",
        "Where an item is in its life.",
        ItemState,
        {
            "Registered": "Known, nothing done to it yet.",
            "InProcess": "An operation is open.",
            "Completed": "The last operation ended.",
            "OnHold": "At least one hold stands.",
            "Scrapped": "It left the process for good.",
            "Consumed": "It went wholly into something else.",
            "Shipped": "It left the plant.",
        },
    ),
    Enumeration(
        "TraceEvaluationEnum",
        "The verdict of an operation or a measurement; numbers as in OPC 40001-101.",
        Evaluation,
        {
            "Undefined": "No verdict.",
            "OK": "Good.",
            "NotOK": "Not good.",
            "NotDecidable": "Could not be judged.",
        },
    ),
    Enumeration(
        "TraceDirectionEnum",
        "Which way a genealogy question looks.",
        Direction,
        {
            "Ingredients": "What went into the item.",
            "WhereUsed": "What the item went into.",
            "Both": "Both ways.",
        },
    ),
    Enumeration(
        "TraceRelationEnum",
        "How an input went into an output.",
        Relation,
        {
            "Consume": "Irrevocably used up in it.",
            "Install": "Built in; it can come out again.",
            "Contain": "Packed in it for a while.",
            "Transform": "Turned into it.",
            "Carry": "The rest of a content state went on into the next one.",
            "Identity": "A placeholder turned out to be this item.",
        },
    ),
    Enumeration(
        "TraceEdgeQualityEnum",
        "How a relation is known.",
        EdgeQuality,
        {
            "Exact": "Told for these two items.",
            "Interval": "Derived from material mounted at the time.",
            "Pooled": "Several inputs and outputs without a map: any may have gone into any.",
            "Declared": "Stated without a measured event.",
        },
    ),
    Enumeration(
        "TraceHitMarkEnum",
        "What became of an item that a question about where it was used found.",
        HitMark,
        {
            "Current": "Still in there.",
            "Removed": "Taken out again.",
            "Scrapped": "Scrapped since.",
            "Shipped": "Left the plant.",
        },
    ),
    Enumeration(
        "TraceCauseKindEnum",
        "What units may have in common.",
        CauseKind,
        {
            "Item": "An ingredient: a lot, a reel, a part, a content.",
            "Station": "A station that they were at.",
            "Slot": "A slot whose material went in.",
            "Tool": "A tool.",
            "Operator": "Who worked.",
            "Hour": "A station in an hour.",
        },
    ),
    Enumeration(
        "TraceActionEnum",
        "What an event did, as in EPCIS 2.0.",
        Action,
        {
            "Observe": "Seen; nothing was added or taken away.",
            "Add": "Came into being, or was joined.",
            "Delete": "Was parted, or went out of being.",
        },
    ),
    Enumeration(
        "TraceDeviceStateEnum",
        "State of a device under supervision.",
        DeviceState,
        {
            "Stopped": "Not in operation.",
            "Connecting": "The link is being made.",
            "Up": "All is well.",
            "Degraded": "It answers in part.",
            "BackOff": "Lost; the next attempt waits.",
            "ConfigFault": "It can't work as configured.",
        },
    ),
    Enumeration(
        "TraceStatusEnum",
        "Answer to a booking or question: below 100 is yes, from 100 on is no.",
        TraceStatus,
        {
            "Ok": "Done.",
            "OkReplayed": "Done before under the same request id; this is the stored answer.",
            "UnknownItem": "No item has this id.",
            "UnknownMaterial": "The material is not in the master data.",
            "UnknownOrder": "The order is not in the master data.",
            "AmbiguousItem": "Several items carry this text; give the whole id.",
            "WrongRoute": "The station is not on the item's route.",
            "PreviousStepMissing": "A step before this one was not done.",
            "PreviousStepFailed": "A step before this one was not good.",
            "AlreadyProcessed": "The step was done already.",
            "ItemOnHold": "The item, or something in it, is on hold.",
            "ItemScrapped": "The item left the process for good.",
            "ReworkLimitReached": "Reworked too often.",
            "WrongRecipe": "Another recipe is due.",
            "WrongTool": "Another tool is due.",
            "PartNotInBom": "The part does not belong into the parent.",
            "PartAlreadyInstalled": "The part sits in a parent already.",
            "PartMissing": "The part does not sit in the parent.",
            "MaterialExpired": "The material is past its date.",
            "MaterialBlocked": "The material may not be used.",
            "MaterialEmpty": "Nothing is left of the material.",
            "OverConsumption": "More was drawn than there was.",
            "UnitMismatch": "The units of measure do not convert into each other.",
            "InvalidIdentifier": "The text can't be an identity: empty, NOREAD, too long ...",
            "DuplicateIdentifier": "The identity exists already, or is active elsewhere.",
            "NotStarted": "The item is not in process at this station.",
            "StationBusy": "Another item is in process, or the server is busy; ask again.",
            "RequestConflict": "The request id was used with other contents.",
            "MalformedRequest": "A field is missing or out of range.",
            "WouldCloseCycle": "The item would become an ingredient of itself.",
            "NotAuthorized": "The user may not do this.",
        },
    ),
)

ITEM_FIELDS = (
    Field("ItemId", "String", "Public id, <scheme>:<part>:<text>."),
    Field("Kind", "TraceItemKindEnum", "Unit, lot, container or carrier."),
    Field("MaterialId", "String", "What it is: part number or material."),
    Field("LotId", "String", "Lot number; empty unless it is a lot."),
    Field("SerialNumber", "String", "Serial number; empty unless it is a unit."),
    Field("State", "TraceItemStateEnum", "Where it is in its life, whatever hold stands."),
    Field("OnHold", "Boolean", "At least one hold stands."),
    Field("Quantity", "Double", "As it was registered, in UnitOfMeasure; NaN where not known."),
    Field("UnitOfMeasure", "String", "UN/ECE Recommendation 20 code, such as KGM."),
    Field("StationId", "String", "Where it was last."),
    Field("OrderId", "String", "Production order; empty if none."),
    Field("DigitalLink", "String", "GS1 Digital Link; empty if it has none."),
    Field("UpdatedAt", "UtcTime", "Time of its last event."),
)
"""Fields of an item, the same in TraceItemDataType and on TraceItemType."""


def _record_fields() -> tuple[Field, ...]:
    """Every scalar and string field that trace events have, once each, then the whole as JSON."""
    fields = {
        "JournalPosition": Field("JournalPosition", "UInt64", "Place in the journal."),
        "RecordType": Field("RecordType", "String", "Name of the event type it was told as."),
        "EventTime": Field("EventTime", "UtcTime", "When it happened."),
    }
    roots = {"TraceEventType"}
    for event in EVENT_TYPES:
        if event.name in roots or event.supertype in roots:
            roots.add(event.name)
            for member in event.members:
                if isinstance(member, Variable):
                    fields.setdefault(member.name, member.field)
    for name in ("Replayed", "Measurements"):
        del fields[name]
    fields["Json"] = Field("Json", "String", "The whole record, with measurements, as JSON.")
    return tuple(fields.values())


STRUCTURES = (
    Structure("TraceItemDataType", "An item.", ITEM_FIELDS),
    Structure(
        "TraceMeasurementDataType",
        "A measured value.",
        (
            Field("Name", "String", "What was measured."),
            Field("Value", "Double", "The value; NaN where it is a text or not known."),
            Field("Text", "String", "The value, where it is a text."),
            Field("UnitOfMeasure", "String", "UN/ECE Recommendation 20 code, such as NEW."),
            Field("LowLimit", "Double", "Lower limit; NaN if none."),
            Field("HighLimit", "Double", "Upper limit; NaN if none."),
            Field("Evaluation", "TraceEvaluationEnum", "The verdict on the value."),
            Field("MeasuredAt", "UtcTime", "When it was measured."),
            Field("DeviceId", "String", "What measured it; empty if not given."),
        ),
    ),
    Structure(
        "TraceGenealogyNodeDataType",
        "An item in the answer to a genealogy question.",
        (
            Field("ItemId", "String", "Public id."),
            Field("Kind", "TraceItemKindEnum", "Unit, lot, container or carrier."),
            Field("MaterialId", "String", "What it is."),
            Field("State", "TraceItemStateEnum", "Where it is in its life, whatever hold stands."),
            Field("OnHold", "Boolean", "At least one hold stands."),
            Field("Mark", "TraceHitMarkEnum", "Where used: what became of it; else Current."),
            Field("Depth", "UInt16", "Steps from the root, which is 0."),
            Field("FirstSeen", "UtcTime", "Time of its first event."),
        ),
    ),
    Structure(
        "TraceGenealogyEdgeDataType",
        "An input that went into an output, for [ValidFrom, ValidTo).",
        (
            Field("OutputId", "String", "What it went into."),
            Field("InputId", "String", "What went in."),
            Field("Relation", "TraceRelationEnum", "How it went in."),
            Field("Quality", "TraceEdgeQualityEnum", "How this is known."),
            Field("Quantity", "Double", "How much went in; NaN where it is not known."),
            Field("UnitOfMeasure", "String", "UN/ECE Recommendation 20 code of the quantity."),
            Field("Share", "Double", "Fraction of the output that it is; NaN where not known."),
            Field("Position", "String", "Where in the output; empty if not given."),
            Field("StationId", "String", "Where it was done; empty if none."),
            Field("ValidFrom", "UtcTime", "Since when."),
            Field("ValidTo", "UtcTime", "Until when; null while it lasts."),
            Field("EventSequence", "UInt64", "The published record that made it."),
        ),
    ),
    Structure(
        "TraceGenealogyResultDataType",
        "The answer to a genealogy question, and what it says about itself.",
        (
            Field("RootId", "String", "Public id of the item asked about."),
            Field("Direction", "TraceDirectionEnum", "Which way was asked."),
            Field("AsOf", "UtcTime", "Event time asked for; null is the latest."),
            Field("Nodes", "TraceGenealogyNodeDataType[]", "Items by depth, time, id."),
            Field("Edges", "TraceGenealogyEdgeDataType[]", "Relations between them."),
            Field("OpenEnds", "String[]", "Items where the trace ends unexplained."),
            Field("TotalNodes", "UInt32", "How many items there are, given here or not."),
            Field("Complete", "Boolean", "Nothing is cut off and no end is open."),
            Field("Truncated", "Boolean", "Cut off by MaxDepth, MaxNodes or a limit."),
            Field("PooledEdges", "UInt32", "How many relations are pooled."),
            Field("Placeholders", "UInt32", "How many items are placeholders."),
            Field("AsKnownAt", "UInt64", "Journal position that the answer knows."),
            Field("DataVersion", "String", "<position>:<hash> of the journal at AsKnownAt."),
            Field("AnswerFormat", "UInt16", "Version of the answer's format."),
        ),
    ),
    Structure(
        "TraceRecordDataType",
        "A published journal record with the fields of all trace events.",
        _record_fields(),
    ),
)
