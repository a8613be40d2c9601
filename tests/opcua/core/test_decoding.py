"""Values that claim more than they bring, or bring what can't be written: refused as unreadable.

asyncua 2.1 reads each of them: for minutes, with a gigabyte, or into text that nothing can store.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import Buffer
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import (
    struct_from_binary,
    struct_to_binary,
    variant_from_binary,
    variant_to_binary,
)

from tests.opcua.core.sample import Sample
from tracenode.server.opcua.connections.services import MALFORMED
from tracenode.server.opcua.ids import ua_id

MANY = struct.pack("<i", 2**31 - 1)
ONE = struct.pack("<i", 1)
UNREADABLE = {
    "an array of nothing": b"\x80" + MANY,
    "strings of a negative length": b"\x8c" + MANY + struct.pack("<i", -4),
    "dimensions for what did not come": b"\xc6" + ONE + bytes(4) + ONE + struct.pack("<i", 10**6),
    "negative dimensions": b"\xc6" + ONE + bytes(4) + struct.pack("<3i", 2, -1, -1),
    "no UTF-8": b"\x0c" + ONE + b"\xff",
    "variants in variants": b"\x98\x01\0\0\0" * 5_000 + b"\x01\x01",
    "an extension object longer than the request": b"\x16\x01\x00\x55\x02\x01" + MANY,
}
MARK = b"here it stands"


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
def test_a_value_that_claims_too_much_is_not_read(value: bytes) -> None:
    with pytest.raises(MALFORMED):
        variant_from_binary(Buffer(value))


def test_what_is_right_is_read_as_before() -> None:
    for value in (
        ua.Variant([], ua.VariantType.Null, is_array=True),
        ua.Variant(["ä", None, ""], ua.VariantType.String),
        ua.Variant([[1, 2, 3], [4, 5, 6]], ua.VariantType.Int32),
        ua.Variant(b"\xff", ua.VariantType.ByteString),
    ):
        again = variant_from_binary(Buffer(variant_to_binary(value)))
        assert (again.Value, again.Dimensions) == (value.Value, value.Dimensions)


# ------------------------------------------------------------------ as a client sends them
async def _answered(client: Client, body: bytes) -> int:
    """Send the body of a request; return the code of its answer."""
    protocol: Any = client.uaclient.protocol
    number = protocol._request_id = protocol._request_id + 1
    waiting = asyncio.get_running_loop().create_future()
    protocol._callbackmap[number] = waiting
    protocol.transport.write(protocol._connection.message_to_binary(body, request_id=number))
    answer = await asyncio.wait_for(waiting, 15)
    response = struct_from_binary(ua.ServiceFault, answer)
    return int(response.ResponseHeader.ServiceResult.value)


def _encoded(client: Client, request: Any) -> bytes:
    request.RequestHeader.AuthenticationToken = client.uaclient.session.authentication_token
    return struct_to_binary(request)


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_call_with_such_an_argument_is_a_decoding_error(
    sample: Sample, value: bytes
) -> None:
    request = ua.CallRequest()
    asked = ua.CallMethodRequest(ObjectId=ua_id("St/OP10", 3), MethodId=ua_id("St/OP10.Book", 3))
    asked.InputArguments = [ua.Variant(MARK, ua.VariantType.ByteString)]
    request.Parameters.MethodsToCall = [asked]
    async with Client(sample.server.endpoint, timeout=10) as client:
        body = _encoded(client, request)
        marked = b"\x0f" + struct.pack("<i", len(MARK)) + MARK
        assert marked in body
        answer = await _answered(client, body.replace(marked, value))
        assert answer in {StatusCodes.BadDecodingError, StatusCodes.BadEncodingLimitsExceeded}
        assert await client.nodes.server_state.read_value() == 0


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    "kind", [ua.GetEndpointsRequest, ua.FindServersRequest, ua.ActivateSessionRequest]
)
async def test_a_request_of_a_stranger_that_ends_early_is_a_decoding_error(
    sample: Sample, kind: type[Any]
) -> None:
    async with Client(sample.server.endpoint, timeout=10) as client:
        body = _encoded(client, kind())
        assert await _answered(client, body[:-1]) == StatusCodes.BadDecodingError
        head = len(_encoded(client, ua.CloseSessionRequest())) - 1  # all but its one parameter
        odd = body[:head] + b"\x2a" * (len(body) - head)
        assert await _answered(client, odd) == StatusCodes.BadDecodingError
        assert await client.nodes.server_state.read_value() == 0
