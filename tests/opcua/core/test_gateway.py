"""Method calls: what is refused before the handler, and what becomes of what it does."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.core.sample import Sample, site
from tests.support.waiting import eventually
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.arguments import snake
from tracenode.server.opcua.methods.gateway import CallContext

pytestmark = pytest.mark.asyncio(loop_scope="session")

V = ua.VariantType
BY_TYPE = ua_id(7001, 2)


def arguments(
    item: str = "SN1", *, request: str | None = "r1", **changed: ua.Variant
) -> list[ua.Variant]:
    given = {
        "request": ua.Variant(request, V.String),
        "item": ua.Variant(item, V.String),
        "reason": ua.Variant("because", V.String),
        "quantity": ua.Variant(1.5, V.Double),
        "count": ua.Variant(3, V.Int32),
        "values": ua.Variant([1.0, 2.0], V.Double),
    }
    return list((given | changed).values())


async def call(
    client: Client,
    given: list[ua.Variant],
    *,
    station: str = "OP10",
    method: ua.NodeId | None = None,
) -> ua.CallMethodResult:
    request = ua.CallMethodRequest()
    request.ObjectId = site(f"St/{station}")
    request.MethodId = method or site(f"St/{station}.Book")
    request.InputArguments = given
    return (await client.uaclient.call([request]))[0]


@pytest.mark.parametrize("method", [None, BY_TYPE], ids=["of the station", "of the type"])
async def test_handler_knows_station_and_caller(
    sample: Sample, client: Client, method: ua.NodeId | None
) -> None:
    result = await call(client, arguments(), station="OP20", method=method)
    assert result.StatusCode.is_good()
    context, given = sample.calls[-1]
    assert context.object_id == site("St/OP20")
    assert context.method == "Book"
    assert context.caller.application_uri == "urn:test:client"
    assert context.caller.user is None
    assert given == {
        "request_id": "r1",
        "item_id": "SN1",
        "reason": "because",
        "quantity": 1.5,
        "count": 3,
        "values": (1.0, 2.0),
    }
    sequence, items, text, status = result.OutputArguments
    assert (sequence.VariantType, sequence.Value) == (V.UInt64, len(sample.calls))
    assert items.Value == ["A", "B", ""]  # padded to its declared length
    assert (text.Value, status.VariantType, status.Value) == ("", V.Int32, 0)


async def test_null_and_empty_mean_not_given(sample: Sample, client: Client) -> None:
    null = ua.Variant()
    given_nothing = arguments("", reason=null, quantity=null, count=null, values=null)
    result = await call(client, given_nothing)
    assert result.StatusCode.is_good()
    given = sample.calls[-1][1]
    assert given == {
        "request_id": "r1",
        "item_id": None,
        "reason": None,
        "quantity": None,
        "count": None,
        "values": (),
    }


async def test_count_of_arguments_is_checked(client: Client) -> None:
    few = await call(client, arguments()[:-1])
    assert few.StatusCode.value == StatusCodes.BadArgumentsMissing
    many = await call(client, [*arguments(), ua.Variant(1)])
    assert many.StatusCode.value == StatusCodes.BadTooManyArguments


MISMATCH, RANGE = StatusCodes.BadTypeMismatch, StatusCodes.BadOutOfRange


@pytest.mark.parametrize(
    ("changed", "position", "code"),
    [
        ({"item": ua.Variant(5, V.Int32)}, 1, MISMATCH),
        ({"item": ua.Variant(["SN1"], V.String)}, 1, MISMATCH),
        ({"count": ua.Variant(3, V.Int64)}, 4, MISMATCH),
        ({"values": ua.Variant(1.0, V.Double)}, 5, MISMATCH),
        ({"values": ua.Variant([1, 2], V.Int32)}, 5, MISMATCH),
        ({"values": ua.Variant([1.0] * 5, V.Double)}, 5, RANGE),
        ({"values": ua.Variant([1.0, math.inf], V.Double)}, 5, RANGE),
        ({"quantity": ua.Variant(math.nan, V.Double)}, 3, RANGE),
        ({"count": ua.Variant(101, V.Int32)}, 4, RANGE),
        ({"count": ua.Variant(-1, V.Int32)}, 4, RANGE),
        ({"reason": ua.Variant("x" * 255, V.String)}, 2, RANGE),
        ({"request": ua.Variant("x" * 255, V.String)}, 0, RANGE),
    ],
)
async def test_each_wrong_argument_has_its_own_result(
    sample: Sample, client: Client, changed: dict[str, ua.Variant], position: int, code: int
) -> None:
    before = len(sample.calls)
    given = arguments()
    names = ["request", "item", "reason", "quantity", "count", "values"]
    for key, variant in changed.items():
        given[names.index(key)] = variant
    result = await call(client, given)
    assert result.StatusCode.value == StatusCodes.BadInvalidArgument
    codes = [argument.value for argument in result.InputArgumentResults]
    assert codes == [code if at == position else StatusCodes.Good for at in range(6)]
    assert len(sample.calls) == before


async def test_an_over_long_identifier_reaches_the_handler(sample: Sample, client: Client) -> None:
    result = await call(client, arguments("x" * 300))
    assert result.StatusCode.is_good()
    assert sample.calls[-1][1]["item_id"] == "x" * 300


async def test_a_refusal_is_good_with_padded_outputs_and_a_short_text(client: Client) -> None:
    result = await call(client, arguments("HELD"))
    assert result.StatusCode.is_good()
    sequence, items, text, status = result.OutputArguments
    assert (sequence.Value, items.Value) == (0, ["", "", ""])
    assert status.Value == TraceStatus.ItemOnHold
    assert text.Value.startswith("HELD is on hold by H-1")
    assert len(text.Value) == 254


async def test_a_booking_without_request_id_is_refused(sample: Sample, client: Client) -> None:
    before = len(sample.calls)
    result = await call(client, arguments(request=None))
    assert result.StatusCode.is_good()
    assert result.OutputArguments[-1].Value == TraceStatus.MalformedRequest
    assert len(sample.calls) == before


@pytest.mark.parametrize(
    ("item", "code"),
    [("DOWN", StatusCodes.BadResourceUnavailable), ("BROKEN", StatusCodes.BadInternalError)],
)
async def test_failures_are_never_a_success(client: Client, item: str, code: int) -> None:
    result = await call(client, arguments(item))
    assert result.StatusCode.value == code
    assert (await call(client, arguments())).StatusCode.is_good()


async def test_a_late_answer_is_a_timeout(client: Client) -> None:
    started = time.monotonic()
    result = await call(client, arguments("STUCK"))
    assert result.StatusCode.value == StatusCodes.BadTimeout
    assert 0.5 < time.monotonic() - started < 1.1


async def test_method_and_object_must_belong_together(client: Client) -> None:
    wrong = await call(client, arguments(), method=site("St/OP20.Book"))
    assert wrong.StatusCode.value == StatusCodes.BadMethodInvalid
    unknown = await call(client, arguments(), station="OP99")
    assert unknown.StatusCode.value == StatusCodes.BadNodeIdUnknown
    foreign = await call(client, arguments(), method=ua_id(ObjectIds.Server_GetMonitoredItems))
    assert foreign.StatusCode.value == StatusCodes.BadMethodInvalid


async def test_a_slow_method_does_not_delay_a_read_on_its_connection(
    sample: Sample, client: Client
) -> None:
    node = client.get_node(sample.stations["OP10"]["StationId"])
    slow = asyncio.create_task(call(client, arguments("SLOW")))
    await asyncio.sleep(0)
    started = time.monotonic()
    for _ in range(5):
        assert await node.read_value() == "OP10"
    assert time.monotonic() - started < 0.3
    assert not slow.done()
    assert (await slow).StatusCode.is_good()


async def test_declared_arguments_are_found_on_the_stations_method(client: Client) -> None:
    method = client.get_node(site("St/OP10.Book"))
    declared = await (await method.get_child("0:InputArguments")).read_value()
    assert [argument.Name for argument in declared] == [
        "RequestId",
        "ItemId",
        "Reason",
        "Quantity",
        "Count",
        "Values",
    ]


async def test_handlers_that_do_not_fit_their_declaration_are_refused_at_start(
    sample: Sample,
) -> None:
    async def wrong(call: object, *, item: str) -> None:
        return None

    with pytest.raises(ValueError, match="expected parameters"):
        sample.server.gateway.bind(BY_TYPE, wrong)
    with pytest.raises(ValueError, match="expected one of"):
        sample.server.gateway.bind_type(ua_id(1002, 2), {"Nothing": wrong})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ItemId", "item_id"), ("AsOf", "as_of"), ("EPCISJson", "epcis_json"), ("Count", "count")],
)
async def test_names_become_snake_case(name: str, expected: str) -> None:
    assert snake(name) == expected


@pytest.mark.parametrize("question", [True, False], ids=["question", "booking"])
async def test_a_question_alone_ends_when_its_client_is_gone(
    sample: Sample, *, question: bool
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handler(
        context: CallContext,
        *,
        request_id: str,
        item_id: str,
        reason: str,
        quantity: float,
        count: int,
        values: tuple[float, ...],
    ) -> None:
        begun.set()
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            ended.set_result("given up")
            raise
        ended.set_result("done")

    gateway = sample.server.gateway
    gateway.bind(BY_TYPE, handler, time_limit=5, question=question)
    try:
        leaving = Client(sample.server.endpoint, timeout=10)
        await leaving.connect()
        asked = asyncio.create_task(call(leaving, arguments(), method=BY_TYPE))
        await asyncio.wait_for(begun.wait(), 5)
        transports = sample.server.engine.iserver.asyncio_transports
        open_before = len(transports)
        leaving.disconnect_socket()
        await eventually(lambda: len(transports) < open_before)
        if not question:
            go_on.set()
        assert await asyncio.wait_for(ended, 5) == ("given up" if question else "done")
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    finally:
        sample.bind()
