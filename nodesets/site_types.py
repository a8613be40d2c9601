"""Types of everything else in the tree: materials, orders, items, devices and the entry point."""

from __future__ import annotations

from data_types import ITEM_FIELDS
from modelling import Component, Field, Method, ObjectType, Rule, Unit, Variable

__all__ = ["SITE_TYPES"]

MATERIAL = ObjectType(
    "TraceMaterialType",
    "A part number or material of the master data.",
    (
        Variable(Field("MaterialId", "String", "Part number or material number."), prop=True),
        Variable(Field("Name", "String", "Name for people.")),
        Variable(Field("Revision", "String", "Revision of the part.")),
        Variable(Field("Unit", "String", "UN/ECE Recommendation 20 code it is counted in.")),
        Variable(Field("Level", "UInt16", "Traceability level of IPC-1782, 1 to 4; 0 if unset.")),
        Variable(Field("ShelfLife", "Duration", "Milliseconds it may be used; 0 if unlimited.")),
        Variable(Field("Gtin", "String", "GS1 Global Trade Item Number; empty if none.")),
        Variable(Field("IdPattern", "String", "Regular expression of its numbers; empty: any.")),
    ),
)

ORDER = ObjectType(
    "TraceOrderType",
    "An open production order.",
    (
        Variable(Field("OrderId", "String", "Number of the order."), prop=True),
        Variable(Field("MaterialId", "String", "What is to be made.")),
        Variable(Field("TargetQuantity", "Double", "How much is to be made.")),
        Variable(Field("GoodCount", "UInt32", "Items completed with OK, used or shipped.")),
        Variable(Field("ScrapCount", "UInt32", "Items scrapped.")),
        Variable(Field("InProcessCount", "UInt32", "Items registered, at work or to be repaired.")),
        Variable(Field("State", "String", "State of the order, as the master data has it.")),
    ),
)

ITEM = ObjectType(
    "TraceItemType",
    "One item. The server makes the object on demand, for any item ever recorded.",
    tuple(Variable(field) for field in ITEM_FIELDS),
)

ITEMS = ObjectType(
    "TraceItemsType",
    "Items in process and pinned ones; any other is found by its NodeId or under ByMaterial.",
    (
        Component("ByMaterial", "FolderType", "A folder for each material that pages its items."),
        Method(
            "PinItem",
            "Keep an item listed, whatever its state.",
            (Field("ItemId", "String", "The item."),),
            rule=Rule.OPTIONAL,
            plc=True,
        ),
        Method(
            "UnpinItem",
            "List an item no longer than it is in process.",
            (Field("ItemId", "String", "The item."),),
            rule=Rule.OPTIONAL,
            plc=True,
        ),
    ),
    "FolderType",
)


DEVICE = ObjectType(
    "TraceDeviceType",
    "A device, its health and its readings.",
    (
        Variable(Field("DeviceId", "String", "Configured id."), prop=True),
        Variable(Field("State", "TraceDeviceStateEnum", "State under supervision.")),
        Variable(Field("StateSince", "UtcTime", "Since when it is in this state.")),
        Variable(Field("LastError", "String", "The last trouble, in words; empty if none.")),
        Variable(Field("LastGoodTime", "UtcTime", "When it last answered well.")),
        Variable(Field("Restarts", "UInt32", "How often its driver was started again.")),
        Variable(Field("Requests", "UInt64", "Requests sent."), Rule.OPTIONAL),
        Variable(Field("Timeouts", "UInt64", "Requests without an answer."), Rule.OPTIONAL),
        Variable(Field("Faults", "UInt64", "Answers that were errors or invalid."), Rule.OPTIONAL),
        Variable(
            Field("RoundTrip", "Double", "Duration of the last request, in milliseconds."),
            Rule.OPTIONAL,
            unit=Unit("C26", "ms", "millisecond"),
        ),
        Variable(
            Field("RoundTripMax", "Double", "Longest of the last 1,000 requests, in milliseconds."),
            Rule.OPTIONAL,
            unit=Unit("C26", "ms", "millisecond"),
        ),
        Component("Points", "FolderType", "One variable for each reading, named after it."),
    ),
    generates=("TraceDeviceStateEventType",),
)

READER = ObjectType(
    "TraceReaderType",
    "A scanner or RFID reader.",
    (
        Variable(Field("ScanActive", "Boolean", "It is up and waits for codes.")),
        Variable(Field("LastScanData", "String", "The last code, as it was read.")),
        Variable(Field("LastScanTimestamp", "UtcTime", "When the last code came.")),
        Variable(Field("ScanCounter", "UInt64", "Codes read since the server's start.")),
        Variable(Field("RejectCounter", "UInt64", "Telegrams that were no code, since then.")),
        Variable(Field("LastReject", "String", "What was wrong with the last one of those.")),
    ),
    DEVICE.name,
)

LIMITS = ObjectType(
    "TraceLimitsType",
    "What the server takes and gives at most.",
    (
        Variable(Field("MaxDepth", "UInt16", "Steps of a question."), prop=True),
        Variable(Field("MaxNodes", "UInt32", "Items of a genealogy answer."), prop=True),
        Variable(Field("MaxItems", "UInt32", "Items of a flat answer."), prop=True),
        Variable(Field("MaxRecords", "UInt32", "Records of one call."), prop=True),
        Variable(Field("MaxStringLength", "UInt16", "Characters of a text argument."), prop=True),
        Variable(Field("MaxMeasurements", "UInt16", "Values of one call."), prop=True),
        Variable(Field("MaxListedItems", "UInt32", "Items that Items lists itself."), prop=True),
    ),
)

DIAGNOSTICS = ObjectType(
    "TraceDiagnosticsType",
    "How the server is.",
    (
        Variable(Field("JournalSize", "UInt64", "Bytes of the database file.")),
        Variable(Field("QueueDepth", "UInt32", "Bookings that wait to be written.")),
        Variable(Field("CommitLatencyMs", "Double", "Milliseconds of the last commit.")),
        Variable(Field("DroppedCalls", "UInt64", "Calls turned away because of overload.")),
        Variable(
            Field("ClockOffset", "Double", "Milliseconds the clock is off; NaN if unknown."),
            rule=Rule.OPTIONAL,
        ),
        Variable(
            Field("Coverage", "Double", "Completed items with a complete trace, in per cent."),
            rule=Rule.OPTIONAL,
            unit=Unit("P1", "%", "percent"),
        ),
    ),
)


def _folder(name: str, text: str, *, notifier: bool = False) -> Component:
    return Component(name, "FolderType", text, notifier=notifier)


TRACEABILITY = ObjectType(
    "TraceabilityType",
    "Entry point of the traceability server.",
    (
        Variable(Field("SiteId", "String", "The server's own name among several."), prop=True),
        Variable(Field("ModelVersion", "String", "Version of this type model."), prop=True),
        Component("Limits", LIMITS.name, "What the server takes and gives at most."),
        _folder("Equipment", "The plant by level, down to its stations.", notifier=True),
        _folder("Devices", "Scanners, readers, controllers and instruments."),
        _folder("Materials", "Materials of the master data."),
        _folder("Orders", "Open production orders."),
        Component("Items", ITEMS.name, "Items in process and pinned ones."),
        Component("Queries", "TraceQueryType", "Questions to the trace."),
        Component("Log", "TraceLogType", "The records in their order."),
        Component("Quality", "TraceQualityType", "Holds and corrections.", Rule.OPTIONAL),
        Component("Stock", "TraceStockType", "Lots and master data.", Rule.OPTIONAL),
        Component("Diagnostics", DIAGNOSTICS.name, "How the server is.", Rule.OPTIONAL),
    ),
    generates=(
        "TraceEventType",
        "TraceRejectedEventType",
        "TraceReportStaleEventType",
        "TraceDeviceStateEventType",
    ),
)

SITE_TYPES = (MATERIAL, ORDER, ITEM, ITEMS, DEVICE, READER, LIMITS, DIAGNOSTICS, TRACEABILITY)
