"""Registered consumers of the log: watermarks that outlive the server, and events sent again."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.opcua.surface.hearing import hearing
from tests.opcua.surface.plant import Plant, master_data, outputs, read, running, shows, site
from tests.support.waiting import eventually
from tracenode.models.config import Config, ConsumersConfig, parse_config
from tracenode.models.errors import SchemaMismatch
from tracenode.models.status import TraceStatus
from tracenode.server.consumers import ConsumerLag, Owner
from tracenode.server.store.file.copies import backup, restore
from tracenode.server.store.state.consumers import MAX_CONSUMERS

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

LOG = "Traceability.Log"
V = ua.VariantType
REFUSED = TraceStatus.MalformedRequest


def u64(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt64)


def u16(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt16)


async def register(client: Client, name: str, first: int = 0) -> list[Any]:
    return await outputs(client, LOG, "RegisterConsumer", name, u64(first))


async def acknowledge(client: Client, name: str, up_to: int) -> list[Any]:
    return await outputs(client, LOG, "Acknowledge", name, u64(up_to))


async def replay(client: Client, name: str, first: int, last: int, rate: int = 0) -> list[Any]:
    return await outputs(client, LOG, "Replay", name, u64(first), u64(last), u16(rate))


async def test_a_consumer_comes_back_to_its_watermark(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        await master_data(plant.trace)
        for _ in range(5):
            await plant.unit()
        head = plant.trace.head.sequence
        assert await register(client, "MES1") == [0, "", 0]
        assert await acknowledge(client, "MES1", 3) == [head - 3, "", 0]
        assert await acknowledge(client, "MES1", 3) == [head - 3, "", 0]
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        assert await read(client, f"{LOG}.Consumers.MES1.Acknowledged") == 3
        assert await read(client, f"{LOG}.Consumers.MES1.Pending") == head - 3
        assert await register(client, "MES1", 1) == [3, "", 0]
        await plant.lot()
        await shows(client, f"{LOG}.Consumers.MES1.Pending", head - 2)
        assert await read(client, f"{LOG}.ConsumerCount") == 1
        assert await acknowledge(client, "MES1", head + 1) == [0, "", 0]
        await shows(client, f"{LOG}.Consumers.MES1.Acknowledged", head + 1)
        assert await read(client, f"{LOG}.Consumers.MES1.OldestPending") == ua.get_win_epoch()


async def test_a_watermark_goes_neither_back_nor_ahead(plant: Plant, client: Client) -> None:
    await plant.unit()
    head = plant.trace.head.sequence
    await register(client, "STEADY", 1)
    await acknowledge(client, "STEADY", 2)
    for wrong, (low, high) in ((1, ("2 or more", "found 1")), (head + 1, (str(head), "found "))):
        pending, text, status = await acknowledge(client, "STEADY", wrong)
        assert (pending, status) == (0, REFUSED)
        assert low in text and high in text, text
    *_, text, status = await acknowledge(client, "NOBODY", 1)
    assert status == REFUSED and "'NOBODY'" in text
    assert (await acknowledge(client, "STEADY", 2**64 - 1))[-1] == REFUSED
    assert (await register(client, "STEADY", 0))[0] == 2


async def test_a_consumer_begins_where_it_wants(plant: Plant, client: Client) -> None:
    await plant.unit()
    head = plant.trace.head.sequence
    assert await register(client, "NEXT", head + 1) == [head, "", 0]
    *_, text, status = await register(client, "LATER", head + 2)
    assert status == REFUSED and str(head + 1) in text
    assert await register(client, "FIRST", 1) == [0, "", 0]


@pytest.mark.parametrize("name", ["", "a.b", "-a", "a b", "x" * 41, "ä"])
async def test_what_is_no_name_is_refused(client: Client, name: str) -> None:
    assert (await register(client, name))[-1] == REFUSED


async def test_a_consumer_is_its_applications(plant: Plant, client: Client) -> None:
    await register(client, "OWNED", 1)
    other = Client(plant.server.endpoint)
    other.application_uri = "urn:test:other"
    async with other:
        for answer in (
            await register(other, "OWNED"),
            await acknowledge(other, "OWNED", 1),
            await replay(other, "OWNED", 1, 1),
        ):
            assert answer[-1] == TraceStatus.NotAuthorized
            assert "urn:test:controller" in answer[-2]
    assert await read(client, f"{LOG}.Consumers.OWNED.Owner") == "urn:test:controller"


async def test_there_are_only_so_many(tmp_path: Path) -> None:
    async with running(tmp_path / "plant.db") as plant, Client(plant.server.endpoint) as client:
        for number in range(MAX_CONSUMERS):
            assert (await register(client, f"C{number}"))[-1] == TraceStatus.Ok
        *_, text, status = await register(client, "MORE")
        assert status == REFUSED and str(MAX_CONSUMERS) in text
        await plant.surface.consumers.remove("C7")
        assert (await register(client, "MORE"))[-1] == TraceStatus.Ok
        shown: Callable[[], bool | Awaitable[bool]] = partial(
            exists, client, f"{LOG}.Consumers.MORE.Pending"
        )
        await eventually(shown)
        assert not await exists(client, f"{LOG}.Consumers.C7.Pending")
        assert not await exists(client, f"{LOG}.Consumers.C7")
        assert await exists(client, f"{LOG}.Consumers.C8")


async def exists(client: Client, node: str) -> bool:
    try:
        await client.get_node(site(node)).read_browse_name()
    except UaStatusCodeError:
        return False
    return True


async def test_a_consumer_that_lags_is_told_of(tmp_path: Path) -> None:
    config = Config(
        **{
            **dict(parse_config('[site]\nid = "Test"\n', "test")),
            "consumers": ConsumersConfig(lag_records=3),
        }
    )
    heard: list[ConsumerLag] = []
    async with (
        running(tmp_path / "plant.db", config) as plant,
        Client(plant.server.endpoint) as client,
    ):
        plant.surface.consumer_nodes.listen(heard.append)
        await register(client, "SLOW")
        await master_data(plant.trace)
        await shows(client, f"{LOG}.Consumers.SLOW.Lagging", True)
        assert await read(client, f"{LOG}.LaggingConsumers") == 1
        assert "5 records wait" in await read(client, f"{LOG}.Consumers.SLOW.StatusText")
        assert [(lag.consumer.name, lag.lagging, lag.pending) for lag in heard] == [
            ("SLOW", True, 5)
        ]
        await acknowledge(client, "SLOW", 5)
        await shows(client, f"{LOG}.Consumers.SLOW.Lagging", False)
        assert [lag.lagging for lag in heard] == [True, False]


async def test_a_restored_backup_is_noticed(tmp_path: Path) -> None:
    """Records after the backup had the numbers that new ones get: a watermark says nothing then."""
    database, copy = tmp_path / "plant.db", tmp_path / "copy.db"
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        await master_data(plant.trace)
        await asyncio.to_thread(backup, database, copy)
        await plant.unit()
        await register(client, "MES1")
        await acknowledge(client, "MES1", 6)
    restore(copy, database, force=True)
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        await plant.unit()
        await plant.unit()
        for refused in (
            await register(client, "MES1"),
            await acknowledge(client, "MES1", 7),
            await replay(client, "MES1", 1, 1),
        ):
            assert refused[-1] == REFUSED and "restored" in refused[-2], refused
        await shows(client, f"{LOG}.Consumers.MES1.Acknowledged", 6)
        assert "restored" in await read(client, f"{LOG}.Consumers.MES1.StatusText")
        assert await register(client, "MES1", 6) == [5, "", 0]
        assert await acknowledge(client, "MES1", 7) == [0, "", 0]


async def test_the_state_of_another_database_is_not_taken(tmp_path: Path) -> None:
    async with running(tmp_path / "a.db") as plant, Client(plant.server.endpoint) as client:
        await register(client, "MES1")
    (tmp_path / "a.db.state").replace(tmp_path / "b.db.state")
    with pytest.raises(SchemaMismatch, match="move it away"):
        async with running(tmp_path / "b.db"):
            pass
    (tmp_path / "b.db.state").unlink()
    async with running(tmp_path / "b.db") as plant, Client(plant.server.endpoint) as client:
        assert (await register(client, "MES1"))[-1] == TraceStatus.Ok


async def register_raw(client: Client) -> object:
    node = client.get_node(site(LOG))
    return await node.call_method(site(f"{LOG}.RegisterConsumer"), "MES1", u64(0))


async def test_a_watermark_that_cannot_be_written_is_not_acknowledged(tmp_path: Path) -> None:
    database = tmp_path / "plant.db"
    async with running(database) as plant, Client(plant.server.endpoint) as client:
        await master_data(plant.trace)
        await register(client, "MES1")
        with sqlite3.connect(f"{database}.state") as other:
            other.execute("DROP TABLE consumer")
        with pytest.raises(UaStatusCodeError):
            await register_raw(client)


# ------------------------------------------------------------------ replay
async def heard_by(stack: AsyncExitStack, client: Client) -> list[dict[str, Any]]:
    place = hearing(client, site("Traceability"), "TraceEventType")
    return await stack.enter_async_context(place)


async def test_a_replay_is_heard_by_its_session_alone(plant: Plant, client: Client) -> None:
    items = [await plant.unit() for _ in range(4)]
    last = plant.trace.head.sequence
    other = Client(plant.server.endpoint)
    async with other, AsyncExitStack() as stack:
        mine, others = await heard_by(stack, client), await heard_by(stack, other)
        live = await plant.unit()
        await eventually(lambda: len(mine) == 1 and len(others) == 1)
        await register(client, "AGAIN", 1)
        assert await replay(client, "AGAIN", last - 3, last) == [4, "", 0]
        await eventually(lambda: len(mine) == 5)
        assert [event["ItemId"] for event in mine] == [live, *items]
        assert [event["Replayed"] for event in mine] == [False, True, True, True, True]
        assert [e["EventSequence"] for e in mine[1:]] == list(range(last - 3, last + 1))
        assert await replay(client, "AGAIN", last + 1, last + 1) == [1, "", 0]
        await eventually(lambda: len(mine) == 6)
        assert mine[5]["EventId"] == mine[0]["EventId"]
        assert mine[5]["Time"] == mine[0]["Time"]
        assert len(others) == 1


async def test_a_replay_keeps_its_rate_and_lets_live_events_pass(
    plant: Plant, client: Client
) -> None:
    for _ in range(40):
        await plant.unit()
    last = plant.trace.head.sequence
    await register(client, "PACED", 1)
    async with AsyncExitStack() as stack:
        mine = await heard_by(stack, client)
        began = time.monotonic()
        assert (await replay(client, "PACED", last - 39, last, 20))[0] == 40
        *_, text, status = await replay(client, "PACED", 1, 1)
        assert status == REFUSED and str(last) in text
        live = await plant.unit()
        await eventually(lambda: any(event["ItemId"] == live for event in mine))
        before = sum(event["Replayed"] for event in mine)
        await eventually(lambda: len(mine) == 41, within=20)
        assert before < 40
        assert time.monotonic() - began >= 40 / 20 - 0.3


async def test_a_replay_ends_with_its_session(plant: Plant, client: Client) -> None:
    for _ in range(10):
        await plant.unit()
    last = plant.trace.head.sequence
    await register(client, "LEAVES", 1)
    same = Client(plant.server.endpoint)
    same.application_uri = "urn:test:controller"
    async with same:
        assert (await replay(same, "LEAVES", 1, last, 1))[0] == last
        assert (await replay(client, "LEAVES", 1, last, 1))[-1] == REFUSED

    async def free() -> bool:
        answer = await replay(client, "LEAVES", last, last)
        return bool(answer[-1] == TraceStatus.Ok)

    again: Callable[[], bool | Awaitable[bool]] = free
    await eventually(again)


@pytest.mark.parametrize(("first", "last"), [(3, 2), (1, 10**9), (10**9, 0)])
async def test_a_replay_of_what_is_not_there_is_refused(
    client: Client, first: int, last: int
) -> None:
    await register(client, "RANGES", 1)
    assert (await replay(client, "RANGES", first, last))[-1] == REFUSED


async def test_owners_are_told_apart_by_user_too() -> None:
    assert Owner("urn:a", "kim") != Owner("urn:a")
    assert str(Owner("urn:a", "kim")) == "urn:a as kim"
