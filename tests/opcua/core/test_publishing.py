"""Subscriptions: publish requests, life, republish, transfer (OPC 10000-4 5.14)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.core.asking import (
    Subscribed,
    code,
    data_item,
    ended,
    message,
    publish,
    send,
    subscribed,
    values,
)
from tests.opcua.core.sample import Sample, operation, site
from tests.opcua.core.test_events import operand
from tests.support.waiting import eventually
from tracenode.server.opcua.ids import ua_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

S = StatusCodes


def torque(sample: Sample, station: str = "OP10") -> ua.NodeId:
    return sample.stations[station]["Current.Torque"]


def event_item(handle: int = 1, queue: int = 0, oldest: bool = True) -> Any:
    wanted = ua.EventFilter()
    wanted.SelectClauses = [operand("EventType"), operand("EventSequence")]
    plant = site("Plant")  # the Server object tells of the sessions that these tests open, too
    return data_item(plant, handle, attribute=12, queue=queue, oldest=oldest, wanted=wanted)


async def test_an_idle_subscription_keeps_alive(sample: Sample, client: Client) -> None:
    async with subscribed(client, keep_alive=3) as sub:
        first, second = await sub.publish(), await sub.publish()
        for result in (first, second):
            assert result.NotificationMessage.NotificationData == []
            assert result.NotificationMessage.SequenceNumber == 1  # the next one to be used
        await sub.create(data_item(torque(sample)))
        told = await sub.notified()
        assert told.NotificationMessage.SequenceNumber == 1
        assert told.AvailableSequenceNumbers == [1]


async def test_the_oldest_of_too_many_publish_requests_is_answered(
    sample: Sample, client: Client
) -> None:
    async with subscribed(client, interval=1000, keep_alive=50) as sub:
        await sub.publish()
        asked = [asyncio.create_task(publish(client)) for _ in range(13)]
        done, waiting = await asyncio.wait(asked, timeout=1)
        refused = [one.exception() for one in asked if one in done]
        assert all(isinstance(e, ua.uaerrors.BadTooManyPublishRequests) for e in refused)
        assert done == set(asked[:2])
        await ended(client, sub.number)
        for one in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(one, ua.uaerrors.BadNoSubscription)
        with pytest.raises(ua.uaerrors.BadNoSubscription):
            await publish(client)


async def test_a_publish_request_that_waits_too_long_is_told_so(client: Client) -> None:
    async with subscribed(client, keep_alive=1000) as sub:
        await sub.publish()
        with pytest.raises(ua.uaerrors.BadTimeout):
            await sub.publish(hint=100)


async def test_a_publish_request_can_be_cancelled(client: Client) -> None:
    async with subscribed(client, keep_alive=1000) as sub:
        await sub.publish()
        waiting = asyncio.create_task(sub.publish())
        protocol: Any = client.uaclient.protocol
        await asyncio.sleep(0)
        request = ua.CancelRequest()
        request.Parameters.RequestHandle = protocol._request_handle
        assert (await send(client, request)).Parameters.CancelCount == 1
        with pytest.raises(ua.uaerrors.BadRequestCancelledByClient):
            await waiting


async def test_a_long_message_comes_in_parts(sample: Sample, client: Client) -> None:
    async with subscribed(client, most=10) as sub:
        await sub.create(event_item())
        for sequence in range(25):
            await sample.server.events.emit(operation(sequence))
        parts = [await sub.notified() for _ in range(3)]
        events = [message(part, ua.EventNotificationList).Events for part in parts]
        assert [len(part) for part in events] == [10, 10, 5]
        assert [one.EventFields[1].Value for part in events for one in part] == list(range(25))
        assert [part.MoreNotifications for part in parts] == [True, True, False]


async def test_the_higher_priority_is_served_first(sample: Sample, client: Client) -> None:
    async with subscribed(client, priority=1) as low, subscribed(client, priority=9) as high:
        for sub in (low, high):
            await sub.create(data_item(torque(sample)))
        service = sample.server.engine.iserver.subscriptions
        both = [service.subscriptions[sub.number] for sub in (low, high)]
        session = sample.server.engine.iserver.session_of(both[0].session_id)  # type: ignore[arg-type]
        assert session is not None
        await eventually(lambda: all(session.publishing.is_late(one) for one in both))
        order = [(await publish(client)).SubscriptionId for _ in range(2)]
        assert order == [high.number, low.number]


async def test_messages_can_be_had_again_until_they_are_acknowledged(
    sample: Sample, client: Client
) -> None:
    async with subscribed(client) as sub:
        await sub.create(data_item(torque(sample)))
        told = (await sub.notified()).NotificationMessage
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = sub.number
        request.Parameters.RetransmitSequenceNumber = told.SequenceNumber
        again = (await send(client, request)).NotificationMessage
        assert again == told
        answer = await publish(
            client,
            (sub.number, told.SequenceNumber),
            (sub.number, told.SequenceNumber),
            (999, 1),
        )
        assert [code(one) for one in answer.Results] == [
            0,
            S.BadSequenceNumberUnknown,
            S.BadSubscriptionIdInvalid,
        ]
        assert answer.AvailableSequenceNumbers == []
        with pytest.raises(ua.uaerrors.BadMessageNotAvailable):
            await send(client, request)
        request.Parameters.SubscriptionId = ua.UInt32(999)
        with pytest.raises(ua.uaerrors.BadSubscriptionIdInvalid):
            await send(client, request)


async def test_messages_kept_for_a_client_that_never_acknowledges_are_bounded(
    sample: Sample, client: Client
) -> None:
    async with subscribed(client) as sub:
        await sub.create(event_item())
        kept: list[ua.Counter] = []
        for sequence in range(130):
            await sample.server.events.emit(operation(sequence))
            told = await sub.notified()
            kept = told.AvailableSequenceNumbers
        assert kept == list(range(31, 131))


async def test_publishing_switched_off_holds_the_queue(sample: Sample, client: Client) -> None:
    async with subscribed(client, enabled=False) as sub:
        await sub.create(data_item(torque(sample)))
        assert await sub.quiet()
        request = ua.SetPublishingModeRequest()
        request.Parameters.PublishingEnabled = True
        request.Parameters.SubscriptionIds = [sub.number, ua.UInt32(999)]
        codes = (await send(client, request)).Parameters.Results
        assert [code(one) for one in codes] == [0, S.BadSubscriptionIdInvalid]
        assert len(values(await sub.notified())) == 1


async def test_a_changed_subscription_publishes_as_it_now_is(client: Client) -> None:
    async with subscribed(client, interval=3_600_000) as sub:
        request = ua.ModifySubscriptionRequest()
        parameters = request.Parameters
        parameters.SubscriptionId, parameters.RequestedPublishingInterval = sub.number, 50.0
        parameters.RequestedMaxKeepAliveCount = ua.UInt32(2)
        parameters.RequestedLifetimeCount = ua.UInt32(1)
        revised = (await send(client, request)).Parameters
        assert revised.RevisedPublishingInterval == 50.0
        assert revised.RevisedLifetimeCount == 6
        assert await sub.quiet()
        parameters.SubscriptionId = ua.UInt32(999)
        with pytest.raises(ua.uaerrors.BadSubscriptionIdInvalid):
            await send(client, request)


async def test_a_subscription_without_its_client_ends_and_says_so(
    sample: Sample, client: Client
) -> None:
    async with subscribed(client, keep_alive=1, life=3) as sub:
        before = sample.server.subscriptions
        await eventually(lambda: sample.server.subscriptions == before - 1)
        last = message(await publish(client), ua.StatusChangeNotification)
        assert code(last.Status) == S.BadTimeout
        codes = await ended(client, sub.number)
        assert code(codes[0]) == S.BadSubscriptionIdInvalid


def other(sample: Sample, uri: str = "urn:test:client") -> Client:
    made = Client(sample.server.endpoint, timeout=10)
    made.application_uri = uri
    return made


async def transfer(client: Client, number: int, initial: bool) -> ua.TransferResult:
    request = ua.TransferSubscriptionsRequest()
    request.Parameters.SubscriptionIds = [ua.UInt32(number)]
    request.Parameters.SendInitialValues = initial
    result: ua.TransferResult = (await send(client, request)).Parameters.Results[0]
    return result


@pytest.mark.parametrize("initial", [True, False])
async def test_a_transferred_subscription_flows_to_the_new_session(
    sample: Sample, client: Client, initial: bool
) -> None:
    async with subscribed(client, keep_alive=1000) as sub:
        await sub.create(data_item(torque(sample)), event_item(2))
        first = await sub.notified()
        waiting = asyncio.create_task(sub.publish())
        async with other(sample) as second:
            moved = await transfer(second, sub.number, initial)
            assert moved.StatusCode.is_good()
            assert moved.AvailableSequenceNumbers == [first.NotificationMessage.SequenceNumber]
            lost = message(await waiting, ua.StatusChangeNotification)
            assert code(lost.Status) == S.GoodSubscriptionTransferred
            with pytest.raises(ua.uaerrors.BadNoSubscription):
                await publish(client)
            here = Subscribed(second, sub.made)
            if initial:
                assert len(values(await here.notified())) == 1
            await sample.server.values.set(torque(sample), 41.5 + initial)
            assert values(await here.notified()) == [(1, 41.5 + initial)]
            await sample.server.events.emit(operation(3))
            told = message(await here.notified(), ua.EventNotificationList)
            assert told.Events[0].EventFields[1].Value == 3
            await ended(second, sub.number)


async def test_a_subscription_is_not_given_to_strangers(sample: Sample, client: Client) -> None:
    async with subscribed(client) as sub, other(sample, "urn:test:stranger") as stranger:
        refused = await transfer(stranger, sub.number, False)
        assert code(refused.StatusCode) == S.BadUserAccessDenied
        unknown = await transfer(stranger, 999, False)
        assert code(unknown.StatusCode) == S.BadSubscriptionIdInvalid


async def test_a_subscription_outlives_its_session_where_it_is_asked_to(sample: Sample) -> None:
    async with other(sample) as first:
        request = ua.CreateSubscriptionRequest()
        request.Parameters.RequestedPublishingInterval = 50.0
        request.Parameters.RequestedMaxKeepAliveCount = ua.UInt32(2)
        made = (await send(first, request)).Parameters
        sub = Subscribed(first, made)
        await sub.create(event_item())
        await first.uaclient.close_session(False)
    await sample.server.events.emit(operation(8))
    async with other(sample) as second:
        assert (await transfer(second, made.SubscriptionId, False)).StatusCode.is_good()
        told = message(await Subscribed(second, made).notified(), ua.EventNotificationList)
        assert told.Events[0].EventFields[1].Value == 8
        await ended(second, made.SubscriptionId)


@pytest.mark.parametrize("oldest", [True, False])
async def test_lost_events_are_told_of(sample: Sample, client: Client, oldest: bool) -> None:
    async with subscribed(client) as sub:
        made = await sub.create(event_item(queue=3, oldest=oldest))
        assert made[0].RevisedQueueSize == 3
        for sequence in range(6):
            await sample.server.events.emit(operation(sequence))
        told = message(await sub.notified(), ua.EventNotificationList).Events
        kinds = [one.EventFields[0].Value for one in told]
        overflow = ua_id(ObjectIds.EventQueueOverflowEventType)
        assert len(told) == 4
        assert kinds.index(overflow) == (0 if oldest else 3)
        sequences = [
            one.EventFields[1].Value for one in told if one.EventFields[1].Value is not None
        ]
        assert sequences == ([3, 4, 5] if oldest else [0, 1, 5])


@pytest.mark.parametrize("most", [1, 3])
async def test_what_tells_of_lost_events_counts_as_one(
    sample: Sample, client: Client, most: int
) -> None:
    """A message has no more notifications than were agreed on (OPC 10000-4 5.14.2)."""
    async with subscribed(client, most=most) as sub:
        await sub.create(event_item(queue=3, oldest=False))
        for sequence in range(6):
            await sample.server.events.emit(operation(sequence))
        told: list[Any] = []
        while len(told) < 4:
            events = message(await sub.notified(), ua.EventNotificationList).Events
            assert len(events) <= most
            told += [one.EventFields for one in events]
        assert [one[1].Value for one in told] == [0, 1, 5, None]
        assert told[-1][0].Value == ua_id(ObjectIds.EventQueueOverflowEventType)
        assert await sub.quiet()


async def test_deleted_items_that_nobody_asks_for_are_not_kept(
    sample: Sample, client: Client
) -> None:
    async with subscribed(client, enabled=False) as sub:
        (kept,) = await sub.create(data_item(torque(sample), 7))
        for _ in range(20):
            made = await sub.create(*[data_item(torque(sample))] * 100)
            await sub.delete(*(one.MonitoredItemId for one in made))
        held = sample.server.engine.iserver.subscriptions.subscriptions[sub.number]
        assert list(held.items) == [kept.MonitoredItemId]
        assert len(held.ready) <= 202
        enable = ua.SetPublishingModeRequest()
        enable.Parameters.PublishingEnabled = True
        enable.Parameters.SubscriptionIds = [sub.number]
        await send(client, enable)
        assert [handle for handle, _ in values(await sub.notified())] == [7]


async def test_one_session_has_so_many_subscriptions(sample: Sample) -> None:
    async with other(sample) as client:
        request = ua.CreateSubscriptionRequest()
        request.Parameters.RequestedPublishingInterval = 1000.0
        for _ in range(50):
            await send(client, request)
        with pytest.raises(ua.uaerrors.BadTooManySubscriptions):
            await send(client, request)
