"""The fast lane on secured channels: every policy and mode, renewals, tampered chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from tests.opcua.security.authority import Pair, application
from tests.opcua.security.served import STATUS, Served, serving
from tests.support.waiting import eventually
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.security.policies import OFFERS

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory, friend: Pair) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("pki")) as made:
        await made.trust(friend)
        yield made


@pytest.fixture(scope="module")
def friend() -> Pair:
    return application(name="Friend")


class Counted:
    """The lane of one connection, counting the chunks that it answers."""

    def __init__(self, served: Served, client: Client) -> None:
        server = served.server.engine.bserver
        assert server is not None
        token = client.uaclient.session.authentication_token
        (self.protocol,) = [
            one
            for one in server.clients
            if one.processor and one.processor.session and one.processor.session.auth_token == token
        ]
        protocol: Any = self.protocol
        self._lane, self.taken = protocol._lane, 0
        protocol._lane = self

    def take(self, data: bytes, at: int, size: int) -> bool:
        done: bool = self._lane.take(data, at, size)
        self.taken += done
        return done

    def close(self) -> None:
        self._lane.close()


async def read_and_browse(client: Client) -> tuple[object, int]:
    """Return a value, and how many references an answer of many chunks has."""
    value = await client.get_node(STATUS).read_value()
    types = [ObjectIds.BaseEventType, ObjectIds.BaseObjectType, ObjectIds.Server, ObjectIds.Number]
    asked = ua.BrowseParameters()
    asked.NodesToBrowse = [
        ua.BrowseDescription(
            NodeId=ua_id(number),
            BrowseDirection=ua.BrowseDirection.Both,
            IncludeSubtypes=True,
            ResultMask=ua.BrowseResultMask.All,
            NodeClassMask=ua.NodeClass(0),
        )
        for number in types * 5
    ]
    found = await client.uaclient.session.browse(asked)
    return value, sum(len(result.References) for result in found)


@pytest.mark.parametrize("offer", list(OFFERS))
async def test_the_lane_works_on_every_policy_and_mode(
    served: Served, friend: Pair, offer: str
) -> None:
    plain = served.client()
    async with plain:
        wanted = await read_and_browse(plain)
    client = served.client(None if offer == "None" else friend, offer)
    async with client:
        lane = Counted(served, client)
        assert [await read_and_browse(client) for _ in range(3)] == [wanted] * 3
        assert lane.taken >= 6


async def test_the_lane_goes_on_after_a_renewal(served: Served, friend: Pair) -> None:
    client = served.client(friend)
    async with client:
        lane = Counted(served, client)
        for _ in range(3):
            await client.open_secure_channel(renew=True)
            await read_and_browse(client)  # with the next token: the complete path changes to it
            before = lane.taken
            await read_and_browse(client)
            assert lane.taken >= before + 2


async def test_a_tampered_chunk_is_not_answered(served: Served, friend: Pair) -> None:
    client = served.client(friend)
    await client.connect()
    try:
        lane = Counted(served, client)
        protocol: Any = client.uaclient.protocol
        kept, before = protocol.transport, lane.taken

        class Flipped:
            def write(self, data: bytes) -> None:
                kept.write(data[:-1] + bytes([data[-1] ^ 1]))

            def __getattr__(self, name: str) -> Any:
                return getattr(kept, name)

        protocol.transport = Flipped()
        with pytest.raises((UaError, OSError, TimeoutError)):
            await asyncio.wait_for(client.get_node(STATUS).read_value(), 5)
        assert lane.taken == before
        await eventually(lambda: served.refused("a message whose signature is wrong"))
    finally:
        client.disconnect_socket()
