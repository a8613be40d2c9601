"""Items that let others report: SetTriggering (OPC 10000-4 5.13.1.6, 5.13.5)."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.subscriptions.items import Item
from tracenode.server.opcua.subscriptions.subscription import Subscription

__all__ = ["set_triggering"]

S = StatusCodes


def set_triggering(
    subscription: Subscription,
    triggering: int,
    add: Sequence[int],
    remove: Sequence[int],
    limit: int,
) -> tuple[list[ua.StatusCode], list[ua.StatusCode]]:
    """Change which items an item triggers; returns the results of adding and of removing.

    Links are removed before others are added. A triggered item that samples reports what it has
    queued whenever the triggering item, sampling or reporting, has queued something.

    Raises:
        ServiceError: BadMonitoredItemIdInvalid (of the triggering item), BadNothingToDo,
            BadTooManyOperations.
    """
    if not add and not remove:
        raise ServiceError(S.BadNothingToDo)
    if len(add) + len(remove) > limit:
        raise ServiceError(S.BadTooManyOperations)
    item = subscription.items.get(int(triggering))
    if item is None:
        raise ServiceError(S.BadMonitoredItemIdInvalid)
    removed = [_unlink(item, subscription.items.get(int(number))) for number in remove]
    added = [_link(item, subscription.items.get(int(number)), limit) for number in add]
    return [ua_status(code) for code in added], [ua_status(code) for code in removed]


def _link(item: Item, other: Item | None, limit: int) -> int:
    if other is None or other is item:
        return int(S.BadMonitoredItemIdInvalid)
    links = item.links = item.links or {}
    if len(links) >= limit and other not in links:
        return int(S.BadTooManyMonitoredItems)
    links[other] = None
    other.linked_by = other.linked_by or {}
    other.linked_by[item] = None
    return int(S.Good)


def _unlink(item: Item, other: Item | None) -> int:
    if other is None or not item.links or other not in item.links:
        return int(S.BadMonitoredItemIdInvalid)
    del item.links[other]
    if other.linked_by:
        other.linked_by.pop(item, None)
    return int(S.Good)
