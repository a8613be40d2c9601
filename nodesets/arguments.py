"""Arguments that several methods share, described once."""

from __future__ import annotations

from modelling import Field

__all__ = [
    "AS_KNOWN_AT",
    "AS_OF",
    "EVALUATION",
    "EVENT_SEQUENCE",
    "ITEM",
    "LOT",
    "MAX_DEPTH",
    "MAX_ITEMS",
    "MAX_RECORDS",
    "OFFSET",
    "ORDER",
    "PARENT",
    "POSITION",
    "QUANTITY",
    "REASON",
    "REQUEST",
    "UNIT",
]

REQUEST = Field(
    "RequestId",
    "String",
    "Chosen by the caller, a new one for each booking; repeated, it gives the stored answer.",
)
ITEM = Field("ItemId", "String", "Public id, bare number or scanned text of the item.")
PARENT = Field("ParentId", "String", "The unit that the part goes into or comes out of.")
LOT = Field("LotId", "String", "Public id, bare number or scanned text of the lot.")
ORDER = Field("OrderId", "String", "Production order; empty if none.")
POSITION = Field("Position", "String", "Where in the parent; empty if it does not matter.")
QUANTITY = Field("Quantity", "Double", "How much, in UnitOfMeasure.")
UNIT = Field("UnitOfMeasure", "String", "UN/ECE Recommendation 20 code, such as KGM or H87.")
REASON = Field("ReasonCode", "String", "Why; empty if not given.")
EVALUATION = Field("Evaluation", "Int32", "Number of TraceEvaluationEnum: 1 OK, 2 NotOK.")

EVENT_SEQUENCE = Field("EventSequence", "UInt64", "Number of the record made; 0 if refused.")

AS_OF = Field("AsOf", "DateTime", "State at this event time; null is the latest.")
AS_KNOWN_AT = Field(
    "AsKnownAt", "UInt64", "What was known at this journal position; 0 is everything."
)
MAX_DEPTH = Field("MaxDepth", "UInt16", "Steps to go; 0 is unbounded.")
MAX_ITEMS = Field("MaxItems", "UInt32", "Items to give at most; 0 is the server's limit.")
OFFSET = Field("Offset", "UInt32", "How many to skip; 0 for the first page.")
MAX_RECORDS = Field("MaxRecords", "UInt32", "Records to give at most; 0 is the server's limit.")
