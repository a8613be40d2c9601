"""A station's methods and variables: the whole way from a call to what is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.surface.plant import Plant, call, outputs, read, request_id, shows, site
from tests.support.waiting import eventually
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.surface.keys import model_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

S = TraceStatus
V = ua.VariantType


async def register(client: Client, number: str, station: str = "OP10") -> str:
    sequence, item, text, status = await outputs(
        client, f"St/{station}", "RegisterItem", request_id(), "PUMP", "", number
    )
    assert (status, text) == (S.Ok, "")
    assert sequence > 0
    return str(item)


async def test_a_unit_goes_through_a_station(plant: Plant, client: Client) -> None:
    item = await register(client, "A100")
    assert item == "sn:PUMP:A100"
    station = "St/OP40"
    step, recipe, text, status = await outputs(client, station, "CheckItem", request_id(), "A100")
    assert (step, recipe, text, status) == ("", "", "", S.Ok)
    sequence, _, status = await outputs(
        client, station, "StartItem", request_id(), "A100", "4711", "Kim"
    )
    assert status == S.Ok
    await shows(client, f"{station}.CurrentItem.ItemId", item)
    assert await read(client, f"{station}.CurrentItem.MaterialId") == "PUMP"
    assert await read(client, f"{station}.CurrentItem.OrderId") == "4711"
    assert await read(client, f"{station}.CurrentItem.State") == ItemState.InProcess
    assert await read(client, f"{station}.LastEventSequence") == sequence
    assert await read(client, f"{station}.LastEventType") == "TraceObjectEventType"

    before = await read(client, f"{station}.CountOK")
    done, _, status = await outputs(client, station, "CompleteItem", request_id(), item, 1, "")
    assert (done, status) == (sequence + 1, S.Ok)
    await shows(client, f"{station}.CurrentItem.ItemId", "")
    assert await read(client, f"{station}.CountOK") == before + 1
    assert await read(client, f"{station}.CurrentItem.Evaluation") == 1
    assert (await read(client, f"{station}.RecentItemIds"))[0] == item
    assert await read(client, f"{station}.CycleTime") >= 0
    assert await read(client, f"Item/{item}#State") == ItemState.Completed


async def test_a_check_books_nothing(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    head = plant.trace.head.seq
    for text, status in ((item, S.Ok), ("no such", S.UnknownItem), ("", S.InvalidIdentifier)):
        answer = await outputs(client, "St/OP30", "CheckItem", "", text)
        assert answer[3] == status, answer
        assert bool(answer[2]) == (status >= 100)
    assert plant.trace.head.seq == head


async def test_a_check_says_what_a_start_would(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    await outputs(client, "St/OP10", "StartItem", request_id(), item, "", "")
    checked = await outputs(client, "St/OP20", "CheckItem", "", item)
    started = await outputs(client, "St/OP20", "StartItem", request_id(), item, "", "")
    assert checked[3] == started[2] == S.DuplicateIdentifier
    assert checked[2] == started[1]
    assert started[0] == 0


async def test_the_same_request_is_answered_from_the_journal(client: Client) -> None:
    asked = request_id()
    first = await outputs(client, "St/OP10", "RegisterItem", asked, "PUMP", "", "A200")
    again = await outputs(client, "St/OP10", "RegisterItem", asked, "PUMP", "", "A200")
    assert (first[3], again[3]) == (S.Ok, S.OkReplayed)
    assert first[:2] == again[:2]
    other = await outputs(client, "St/OP10", "RegisterItem", asked, "PUMP", "", "A201")
    assert other[3] == S.RequestConflict
    elsewhere = await outputs(client, "St/OP20", "RegisterItem", asked, "PUMP", "", "A202")
    assert elsewhere[3] == S.Ok


async def test_a_refusal_replays_as_itself(client: Client) -> None:
    asked = request_id()
    for _ in range(2):
        answer = await outputs(client, "St/OP10", "StartItem", asked, "nobody", "", "")
        assert answer == [0, "no item is known as 'nobody'", S.UnknownItem]
    await shows(client, "St/OP10.LastStatus", S.UnknownItem)


async def test_a_booking_needs_a_request_id(plant: Plant, client: Client) -> None:
    head = plant.trace.head.seq
    answer = await outputs(client, "St/OP10", "StartItem", "", "A100", "", "")
    assert answer[2] == S.MalformedRequest
    assert "RequestId" in answer[1]
    assert plant.trace.head.seq == head


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", S.InvalidIdentifier),
        ("NOREAD", S.InvalidIdentifier),
        ("SN1\0\0\0", S.InvalidIdentifier),
        ("x" * 5_000, S.InvalidIdentifier),
        (" SN1", S.InvalidIdentifier),
    ],
    ids=["empty", "noread", "padded", "too long", "space"],
)
async def test_what_is_no_identity_is_refused_and_recorded(
    plant: Plant, client: Client, text: str, status: TraceStatus
) -> None:
    head = plant.trace.head.seq
    answer = await outputs(client, "St/OP10", "RegisterItem", request_id(), "PUMP", "", text)
    assert answer[3] == status
    assert plant.trace.head.seq == head + 1


async def test_arguments_are_checked_one_by_one(client: Client) -> None:
    def codes(result: ua.CallMethodResult) -> list[int]:
        return [code.value for code in result.InputArgumentResults]

    few = await call(client, "St/OP10", "CompleteItem", request_id(), "A100", 1)
    assert few.StatusCode.value == StatusCodes.BadArgumentsMissing
    many = await call(client, "St/OP10", "CompleteItem", request_id(), "A100", 1, "", "")
    assert many.StatusCode.value == StatusCodes.BadTooManyArguments
    typed = await call(client, "St/OP10", "CompleteItem", request_id(), "A100", "1", "")
    assert typed.StatusCode.value == StatusCodes.BadInvalidArgument
    good = StatusCodes.Good
    assert codes(typed) == [good, good, StatusCodes.BadTypeMismatch, good]
    ranged = await call(client, "St/OP10", "CompleteItem", request_id(), "A100", 4, "")
    assert codes(ranged) == [good, good, StatusCodes.BadOutOfRange, good]
    nan = ua.Variant(float("nan"), V.Double)
    used = await call(client, "St/OP10", "ConsumeMaterial", request_id(), "A", "L", nan, "KGM")
    assert codes(used) == [good, good, good, StatusCodes.BadOutOfRange, good]


async def test_the_method_of_the_type_works_on_a_station(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    method = model_id("TraceStationType/StartItem")
    result = await call(client, "St/OP30", "StartItem", request_id(), item, "", "", by_type=method)
    assert result.StatusCode.is_good()
    assert result.OutputArguments[2].Value == S.Ok
    await shows(client, "St/OP30.CurrentItem.ItemId", item)


async def test_parts_go_in_and_out(plant: Plant, client: Client) -> None:
    pump = await plant.unit()
    rotors = [await plant.unit("ROTOR") for _ in range(2)]
    station = "St/OP20"
    installed = await outputs(
        client, station, "InstallPart", request_id(), pump, rotors[0], "P1", 0.0, ""
    )
    assert installed[2] == S.Ok, installed
    parts = client.get_node(site(f"Item/{pump}"))
    has_part = model_id("HasPart")

    async def found() -> list[str]:
        references = await parts.get_references(has_part, ua.BrowseDirection.Forward)
        return [reference.BrowseName.Name for reference in references]

    async def until(expected: list[str]) -> None:
        async def equal() -> bool:
            return await found() == expected

        condition: Callable[[], bool | Awaitable[bool]] = equal
        await eventually(condition)

    assert await found() == [rotors[0]]
    replaced = await outputs(
        client, station, "ReplacePart", request_id(), pump, rotors[0], rotors[1], "P1", "worn"
    )
    assert replaced[2] == S.Ok, replaced
    await until([rotors[1]])
    again = await outputs(
        client, station, "InstallPart", request_id(), pump, rotors[1], "P1", 0.0, ""
    )
    assert again[2] == S.PartAlreadyInstalled
    removed = await outputs(
        client, station, "RemovePart", request_id(), pump, rotors[1], "P1", "rework"
    )
    assert removed[2] == S.Ok
    await until([])
    replaces = await client.get_node(site(f"Item/{rotors[1]}")).get_references(
        model_id("Replaces"), ua.BrowseDirection.Forward
    )
    assert [reference.BrowseName.Name for reference in replaces] == [rotors[0]]


async def test_every_other_station_method_books(plant: Plant, client: Client) -> None:
    station = "St/OP20"
    pump, lot = await plant.unit(), await plant.lot()
    ok = [
        ("ConsumeMaterial", (pump, lot, 1.5, "H87")),
        ("RecordMeasurement", (pump, "Torque", 4.52, "NU", 4.0, 5.0, 1)),
        ("StartItem", (pump, "", "")),
        ("AbortItem", (pump, "jam")),
        ("SetDisposition", (pump, "destroyed", "crack")),
    ]
    for method, arguments in ok:
        answer = await outputs(client, station, method, request_id(), *arguments)
        assert answer[-1] == S.Ok, (method, answer)
    fixed = [
        ua.Variant(["a", "b", ""], V.String),
        ua.Variant([1.0, 2.0, 0.0], V.Double),
        ua.Variant([1, 2, 0], V.Int32),
    ]
    other = await plant.unit()
    answer = await outputs(client, station, "RecordMeasurements", request_id(), other, *fixed)
    assert answer[-1] == S.Ok, answer
    refused = await outputs(client, station, "StartItem", request_id(), pump, "", "")
    assert refused[2] == S.ItemScrapped


async def test_calls_sent_without_waiting_are_booked_in_their_order(client: Client) -> None:
    station = "St/OP30"
    sent = [
        outputs(client, station, "RegisterItem", request_id(), "PUMP", "", f"Q{number:02}")
        for number in range(30)
    ]
    sequences = [answer[0] for answer in await asyncio.gather(*sent)]
    assert sequences == sorted(sequences)
    assert sequences[0] > 0


async def test_other_ids_that_are_too_long_are_no_ids_either(client: Client) -> None:
    await register(client, "A900")
    long = "4" * 300
    for order, operator in ((long, ""), ("", long)):
        _, text, status = await outputs(
            client, "St/OP30", "StartItem", request_id(), "A900", order, operator
        )
        assert status == S.InvalidIdentifier
        assert "has 300 characters, at most 254 fit" in text


async def test_a_method_is_not_called_on_its_type(client: Client) -> None:
    request = ua.CallMethodRequest()
    request.ObjectId = model_id("TraceStationType")
    request.MethodId = model_id("TraceStationType/CheckItem")
    request.InputArguments = [ua.Variant("", V.String), ua.Variant("A100", V.String)]
    (result,) = await client.uaclient.call([request])
    assert result.StatusCode.value == StatusCodes.BadMethodInvalid


async def test_a_negative_quantity_is_refused_in_words(plant: Plant, client: Client) -> None:
    item, lot = await plant.unit(), await plant.lot()
    _, text, status = await outputs(
        client, "St/OP30", "ConsumeMaterial", request_id(), item, lot, -1.5, "H87"
    )
    assert status == S.MalformedRequest
    assert text.endswith("expected a quantity from 0 on, not -1.5 H87, found -1.5 H87")


async def test_no_measurements_are_refused_in_words(plant: Plant, client: Client) -> None:
    nothing = ua.Variant(None)
    _, text, status = await outputs(
        client,
        *("St/OP30", "RecordMeasurements", request_id(), await plant.unit()),
        *(nothing, nothing, nothing),
    )
    assert (text, status) == ("measurements: expected at least 1, found 0", S.MalformedRequest)
