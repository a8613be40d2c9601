"""Requests as they are: what clients' own helpers can't say, sent through asyncua's connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import struct_from_binary

__all__ = [
    "Subscribed",
    "code",
    "data_item",
    "ended",
    "message",
    "publish",
    "raw",
    "read_one",
    "reading",
    "send",
    "subscribed",
    "values",
]

A = AttributeIds


async def send(client: Client, request: Any, timeout_hint: int = 0) -> Any:
    """Send a request as it is and return its response; a ServiceFault raises its code."""
    protocol: Any = client.uaclient.protocol
    request.RequestHeader.AuthenticationToken = client.uaclient.session.authentication_token
    data = await asyncio.wait_for(protocol._send_request(request, timeout_hint / 1000), 15)
    struct_from_binary(ua.ServiceFault, data.copy()).ResponseHeader.ServiceResult.check()
    kind = getattr(ua, type(request).__name__.replace("Request", "Response"))
    return struct_from_binary(kind, data)


def code(status: Any) -> int:
    """Return the number of a StatusCode."""
    return int(status.value)


def data_item(
    node_id: ua.NodeId,
    handle: int = 1,
    *,
    attribute: int = A.Value,
    interval: float = 0.0,
    queue: int = 1,
    oldest: bool = True,
    mode: ua.MonitoringMode = ua.MonitoringMode.Reporting,
    wanted: Any = None,
    index_range: str | None = None,
) -> ua.MonitoredItemCreateRequest:
    """Return a request for a monitored item."""
    item = ua.MonitoredItemCreateRequest()
    item.ItemToMonitor.NodeId, item.ItemToMonitor.AttributeId = node_id, ua.UInt32(attribute)
    item.ItemToMonitor.IndexRange = index_range
    item.MonitoringMode = mode
    parameters = item.RequestedParameters
    parameters.ClientHandle, parameters.SamplingInterval = ua.UInt32(handle), interval
    parameters.QueueSize, parameters.DiscardOldest = ua.UInt32(queue), oldest
    if wanted is not None:
        parameters.Filter = wanted
    return item


class Subscribed:
    """A subscription whose Publish requests the test sends itself, one by one."""

    def __init__(self, client: Client, made: ua.CreateSubscriptionResult) -> None:
        self.client = client
        self.made = made
        self.number = made.SubscriptionId

    async def create(
        self,
        *items: ua.MonitoredItemCreateRequest,
        timestamps: ua.TimestampsToReturn = ua.TimestampsToReturn.Both,
    ) -> list[ua.MonitoredItemCreateResult]:
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = self.number
        request.Parameters.TimestampsToReturn = timestamps
        request.Parameters.ItemsToCreate = list(items)
        results: list[ua.MonitoredItemCreateResult] = (await send(self.client, request)).Results
        return results

    async def modify(self, *items: ua.MonitoredItemModifyRequest) -> Any:
        request = ua.ModifyMonitoredItemsRequest()
        request.Parameters.SubscriptionId = self.number
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ItemsToModify = list(items)
        return (await send(self.client, request)).Results

    async def delete(self, *ids: int) -> list[ua.StatusCode]:
        params = ua.DeleteMonitoredItemsParameters()
        params.SubscriptionId = self.number
        params.MonitoredItemIds = [ua.UInt32(number) for number in ids]
        results: list[ua.StatusCode] = await self.client.uaclient.delete_monitored_items(params)
        return results

    async def set_mode(self, mode: ua.MonitoringMode, *ids: int) -> list[ua.StatusCode]:
        request = ua.SetMonitoringModeRequest()
        request.Parameters.SubscriptionId = self.number
        request.Parameters.MonitoringMode = mode
        request.Parameters.MonitoredItemIds = [ua.UInt32(number) for number in ids]
        results: list[ua.StatusCode] = (await send(self.client, request)).Parameters.Results
        return results

    async def trigger(
        self, item: int, add: tuple[int, ...] = (), remove: tuple[int, ...] = ()
    ) -> Any:
        request = ua.SetTriggeringRequest()
        request.Parameters.SubscriptionId = self.number
        request.Parameters.TriggeringItemId = ua.UInt32(item)
        request.Parameters.LinksToAdd = [ua.UInt32(number) for number in add]
        request.Parameters.LinksToRemove = [ua.UInt32(number) for number in remove]
        return (await send(self.client, request)).Parameters

    async def publish(self, *acknowledged: int, hint: int = 0) -> ua.PublishResult:
        return await publish(self.client, *((self.number, one) for one in acknowledged), hint=hint)

    async def notified(self) -> ua.PublishResult:
        """Publish until there is something in the message."""
        for _ in range(20):
            result = await self.publish()
            if result.NotificationMessage.NotificationData:
                return result
        raise AssertionError("expected a notification, found keep-alives")

    async def quiet(self) -> bool:
        """Return whether the next message is a keep-alive (the count is 2 unless said)."""
        return not (await self.publish()).NotificationMessage.NotificationData


async def publish(
    client: Client, *acknowledged: tuple[int, int], hint: int = 0
) -> ua.PublishResult:
    """Send one Publish request and return what came."""
    request = ua.PublishRequest()
    request.Parameters.SubscriptionAcknowledgements = [
        ua.SubscriptionAcknowledgement(ua.UInt32(number), ua.UInt32(sequence))
        for number, sequence in acknowledged
    ]
    result: ua.PublishResult = (await send(client, request, hint)).Parameters
    return result


@asynccontextmanager
async def subscribed(
    client: Client,
    *,
    interval: float = 50.0,
    keep_alive: int = 2,
    life: int = 1000,
    most: int = 0,
    enabled: bool = True,
    priority: int = 0,
) -> AsyncIterator[Subscribed]:
    """Make a subscription and delete it afterwards, where it is still there."""
    request = ua.CreateSubscriptionRequest()
    parameters = request.Parameters
    parameters.RequestedPublishingInterval = interval
    parameters.RequestedMaxKeepAliveCount = ua.UInt32(keep_alive)
    parameters.RequestedLifetimeCount = ua.UInt32(life)
    parameters.MaxNotificationsPerPublish = ua.UInt32(most)
    parameters.PublishingEnabled, parameters.Priority = enabled, ua.Byte(priority)
    made = Subscribed(client, (await send(client, request)).Parameters)
    yield made
    await ended(client, made.number)


async def ended(client: Client, *numbers: int) -> list[ua.StatusCode]:
    """Delete subscriptions."""
    request = ua.DeleteSubscriptionsRequest()
    request.Parameters.SubscriptionIds = [ua.UInt32(number) for number in numbers]
    results: list[ua.StatusCode] = (await send(client, request)).Results
    return results


def message(result: ua.PublishResult, kind: type[Any]) -> Any:
    """Return the notification of this kind in a message."""
    found = [one for one in result.NotificationMessage.NotificationData if isinstance(one, kind)]
    assert len(found) == 1, result
    return found[0]


def values(result: ua.PublishResult) -> list[tuple[int, Any]]:
    """Return handle and value of each data change in a message."""
    notified = message(result, ua.DataChangeNotification).MonitoredItems
    return [(int(one.ClientHandle), one.Value.Value.Value) for one in notified]


def reading(
    *node_ids: ua.NodeId,
    attribute: int = A.Value,
    timestamps: int = 2,
    index_range: str | None = None,
    encoding: str = "",
    max_age: float = 0.0,
) -> ua.ReadRequest:
    request = ua.ReadRequest()
    request.Parameters.MaxAge = max_age
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn(timestamps)
    for node_id in node_ids:
        wanted = ua.ReadValueId(node_id, ua.UInt32(attribute), index_range)
        wanted.DataEncoding = ua.QualifiedName(encoding)
        request.Parameters.NodesToRead.append(wanted)
    return request


async def read_one(client: Client, node_id: ua.NodeId, **how: Any) -> ua.DataValue:
    result: ua.DataValue = (await send(client, reading(node_id, **how))).Results[0]
    return result


async def raw(client: Client, request: Any, find: bytes, put: bytes) -> int:
    """Send a request with some of its bytes replaced; returns the code of the response."""
    protocol: Any = client.uaclient.protocol
    connection = protocol._connection
    encode = connection.message_to_binary

    def changed(data: bytes, *args: Any, **kwargs: Any) -> bytes:
        assert data.count(find) == 1
        message: bytes = encode(data.replace(find, put), *args, **kwargs)
        return message

    connection.message_to_binary = changed
    try:
        request.RequestHeader.AuthenticationToken = client.uaclient.session.authentication_token
        asked = asyncio.ensure_future(protocol._send_request(request))
        await asyncio.sleep(0)
    finally:
        connection.message_to_binary = encode
    data = await asyncio.wait_for(asked, 5)
    return code(struct_from_binary(ua.ServiceFault, data).ResponseHeader.ServiceResult)
