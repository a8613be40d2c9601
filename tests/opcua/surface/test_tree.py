"""What a client finds by browsing."""

from __future__ import annotations

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.opcua.surface.plant import Plant, outputs, read, request_id, site
from tracenode.models.events import Consume, Pack, Register
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.surface.keys import model_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVER = ua_id(ObjectIds.Server)


async def names(
    client: Client,
    node_id: ua.NodeId,
    reference_type: ua.NodeId,
    direction: ua.BrowseDirection = ua.BrowseDirection.Forward,
) -> list[str]:
    found = await client.get_node(node_id).get_references(reference_type, direction)
    return [link.BrowseName.Name for link in found]


async def test_equipment_stands_by_its_path(client: Client) -> None:
    root = client.get_objects_node()
    path = ["Traceability", "Equipment", "Plant1", "Hall2", "Line3", "OP20"]
    spaces = [3, 2, 3, 3, 3, 3]
    found = await root.get_child(
        [f"{space}:{name}" for space, name in zip(spaces, path, strict=True)]
    )
    assert found.nodeid == site("St/OP20")
    assert (await client.get_node(site("St/OP10")).read_display_name()).Text == "Press"
    assert await names(client, site("Eq/Plant1"), ua_id(ObjectIds.Organizes)) == [
        "Hall2",
        "Hall 4",
    ]
    assert await names(client, site("Eq/Plant1.Hall%204"), ua_id(ObjectIds.Organizes)) == ["OP30"]


async def test_events_go_up_from_a_station_to_the_server(client: Client) -> None:
    notifier = ua_id(ObjectIds.HasNotifier)
    place, above = site("St/OP20"), []
    while place != SERVER:
        node = client.get_node(place)
        notifies = await node.read_attribute(AttributeIds.EventNotifier)
        assert notifies.Value is not None
        assert notifies.Value.Value & 1
        (up,) = await node.get_references(notifier, ua.BrowseDirection.Inverse)
        place = up.NodeId
        above.append(up.BrowseName.Name)
    assert above == ["Line3", "Hall2", "Plant1", "Equipment", "Traceability", "Server"]


async def test_points_have_units_and_ranges(client: Client) -> None:
    force = client.get_node(site("Dev/Press_OP20.Points.Force"))
    unit = await (await force.get_child(["0:EngineeringUnits"])).read_value()
    assert (unit.UnitId, unit.DisplayName.Text) == (0x423437, "kN")  # "B47"
    assert unit.NamespaceUri == "http://www.opcfoundation.org/UA/units/un/cefact"
    limits = await (await force.get_child(["0:EURange"])).read_value()
    assert (limits.Low, limits.High) == (0.0, 50.0)
    kind = await force.read_type_definition()
    assert kind == ua_id(ObjectIds.AnalogUnitType)
    assert (await force.read_description()).Text == "Force of the ram."
    used = await names(client, site("St/OP20"), ua_id(ObjectIds.Utilizes))
    assert used == ["Press_OP20"]


async def test_master_data_is_listed(client: Client) -> None:
    assert {"PUMP", "ROTOR", "STEEL"} <= set(
        await names(client, site("Traceability.Materials"), ua_id(ObjectIds.Organizes))
    )
    orders = await names(client, site("Traceability.Orders"), ua_id(ObjectIds.Organizes))
    assert "4711" in orders
    assert await read(client, "Ord/4711#TargetQuantity") == 10.0
    assert await read(client, "Ord/4711#State") == "open"


async def test_items_lists_what_is_in_process(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    folder, organizes = site("Traceability.Items"), ua_id(ObjectIds.Organizes)
    assert item not in await names(client, folder, organizes)
    await outputs(client, "St/OP30", "StartItem", request_id(), item, "", "")
    assert item in await names(client, folder, organizes)
    found = await client.get_node(folder).get_child([f"3:{item}", "2:State"])
    assert found.nodeid == site(f"Item/{item}#State")
    located = await names(client, site(f"Item/{item}"), model_id("LocatedAtStation"))
    assert located == ["OP30"]
    await outputs(client, "St/OP30", "CompleteItem", request_id(), item, 1, "")
    assert item not in await names(client, folder, organizes)


async def test_only_real_items_have_nodes(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    _, part, number = item.split(":")
    for text in ("nobody", number, f"sn:{part}:none", f"sn:{part}:%41", f"lot:{part}:{number}"):
        with pytest.raises(UaStatusCodeError):
            await client.get_node(site(f"Item/{text}")).read_browse_name()
        with pytest.raises(UaStatusCodeError):
            await read(client, f"Item/{text}#State")
    with pytest.raises(UaStatusCodeError):
        await read(client, f"Item/{item}#Colour")


async def test_ids_with_any_characters_have_nodes(plant: Plant, client: Client) -> None:
    strange = "Ä 100%/~#:x"
    registered = await plant.book(Register(item=strange, material="PUMP"))
    (link,) = [
        found
        for found in await client.get_node(site("ByMat/PUMP")).get_references(
            ua_id(ObjectIds.Organizes), ua.BrowseDirection.Forward
        )
        if found.BrowseName.Name == registered.item
    ]
    assert set(str(link.NodeId.Identifier)[5:]) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~:@-%"
    )
    assert await client.get_node(link.NodeId).read_browse_name() == link.BrowseName
    state = await client.get_node(link.NodeId).get_child(["2:SerialNumber"])
    assert await state.read_value() == strange


async def test_a_hot_lot_lists_its_uses_in_pages(plant: Plant, client: Client) -> None:
    lot = await plant.lot()
    rotors = [await plant.unit("ROTOR") for _ in range(25)]
    for rotor in rotors:
        await plant.book(Consume(item=rotor, lot=lot))
    wanted = ua.BrowseDescription(
        NodeId=site(f"Item/{lot}"),
        BrowseDirection=ua.BrowseDirection.Inverse,
        ReferenceTypeId=model_id("DerivedFrom"),
        ResultMask=ua.UInt32(63),
    )
    view = ua.ViewDescription()
    page = await client.uaclient.browse(ua.BrowseParameters(view, ua.UInt32(10), [wanted]))
    seen, pages = list(page[0].References), 1
    while page[0].ContinuationPoint:
        page = await client.uaclient.browse_next(
            ua.BrowseNextParameters(False, [page[0].ContinuationPoint])
        )
        seen += page[0].References
        pages += 1
    assert [link.BrowseName.Name for link in seen] == rotors
    assert pages == 3


async def test_a_container_lists_its_contents(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    box = (await plant.book(Register(item=f"B-{item[-6:]}", material="BOX"))).item
    assert box.startswith("container:BOX:")
    packed = model_id("PackedIn")
    await plant.book(Pack(container=box, item=item))
    assert await names(client, site(f"Item/{box}"), packed, ua.BrowseDirection.Inverse) == [item]
    assert await names(client, site(f"Item/{item}"), packed) == [box]


async def test_what_a_reference_says_of_a_node_is_what_the_node_says(
    plant: Plant, client: Client
) -> None:
    pump, rotor = await plant.unit(), await plant.unit("ROTOR")
    await outputs(
        client, "St/OP10", "InstallPart", request_id(), pump, rotor, "", ua.Variant(None), ""
    )
    for start in ("Traceability.Materials", f"Item/{pump}", f"Item/{pump}#State", "Mat/PUMP"):
        links = await client.get_node(site(start)).get_references(
            ua_id(ObjectIds.References), ua.BrowseDirection.Both
        )
        assert links
        for link in links[:20]:
            node = client.get_node(link.NodeId)
            assert await node.read_browse_name() == link.BrowseName
            assert (await node.read_display_name()).Text == link.DisplayName.Text, link


@pytest.mark.parametrize("node", ["Item/{}#", "Mat/PUMP#", "Ord/4711#"])
async def test_an_id_with_an_empty_member_is_unknown(
    plant: Plant, client: Client, node: str
) -> None:
    text = node.format(await plant.unit())
    with pytest.raises(UaStatusCodeError):
        await client.get_node(site(text)).read_browse_name()


async def test_whoever_asks_for_another_language_gets_the_one_that_is_offered(
    plant: Plant, client: Client
) -> None:
    offered = ua_id(ObjectIds.Server_ServerCapabilities_LocaleIdArray)
    assert await client.get_node(offered).read_value() == ["en"]
    other = Client(plant.server.endpoint, timeout=10)
    other._locale = ["de", "fr"]
    texts = []
    async with other:
        for asking in (client, other):
            node = asking.get_node(site("St/OP10.CycleTime"))
            told = await node.read_attributes([AttributeIds.DisplayName, AttributeIds.Description])
            (up, *_) = await node.get_references(direction=ua.BrowseDirection.Inverse)
            texts.append([*(one.Value.Value for one in told if one.Value), up.DisplayName])
    assert texts[0] == texts[1]
    assert [text.Text for text in texts[1]] == [
        "CycleTime",
        "Duration of the last operation, in seconds.",
        "Press",
    ]
