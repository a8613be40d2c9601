"""A recall that comes page by page, as node-opcua fetches it and as other clients may."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client

from tests.opcua.surface.plant import Plant, outputs
from tests.support.node import run_script
from tracenode.models.events import Output, Portion, Transform
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.surface.methods.limits import MAX_PAGE

UNITS = 2_500
Q = "Traceability.Queries"


async def made_of_one_lot(plant: Plant, prefix: str, count: int) -> str:
    lot = await plant.lot()
    units = tuple(Output(item=f"{prefix}{n:06}", material="PUMP") for n in range(count))
    await plant.book(Transform(station="OP10", inputs=(Portion(item=lot),), outputs=units))
    return lot


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
async def test_node_opcua_fetches_all_pages_of_a_recall(plant: Plant) -> None:
    lot = await made_of_one_lot(plant, "RC", UNITS)
    endpoint = plant.server.endpoint
    printed = await asyncio.to_thread(run_script, "recall_client.js", endpoint, lot, "1000")
    seen: dict[str, Any] = json.loads(
        next(line for line in printed.splitlines() if line.startswith("{"))
    )
    assert (seen["affected"], seen["total"], seen["pages"]) == (UNITS, UNITS, 3)
    assert (seen["items"], seen["different"]) == (UNITS, UNITS)
    assert (seen["first"], seen["last"]) == ("sn:PUMP:RC000000", f"sn:PUMP:RC{UNITS - 1:06}")
    assert seen["reasons"] == [f"{lot} > sn:PUMP:RC{n:06}" for n in range(2)]
    assert "is not kept" in seen["afterwards"]


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
async def test_a_small_recall_is_not_kept(plant: Plant, client: Client) -> None:
    lot = await made_of_one_lot(plant, "RD", 3)
    asked = (lot, ua.Variant(), ua.Variant(0, ua.VariantType.UInt64))
    whole = await outputs(client, Q, "RecallScope", *asked, ua.Variant(3, ua.VariantType.UInt32))
    assert whole[0] == [f"sn:PUMP:RD{n:06}" for n in range(3)]
    assert whole[6] == ""
    counts = await outputs(client, Q, "RecallScope", *asked, ua.Variant(0, ua.VariantType.UInt32))
    assert (counts[0], counts[4], counts[6]) == ([], 3, "")
    page = [ua.Variant(0, ua.VariantType.UInt32), ua.Variant(5, ua.VariantType.UInt32)]
    unknown = await outputs(client, Q, "FetchPage", "0123", *page)
    assert unknown[-1] == TraceStatus.MalformedRequest


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_is_bounded(plant: Plant, client: Client) -> None:
    lot = await made_of_one_lot(plant, "RE", MAX_PAGE + 1)
    many = ua.Variant(10 * MAX_PAGE, ua.VariantType.UInt32)
    asked = (lot, ua.Variant(), ua.Variant(0, ua.VariantType.UInt64), many)
    first = await outputs(client, Q, "RecallScope", *asked)
    assert (len(first[0]), first[4]) == (MAX_PAGE, MAX_PAGE + 1)
    start = ua.Variant(0, ua.VariantType.UInt32)
    page = await outputs(client, Q, "FetchPage", first[6], start, many)
    assert (page[0], page[4]) == (first[0], MAX_PAGE + 1)
    details = await outputs(client, Q, "FetchDetails", first[6], start, many)
    assert len(details[0]) == MAX_PAGE
