"""A client that hears conditions with their states, and what it says about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tests.support.waiting import eventually
from tracenode.server.opcua.ids import ua_id

__all__ = ["Heard", "acting", "conditions", "refresh"]

FIELDS = (
    "EventId",
    "EventType",
    "SourceNode",
    "SourceName",
    "Message",
    "Severity",
    "ConditionName",
    "ConditionClassId",
    "BranchId",
    "Retain",
    "EnabledState/Id",
    "ActiveState/Id",
    "ActiveState",
    "AckedState/Id",
    "ConfirmedState/Id",
    "Comment",
    "ClientUserId",
    "LastSeverity",
)
METHODS = {
    "Acknowledge": ObjectIds.AcknowledgeableConditionType_Acknowledge,
    "Confirm": ObjectIds.AcknowledgeableConditionType_Confirm,
    "AddComment": ObjectIds.ConditionType_AddComment,
    "Enable": ObjectIds.ConditionType_Enable,
    "Disable": ObjectIds.ConditionType_Disable,
}


@dataclass
class Heard:
    """What one subscription has heard, the newest at the end."""

    number: int
    """The subscription's id."""
    item: int
    events: list[dict[str, Any]] = field(default_factory=list)

    def of(self, condition: ua.NodeId) -> list[dict[str, Any]]:
        return [event for event in self.events if event["ConditionId"] == condition]

    def last(self, condition: ua.NodeId) -> dict[str, Any]:
        return self.of(condition)[-1]

    async def until(
        self, condition: ua.NodeId, shows: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """Wait for an event of a condition that `shows`, and return it."""
        await eventually(lambda: any(map(shows, self.of(condition))), within=15)
        return next(event for event in reversed(self.of(condition)) if shows(event))


@asynccontextmanager
async def conditions(client: Client, node_id: ua.NodeId | None = None) -> AsyncIterator[Heard]:
    """Hear all events of a notifier (of the server where none is named)."""
    events: list[dict[str, Any]] = []

    class Hear:
        def event_notification(self, event: Any) -> None:
            values = (variant.Value for variant in event.event_fields)
            events.append(dict(zip((*FIELDS, "ConditionId"), values, strict=True)))

    subscription = await client.create_subscription(50, Hear())
    select = [_operand(name) for name in FIELDS]
    asked = ua.SimpleAttributeOperand()
    asked.TypeDefinitionId = ua_id(ObjectIds.ConditionType)
    asked.BrowsePath, asked.AttributeId = [], AttributeIds.NodeId
    notifier = client.get_node(node_id or ua_id(ObjectIds.Server))
    item = await subscription.subscribe_events(
        notifier, evfilter=ua.EventFilter(SelectClauses=[*select, asked]), queuesize=1000
    )
    assert isinstance(item, int) and subscription.subscription_id is not None
    try:
        yield Heard(subscription.subscription_id, item, events)
    finally:
        await subscription.delete()


def _operand(path: str) -> ua.SimpleAttributeOperand:
    wanted = ua.SimpleAttributeOperand()
    wanted.TypeDefinitionId = ua_id(ObjectIds.BaseEventType)
    wanted.BrowsePath = [ua.QualifiedName(name, ua.UInt16(0)) for name in path.split("/")]
    wanted.AttributeId = AttributeIds.Value
    return wanted


async def acting(
    client: Client, condition: ua.NodeId, method: str, event_id: bytes = b"", comment: str = ""
) -> ua.StatusCode:
    """Call a method of a condition by its type's id, as OPC 10000-9 5.5 has it."""
    arguments = [
        ua.Variant(event_id, ua.VariantType.ByteString),
        ua.Variant(ua.LocalizedText(comment or None, "en" if comment else None)),
    ]
    request = ua.CallMethodRequest()
    request.ObjectId, request.MethodId = condition, ua_id(METHODS[method])
    request.InputArguments = [] if method in ("Enable", "Disable") else arguments
    return _status(await client.uaclient.call([request]))


async def refresh(client: Client, subscription: int, item: int | None = None) -> ua.StatusCode:
    """Ask for what is retained."""
    request = ua.CallMethodRequest()
    request.ObjectId = ua_id(ObjectIds.ConditionType)
    name = "ConditionType_ConditionRefresh" + ("" if item is None else "2")
    request.MethodId = ua_id(getattr(ObjectIds, name))
    numbers = [subscription] if item is None else [subscription, item]
    request.InputArguments = [ua.Variant(number, ua.VariantType.UInt32) for number in numbers]
    return _status(await client.uaclient.call([request]))


def _status(results: Any) -> ua.StatusCode:
    code: ua.StatusCode = results[0].StatusCode
    return code
