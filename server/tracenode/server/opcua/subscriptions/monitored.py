"""Monitored items are made, changed, switched and deleted (OPC 10000-4 5.13)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.limits import Limits, check_operations
from tracenode.server.opcua.nodes.ranges import BadIndexRange, parsed
from tracenode.server.opcua.nodes.reading import encoding_code
from tracenode.server.opcua.nodes.samples import Sample
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.deadband import FilterRefused, change_filter
from tracenode.server.opcua.subscriptions.filters import EventFilters, FilterOutcome
from tracenode.server.opcua.subscriptions.items import DataItem, EventItem, Item
from tracenode.server.opcua.subscriptions.listeners import Listeners
from tracenode.server.opcua.subscriptions.sampling import Samplers, revised_interval
from tracenode.server.opcua.subscriptions.subscription import Subscription

__all__ = ["MonitoredItems", "Watcher"]

S = StatusCodes
A = AttributeIds


class Watcher(Protocol):
    """A session, as far as its right to watch is asked."""

    def may_watch(self, node_id: ua.NodeId, attribute: int) -> int | None:
        """Return why the attribute can't be watched, None where it may be."""
        ...


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
        return [self._create(watcher, subscription, one, timestamps) for one in wanted]

    def _create(
        self,
        watcher: Watcher,
        subscription: Subscription,
        wanted: ua.MonitoredItemCreateRequest,
        timestamps: ua.TimestampsToReturn,
    ) -> ua.MonitoredItemCreateResult:
        target = wanted.ItemToMonitor
        code = self._refusal(watcher, target)
        if code is None and (
            len(subscription.items) >= self._limits.monitored_items_per_subscription
            or self.count >= self._limits.monitored_items
        ):
            code = S.BadTooManyMonitoredItems
        if code is not None:
            return ua.MonitoredItemCreateResult(StatusCode=ua_status(code))
        result = ua.MonitoredItemCreateResult()
        item: Item
        number = subscription.new_number()
        if target.AttributeId == A.EventNotifier:
            item = EventItem(
                number,
                subscription,
                target,
                self._listeners.add,
                self._listeners.remove,
                self._listeners.overflow,
            )
        else:
            item = self._data_item(number, subscription, target)
        refused = self._set(item, subscription, wanted.RequestedParameters, timestamps, result)
        if refused is not None:
            result.StatusCode = ua_status(refused)
            return result
        result.MonitoredItemId = ua.UInt32(number)
        subscription.items[number] = item
        self.count += 1
        item.set_mode(wanted.MonitoringMode)
        return result

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

    def _data_item(
        self, number: int, subscription: Subscription, target: ua.ReadValueId
    ) -> DataItem:
        space, attribute = self._space, AttributeIds(target.AttributeId)

        def watch(changed: Any) -> int:
            return space.add_datachange_callback(target.NodeId, attribute, changed)[1]

        def read() -> tuple[Sample, bool]:
            node = space.get(target.NodeId)
            cell = None if node is None else node.attributes.get(attribute)
            value = space.read_attribute_value(target.NodeId, attribute)
            return Sample(value), cell is not None and cell.value_callback is not None

        return DataItem(number, subscription, target, watch, space.delete_datachange_callback, read)

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
        item.queue.resize(size, bool(asked.DiscardOldest))
        item.released = min(item.released, len(item.queue))
        item.handle = int(asked.ClientHandle)
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
        limits = self._limits
        publishing = subscription.terms.interval * 1000
        shortest, longest = limits.min_sampling_ms, limits.max_publishing_ms
        interval = revised_interval(asked, publishing, shortest, longest)
        node = self._space.get(item.target.NodeId)
        cell = None if node is None else node.attributes.get(AttributeIds(item.target.AttributeId))
        is_polled = cell is not None and cell.value_callback is not None
        return max(interval, limits.default_publishing_ms) if is_polled else interval

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
        return results

    def recheck(self, watcher: Watcher, subscription: Subscription) -> None:
        """Drop the items that the session which has taken the subscription over may not watch."""
        for number, item in list(subscription.items.items()):
            target = item.target
            if watcher.may_watch(target.NodeId, int(target.AttributeId)) is not None:
                self.delete(subscription, [number])

    def delete_all(self, subscription: Subscription) -> None:
        """The subscription ends."""
        self.count -= len(subscription.items)


def _found(subscription: Subscription, ids: Sequence[int]) -> Iterable[tuple[Item | None, int]]:
    for number in ids:
        item = subscription.items.get(int(number))
        yield item, int(S.Good if item is not None else S.BadMonitoredItemIdInvalid)
