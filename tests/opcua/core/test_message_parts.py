"""A message takes what fits of what is ready; the rest is first in the next one."""

from __future__ import annotations

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_from_binary

from tests.opcua.core.sample import name
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.nodes.book import data_value, variable_node
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.subscriptions.items import HANDLE, DataItem
from tracenode.server.opcua.subscriptions.publishing import PublishQueue, PublishRequest
from tracenode.server.opcua.subscriptions.queues import Budget
from tracenode.server.opcua.subscriptions.subscription import Subscription, Terms
from tracenode.server.opcua.subscriptions.targets import Target


def item(subscription: Subscription, space: TraceAddressSpace, handle: int, queued: int) -> None:
    """Add a reporting item with so many values queued."""
    first = data_value(0, ua.VariantType.Int32)
    node = variable_node(ua_id(handle), name(f"V{handle}"), ua_id(ObjectIds.Int32), first)
    space.virtual[node.nodeid] = node
    target = Target(space, node.nodeid, AttributeIds.Value)
    made = DataItem(handle, subscription, target, queued)
    made.head = HANDLE.pack(handle)
    made.set_mode(ua.MonitoringMode.Reporting)
    for value in range(1, queued):
        space.assign(node, AttributeIds.Value, data_value(value, ua.VariantType.Int32))
    subscription.items[handle] = made


async def test_what_does_not_fit_is_told_first_by_the_next_message() -> None:
    answers: list[bytes] = []
    limits = Limits()
    terms = Terms(interval=60, life=100, keep_alive=10, per_message=3, priority=0)
    budget = Budget(10**6, 10**6)
    subscription = Subscription(1, (None, ""), terms, limits, budget, lambda _: None)
    subscription.attach(ua_id(1), PublishQueue(10), bool)
    space = TraceAddressSpace()
    for handle, queued in ((7, 1), (8, 4), (9, 1), (10, 1)):
        item(subscription, space, handle, queued)
    assert budget.count == 7
    more = []
    for _ in range(3):
        request = PublishRequest(1, [], answers.append, lambda _: None, None, None)
        more.append(subscription.publish(request))
    subscription.close()
    assert more == [True, True, False]
    assert budget.count == 0
    told = [_handles(answer) for answer in answers]
    assert told == [[7, 8, 8], [8, 8, 9], [10]]


def _handles(answer: bytes) -> list[int]:
    response = struct_from_binary(ua.PublishResponse, Buffer(answer))
    (part,) = response.Parameters.NotificationMessage.NotificationData
    return [int(one.ClientHandle) for one in part.MonitoredItems]
