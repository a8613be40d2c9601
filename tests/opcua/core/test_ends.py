"""The ends of sessions and connections: what a time-out ends and what it leaves, and that nothing
of a client stays when it is gone."""

from __future__ import annotations

import asyncio
import gc
import math
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client

from tests.opcua.core.asking import data_item, publish, send, subscribed, values
from tests.opcua.core.sample import Sample, site
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

NODE = site("St/OP10.StationId")
SILENT_S = 0.4


@pytest.fixture
def impatient(sample: Sample) -> Iterator[None]:
    """Sessions may be silent for `SILENT_S`; the shortest is 5 s else."""
    core = sample.server.engine.iserver
    before = core.min_session_timeout_ms
    core.min_session_timeout_ms = 1000 * SILENT_S
    yield
    core.min_session_timeout_ms = before


@pytest_asyncio.fixture(loop_scope="session")
async def silent(sample: Sample, impatient: None) -> AsyncIterator[Client]:
    """A client that asks for nothing by itself."""
    client = await connected(sample, 1.0)
    yield client
    client.disconnect_socket()


async def connected(sample: Sample, session_ms: float) -> Client:
    """Connect, without asyncua's loops that ask for something by themselves."""
    client = Client(sample.server.endpoint, timeout=5)
    client.session_timeout = session_ms  # type: ignore[assignment]
    for step in (client.connect_socket, client.send_hello, client.open_secure_channel):
        await step()
    await again(client)
    return client


async def again(client: Client) -> None:
    """Open a session."""
    await client.create_session()
    await client.activate_session()


def timed_out(sample: Sample) -> int:
    return sample.server.engine.iserver.counts.timed_out


# ------------------------------------------------------------------ time
async def test_a_channel_outlives_a_session_that_times_out(sample: Sample, silent: Client) -> None:
    """Nothing is said of a channel: it takes another session (OPC 10000-4 5.7.2)."""
    before = timed_out(sample)
    held: Any = sample.server.engine.bserver.clients[-1]  # type: ignore[union-attr]
    assert await silent.get_node(NODE).read_value() == "OP10"
    await eventually(lambda: timed_out(sample) == before + 1)
    await asyncio.sleep(1.2)  # asyncua's own look, and a sweep of admission
    assert held.has_channel()
    with pytest.raises(ua.uaerrors.BadSessionIdInvalid):
        await silent.get_node(NODE).read_value()
    await again(silent)
    assert await silent.get_node(NODE).read_value() == "OP10"


async def test_a_session_that_is_asked_for_something_does_not_time_out(
    sample: Sample, silent: Client
) -> None:
    before = timed_out(sample)
    for _ in range(8):
        await asyncio.sleep(SILENT_S / 3)
        assert await silent.get_node(NODE).read_value() == "OP10"
    assert timed_out(sample) == before


async def test_what_waits_is_told_that_the_session_ended(sample: Sample, silent: Client) -> None:
    """And its subscription waits for another session to take it over (5.7.4)."""
    request = ua.CreateSubscriptionRequest()
    request.Parameters.RequestedPublishingInterval = 10_000.0
    number = (await send(silent, request)).Parameters.SubscriptionId
    with pytest.raises(ua.uaerrors.BadSessionClosed):
        await publish(silent)
    subscriptions = sample.server.engine.iserver.subscriptions
    assert subscriptions.subscriptions[number].session_id is None
    subscriptions._remove(subscriptions.subscriptions[number])


async def test_a_time_that_is_no_number_is_the_shortest(sample: Sample, impatient: None) -> None:
    before = timed_out(sample)
    client = await connected(sample, math.nan)
    await eventually(lambda: timed_out(sample) == before + 1)
    client.disconnect_socket()


# ------------------------------------------------------------------ what stays
class Remembered:
    """What the server made for one connection, without keeping it."""

    def __init__(self, sample: Sample) -> None:
        held: Any = sample.server.engine.bserver.clients[-1]  # type: ignore[union-attr]
        processor = held.processor
        parts = held, processor, processor.channel, processor.session, held._lane
        self._parts = {type(part).__name__: weakref.ref(part) for part in parts}

    def left(self) -> set[str]:
        return {name for name, part in self._parts.items() if part() is not None}


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What only the garbage collector frees stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def used(client: Client) -> None:
    """Ask for this and that, on both paths."""
    assert await client.get_node(NODE).read_value() == "OP10"
    assert await client.get_node(site("Plant")).get_children()
    async with subscribed(client) as made:
        await made.create(data_item(NODE))
        assert values(await made.notified())


@pytest.mark.parametrize("way", ["closed", "broken", "broken, with a subscription", "timed out"])
@pytest.mark.usefixtures("without_collector", "impatient")
async def test_nothing_of_a_client_that_is_gone_stays(sample: Sample, way: str) -> None:
    """Full passes of the garbage collector are rare in a server: what hangs together in a circle
    would wait for one, and clients come and go."""
    client = await connected(sample, 1.0 if way != "closed" else 60_000.0)
    await used(client)
    remembered = Remembered(sample)
    assert len(remembered.left()) == 5
    if way == "closed":
        await client.close_session()
        await client.close_secure_channel()
    elif way == "timed out":
        before = timed_out(sample)
        await eventually(lambda: timed_out(sample) > before)
    elif way != "broken":
        request = ua.CreateSubscriptionRequest()
        request.Parameters.RequestedPublishingInterval = 50.0
        request.Parameters.RequestedLifetimeCount = ua.UInt32(3)
        request.Parameters.RequestedMaxKeepAliveCount = ua.UInt32(1)
        await send(client, request)
    client.disconnect_socket()
    await eventually(lambda: remembered.left() <= {"TraceSession"}, within=2)
    await eventually(lambda: not remembered.left(), within=12)
