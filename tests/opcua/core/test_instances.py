"""Objects of types, plain nodes, and what they cost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tests.opcua.core.sample import HAS_COMPONENT, ORGANIZES, STATION_TYPE, Sample, name, site
from tests.support.project import ROOT
from tracenode.models.roles import GRANTED
from tracenode.server.opcua.core import NodesetError, ServerOptions, TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.book import DuplicateNode, attribute, data_value, variable_node
from tracenode.server.opcua.nodes.instances import UnknownMember

pytestmark = pytest.mark.asyncio(loop_scope="session")

OBJECTS = ua_id(ObjectIds.ObjectsFolder)
NODESET = ROOT / "nodesets" / "Traceability.NodeSet2.xml"


async def test_members_are_the_mandatory_and_the_chosen_ones(sample: Sample) -> None:
    assert set(sample.stations["OP10"]) == {
        "StationId",
        "Recent",
        "Limits",
        "Current",
        "Current.ItemId",
        "Current.Torque",
        "Book",
    }
    assert sample.stations["OP10"]["Current.ItemId"] == site("St/OP10.Current.ItemId")


async def test_an_object_looks_like_its_type_to_a_client(sample: Sample, client: Client) -> None:
    station = client.get_node(site("St/OP10"))
    assert await station.read_type_definition() == STATION_TYPE
    item = await station.get_child(["2:Current", "2:ItemId"])
    assert item.nodeid == site("St/OP10.Current.ItemId")
    assert (await item.read_description()).Text == "The item in process."
    assert await item.read_data_type() == ua_id(ObjectIds.String)
    recent = await station.get_child("2:Recent")
    assert await recent.read_value_rank() == ua.ValueRank.OneDimension
    assert await recent.read_array_dimensions() == [4]
    parent = await item.get_parent()
    assert parent is not None
    assert parent.nodeid == site("St/OP10.Current")


async def test_members_that_are_not_declared_are_named(sample: Sample) -> None:
    with pytest.raises(UnknownMember, match="Nonsense"):
        sample.server.instances.create(
            STATION_TYPE, site("St/X1"), "X1", parent=OBJECTS, optional=["Nonsense"]
        )
    with pytest.raises(DuplicateNode):
        sample.server.instances.create(STATION_TYPE, site("St/OP10"), "OP10", parent=OBJECTS)
    with pytest.raises(DuplicateNode):
        sample.server.instances.create(STATION_TYPE, site("St/X2"), "X2", parent=site("Nowhere"))


async def test_adding_to_one_parent_costs_the_same_for_the_last_as_for_the_first(
    sample: Sample,
) -> None:
    book, space = sample.server.book, sample.server.space
    folder = site("Plant")
    value = data_value(0.0, ua.VariantType.Double)
    nodes = [
        variable_node(site(f"Bulk/{n}"), name(f"B{n}"), ua_id(ObjectIds.Double), value)
        for n in range(20_000)
    ]
    took = []
    for start in (0, 19_000):
        if start:
            book.add_many(nodes[1000:19_000], folder, HAS_COMPONENT)
        began = time.perf_counter()
        book.add_many(nodes[start : start + 1000], folder, HAS_COMPONENT)
        took.append(time.perf_counter() - began)
    assert took[1] < 10 * took[0] + 0.05
    above = space[folder]
    above.references[:] = [link for link in above.references if link.ReferenceTypeId == ORGANIZES]
    for node in nodes:
        del space[node.nodeid]


async def test_a_removed_node_leaves_no_references(sample: Sample) -> None:
    book, space = sample.server.book, sample.server.space
    value = data_value(1, ua.VariantType.Int32)
    node = variable_node(site("Gone"), name("Gone"), ua_id(ObjectIds.Int32), value)
    book.add(node, site("Plant"), HAS_COMPONENT)
    book.remove(site("Gone"))
    assert site("Gone") not in space
    assert all(link.NodeId != site("Gone") for link in space[site("Plant")].references)


async def test_every_type_of_the_nodeset_can_be_made(sample: Sample) -> None:
    """Its own namespaces stay where they are, and no type asks for what can't be made."""
    server = TraceServer(ServerOptions("Types", endpoint=sample.server.endpoint, anonymous=GRANTED))
    await server.open()
    imported = await server.import_nodeset(NODESET)
    events = server.types.subtypes(ua_id(ObjectIds.BaseEventType))
    made = 0
    for type_id in imported:
        node = server.space[type_id]
        if attribute(node, AttributeIds.NodeClass) != ua.NodeClass.ObjectType or type_id in events:
            continue
        text = attribute(node, AttributeIds.BrowseName).Name
        server.instances.create(type_id, server.site_id(f"Any/{text}"), text, parent=OBJECTS)
        made += 1
    assert made > 10
    with pytest.raises(NodesetError):
        await server.import_nodeset(Path("nowhere.xml"))
    with pytest.raises(OSError):  # the port is taken; nothing is left running
        await server.start()
    assert server.sessions == 0
