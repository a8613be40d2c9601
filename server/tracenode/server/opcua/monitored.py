"""Monitored items of one subscription: values are shared, events are filtered and laid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AddressSpace
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemData, MonitoredItemService
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.events import Event
from tracenode.server.opcua.filters import BadFilter, WhereClause, field_name
from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.ranges import sliced
from tracenode.server.opcua.types import TypeTree

__all__ = ["Fields", "TraceItems"]

S = StatusCodes

MAX_ITEMS_PER_SUBSCRIPTION = 20_000
MAX_ITEMS_PER_CALL = 10_000
EVENT_QUEUE = 1_000
"""Queue of an event item that asks for 0 (default) or 1 (the server's minimum)."""

Selection = tuple[str | None, ...]
Fields = dict[Selection, list[ua.Variant]]


class TraceItems(MonitoredItemService):
    """The monitored items of one subscription."""

    def __init__(
        self, subscription: InternalSubscription, space: AddressSpace, types: TypeTree
    ) -> None:
        super().__init__(subscription, space)
        self._types = types
        self._clauses: dict[int, tuple[WhereClause, Selection]] = {}

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        wanted = params.ItemsToCreate
        if not wanted:
            raise ServiceError(S.BadNothingToDo)
        if len(wanted) > MAX_ITEMS_PER_CALL:
            raise ServiceError(S.BadTooManyOperations)
        room = MAX_ITEMS_PER_SUBSCRIPTION - len(self._monitored_items)
        results: list[ua.MonitoredItemCreateResult] = []
        for item in wanted:
            code = S.BadTooManyMonitoredItems if len(results) >= room else self._refusal(item)
            if code is not None:
                results.append(ua.MonitoredItemCreateResult(StatusCode=ua_status(code)))
            elif item.ItemToMonitor.AttributeId == AttributeIds.EventNotifier:
                results.append(self._create_events_monitored_item(item))
            else:
                results.append(await self._create_data_change_monitored_item(item))
        return results

    def _refusal(self, item: ua.MonitoredItemCreateRequest) -> int | None:
        """Return why an item can't be watched; reading and watching ask for the same right."""
        target = item.ItemToMonitor
        node = self.aspace.get(target.NodeId)
        if node is None:
            return int(S.BadNodeIdUnknown)
        if target.AttributeId != AttributeIds.Value:
            return None
        access = self.aspace.read_attribute_value(target.NodeId, AttributeIds.AccessLevel)
        readable = access.Value is not None and bool(
            (access.Value.Value or 0) & ua.AccessLevel.CurrentRead.mask
        )
        return None if readable or access.Value is None else int(S.BadNotReadable)

    # ------------------------------------------------------------------ data changes
    def _revise_queue_size(self, requested: int) -> int:
        return min(max(int(requested), 1), self.isub.max_queue_size)

    async def datachange_callback(
        self, handle: int, value: ua.DataValue | None, error: ua.StatusCode | None = None
    ) -> None:
        """Queue a new value for the item behind `handle`; values are shared, never copied."""
        item = self._monitored_items.get(self._monitored_datachange.get(handle, -1))
        if item is None or item.mode == ua.MonitoringMode.Disabled:
            return
        if value is None:
            value = ua.DataValue(StatusCode=error or ua_status(S.BadNoData))
        if item.read_value_id is not None and item.read_value_id.IndexRange:
            value = sliced(value, item.read_value_id.IndexRange)
        if not _reportable(item, value):
            return
        item.mvalue.current_dvalue = value
        note = ua.MonitoredItemNotification()
        note.ClientHandle, note.Value = item.client_handle, value
        if item.monitored_item_id is not None:
            await self.isub.enqueue_datachange_event(item.monitored_item_id, note, item.queue_size)

    # ------------------------------------------------------------------ events
    def _create_events_monitored_item(
        self, params: ua.MonitoredItemCreateRequest
    ) -> ua.MonitoredItemCreateResult:
        result, item = self._make_monitored_item_common(params)
        requested = int(params.RequestedParameters.QueueSize)
        item.queue_size = min(requested if requested > 1 else EVENT_QUEUE, self.isub.max_queue_size)
        result.RevisedQueueSize = ua.UInt32(item.queue_size)
        node_id = params.ItemToMonitor.NodeId
        notifier = self.aspace.read_attribute_value(node_id, AttributeIds.EventNotifier).Value
        if notifier is None or not (notifier.Value or 0) & ua.EventNotifier.SubscribeToEvents.mask:
            return _refused(S.BadAttributeIdInvalid)
        if not isinstance(item.filter, ua.EventFilter) or not item.filter.SelectClauses:
            return _refused(S.BadEventFilterInvalid)
        try:
            where = WhereClause(item.filter.WhereClause.Elements, self._types)
        except BadFilter:
            return _refused(S.BadEventFilterInvalid)
        self._clauses[result.MonitoredItemId] = where, _selection(item.filter.SelectClauses)
        self._commit_monitored_item(result, item)
        self._monitored_events.setdefault(node_id, []).append(result.MonitoredItemId)
        return result

    def _modify_monitored_item(
        self, params: ua.MonitoredItemModifyRequest
    ) -> ua.MonitoredItemModifyResult:
        item = self._monitored_items.get(params.MonitoredItemId)
        result = ua.MonitoredItemModifyResult()
        if item is None:
            result.StatusCode = ua_status(S.BadMonitoredItemIdInvalid)
            return result
        wanted = params.RequestedParameters
        if params.MonitoredItemId in self._clauses and isinstance(wanted.Filter, ua.EventFilter):
            try:
                where = WhereClause(wanted.Filter.WhereClause.Elements, self._types)
            except BadFilter:
                result.StatusCode = ua_status(S.BadEventFilterInvalid)
                return result
            self._clauses[params.MonitoredItemId] = where, _selection(wanted.Filter.SelectClauses)
        item.filter = wanted.Filter
        item.client_handle = wanted.ClientHandle
        item.queue_size = self._revise_queue_size(wanted.QueueSize)
        result.RevisedSamplingInterval = self.isub.data.RevisedPublishingInterval
        result.RevisedQueueSize = ua.UInt32(item.queue_size)
        return result

    def _delete_monitored_items(self, mid: int) -> ua.StatusCode:
        self._clauses.pop(mid, None)
        return super()._delete_monitored_items(mid)

    async def hear(self, event: Event, notifiers: frozenset[ua.NodeId], built: Fields) -> None:
        """Queue `event` for every item on one of `notifiers` whose filter lets it pass."""
        for node_id in notifiers & self._monitored_events.keys():
            for item_id in self._monitored_events[node_id]:
                item = self._monitored_items[item_id]
                where, selection = self._clauses[item_id]
                if item.mode != ua.MonitoringMode.Reporting or not where.passes(event):
                    continue
                fields = built.get(selection)
                if fields is None:
                    fields = [
                        ua.Variant(None) if name is None else event.variant(name)
                        for name in selection
                    ]
                    built[selection] = fields
                note = ua.EventFieldList()
                note.ClientHandle, note.EventFields = item.client_handle, fields
                await self.isub.enqueue_event(item_id, note, item.queue_size)


def _selection(clauses: Sequence[ua.SimpleAttributeOperand]) -> Selection:
    """Return the field names to send; None where a clause asks for what no event has."""
    return tuple(
        field_name(clause.BrowsePath)
        if clause.BrowsePath and clause.AttributeId == AttributeIds.Value
        else None
        for clause in clauses
    )


def _reportable(item: MonitoredItemData, value: ua.DataValue) -> bool:
    """True where `value` differs enough from the one reported last (OPC 10000-4 7.22.2)."""
    last = item.mvalue.current_dvalue
    if last is None:
        return True
    asked = item.filter if isinstance(item.filter, ua.DataChangeFilter) else None
    trigger = ua.DataChangeTrigger.StatusValue if asked is None else asked.Trigger
    if last.StatusCode != value.StatusCode:
        return True
    if trigger == ua.DataChangeTrigger.Status:
        return False
    if (
        trigger == ua.DataChangeTrigger.StatusValueTimestamp
        and last.SourceTimestamp != value.SourceTimestamp
    ):
        return True
    if last.Value == value.Value:
        return False
    if asked is None or asked.DeadbandType != ua.DeadbandType.Absolute:
        return True
    return _beyond(last.Value, value.Value, asked.DeadbandValue)


def _beyond(last: ua.Variant | None, fresh: ua.Variant | None, deadband: float) -> bool:
    before = None if last is None else last.Value
    now = None if fresh is None else fresh.Value
    pairs: list[tuple[Any, Any]]
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            return True
        pairs = list(zip(before, now, strict=True))
    else:
        pairs = [(before, now)]
    for left, right in pairs:
        if isinstance(left, int | float) and isinstance(right, int | float):
            if not abs(right - left) <= deadband:  # a NaN is beyond every band
                return True
        elif left != right:
            return True
    return False


def _refused(code: int) -> ua.MonitoredItemCreateResult:
    return ua.MonitoredItemCreateResult(StatusCode=ua_status(code))
