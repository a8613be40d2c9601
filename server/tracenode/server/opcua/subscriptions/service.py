"""All subscriptions of the server, and the services that concern them (OPC 10000-4 5.14).

A subscription that belongs to another session does not exist for a client. Subscriptions outlive
their session where it asks for that, or ends without CloseSession, and can then be taken over by
another session of the same user and application until their life ends.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Sequence
from typing import Protocol

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.limits import Limits, check_operations
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.items import EventItem
from tracenode.server.opcua.subscriptions.listeners import Listeners
from tracenode.server.opcua.subscriptions.monitored import MonitoredItems, Watcher
from tracenode.server.opcua.subscriptions.publishing import PublishQueue, PublishRequest
from tracenode.server.opcua.subscriptions.queues import Budget
from tracenode.server.opcua.subscriptions.subscription import Owner, Subscription, Terms

__all__ = ["Subscriber", "TraceSubscriptions"]

S = StatusCodes


class Subscriber(Watcher, Protocol):
    """A session, as far as subscriptions know it."""

    session_id: ua.NodeId
    publishing: PublishQueue

    @property
    def owner(self) -> Owner:
        """Whom its subscriptions belong to when it is gone."""
        ...

    def may_hear(self, audience: int) -> bool:
        """Return whether it hears an event that is for these roles (0: who may look)."""
        ...


class TraceSubscriptions:
    """The subscription service. `subscriptions` are those alive, by id."""

    def __init__(self, space: TraceAddressSpace, types: TypeTree, limits: Limits) -> None:
        self._limits = limits
        self.subscriptions: dict[int, Subscription] = {}
        self.created = 0
        """How many there were since the server started."""
        self.listeners = Listeners(types)
        self.items = MonitoredItems(space, types, limits, self.listeners)
        self.budget = Budget(limits.queued_bytes_in_all, 2**62)
        # a client that comes back after a restart must not meet another one's id
        self._last = secrets.randbelow(2**30)

    # ------------------------------------------------------------------ subscriptions
    def create(
        self, session: Subscriber, params: ua.CreateSubscriptionParameters
    ) -> ua.CreateSubscriptionResult:
        """Create one, with what it asked for brought into bounds (OPC 10000-4 5.14.2).

        Raises:
            ServiceError: BadTooManySubscriptions.
        """
        own = len(session.publishing.publishers)
        if own >= self._limits.subscriptions_per_session:
            raise ServiceError(S.BadTooManySubscriptions)
        if len(self.subscriptions) >= self._limits.subscriptions and not self._drop_orphan():
            raise ServiceError(S.BadTooManySubscriptions)
        terms = self._terms(params)
        self._last = self._last % (2**31) + 1
        subscription = Subscription(
            self._last, session.owner, terms, self._limits, self.budget, self._remove
        )
        subscription.enabled = bool(params.PublishingEnabled)
        subscription.attach(session.session_id, session.publishing, session.may_hear)
        self.subscriptions[subscription.number] = subscription
        self.created += 1
        result = ua.CreateSubscriptionResult(SubscriptionId=ua.UInt32(subscription.number))
        _tell(terms, result)
        return result

    def modify(
        self, session: Subscriber, params: ua.ModifySubscriptionParameters
    ) -> ua.ModifySubscriptionResult:
        """Change what was agreed on (OPC 10000-4 5.14.3)."""
        subscription = self.of(session, params.SubscriptionId)
        terms = self._terms(params)
        subscription.change(terms)
        result = ua.ModifySubscriptionResult()
        _tell(terms, result)
        return result

    def set_publishing_mode(
        self, session: Subscriber, params: ua.SetPublishingModeParameters
    ) -> list[ua.StatusCode]:
        """Let subscriptions report, or only keep alive."""
        check_operations(params.SubscriptionIds, self._limits.subscriptions_per_session)
        results = []
        for number in params.SubscriptionIds:
            try:
                self.of(session, number).enabled = bool(params.PublishingEnabled)
                results.append(ua.StatusCode())
            except ServiceError as e:
                results.append(ua_status(e.code))
        return results

    def delete(self, session: Subscriber, ids: Sequence[int]) -> list[ua.StatusCode]:
        """Delete subscriptions of this session."""
        check_operations(ids, self._limits.subscriptions_per_session)
        results = []
        for number in ids:
            try:
                self._remove(self.of(session, number))
                results.append(ua.StatusCode())
            except ServiceError as e:
                results.append(ua_status(e.code))
        return results

    def transfer(
        self, session: Subscriber, params: ua.TransferSubscriptionsParameters
    ) -> list[ua.TransferResult]:
        """Take subscriptions over from a session of the same user and application, or after it.

        The session that loses one is told GoodSubscriptionTransferred (OPC 10000-4 5.14.7).
        """
        check_operations(params.SubscriptionIds, self._limits.subscriptions_per_session)
        return [
            self._transferred(session, int(number), bool(params.SendInitialValues))
            for number in params.SubscriptionIds
        ]

    def _transferred(self, session: Subscriber, number: int, initial: bool) -> ua.TransferResult:
        result = ua.TransferResult()
        found = self.subscriptions.get(number)
        if found is None:
            result.StatusCode = ua_status(S.BadSubscriptionIdInvalid)
        elif found.owner != session.owner:
            result.StatusCode = ua_status(S.BadUserAccessDenied)
        elif found.session_id == session.session_id:
            result.StatusCode = ua_status(S.GoodSubscriptionTransferred)
            result.AvailableSequenceNumbers = [ua.UInt32(n) for n in found.retained.sequences]
        elif len(session.publishing.publishers) >= self._limits.subscriptions_per_session:
            result.StatusCode = ua_status(S.BadTooManySubscriptions)
        else:
            before = found.queue
            if before is not None:
                # told first, lest its requests be refused for want of a subscription
                now = asyncio.get_running_loop().time()
                before.notice(number, found.last_word(S.GoodSubscriptionTransferred), now)
            found.attach(session.session_id, session.publishing, session.may_hear)
            self.items.recheck(session, found)
            if initial:
                found.resend()
            result.AvailableSequenceNumbers = [ua.UInt32(n) for n in found.retained.sequences]
        return result

    def of(self, session: Subscriber, number: int) -> Subscription:
        """Return a subscription of this session, whose life begins anew.

        Raises:
            ServiceError: BadSubscriptionIdInvalid.
        """
        found = self.subscriptions.get(int(number))
        if found is None or found.session_id != session.session_id:
            raise ServiceError(S.BadSubscriptionIdInvalid)
        found.touch()
        return found

    def event_items(
        self, session_id: ua.NodeId, number: int, item: int | None = None
    ) -> list[EventItem]:
        """Return the event items of a subscription of this session, or the one that is named.

        Raises:
            ServiceError: BadSubscriptionIdInvalid, BadMonitoredItemIdInvalid.
        """
        found = self.subscriptions.get(int(number))
        if found is None or found.session_id != session_id:
            raise ServiceError(S.BadSubscriptionIdInvalid)
        if item is None:
            return [one for one in found.items.values() if isinstance(one, EventItem)]
        named = found.items.get(int(item))
        if not isinstance(named, EventItem):
            raise ServiceError(S.BadMonitoredItemIdInvalid)
        return [named]

    # ------------------------------------------------------------------ publishing
    def publish(
        self,
        session: Subscriber,
        acknowledged: Sequence[ua.SubscriptionAcknowledgement],
        request: PublishRequest,
    ) -> None:
        """Acknowledge messages and let the request wait for one.

        Raises:
            ServiceError: BadNoSubscription.
        """
        for one in acknowledged:
            found = self.subscriptions.get(int(one.SubscriptionId))
            if found is None or found.session_id != session.session_id:
                request.results.append(int(S.BadSubscriptionIdInvalid))
            elif found.retained.acknowledge(int(one.SequenceNumber)):
                request.results.append(int(S.Good))
            else:
                request.results.append(int(S.BadSequenceNumberUnknown))
        session.publishing.add(request, asyncio.get_running_loop().time())

    def republish(self, session: Subscriber, params: ua.RepublishParameters) -> bytes:
        """Return a message that was not acknowledged, as it went out; it stays until it is.

        Raises:
            ServiceError: BadSubscriptionIdInvalid, BadMessageNotAvailable.
        """
        found = self.of(session, params.SubscriptionId)
        message = found.retained.get(int(params.RetransmitSequenceNumber))
        if message is None:
            raise ServiceError(S.BadMessageNotAvailable)
        return message

    def waiting(self, session_id: ua.NodeId) -> int:
        """Return how many notifications wait for the Publish requests of a session."""
        return sum(
            one.budget.count for one in self.subscriptions.values() if one.session_id == session_id
        )

    # ------------------------------------------------------------------ ends
    def session_ends(self, session: Subscriber, delete: bool) -> None:
        """A session is closed: its subscriptions go with it, or wait to be taken over."""
        session.publishing.refuse_all(S.BadSessionClosed)
        for found in [s for s in self.subscriptions.values() if s.session_id == session.session_id]:
            if delete:
                self._remove(found)
            else:
                found.detach()

    def close(self) -> None:
        """End everything."""
        for subscription in list(self.subscriptions.values()):
            self._remove(subscription)
        self.items.samplers.close()

    def _drop_orphan(self) -> bool:
        """Make room: end the subscription without a session that would end first."""
        orphans = [s for s in self.subscriptions.values() if s.session_id is None]
        if orphans:
            self._remove(min(orphans, key=lambda one: one.ends))
        return bool(orphans)

    def _remove(self, subscription: Subscription) -> None:
        self.subscriptions.pop(subscription.number, None)
        self.items.delete_all(subscription)
        subscription.close()

    def _terms(
        self, asked: ua.CreateSubscriptionParameters | ua.ModifySubscriptionParameters
    ) -> Terms:
        limits = self._limits
        wanted = float(asked.RequestedPublishingInterval)
        interval = limits.default_publishing_ms if math.isnan(wanted) else wanted
        interval = min(max(interval, limits.min_publishing_ms), limits.max_publishing_ms)
        keep_alive = int(asked.RequestedMaxKeepAliveCount) or 10
        keep_alive = max(min(keep_alive, int(limits.max_keep_alive_ms // interval)), 1)
        life = int(asked.RequestedLifetimeCount) or 60
        life = max(min(life, int(limits.max_lifetime_ms // interval)), 3 * keep_alive)
        per_message = int(asked.MaxNotificationsPerPublish) or limits.notifications_per_message
        return Terms(
            interval=interval / 1000,
            life=life,
            keep_alive=keep_alive,
            per_message=min(per_message, limits.notifications_per_message),
            priority=int(asked.Priority),
        )


def _tell(terms: Terms, result: ua.CreateSubscriptionResult | ua.ModifySubscriptionResult) -> None:
    result.RevisedPublishingInterval = terms.interval * 1000
    result.RevisedMaxKeepAliveCount = ua.UInt32(terms.keep_alive)
    result.RevisedLifetimeCount = ua.UInt32(terms.life)
