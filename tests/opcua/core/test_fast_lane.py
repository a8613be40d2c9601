"""The fast lane gives the answers of the complete path, and leaves to it what it can't answer."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary
from hypothesis import given
from hypothesis import strategies as st

from tests.opcua.core.lanes import (
    DOUBLE,
    MANY,
    NODES,
    TOKEN,
    A,
    Side,
    V,
    booking,
    browse,
    encoded,
    read,
    response_type,
    same,
    value_of,
    without_times,
    writing,
)
from tests.opcua.core.sample import Sample, name, site
from tracenode.models.roles import Role
from tracenode.server import app
from tracenode.server.configuration import load
from tracenode.server.opcua.connections import transport
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.fast import reading
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import data_value, variable_node

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

# ------------------------------------------------------------------ Read
READS = st.builds(
    lambda node_id, attribute, ranged, encoding: ua.ReadValueId(
        NodeId=node_id,
        AttributeId=ua.UInt32(attribute),
        IndexRange=ranged,
        DataEncoding=ua.QualifiedName(encoding),
    ),
    st.sampled_from(NODES),
    st.sampled_from([13, 13, 13, *range(0, 29), 99]),
    st.sampled_from([None, None, None, "", "0", "1:2", "2:1", "x", "9"]),
    st.sampled_from([None, None, None, "Default Binary", "Default XML"]),
)


@MANY
@given(
    wanted=st.lists(READS, max_size=6),
    max_age=st.sampled_from([0.0, 0.0, 500.0, -1.0, float("nan")]),
    stamps=st.sampled_from([0, 1, 2, 2, 3]),
)
async def test_reads_are_answered_as_on_the_complete_path(
    sides: tuple[Side, Side], wanted: list[ua.ReadValueId], max_age: float, stamps: int
) -> None:
    await same(sides, encoded(read(*wanted, max_age=max_age, stamps=stamps)))


async def test_the_lane_takes_reads_again_and_new_values_show(
    sample: Sample, sides: tuple[Side, Side]
) -> None:
    fast = sides[0].lane
    target = site("St/OP10.Current.Torque")
    body = encoded(read(*map(value_of, NODES)))
    before = fast.taken
    for number in range(20):
        await sample.server.values.set(target, float(number))
        answer = struct_from_binary(ua.ReadResponse, Buffer(await same(sides, body)))
        assert answer.Results[NODES.index(target)].Value.Value == number
    assert fast.taken >= before + 20  # the client looks after itself now and then, too


async def test_the_lane_keeps_answers_of_browse(sides: tuple[Side, Side]) -> None:
    body = encoded(browse(site("Plant"), site("St/OP10")))
    before = sides[0].lane.taken
    assert len({without_times(await same(sides, body)) for _ in range(3)}) == 1
    assert sides[0].lane.taken >= before + 3


async def test_what_nodes_there_are_shows_at_once(sample: Sample, sides: tuple[Side, Side]) -> None:
    server, node_id = sample.server, site("Fleeting")
    asked = encoded(read(value_of(node_id)))
    listed = encoded(browse(site("Plant")))
    for value in (1.0, 2.0):
        gone = struct_from_binary(ua.ReadResponse, Buffer(await same(sides, asked))).Results[0]
        assert gone.StatusCode.value == StatusCodes.BadNodeIdUnknown
        fresh = data_value(value, ua.VariantType.Double)
        before = await same(sides, listed)
        node = variable_node(node_id, name("Fleeting"), DOUBLE, fresh)
        server.book.add(node, site("Plant"), ua_id(ObjectIds.Organizes))
        there = struct_from_binary(ua.ReadResponse, Buffer(await same(sides, asked))).Results[0]
        assert there.Value.Value == value
        assert len(await same(sides, listed)) > len(before)
        hidden = ua.DataValue(ua.Variant(0, ua.VariantType.Byte))
        await server.space.write_attribute_value(node_id, A.AccessLevel, hidden)
        shut = struct_from_binary(ua.ReadResponse, Buffer(await same(sides, asked))).Results[0]
        assert shut.StatusCode.value == StatusCodes.BadNotReadable
        server.book.remove(node_id)


async def test_what_a_stranger_asks_is_not_kept_for_ever(
    sample: Sample, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes that are not held, and ranges, not at all; of requests for others only so many."""
    lane = sample.server._core.lane
    assert lane is not None
    reads = lane.reads
    reads._forget()
    for number in range(10):
        nodes = [value_of(site(f"none/{number}/{place}" + "x" * 500)) for place in range(10)]
        body = encoded(read(*nodes))
        await same(sides, body if number % 2 else body[:-1])
        ranged = ua.ReadValueId(site("St/OP10.Current.Torque"), ua.UInt32(A.Value), f"{number}")
        await same(sides, encoded(read(ranged)))
        kept = [*(asked for _, asked in reads._requests), *chain(*reads._nodes.values())]
        assert not [one for one in kept if b"none/" in one or b"St/OP10" in one]
    held = [node for node in NODES if node in sample.server.space.virtual.real]
    monkeypatch.setattr(reading, "KEPT", 100 * 40 * len(held))
    most = 0
    for number in range(200):
        await same(sides, encoded(read(*map(value_of, held), max_age=float(number))))
        most = max(most, len(reads._requests))
    assert 10 < most < 150
    await same(sides, encoded(read(*map(value_of, NODES))))


async def test_rights_are_those_of_the_session(sides: tuple[Side, Side]) -> None:
    body = encoded(read(*map(value_of, NODES)))
    listed = encoded(browse(*NODES[:8]))
    sessions = [side.protocol.processor.session for side in sides if side.protocol.processor]
    kept = [session.rights.roles for session in sessions if session is not None]
    seen = set()
    try:
        for roles in (kept[0], int(Role.Anonymous), kept[0]):
            for session in sessions:
                assert session is not None
                session.rights.roles = roles
            await same(sides, listed)
            answer = struct_from_binary(ua.ReadResponse, Buffer(await same(sides, body)))
            seen.add(tuple(value.StatusCode.value for value in answer.Results))
    finally:
        for session, roles in zip(sessions, kept, strict=True):
            assert session is not None
            session.rights.roles = roles
    assert len(seen) == 2


# ------------------------------------------------------------------ Browse
@MANY
@given(
    nodes=st.lists(st.sampled_from(NODES), max_size=4),
    most=st.sampled_from([0, 0, 1, 3, 5000]),
    direction=st.sampled_from([*ua.BrowseDirection]),
    kind=st.sampled_from([ua.NodeId(), ua_id(33), ua_id(35), ua_id(47), ua_id(1), ua_id(9_999)]),
    subtypes=st.booleans(),
    classes=st.sampled_from([0, 1, 2, 4, 255]),
    mask=st.integers(0, 63),
)
async def test_browses_are_answered_as_on_the_complete_path(
    sides: tuple[Side, Side], nodes: list[ua.NodeId], most: int, **asked: Any
) -> None:
    body = encoded(browse(*nodes, most=most, **asked))
    for _ in range(2):  # made, and kept
        await same(sides, body)


# ------------------------------------------------------------------ what is unusual
RECORDED = [
    encoded(booking()),
    encoded(
        writing(
            ua.WriteValue(
                NodeId=NODES[2],
                AttributeId=ua.UInt32(A.Value),
                Value=ua.DataValue(ua.Variant([1.0, 2.0], V.Double, is_array=True)),
            )
        )
    ),
    encoded(read(*map(value_of, NODES[:3]))),
    encoded(browse(*NODES[:2])),
]


@MANY
@given(
    body=st.sampled_from(RECORDED),
    changes=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 40),
    more=st.binary(max_size=3),
)
async def test_broken_requests_are_refused_alike(
    sides: tuple[Side, Side],
    body: bytes,
    changes: list[tuple[int, int]],
    cut: int,
    more: bytes,
) -> None:
    start = body.index(TOKEN) + len(TOKEN) + 28
    broken = bytearray(body)
    for place, byte in changes:
        broken[start + place % (len(body) - start)] = byte
    sent = bytes(broken[: max(start, len(broken) - cut)] + more)
    await same(sides, sent)


def _noted(order: list[int], handle: int, _: object) -> None:
    order.append(handle)


def in_one_segment(side: Side, requests: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Send requests together; return the futures of their answers, and a list of their places that
    grows as they are answered."""
    protocol: Any = side.client.uaclient.protocol
    token = nodeid_to_binary(side.client.uaclient.session.authentication_token)
    order: list[int] = []
    waiting, sent = [], b""
    for handle, request in enumerate(requests):
        number = protocol._request_id = protocol._request_id + 1
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(partial(_noted, order, handle))
        protocol._callbackmap[number] = future
        waiting.append(future)
        body = encoded(request, handle).replace(TOKEN, token)
        sent += protocol._connection.message_to_binary(body, request_id=number)
    protocol.transport.write(sent)
    return waiting, order


async def test_requests_are_answered_in_their_order(sides: tuple[Side, Side]) -> None:
    """Requests for both ways in one segment: none overtakes another."""
    fast = sides[0]
    register = ua.RegisterNodesRequest()
    register.Parameters.NodesToRegister = NODES[:2]
    before = fast.lane.taken
    requests = [register if n % 3 == 1 else read(value_of(NODES[n % 8])) for n in range(30)]
    waiting, order = in_one_segment(fast, requests)
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 15)
    assert order == list(range(30))
    for handle, answer in enumerate(answers):
        body = answer.read(len(answer))
        assert struct.unpack_from("<I", body, 12)[0] == handle
        kind = ua.RegisterNodesResponse if handle % 3 == 1 else ua.ReadResponse
        assert response_type(body) is kind
    assert fast.lane.taken > before
    await fast.client.nodes.server.read_browse_name()


async def test_a_flood_of_requests_lets_others_in(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came in one segment is answered in slices of time, here of none."""
    monkeypatch.setattr(transport, "SLICE_S", 0.0)
    fast, turns = sides[0], 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        if len(order) < 100:
            asyncio.get_running_loop().call_soon(turn)

    before = fast.lane.taken
    waiting, order = in_one_segment(fast, [read(value_of(NODES[3]))] * 100)
    turn()
    await asyncio.wait_for(asyncio.gather(*waiting), 15)
    assert order == list(range(100))
    assert fast.lane.taken >= before + 100
    assert turns >= 100


async def test_without_a_lane_the_server_answers(sides: tuple[Side, Side]) -> None:
    complete = sides[1]
    assert complete.protocol._lane is None
    answer = await complete.send(encoded(read(value_of(NODES[3]))))
    found = struct_from_binary(ua.ReadResponse, Buffer(answer)).Results[0]
    assert found.Value.Value == "OP10"


@pytest.mark.parametrize("fast", [True, False])
async def test_the_lane_can_be_switched_off(fast: bool, tmp_path: Path) -> None:
    """From the configuration to the server's connections."""
    file = tmp_path / "tracenode.toml"
    said = f"[site]\nid = 'Test'\n[opcua]\nfast_lane = {str(fast).lower()}\nsecurity = ['None']\n"
    file.write_text(said, encoding="utf-8")
    options = app._options(load(file))
    assert options.fast_lane == fast
    assert (TraceServer(options)._core.lane is not None) == fast
