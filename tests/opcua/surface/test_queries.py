"""Questions by method: parallel arrays, structures, JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.surface.plant import Plant, call, outputs
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Assemble, Complete, Consume, Start
from tracenode.models.genealogy import EdgeQuality, HitMark, Relation
from tracenode.models.quantities import Quantity
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.asyncio(loop_scope="session")

Q = "Traceability.Queries"
V = ua.VariantType
S = TraceStatus


def u16(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt16)


def u32(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt32)


def u64(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt64)


NO_TIME = ua.Variant()


@dataclass(frozen=True)
class Product:
    """A pump with a rotor that was made of a lot."""

    pump: str
    rotor: str
    lot: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(plant: Plant) -> Product:
    pump, rotor, lot = await plant.unit(), await plant.unit("ROTOR"), await plant.lot()
    quantity = Quantity.of("2.5", "H87")
    await plant.book(Consume(station="OP10", item=rotor, lot=lot, quantity=quantity))
    await plant.book(Assemble(station="OP20", parent=pump, part=rotor, position="P1"))
    await plant.book(Start(station="OP20", item=pump))
    await plant.book(Complete(station="OP20", item=pump, evaluation=Evaluation.OK))
    return Product(pump, rotor, lot)


async def test_ingredients_come_as_a_tree_in_arrays(client: Client, product: Product) -> None:
    answer = await outputs(client, Q, "TraceIngredients", product.pump, u16(0), u32(0))
    items, materials, parents, depths, truncated, text, status = answer
    assert items == [product.pump, product.rotor, product.lot]
    assert materials == ["PUMP", "ROTOR", "STEEL"]
    assert parents == [-1, 0, 1]
    assert depths == [0, 1, 2]
    assert (truncated, text, status) == (False, "", S.Ok)


async def test_where_used_is_the_inverse(client: Client, product: Product) -> None:
    answer = await outputs(client, Q, "TraceWhereUsed", product.lot, u16(0), u32(0))
    assert answer[0] == [product.lot, product.rotor, product.pump]
    assert answer[2] == [-1, 0, 1]


@pytest.mark.parametrize(("depth", "limit"), [(1, 0), (0, 2)])
async def test_a_bounded_answer_says_so(
    client: Client, product: Product, depth: int, limit: int
) -> None:
    answer = await outputs(client, Q, "TraceIngredients", product.pump, u16(depth), u32(limit))
    assert answer[0] == [product.pump, product.rotor]
    assert answer[4] is True


async def test_an_unknown_item_is_a_status(client: Client) -> None:
    answer = await outputs(client, Q, "TraceIngredients", "nobody", u16(0), u32(0))
    assert answer[0] == []
    assert answer[-1] == S.UnknownItem
    answer = await outputs(client, Q, "GetItem", "")
    assert answer[-1] == S.InvalidIdentifier


async def test_an_item_comes_as_a_structure(client: Client, product: Product) -> None:
    item, text, status = await outputs(client, Q, "GetItem", product.pump)
    assert (text, status) == ("", S.Ok)
    assert item.ItemId == product.pump
    assert (item.MaterialId, item.SerialNumber, item.LotId) == (
        "PUMP",
        product.pump.split(":")[2],
        "",
    )
    assert (item.State, item.OnHold, item.StationId) == (2, False, "OP20")
    assert math.isnan(item.Quantity)
    lot, *_ = await outputs(client, Q, "GetItem", product.lot)
    assert (lot.Kind, lot.Quantity, lot.UnitOfMeasure) == (1, 1000.0, "H87")


async def test_a_genealogy_comes_as_a_structure(
    plant: Plant, client: Client, product: Product
) -> None:
    asked = (product.pump, 0, NO_TIME, u64(0), 0.0, u16(0), u32(0))
    result, text, status = await outputs(client, Q, "QueryGenealogy", *asked)
    assert (text, status) == ("", S.Ok)
    assert [node.ItemId for node in result.Nodes] == [product.pump, product.rotor, product.lot]
    install, consume = result.Edges
    assert (install.OutputId, install.InputId) == (product.pump, product.rotor)
    assert (install.Relation, install.Position) == (Relation.Install, "P1")
    assert math.isnan(install.Quantity)
    assert (consume.Relation, consume.Quality) == (Relation.Consume, EdgeQuality.Exact)
    assert (consume.Quantity, consume.UnitOfMeasure) == (2.5, "H87")
    assert consume.EventSequence == install.EventSequence - 1
    assert (result.Complete, result.Truncated, result.TotalNodes) == (True, False, 3)
    later, *_ = await outputs(
        client,
        Q,
        "QueryGenealogy",
        *asked[:3],
        u64(result.AsKnownAt),
        *asked[4:],
    )
    assert repr(later) == repr(result)  # a NaN is no NaN to ==


async def test_paths_recalls_and_affected_items(client: Client, product: Product) -> None:
    items, relations, *_ = await outputs(client, Q, "PathBetween", product.lot, product.pump)
    assert items == [product.lot, product.rotor, product.pump]
    assert relations == [Relation.Consume, Relation.Install]
    recall = await outputs(client, Q, "RecallScope", product.lot, NO_TIME, u64(0), u32(10))
    ends, _, marks, depths, affected, *_ = recall
    assert (ends, marks, depths, affected) == ([product.pump], [HitMark.Current], [2], 2)
    counts = await outputs(client, Q, "RecallScope", product.lot, NO_TIME, u64(0), u32(0))
    assert (counts[0], counts[4]) == ([], 2)
    suspects = ua.Variant([product.lot, product.rotor], V.String)
    found, total, truncated, *_ = await outputs(
        client, Q, "AffectedItems", suspects, NO_TIME, u64(0), u32(0)
    )
    assert [item.ItemId for item in found] == [product.pump]
    assert (total, truncated) == (1, False)


async def test_a_history_in_arrays_and_in_records(client: Client, product: Product) -> None:
    answer = await outputs(client, Q, "GetHistory", product.pump, u32(0), u32(0))
    sequences, times, types, stations, texts, total, *_ = answer
    assert types == ["register", "assemble", "start", "complete"]
    assert stations == ["OP10", "OP20", "OP20", "OP20"]
    assert sequences == sorted(sequences)
    assert times == sorted(times)
    assert total == len(texts) == 4
    records, total, *_ = await outputs(client, Q, "GetRecords", product.pump, u32(1), u32(2))
    assert total == 4
    assert [record.RecordType for record in records] == [
        "TraceAssociationEventType",
        "TraceObjectEventType",
    ]
    assert [record.EventSequence for record in records] == sequences[1:3]


async def test_numbers_of_words_are_checked(client: Client, product: Product) -> None:
    asked = (product.pump, 3, NO_TIME, u64(0), 0.0, u16(0), u32(0))
    result = await call(client, Q, "QueryGenealogy", *asked)
    assert result.StatusCode.value == StatusCodes.BadInvalidArgument
    assert result.InputArgumentResults[1].value == StatusCodes.BadOutOfRange
