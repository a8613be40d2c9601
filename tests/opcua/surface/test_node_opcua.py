"""The surface as node-opcua sees it: a client that shares no code with the server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio

from tests.opcua.surface.plant import Plant
from tests.support.node import run_script
from tracenode.models.events import Assemble, Consume
from tracenode.models.status import TraceStatus

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def units(plant: Plant) -> dict[str, str]:
    pump, unit = await plant.unit(), await plant.unit()
    rotor, spare = await plant.unit("ROTOR"), await plant.unit("ROTOR")
    lot = await plant.lot()
    await plant.book(Consume(item=rotor, lot=lot))
    await plant.book(Assemble(parent=pump, part=rotor))
    return {"pump": pump, "rotor": rotor, "unit": unit, "spare": spare, "lot": lot}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen(plant: Plant, units: dict[str, str]) -> dict[str, Any]:
    items = [units[name] for name in ("pump", "unit", "spare")]
    endpoint = plant.server.endpoint
    printed = await asyncio.to_thread(run_script, "surface_client.js", endpoint, *items)
    answer = next(line for line in printed.splitlines() if line.startswith("{"))  # it warns too
    found: dict[str, Any] = json.loads(answer)
    return found


async def test_it_walks_to_a_unit_and_its_parts(
    seen: dict[str, Any], units: dict[str, str]
) -> None:
    walk = seen["walk"]
    assert walk["folder"] == "ns=3;s=ByMat/PUMP"
    assert walk["unit"]["id"] == f"ns=3;s=Item/{units['pump']}"
    assert [part["name"] for part in walk["parts"]] == [units["rotor"]]
    assert walk["parts"][0]["display"].startswith("ROTOR ")
    assert [parent["name"] for parent in walk["parents"]] == [units["pump"]]
    assert [source["name"] for source in walk["made"]] == [units["lot"]]
    assert [target["name"] for target in walk["used"]] == [units["rotor"]]
    assert [target["id"] for target in walk["material"]] == ["ns=3;s=Mat/PUMP"]
    names = [child["name"] for child in walk["tree"]]
    assert {"ItemId", "State", "UpdatedAt", units["rotor"]} <= set(names)


async def test_it_works_on_a_unit_by_methods(seen: dict[str, Any], units: dict[str, str]) -> None:
    assert seen["check"] == {"status": "Good", "outputs": ["", "", "", TraceStatus.Ok]}
    for booked in (seen["start"], seen["install"], seen["complete"]):
        assert (booked["status"], booked["outputs"][2]) == ("Good", TraceStatus.Ok), booked
    assert seen["refused"]["status"] == "Good"
    assert seen["refused"]["outputs"][1:] == [
        "no item is known as 'nobody'",
        TraceStatus.UnknownItem,
    ]


async def test_it_reads_the_station(seen: dict[str, Any], units: dict[str, str]) -> None:
    assert seen["busy"]["CurrentItem.ItemId"]["value"] == units["unit"]
    assert seen["busy"]["CurrentItem.State"]["value"] == 1
    idle = {name: read["value"] for name, read in seen["idle"].items()}
    assert {read["status"] for read in seen["idle"].values()} == {"Good"}
    assert (idle["StationId"], idle["EquipmentPath"]) == ("OP20", "Plant1/Hall2/Line3")
    assert idle["CurrentItem.ItemId"] == ""
    assert idle["CountNotOK"] >= 1
    assert idle["LastEventType"] == "TraceOperationEventType"
    assert idle["LastStatus"] == TraceStatus.Ok
    assert idle["RecentItemIds"][0] == units["unit"]
    assert len(idle["RecentItemIds"]) == 16


async def test_it_traces_ingredients(seen: dict[str, Any], units: dict[str, str]) -> None:
    status, outputs = seen["ingredients"]["status"], seen["ingredients"]["outputs"]
    assert status == "Good"
    assert outputs[0] == [units["pump"], units["rotor"], units["lot"]]
    assert outputs[2] == [-1, 0, 1]
    assert outputs[4:] == [False, "", TraceStatus.Ok]


async def test_it_finds_a_unit_and_takes_its_epcis_events(
    seen: dict[str, Any], units: dict[str, str]
) -> None:
    assert [units["unit"], "OP20"] in seen["found"]
    assert seen["epcis"][:2] == ["commissioning", "arriving"]
    assert "inspecting" in seen["epcis"]


@pytest.mark.parametrize("place", ["station", "area", "root", "server"])
async def test_it_hears_typed_events_of_a_base_type(
    seen: dict[str, Any], units: dict[str, str], place: str
) -> None:
    start, install, complete = seen["heard"][place]
    assert [event["EventType"] for event in (start, install, complete)] == [
        "ns=2;i=1002",
        "ns=2;i=1006",
        "ns=2;i=1003",
    ]
    sequence = start["EventSequence"]
    assert [install["EventSequence"], complete["EventSequence"]] == [sequence + 1, sequence + 2]
    number = units["unit"].split(":")[2]
    assert complete == {
        **complete,
        "EventId": complete["RecordId"].replace("-", ""),
        "SourceNode": "ns=3;s=St/OP20",
        "SourceName": "OP20",
        "Message": f"{number} completed OP20: NotOK (LEAK)",
        "Severity": 500,
        "Action": 0,
        "BizStep": "inspecting",
        "Disposition": "non_conformant",
        "ItemId": units["unit"],
        "MaterialId": "PUMP",
        "LotId": "",
        "OrderId": "",
        "Quantity": "NaN",
        "UnitOfMeasure": "",
        "StationId": "OP20",
        "ReadPoint": "",
        "ReasonCode": "",
        "RequestId": "node-4",
        "Replayed": False,
        "OperationId": "assembly",
        "Evaluation": 2,
        "FailureCode": "LEAK",
        "ParentId": None,
    }
    assert len(complete["RecordHash"]) == 64
    assert (start["OrderId"], start["OperatorId"]) == ("4711", "Kim")
    assert install == {
        **install,
        "ItemId": units["spare"],
        "ParentId": units["unit"],
        "Position": "P1",
        "Action": 1,
        "BizStep": "assembling",
        "Quantity": 1,
        "UnitOfMeasure": "H87",
        "Severity": 100,
    }


async def test_the_log_has_what_was_heard(seen: dict[str, Any]) -> None:
    heard = seen["heard"]["server"]
    assert [sequence for _, sequence in seen["log"]] == [event["EventSequence"] for event in heard]
