"""The instance space as a NodeSet2 file: valid, and with the ids that the server serves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from lxml import etree

from tests.opcua.surface.plant import CONFIG, POINTS, Plant, master_data, running
from tests.support.node import run_script
from tracenode.models.config import parse_config
from tracenode.models.events import Load
from tracenode.server.nodeset_data import nodeset_path
from tracenode.server.opcua.nodes.book import attribute
from tracenode.server.opcua.surface.describing import describe

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

SITE_URI = "urn:tracenode:site:Test"
RUNNING = "Traceability.Log.Consumers."
"""What comes and goes while the server runs."""
LEFT_OUT = ("NamespaceMetadata", ".DeviceLost", ".JournalDown", ".JournalIntegrity", ".DiskSpace")
"""What is known of a running server alone: conditions, and what its namespace is now."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[dict[str, str], Path]]:
    """Class of each node that a server has, by id; and the exported file of it."""
    folder = tmp_path_factory.mktemp("describing")
    database, exported = folder / "plant.db", folder / "instances.xml"
    async with running(database) as plant:
        await master_data(plant.trace)
        lot = await plant.lot()
        await plant.book(Load(station="OP20", slot="F 1", lot=lot))
    async with running(database) as plant:
        nodes = _nodes(plant)
    config = parse_config(CONFIG, "test")
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    made = await describe(config, POINTS, database, when)
    exported.write_bytes(made)
    yield nodes, exported


def _nodes(plant: Plant) -> dict[str, str]:
    return {
        str(node_id.Identifier): attribute(node, AttributeIds.NodeClass)
        for node_id, node in plant.server.virtual.real.items()
        if node_id.NamespaceIndex == 3 and not _is_left_out(str(node_id.Identifier))
    }


def _is_left_out(name: str) -> bool:
    return name.startswith(RUNNING) or any(part in name for part in LEFT_OUT)


async def test_the_file_is_a_valid_nodeset(served: Any) -> None:
    _, exported = served
    (found,) = [path for path in files("opcua-tools") or () if path.name == "UANodeSet.xsd"]
    schema = etree.XMLSchema(etree.parse(str(found.locate())))
    schema.assertValid(etree.parse(exported))


async def test_another_stack_has_the_nodes_that_are_served(served: Any) -> None:
    """node-opcua builds its address space from the file alone."""
    nodes, exported = served
    printed = run_script(
        "load_instances.js", str(nodeset_path()), str(exported), SITE_URI, within=90
    )
    (said,) = [line for line in printed.splitlines() if line.startswith("{")]
    loaded = json.loads(said)
    found = loaded["found"]
    assert set(found) == set(nodes)
    assert all(node["class"] == nodes[name].name for name, node in found.items())
    assert found["St/OP20"]["type"] == "TraceStationType"
    assert found["St/OP20.Slots.F%201"]["type"] == "TraceSlotType"
    assert found["St/OP10.Mailbox.RequestSequence"]["parent"] == "St/OP10.Mailbox"
    assert loaded["inputs"] == ["RequestId", "ItemId", "OrderId", "OperatorId"]
    assert loaded["units"] == "kN"


async def test_asyncua_takes_it_in_too(served: Any) -> None:
    nodes, exported = served
    server = Server()
    await server.init()
    await server.import_xml(str(nodeset_path()), strict_mode=False)
    await server.import_xml(str(exported), strict_mode=True)
    index = await server.get_namespace_index(SITE_URI)
    for name, kind in nodes.items():
        node = server.get_node(f"ns={index};s={name}")
        assert await node.read_node_class() == kind, name
    station = server.get_node(f"ns={index};s=St/OP10.StationId")
    assert await station.read_value() == "OP10"
