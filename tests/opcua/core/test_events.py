"""Events reach the source, what is above it and Server, filtered by type and content."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.opcua.core.sample import OPERATION_EVENT, SAMPLE_EVENT, Sample, operation, site
from tests.support.waiting import eventually
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.subscriptions.operators import WhereClause

pytestmark = pytest.mark.asyncio(loop_scope="session")

V = ua.VariantType
F = ua.FilterOperator
SERVER = ua_id(ObjectIds.Server)
FIELDS = (
    "EventId",
    "EventType",
    "SourceNode",
    "SourceName",
    "Time",
    "Message",
    "Severity",
    "EventSequence",
    "ItemId",
    "Evaluation",
    "Nonsense",
)


def operand(name: str) -> ua.SimpleAttributeOperand:
    wanted = ua.SimpleAttributeOperand()
    wanted.TypeDefinitionId = ua_id(ObjectIds.BaseEventType)
    wanted.BrowsePath = [ua.QualifiedName(name, ua.UInt16(0))]
    wanted.AttributeId = AttributeIds.Value
    return wanted


def literal(value: Any) -> ua.LiteralOperand:
    return ua.LiteralOperand(Value=ua.Variant(value))


def element(kind: ua.FilterOperator, *operands: Any) -> ua.ContentFilterElement:
    return ua.ContentFilterElement(FilterOperator=kind, FilterOperands=list(operands))


class Heard:
    def __init__(self) -> None:
        self.fields: list[list[Any]] = []

    async def event_notification(self, event: Any) -> None:
        self.fields.append([field.Value for field in event.event_fields])


@asynccontextmanager
async def listening(
    client: Client, node_id: ua.NodeId, where: Sequence[ua.ContentFilterElement] = ()
) -> AsyncIterator[Heard]:
    heard = Heard()
    wanted = ua.EventFilter()
    wanted.SelectClauses = [operand(name) for name in FIELDS]
    wanted.WhereClause.Elements = list(where)
    subscription = await client.create_subscription(50, heard)
    await subscription.subscribe_events(client.get_node(node_id), evfilter=wanted)
    yield heard
    await subscription.delete()


@pytest.mark.parametrize(
    "notifier", [site("St/OP10"), site("Plant"), SERVER], ids=["station", "area", "Server"]
)
async def test_all_fields_arrive_from_station_area_and_server(
    sample: Sample, client: Client, notifier: ua.NodeId
) -> None:
    of_base_type = [element(F.OfType, literal(SAMPLE_EVENT))]
    async with listening(client, notifier, of_base_type) as heard:
        await sample.server.events.emit(operation(7))
        await eventually(lambda: heard.fields)
        assert heard.fields == [
            [
                b"record-7",
                OPERATION_EVENT,
                site("St/OP10"),
                "OP10",
                datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                ua.LocalizedText("SN1 completed OP10", "en"),
                100,
                7,
                "SN1",
                1,
                None,
            ]
        ]


async def test_a_station_does_not_hear_its_neighbour(sample: Sample, client: Client) -> None:
    async with listening(client, site("St/OP10")) as heard:
        await sample.server.events.emit(operation(1, station="OP20"))
        await sample.server.events.emit(operation(2, station="OP10"))
        await eventually(lambda: heard.fields)
        assert [fields[7] for fields in heard.fields] == [2]


async def test_of_type_leaves_out_other_types(sample: Sample, client: Client) -> None:
    audits = [element(F.OfType, literal(ua_id(ObjectIds.AuditEventType)))]
    async with listening(client, SERVER, audits) as none, listening(client, SERVER) as everything:
        await sample.server.events.emit(operation(3))
        await eventually(lambda: everything.fields)
        assert not none.fields


async def test_a_burst_between_two_publishes_is_not_lost(sample: Sample, client: Client) -> None:
    async with listening(client, SERVER) as heard:
        for sequence in range(800):
            await sample.server.events.emit(operation(sequence))
        await eventually(lambda: len(heard.fields) == 800)
        assert [fields[7] for fields in heard.fields] == list(range(800))


async def test_a_filter_that_can_not_be_used_is_refused(client: Client) -> None:
    loop = [element(F.Not, ua.ElementOperand(Index=ua.UInt32(0)))]
    with pytest.raises(ua.uaerrors.BadEventFilterInvalid):
        async with listening(client, SERVER, loop):
            pass


async def test_events_can_not_be_had_from_what_is_no_notifier(client: Client) -> None:
    with pytest.raises(UaStatusCodeError) as refused:
        async with listening(client, site("Items")):
            pass
    assert refused.value.code == StatusCodes.BadAttributeIdInvalid


def both(left: ua.ContentFilterElement, right: ua.ContentFilterElement) -> list[Any]:
    joined = element(F.And, ua.ElementOperand(ua.UInt32(1)), ua.ElementOperand(ua.UInt32(2)))
    return [joined, left, right]


SEQUENCE, ITEM, ABSENT = operand("EventSequence"), operand("ItemId"), operand("Nonsense")
UNKNOWN = element(F.Equals, ABSENT, literal(1))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([element(F.Equals, ITEM, literal("SN0001"))], True),
        ([element(F.Equals, ABSENT, literal("SN0001"))], False),
        ([element(F.IsNull, ABSENT)], True),
        ([element(F.IsNull, ITEM)], False),
        ([element(F.Not, ua.ElementOperand(ua.UInt32(1))), UNKNOWN], False),
        (both(element(F.GreaterThan, SEQUENCE, literal(4)), UNKNOWN), False),
        (
            both(
                element(F.GreaterThan, SEQUENCE, literal(4)),
                element(F.LessThanOrEqual, SEQUENCE, literal(5)),
            ),
            True,
        ),
        ([element(F.Between, SEQUENCE, literal(5), literal(9))], True),
        ([element(F.Between, SEQUENCE, literal(6), literal(9))], False),
        ([element(F.InList, ITEM, literal("A"), literal("SN0001"))], True),
        ([element(F.GreaterThan, ITEM, literal(4))], False),
        ([element(F.Like, ITEM, literal("SN%"))], True),
        ([element(F.Like, ITEM, literal("%0_01"))], True),
        ([element(F.Like, ITEM, literal("SN"))], False),
        ([element(F.Like, ITEM, literal("S[A-Z]000[^2-9]"))], True),
        ([element(F.Like, ITEM, literal("S[^N]%"))], False),
        ([element(F.Like, ITEM, literal(r"SN\%"))], False),
        ([element(F.Like, ITEM, literal("%.%"))], False),
        ([element(F.Like, operand("Message"), literal("%completed%"))], True),
        (
            [
                element(F.Equals, ua.ElementOperand(ua.UInt32(1)), literal(4)),
                element(F.BitwiseAnd, SEQUENCE, literal(6)),
            ],
            True,
        ),
        ([element(F.OfType, literal(ua_id(ObjectIds.BaseEventType)))], True),
    ],
)
async def test_content_filters(
    sample: Sample, where: list[ua.ContentFilterElement], expected: bool
) -> None:
    clause = WhereClause(where, sample.server.types)
    assert clause.passes(operation(5, item="SN0001")) is expected


async def test_a_hostile_pattern_is_quick(sample: Sample) -> None:
    clause = WhereClause([element(F.Like, ITEM, literal("%a" * 30 + "b"))], sample.server.types)
    assert not clause.passes(operation(1, item="a" * 2000))
