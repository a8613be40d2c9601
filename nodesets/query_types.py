"""The type that answers questions to the genealogy."""

from __future__ import annotations

from arguments import (
    AS_KNOWN_AT,
    AS_OF,
    ITEM,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_RECORDS,
    OFFSET,
)
from modelling import Field, Method, ObjectType, Rule

__all__ = ["QUERY_TYPES"]

SUSPECTS = Field("ItemIds", "String[]", "Public ids, bare numbers or scanned texts of items.")
ITEM_IDS = Field("ItemIds", "String[]", "Public ids.")
MATERIAL_IDS = Field("MaterialIds", "String[]", "What each item is.")
DEPTHS = Field("Depths", "UInt16[]", "Steps of each item from the one asked about.")
MARKS = Field("Marks", "Int32[]", "What became of each item, number of TraceHitMarkEnum.")
ITEMS = Field("Items", "TraceItemDataType[]", "The items.")
TRUNCATED = Field("Truncated", "Boolean", "There are more than are given here.")
TOTAL = Field("Total", "UInt32", "How many there are, given here or not.")
RESULT = Field("ResultId", "String", "Names a kept answer for FetchPage; empty where none is kept.")
FROM = Field("From", "DateTime", "Event time, inclusive; null for the beginning.")
TO = Field("To", "DateTime", "Event time, exclusive; null for now.")
STATION = Field("StationId", "String", "Configured id of the station.")

TREE = (
    Field("ItemIds", "String[]", "Public ids, by depth; the first is the one asked about."),
    MATERIAL_IDS,
    Field("ParentIndexes", "Int32[]", "Index of the item one step nearer; -1 for the first."),
    DEPTHS,
    TRUNCATED,
)


def _query(
    name: str,
    text: str,
    inputs: tuple[Field, ...],
    results: tuple[Field, ...],
    rule: Rule = Rule.MANDATORY,
) -> Method:
    return Method(name, text, inputs, results, rule)


QUERIES = ObjectType(
    "TraceQueryType",
    "Questions to the trace. Each answer can be had again by asking with its AsKnownAt.",
    (
        _query(
            "GetItem",
            "One item.",
            (ITEM,),
            (Field("Item", "TraceItemDataType", "The item."),),
        ),
        _query(
            "TraceIngredients",
            "What went into an item, as parallel arrays for tables and trees.",
            (ITEM, MAX_DEPTH, MAX_ITEMS),
            TREE,
        ),
        _query(
            "TraceWhereUsed",
            "What an item ever went into, as parallel arrays for tables and trees.",
            (ITEM, MAX_DEPTH, MAX_ITEMS),
            TREE,
        ),
        _query(
            "QueryGenealogy",
            "Items and relations around an item, at a time and a state of knowledge.",
            (
                ITEM,
                Field("Direction", "Int32", "Number of TraceDirectionEnum."),
                AS_OF,
                AS_KNOWN_AT,
                Field(
                    "MinShare",
                    "Double",
                    "Of where-used: leave out items of which less than this fraction, from 0 to 1, "
                    "comes from the item; unknown shares stay.",
                ),
                MAX_DEPTH,
                Field("MaxNodes", "UInt32", "Items to give at most; 0 is the server's limit."),
            ),
            (Field("Result", "TraceGenealogyResultDataType", "The answer."),),
        ),
        _query(
            "AffectedItems",
            "Everything that any of the suspect items went into.",
            (SUSPECTS, AS_OF, AS_KNOWN_AT, MAX_ITEMS),
            (ITEMS, TOTAL, TRUNCATED),
        ),
        _query(
            "RecallScope",
            "End items to recall when an item is suspect, counts first: MaxItems 0 gives the "
            "counts alone.",
            (
                ITEM,
                AS_OF,
                AS_KNOWN_AT,
                Field("MaxItems", "UInt32", "End items to give at most; 0 for the counts alone."),
            ),
            (
                Field("ItemIds", "String[]", "Public ids of end items."),
                MATERIAL_IDS,
                MARKS,
                DEPTHS,
                Field("TotalAffected", "UInt32", "All affected items, end items or not."),
                Field("Complete", "Boolean", "Nothing is cut off and no end is open."),
                RESULT,
            ),
        ),
        _query(
            "PathBetween",
            "One shortest way by which an item went into another.",
            (
                Field("FromItemId", "String", "The item that went in."),
                Field("ToItemId", "String", "The item that it went into."),
            ),
            (
                Field("ItemIds", "String[]", "From the first to the last; empty where none is."),
                Field(
                    "Relations",
                    "Int32[]",
                    "Number of TraceRelationEnum between each and the next; one fewer.",
                ),
            ),
        ),
        _query(
            "GetHistory",
            "What happened to an item, oldest first, as parallel arrays.",
            (ITEM, OFFSET, MAX_RECORDS),
            (
                Field("EventSequences", "UInt64[]", "Numbers of the records; 0 if unpublished."),
                Field("EventTimes", "DateTime[]", "When it happened."),
                Field("EventTypes", "String[]", "What happened."),
                Field("StationIds", "String[]", "Where; empty if none."),
                Field("Texts", "String[]", "In words."),
                TOTAL,
            ),
        ),
        _query(
            "GetRecords",
            "The records that touch an item, oldest first.",
            (ITEM, OFFSET, MAX_RECORDS),
            (Field("Records", "TraceRecordDataType[]", "The records."), TOTAL),
        ),
        _query(
            "QueryJson",
            "A question by name, for clients that know only strings.",
            (
                Field(
                    "Name",
                    "String",
                    "TraceIngredients, TraceWhereUsed, PathBetween, RecallScope, GetHistory, "
                    "GetItem, FindItems, CommonCauses, MassBalance, TimeWindow, CompareToBom, "
                    "Coverage or Impact.",
                ),
                Field(
                    "ArgumentsJson",
                    "String",
                    "The arguments of that method as a JSON object, by name.",
                ),
            ),
            (Field("Json", "String", "Its answer as JSON."),),
        ),
        _query(
            "FindItems",
            "Items by their number, by what they are and where they were, in the order of their "
            "numbers; empty arguments do not count.",
            (
                Field("Text", "String", "Part of the serial or lot number, in any letter case."),
                Field("MaterialId", "String", "What they are."),
                Field("LotId", "String", "The lot or item that they were ever made from."),
                Field("OrderId", "String", "The order that they are made for."),
                Field("StationId", "String", "Where they were, within the time."),
                Field("State", "Int32", "Number of TraceItemStateEnum; -1 for any."),
                Field(
                    "From",
                    "DateTime",
                    "Event time, inclusive: of the stay at the station, else first seen; null for "
                    "the beginning.",
                ),
                Field("To", "DateTime", "Event time, exclusive; null for ever."),
                AS_KNOWN_AT,
                OFFSET,
                MAX_ITEMS,
            ),
            (
                ITEMS,
                TOTAL,
                TRUNCATED,
                Field("AsKnownAt", "UInt64", "For the next pages: as known at this position."),
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "CommonOrigins",
            "What bad items have in common: the root-cause question.",
            (SUSPECTS, MAX_DEPTH, MAX_ITEMS),
            (
                Field("OriginIds", "String[]", "Public ids of shared ingredients, best first."),
                Field("HitCounts", "UInt32[]", "In how many of the suspects each is."),
                Field(
                    "Lift",
                    "Double[]",
                    "How much more often than in all items compared; NaN where none passed.",
                ),
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "CommonCauses",
            "What failing units have in common that passing ones do not, the likeliest first.",
            (
                Field("FailedItemIds", "String[]", "The failing units."),
                Field(
                    "PassedItemIds",
                    "String[]",
                    "Units to compare with; empty: good units of the same materials and time.",
                ),
                AS_KNOWN_AT,
                MAX_ITEMS,
            ),
            (
                Field("Kinds", "Int32[]", "Number of TraceCauseKindEnum of each cause."),
                Field("Values", "String[]", "The lot, station, slot, tool, operator or hour."),
                Field("FailedCounts", "UInt32[]", "How many of the failing units it touched."),
                Field("PassedCounts", "UInt32[]", "How many of the passing units it touched."),
                Field("Lift", "Double[]", "How much more often than in all; NaN if not known."),
                Field("PValues", "Double[]", "Fisher's exact test, one-sided."),
                Field("QValues", "Double[]", "The same under a controlled false-discovery rate."),
                Field("Tested", "UInt32", "Candidates compared, given here or not."),
                TRUNCATED,
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "ExportEpcis",
            "The records that touch an item as EPCIS 2.0 JSON-LD, page by page.",
            (
                Field("ItemId", "String", "The item; empty for all."),
                Field("FromSequence", "UInt64", "First EventSequence."),
                MAX_RECORDS,
            ),
            (
                Field("Json", "String", "An EPCISDocument."),
                Field("NextSequence", "UInt64", "FromSequence of the next page; 0 at the end."),
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "FetchPage",
            "A page of an answer that the server keeps.",
            (Field("ResultId", "String", "As the query gave it."), OFFSET, MAX_ITEMS),
            (ITEM_IDS, MATERIAL_IDS, MARKS, DEPTHS, TOTAL),
            Rule.OPTIONAL,
        ),
        _query(
            "FetchDetails",
            "What FetchPage leaves out of a recall, for the same items.",
            (Field("ResultId", "String", "As the query gave it."), OFFSET, MAX_ITEMS),
            (
                Field("States", "Int32[]", "Number of TraceItemStateEnum of each item."),
                Field("Shares", "Double[]", "Which fraction is suspect; NaN if not known."),
                Field("Pooled", "Boolean[]", "Only known through pooled relations."),
                Field("Reasons", "String[]", "One shortest way from the suspect, with ' > '."),
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "ReleaseResult",
            "Let the server forget an answer it keeps.",
            (Field("ResultId", "String", "As the query gave it."),),
            (),
            Rule.OPTIONAL,
        ),
        _query(
            "MassBalance",
            "Where the quantity of a lot or container went. NaN where it is not known.",
            (Field("LotId", "String", "The lot or container."), AS_OF, AS_KNOWN_AT),
            (
                Field("Received", "Double", "Received from outside."),
                Field("Produced", "Double", "Made here or filled in."),
                Field("Consumed", "Double", "Used up."),
                Field("Scrapped", "Double", "Scrapped."),
                Field("Shipped", "Double", "Shipped."),
                Field("Corrected", "Double", "Corrected, up or down."),
                Field("Balance", "Double", "What should be left."),
                Field("UnitOfMeasure", "String", "UN/ECE Recommendation 20 code of them all."),
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "TimeWindow",
            "Items that were at a station within a time.",
            (STATION, FROM, TO, OFFSET, MAX_ITEMS),
            (
                ITEM_IDS,
                MATERIAL_IDS,
                Field("StartedAt", "DateTime[]", "When each came."),
                Field("EndedAt", "DateTime[]", "When each was done; null while open."),
                TOTAL,
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "CompareToBom",
            "What is in an item against what its bill of material says.",
            (ITEM, AS_OF, AS_KNOWN_AT),
            (
                Field("Positions", "String[]", "Position of each line."),
                Field("MaterialIds", "String[]", "Material of each line."),
                Field("ExpectedQuantities", "Double[]", "As the bill of material says."),
                Field("FoundQuantities", "Double[]", "As recorded."),
                Field("Complete", "Boolean", "Every line is as it should be."),
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "Coverage",
            "How complete the trace of a station is within a time.",
            (STATION, FROM, TO),
            (
                Field("ItemsSeen", "UInt32", "Items that were there."),
                Field("ItemsComplete", "UInt32", "Those with every record that is due."),
                Field("Placeholders", "UInt32", "Those that are placeholders."),
                Field("Gaps", "UInt32", "Known gaps."),
            ),
            Rule.OPTIONAL,
        ),
        _query(
            "Impact",
            "What a hold or recall of an item would touch: counts by material, before it is done.",
            (ITEM, AS_OF, AS_KNOWN_AT),
            (
                MATERIAL_IDS,
                Field("InProcess", "UInt32[]", "Items of each material in process."),
                Field("Completed", "UInt32[]", "Items of each material completed, still here."),
                Field("Scrapped", "UInt32[]", "Items of each material scrapped."),
                Field("Shipped", "UInt32[]", "Items of each material shipped."),
            ),
            Rule.OPTIONAL,
        ),
    ),
)

QUERY_TYPES = (QUERIES,)
