"""Tanks, topped-up lots, slots and stock by method, and how they are browsed."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.opcua.surface.hearing import hearing
from tests.opcua.surface.plant import (
    Plant,
    call,
    outputs,
    read,
    request_id,
    shows,
    site,
)
from tests.support.waiting import eventually
from tracenode.models.answers import Ingredients
from tracenode.models.events import Master, Receive, Register
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.arguments import NULL_DATE
from tracenode.server.opcua.surface.keys import model_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

Q, STOCK = "Traceability.Queries", "Traceability.Stock"
HERE = "St/OP10"
SERVER = ua_id(ObjectIds.Server)
S = TraceStatus
V = ua.VariantType
OUT, BACK = ua.BrowseDirection.Forward, ua.BrowseDirection.Inverse


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def materials(plant: Plant) -> None:
    """OIL may not be booked out below nothing."""
    for key, data in {
        "OIL": {"kind": "lot", "unit": "KGM", "over_consumption": "reject"},
        "TANK": {"kind": "container"},
    }.items():
        await plant.book(Master(kind="material", key=key, data=data))


async def tank(plant: Plant) -> str:
    name = f"T{next(plant.numbers)}"
    return (await plant.book(Register(station="OP10", item=name, material="TANK"))).item


async def fill(client: Client, container: str, lot: str, amount: float) -> int:
    """Return the EventSequence."""
    asked = (request_id(), container, lot, amount, "KGM")
    sequence, text, status = await outputs(client, HERE, "FillContainer", *asked)
    assert (text, status) == ("", S.Ok)
    return int(sequence)


async def linked(
    client: Client, item: str, reference_type: str, direction: ua.BrowseDirection
) -> list[str]:
    node = client.get_node(site(f"Item/{item}"))
    found = await node.get_references(model_id(reference_type), direction)
    return [str(link.BrowseName.Name) for link in found]


# ------------------------------------------------------------------ tanks
async def test_a_tank_is_filled_drawn_from_and_emptied(plant: Plant, client: Client) -> None:
    t1, lot, pump = await tank(plant), await plant.lot("OIL", "50 KGM"), await plant.unit()
    asked = (request_id(), t1, lot, 20.0, "KGM")
    async with hearing(client, site("St/OP10"), "TraceTransformationEventType") as heard:
        booked = await outputs(client, HERE, "FillContainer", *asked)
        assert booked[1:] == ["", S.Ok]
        again = await outputs(client, HERE, "FillContainer", *asked)
        assert again == [booked[0], "", S.OkReplayed]
        other = await outputs(client, HERE, "FillContainer", *asked[:3], 21.0, "KGM")
        assert other[2] == S.RequestConflict
        used = (request_id(), pump, t1, 2.5, "KGM")
        assert (await outputs(client, HERE, "ConsumeMaterial", *used))[2] == S.Ok
        await eventually(lambda: len(heard) == 2)
    filled, drawn = heard
    assert filled["EventType"] == model_id("TraceTransformationEventType")
    assert filled["EventSequence"] == booked[0]
    assert (filled["InputIds"], filled["OutputIds"]) == ([lot], [t1])
    assert (filled["InputQuantities"], filled["UnitOfMeasure"]) == ([20.0], "KGM")
    assert (filled["ItemId"], filled["LotId"], filled["StationId"]) == (t1, lot, "OP10")
    assert filled["Message"].Text == f"20 KGM of {lot[8:]} into {t1[15:]} at OP10"
    assert (drawn["InputIds"], drawn["OutputIds"]) == ([t1], [pump])
    items, *_ = await outputs(client, Q, "TraceIngredients", pump, _u16(0), _u32(0))
    assert items == [pump, f"{t1}~s{await position(plant, pump)}", lot]
    async with hearing(client, SERVER, "TraceDispositionEventType") as heard:
        gone = await outputs(client, HERE, "EmptyContainer", request_id(), t1, "cleaned")
        assert gone[1:] == ["", S.Ok]
        await eventually(lambda: heard)
    (emptied,) = heard
    assert (emptied["ItemId"], emptied["ReasonCode"]) == (t1, "cleaned")
    assert (emptied["Disposition"], emptied["Action"]) == ("destroyed", 2)
    assert emptied["SourceNode"] == site("St/OP10")
    used = (request_id(), await plant.unit(), t1, 1.0, "KGM")
    refused = await outputs(client, HERE, "ConsumeMaterial", *used)
    assert refused[2] == S.MaterialEmpty
    assert t1 in refused[1]


async def position(plant: Plant, pump: str) -> int:
    """The journal position of the fill whose content is in a pump."""
    answer = await plant.trace.ask(Ingredients(item=pump, max_depth=1))
    return int(answer.nodes[1].item.rpartition("~s")[2])


async def test_content_is_poured_from_one_tank_into_another(plant: Plant, client: Client) -> None:
    t1, t2, lot = await tank(plant), await tank(plant), await plant.lot("OIL", "9 KGM")
    await fill(client, t1, lot, 9.0)
    async with hearing(client, SERVER, "TraceTransformationEventType") as heard:
        asked = (request_id(), t1, t2, 4.0, "KGM")
        for replayed in (S.Ok, S.OkReplayed):
            assert (await outputs(client, HERE, "TransferContent", *asked))[2] == replayed
        await eventually(lambda: heard)
    (poured,) = heard
    assert (poured["InputIds"], poured["OutputIds"]) == ([t1], [t2])
    assert (poured["InputQuantities"], poured["ItemId"]) == ([4.0], t2)
    (into,) = await linked(client, t2, "PackedIn", BACK)
    (source,) = await linked(client, into, "DerivedFrom", OUT)
    assert [source] == await linked(client, t1, "PackedIn", BACK)


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        (("FillContainer", "{tank}", "nobody", 1.0, "KGM"), S.UnknownItem, "nobody"),
        (("FillContainer", "{tank}", "", 1.0, "KGM"), S.InvalidIdentifier, "empty"),
        (("FillContainer", "{tank}", "{lot}", 1.0, ""), S.MalformedRequest, "UnitOfMeasure"),
        (("FillContainer", "{tank}", "{lot}", 1.0, "MTR"), S.UnitMismatch, "MTR"),
        (("FillContainer", "{tank}", "{lot}", 1.0, "XYZZY"), S.UnitMismatch, "XYZZY"),
        (("FillContainer", "{tank}", "{lot}", -1.0, "KGM"), S.MalformedRequest, "-1"),
        (("FillContainer", "{tank}", "{lot}", 99.0, "KGM"), S.OverConsumption, "9 KGM"),
        (("FillContainer", "{pump}", "{lot}", 1.0, "KGM"), S.MalformedRequest, "container"),
        (("TransferContent", "{tank}", "{lot}", 1.0, "KGM"), S.MaterialEmpty, "{tank}"),
        (("TransferContent", "{tank}", "nobody", 1.0, "KGM"), S.UnknownItem, "nobody"),
        (("EmptyContainer", "nobody", "cleaned"), S.UnknownItem, "nobody"),
        (("EmptyContainer", "{pump}", "cleaned"), S.MalformedRequest, "container"),
        (("LoadMaterial", "", "{lot}", 1.0, "KGM"), S.MalformedRequest, "Slot"),
        (("LoadMaterial", "F1", "nobody", 1.0, "KGM"), S.UnknownItem, "nobody"),
        (("LoadMaterial", "F1", "{pump}", 1.0, "KGM"), S.MalformedRequest, "lot"),
        (("UnloadMaterial", "F99", 1.0), S.MaterialEmpty, "F99"),
    ],
)
async def test_what_can_t_be_is_refused_in_words(
    plant: Plant,
    client: Client,
    asked: tuple[Any, ...],
    status: TraceStatus,
    says: str,
) -> None:
    names = {
        "tank": await tank(plant),
        "lot": await plant.lot("OIL", "9 KGM"),
        "pump": await plant.unit(),
    }
    method, *given = [a.format(**names) if isinstance(a, str) else a for a in asked]
    sequence = plant.trace.head.sequence
    answer = await outputs(client, HERE, method, request_id(), *given)
    assert (answer[0], answer[2]) == (0, status), answer[1]
    assert says.format(**names) in answer[1]
    assert plant.trace.head.sequence == sequence


@pytest.mark.parametrize("number", [math.nan, math.inf])
async def test_a_quantity_is_a_number(plant: Plant, client: Client, number: float) -> None:
    result = await call(client, HERE, "FillContainer", request_id(), "T", "L", number, "KGM")
    assert result.StatusCode.name == "BadInvalidArgument"
    assert result.InputArgumentResults[3].name == "BadOutOfRange"


# ------------------------------------------------------------------ browsing
async def test_what_is_in_a_tank_is_reached_from_it(plant: Plant, client: Client) -> None:
    t1, pumps = await tank(plant), [await plant.unit() for _ in range(2)]
    lots = [await plant.lot("OIL", "50 KGM") for _ in range(2)]
    assert await linked(client, t1, "PackedIn", BACK) == []
    for lot, pump in zip(lots, pumps, strict=True):
        await fill(client, t1, lot, 10.0)
        await outputs(client, HERE, "ConsumeMaterial", request_id(), pump, t1, 1.0, "KGM")
    second, first = await linked(client, t1, "CarriedBy", BACK)
    assert await linked(client, t1, "PackedIn", BACK) == [second]
    assert await linked(client, second, "PackedIn", OUT) == [t1]
    assert await linked(client, first, "PackedIn", OUT) == []
    assert await linked(client, first, "CarriedBy", OUT) == [t1]
    assert await linked(client, first, "DerivedFrom", OUT) == [lots[0]]
    assert sorted(await linked(client, second, "DerivedFrom", OUT)) == sorted([lots[1], first])
    assert await linked(client, second, "DerivedFrom", BACK) == [pumps[1]]
    assert sorted(await linked(client, first, "DerivedFrom", BACK)) == sorted([pumps[0], second])
    assert await linked(client, pumps[0], "DerivedFrom", OUT) == [first]
    assert second in await linked(client, lots[1], "DerivedFrom", BACK)
    display = (await client.get_node(site(f"Item/{first}")).read_display_name()).Text
    assert display == f"TANK {t1[15:]} (content {first.rpartition('~s')[2]})"
    path = [f"3:{second}"]
    node = client.get_node(site(f"Item/{t1}"))
    found = await client.uaclient.translate_browsepaths_to_nodeids([_path(node.nodeid, path)])
    assert found[0].Targets[0].TargetId.Identifier == f"Item/{second}"
    for unknown in (f"{t1}~s1", f"{t1}~sx", f"{pumps[0]}~s{first.rpartition('~s')[2]}"):
        with pytest.raises(UaStatusCodeError):
            await client.get_node(site(f"Item/{unknown}")).read_display_name()


def _path(start: ua.NodeId, names: list[str]) -> ua.BrowsePath:
    path = ua.BrowsePath()
    path.StartingNode = start
    for name in names:
        element: Any = ua.RelativePathElement()
        element.ReferenceTypeId = model_id("CarriedBy")
        element.IsInverse = True
        element.IncludeSubtypes = True
        element.TargetName = ua.QualifiedName.from_string(name)
        path.RelativePath.Elements.append(element)
    return path


async def test_a_content_that_is_watched_is_seen_to_be_emptied(
    plant: Plant, client: Client
) -> None:
    t1 = await tank(plant)
    await fill(client, t1, await plant.lot("OIL", "5 KGM"), 5.0)
    (content,) = await linked(client, t1, "PackedIn", BACK)
    seen: list[int] = []

    class Watch:
        def datachange_notification(self, node: object, val: Any, data: object) -> None:
            seen.append(val)

    subscription = await client.create_subscription(50, Watch())
    await subscription.subscribe_data_change(client.get_node(site(f"Item/{content}#State")))
    await eventually(lambda: seen == [ItemState.Registered])
    await outputs(client, HERE, "EmptyContainer", request_id(), t1, "cleaned")
    await eventually(lambda: seen == [ItemState.Registered, ItemState.Scrapped])
    await subscription.delete()
    assert await linked(client, t1, "PackedIn", BACK) == []
    assert await linked(client, t1, "CarriedBy", BACK) == [content]


async def test_a_topped_up_lot_keeps_what_it_went_into_before(plant: Plant, client: Client) -> None:
    glue, more = await plant.lot("OIL", "50 KGM"), await plant.lot("OIL", "50 KGM")
    before, after = await plant.unit(), await plant.unit()
    used = ("ConsumeMaterial", request_id(), before, glue, 1.0, "KGM")
    assert (await outputs(client, HERE, *used))[2] == S.Ok
    assert await linked(client, glue, "DerivedFrom", BACK) == [before]
    await fill(client, glue, more, 5.0)
    await outputs(client, HERE, "ConsumeMaterial", request_id(), after, glue, 1.0, "KGM")
    (content,) = await linked(client, glue, "CarriedBy", BACK)
    assert await linked(client, glue, "PackedIn", BACK) == [content]
    assert sorted(await linked(client, glue, "DerivedFrom", BACK)) == sorted([before, content])
    assert await linked(client, content, "DerivedFrom", BACK) == [after]
    used_in, *_ = await outputs(client, Q, "TraceWhereUsed", glue, _u16(0), _u32(0))
    assert {before, after, content} <= set(used_in)
    node = client.get_node(site("ByMat/OIL"))
    listed = {link.BrowseName.Name for link in await node.get_references(refs=33)}
    assert {glue, more} <= listed
    assert content not in listed


async def test_an_item_structure_says_what_a_content_is(plant: Plant, client: Client) -> None:
    t1, lot = await tank(plant), await plant.lot("OIL", "5 KGM")
    await fill(client, t1, lot, 5.0)
    (content,) = await linked(client, t1, "PackedIn", BACK)
    item, text, status = await outputs(client, Q, "GetItem", content)
    assert (text, status) == ("", S.Ok)
    assert (item.ItemId, item.MaterialId, item.Kind) == (content, "TANK", 2)
    assert math.isnan(item.Quantity)


# ------------------------------------------------------------------ slots
async def test_a_slot_appears_with_its_first_load(plant: Plant, client: Client) -> None:
    lot, slot = await plant.lot("OIL", "50 KGM"), "Feeder 1"
    node = "St/OP10.Slots.Feeder%201"
    with pytest.raises(UaStatusCodeError):
        await read(client, f"{node}.LotId")
    asked = (request_id(), slot, lot, 0.0, "")
    async with hearing(client, SERVER, "TraceAssociationEventType") as heard:
        loaded = await outputs(client, HERE, "LoadMaterial", *asked)
        assert loaded[1:] == ["", S.Ok]
        again = await outputs(client, HERE, "LoadMaterial", *asked)
        assert again == [loaded[0], "", S.OkReplayed]
        await eventually(lambda: heard)
    (mounted,) = heard
    assert (mounted["ItemId"], mounted["Position"], mounted["Action"]) == (lot, slot, 1)
    slots = await client.get_node(site("St/OP10.Slots")).get_children()
    assert site(node) in [child.nodeid for child in slots]
    await _value(client, f"{node}.LotId", lot)
    assert await read(client, f"{node}.MaterialId") == "OIL"
    assert await read(client, f"{node}.Remaining") == 50.0
    assert await read(client, f"{node}.ExpiresAt") == NULL_DATE
    assert await read(client, f"{node}.Status") == S.Ok
    since = await read(client, f"{node}.LoadedAt")
    assert datetime.now(UTC) - since.replace(tzinfo=UTC) < timedelta(minutes=1)
    pump = await plant.unit()
    await outputs(client, "St/OP20", "ConsumeMaterial", request_id(), pump, lot, 12.5, "KGM")
    await shows(client, f"{node}.Remaining", 37.5)
    difference = (request_id(), lot, -1.5, "KGM", "counted")
    assert (await outputs(client, STOCK, "AdjustStock", *difference))[2] == S.Ok
    await shows(client, f"{node}.Remaining", 36.0)
    async with hearing(client, SERVER, "TraceAssociationEventType") as heard:
        taken = (request_id(), slot, 30.0)
        assert (await outputs(client, HERE, "UnloadMaterial", *taken))[2] == S.Ok
        await eventually(lambda: heard)
    (unloaded,) = heard
    assert (unloaded["ItemId"], unloaded["Action"]) == (lot, 2)
    assert (unloaded["Quantity"], unloaded["UnitOfMeasure"]) == (30.0, "KGM")
    await shows(client, f"{node}.Status", S.MaterialEmpty)
    assert await read(client, f"{node}.LotId") == ""
    assert math.isnan(await read(client, f"{node}.Remaining"))
    assert await read(client, f"{node}.LoadedAt") == NULL_DATE


async def test_a_slot_says_when_its_material_expires(plant: Plant, client: Client) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=1)
    number = f"L{next(plant.numbers):05}"
    received = Receive(item=number, material="OIL", expires_at=expires)
    lot = (await plant.book(received)).item
    asked = (request_id(), "F2", lot, 0.0, "")
    assert (await outputs(client, HERE, "LoadMaterial", *asked))[2] == S.Ok
    await _value(client, "St/OP10.Slots.F2.LotId", lot)
    shown = await read(client, "St/OP10.Slots.F2.ExpiresAt")
    assert abs(shown.replace(tzinfo=UTC) - expires) < timedelta(milliseconds=1)
    assert math.isnan(await read(client, "St/OP10.Slots.F2.Remaining"))
    await shows(client, "St/OP10.Slots.F2.Status", S.MaterialExpired)
    used = (request_id(), await plant.unit(), lot, 1.0, "KGM")
    assert (await outputs(client, HERE, "ConsumeMaterial", *used))[2] == S.MaterialExpired
    anew = (request_id(), "F3", lot, 0.0, "")
    assert (await outputs(client, HERE, "LoadMaterial", *anew))[2] == S.MaterialExpired
    unknown = (request_id(), "F2", -1.0)
    assert (await outputs(client, HERE, "UnloadMaterial", *unknown))[2] == S.Ok


async def _value(client: Client, node: str, value: object) -> None:
    """Wait until a variable is there and has this value."""

    async def there() -> bool:
        try:
            return bool(await read(client, node) == value)
        except UaStatusCodeError:
            return False

    condition: Callable[[], bool | Awaitable[bool]] = there
    await eventually(condition)


# ------------------------------------------------------------------ stock
async def test_stock_that_was_counted_is_told(plant: Plant, client: Client) -> None:
    lot = await plant.lot("OIL", "10 KGM")
    asked = (request_id(), lot, 2.5, "KGM", "counted")
    async with hearing(client, SERVER, "TraceObjectEventType") as heard:
        booked = await outputs(client, STOCK, "AdjustStock", *asked)
        assert booked[1:] == ["", S.Ok]
        again = await outputs(client, STOCK, "AdjustStock", *asked)
        assert again == [booked[0], "", S.OkReplayed]
        await eventually(lambda: heard)
    (counted,) = heard
    assert (counted["ItemId"], counted["LotId"]) == (lot, lot)
    assert (counted["Quantity"], counted["UnitOfMeasure"]) == (2.5, "KGM")
    assert (counted["BizStep"], counted["ReasonCode"]) == ("cycle_counting", "counted")
    for given, status in (
        ((lot, 1.0, "KGM", ""), S.MalformedRequest),
        ((lot, 0.0, "", "counted"), S.MalformedRequest),
        (("nobody", 1.0, "KGM", "counted"), S.UnknownItem),
        ((lot, 1.0, "MTR", "counted"), S.UnitMismatch),
    ):
        answer = await outputs(client, STOCK, "AdjustStock", request_id(), *given)
        assert (answer[0], answer[2]) == (0, status), answer


def _u16(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt16)


def _u32(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt32)
