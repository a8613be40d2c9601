"""Subscriptions and monitored items: clamped, bounded, and sharing what they send.

asyncua copies every value deeply for every subscriber and keeps without bound for a client that is
gone. Here values are immutable and shared, an event's fields are built once for each distinct
select clause, and each subscription holds at most `MAX_QUEUED` notifications.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AddressSpace
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.events import Event
from tracenode.server.opcua.monitored import Fields, TraceItems
from tracenode.server.opcua.types import TypeTree

__all__ = ["TraceSubscription", "TraceSubscriptions"]

S = StatusCodes

MIN_INTERVAL_MS, DEFAULT_INTERVAL_MS, MAX_INTERVAL_MS = 50.0, 1000.0, 3_600_000.0
"""Publishing intervals that a client can have; 0 asks for the shortest, NaN gets the default."""
MAX_KEEP_ALIVE_MS = 60_000.0
MAX_LIFETIME_MS = 600_000.0
"""A subscription whose client stays away this long is deleted (at least three keep-alives)."""
MAX_SUBSCRIPTIONS_PER_SESSION = 50
MAX_QUEUED = 20_000
"""Notifications that one subscription holds; past it the item's oldest goes."""
MAX_PER_MESSAGE = 1_000
"""Notifications in one message; the rest follows with the next Publish request."""


class TraceSubscription(InternalSubscription):
    """One subscription; what it holds for a silent client is bounded."""

    def __init__(self, *args: Any, types: TypeTree, per_message: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._per_message = min(per_message or MAX_PER_MESSAGE, MAX_PER_MESSAGE)
        self._queued = 0
        self.items = TraceItems(self, self.monitored_item_srv.aspace, types)
        self.monitored_item_srv = self.items

    async def _enqueue_event(
        self, mid: int, eventdata: Any, size: int, queue: dict[int, list[Any]]
    ) -> None:
        held = queue.get(mid)
        if held is None:
            self._queued += 1
            await super()._enqueue_event(mid, eventdata, size, queue)
            return
        if (size and len(held) >= size) or self._queued >= MAX_QUEUED:
            del held[0]
        else:
            self._queued += 1
        held.append(eventdata)

    async def publish_results(self, requestdata: Any = None) -> bool:
        """Send what is queued, in as many messages as there are Publish requests for."""
        sent = await super().publish_results(requestdata)
        while sent and self._queued and self._publishing_enabled:
            if not await super().publish_results():
                break
        return sent

    def _pop_publish_result(self) -> ua.PublishResult:
        result = super()._pop_publish_result()
        result.MoreNotifications = bool(self._queued) and self._publishing_enabled
        return result

    def _pop_triggered_datachanges(self, result: ua.PublishResult) -> None:
        taken = self._take(self._triggered_datachanges, self._per_message)
        if taken:
            notification = ua.DataChangeNotification()
            notification.MonitoredItems = taken
            result.NotificationMessage.NotificationData.append(notification)

    def _pop_triggered_events(self, result: ua.PublishResult) -> None:
        before = result.NotificationMessage.NotificationData
        room = self._per_message - (len(before[0].MonitoredItems) if before else 0)
        taken = self._take(self._triggered_events, room)
        if taken:
            notification = ua.EventNotificationList()
            notification.Events = taken
            result.NotificationMessage.NotificationData.append(notification)

    def _take(self, queue: dict[int, list[Any]], room: int) -> list[Any]:
        taken: list[Any] = []
        while queue and room > len(taken):
            item_id = next(iter(queue))
            held = queue[item_id]
            part = held[: room - len(taken)]
            taken += part
            if len(part) == len(held):
                del queue[item_id]
            else:
                del held[: len(part)]
        self._queued -= len(taken)
        return taken

    def republish(self, nb: int) -> ua.NotificationMessage:
        """Return a message that was not acknowledged; it stays until it is.

        Raises:
            ServiceError: BadMessageNotAvailable.
        """
        result = self._not_acknowledged_results.get(nb)
        if result is None:
            raise ServiceError(S.BadMessageNotAvailable)
        message: ua.NotificationMessage = result.NotificationMessage
        return message

    @property
    def unacknowledged(self) -> list[int]:
        """Sequence numbers that can be asked for again."""
        return sorted(self._not_acknowledged_results)

    async def resend(self) -> None:
        """Queue the current value of every data item (after a transfer)."""
        for handle, item_id in list(self.items._monitored_datachange.items()):
            item = self.items._monitored_items[item_id]
            if item.read_value_id is not None:
                item.mvalue.current_dvalue = None
                target = item.read_value_id
                await self.items.trigger_datachange(handle, target.NodeId, target.AttributeId)


class TraceSubscriptions(SubscriptionService):
    """All subscriptions of the server."""

    def __init__(self, space: AddressSpace, iserver: Any, types: TypeTree) -> None:
        super().__init__(space, iserver)
        self._types = types

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        session_id: ua.NodeId,
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        """Create one with what it asked for brought into bounds (OPC 10000-4 5.14.2).

        Raises:
            ServiceError: BadTooManySubscriptions.
        """
        assert self.iserver is not None
        own = sum(sub.session_id == session_id for sub in self.subscriptions.values())
        external = request_callback is not None
        if len(self.subscriptions) >= self.iserver.max_subscriptions or (
            external and own >= MAX_SUBSCRIPTIONS_PER_SESSION
        ):
            raise ServiceError(S.BadTooManySubscriptions)
        result = _revised(params) if external else _as_asked(params)
        self._sub_id_counter += 1
        number = result.SubscriptionId = ua.UInt32(self._sub_id_counter)
        subscription = TraceSubscription(
            result,
            self.aspace,
            callback,
            session_id,
            request_callback=request_callback,
            delete_callback=lambda: self.subscriptions.pop(number, None),
            no_acks_limit=self.iserver.max_unacked_messages_per_subscription,
            max_queue_size=self.iserver.max_monitored_item_queue_size,
            publishing_enabled=params.PublishingEnabled,
            types=self._types,
            per_message=int(params.MaxNotificationsPerPublish),
        )
        await subscription.start()
        self.subscriptions[number] = subscription
        return result

    async def fan_out(self, event: Event, notifiers: frozenset[ua.NodeId]) -> None:
        """Queue `event` everywhere it is wanted; its fields are built once per selection."""
        built: Fields = {}
        for subscription in list(self.subscriptions.values()):
            if isinstance(subscription, TraceSubscription):
                await subscription.items.hear(event, notifiers, built)

    async def trigger_event(self, event: Any, subscription_id: int | None = None) -> None:
        """Not a way in: asyncua's own event objects have no place here; use `EventBus.emit`."""
        raise TypeError(f"expected EventBus.emit, found trigger_event({type(event).__name__})")


def _revised(params: ua.CreateSubscriptionParameters) -> ua.CreateSubscriptionResult:
    asked = float(params.RequestedPublishingInterval)
    interval = DEFAULT_INTERVAL_MS if math.isnan(asked) else asked
    interval = min(max(interval, MIN_INTERVAL_MS), MAX_INTERVAL_MS)
    keep_alive = min(params.RequestedMaxKeepAliveCount or 10, int(MAX_KEEP_ALIVE_MS // interval))
    keep_alive = max(keep_alive, 1)
    lifetime = min(params.RequestedLifetimeCount or 60, int(MAX_LIFETIME_MS // interval))
    result = ua.CreateSubscriptionResult()
    result.RevisedPublishingInterval = interval
    result.RevisedMaxKeepAliveCount = ua.UInt32(keep_alive)
    result.RevisedLifetimeCount = ua.UInt32(max(lifetime, 3 * keep_alive))
    return result


def _as_asked(params: ua.CreateSubscriptionParameters) -> ua.CreateSubscriptionResult:
    result = ua.CreateSubscriptionResult()
    result.RevisedPublishingInterval = params.RequestedPublishingInterval
    result.RevisedMaxKeepAliveCount = params.RequestedMaxKeepAliveCount
    result.RevisedLifetimeCount = params.RequestedLifetimeCount
    return result
