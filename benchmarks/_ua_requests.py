"""The requests that every server of the benchmark gets, and what of the answers is compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from benchmarks._ua_space import ECHO, FOLDER, MACHINE, VARIABLES, variable

__all__ = [
    "MESSAGE_FIELD",
    "TEXT",
    "browse",
    "call",
    "create_items",
    "create_subscription",
    "delete_subscription",
    "event_item",
    "new_sets",
    "publish",
    "read",
    "shown",
    "write",
]

A = AttributeIds
TEXT: Final = "hello world 123"
FIELDS: Final = ("EventId", "EventType", "SourceNode", "SourceName", "Time", "Message", "Severity")
MESSAGE_FIELD: Final = FIELDS.index("Message")


def _id(text: str) -> ua.NodeId:
    identifier: Any = text
    return ua.NodeId(identifier, ua.Int16(3))


def _standard(number: int) -> ua.NodeId:
    return ua.NodeId(ua.Int32(number))


def read(numbers: Sequence[int]) -> ua.ReadRequest:
    """Read the values of variables."""
    request = ua.ReadRequest()
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.NodesToRead = [
        ua.ReadValueId(NodeId=_id(variable(number)), AttributeId=A.Value) for number in numbers
    ]
    return request


def new_sets(count: int) -> list[ua.ReadRequest]:
    """Return reads of 100 variables each, no two of the same ones."""
    chance = random.Random(1)
    return [read(chance.sample(range(VARIABLES), 100)) for _ in range(count)]


def write(number: int, value: float) -> ua.WriteRequest:
    """Write a variable."""
    request = ua.WriteRequest()
    fresh = ua.DataValue(ua.Variant(value, ua.VariantType.Double))
    request.Parameters.NodesToWrite = [
        ua.WriteValue(NodeId=_id(variable(number)), AttributeId=A.Value, Value=fresh)
    ]
    return request


def call() -> ua.CallRequest:
    """Call the method that returns its argument."""
    request = ua.CallRequest()
    asked = ua.CallMethodRequest(ObjectId=_id(MACHINE), MethodId=_id(ECHO))
    asked.InputArguments = [ua.Variant(TEXT, ua.VariantType.String)]
    request.Parameters.MethodsToCall = [asked]
    return request


def browse() -> ua.BrowseRequest:
    """Browse the folder of all variables."""
    request = ua.BrowseRequest()
    request.Parameters.NodesToBrowse = [
        ua.BrowseDescription(
            NodeId=_id(FOLDER),
            BrowseDirection=ua.BrowseDirection.Forward,
            ReferenceTypeId=_standard(ObjectIds.HierarchicalReferences),
            IncludeSubtypes=True,
            NodeClassMask=ua.NodeClass(0),
            ResultMask=ua.BrowseResultMask.All,
        )
    ]
    return request


# ------------------------------------------------------------------ subscriptions
def create_subscription(interval_ms: float) -> ua.CreateSubscriptionRequest:
    """A subscription that lives long without being asked."""
    request = ua.CreateSubscriptionRequest()
    asked = request.Parameters
    asked.RequestedPublishingInterval = ua.Double(interval_ms)
    asked.RequestedLifetimeCount = ua.UInt32(3000)
    asked.RequestedMaxKeepAliveCount = ua.UInt32(100)
    asked.PublishingEnabled = True
    return request


def delete_subscription(number: int) -> ua.DeleteSubscriptionsRequest:
    request = ua.DeleteSubscriptionsRequest()
    request.Parameters.SubscriptionIds = [ua.UInt32(number)]
    return request


def create_items(
    subscription: int, count: int, *, queue: int = 1
) -> ua.CreateMonitoredItemsRequest:
    """Watch the values of the first variables."""
    request = ua.CreateMonitoredItemsRequest()
    request.Parameters.SubscriptionId = ua.UInt32(subscription)
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    for number in range(count):
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor = ua.ReadValueId(NodeId=_id(variable(number)), AttributeId=A.Value)
        item.MonitoringMode = ua.MonitoringMode.Reporting
        asked = item.RequestedParameters
        asked.ClientHandle = ua.UInt32(number + 1)
        asked.SamplingInterval = ua.Double(0.0)
        asked.QueueSize = ua.UInt32(queue)
        asked.DiscardOldest = True
        request.Parameters.ItemsToCreate.append(item)
    return request


def event_item(subscription: int, queue: int) -> ua.CreateMonitoredItemsRequest:
    """Watch the events of the server."""
    request = ua.CreateMonitoredItemsRequest()
    request.Parameters.SubscriptionId = ua.UInt32(subscription)
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    item = ua.MonitoredItemCreateRequest()
    item.ItemToMonitor = ua.ReadValueId(
        NodeId=_standard(ObjectIds.Server), AttributeId=A.EventNotifier
    )
    item.MonitoringMode = ua.MonitoringMode.Reporting
    asked = item.RequestedParameters
    asked.ClientHandle, asked.QueueSize = ua.UInt32(1), ua.UInt32(queue)
    asked.DiscardOldest = True
    wanted = ua.EventFilter()
    wanted.SelectClauses = [
        ua.SimpleAttributeOperand(
            TypeDefinitionId=_standard(ObjectIds.BaseEventType),
            BrowsePath=[ua.QualifiedName(name)],
            AttributeId=A.Value,
        )
        for name in FIELDS
    ]
    asked.Filter = wanted
    request.Parameters.ItemsToCreate = [item]
    return request


def publish() -> ua.PublishRequest:
    """Acknowledge one message; its subscription and number are the last eight bytes."""
    request = ua.PublishRequest()
    request.Parameters.SubscriptionAcknowledgements = [ua.SubscriptionAcknowledgement()]
    return request


# ------------------------------------------------------------------ answers
def shown(answer: Any) -> object:
    """Return what of an answer must be the same on every server: no times, no diagnostics."""
    match answer:
        case ua.ReadResponse():
            return [(v.StatusCode.value, v.Value and v.Value.Value) for v in answer.Results]
        case ua.WriteResponse():
            return [code.value for code in answer.Results]
        case ua.CallResponse():
            return [
                (r.StatusCode.value, [v.Value for v in r.OutputArguments or ()])
                for r in answer.Results
            ]
        case ua.BrowseResponse():
            return [
                (r.StatusCode.value, sorted(_reference(link) for link in r.References or ()))
                for r in answer.Results
            ]
        case ua.CreateMonitoredItemsResponse():
            return [(r.StatusCode.value, r.RevisedQueueSize) for r in answer.Results]
    raise TypeError(f"expected an answer that is compared, found {type(answer).__name__}")


def _reference(link: ua.ReferenceDescription) -> tuple[object, ...]:
    """Leave out the reference type: not every server's API lets it be chosen."""
    return (
        link.NodeId.to_string(),
        link.BrowseName.to_string(),
        link.DisplayName.Text,
        int(link.NodeClass),
        link.TypeDefinition.to_string(),
        link.IsForward,
    )
