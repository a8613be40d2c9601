"""A server that is started again shows its stations as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from tests.opcua.surface.plant import Plant, master_data, outputs, read, request_id, running, shows
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Observe, Pack, Register, Start, Void
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = ua.StatusCode()
LOG = "Traceability.Log"
SHOWN = (
    *(f"CurrentItem.{name}" for name in ("ItemId", "OrderId", "State", "Evaluation", "StartedAt")),
    *("CountOK", "CountNotOK", "CycleTime", "RecentItemIds"),
    *("LastStatus", "LastStatusText", "LastEventSequence", "LastEventType", "LastEventTime"),
)


async def shown(client: Client) -> dict[str, Any]:
    names = [f"St/OP{number}0.{name}" for number in (1, 2, 3, 4) for name in SHOWN]
    nodes = [client.get_node(f"ns=3;s={name}") for name in names]
    values = await client.read_attributes(nodes, AttributeIds.Value)
    return {
        name: (value.StatusCode, None if value.Value is None else value.Value.Value)
        for name, value in zip(names, values, strict=True)
    }


async def work(plant: Plant, client: Client) -> None:
    """A verdict, another one that is voided, a box, a check-in, a scan, and a refusal at last."""
    pumps = [await plant.unit() for _ in range(3)]
    for pump, verdict, took_ms in ((pumps[0], 1, 1500), (pumps[1], 2, 700)):
        await plant.book(Start(station="OP20", item=pump))
        done = Complete(
            station="OP20", item=pump, evaluation=Evaluation(verdict), cycle_time_ms=took_ms
        )
        receipt = await plant.book(done)
    await shows(client, "St/OP20.CurrentItem.Evaluation", 2)
    await plant.book(Void(record=receipt.record, reason="wrong unit"))
    box = await plant.book(Register(station="OP40", item="B1", material="BOX"))
    await plant.book(Pack(station="OP40", container=box.item, item=pumps[0]))
    await plant.book(Start(station="OP10", item=pumps[2]))
    await plant.book(Complete(station="OP10", item=pumps[2], evaluation=Evaluation.OK))
    await plant.book(Start(station="OP10", item=pumps[2], order="4711"))
    await plant.book(Observe(station="OP30", item="whatever"))
    *_, status = await outputs(client, "St/OP40", "StartItem", request_id(), "nobody", "", "")
    assert status == TraceStatus.UnknownItem


async def test_stations_are_shown_as_before(tmp_path: Path) -> None:
    async with running(tmp_path / "plant.db") as plant, Client(plant.server.endpoint) as client:
        nothing = ua.Variant(0, ua.VariantType.UInt64)
        answer = await outputs(client, LOG, "VerifyIntegrity", nothing, nothing)
        assert answer == [0, "", "", TraceStatus.Ok]
        await master_data(plant.trace)
        await work(plant, client)
        await shows(client, "St/OP40.LastStatus", TraceStatus.UnknownItem)
        before = await shown(client)
    # The verdict that was voided is not the station's any more.
    assert before["St/OP20.CurrentItem.Evaluation"] == (GOOD, 1)
    assert before["St/OP20.CycleTime"] == (GOOD, 1.5)
    assert before["St/OP20.CountNotOK"] == (GOOD, 0)
    assert before["St/OP10.CurrentItem.Evaluation"] == (GOOD, 1)
    async with running(tmp_path / "plant.db") as plant, Client(plant.server.endpoint) as client:
        assert await shown(client) == before
        assert await read(client, f"{LOG}.LatestSequence") == plant.trace.head.sequence
