"""Monitored items are made, changed, switched and deleted (OPC 10000-4 5.13)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.limits import Limits, check_operations
from tracenode.server.opcua.nodes.ranges import BadIndexRange, parsed
from tracenode.server.opcua.nodes.reading import encoding_code
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.deadband import (
    ChangeFilter,
    FilterRefused,
    change_filter,
)
from tracenode.server.opcua.subscriptions.filters import EventFilters, FilterOutcome
from tracenode.server.opcua.subscriptions.items import HANDLE, DataItem, EventItem, Item
from tracenode.server.opcua.subscriptions.listeners import Listeners
from tracenode.server.opcua.subscriptions.sampling import Sampler, Samplers, revised_interval
from tracenode.server.opcua.subscriptions.subscription import Subscription
from tracenode.server.opcua.subscriptions.targets import Target

__all__ = ["Agreed", "MonitoredItems", "Plain", "Watcher"]

S = StatusCodes
A = AttributeIds


class Watcher(Protocol):
    """A session, as far as its right to watch is asked."""

    def may_watch(self, node_id: ua.NodeId, attribute: int) -> int | None:
        """Return why the attribute can't be watched, None where it may be."""
        ...


class Plain(NamedTuple):
    """What is asked of items that watch whole values; the interval in ms. Without a deadband."""

    mode: ua.MonitoringMode
    interval: float
    filter: ChangeFilter
    size: int
    discard_oldest: bool


class Agreed(NamedTuple):
    """What such items get."""

    mode: ua.MonitoringMode
    timestamps: ua.TimestampsToReturn
    interval: float
    sampler: Sampler | None
    filter: ChangeFilter
    size: int
    discard_oldest: bool


class MonitoredItems:
    """The services of monitored items, for the items of any subscription."""

    def __init__(
        self, space: TraceAddressSpace, types: TypeTree, limits: Limits, listeners: Listeners
    ) -> None:
        self._space = space
        self._types = types
        self._limits = limits
        self._listeners = listeners
        self.filters = EventFilters(types, limits)
        self.samplers = Samplers()
        self.count = 0
        """Items of all subscriptions."""

    # ------------------------------------------------------------------ create
    def create(
        self,
        watcher: Watcher,
        subscription: Subscription,
        wanted: Sequence[ua.MonitoredItemCreateRequest],
        timestamps: ua.TimestampsToReturn,
    ) -> list[ua.MonitoredItemCreateResult]:
        """Make items, each with a result of its own."""
        check_operations(wanted, self._limits.monitored_items_per_call)
        return [self.create_one(watcher, subscription, one, timestamps) for one in wanted]

    def room(self, subscription: Subscription) -> int:
        """Return how many more items a subscription may have."""
        limits = self._limits
        own = limits.monitored_items_per_subscription - len(subscription.items)
        return min(own, limits.monitored_items - self.count)

    def create_one(
        self,
        watcher: Watcher,
        subscription: Subscription,
        wanted: ua.MonitoredItemCreateRequest,
        timestamps: ua.TimestampsToReturn,
    ) -> ua.MonitoredItemCreateResult:
        """Make one item; its result says why it can't be made."""
        target = wanted.ItemToMonitor
        code = self._refusal(watcher, target)
        if code is None and self.room(subscription) <= 0:
            code = S.BadTooManyMonitoredItems
        if code is not None:
            return ua.MonitoredItemCreateResult(StatusCode=ua_status(code))
        result = ua.MonitoredItemCreateResult()
        made = Target(
            self._space, target.NodeId, AttributeIds(target.AttributeId), target.IndexRange or None
        )
        item: Item
        number = subscription.new_number()
        if target.AttributeId == A.EventNotifier:
            listeners = self._listeners
            item = EventItem(
                number, subscription, made, listeners.add, listeners.remove, listeners.overflow
            )
        else:
            item = DataItem(number, subscription, made)
        refused = self._set(item, subscription, wanted.RequestedParameters, timestamps, result)
        if refused is not None:
            result.StatusCode = ua_status(refused)
            return result
        result.MonitoredItemId = ua.UInt32(number)
        self._begin(item, subscription, wanted.MonitoringMode)
        return result

    def agreed(
        self, subscription: Subscription, asked: Plain, timestamps: ua.TimestampsToReturn
    ) -> Agreed:
        """Bring what is asked of items, whose values are not polled, into bounds."""
        interval = self._revised(subscription, asked.interval)
        return Agreed(
            asked.mode,
            timestamps,
            interval,
            self.samplers.of(interval),
            asked.filter,
            min(max(asked.size, 1), self._limits.queue_size),
            asked.discard_oldest,
        )

    def create_plain(
        self, subscription: Subscription, target: Target, head: bytes, agreed: Agreed
    ) -> int:
        """Make an item that nothing speaks against: there is `room`, and its target may be watched
        and is not polled. `head` is the client's handle as bytes. Returns the item's number."""
        number = subscription.new_number()
        item = DataItem(number, subscription, target, agreed.size, agreed.discard_oldest)
        item.head, item.filter = head, agreed.filter
        item.timestamps, item.sampler = agreed.timestamps, agreed.sampler
        self._begin(item, subscription, agreed.mode)
        return number

    def _begin(self, item: Item, subscription: Subscription, mode: ua.MonitoringMode) -> None:
        subscription.items[item.number] = item
        self.count += 1
        item.set_mode(mode)

    def _refusal(self, watcher: Watcher, target: ua.ReadValueId) -> int | None:
        node = self._space.get(target.NodeId)
        if node is None:
            return int(S.BadNodeIdUnknown)
        cell = node.attributes.get(target.AttributeId)
        if cell is None:
            return int(S.BadAttributeIdInvalid)
        refused = watcher.may_watch(target.NodeId, int(target.AttributeId))
        if refused is not None:
            return refused
        if target.AttributeId == A.EventNotifier:
            held = self._space.read_attribute_value(target.NodeId, A.EventNotifier).Value
            listens = (
                held is not None and (held.Value or 0) & ua.EventNotifier.SubscribeToEvents.mask
            )
            return None if listens else int(S.BadAttributeIdInvalid)
        if target.IndexRange:
            try:
                parsed(target.IndexRange)
            except BadIndexRange as e:
                return e.status
        return encoding_code(target, self._space)

    # ------------------------------------------------------------------ parameters
    def _set(
        self,
        item: Item,
        subscription: Subscription,
        asked: ua.MonitoringParameters,
        timestamps: ua.TimestampsToReturn,
        result: ua.MonitoredItemCreateResult | ua.MonitoredItemModifyResult,
    ) -> int | None:
        """Give an item its parameters and tell the revised ones; returns why it can't have them."""
        size = int(asked.QueueSize)
        if isinstance(item, EventItem):
            refused = self._set_event_filter(item, self.filters.compiled(asked.Filter), result)
            if refused is not None:
                return refused
            size = size if size > 1 else self._limits.event_queue_size
            result.RevisedSamplingInterval = 0.0
        elif isinstance(item, DataItem):
            try:
                item.filter = change_filter(asked.Filter, item.target, self._space, self._types)
            except FilterRefused as e:
                return e.status
            interval = self._interval(item, subscription, float(asked.SamplingInterval))
            result.RevisedSamplingInterval = interval
            item.use(self.samplers.of(interval))
            item.timestamps = timestamps
        size = min(max(size, 1), self._limits.queue_size)
        item.resize(size, bool(asked.DiscardOldest))
        item.released = min(item.released, len(item.entries))
        item.head = HANDLE.pack(asked.ClientHandle)
        result.RevisedQueueSize = ua.UInt32(size)
        return None

    def _set_event_filter(
        self,
        item: EventItem,
        outcome: FilterOutcome,
        result: ua.MonitoredItemCreateResult | ua.MonitoredItemModifyResult,
    ) -> int | None:
        if outcome.result is not None:
            told: Any = outcome.result
            result.FilterResult = told
        if outcome.compiled is None:
            return outcome.status
        if item.filter is not outcome.compiled:
            self._listeners.remove(item)
            item.filter = outcome.compiled
            if item.mode != ua.MonitoringMode.Disabled:
                self._listeners.add(item)
        return None

    def _interval(self, item: DataItem, subscription: Subscription, asked: float) -> float:
        interval = self._revised(subscription, asked)
        return (
            max(interval, self._limits.default_publishing_ms) if item.target.is_polled else interval
        )

    def _revised(self, subscription: Subscription, asked: float) -> float:
        limits = self._limits
        publishing = subscription.terms.interval * 1000
        return revised_interval(asked, publishing, limits.min_sampling_ms, limits.max_publishing_ms)

    # ------------------------------------------------------------------ modify, switch, delete
    def modify(
        self,
        subscription: Subscription,
        wanted: Sequence[ua.MonitoredItemModifyRequest],
        timestamps: ua.TimestampsToReturn,
    ) -> list[ua.MonitoredItemModifyResult]:
        """Give items other parameters; what is queued stays as far as it fits."""
        check_operations(wanted, self._limits.monitored_items_per_call)
        results = []
        for one in wanted:
            result = ua.MonitoredItemModifyResult()
            item = subscription.items.get(int(one.MonitoredItemId))
            if item is None:
                result.StatusCode = ua_status(S.BadMonitoredItemIdInvalid)
            else:
                code = self._set(item, subscription, one.RequestedParameters, timestamps, result)
                result.StatusCode = ua_status(code or S.Good)
            results.append(result)
        return results

    def set_mode(
        self, subscription: Subscription, ids: Sequence[int], mode: ua.MonitoringMode
    ) -> list[ua.StatusCode]:
        """Disable items, let them sample, or let them report."""
        check_operations(ids, self._limits.monitored_items_per_call)
        results = []
        for item, code in _found(subscription, ids):
            if item is not None and item.mode != mode:
                item.set_mode(mode)
            results.append(ua_status(code))
        return results

    def delete(self, subscription: Subscription, ids: Sequence[int]) -> list[ua.StatusCode]:
        """Delete items; what they had queued is gone."""
        check_operations(ids, self._limits.monitored_items_per_call)
        results = []
        for item, code in _found(subscription, ids):
            if item is not None:
                del subscription.items[item.number]
                item.close()
                self.count -= 1
            results.append(ua_status(code))
        subscription.tidy()
        return results

    def recheck(self, watcher: Watcher, subscription: Subscription) -> None:
        """Drop the items that the session which has taken the subscription over may not watch."""
        for number, item in list(subscription.items.items()):
            target = item.target
            if watcher.may_watch(target.node_id, int(target.attribute)) is not None:
                self.delete(subscription, [number])

    def delete_all(self, subscription: Subscription) -> None:
        """The subscription ends."""
        self.count -= len(subscription.items)


def _found(subscription: Subscription, ids: Sequence[int]) -> Iterable[tuple[Item | None, int]]:
    for number in ids:
        item = subscription.items.get(int(number))
        yield item, int(S.Good if item is not None else S.BadMonitoredItemIdInvalid)
