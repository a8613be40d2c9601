"""The function blocks of plc/ in server mode: FB_TraceLink writes into the server's registers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.drivers.mailbox.conftest import Plant
from tests.drivers.mailbox.served import listening
from tests.handshake.mailbox_process import MailboxProcess
from tests.plc.station import linked_station
from tests.support.controller import GO, REJECTED
from tests.support.rigs import free_port
from tests.support.waiting import eventually
from tracenode.models.events import Consume, Gap, Hold

pytestmark = pytest.mark.integration

CHECK_IN, COMPLETE, CONSUME = 1, 2, 14


async def test_unit_is_built_by_a_controller_that_writes(plant: Plant) -> None:
    unit, port = await plant.unit(), free_port()
    async with listening(plant, port) as running, linked_station(port) as plc:
        assert (await plc.ask(CHECK_IN, unit, cycle=1)).result == GO
        done = await plc.ask(COMPLETE, unit, cycle=1, evaluation=1, measured=[(1, 1, 4.7)])
        assert done.result == GO and done.assigned == f"sn:PUMP:{unit}"
        await eventually(lambda: running.trouble == "")
        assert plc.trace["ALIVE"]
    assert not await plant.gaps()


async def test_bypassed_requests_are_told_when_the_server_is_back(plant: Plant) -> None:
    units, port = [await plant.unit() for _ in range(5)], free_port()
    async with linked_station(port) as plc:
        plc.v["MAYBYPASS"] = True
        plc.book(CHECK_IN, units[0], cycle=1)
        await eventually(lambda: plc.trace["WAITING"])
        plc.ahead_ms += 5_001
        await eventually(lambda: plc.trace["BYPASS"])
        for cycle, unit in enumerate(units[1:], 2):
            code = COMPLETE if unit is units[-1] else CHECK_IN
            await plc.keep(code, unit, cycle=cycle, evaluation=1)
        async with listening(plant, port):
            await eventually(lambda: len(plc.answers) == 5, within=10)
            await eventually(lambda: not plc.trace["BYPASS"])
    assert [answer.result for answer in plc.answers] == [GO] * 4 + [REJECTED]
    (hold,) = [r.event for r in await plant.records() if isinstance(r.event, Hold)]
    assert hold.item == f"sn:PUMP:{units[-1]}"


async def test_killed_servers_that_listen_book_each_request_once(tmp_path: Path) -> None:
    transactions, port = [], free_port()
    async with linked_station(port) as plc:
        with MailboxProcess(tmp_path, port, "modbus-server") as killed:
            for cycle in range(1, 31):
                plc.book(CONSUME, "P1", "L1", cycle=cycle)
                if cycle % 10 == 0:
                    await asyncio.sleep(0.02 * (cycle // 10))
                    killed.kill()
                    await asyncio.to_thread(killed.start)
                await eventually(lambda: plc.answers, within=20)
                answer = plc.answers.popleft()
                assert answer.result == GO, answer
                transactions.append(answer.transaction)
    records = await killed.records()
    assert [r.position for r in records if isinstance(r.event, Consume)] == transactions
    assert not [r for r in records if isinstance(r.event, Gap)]
