"""Write and Call on the fast lane: answered, checked and noted as on the complete path."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary
from hypothesis import given
from hypothesis import strategies as st

from tests.opcua.core.lanes import (
    MANY,
    NODES,
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
from tests.opcua.core.sample import Sample, site
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


async def test_the_lane_takes_writes_and_notes_them(
    sample: Sample, sides: tuple[Side, Side]
) -> None:
    audit, noted = sample.server._core.audit, list[AuditEntry]()
    kept, audit.tell = audit.tell, noted.append
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
