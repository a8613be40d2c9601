"""The view, and what every request has in common (OPC 10000-4 5.9, 7)."""

from __future__ import annotations

import asyncio
import dataclasses
import struct
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.core.asking import code, raw, read_one, reading, send, subscribed
from tests.opcua.core.sample import ORGANIZES, Sample, name, site
from tests.opcua.core.test_browse import asking
from tracenode.server.opcua.capabilities import LOCALES, PROFILES
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.limits import Limits

pytestmark = pytest.mark.asyncio(loop_scope="session")

S = StatusCodes
A = AttributeIds
V = ua.VariantType
STATUS = ua_id(ObjectIds.Server_ServerStatus)
STATION = site("St/OP10.StationId")
TABLE, BYTES, TEXT, TEXTS, COUNTS = (site(f"Box.{k}") for k in ("T", "B", "S", "A", "C"))


# ---------------------------------------------------------------------- view
async def test_views_are_not_offered(client: Client) -> None:
    request = ua.BrowseRequest()
    request.Parameters = asking(site("Items"), 1)
    request.Parameters.View.ViewId = site("Plant")
    with pytest.raises(ua.uaerrors.BadViewIdUnknown):
        await send(client, request)


async def test_node_classes_and_directions_are_left_out(client: Client) -> None:
    request = ua.BrowseRequest()
    request.Parameters = asking(site("St/OP10"), 0)
    wanted = request.Parameters.NodesToBrowse[0]
    wanted.NodeClassMask = ua.UInt32(ua.NodeClass.Method)
    found = (await send(client, request)).Results[0].References
    assert {one.NodeClass for one in found} == {ua.NodeClass.Method}
    wanted.NodeClassMask, wanted.BrowseDirection = ua.UInt32(0), ua.BrowseDirection.Inverse
    wanted.ReferenceTypeId, wanted.IncludeSubtypes = ORGANIZES, False
    back = (await send(client, request)).Results[0].References
    assert [(one.BrowseName.Name, one.IsForward) for one in back] == []
    wanted.ReferenceTypeId, wanted.IncludeSubtypes = ua_id(ObjectIds.HierarchicalReferences), True
    back = (await send(client, request)).Results[0].References
    assert {(one.BrowseName.Name, one.IsForward) for one in back} == {("Plant", False)}


async def follow(client: Client, start: ua.NodeId, *steps: ua.RelativePathElement) -> Any:
    request = ua.TranslateBrowsePathsToNodeIdsRequest()
    path = ua.BrowsePath(StartingNode=start)
    path.RelativePath.Elements = list(steps)
    request.Parameters.BrowsePaths = [path]
    return (await send(client, request)).Results[0]


def step(text: str, *, inverse: bool = False) -> ua.RelativePathElement:
    hierarchical = ua_id(ObjectIds.HierarchicalReferences)
    made = ua.RelativePathElement(hierarchical, TargetName=name(text))
    back: Any = inverse
    below: Any = True
    made.IsInverse, made.IncludeSubtypes = back, below
    return made


async def test_paths_lead_back_as_well(client: Client) -> None:
    state = site("Item/SN00007#State")
    found = await follow(client, state, step("SN00007", inverse=True), step("State"))
    assert [one.TargetId for one in found.Targets] == [state]
    assert found.Targets[0].RemainingPathIndex == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("start", "steps", "expected"),
    [
        (site("Plant"), [step("Nobody")], S.BadNoMatch),
        (site("No"), [step("Items")], S.BadNodeIdUnknown),
        (site("Plant"), [], S.BadNothingToDo),
        (site("Plant"), [step("")], S.BadBrowseNameInvalid),
        (site("Plant"), [step("Items")] * 101, S.BadQueryTooComplex),
    ],
)
async def test_paths_that_lead_nowhere(
    client: Client, start: ua.NodeId, steps: list[Any], expected: int
) -> None:
    assert code((await follow(client, start, *steps)).StatusCode) == expected


async def test_registered_nodes_are_used_like_any(client: Client) -> None:
    request = ua.RegisterNodesRequest()
    request.Parameters.NodesToRegister = [STATION]
    registered = (await send(client, request)).Parameters.RegisteredNodeIds
    value = await read_one(client, registered[0])
    assert value.Value is not None
    assert value.Value.Value == "OP10"
    done = ua.UnregisterNodesRequest()
    done.Parameters.NodesToUnregister = registered
    await send(client, done)
    for nothing in (ua.RegisterNodesRequest(), ua.UnregisterNodesRequest()):
        with pytest.raises(ua.uaerrors.BadNothingToDo):
            await send(client, nothing)


# ---------------------------------------------------------------------- every request
@pytest.mark.parametrize(
    "request_", [ua.QueryFirstRequest, ua.QueryNextRequest, ua.HistoryUpdateRequest]
)
async def test_services_that_are_not_offered_say_so(client: Client, request_: Any) -> None:
    with pytest.raises(ua.uaerrors.BadServiceUnsupported):
        await send(client, request_())
    assert await client.get_node(STATION).read_value() == "OP10"


async def test_a_malformed_body_does_not_cost_the_connection(client: Client) -> None:
    request = reading(STATION, max_age=777.25)
    head = struct.pack("<did", 777.25, 2, 0)[:12]
    count = head + struct.pack("<i", 1)
    wrong = await raw(client, request, count, head + struct.pack("<i", 1_000_000))
    assert wrong == S.BadDecodingError
    assert await client.get_node(STATION).read_value() == "OP10"


async def test_nothing_slow_delays_publish_or_read(sample: Sample, client: Client) -> None:
    """Ten slow calls and a browse of everything are on the way; a read is answered before them."""
    method = sample.stations["OP10"]["Book"]
    request = ua.CallRequest()
    arguments = [ua.Variant("r1"), ua.Variant("SLOW"), ua.Variant("because"), ua.Variant(1.5)]
    arguments += [ua.Variant(3, V.Int32), ua.Variant([1.0], V.Double)]
    request.Parameters.MethodsToCall = [ua.CallMethodRequest(site("St/OP10"), method, arguments)]
    async with subscribed(client) as sub:
        calls = [asyncio.create_task(send(client, dataclasses.replace(request))) for _ in range(10)]
        browse = ua.BrowseRequest()
        browse.Parameters = asking(site("Items"), 0)
        browse.Parameters.NodesToBrowse *= 20
        calls.append(asyncio.create_task(send(client, browse)))
        await asyncio.sleep(0)
        assert await sub.quiet()
        assert await client.get_node(STATION).read_value() == "OP10"
        assert sum(one.done() for one in calls) <= 1
        await asyncio.gather(*calls)


async def test_a_call_that_waits_longer_than_its_hint_is_given_up(
    sample: Sample, client: Client
) -> None:
    request = ua.CallRequest()
    method = sample.stations["OP10"]["Book"]
    arguments = [ua.Variant("r1"), ua.Variant("SLOW"), ua.Variant("because"), ua.Variant(1.5)]
    arguments += [ua.Variant(3, V.Int32), ua.Variant([1.0], V.Double)]
    request.Parameters.MethodsToCall = [ua.CallMethodRequest(site("St/OP10"), method, arguments)]
    with pytest.raises(ua.uaerrors.BadTimeout):
        await send(client, request, timeout_hint=50)


# ---------------------------------------------------------------------- what is advertised
async def test_the_limits_are_told(client: Client) -> None:
    limits = Limits()
    told = {
        "MaxSessions": limits.sessions,
        "MaxSubscriptionsPerSession": limits.subscriptions_per_session,
        "MaxMonitoredItemsPerSubscription": limits.monitored_items_per_subscription,
        "MaxMonitoredItemsQueueSize": limits.queue_size,
        "MaxArrayLength": limits.array_length,
        "MaxStringLength": limits.string_bytes,
        "MaxSelectClauseParameters": limits.select_clauses,
        "MaxBrowseContinuationPoints": limits.browse_continuation_points,
        "MinSupportedSampleRate": limits.min_sampling_ms,
        "ServerProfileArray": list(PROFILES),
        "LocaleIdArray": list(LOCALES),
        "OperationLimits_MaxNodesPerRead": limits.nodes_per_read,
        "OperationLimits_MaxNodesPerBrowse": limits.nodes_per_browse,
        "OperationLimits_MaxNodesPerMethodCall": limits.methods_per_call,
    }
    for key, expected in told.items():
        node = client.get_node(ua_id(getattr(ObjectIds, f"Server_ServerCapabilities_{key}")))
        assert await node.read_value() == expected, key


@pytest.mark.parametrize(
    ("request_", "field", "one", "most"),
    [
        (ua.BrowseRequest, "NodesToBrowse", ua.BrowseDescription(), 1_000),
        (ua.CallRequest, "MethodsToCall", ua.CallMethodRequest(), 1_000),
        (ua.RegisterNodesRequest, "NodesToRegister", STATION, 10_000),
        (ua.TranslateBrowsePathsToNodeIdsRequest, "BrowsePaths", ua.BrowsePath(), 1_000),
        (ua.HistoryReadRequest, "NodesToRead", ua.HistoryReadValueId(), 100),
    ],
)
async def test_more_than_the_limit_is_refused_whole(
    client: Client, request_: Any, field: str, one: Any, most: int
) -> None:
    request = request_()
    setattr(request.Parameters, field, [one] * (most + 1))
    with pytest.raises(ua.uaerrors.BadTooManyOperations):
        await send(client, request)
