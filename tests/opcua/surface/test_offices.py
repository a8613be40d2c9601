"""Holds, corrections, lots, labels and master data by method."""

from __future__ import annotations

import json

import pytest
from asyncua import ua
from asyncua.client.client import Client

from tests.opcua.surface.plant import Plant, outputs, read, request_id, shows, site
from tracenode.models.answers import ItemDetail
from tracenode.models.events import Assemble
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.surface.keys import model_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUALITY, STOCK = "Traceability.Quality", "Traceability.Stock"
S = TraceStatus
V = ua.VariantType
NONE = ua.Variant([], V.String, is_array=True)


async def test_a_hold_stops_work_until_it_is_released(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    hold, text, status = await outputs(
        client, QUALITY, "PlaceHold", request_id(), item, 0, "scratches"
    )
    assert (text, status) == ("", S.Ok)
    await shows(client, f"Item/{item}#OnHold", True)
    checked = await outputs(client, "St/OP10", "CheckItem", "", item)
    assert checked[3] == S.ItemOnHold
    released = await outputs(client, QUALITY, "ReleaseHold", request_id(), hold, "polished")
    assert released[2] == S.Ok
    await shows(client, f"Item/{item}#OnHold", False)
    assert (await outputs(client, "St/OP10", "CheckItem", "", item))[3] == S.Ok


async def test_a_hold_on_a_part_reaches_a_watched_unit(plant: Plant, client: Client) -> None:
    pump, rotor = await plant.unit(), await plant.unit("ROTOR")
    await plant.book(Assemble(parent=pump, part=rotor))
    assert await read(client, f"Item/{pump}#OnHold") is False
    await outputs(client, QUALITY, "PlaceHold", request_id(), rotor, 1, "cracked")
    await shows(client, f"Item/{pump}#OnHold", True)


async def test_a_hold_needs_a_reason(client: Client) -> None:
    answer = await outputs(client, QUALITY, "PlaceHold", request_id(), "A", 0, "")
    assert answer[2] == S.MalformedRequest


async def test_a_record_is_declared_wrong(plant: Plant, client: Client) -> None:
    pump, rotor = await plant.unit(), await plant.unit("ROTOR")
    wrong = await plant.book(Assemble(station="OP20", parent=pump, part=rotor))
    voided = await outputs(
        client, QUALITY, "VoidRecord", request_id(), wrong.record, "not this one", NONE
    )
    assert voided[2] == S.Ok, voided
    view = (await plant.trace.ask(ItemDetail(item=pump))).view
    assert view.parts == ()
    again = await outputs(
        client, QUALITY, "VoidRecord", request_id(), wrong.record, "not this one", NONE
    )
    assert again[2] == S.MalformedRequest


async def test_a_record_is_corrected(plant: Plant, client: Client) -> None:
    pump, rotor, right = [await plant.unit(part) for part in ("PUMP", "ROTOR", "ROTOR")]
    wrong = await plant.book(Assemble(station="OP20", parent=pump, part=rotor))
    replacement = {"type": "assemble", "station": "OP20", "parent": pump, "part": right}
    corrected = await outputs(
        client,
        QUALITY,
        "CorrectRecord",
        request_id(),
        wrong.record,
        json.dumps(replacement),
        "mixed up",
        NONE,
    )
    assert corrected[3] == S.Ok, corrected
    assert corrected[1] != wrong.record
    assert (await plant.trace.ask(ItemDetail(item=pump))).view.parts == (right,)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "void"}', '{"type": "assemble"}'])
async def test_a_correction_needs_a_replacement(client: Client, text: str) -> None:
    answer = await outputs(
        client, QUALITY, "CorrectRecord", request_id(), "some", text, "mixed up", NONE
    )
    assert answer[3] == S.MalformedRequest, answer


async def test_lots_come_part_join_and_leave(plant: Plant, client: Client) -> None:
    never = ua.Variant()
    received = await outputs(
        client, STOCK, "ReceiveLot", request_id(), "STEEL", "C1", 10.0, "KGM", never
    )
    assert received[1:] == ["lot:STEEL:C1", "", S.Ok]
    split = await outputs(
        client, STOCK, "SplitLot", request_id(), "lot:STEEL:C1", "C1-1", 4.0, "KGM"
    )
    assert split[1:] == ["lot:STEEL:C1-1", "", S.Ok]
    both = ua.Variant(["lot:STEEL:C1", "lot:STEEL:C1-1"], V.String)
    merged = await outputs(client, STOCK, "MergeLots", request_id(), both, "C2", "STEEL")
    assert merged[1:] == ["lot:STEEL:C2", "", S.Ok]
    inputs = await client.get_node(site("Item/lot:STEEL:C2")).get_references(
        model_id("DerivedFrom"), ua.BrowseDirection.Forward
    )
    assert {"lot:STEEL:C1", "lot:STEEL:C1-1"} <= {link.BrowseName.Name for link in inputs}
    relabelled = await outputs(
        client, STOCK, "RelabelItem", request_id(), "lot:STEEL:C2", "CUST-77"
    )
    assert relabelled[2] == S.Ok
    item, *_ = await outputs(client, "Traceability.Queries", "GetItem", "CUST-77")
    assert item.ItemId == "lot:STEEL:C2"
    shipped = await outputs(
        client,
        STOCK,
        "ShipItems",
        request_id(),
        ua.Variant(["CUST-77"], V.String),
        "ACME",
        "D-1",
    )
    assert shipped[2] == S.Ok, shipped
    assert await read(client, "Item/lot:STEEL:C2#State") == 6


async def test_master_data_is_imported_and_shown(plant: Plant, client: Client) -> None:
    rows = "material;kind;name;gtin\nVALVE-7;unit;Valve 7;04012345123456\nGREASE;lot;;\n"
    asked = request_id()
    for replayed in (S.Ok, S.OkReplayed):
        _, count, problems, _, status = await outputs(
            client, STOCK, "ImportMasterData", asked, "material", rows
        )
        assert (count, problems, status) == (2, [], replayed)
    assert await read(client, "Mat/VALVE-7#Name") == "Valve 7"
    assert await read(client, "Mat/VALVE-7#Gtin") == "04012345123456"
    materials = await client.get_node(site("Traceability.Materials")).get_children()
    assert site("Mat/GREASE") in [material.nodeid for material in materials]
    renamed = rows.replace("Valve 7", "Valve seven")
    await outputs(client, STOCK, "ImportMasterData", request_id(), "material", renamed)
    await shows(client, "Mat/VALVE-7#Name", "Valve seven")


async def test_an_imported_route_is_enforced_from_then_on(plant: Plant, client: Client) -> None:
    for kind, rows in (
        ("material", "material;kind\nVALVE-9;unit\n"),
        ("route", "material;step;station;once\nVALVE-9;bore;OP10;yes\nVALVE-9;clean;OP40;\n"),
        ("station", "station;unknown_items\nOP40;reject\n"),
    ):
        asked = await outputs(client, STOCK, "ImportMasterData", request_id(), kind, rows)
        assert asked[4] == S.Ok, asked
    made = await outputs(client, "St/OP10", "RegisterItem", request_id(), "VALVE-9", "", "V1")
    item = made[1]
    for method, given in (("CheckItem", ()), ("StartItem", ("", ""))):
        answer = await outputs(client, "St/OP40", method, request_id(), item, *given)
        assert answer[-1] == S.PreviousStepMissing
        assert answer[-2] == "sn:VALVE-9:V1 can't begin clean: bore is not passed"
    step, _, _, status = await outputs(client, "St/OP10", "CheckItem", request_id(), item)
    assert (step, status) == ("bore", S.Ok)
    await outputs(client, "St/OP10", "StartItem", request_id(), item, "", "")
    await outputs(client, "St/OP10", "CompleteItem", request_id(), item, 1, "")
    again = await outputs(client, "St/OP10", "CheckItem", request_id(), item)
    assert again[-1] == S.AlreadyProcessed
    step, _, _, status = await outputs(client, "St/OP40", "CheckItem", request_id(), item)
    assert (step, status) == ("clean", S.Ok)


async def test_a_wrong_import_books_nothing(plant: Plant, client: Client) -> None:
    head = plant.trace.head.seq
    rows = "material;kind\nX1;unit\nX2;colour\nX3;shape\n"
    _, count, problems, text, status = await outputs(
        client, STOCK, "ImportMasterData", request_id(), "material", rows
    )
    assert (count, status) == (0, S.MalformedRequest)
    assert len(problems) == 2
    assert "2 faults" in text
    assert plant.trace.head.seq == head
    other = await outputs(client, STOCK, "ImportMasterData", request_id(), "bom", rows)
    assert other[4] == S.MalformedRequest
