"""Types for the log: the records in their order, and who reads them."""

from __future__ import annotations

from arguments import MAX_RECORDS
from modelling import Component, Field, Method, ObjectType, Rule, Variable

__all__ = ["LOG_TYPES"]

CONSUMER = ObjectType(
    "TraceConsumerType",
    "A client that must not miss a record, and how far it is.",
    (
        Variable(Field("Acknowledged", "UInt64", "EventSequence up to which it has all.")),
        Variable(Field("Pending", "UInt64", "Records it has not acknowledged.")),
        Variable(Field("LastSeen", "UtcTime", "When it last called.")),
        Variable(Field("Owner", "String", "Application, and its user, that registered it.")),
        Variable(
            Field("OldestPending", "UtcTime", "Since when the oldest of these waits; null if none.")
        ),
        Variable(Field("Lagging", "Boolean", "More wait, or for longer, than the site allows.")),
        Variable(Field("StatusText", "String", "What is wrong, in words; empty if all is well.")),
    ),
)

CONSUMER_ID = Field("ConsumerId", "String", "The consumer's own name, the same for ever.")
FIRST = Field("FromSequence", "UInt64", "First EventSequence.")
LAST = Field("ToSequence", "UInt64", "Last EventSequence; 0 for the latest.")

LOG = ObjectType(
    "TraceLogType",
    "The records in their order: to close gaps, to catch up, to prove that nothing was altered.",
    (
        Variable(Field("LatestSequence", "UInt64", "EventSequence of the latest record.")),
        Variable(Field("OldestSequence", "UInt64", "EventSequence of the oldest one kept.")),
        Variable(Field("HeadHash", "String", "Hash of the newest journal entry, hexadecimal.")),
        Variable(Field("ConsumerCount", "UInt32", "Registered consumers."), Rule.OPTIONAL),
        Variable(Field("LaggingConsumers", "UInt32", "Those that lag."), Rule.OPTIONAL),
        Component(
            "Consumers",
            "FolderType",
            "One TraceConsumerType for each registered consumer, named after it.",
            Rule.OPTIONAL,
        ),
        Method(
            "ReadRecords",
            "Records from an EventSequence on.",
            (FIRST, MAX_RECORDS),
            (
                Field("Records", "TraceRecordDataType[]", "The records, in order."),
                Field("NextSequence", "UInt64", "FromSequence of the next page."),
                Field("LatestSequence", "UInt64", "EventSequence of the latest record."),
            ),
        ),
        Method(
            "VerifyIntegrity",
            "Compute the hash chain again over the journal entries of these records and all "
            "between them.",
            (FIRST, LAST),
            (
                Field("FirstBadSequence", "UInt64", "First altered or missing one; 0 if none."),
                Field("HeadHash", "String", "Hash of the last entry checked, hexadecimal."),
            ),
        ),
        Method(
            "RegisterConsumer",
            "Become a consumer, or come back: retention then waits for Acknowledge.",
            (
                CONSUMER_ID,
                Field("FromSequence", "UInt64", "First EventSequence wanted, if it is new."),
            ),
            (Field("AcknowledgedSequence", "UInt64", "EventSequence up to which it has all."),),
            Rule.OPTIONAL,
        ),
        Method(
            "Acknowledge",
            "Say up to which record all is safe with the consumer.",
            (CONSUMER_ID, Field("UpToSequence", "UInt64", "Last EventSequence it has.")),
            (Field("PendingRecords", "UInt64", "Records it has not acknowledged."),),
            Rule.OPTIONAL,
        ),
        Method(
            "Replay",
            "Send events again, marked as replayed, to the subscriptions of the caller's session.",
            (
                CONSUMER_ID,
                FIRST,
                LAST,
                Field("MaxPerSecond", "UInt16", "Events a second at most; 0: server's limit."),
            ),
            (Field("RecordCount", "UInt64", "How many are sent."),),
            Rule.OPTIONAL,
        ),
    ),
    generates=("TraceEventType",),
)

LOG_TYPES = (CONSUMER, LOG)
