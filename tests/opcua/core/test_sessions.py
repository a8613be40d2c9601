"""Who may do what: policies, tokens, ownership, clamps, and clients that misbehave."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any
from urllib.parse import urlparse

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError

from tests.opcua.core.sample import Sample, operation, site
from tests.support.waiting import eventually
from tracenode.server.opcua.ids import ua_id

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_session_on_a_policy_that_is_not_offered_is_refused(sample: Sample) -> None:
    """A None channel is always there for discovery; it must not carry a session."""
    offered = sample.server.engine._policies
    kept = offered[:]
    offered.clear()
    try:
        client = Client(sample.server.endpoint, timeout=5)
        with pytest.raises(ua.uaerrors.BadSecurityPolicyRejected):
            await client.connect()
        client.disconnect_socket()
        assert await client.connect_and_get_server_endpoints()
    finally:
        offered.extend(kept)
    async with Client(sample.server.endpoint, timeout=5) as client:
        assert await client.get_node(site("St/OP10.StationId")).read_value() == "OP10"


@pytest.mark.parametrize("user", ["admin", "Admin", "operator"])
async def test_no_user_name_is_good_for_anything(sample: Sample, user: str) -> None:
    client = Client(sample.server.endpoint, timeout=5)
    client.set_user(user)
    client.set_password("whatever")
    with pytest.raises(UaError):
        await client.connect()
    client.disconnect_socket()


async def test_the_address_space_can_not_be_changed_from_outside(client: Client) -> None:
    with pytest.raises(ua.uaerrors.BadServiceUnsupported):
        await client.nodes.objects.add_folder(3, "Mine")
    with pytest.raises(ua.uaerrors.BadServiceUnsupported):
        await client.delete_nodes([client.get_node(site("Plant"))])
    assert await client.get_node(site("Plant")).read_browse_name()


async def test_servers_can_not_be_registered_here(sample: Sample, client: Client) -> None:
    with pytest.raises(ua.uaerrors.BadServiceUnsupported):
        await client.uaclient.register_server(ua.RegisteredServer())


async def test_session_ids_and_tokens_can_not_be_guessed(sample: Sample) -> None:
    tokens = set()
    for _ in range(2):
        async with Client(sample.server.endpoint, timeout=5) as client:
            token = client.uaclient.session.authentication_token
            assert isinstance(token.Identifier, bytes)
            assert len(token.Identifier) == 32
            tokens.add(token.Identifier)
    assert len(tokens) == 2


async def test_a_subscription_belongs_to_its_session(sample: Sample, client: Client) -> None:
    own = await client.create_subscription(100, Ignoring())
    number = own.subscription_id
    assert number is not None
    async with Client(sample.server.endpoint, timeout=5) as other:
        codes = await other.uaclient.delete_subscriptions([number])
        assert codes[0].value == StatusCodes.BadSubscriptionIdInvalid
        params = ua.CreateMonitoredItemsParameters()
        params.SubscriptionId = number
        params.ItemsToCreate = [ua.MonitoredItemCreateRequest()]
        with pytest.raises(ua.uaerrors.BadSubscriptionIdInvalid):
            await other.uaclient.create_monitored_items(params)
    assert sample.server.subscriptions == 1
    await own.delete()
    assert sample.server.subscriptions == 0


@pytest.mark.parametrize(("asked", "interval"), [(0.001, 50.0), (0.0, 50.0), (250.0, 250.0)])
async def test_publishing_is_clamped(
    sample: Sample, client: Client, asked: float, interval: float
) -> None:
    params = ua.CreateSubscriptionParameters()
    params.RequestedPublishingInterval = asked
    params.RequestedLifetimeCount = ua.UInt32(4_000_000_000)
    params.RequestedMaxKeepAliveCount = ua.UInt32(4_000_000_000)
    result = await client.uaclient.create_subscription(params, lambda _: None)
    assert result.RevisedPublishingInterval == interval
    assert result.RevisedMaxKeepAliveCount * interval <= 60_000
    assert result.RevisedLifetimeCount * interval <= 600_000
    assert result.RevisedLifetimeCount >= 3 * result.RevisedMaxKeepAliveCount
    await client.uaclient.delete_subscriptions([result.SubscriptionId])


async def test_services_need_a_session(sample: Sample) -> None:
    client = Client(sample.server.endpoint, timeout=5)
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    try:
        params = ua.ReadParameters()
        params.NodesToRead = [ua.ReadValueId(NodeId=ua_id(ObjectIds.Server))]
        with pytest.raises(ua.uaerrors.BadSessionIdInvalid):
            await client.uaclient.read(params)
        await client.create_session()
        with pytest.raises(ua.uaerrors.BadSessionNotActivated):
            await client.uaclient.read(params)
        with pytest.raises(ua.uaerrors.BadTooManySessions):
            await client.create_session()
    finally:
        client.disconnect_socket()


async def test_a_session_that_never_activates_goes_with_its_connection(sample: Sample) -> None:
    await eventually(lambda: sample.server.sessions == 0)
    client = Client(sample.server.endpoint, timeout=5)
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    await client.create_session()
    assert sample.server.sessions == 1
    client.disconnect_socket()
    await eventually(lambda: sample.server.sessions == 0)


async def test_a_flood_of_requests_is_read_slowly_and_answered_whole(
    sample: Sample, client: Client
) -> None:
    """More requests in flight than stock asyncua takes before it cuts the connection (500)."""
    protocol: Any = client.uaclient.protocol
    request = ua.ReadRequest()
    request.Parameters.NodesToRead = [
        ua.ReadValueId(NodeId=site("St/OP10.StationId"), AttributeId=AttributeIds.Value)
    ]
    request.RequestHeader.AuthenticationToken = client.uaclient.session.authentication_token
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(protocol._send_request(request) for _ in range(1500)))
    values = [struct_from_binary(ua.ReadResponse, answer).Results[0].Value for answer in answers]
    assert values == [ua.Variant("OP10", ua.VariantType.String)] * 1500


async def test_a_chunk_longer_than_agreed_cuts_the_connection(sample: Sample) -> None:
    url = urlparse(sample.server.endpoint)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"HELF" + struct.pack("<I", 100_000_000))
    with pytest.raises(OSError):
        async with asyncio.timeout(5):
            while True:
                writer.write(bytes(65536))
                await writer.drain()
                if reader.at_eof():
                    raise ConnectionResetError
    writer.close()


async def test_the_server_says_what_it_is(sample: Sample, client: Client) -> None:
    assert (await client.get_namespace_array())[1:] == [
        "urn:tracenode:Test",
        "urn:tracenode:ua:traceability",
        "urn:tracenode:site:Test",
    ]
    status = await client.get_node(ua_id(ObjectIds.Server_ServerStatus)).read_value()
    assert status.State == ua.ServerState.Running
    assert status.BuildInfo.ProductName == "tracenode"
    endpoints = await client.get_endpoints()
    assert [endpoint.SecurityMode for endpoint in endpoints] == [ua.MessageSecurityMode.None_]


async def test_a_session_moves_to_a_new_connection_and_outlives_the_old(sample: Sample) -> None:
    await eventually(lambda: sample.server.sessions == 0)
    old, new = (Client(sample.server.endpoint, timeout=5) for _ in range(2))
    await old.connect()
    for step in (new.connect_socket, new.send_hello, new.open_secure_channel):
        await step()
    token = old.uaclient.session.authentication_token
    new.uaclient.session.restore_authentication_token(token)
    await new.activate_session()
    node = site("St/OP10.StationId")
    assert await new.get_node(node).read_value() == "OP10"
    with pytest.raises(ua.uaerrors.BadSessionIdInvalid):
        await old.get_node(node).read_value()
    old.disconnect_socket()
    await eventually(lambda: len(sample.server.engine.bserver.clients) == 1)  # type: ignore[union-attr]
    assert await new.get_node(node).read_value() == "OP10"
    await new.disconnect()


async def test_a_client_that_is_gone_costs_a_bounded_queue(sample: Sample) -> None:
    """Its notifications wait for it, up to a limit, and then the oldest go."""
    client = Client(sample.server.endpoint, timeout=5)
    await client.connect()
    subscription = await client.create_subscription(50, Ignoring())
    await subscription.subscribe_events(ua_id(ObjectIds.Server), queuesize=5000)
    client.uaclient.session._publish_task.cancel()  # type: ignore[union-attr]
    client.disconnect_socket()
    held = next(iter(sample.server.engine.iserver.subscriptions.subscriptions.values()))
    for sequence in range(7000):
        await sample.server.events.emit(operation(sequence))
    assert held.budget.count == 5000
    for session in sample.server.engine.iserver.sessions:
        await session.close_session()


class Ignoring:
    """A handler that has no interest."""

    def event_notification(self, event: object) -> None:
        return None


async def test_a_client_that_does_not_read_is_not_answered_further(sample: Sample) -> None:
    """Its answers stay few: the server stops reading its requests."""
    client = Client(sample.server.endpoint, timeout=30)
    await client.connect()
    transport: Any = client.uaclient.protocol.transport  # type: ignore[union-attr]
    transport.pause_reading()
    connection: Any = sample.server.engine.bserver.clients[-1]  # type: ignore[union-attr]
    for end in (transport, connection.transport):
        for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, buffer, 65536)
    params = ua.BrowseParameters()
    description = ua.BrowseDescription()
    description.NodeId, description.ResultMask = site("Items"), ua.UInt32(63)
    description.ReferenceTypeId, description.IncludeSubtypes = ua.NodeId(), True
    description.BrowseDirection = ua.BrowseDirection.Forward
    params.NodesToBrowse = [description]
    asked = [asyncio.create_task(client.uaclient.browse(params)) for _ in range(25)]

    def waiting() -> int:
        return len(connection.processor._beside) + int(connection.messages.qsize())

    await eventually(lambda: not connection._writable.is_set() and waiting() > 0)
    async with Client(sample.server.endpoint, timeout=5) as other:
        assert await other.get_node(site("St/OP10.StationId")).read_value() == "OP10"
    assert waiting() > 0
    assert connection.transport.get_write_buffer_size() < 1_000_000
    transport.resume_reading()
    answers = await asyncio.gather(*asked)
    assert all(len(answer[0].References) == 1000 for answer in answers)
    await client.disconnect()
