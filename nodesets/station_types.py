"""Types of a station: bookings by methods, the item in process, slots, the variable mailbox."""

from __future__ import annotations

from arguments import (
    EVALUATION,
    EVENT_SEQUENCE,
    ITEM,
    LOT,
    ORDER,
    PARENT,
    POSITION,
    QUANTITY,
    REASON,
    REQUEST,
    UNIT,
)
from modelling import Component, Field, Method, ObjectType, Rule, Unit, Variable

__all__ = ["MAX_MEASUREMENTS", "STATION_TYPES"]

MAX_MEASUREMENTS = 40
"""Elements of the arrays of RecordMeasurements and of the mailbox: some controllers can only
exchange arrays of a fixed length."""

CURRENT_ITEM = ObjectType(
    "TraceCurrentItemType",
    "The item in process; values are null or empty when there is none.",
    (
        Variable(Field("ItemId", "String", "Public id.")),
        Variable(Field("MaterialId", "String", "What it is.")),
        Variable(Field("LotId", "String", "Lot number; empty unless it is a lot.")),
        Variable(Field("OrderId", "String", "Production order; empty if none.")),
        Variable(Field("State", "TraceItemStateEnum", "Where it is in its life.")),
        Variable(Field("Evaluation", "TraceEvaluationEnum", "Verdict of the last operation here.")),
        Variable(Field("StartedAt", "UtcTime", "When its operation began.")),
    ),
)

SLOT = ObjectType(
    "TraceSlotType",
    "A place of a station where material is mounted.",
    (
        Variable(Field("LotId", "String", "Public id of the lot mounted; empty if none.")),
        Variable(Field("MaterialId", "String", "What the lot is.")),
        Variable(
            Field("Remaining", "Double", "What is left of it, in the engineering unit."),
            unit=Unit("C62", "1", "one"),
        ),
        Variable(Field("LoadedAt", "UtcTime", "When it was mounted.")),
        Variable(Field("ExpiresAt", "UtcTime", "When it may no longer be used; null if never.")),
        Variable(Field("Status", "TraceStatusEnum", "Ok, or why the material can't be used.")),
    ),
)


def _request(name: str, type_: str, text: str) -> Variable:
    return Variable(Field(name, type_, text), writable=True)


MAILBOX = ObjectType(
    "TraceMailboxType",
    "The station's methods by variables, for clients that read and write but can't call. Write "
    "the request, RequestSequence last; read the answer when ResponseSequence equals it.",
    (
        _request("BootId", "UInt16", "Counts the controller's starts; 0 if it can't."),
        _request("RequestCode", "UInt16", "What is asked for; see docs/handshake.md."),
        _request("Evaluation", "Int32", "Number of TraceEvaluationEnum."),
        _request("ProcessStep", "UInt16", "Number of the process step."),
        _request("RecipeNumber", "UInt16", "Number of the recipe that ran."),
        _request("CycleCounter", "UInt16", "Retentive counter of machine cycles."),
        _request("EventTime", "DateTime", "When it happened; null for now."),
        _request("Quantity", "Double", QUANTITY.text),
        _request("UnitOfMeasure", "String", UNIT.text),
        _request("Position", "String", "Position or slot."),
        _request("ReasonCode", "String", REASON.text),
        _request("OperatorId", "String", "Who works at the station; empty if not given."),
        _request("Id1", "String", "Unit or carrier; for RegisterItem the material."),
        _request("Id2", "String", "Component, lot or container; for RegisterItem the order."),
        _request("Id3", "String", "The new part of ReplacePart, the proposed id of RegisterItem."),
        _request("MeasurementCount", "UInt16", "How many measurements are filled in."),
        _request("MeasurementNames", f"String[{MAX_MEASUREMENTS}]", "What was measured."),
        _request("MeasurementValues", f"Double[{MAX_MEASUREMENTS}]", "The values."),
        _request("MeasurementEvaluations", f"Int32[{MAX_MEASUREMENTS}]", "Their verdicts."),
        _request("RequestSequence", "UInt16", "1 to 65535, another for each request; write last."),
        Variable(Field("Result", "UInt16", "1 go, 2 stop, 3 rework, 4 busy, 5 rejected.")),
        Variable(Field("Status", "TraceStatusEnum", "Why.")),
        Variable(Field("StatusText", "String", "Why, in words for an operator.")),
        Variable(Field("NextStep", "String", "Where the item goes next.")),
        Variable(Field("Recipe", "String", "What to run.")),
        Variable(Field("AssignedId", "String", "Public id of the item booked.")),
        Variable(Field("EventSequence", "UInt64", EVENT_SEQUENCE.text)),
        Variable(Field("TransactionId", "UInt32", "Number of the booking.")),
        Variable(Field("ServerEpoch", "UInt16", "Another one after each start of the server.")),
        Variable(Field("BootIdEcho", "UInt16", "BootId of the request that is answered.")),
        Variable(Field("ResponseSequence", "UInt16", "RequestSequence answered; written last.")),
    ),
)


def _booking(
    name: str,
    text: str,
    *inputs: Field,
    results: tuple[Field, ...] = (EVENT_SEQUENCE,),
    plc: bool = True,
    rule: Rule = Rule.MANDATORY,
) -> Method:
    return Method(name, text, (REQUEST, *inputs), results, rule, plc)


PART = Field("PartId", "String", "Public id, bare number or scanned text of the part.")
SLOT_NAME = Field("Slot", "String", "Configured name of the slot.")
CONTAINER = Field("ContainerId", "String", "Public id, bare number or scanned text of it.")

METHODS = (
    _booking(
        "RegisterItem",
        "Give an item its identity.",
        Field("MaterialId", "String", "What it is: part number or material."),
        ORDER,
        Field("ItemId", "String", "Its number, as it stands on the part."),
        results=(
            EVENT_SEQUENCE,
            Field("AssignedItemId", "String", "Public id of the item."),
        ),
    ),
    _booking(
        "CheckItem",
        "May the item be worked on here? Books nothing.",
        ITEM,
        results=(
            Field("NextStep", "String", "What is due for the item; empty if that is not known."),
            Field("Recipe", "String", "What to run; empty if that is not known."),
        ),
    ),
    _booking(
        "StartItem",
        "Begin the operation of this station on an item.",
        ITEM,
        ORDER,
        Field("OperatorId", "String", "Who works at the station; empty if not given."),
    ),
    _booking(
        "CompleteItem",
        "End the operation with a verdict.",
        ITEM,
        EVALUATION,
        Field("FailureCode", "String", "What failed; empty for a good one."),
    ),
    _booking("AbortItem", "End the operation without a verdict.", ITEM, REASON),
    _booking(
        "InstallPart",
        "Build a part into a unit; it can come out again.",
        PARENT,
        PART,
        POSITION,
        QUANTITY,
        UNIT,
    ),
    _booking("RemovePart", "Take a part out of a unit.", PARENT, PART, POSITION, REASON),
    _booking(
        "ReplacePart",
        "Take a part out and put another one in, as one booking.",
        PARENT,
        Field("OldPartId", "String", "The part that comes out."),
        Field("NewPartId", "String", "The part that goes in."),
        POSITION,
        REASON,
    ),
    _booking("ConsumeMaterial", "Use up material of a lot in an item.", ITEM, LOT, QUANTITY, UNIT),
    _booking(
        "LoadMaterial",
        "Mount a lot on a slot.",
        SLOT_NAME,
        LOT,
        QUANTITY,
        UNIT,
        rule=Rule.OPTIONAL,
    ),
    _booking(
        "UnloadMaterial",
        "Take the lot off a slot.",
        SLOT_NAME,
        Field(
            "RemainingQuantity", "Double", "What is left, in the unit of the lot; below 0: unknown."
        ),
        rule=Rule.OPTIONAL,
    ),
    _booking(
        "FillContainer",
        "Put material into a container, or on top of a lot.",
        CONTAINER,
        LOT,
        QUANTITY,
        UNIT,
        rule=Rule.OPTIONAL,
    ),
    _booking(
        "TransferContent",
        "Move content of a container or lot into another one.",
        Field("SourceId", "String", "The container or lot that it comes from."),
        Field("TargetId", "String", "The container or lot that it goes into."),
        QUANTITY,
        UNIT,
        rule=Rule.OPTIONAL,
    ),
    _booking(
        "EmptyContainer",
        "Say that a container holds nothing any more; what was left in it is scrapped.",
        CONTAINER,
        REASON,
        rule=Rule.OPTIONAL,
    ),
    _booking(
        "RecordMeasurement",
        "Record one value measured on an item.",
        ITEM,
        Field("Name", "String", "What was measured."),
        Field("Value", "Double", "The value, in UnitOfMeasure."),
        UNIT,
        Field("LowLimit", "Double", "Lower limit, in UnitOfMeasure."),
        Field("HighLimit", "Double", "Upper limit, in UnitOfMeasure."),
        EVALUATION,
    ),
    _booking(
        "RecordMeasurements",
        f"Record up to {MAX_MEASUREMENTS} values measured on an item. Elements whose name is "
        "empty are left out.",
        ITEM,
        Field("Names", f"String[{MAX_MEASUREMENTS}]", "What was measured."),
        Field("Values", f"Double[{MAX_MEASUREMENTS}]", "The values, as many as names."),
        Field("Evaluations", f"Int32[{MAX_MEASUREMENTS}]", "Their verdicts, as many as names."),
        plc=False,
    ),
    _booking(
        "SetDisposition",
        "Scrap an item, or set another EPCIS disposition.",
        ITEM,
        Field("Disposition", "String", "EPCIS disposition, such as destroyed or in_progress."),
        REASON,
    ),
    _booking("Pack", "Put an item into a container.", CONTAINER, ITEM),
    _booking("Unpack", "Take an item out of a container.", CONTAINER, ITEM),
    _booking(
        "BindCarrier",
        "Let a carrier's tag stand for an item until it is bound to another.",
        Field("CarrierId", "String", "The carrier or its tag."),
        ITEM,
        rule=Rule.OPTIONAL,
    ),
    _booking(
        "Transform",
        "Turn inputs into outputs. Element i of the maps says that input MapInputs[i] went into "
        "output MapOutputs[i]; without maps any may have gone into any.",
        Field("InputIds", "String[]", "What goes in."),
        Field("InputQuantities", "Double[]", "How much of each, in UnitOfMeasure."),
        Field("OutputIds", "String[]", "Numbers of what comes out."),
        Field("OutputMaterialIds", "String[]", "What each output is."),
        Field("OutputQuantities", "Double[]", "How much of each, in UnitOfMeasure."),
        UNIT,
        Field("MapOutputs", "UInt16[]", "Indexes of outputs, from 0; empty for no map."),
        Field("MapInputs", "UInt16[]", "Indexes of inputs, from 0; as many as MapOutputs."),
        plc=False,
    ),
)

STATION = ObjectType(
    "TraceStationType",
    "A place where items are identified, worked on or checked.",
    (
        Variable(Field("StationId", "String", "Configured id."), prop=True),
        Variable(Field("EquipmentPath", "String", "Place in the plant, by level."), prop=True),
        Variable(Field("Online", "Boolean", "All devices of the station are up.")),
        Variable(Field("LastStatus", "TraceStatusEnum", "Status of the last booking.")),
        Variable(Field("LastStatusText", "String", "Its text.")),
        Variable(Field("LastEventSequence", "UInt64", "EventSequence of the last record.")),
        Variable(Field("LastEventType", "String", "Event type of the last record.")),
        Variable(Field("LastEventTime", "UtcTime", "Time of the last record.")),
        Variable(
            Field("CycleTime", "Double", "Duration of the last operation, in seconds."),
            unit=Unit("SEC", "s", "second [unit of time]"),
        ),
        Variable(Field("CountOK", "UInt32", "Operations ended with OK that are not voided.")),
        Variable(Field("CountNotOK", "UInt32", "Operations ended with NotOK that are not voided.")),
        Variable(Field("RecentItemIds", "String[16]", "The last items, the newest first.")),
        Component("CurrentItem", CURRENT_ITEM.name, "The item in process."),
        Component(
            "Slots", "FolderType", "One TraceSlotType for each slot, named after it.", Rule.OPTIONAL
        ),
        Component("Mailbox", MAILBOX.name, "The methods by variables.", Rule.OPTIONAL),
        *METHODS,
    ),
    generates=("TraceEventType", "TraceRejectedEventType"),
)

STATION_TYPES = (CURRENT_ITEM, SLOT, MAILBOX, STATION)
