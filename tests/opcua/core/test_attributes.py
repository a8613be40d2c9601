"""Read and Write: time stamps, parts, types, encodings (OPC 10000-4 5.11)."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.core.asking import code, raw, read_one, reading, send
from tests.opcua.core.sample import HAS_COMPONENT, Sample, name, site
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import data_value, variable_node

pytestmark = pytest.mark.asyncio(loop_scope="session")

S = StatusCodes
A = AttributeIds
V = ua.VariantType
STATUS = ua_id(ObjectIds.Server_ServerStatus)
STATION = site("St/OP10.StationId")
TABLE, BYTES, TEXT, TEXTS, COUNTS = (site(f"Box.{k}") for k in ("T", "B", "S", "A", "C"))


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def box(sample: Sample) -> AsyncIterator[None]:
    """Writable variables of several ranks."""
    made: list[tuple[ua.NodeId, Any, V, int, int, tuple[int, ...]]] = [
        (TABLE, [[1, 2, 3], [4, 5, 6]], V.Int32, ObjectIds.Int32, 2, (2, 3)),
        (BYTES, b"abcdef", V.ByteString, ObjectIds.ByteString, -1, ()),
        (TEXT, "hello", V.String, ObjectIds.String, -1, ()),
        (TEXTS, ["hello", "world"], V.String, ObjectIds.String, 1, (4,)),
        (COUNTS, [1, 2], V.Byte, ObjectIds.Byte, 1, ()),
    ]
    book = sample.server.book
    for node_id, value, kind, data_type, rank, dimensions in made:
        held = data_value(value, kind)
        node = variable_node(
            node_id,
            name(str(node_id.Identifier)),
            ua_id(data_type),
            held,
            value_rank=rank,
            array_dimensions=dimensions,
            writable=True,
        )
        book.add(node, site("Plant"), HAS_COMPONENT)
    yield
    for node_id, *_ in made:
        book.remove(node_id)


# ---------------------------------------------------------------------- Read
@pytest.mark.parametrize(
    ("asked", "source", "server"),
    [(0, True, False), (1, False, True), (2, True, True), (3, False, False)],
)
async def test_read_returns_the_time_stamps_asked_for(
    client: Client, asked: int, source: bool, server: bool
) -> None:
    value = await read_one(client, STATION, timestamps=asked)
    assert (value.SourceTimestamp is not None, value.ServerTimestamp is not None) == (
        source,
        server,
    )
    shown = await read_one(client, STATION, attribute=A.DisplayName, timestamps=asked)
    assert shown.SourceTimestamp is None
    assert (shown.ServerTimestamp is not None) == server


async def test_read_refuses_what_makes_no_sense(client: Client) -> None:
    marked = reading(STATION, max_age=1234.5)
    age = struct.pack("<d", 1234.5)
    wrong = await raw(client, marked, age + struct.pack("<i", 2), age + struct.pack("<i", 7))
    assert wrong == S.BadTimestampsToReturnInvalid
    with pytest.raises(ua.uaerrors.BadMaxAgeInvalid):
        await send(client, reading(STATION, max_age=-1.0))
    with pytest.raises(ua.uaerrors.BadNothingToDo):
        await send(client, reading())
    with pytest.raises(ua.uaerrors.BadTooManyOperations):
        await send(client, reading(*[STATION] * 10_001))


@pytest.mark.parametrize(
    ("node_id", "attribute", "encoding", "expected"),
    [
        (STATION, A.DisplayName, "Default Binary", S.BadDataEncodingInvalid),
        (STATION, A.Value, "Default Binary", S.BadDataEncodingInvalid),
        (STATUS, A.Value, "Default XML", S.BadDataEncodingUnsupported),
        (STATUS, A.Value, "Default Binary", S.Good),
    ],
)
async def test_encodings(
    client: Client, node_id: ua.NodeId, attribute: int, encoding: str, expected: int
) -> None:
    value = await read_one(client, node_id, attribute=attribute, encoding=encoding)
    assert code(value.StatusCode) == expected


async def test_attributes_are_there_or_said_not_to_be(client: Client) -> None:
    for attribute in (A.EventNotifier, A.Executable, A.Symmetric, 99, 0):
        value = await read_one(client, STATION, attribute=attribute)
        assert code(value.StatusCode) == S.BadAttributeIdInvalid
    for attribute in (A.NodeId, A.NodeClass, A.BrowseName, A.DataType, A.ValueRank, A.Historizing):
        value = await read_one(client, STATION, attribute=attribute)
        assert value.StatusCode is not None
        assert value.StatusCode.is_good()
    assert code((await read_one(client, site("No"))).StatusCode) == S.BadNodeIdUnknown
    definition = await read_one(client, ua_id(ObjectIds.Range), attribute=A.DataTypeDefinition)
    assert code(definition.StatusCode) == S.BadAttributeIdInvalid  # none, rather than a null one


@pytest.mark.parametrize(
    ("node_id", "index_range", "expected"),
    [
        (TABLE, "0:1,1", [[2], [5]]),
        (TABLE, "1,0:9", [[4, 5, 6]]),
        (TABLE, "0", S.BadIndexRangeNoData),
        (TABLE, "0,0,0", S.BadIndexRangeNoData),
        (TABLE, "5,0", S.BadIndexRangeNoData),
        (BYTES, "2:3", b"cd"),
        (TEXT, "1:2", "el"),
        (TEXTS, "0:1,0:1", ["he", "wo"]),
        (TEXTS, "1", ["world"]),
        (TEXT, "-1", S.BadIndexRangeInvalid),
        (TEXT, "1:1", S.BadIndexRangeInvalid),
        (TEXT, "1,", S.BadIndexRangeInvalid),
        (STATUS, "0", S.BadIndexRangeNoData),
    ],
)
async def test_parts_of_all_kinds_of_values(
    client: Client, node_id: ua.NodeId, index_range: str, expected: Any
) -> None:
    value = await read_one(client, node_id, index_range=index_range)
    assert value.Value is not None
    if isinstance(expected, int):
        assert code(value.StatusCode) == expected
    else:
        assert value.Value.Value == expected


# ---------------------------------------------------------------------- Write
async def write(
    client: Client, node_id: ua.NodeId, variant: ua.Variant, index_range: str = "", status: int = 0
) -> int:
    request = ua.WriteRequest()
    held = ua.DataValue(variant, ua.StatusCode(ua.UInt32(status)))
    one = ua.WriteValue(node_id, ua.UInt32(A.Value), index_range or None, held)
    request.Parameters.NodesToWrite = [one]
    return code((await send(client, request)).Results[0])


@pytest.mark.parametrize(
    ("node_id", "index_range", "given", "after"),
    [
        (TABLE, "0:1,1", ua.Variant([[8], [9]], V.Int32), [[1, 8, 3], [4, 9, 6]]),
        (BYTES, "2:3", ua.Variant(b"XY", V.ByteString), b"abXYef"),
        (TEXT, "1:2", ua.Variant("EL", V.String), "hELlo"),
        (TEXTS, "1", ua.Variant(["earth"], V.String), ["hello", "earth"]),
        (TEXTS, "0:1,0:1", ua.Variant(["HE", "WO"], V.String), ["HEllo", "WOrld"]),
    ],
)
async def test_a_part_is_written_and_nothing_else(
    client: Client, node_id: ua.NodeId, index_range: str, given: ua.Variant, after: Any
) -> None:
    before = (await read_one(client, node_id)).Value
    assert before is not None
    assert await write(client, node_id, given, index_range) == 0
    found = (await read_one(client, node_id)).Value
    assert found is not None
    assert found.Value == after
    assert await write(client, node_id, before) == 0


@pytest.mark.parametrize(
    ("node_id", "given", "index_range", "expected"),
    [
        (TEXTS, ua.Variant(["a"], V.String), "7", S.BadIndexRangeNoData),
        (TEXTS, ua.Variant(["a", "b"], V.String), "0", S.BadIndexRangeDataMismatch),
        (TEXTS, ua.Variant("a", V.String), "0", S.BadIndexRangeDataMismatch),
        (TEXTS, ua.Variant([1], V.Int32), "0", S.BadTypeMismatch),
        (TEXTS, ua.Variant(["a"], V.String), "x", S.BadIndexRangeInvalid),
        (TABLE, ua.Variant([1], V.Int32), "0", S.BadIndexRangeNoData),
        (TEXT, ua.Variant(["a"], V.String), "", S.BadTypeMismatch),
        (TEXTS, ua.Variant("a", V.String), "", S.BadTypeMismatch),
        (TEXTS, ua.Variant(["a"] * 5, V.String), "", S.BadTypeMismatch),
        (TABLE, ua.Variant([1, 2], V.Int32), "", S.BadTypeMismatch),
        (TABLE, ua.Variant([[1, 2, 3, 4]], V.Int32), "", S.BadTypeMismatch),
        (COUNTS, ua.Variant(3, V.Byte), "", S.BadTypeMismatch),
        (COUNTS, ua.Variant([0] * 100_001, V.Byte), "", S.BadOutOfRange),
        (TEXT, ua.Variant("x" * 1_048_577, V.String), "", S.BadOutOfRange),
        (TEXT, ua.Variant(1.5, V.Double), "", S.BadTypeMismatch),
        (STATION, ua.Variant("X", V.String), "", S.BadNotWritable),
        (site("No"), ua.Variant("X", V.String), "", S.BadNodeIdUnknown),
    ],
)
async def test_what_can_not_be_written_changes_nothing(
    client: Client, node_id: ua.NodeId, given: ua.Variant, index_range: str, expected: int
) -> None:
    before = await read_one(client, node_id, timestamps=3)
    assert await write(client, node_id, given, index_range) == expected
    assert await read_one(client, node_id, timestamps=3) == before


async def test_a_status_is_not_written(client: Client) -> None:
    bad = S.UncertainLastUsableValue
    assert await write(client, TEXT, ua.Variant("x"), status=bad) == S.BadWriteNotSupported


async def test_bytes_are_taken_for_an_array_of_byte(client: Client) -> None:
    assert await write(client, COUNTS, ua.Variant(b"\x05\x06", V.ByteString)) == 0
    held = (await read_one(client, COUNTS)).Value
    assert held is not None
    assert list(held.Value) == [5, 6]
