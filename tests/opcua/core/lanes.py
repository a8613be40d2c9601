"""Two connections to one server, with its fast lane and without: what is sent on both, and how the
answers are compared."""

from __future__ import annotations

import asyncio
import dataclasses
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary, struct_to_binary
from hypothesis import HealthCheck, settings

from tests.opcua.core.sample import Sample, site
from tracenode.server.opcua.connections.transport import TraceProtocol
from tracenode.server.opcua.ids import ua_id

__all__ = [
    "DOUBLE",
    "MANY",
    "NODES",
    "TOKEN",
    "A",
    "Side",
    "V",
    "booking",
    "both",
    "browse",
    "encoded",
    "read",
    "response_type",
    "same",
    "value_of",
    "without_times",
    "writing",
]

A = AttributeIds
V = ua.VariantType
DOUBLE = ua_id(ObjectIds.Double)
NODES = [
    site("St/OP10.Current.ItemId"),
    site("St/OP10.Current.Torque"),
    site("St/OP10.Limits"),
    site("St/OP10.StationId"),
    site("St/OP10.Book"),
    site("St/OP10"),
    site("Plant"),
    site("Items"),
    site("Item/SN00007"),
    site("Item/SN00007#State"),
    site("Item/none"),
    site("nothing"),
    ua_id(1002, 2),
    ua_id(ObjectIds.Server),
    ua_id(ObjectIds.Server_NamespaceArray),
    ua_id(ObjectIds.Server_ServerStatus_State),
    ua_id(ObjectIds.ObjectsFolder),
    ua_id(b"bytes", 3),
    ua_id(999_999),
]
MANY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Watched:
    """A lane that counts what it was given and what it took."""

    def __init__(self, lane: Any) -> None:
        self._lane = lane
        self.given = self.taken = 0

    def take(self, data: bytes, at: int, size: int) -> bool:
        self.given += 1
        done: bool = self._lane.take(data, at, size)
        self.taken += done
        return done

    def close(self) -> None:
        self._lane.close()


@dataclass
class Side:
    """One connection."""

    client: Client
    protocol: TraceProtocol
    lane: Watched

    async def send(self, body: bytes) -> bytes:
        """Send a body with this session's token in place of `TOKEN`; return the answer's body."""
        protocol: Any = self.client.uaclient.protocol
        token = nodeid_to_binary(self.client.uaclient.session.authentication_token)
        number = protocol._request_id = protocol._request_id + 1
        waiting = asyncio.get_running_loop().create_future()
        protocol._callbackmap[number] = waiting
        sent = body.replace(TOKEN, token)
        protocol.transport.write(protocol._connection.message_to_binary(sent, request_id=number))
        answer: Any = await asyncio.wait_for(waiting, 15)
        return bytes(answer.read(len(answer)))


TOKEN = nodeid_to_binary(ua_id(b"token" * 6 + b"!!", 0))


def encoded(request: Any, handle: int = 7, *, hint: int = 10_000) -> bytes:
    """Encode a request with `TOKEN`; `hint` in ms."""
    head = request.RequestHeader
    head.AuthenticationToken = ua_id(b"token" * 6 + b"!!", 0)
    head.RequestHandle, head.TimeoutHint = ua.UInt32(handle), ua.UInt32(hint)
    return struct_to_binary(request)


@asynccontextmanager
async def both(sample: Sample) -> AsyncIterator[tuple[Side, Side]]:
    """Yield a connection with its lane, and one without."""
    sides = []
    clients = [Client(sample.server.endpoint, timeout=10) for _ in range(2)]
    async with clients[0], clients[1]:
        server = sample.server.engine.bserver
        assert server is not None
        for client in clients:
            token = client.uaclient.session.authentication_token
            (found,) = (
                one
                for one in server.clients
                if one.processor is not None
                and one.processor.session is not None
                and one.processor.session.auth_token == token
            )
            assert isinstance(found, TraceProtocol)
            watched: Any = Watched(found._lane)
            found._lane = watched
            sides.append(Side(client, found, watched))
        sides[1].protocol._lane = None
        yield sides[0], sides[1]


def without_times(body: bytes) -> object:
    """Return an answer without what may differ between two of them: times, points, call numbers."""
    plain = body[:4] + bytes(8) + body[12:]
    response = struct_from_binary(response_type(body), Buffer(plain))
    if isinstance(response, ua.ReadResponse):
        response.Results = [
            dataclasses.replace(one, ServerTimestamp=None) for one in response.Results
        ]
        return len(body), struct_to_binary(response)
    if isinstance(response, ua.BrowseResponse):
        for result in response.Results:
            result.ContinuationPoint = b"!" if result.ContinuationPoint else None
        return len(body), struct_to_binary(response)
    if isinstance(response, ua.CallResponse):
        for result in response.Results:
            for output in result.OutputArguments:
                if output.VariantType == V.UInt64:  # the number of the call
                    output.Value = 0
        return len(body), struct_to_binary(response)
    return plain


def response_type(body: bytes) -> Any:
    (number,) = struct.unpack_from("<H", body, 2)
    return ua.extension_objects_by_typeid[ua_id(number)]


async def same(sides: tuple[Side, Side], body: bytes) -> bytes:
    """Send a body on both ways; the answers must be the same. Returns the lane's."""
    fast, complete = [await side.send(body) for side in sides]
    assert without_times(fast) == without_times(complete)
    return fast


def read(*wanted: ua.ReadValueId, max_age: float = 0.0, stamps: int = 2) -> ua.ReadRequest:
    request = ua.ReadRequest()
    request.Parameters.MaxAge = ua.Double(max_age)
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn(stamps)
    request.Parameters.NodesToRead = list(wanted)
    return request


def value_of(node_id: ua.NodeId) -> ua.ReadValueId:
    return ua.ReadValueId(NodeId=node_id, AttributeId=ua.UInt32(A.Value))


def browse(*nodes: ua.NodeId, most: int = 0, **asked: Any) -> ua.BrowseRequest:
    request = ua.BrowseRequest()
    request.Parameters.RequestedMaxReferencesPerNode = ua.UInt32(most)
    request.Parameters.NodesToBrowse = [
        ua.BrowseDescription(
            NodeId=node_id,
            BrowseDirection=asked.get("direction", ua.BrowseDirection.Both),
            ReferenceTypeId=asked.get("kind", ua.NodeId()),
            IncludeSubtypes=asked.get("subtypes", True),
            NodeClassMask=asked.get("classes", 0),
            ResultMask=asked.get("mask", 63),
        )
        for node_id in nodes
    ]
    return request


def writing(*values: ua.WriteValue) -> ua.WriteRequest:
    request = ua.WriteRequest()
    request.Parameters.NodesToWrite = list(values)
    return request


def booking(
    *changed: tuple[int, ua.Variant],
    item: str | None = "SN1",
    target: tuple[ua.NodeId, ua.NodeId] = (site("St/OP10"), site("St/OP10.Book")),
    count: int = 6,
) -> ua.CallRequest:
    given = [
        ua.Variant("r1", V.String),
        ua.Variant(item, V.String),
        ua.Variant("because", V.String),
        ua.Variant(1.5, V.Double),
        ua.Variant(3, V.Int32),
        ua.Variant([1.0, 2.0], V.Double, is_array=True),
    ]
    for place, variant in changed:
        given[place] = variant
    asked = ua.CallMethodRequest(*target, (given + given)[:count])
    request = ua.CallRequest()
    request.Parameters.MethodsToCall = [asked]
    return request
