"""GetMonitoredItems and ResendData: a session's own subscriptions (OPC 10000-5 9.1, 9.2)."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.core.asking import code, data_item, read_one, send, subscribed, values
from tests.opcua.core.sample import Sample, site
from tracenode.server.opcua.ids import ua_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

S = StatusCodes
SERVER = ua_id(ObjectIds.Server)
ITEMS, RESEND = ua_id(ObjectIds.Server_GetMonitoredItems), ua_id(ObjectIds.Server_ResendData)
STATION = site("St/OP10.StationId")


async def asked(client: Client, method: ua.NodeId, number: int) -> Any:
    request = ua.CallRequest()
    given = [ua.Variant(number, ua.VariantType.UInt32)]
    request.Parameters.MethodsToCall = [ua.CallMethodRequest(SERVER, method, given)]
    return (await send(client, request)).Results[0]


async def test_its_items_are_told_by_both_handles(client: Client) -> None:
    async with subscribed(client) as sub:
        made = await sub.create(data_item(STATION, 7), data_item(STATION, 9))
        found = await asked(client, ITEMS, sub.number)
        assert code(found.StatusCode) == S.Good
        numbers = [int(one.MonitoredItemId) for one in made]
        assert [one.Value for one in found.OutputArguments] == [numbers, [7, 9]]


async def test_the_values_of_now_are_told_again(client: Client) -> None:
    async with subscribed(client) as sub:
        quiet = data_item(STATION, 9, mode=ua.MonitoringMode.Sampling)
        await sub.create(data_item(STATION, 7), quiet)
        assert values(await sub.notified()) == [(7, "OP10")]
        assert await sub.quiet()
        assert code((await asked(client, RESEND, sub.number)).StatusCode) == S.Good
        assert values(await sub.notified()) == [(7, "OP10")]


@pytest.mark.parametrize("method", [ITEMS, RESEND], ids=["GetMonitoredItems", "ResendData"])
async def test_only_of_the_sessions_own(sample: Sample, client: Client, method: ua.NodeId) -> None:
    async with subscribed(client) as sub, Client(sample.server.endpoint, timeout=10) as other:
        assert code((await asked(other, method, sub.number)).StatusCode) == S.BadUserAccessDenied
    gone = await asked(client, method, sub.number)
    assert code(gone.StatusCode) == S.BadSubscriptionIdInvalid


async def test_reads_and_writes_are_atomic(client: Client) -> None:
    """No bit of AccessLevelEx above those of AccessLevel: NonatomicRead, NonatomicWrite and
    WriteFullArrayOnly are false (OPC 10000-3 8.58)."""
    for text, level in (("St/OP10.Limits", 3), ("St/OP10.StationId", 1)):
        value = await read_one(client, site(text), attribute=AttributeIds.AccessLevelEx)
        assert value.Value == ua.Variant(level, ua.VariantType.UInt32)
    value = await read_one(client, site("Plant"), attribute=AttributeIds.AccessLevelEx)
    assert code(value.StatusCode) == S.BadAttributeIdInvalid
