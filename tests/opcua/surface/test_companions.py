"""Devices as DI and AutoID have them, through clients that know those models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.opcua.surface.plant import CONFIG, Plant, running, site
from tests.support.node import run_script
from tests.support.waiting import eventually
from tracenode.drivers.supervisor import DeviceStatus
from tracenode.models.config import parse_config
from tracenode.models.readings import DeviceState, RejectReason, Scan
from tracenode.server.companions.planning import plan_of
from tracenode.server.opcua.core import ServerOptions, TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodesets import load_types
from tracenode.server.opcua.surface.describing import describe

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
RFID = """
[[devices]]
id = "Gate"
driver = "rfid"
link = "tcp://127.0.0.1:3"

[devices.nameplate]
manufacturer = "Example & Sons"
serial_number = "R-77"
asset_id = "A-1"
"""
DI, AUTO_ID = 5, 4
"""Indexes: AutoID is configured first, and DI is loaded first nevertheless."""
DEVICE_SET = ua_id(5001, DI)
READER = "Dev/Scanner_OP10.AutoId"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    folder = tmp_path_factory.mktemp("companions")
    plan, problems = plan_of(("AutoID", "DI"), (), folder, "Test")
    assert not problems
    config = parse_config(CONFIG + RFID, "test.toml")
    async with running(folder / "plant.db", config, plan) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def client(plant: Plant) -> AsyncIterator[Client]:
    async with Client(plant.server.endpoint, timeout=10) as connected:
        yield connected


async def test_models_have_the_index_of_their_place_in_the_configuration(client: Client) -> None:
    assert (await client.get_namespace_array())[2:] == [
        "urn:tracenode:ua:traceability",
        "urn:tracenode:site:Test",
        "http://opcfoundation.org/UA/AutoID/",
        "http://opcfoundation.org/UA/DI/",
    ]


async def test_every_device_stands_once_in_the_device_set(client: Client) -> None:
    found = await client.get_node(DEVICE_SET).get_children_descriptions()
    types = {link.BrowseName.Name: (link.NodeId.Identifier, link.TypeDefinition) for link in found}
    assert types.pop("Scanner_OP10") == (READER, ua_id(1008, AUTO_ID))
    assert types.pop("Gate") == ("Dev/Gate.AutoId", ua_id(1003, AUTO_ID))
    assert types.pop("Press_OP20")[0] == "Dev/Press_OP20"
    assert [link.NodeId.NamespaceIndex for link in found if link.BrowseName.Name in types] == [
        DI for _ in types
    ]


async def test_what_stands_on_a_device_is_shown_and_nothing_is_made_up(client: Client) -> None:
    def plate(node: str) -> Any:
        return client.get_node(site(node)).read_value()

    assert (await plate("Dev/Gate.Manufacturer")).Text == "Example & Sons"
    assert await plate("Dev/Gate.AutoId.SerialNumber") == "R-77"
    assert await plate("Dev/Gate.AutoId.AssetId") == "A-1"
    assert await plate("Dev/Gate.AutoId.HardwareRevision") == ""
    assert await plate("Dev/Gate.AutoId.RevisionCounter") == -1
    interfaces = [
        link.NodeId.Identifier
        for link in await client.get_node(site("Dev/Press_OP20")).get_references(
            refs=ObjectIds.HasInterface, direction=ua.BrowseDirection.Forward
        )
    ]
    assert interfaces == [15051]
    with pytest.raises(UaStatusCodeError):
        await plate("Dev/Press_OP20.Manufacturer")


async def test_health_follows_the_state(plant: Plant, client: Client) -> None:
    node = client.get_node(site("Dev/Press_OP20.DeviceHealth"))
    for state, expected in (
        (DeviceState.Up, (StatusCodes.Good, 0)),
        (DeviceState.BackOff, (StatusCodes.Good, 1)),
        (DeviceState.Degraded, (StatusCodes.Good, 3)),
        (DeviceState.Stopped, (StatusCodes.BadOutOfService, None)),
    ):
        plant.surface.device_state(DeviceStatus("Press_OP20", state, AT, ""))

        shown: Callable[[], bool | Awaitable[bool]] = partial(_shows, node, expected)
        await eventually(shown)


async def _shows(node: Node, expected: tuple[int, int | None]) -> bool:
    held = await node.read_data_value(raise_on_bad_status=False)
    value = held.Value.Value if held.Value is not None else None
    return (held.StatusCode.value if held.StatusCode else 0, value) == expected


async def test_ids_of_our_own_nodes_are_the_same_without_models(
    plant: Plant, tmp_path: Path
) -> None:
    async with running(tmp_path / "plain.db", plant.config) as plain:
        ours = {i for i in plain.server.virtual.real if i.NamespaceIndex in (2, 3)}
        assert ours <= set(plant.server.virtual.real)


async def test_the_exported_instances_have_companion_nodes_too(
    plant: Plant, tmp_path: Path
) -> None:
    plan, _ = plan_of(("AutoID", "DI"), (), tmp_path, "Test")
    text = await describe(plant.config, {}, None, AT, plan)
    other = await TraceServer(ServerOptions("Test")).open()
    await load_types(other, plan)
    (tmp_path / "instances.xml").write_bytes(text)
    made = await other.import_nodeset(tmp_path / "instances.xml")
    devices = {i.Identifier for i in made if str(i.Identifier).startswith("Dev/")}
    assert devices == {
        i.Identifier
        for i in plant.server.virtual.real
        if str(i.Identifier).startswith("Dev/")
        and not {"Points", "DeviceLost"} & set(str(i.Identifier).split(".")[1:-1])
        and not str(i.Identifier).endswith(".DeviceLost")
    }
    stands = {link.NodeId.Identifier for link in other.space[DEVICE_SET].references}
    assert {READER, "Dev/Gate.AutoId", "Dev/Press_OP20"} <= stands


async def test_node_opcua_browses_devices_and_decodes_scans(plant: Plant) -> None:
    listening = asyncio.create_task(
        asyncio.to_thread(run_script, "companion_client.js", plant.server.endpoint)
    )
    await eventually(lambda: plant.server.subscriptions > 0 or listening.done(), within=60)
    plant.surface.device_state(DeviceStatus("Scanner_OP10", DeviceState.Up, AT, ""))
    while not listening.done():
        plant.surface.scanned(
            Scan("Scanner_OP10", b"?", AT, reject=RejectReason.NoRead, note="nothing")
        )
        plant.surface.scanned(Scan("Scanner_OP10", b"123", AT, text="123", symbology="d2"))
        plant.surface.scanned(Scan("Gate", b"E1", AT, text="E1", antenna=2, rssi_dbm=-61.4))
        await asyncio.wait([listening], timeout=0.5)
    printed = listening.result()
    seen = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
    assert {"Scanner_OP10", "Gate", "Press_OP20"} <= set(seen["devices"])
    assert seen["status"] == {"DeviceStatus": 2, "ScanActive": True, "LastScanData": "123"}
    optical = seen["events"]["Scanner_OP10"]
    assert optical["EventType"] == f"ns={AUTO_ID};i=1009"
    assert optical["DeviceName"] == "Scanner_OP10"
    assert optical["ScanResult"] == [
        {
            "codeType": "RAW:STRING",
            "scanData": {"switchField": 2, "String": "123"},
            "timestamp": "2026-01-02T03:04:05.678Z",
            "symbology": "d2",
        }
    ]
    rfid = seen["events"]["Gate"]
    assert rfid["EventType"] == f"ns={AUTO_ID};i=1006"
    assert rfid["ScanResult"] == [
        {
            "codeType": "RAW:STRING",
            "scanData": {"switchField": 2, "String": "E1"},
            "timestamp": "2026-01-02T03:04:05.678Z",
            "sighting": [
                {
                    "antenna": 2,
                    "strength": -61,
                    "timestamp": "2026-01-02T03:04:05.678Z",
                    "currentPowerLevel": 0,
                }
            ],
        }
    ]
