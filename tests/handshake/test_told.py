"""What OPC UA clients hear of a controller, with the whole server: gaps, bypass, a heartbeat that
stands still, a disk that is full."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from asyncua.client.client import Client

from tests.handshake.conftest import served_plc
from tests.opcua.surface.alarmed import conditions
from tests.opcua.surface.hearing import hearing
from tests.support.controller import BUSY, GO
from tests.support.handshake_plc import CPlc, handshake_plc
from tests.support.server_process import ServerProcess
from tests.support.waiting import eventually
from tracenode.models.readings import DeviceState
from tracenode.server.opcua.ids import ua_id

pytestmark = pytest.mark.integration

CONSUME = 14
STATUS, SERVER_BITS = 6, 205
TRACE, BYPASS, MORE_DATA = 1, 2, 64
ONLINE, DURABLE = 1, 2
SERVER = ua_id(2253)
JOURNAL = ua_id("Traceability.Log.JournalDown", 3)


@asynccontextmanager
async def line(folder: Path) -> AsyncIterator[tuple[CPlc, ServerProcess, Client]]:
    """A controller, the server that polls it, and a client of that."""
    async with handshake_plc() as plc:
        with served_plc(folder, plc.port) as server:
            async with Client(server.endpoint, timeout=30) as client:
                yield plc, server, client


async def consume(plc: CPlc, how: str = "ask") -> int:
    return (await plc.ask(CONSUME, "P1", "L1", how=how)).result


async def bits(plc: CPlc, expected: int) -> None:
    async def shown() -> bool:
        return await plc.registers(SERVER_BITS, 1) == [expected]

    condition: Callable[[], Awaitable[bool] | bool] = shown
    await eventually(condition, within=15)


def of(heard: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in heard if event.get("GapKind") == kind]


async def test_gaps_bypass_and_a_frozen_heartbeat_are_told(tmp_path: Path) -> None:
    async with (
        line(tmp_path) as (plc, _, client),
        hearing(client, SERVER, "TraceGapEventType") as gaps,
        hearing(client, SERVER, "TraceDeviceStateEventType") as states,
    ):
        assert await consume(plc) == GO
        assert await consume(plc, how="at 5 ask") == GO
        await eventually(lambda: of(gaps, "handshake"), within=15)
        (jump,) = of(gaps, "handshake")
        assert (jump["ExpectedSequence"], jump["FoundSequence"], jump["MissingRecords"]) == (
            2,
            5,
            3,
        )
        await plc.do(f"set {STATUS} {TRACE | BYPASS | MORE_DATA}")
        assert await consume(plc, how="at 16 ask") == GO
        await plc.do(f"set {STATUS} {TRACE}")
        await eventually(lambda: of(gaps, "fifo") and len(of(gaps, "bypass")) == 2, within=15)
        assert of(gaps, "fifo")[0]["MissingRecords"] == 10
        online = client.get_node(ua_id("St/OP10.Online", 3))
        await plc.do("beat 0")
        degraded = DeviceState.Degraded
        await eventually(lambda: states and states[-1]["DeviceState"] == degraded, within=15)
        assert "heartbeat" in states[-1]["DeviceError"]
        assert not await online.read_value()
        await plc.do("beat 1")
        await eventually(lambda: states[-1]["DeviceState"] == DeviceState.Up, within=15)


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
async def test_disk_that_is_full_and_a_locked_database_acknowledge_nothing(
    tmp_path: Path,
) -> None:
    import resource

    async with line(tmp_path) as (plc, server, client), conditions(client) as heard:
        assert await consume(plc) == GO
        await bits(plc, ONLINE | DURABLE)
        before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, -1))
        assert await plc.do(f"quick {CONSUME} 0 0 P1 L1 -") == "asked 2"
        await heard.until(JOURNAL, lambda event: event["ActiveState/Id"])
        await bits(plc, ONLINE)
        assert await plc.do("wait 500") == f"timeout 2 {BUSY}"
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)
        first = plc.answered(await plc.do("wait 15000"))
        await heard.until(JOURNAL, lambda event: not event["ActiveState/Id"])
        await bits(plc, ONLINE | DURABLE)
        with closing(sqlite3.connect(server.database, isolation_level=None)) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            assert await plc.do(f"quick {CONSUME} 0 0 P1 L1 -") == "asked 3"
            await bits(plc, ONLINE)
            assert await plc.do("wait 200") == f"timeout 3 {BUSY}"
            intruder.execute("ROLLBACK")
        second = plc.answered(await plc.do("wait 15000"))
    assert (first.result, second.result) == (GO, GO)
    with closing(sqlite3.connect(server.database)) as journal:
        rows = journal.execute("SELECT seq FROM journal WHERE type='consume' ORDER BY seq")
        positions = [seq for (seq,) in rows]
    assert positions[1:] == [first.transaction, second.transaction]
