"""Event filters: clauses with results of their own, operators, conversions (OPC 10000-4 7.7)."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.core.asking import code, data_item, message, subscribed
from tests.opcua.core.sample import OPERATION_EVENT, Sample, operation, site
from tests.opcua.core.test_events import element, literal, operand
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.subscriptions.operators import WhereClause

pytestmark = pytest.mark.asyncio(loop_scope="session")

S = StatusCodes
V = ua.VariantType
F = ua.FilterOperator
SERVER = ua_id(ObjectIds.Server)


def event_filter(selected: list[Any], where: list[Any] | None = None) -> ua.EventFilter:
    made = ua.EventFilter()
    made.SelectClauses = selected
    made.WhereClause.Elements = where or []
    return made


def watched(made: ua.EventFilter, handle: int = 1) -> ua.MonitoredItemCreateRequest:
    return data_item(SERVER, handle, attribute=AttributeIds.EventNotifier, wanted=made)


def of_type(field: str, type_id: ua.NodeId) -> ua.SimpleAttributeOperand:
    made = operand(field)
    made.TypeDefinitionId = type_id
    return made


async def test_a_field_that_nothing_has_is_told_and_null(sample: Sample, client: Client) -> None:
    async with subscribed(client) as sub:
        selected = [operand("EventSequence"), operand("Nonsense"), of_type("Message", site("No"))]
        result = (await sub.create(watched(event_filter(selected))))[0]
        assert result.StatusCode.is_good()
        told = result.FilterResult
        assert isinstance(told, ua.EventFilterResult)
        codes = [code(one) for one in told.SelectClauseResults]
        assert codes == [0, S.BadNodeIdUnknown, S.BadNodeIdUnknown]
        await sample.server.events.emit(operation(4))
        events = message(await sub.notified(), ua.EventNotificationList).Events
        assert [one.Value for one in events[0].EventFields] == [4, None, None]


async def test_a_field_of_another_type_is_null(sample: Sample, client: Client) -> None:
    async with subscribed(client) as sub:
        audit = ua_id(ObjectIds.AuditEventType)
        selected = [of_type("Severity", OPERATION_EVENT), of_type("Severity", audit)]
        await sub.create(watched(event_filter(selected)))
        await sample.server.events.emit(operation(4))
        events = message(await sub.notified(), ua.EventNotificationList).Events
        assert [one.Value for one in events[0].EventFields] == [100, None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"AttributeId": ua.UInt32(4)}, S.BadAttributeIdInvalid),
        ({"BrowsePath": [ua.QualifiedName("")]}, S.BadBrowseNameInvalid),
        ({"IndexRange": "x"}, S.BadIndexRangeInvalid),
        ({"TypeDefinitionId": ua_id(ObjectIds.FolderType)}, S.BadTypeDefinitionInvalid),
    ],
)
async def test_a_clause_that_makes_no_sense_refuses_the_item(
    client: Client, change: dict[str, Any], expected: int
) -> None:
    wrong = operand("Message")
    for key, value in change.items():
        setattr(wrong, key, value)
    async with subscribed(client) as sub:
        result = (await sub.create(watched(event_filter([operand("Severity"), wrong]))))[0]
        assert code(result.StatusCode) == S.BadEventFilterInvalid
        told = result.FilterResult
        assert isinstance(told, ua.EventFilterResult)
        assert [code(one) for one in told.SelectClauseResults] == [0, expected]


@pytest.mark.parametrize(
    ("where", "expected", "operands"),
    [
        (element(F.InView, literal(SERVER)), S.BadFilterOperatorUnsupported, [0]),
        (element(F.RelatedTo, literal(1)), S.BadFilterOperatorUnsupported, [0]),
        (element(F.Equals, literal(1)), S.BadFilterOperandCountMismatch, [0]),
        (
            element(F.Not, ua.ElementOperand(Index=ua.UInt32(0))),
            S.BadFilterOperandInvalid,
            [S.BadFilterOperandInvalid],
        ),
    ],
)
async def test_each_element_of_a_where_clause_is_answered(
    client: Client, where: Any, expected: int, operands: list[int]
) -> None:
    made = event_filter([operand("Message")], [where])
    async with subscribed(client) as sub:
        result = (await sub.create(watched(made)))[0]
        assert code(result.StatusCode) == S.BadEventFilterInvalid
        told = result.FilterResult
        assert isinstance(told, ua.EventFilterResult)
        (one,) = told.WhereClauseResult.ElementResults
        assert code(one.StatusCode) == expected
        assert [code(found) for found in one.OperandStatusCodes] == operands


async def test_a_filter_of_data_is_none_for_events(client: Client) -> None:
    async with subscribed(client) as sub:
        wrong = data_item(SERVER, attribute=AttributeIds.EventNotifier)
        assert code((await sub.create(wrong))[0].StatusCode) == S.BadEventFilterInvalid
        wrong.RequestedParameters.Filter = ua.DataChangeFilter()
        assert code((await sub.create(wrong))[0].StatusCode) == S.BadFilterNotAllowed
        many = event_filter([operand("Message")] * 201)
        assert code((await sub.create(watched(many)))[0].StatusCode) == S.BadEventFilterInvalid


def typed(value: Any, kind: ua.VariantType) -> ua.LiteralOperand:
    return ua.LiteralOperand(Value=ua.Variant(value, kind))


def node(number: int) -> ua.LiteralOperand:
    return typed(ua_id(number), V.NodeId)


SEQUENCE, ITEM, MESSAGE = operand("EventSequence"), operand("ItemId"), operand("Message")
NEXT = ua.ElementOperand(Index=ua.UInt32(1))
TO_TEXT = element(F.Cast, SEQUENCE, node(ObjectIds.String))
OR_TWO = element(F.BitwiseOr, SEQUENCE, typed(2, V.UInt64))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        # implicit conversion, to the type that precedes
        ([element(F.Equals, SEQUENCE, typed(5.0, V.Double))], True),
        ([element(F.Equals, SEQUENCE, typed("5", V.String))], True),
        ([element(F.Equals, SEQUENCE, typed("five", V.String))], False),
        ([element(F.GreaterThan, SEQUENCE, typed("4.5", V.String))], False),  # no integer: null
        ([element(F.LessThan, SEQUENCE, typed(-1, V.Int64))], False),
        ([element(F.GreaterThan, SEQUENCE, typed(-1, V.Int32))], False),  # -1 is no UInt64: null
        ([element(F.GreaterThan, SEQUENCE, typed(-1, V.Int64))], True),
        ([element(F.Equals, MESSAGE, typed("SN0001 completed OP10", V.String))], True),
        ([element(F.Equals, typed(True, V.Boolean), typed(1, V.Int32))], True),
        ([element(F.Equals, typed("true", V.String), typed(True, V.Boolean))], True),
        ([element(F.Equals, typed(None, V.Null), typed(None, V.Null))], False),
        # not implicitly
        ([element(F.Equals, operand("EventId"), typed("record-5", V.String))], False),
        # Cast
        ([element(F.Equals, NEXT, typed("5", V.String)), TO_TEXT], True),
        (
            [
                element(F.Equals, NEXT, typed(3, V.Int16)),
                element(F.Cast, typed(2.6, V.Double), node(ObjectIds.Int16)),
            ],
            True,
        ),
        (
            [
                element(F.IsNull, NEXT),
                element(F.Cast, typed(300, V.Int32), node(ObjectIds.Byte)),
            ],
            True,
        ),
        ([element(F.IsNull, NEXT), element(F.Cast, SEQUENCE, node(ObjectIds.Number))], True),
        (
            [
                element(F.Equals, NEXT, operand("Time")),
                element(F.Cast, typed("2026-01-02T03:04:05Z", V.String), node(ObjectIds.DateTime)),
            ],
            True,
        ),
        # bits and truth
        ([element(F.Equals, NEXT, typed(7, V.UInt64)), OR_TWO], True),
        ([element(F.IsNull, NEXT), element(F.BitwiseAnd, SEQUENCE, typed(1.0, V.Double))], True),
        ([element(F.Or, typed("true", V.String), NEXT), element(F.IsNull, ITEM)], True),
        ([element(F.Not, typed(1, V.Int32))], False),  # a number is no truth: null
        ([element(F.InList, SEQUENCE, typed("5", V.String), typed(9, V.Int32))], True),
    ],
)
async def test_operands_of_different_types(
    sample: Sample, where: list[Any], expected: bool
) -> None:
    clause = WhereClause(where, sample.server.types)
    assert clause.passes(operation(5, item="SN0001")) is expected


async def test_equal_filters_are_held_once(sample: Sample, client: Client) -> None:
    async with subscribed(client) as sub:
        made = event_filter([operand("Message")], [element(F.Like, ITEM, literal("SN%"))])
        await sub.create(*(watched(made, handle) for handle in range(20)))
        filters = sample.server.engine.iserver.subscriptions.items.filters
        assert len(filters._in_use) == 1
        await sample.server.events.emit(operation(1))
        events = message(await sub.notified(), ua.EventNotificationList).Events
        assert sorted(int(one.ClientHandle) for one in events) == list(range(20))
    assert not filters._in_use
