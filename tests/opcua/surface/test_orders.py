"""The counts of an order, as variables that follow what is booked, voided and corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif

from tests.opcua.surface.plant import Plant, master_data, read, running, shows, site
from tests.support.waiting import eventually
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Complete, Correct, Master, Register, Scrap, Start, Void
from tracenode.server.store.file.rebuild import rebuild

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNTS = ("InProcessCount", "GoodCount", "ScrapCount")


async def counts(client: Client, order: str) -> tuple[int, ...]:
    return tuple([await read(client, f"Ord/{order}#{name}") for name in COUNTS])


class Heard:
    def __init__(self) -> None:
        self.values: dict[str, list[int]] = {}

    def datachange_notification(self, node: Node, val: Any, data: DataChangeNotif) -> None:
        self.values.setdefault(str(node).rpartition("#")[2], []).append(val)


async def test_counts_follow_what_is_booked(plant: Plant, client: Client) -> None:
    await plant.book(Master(kind="order", key="901", data={"material": "PUMP"}))
    assert await counts(client, "901") == (0, 0, 0)
    heard = Heard()
    subscription = await client.create_subscription(50, heard)
    nodes = [client.get_node(site(f"Ord/901#{name}")) for name in COUNTS]
    await subscription.subscribe_data_change(nodes)
    units = []
    for number in range(3):
        event = Register(station="OP10", item=f"O901-{number}", material="PUMP", order="901")
        units.append((await plant.book(event)).item)
    await plant.book(Start(station="OP10", item=units[0]))
    done = await plant.book(Complete(station="OP10", item=units[0], evaluation=Evaluation.OK))
    gone = await plant.book(Scrap(station="OP10", item=units[1]))
    await eventually(lambda: [heard.values[name][-1] for name in heard.values] == [1, 1, 1])
    assert await counts(client, "901") == (1, 1, 1)
    await plant.book(Void(record=gone.record, reason="the wrong one"))
    failed = Complete(station="OP10", item=units[0], evaluation=Evaluation.NotOK)
    await plant.book(Correct(record=done.record, reason="read wrongly", replacement=failed))
    await eventually(lambda: heard.values["GoodCount"][-1] == 0)
    await shows(client, "Ord/901#InProcessCount", 3)
    assert await counts(client, "901") == (3, 0, 0)
    await subscription.delete()


async def test_counts_are_the_same_after_a_restart_and_a_rebuild(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    async with running(database) as plant:
        await master_data(plant.trace)
        for number in range(2):
            await plant.book(Register(item=f"{number}", material="PUMP", order="4711"))
        await plant.book(Scrap(item="1"))
    rebuild(database)
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        assert await counts(client, "4711") == (1, 0, 1)
        assert await read(client, "Ord/4711#TargetQuantity") == 10
