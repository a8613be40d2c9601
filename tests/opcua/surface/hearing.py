"""A client that hears events with all fields of their type."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.nodeset_data import node_numbers
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.surface.keys import model_id

__all__ = ["hearing"]

BASE = ("EventId", "EventType", "SourceNode", "SourceName", "Time", "Message", "Severity")
FIELDS = (
    *BASE,
    *dict.fromkeys(
        path.split("/")[1]
        for path in node_numbers()
        if path.split("/")[0].endswith("EventType") and path.count("/") == 1
    ),
)


@asynccontextmanager
async def hearing(
    client: Client, node_id: ua.NodeId, event_type: str
) -> AsyncIterator[list[dict[str, Any]]]:
    """Subscribe to events of a type and its subtypes; yields what is heard, by field name."""
    heard: list[dict[str, Any]] = []

    class Hear:
        def event_notification(self, event: Any) -> None:
            values = (variant.Value for variant in event.event_fields)
            heard.append(dict(zip(FIELDS, values, strict=True)))

    subscription = await client.create_subscription(50, Hear())
    select = [_operand(name) for name in FIELDS]
    of_type = ua.ContentFilterElement(
        FilterOperator=ua.FilterOperator.OfType,
        FilterOperands=[ua.LiteralOperand(Value=ua.Variant(model_id(event_type)))],
    )
    where = ua.ContentFilter(Elements=[of_type])
    filter_ = ua.EventFilter(SelectClauses=select, WhereClause=where)
    await subscription.subscribe_events(
        client.get_node(node_id), evfilter=filter_, queuesize=10_000
    )
    try:
        yield heard
    finally:
        await subscription.delete()


def _operand(name: str) -> ua.SimpleAttributeOperand:
    wanted = ua.SimpleAttributeOperand()
    wanted.TypeDefinitionId = ua_id(ObjectIds.BaseEventType)
    wanted.BrowsePath = [ua.QualifiedName(name, ua.UInt16(0))]
    wanted.AttributeId = AttributeIds.Value
    return wanted
