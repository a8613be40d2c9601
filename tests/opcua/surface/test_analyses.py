"""Questions about many items by method: causes, balances, windows, bills, coverage, impact, shares.
A number that is not known is NaN, a time that is open the null time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client

from tests.opcua.surface.plant import Plant, outputs
from tracenode.models.analysis import CauseKind
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import (
    Abort,
    Assemble,
    Complete,
    Consume,
    Fill,
    Gap,
    Master,
    Receive,
    Register,
    Scrap,
    Ship,
    Start,
    Void,
)
from tracenode.models.quantities import Quantity
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.methods.arguments import NULL_DATE

pytestmark = pytest.mark.asyncio(loop_scope="session")

Q = "Traceability.Queries"
V = ua.VariantType
S = TraceStatus
NEVER = ua.Variant()
NO_ITEMS = ua.Variant([], V.String, is_array=True)


def u16(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt16)


def u32(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt32)


def u64(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt64)


def texts(*items: str) -> ua.Variant:
    return ua.Variant(list(items), V.String)


def amount(text: str) -> Quantity:
    return Quantity.model_validate(text)


async def asked(client: Client, method: str, *arguments: Any) -> list[Any]:
    """Return the outputs before StatusText and Status."""
    *found, text, status = await outputs(client, Q, method, *arguments)
    assert (text, status) == ("", S.Ok)
    return found


# ------------------------------------------------------------------ causes
@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def failures(plant: Plant) -> tuple[list[str], list[str], str]:
    """Four failing units of one lot, six passing ones of another: (failed, passed, bad lot)."""
    bad, good = await plant.lot(), await plant.lot()
    units: dict[bool, list[str]] = {True: [], False: []}
    for number in range(10):
        fails = number % 3 == 0
        unit = await plant.unit()
        await plant.book(Start(station="OP40", item=unit))
        await plant.book(Consume(station="OP40", item=unit, lot=bad if fails else good))
        verdict = Evaluation.NotOK if fails else Evaluation.OK
        await plant.book(Complete(station="OP40", item=unit, evaluation=verdict))
        units[fails].append(unit)
    return units[True], units[False], bad


async def test_what_failing_units_share(
    client: Client, failures: tuple[list[str], list[str], str]
) -> None:
    failed, passed, bad = failures
    given = (texts(*failed), texts(*passed), u64(0), u32(0))
    kinds, values, f, p, lift, ps, qs, tested, truncated = await asked(
        client, "CommonCauses", *given
    )
    assert (kinds[0], values[0], f[0], p[0]) == (CauseKind.Item, bad, 4, 0)
    assert lift[0] == 2.5
    assert math.isclose(ps[0], 1 / 210)
    assert ps[0] <= qs[0] <= 1
    assert ps == sorted(ps)
    assert len({len(kinds), len(values), len(f), len(p), len(lift), len(ps), len(qs)}) == 1
    assert (tested, truncated) == (len(kinds), False)
    one = await asked(client, "CommonCauses", *given[:3], u32(1))
    assert (one[1], one[7], one[8]) == ([bad], tested, True)


async def test_causes_without_anything_to_compare_with_have_no_lift(
    plant: Plant, client: Client
) -> None:
    await plant.book(Master(kind="material", key="NOZZLE", data={"kind": "unit"}))
    lot = await plant.lot()
    pumps = [await plant.unit("NOZZLE") for _ in range(2)]
    for pump in pumps:
        await plant.book(Consume(item=pump, lot=lot))
    found = await asked(client, "CommonCauses", texts(*pumps), NO_ITEMS, u64(0), u32(0))
    place = found[1].index(lot)
    assert (found[2][place], found[3][place]) == (2, 0)
    assert math.isnan(found[4][place])


async def test_common_origins_are_the_ingredients_alone(
    client: Client, failures: tuple[list[str], list[str], str]
) -> None:
    failed, _, bad = failures
    origins, hits, lift = await asked(client, "CommonOrigins", texts(*failed), u16(0), u32(0))
    assert (origins[0], hits[0]) == (bad, 4)
    assert lift[0] == 2.5
    assert all(origin.startswith(("lot:", "sn:")) for origin in origins)
    nobody = await outputs(client, Q, "CommonOrigins", texts("nobody"), u16(0), u32(0))
    assert (nobody[0], nobody[-1]) == ([], S.UnknownItem)
    nothing = await outputs(client, Q, "CommonOrigins", NO_ITEMS, u16(0), u32(0))
    assert nothing[-1] == S.MalformedRequest


# ------------------------------------------------------------------ balances and shares
async def test_a_balance_adds_up(plant: Plant, client: Client) -> None:
    lot, pump = await plant.lot("STEEL", "10 KGM"), await plant.unit()
    await plant.book(Consume(item=pump, lot=lot, quantity=amount("2500 GRM")))
    balance = await asked(client, "MassBalance", lot, NEVER, u64(0))
    assert balance == [10.0, 0.0, 2.5, 0.0, 0.0, 0.0, 7.5, "KGM"]
    head = u64(plant.trace.head.seq)
    await plant.book(Consume(item=pump, lot=lot))
    unknown = await asked(client, "MassBalance", lot, NEVER, u64(0))
    assert math.isnan(unknown[2])
    assert math.isnan(unknown[6])
    assert (unknown[0], unknown[3]) == (10.0, 0.0)
    assert await asked(client, "MassBalance", lot, NEVER, head) == balance
    unit = await outputs(client, Q, "MassBalance", pump, NEVER, u64(0))
    assert unit[-1] == S.MalformedRequest


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mixed(plant: Plant) -> AsyncIterator[dict[str, str]]:
    """A tank of 9 kg of one lot and 1 kg of another; a unit of it, and one that nobody weighed."""
    await plant.book(Master(kind="material", key="VAT", data={"kind": "container"}))
    vat = (await plant.book(Register(item="V1", material="VAT"))).item
    much, little = await plant.lot("STEEL", "9 KGM"), await plant.lot("STEEL", "9 KGM")
    made, unweighed = await plant.unit(), await plant.unit()
    for lot, kg in ((much, "9 KGM"), (little, "1 KGM")):
        await plant.book(Fill(container=vat, lot=lot, quantity=amount(kg)))
    await plant.book(Consume(item=made, lot=vat, quantity=amount("2 KGM")))
    await plant.book(Consume(item=unweighed, lot=little))
    await plant.book(Consume(item=unweighed, lot=much))
    yield {"much": much, "little": little, "made": made, "unweighed": unweighed}


async def test_edges_say_which_fraction_they_are(client: Client, mixed: dict[str, str]) -> None:
    given = (NEVER, u64(0), 0.0, u16(0), u32(0))
    (result,) = await asked(client, "QueryGenealogy", mixed["made"], 0, *given)
    shares = {(edge.OutputId, edge.InputId): edge.Share for edge in result.Edges}
    content = next(node.ItemId for node in result.Nodes if "~s" in node.ItemId)
    assert shares[mixed["made"], content] == 1.0
    assert shares[content, mixed["little"]] == 0.1
    (result,) = await asked(client, "QueryGenealogy", mixed["unweighed"], 0, *given)
    assert all(math.isnan(edge.Share) for edge in result.Edges if edge.Relation == 0)


@pytest.mark.parametrize(
    ("least", "left"),
    [(0.0, ("made", "unweighed")), (0.1, ("made", "unweighed")), (0.2, ("unweighed",))],
)
async def test_traces_are_left_out_where_used(
    client: Client, mixed: dict[str, str], least: float, left: tuple[str, ...]
) -> None:
    given = (NEVER, u64(0), least, u16(0), u32(0))
    (result,) = await asked(client, "QueryGenealogy", mixed["little"], 1, *given)
    items = {node.ItemId for node in result.Nodes}
    units = {item for item in items if item.startswith("sn:")}
    assert units == {mixed[name] for name in left}
    assert mixed["little"] in items
    assert result.TotalNodes == len(items)
    assert {end for edge in result.Edges for end in (edge.OutputId, edge.InputId)} <= items
    assert set(result.OpenEnds) <= items


async def test_ingredients_have_no_least_share(client: Client, mixed: dict[str, str]) -> None:
    given = (NEVER, u64(0), 0.1, u16(0), u32(0))
    answer = await outputs(client, Q, "QueryGenealogy", mixed["made"], 0, *given)
    assert answer[-1] == S.MalformedRequest
    assert "MinShare" in answer[-2]


# ------------------------------------------------------------------ stations
async def test_what_was_at_a_station_within_a_time(plant: Plant, client: Client) -> None:
    begun = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
    pumps = [await plant.unit() for _ in range(3)]
    for number, pump in enumerate(pumps):
        at = begun + timedelta(minutes=10 * number)
        await plant.book(Start(station="OP30", item=pump, event_time=at))
        if number < 2:
            ended = at + timedelta(minutes=4)
            done = Complete(station="OP30", item=pump, evaluation=Evaluation.OK, event_time=ended)
            await plant.book(done)
    until = begun + timedelta(minutes=30)

    def window(since: datetime | None, to: datetime | None, *page: int) -> tuple[Any, ...]:
        times = [NEVER if t is None else ua.Variant(t, V.DateTime) for t in (since, to)]
        return ("OP30", *times, *map(u32, page or (0, 0)))

    items, materials, started, ended, total = await asked(
        client, "TimeWindow", *window(begun, until)
    )
    assert (items, materials, total) == (pumps, ["PUMP"] * 3, 3)
    assert [t.replace(tzinfo=UTC) for t in started] == [
        begun + timedelta(minutes=10 * n) for n in range(3)
    ]
    assert ended[0].replace(tzinfo=UTC) == begun + timedelta(minutes=4)
    assert ended[2] == NULL_DATE
    page = await asked(client, "TimeWindow", *window(begun, until, 1, 1))
    assert (page[0], page[4]) == ([pumps[1]], 3)
    earlier = await asked(client, "TimeWindow", *window(None, begun + timedelta(minutes=5)))
    assert (earlier[0], earlier[4]) == ([pumps[0]], 1)
    for wrong in (("", NEVER, NEVER), ("OP30", window(until, begun)[1], window(until, begun)[2])):
        answer = await outputs(client, Q, "TimeWindow", *wrong, u32(0), u32(0))
        assert answer[-1] == S.MalformedRequest, answer
    aborted = Abort(station="OP30", item=pumps[2], event_time=until, reason="end of the test")
    await plant.book(aborted)


async def test_how_complete_the_trace_of_a_station_is(plant: Plant, client: Client) -> None:
    await asyncio.sleep(0.005)
    since = ua.Variant(datetime.now(UTC), V.DateTime)
    for verdict in (Evaluation.OK, None):
        pump = await plant.unit()
        await plant.book(Start(station="OP20", item=pump))
        if verdict:
            await plant.book(Complete(station="OP20", item=pump, evaluation=verdict))
    await plant.book(Gap(station="OP20", kind="fifo", missing=3))
    assert await asked(client, "Coverage", "OP20", since, NEVER) == [2, 1, 0, 3]
    assert await asked(client, "Coverage", "OP20", NEVER, since) != [2, 1, 0, 3]
    await plant.book(Abort(station="OP20", item=pump, reason="end of the test"))
    nothing = await outputs(client, Q, "Coverage", "", NEVER, NEVER)
    assert nothing[-1] == S.MalformedRequest


# ------------------------------------------------------------------ bills of material
async def test_a_unit_is_compared_to_its_bill(plant: Plant, client: Client) -> None:
    for key, kind in (("GEAR", "unit"), ("WHEEL", "unit"), ("GREASE-9", "lot")):
        await plant.book(Master(kind="material", key=key, data={"kind": kind}))
    lines = [
        {"position": "P1", "material": "WHEEL", "quantity": "1 H87"},
        {"position": "", "material": "GREASE-9", "quantity": "5 GRM"},
    ]
    await plant.book(Master(kind="bom", key="GEAR", data={"components": lines}))
    gear, wheel = await plant.unit("GEAR"), await plant.unit("WHEEL")
    lot = await plant.lot("GREASE-9", "100 GRM")
    await plant.book(Assemble(parent=gear, part=wheel, position="P1"))
    found = await asked(client, "CompareToBom", gear, NEVER, u64(0))
    row = dict(zip(found[1], zip(found[0], found[2], found[3], strict=True), strict=True))
    assert row["WHEEL"] == ("P1", 1.0, 1.0)
    assert row["GREASE-9"][1] == 5.0
    assert row["GREASE-9"][2] == 0.0 or math.isnan(row["GREASE-9"][2])
    assert found[4] is False
    used = await plant.book(Consume(item=gear, lot=lot, quantity=amount("5 GRM")))
    assert (await asked(client, "CompareToBom", gear, NEVER, u64(0)))[4] is True
    await plant.book(Void(record=used.record, reason="not weighed"))
    await plant.book(Consume(item=gear, lot=lot))
    unknown = await asked(client, "CompareToBom", gear, NEVER, u64(0))
    assert math.isnan(unknown[3][unknown[1].index("GREASE-9")])
    assert unknown[4] is False


# ------------------------------------------------------------------ impact
async def test_an_impact_is_counts_by_material(plant: Plant, client: Client) -> None:
    lot = await plant.lot()
    pumps = [await plant.unit() for _ in range(4)]
    for pump in pumps:
        await plant.book(Consume(item=pump, lot=lot))
    rotor = await plant.unit("ROTOR")
    await plant.book(Consume(item=rotor, lot=lot))
    await plant.book(Start(station="OP20", item=pumps[0]))
    done = Complete(station="OP20", item=pumps[0], evaluation=Evaluation.OK)
    await plant.book(done)
    await plant.book(Scrap(item=pumps[1], reason="crack"))
    await plant.book(Ship(items=(pumps[2],), customer="ACME"))
    counts = await asked(client, "Impact", lot, NEVER, u64(0))
    assert counts == [["PUMP", "ROTOR"], [1, 1], [1, 0], [1, 0], [1, 0]]
    before = ua.Variant(datetime(2020, 1, 1, tzinfo=UTC), V.DateTime)
    unused = (await plant.book(Receive(item="UNUSED-1", material="STEEL"))).item
    assert await asked(client, "Impact", unused, NEVER, u64(0)) == [[], [], [], [], []]
    assert (await outputs(client, Q, "Impact", lot, before, u64(0)))[0] == []
    assert (await outputs(client, Q, "Impact", "nobody", NEVER, u64(0)))[-1] == S.UnknownItem
