"""When a new value is reported: data change filters (OPC 10000-4 7.22.2, deadbands 10000-8 6.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaprotocol_auto import DataChangeFilter  # what is decoded; ua's is a subclass

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import attribute
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.targets import Target

__all__ = ["ANY_CHANGE", "TRIGGERS", "ChangeFilter", "FilterRefused", "change_filter"]

S = StatusCodes
TRIGGER = ua.DataChangeTrigger
NUMBER = ua_id(ObjectIds.Number)
EU_RANGE = "EURange"


class FilterRefused(ValueError):
    """A filter can't be used on this item; `status` is the StatusCode of the item."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """What counts as a change. `band` is absolute, in the unit of the value; None: every change."""

    trigger: ua.DataChangeTrigger = TRIGGER.StatusValue
    band: float | None = None

    def passes(self, last: ua.DataValue, fresh: ua.DataValue) -> bool:
        """True where `fresh` differs enough from `last`, the value reported last."""
        if last.StatusCode != fresh.StatusCode:
            return True
        if self.trigger == TRIGGER.Status:
            return False
        before, now = last.Value, fresh.Value
        if before is None or now is None or before.VariantType != now.VariantType:
            return before is not now
        if self.band is not None:  # time stamps do not count with a deadband
            return _beyond(before.Value, now.Value, self.band)
        if not _same(before.Value, now.Value):
            return True
        return (
            self.trigger == TRIGGER.StatusValueTimestamp
            and last.SourceTimestamp != fresh.SourceTimestamp
        )


TRIGGERS: Final = {int(trigger): ChangeFilter(trigger) for trigger in TRIGGER}
"""The filters without a deadband."""
ANY_CHANGE: Final = TRIGGERS[TRIGGER.StatusValue]


def change_filter(
    wanted: object, target: Target, space: TraceAddressSpace, types: TypeTree
) -> ChangeFilter:
    """Return what a client's filter means for an item that watches `target`.

    Raises:
        FilterRefused: BadFilterNotAllowed (not a value, not a number, a filter for events),
            BadMonitoredItemFilterUnsupported (percent without EURange, aggregates),
            BadDeadbandFilterInvalid (negative, NaN, above 100 %, unknown kind).
    """
    if wanted is None or (isinstance(wanted, ua.ExtensionObject) and wanted.TypeId.is_null()):
        return ANY_CHANGE
    if isinstance(wanted, ua.EventFilter):
        raise FilterRefused(S.BadFilterNotAllowed, "an EventFilter on what is no event")
    if not isinstance(wanted, DataChangeFilter):
        raise FilterRefused(S.BadMonitoredItemFilterUnsupported, type(wanted).__name__)
    if target.attribute != AttributeIds.Value:
        raise FilterRefused(S.BadFilterNotAllowed, "a filter on an attribute other than Value")
    kind, amount = int(wanted.DeadbandType), float(wanted.DeadbandValue)
    if kind == ua.DeadbandType.None_:
        return TRIGGERS[int(wanted.Trigger)]
    if kind not in (ua.DeadbandType.Absolute, ua.DeadbandType.Percent):
        raise FilterRefused(S.BadDeadbandFilterInvalid, f"deadband of kind {kind}")
    if not amount >= 0 or math.isinf(amount):
        raise FilterRefused(S.BadDeadbandFilterInvalid, f"expected 0 or more, was {amount}")
    node = space.get(target.node_id)
    data_type = None if node is None else attribute(node, AttributeIds.DataType)
    if data_type is None or not types.is_a(data_type, NUMBER):
        raise FilterRefused(S.BadFilterNotAllowed, "a deadband on what is no number")
    if kind == ua.DeadbandType.Percent:
        if amount > 100:
            raise FilterRefused(S.BadDeadbandFilterInvalid, f"expected 0 to 100 %, was {amount}")
        span = _span(target.node_id, space)
        if span is None:
            raise FilterRefused(S.BadMonitoredItemFilterUnsupported, "percent without EURange")
        amount = amount / 100 * span
    return ChangeFilter(wanted.Trigger, amount)


def _span(node_id: ua.NodeId, space: TraceAddressSpace) -> float | None:
    """Return High - Low of the EURange of an analog variable."""
    node = space.get(node_id)
    for link in () if node is None else node.references:
        if link.IsForward and link.BrowseName.Name == EU_RANGE:
            held = space.get(link.NodeId)
            found = None if held is None else attribute(held, AttributeIds.Value)
            if isinstance(found, ua.Range):
                return abs(float(found.High) - float(found.Low))
    return None


def _pairs(before: Any, now: Any) -> Iterable[tuple[Any, Any]] | None:
    if not isinstance(before, list) and not isinstance(now, list):
        return ((before, now),)
    if not isinstance(before, list) or not isinstance(now, list) or len(before) != len(now):
        return None
    flat: list[tuple[Any, Any]] = []
    for left, right in zip(before, now, strict=True):
        inner = _pairs(left, right)
        if inner is None:
            return None
        flat.extend(inner)
    return flat


def _beyond(before: Any, now: Any, band: float) -> bool:
    """True where any element moved by more than `band`; NaN is beyond every number."""
    pairs = _pairs(before, now)
    if pairs is None:
        return True
    for left, right in pairs:
        if isinstance(left, int | float) and isinstance(right, int | float):
            if math.isnan(left) and math.isnan(right):
                continue
            if left != right and not abs(right - left) <= band:
                return True
        elif left != right:
            return True
    return False


def _same(before: Any, now: Any) -> bool:
    """True for equal values; NaN equals NaN, lest it be reported with every sample."""
    if before == now:
        return True
    if isinstance(before, float) and isinstance(now, float):
        return math.isnan(before) and math.isnan(now)
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return all(_same(left, right) for left, right in zip(before, now, strict=True))
    return False
