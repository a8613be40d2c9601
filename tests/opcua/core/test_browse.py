"""Browse, BrowseNext and browse paths over virtual and real nodes."""

from __future__ import annotations

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.core.sample import HAS_COMPONENT, ORGANIZES, UNITS, Sample, site
from tracenode.server.opcua.ids import ua_id

pytestmark = pytest.mark.asyncio(loop_scope="session")


def asking(node_id: ua.NodeId, limit: int, mask: int = 63) -> ua.BrowseParameters:
    description = ua.BrowseDescription()
    description.NodeId = node_id
    description.BrowseDirection = ua.BrowseDirection.Forward
    description.ReferenceTypeId = ua_id(ObjectIds.HierarchicalReferences)
    description.IncludeSubtypes = True
    description.NodeClassMask = ua.UInt32(0)
    description.ResultMask = ua.UInt32(mask)
    params = ua.BrowseParameters()
    params.RequestedMaxReferencesPerNode = ua.UInt32(limit)
    params.NodesToBrowse = [description]
    return params


async def more(client: Client, point: bytes, release: bool = False) -> ua.BrowseResult:
    params = ua.BrowseNextParameters()
    params.ContinuationPoints = [point]
    params.ReleaseContinuationPoints = release
    return (await client.uaclient.browse_next(params))[0]


async def test_all_units_come_page_by_page_once_each_in_order(
    sample: Sample, client: Client
) -> None:
    result = (await client.uaclient.browse(asking(site("Items"), 999)))[0]
    seen = [link.BrowseName.Name for link in result.References]
    pages = 1
    while result.ContinuationPoint:
        result = await more(client, result.ContinuationPoint)
        assert len(result.References) <= 999
        seen += [link.BrowseName.Name for link in result.References]
        pages += 1
    assert seen == sample.units.keys
    assert pages == -(-UNITS // 999)


async def test_no_empty_page_follows_a_page_that_ends_exactly(
    sample: Sample, client: Client
) -> None:
    result = (await client.uaclient.browse(asking(site("Items"), 1000)))[0]
    pages = 1
    while result.ContinuationPoint:
        result = await more(client, result.ContinuationPoint)
        assert result.References
        pages += 1
    assert pages == UNITS // 1000


async def test_a_server_page_is_never_longer_than_its_own_limit(client: Client) -> None:
    result = (await client.uaclient.browse(asking(site("Items"), 0)))[0]
    assert len(result.References) == 1000
    await more(client, result.ContinuationPoint, release=True)


async def test_real_references_are_paged_too(client: Client) -> None:
    whole = (await client.uaclient.browse(asking(site("St/OP10"), 0)))[0].References
    result = (await client.uaclient.browse(asking(site("St/OP10"), 2)))[0]
    names = [link.BrowseName.Name for link in result.References]
    while result.ContinuationPoint:
        assert len(result.References) == 2
        result = await more(client, result.ContinuationPoint)
        names += [link.BrowseName.Name for link in result.References]
    assert names == [link.BrowseName.Name for link in whole]
    assert "<Slot>" not in names


async def test_a_used_or_released_continuation_point_is_invalid(client: Client) -> None:
    first = (await client.uaclient.browse(asking(site("Items"), 10)))[0].ContinuationPoint
    await more(client, first)
    assert (await more(client, first)).StatusCode.value == StatusCodes.BadContinuationPointInvalid
    second = (await client.uaclient.browse(asking(site("Items"), 10)))[0].ContinuationPoint
    assert (await more(client, second, release=True)).StatusCode.is_good()
    assert (await more(client, second)).StatusCode.value == StatusCodes.BadContinuationPointInvalid


async def test_one_request_can_not_take_more_continuation_points_than_there_are(
    client: Client,
) -> None:
    params = asking(site("Items"), 10)
    params.NodesToBrowse = params.NodesToBrowse * 25
    results = await client.uaclient.browse(params)
    codes = [result.StatusCode.value for result in results]
    assert codes.count(StatusCodes.BadNoContinuationPoints) == 5
    again = (await client.uaclient.browse(asking(site("Items"), 10)))[0]
    assert again.ContinuationPoint


async def test_result_mask_leaves_out_what_is_not_asked(client: Client) -> None:
    mask = ua.BrowseResultMask.BrowseName
    link = (await client.uaclient.browse(asking(site("Items"), 1, mask)))[0].References[0]
    assert link.BrowseName.Name == "SN00000"
    assert link.DisplayName.Text is None
    assert link.NodeClass == ua.NodeClass.Unspecified
    assert link.ReferenceTypeId.is_null()


async def test_unknown_nodes_and_reference_types_are_named(client: Client) -> None:
    params = asking(site("Nowhere"), 0)
    assert (await client.uaclient.browse(params))[0].StatusCode.value == (
        StatusCodes.BadNodeIdUnknown
    )
    params = asking(site("Items"), 0)
    params.NodesToBrowse[0].ReferenceTypeId = ua_id(999_999)
    assert (await client.uaclient.browse(params))[0].StatusCode.value == (
        StatusCodes.BadReferenceTypeIdInvalid
    )


async def test_a_browse_path_leads_through_virtual_units(client: Client) -> None:
    path = ["3:Plant", "3:Items", "3:SN11999", "3:State"]
    node = await client.nodes.objects.get_child(path)
    assert node.nodeid == site("Item/SN11999#State")
    assert await node.read_value() == "Registered"
    with pytest.raises(ua.uaerrors.BadNoMatch):
        await client.nodes.objects.get_child(["3:Plant", "3:Items", "3:SN12000"])


async def test_a_virtual_unit_refers_to_its_members(client: Client) -> None:
    result = (await client.uaclient.browse(asking(site("Item/SN00007"), 0)))[0]
    assert [link.NodeId for link in result.References] == [site("Item/SN00007#State")]
    assert result.References[0].ReferenceTypeId == HAS_COMPONENT
    assert result.References[0].ReferenceTypeId != ORGANIZES


async def test_what_a_client_takes_for_a_type_is_not_remembered(
    sample: Sample, client: Client
) -> None:
    types = sample.server.types
    path = ua.BrowsePath(StartingNode=site("Items"))
    for unknown in (site("none/" + "x" * 10_000), site("Items"), site("Item/SN00007")):
        element = ua.RelativePathElement(unknown, TargetName=ua.QualifiedName("x", ua.UInt16(3)))
        path.RelativePath.Elements = [element]
        (result,) = await client.uaclient.translate_browsepaths_to_nodeids([path])
        assert result.StatusCode.value == StatusCodes.BadNoMatch
        assert not types.is_a(unknown, ua_id(ObjectIds.BaseObjectType))
        assert not types.encodings(unknown)
        remembered = {*types._below, *types._above, *types._encodings}
        assert unknown not in remembered
        assert ua_id(ObjectIds.HierarchicalReferences) in remembered
