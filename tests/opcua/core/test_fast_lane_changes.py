"""Write and Call on the fast lane: answered, checked and noted as on the complete path."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary
from hypothesis import given
from hypothesis import strategies as st

from tests.opcua.core.lanes import (
    MANY,
    NODES,
    TOKEN,
    A,
    Side,
    V,
    booking,
    encoded,
    read,
    response_type,
    same,
    value_of,
    without_times,
    writing,
)
from tests.opcua.core.sample import Sample, name, site
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.nodes.book import data_value, variable_node
from tracenode.server.opcua.security.audit import AuditEntry, AuditKind

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

# ------------------------------------------------------------------ Write
TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VALUES = st.sampled_from(
    [
        ua.Variant("SN1", V.String),
        ua.Variant("", V.String),
        ua.Variant("x" * 2_000_000, V.String),
        ua.Variant([1.0, 2.0, 3.0], V.Double, is_array=True),
        ua.Variant([9.0], V.Double, is_array=True),
        ua.Variant(4.5, V.Double),
        ua.Variant(None, V.Null),
        ua.Variant(7, V.Int32),
    ]
)
WRITES = st.builds(
    lambda node_id, attribute, ranged, value, status, source, picoseconds: ua.WriteValue(
        NodeId=node_id,
        AttributeId=ua.UInt32(attribute),
        IndexRange=ranged,
        Value=ua.DataValue(
            value, status, source, SourcePicoseconds=picoseconds if source else None
        ),
    ),
    st.sampled_from([*NODES[:4], NODES[0], NODES[2], *NODES[5:13]]),
    st.sampled_from([13, 13, 13, 13, 4, 99]),
    st.sampled_from([None, None, None, "", "1", "x"]),
    VALUES,
    st.sampled_from([None, ua.StatusCode(), ua.StatusCode(ua.UInt32(StatusCodes.BadOutOfService))]),
    st.sampled_from([None, TIME]),
    st.sampled_from([None, None, ua.UInt16(5)]),
)


@MANY
@given(values=st.lists(WRITES, max_size=3))
async def test_writes_are_answered_as_on_the_complete_path(
    sides: tuple[Side, Side], values: list[ua.WriteValue]
) -> None:
    """And leave the same behind: each way's are read back by the other."""
    body = encoded(writing(*values))
    asked = encoded(read(*map(value_of, NODES[:4]), stamps=3))
    left = []
    for side, other in (sides, sides[::-1]):
        answered = without_times(await side.send(body))
        left.append((answered, without_times(await other.send(asked))))
    assert left[0] == left[1]


KINDS: dict[V, list[Any]] = {
    V.Boolean: [True, False],
    V.SByte: [-5],
    V.Byte: [200],
    V.Int16: [-300],
    V.UInt16: [65_000],
    V.Int32: [7, -7],
    V.UInt32: [4_000_000_000],
    V.Int64: [-(1 << 60)],
    V.UInt64: [1 << 63],
    V.Float: [1.5, float("nan")],
    V.Double: [4.5, float("inf")],
    V.String: ["", "SN1", "\u00e4" * 40, "x" * 2_000_000, "\udcff", None],
    V.DateTime: [TIME],
}
PLAIN = [ua.Variant(value, kind) for kind, values in KINDS.items() for value in values]


@pytest.fixture(scope="module")
def plain(sample: Sample) -> list[ua.NodeId]:
    """Variables of each built-in type, of an abstract one and any; one to be read only, one whose
    value is made when it is read."""
    server, made = sample.server, []

    def add(said: str, data_type: int, kind: V, value: object, *, writable: bool = True) -> None:
        node_id = site(f"Plain/{said}")
        first = data_value(value, kind)
        node = variable_node(node_id, name(said), ua_id(data_type), first, writable=writable)
        server.book.add(node, site("Plant"), ua_id(ObjectIds.Organizes))
        made.append(node_id)

    for kind, values in KINDS.items():
        add(kind.name, kind.value, kind, values[0])
    add("Number", ObjectIds.Number, V.Double, 0.0)
    add("Any", ObjectIds.BaseDataType, V.Double, 0.0)
    add("Fixed", ObjectIds.Double, V.Double, 0.0, writable=False)
    add("Made", ObjectIds.Double, V.Double, 0.0)
    cell = server.space.value_cell(made[-1])
    assert cell is not None
    cell.value_callback = lambda *_: data_value(9.0, V.Double)
    return made


@MANY
@given(
    place=st.integers(0, 16),
    value=st.sampled_from(PLAIN),
    matching=st.booleans(),
    status=st.sampled_from([None, None, ua.StatusCode(), ua.StatusCode(ua.UInt32(1))]),
    source=st.sampled_from([None, None, None, TIME]),
    changes=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=1),
)
async def test_plain_values_are_written_as_on_the_complete_path(  # noqa: PLR0917
    sides: tuple[Side, Side],
    plain: list[ua.NodeId],
    place: int,
    value: ua.Variant,
    matching: bool,
    status: ua.StatusCode | None,
    source: Any,
    changes: list[tuple[int, int]],
) -> None:
    """Each to a variable of its type or to any other, whole or with a byte broken."""
    node_id = site(f"Plain/{value.VariantType.name}") if matching else plain[place]
    wanted = ua.WriteValue(NodeId=node_id, AttributeId=ua.UInt32(A.Value))
    wanted.Value = ua.DataValue(value, status, source)
    body = encoded(writing(wanted))
    start = body.index(TOKEN) + len(TOKEN) + 28
    broken = bytearray(body)
    for at, byte in changes:
        broken[start + at % (len(body) - start)] = byte
    asked = encoded(read(value_of(node_id), stamps=3))
    left = []
    for side, other in (sides, sides[::-1]):
        answered = without_times(await side.send(bytes(broken)))
        left.append((answered, without_times(await other.send(asked))))
    assert left[0] == left[1]


async def test_the_lane_takes_writes_and_notes_them(
    sample: Sample, sides: tuple[Side, Side]
) -> None:
    audit, noted = sample.server._core.audit, list[AuditEntry]()
    kept, audit.tell = audit.tell, lambda note: noted.append(note())
    before = sides[0].lane.taken
    wanted = ua.WriteValue(NodeId=NODES[0], AttributeId=ua.UInt32(A.Value))
    wanted.Value = ua.DataValue(ua.Variant("SN9", V.String))
    try:
        for side in sides:
            await side.send(encoded(writing(wanted)))
    finally:
        audit.tell = kept
    assert sides[0].lane.taken > before
    shown = {(one.kind, one.words, one.status, one.target, one.values["new"]) for one in noted}
    assert len(noted) == 2
    assert shown == {(AuditKind.Write, noted[0].words, 0, NODES[0].to_string(), "SN9")}


# ------------------------------------------------------------------ Call
VARIANTS = st.sampled_from(
    [
        ua.Variant(None, V.Null),
        ua.Variant(None, V.String),
        ua.Variant("x" * 300, V.String),
        ua.Variant(float("nan"), V.Double),
        ua.Variant(7, V.Int32),
        ua.Variant(101, V.Int32),
        ua.Variant(True, V.Boolean),
        ua.Variant(["a"], V.String, is_array=True),
        ua.Variant(site("x"), V.NodeId),
    ]
)
OBJECTS = st.sampled_from([site("St/OP10"), site("St/OP20"), site("Plant"), *NODES[4:13]])


@MANY
@given(
    changed=st.lists(st.tuples(st.integers(0, 5), VARIANTS), max_size=2),
    item=st.sampled_from(["SN1", "SN1", "HELD", "DOWN", "BROKEN", "EVENT", "", None, "\udcff"]),
    target=st.tuples(OBJECTS, OBJECTS) | st.just((site("St/OP10"), site("St/OP10.Book"))),
    count=st.sampled_from([6, 6, 6, 6, 5, 7, 0]),
)
async def test_calls_are_answered_as_on_the_complete_path(
    sides: tuple[Side, Side],
    changed: list[tuple[int, ua.Variant]],
    item: str | None,
    target: tuple[ua.NodeId, ua.NodeId],
    count: int,
) -> None:
    await same(sides, encoded(booking(*changed, item=item, target=target, count=count)))


async def test_the_lane_takes_calls_and_a_slow_one_delays_nothing(
    sides: tuple[Side, Side],
) -> None:
    fast, before = sides[0], sides[0].lane.taken
    slow = asyncio.ensure_future(fast.send(encoded(booking(item="SLOW"))))
    await asyncio.sleep(0)
    async with asyncio.timeout(0.3):
        await fast.send(encoded(read(value_of(NODES[3]))))
    assert not slow.done()
    answer = struct_from_binary(ua.CallResponse, Buffer(await slow))
    assert answer.Results[0].StatusCode.is_good()
    assert fast.lane.taken >= before + 2


async def test_no_more_requests_run_at_once_than_the_limit_whichever_way_they_take(
    sample: Sample, sides: tuple[Side, Side]
) -> None:
    for side in sides:
        sample.most_slow = 0
        slow = encoded(booking(item="SLOW"))
        answers = await asyncio.gather(*(side.send(slow) for _ in range(20)))
        assert {response_type(answer) for answer in answers} == {ua.CallResponse}
        assert sample.most_slow == Limits().requests_at_once


async def test_a_result_that_cant_be_sent_is_a_fault_and_nothing_is_done_again(
    sample: Sample, sides: tuple[Side, Side]
) -> None:
    for side in sides:
        before = len(sample.calls)
        answer = await side.send(encoded(booking(item="WRONG")))
        assert response_type(answer) is ua.ServiceFault
        assert len(sample.calls) == before + 1


async def test_an_overdue_call_ends_alike(sides: tuple[Side, Side]) -> None:
    """After the method's time limit by its result, after the client's patience by a fault."""
    found = []
    for hint in (10_000, 100):
        request = booking(item="STUCK")
        body = encoded(request, hint=hint)
        answers = await asyncio.gather(*(side.send(body) for side in sides))
        assert without_times(answers[0]) == without_times(answers[1])
        found.append(response_type(answers[0]))
    assert found == [ua.CallResponse, ua.ServiceFault]
