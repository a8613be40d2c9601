"""Types for what is booked away from the line: quality decisions, stock and master data."""

from __future__ import annotations

from arguments import EVENT_SEQUENCE, ITEM, LOT, QUANTITY, REASON, REQUEST, UNIT
from modelling import Field, Method, ObjectType, Rule

__all__ = ["OFFICE_TYPES"]

ASSIGNED = Field("AssignedItemId", "String", "Public id of the item made.")
RECORD = Field("RecordId", "String", "The record concerned.")
MATERIAL = Field("MaterialId", "String", "What it is: part number or material.")
ACKNOWLEDGED = Field(
    "AcknowledgedRecordIds",
    "String[]",
    "RecordIds of all that depends on the record; empty if nothing does.",
)


def _booking(
    name: str, text: str, *inputs: Field, results: tuple[Field, ...] = (EVENT_SEQUENCE,)
) -> Method:
    return Method(name, text, (REQUEST, *inputs), results, Rule.OPTIONAL)


QUALITY = ObjectType(
    "TraceQualityType",
    "Holds and corrections. Who calls is recorded with them.",
    (
        _booking(
            "PlaceHold",
            "Hold an item: nothing more is made of it. In effect when the call returns.",
            ITEM,
            Field("Scope", "Int32", "0 the item alone, 1 also all that it went into."),
            REASON,
            results=(Field("HoldId", "String", "Names the hold, for its release."),),
        ),
        _booking(
            "ReleaseHold",
            "End one hold; others on the same item stay.",
            Field("HoldId", "String", "As PlaceHold gave it."),
            REASON,
        ),
        _booking(
            "VoidRecord",
            "Declare a record wrong. It stays readable. Refused until all that depends on it is "
            "acknowledged.",
            RECORD,
            REASON,
            ACKNOWLEDGED,
        ),
        _booking(
            "CorrectRecord",
            "Declare a record wrong and put another in its place, as one booking.",
            RECORD,
            Field("ReplacementJson", "String", "The record that should have been, as JSON."),
            REASON,
            ACKNOWLEDGED,
            results=(
                EVENT_SEQUENCE,
                Field("ReplacementRecordId", "String", "RecordId of the replacement."),
            ),
        ),
        _booking(
            "MergePlaceholder",
            "Say which item a placeholder stands for.",
            Field("PlaceholderId", "String", "Public id of the placeholder."),
            ITEM,
        ),
        _booking(
            "PlaceWindowHold",
            "Hold all that was at a station within a time, and all that went into. In effect when "
            "the call returns.",
            Field("StationId", "String", "Configured id of the station."),
            Field("From", "DateTime", "Event time, inclusive; null for the beginning."),
            Field("To", "DateTime", "Event time, exclusive; null for ever."),
            REASON,
            results=(Field("HoldId", "String", "Names the hold, for its release."),),
        ),
        _booking(
            "IssueReport",
            "Answer a question as a report: pinned to now, and watched. A "
            "TraceReportStaleEventType tells when it would be answered differently.",
            Field("Name", "String", "To whom and what for."),
            Field("Question", "String", "Name of a question, as for QueryJson."),
            Field("ArgumentsJson", "String", "Its arguments, as for QueryJson."),
            results=(
                Field("ReportId", "String", "RecordId of the report."),
                Field("Digest", "String", "SHA-256 of the answer, hexadecimal."),
                Field(
                    "PinnedJson",
                    "String",
                    "Arguments with which QueryJson gives the very answer of the report.",
                ),
            ),
        ),
    ),
)

STOCK = ObjectType(
    "TraceStockType",
    "Lots that come, part, join and leave; labels and master data.",
    (
        _booking(
            "ReceiveLot",
            "A lot came from outside.",
            MATERIAL,
            Field("LotId", "String", "Its lot number."),
            QUANTITY,
            UNIT,
            Field("ExpiresAt", "DateTime", "When it may no longer be used; null if never."),
            results=(EVENT_SEQUENCE, ASSIGNED),
        ),
        _booking(
            "SplitLot",
            "A part of a lot leaves under a number of its own; the rest keeps the lot's.",
            LOT,
            Field("ChildLotId", "String", "Number of the part that leaves."),
            QUANTITY,
            UNIT,
            results=(EVENT_SEQUENCE, ASSIGNED),
        ),
        _booking(
            "MergeLots",
            "Lots become one new lot.",
            Field("LotIds", "String[]", "The lots that go into it."),
            Field("NewLotId", "String", "Number of the new lot."),
            MATERIAL,
            results=(EVENT_SEQUENCE, ASSIGNED),
        ),
        _booking(
            "AdjustStock",
            "The stock of a lot or container was counted and is not what was booked.",
            LOT,
            Field("Difference", "Double", "How much more there is; negative for less."),
            UNIT,
            REASON,
        ),
        _booking(
            "ShipItems",
            "Items leave the plant.",
            Field("ItemIds", "String[]", "The items."),
            Field("CustomerId", "String", "Who gets them; empty if not given."),
            Field("DocumentId", "String", "Delivery note; empty if none."),
        ),
        _booking(
            "RelabelItem",
            "Another text stands for the item from now on; its id stays.",
            ITEM,
            Field("Alias", "String", "The other text."),
        ),
        _booking(
            "ImportMasterData",
            "Set materials, routes, bills of material, orders or stations; all of them or none.",
            Field("Kind", "String", "material, route, bom, order or station."),
            Field("Csv", "String", "Rows with a header line."),
            results=(
                EVENT_SEQUENCE,
                Field("RowCount", "UInt32", "Rows taken."),
                Field("Problems", "String[]", "What is wrong with which row; empty if nothing."),
            ),
        ),
    ),
)

OFFICE_TYPES = (QUALITY, STOCK)
