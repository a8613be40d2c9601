"""The function block of plc/ in a simulated station, polled by the real driver over Modbus TCP into
a real journal."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.mailbox.conftest import Plant
from tests.drivers.mailbox.served import server
from tests.handshake.mailbox_process import MailboxProcess
from tests.plc.station import Station, station
from tests.support.controller import GO, REJECTED, STOP
from tests.support.project import ROOT
from tests.support.waiting import eventually
from tracenode.models.events import Consume, Gap, Hold, Register
from tracenode.models.receipts import Requester
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.integration

CHECK_IN, COMPLETE, INSTALL, CONSUME = 1, 2, 3, 14
KEPT = 16
PAGE = (ROOT / "docs" / "handshake.md").read_text("utf-8")


def example(area: str) -> list[int]:
    (block,) = re.findall(rf"```{area}\n(.*?)```", PAGE, re.DOTALL)
    rows = (line.partition(":")[2] for line in block.splitlines())
    return [int(word, 16) for row in rows for word in row.split()]


# ---------------------------------------------------------------- register by register
def test_area_a_is_that_of_the_example() -> None:
    plc = Station("PRG_TraceStation")
    plc.v["MEMORY"]["BOOTID"] = 6
    plc.cycle()
    plc.v["MEMORY"]["SEQUENCE"] = 41
    measured = [(1, 2, 3.9), (2, 1, 87.5)]
    at: dict[str, Any] = {"seconds": 1_767_225_600, "milliseconds": 250}
    plc.book(
        *(COMPLETE, "P000123"),
        measured=measured,
        evaluation=2,
        reason=1,
        operator=5,
        cycle=512,
        **at,
    )
    plc.cycle()
    expected = example("area-a")
    assert plc.v["AREAA"][:5] + plc.v["AREAA"][6:] == expected[:5] + expected[6:]


def test_answer_of_the_example_is_taken() -> None:
    plc = Station("PRG_TraceStation")
    plc.v["MEMORY"]["BOOTID"] = 6
    plc.cycle()
    plc.v["MEMORY"]["SEQUENCE"] = 41
    plc.book(COMPLETE, "P000123", evaluation=1)
    plc.cycle()
    assert not plc.answers
    plc.v["AREAB"][:] = example("area-b")
    plc.cycle()
    (answer,) = plc.answers
    said = plc.trace["ANSWER"]
    assert (answer.result, answer.reason, answer.transaction) == (GO, 0, 70_000)
    assert (answer.assigned, said["STEP"], said["RECIPE"]) == ("sn:PUMP:P000123", 10, 3)
    assert plc.trace["ALIVE"] and not plc.trace["WAITING"]


@pytest.mark.parametrize(("offset", "value"), [(68, 41), (7, 6)])
def test_answer_to_another_request_is_not_taken(offset: int, value: int) -> None:
    plc = Station("PRG_TraceStation")
    plc.v["MEMORY"]["BOOTID"] = 6
    plc.cycle()
    plc.v["MEMORY"]["SEQUENCE"] = 41
    plc.book(COMPLETE, "P000123", evaluation=1)
    plc.cycle()
    plc.v["AREAB"][:] = example("area-b")
    plc.v["AREAB"][offset] = value
    plc.cycle()
    assert not plc.answers and plc.trace["WAITING"]


# ---------------------------------------------------------------- with the server
async def test_unit_is_built(plant: Plant) -> None:
    unit = await plant.unit()
    await plant.trace.record(Register(item="M1", material="MOTOR"), Requester("mes"))
    async with station() as (plc, memory), server(plant, port=memory.port) as running:
        answers = [
            await plc.ask(CHECK_IN, unit, cycle=1),
            await plc.ask(INSTALL, unit, "M1", cycle=1, position=2),
            await plc.ask(COMPLETE, unit, cycle=1, evaluation=1, measured=[(1, 1, 4.7)]),
        ]
        stop = await plc.ask(CHECK_IN, "NOBODY", cycle=2)
        assert running.trouble == ""
    assert [answer.result for answer in answers] == [GO, GO, GO]
    assert answers[0].assigned == f"sn:PUMP:{unit}"
    assert (stop.result, stop.reason) == (STOP, TraceStatus.UnknownItem)
    assert "NOBODY" in stop.text
    (complete,) = [r.event for r in await plant.records() if r.event.type == "complete"]
    assert complete.type == "complete"
    assert [(m.name, m.value) for m in complete.measurements] == [("Torque", 4.7)]
    assert not await plant.gaps()


async def test_power_is_lost_while_a_request_stands(plant: Plant) -> None:
    """What was not answered is asked again under the next boot id, and is booked once."""
    unit = await plant.unit()
    async with station() as (plc, memory):
        async with server(plant, port=memory.port):
            await plc.ask(CHECK_IN, unit, cycle=1)
        plc.book(COMPLETE, unit, cycle=1, evaluation=1)
        await eventually(lambda: plc.trace["WAITING"])
        for _ in range(2):
            plc.plc.power_up("Memory")
            async with server(plant, port=memory.port):
                await eventually(lambda: plc.answers)
            assert plc.answers.popleft().result == GO
            plc.v["MEMORY"]["STANDING"] = True  # as if the answer had not been seen
    assert len(await plant.about("complete", unit)) == 1


async def test_without_bypass_the_station_waits(plant: Plant) -> None:
    unit = await plant.unit()
    async with station() as (plc, memory):
        plc.book(CHECK_IN, unit, cycle=1)
        await eventually(lambda: plc.trace["WAITING"])
        plc.ahead_ms += 5_001
        await eventually(lambda: plc.trace["TIMEDOUT"])
        assert not plc.trace["BYPASS"] and plc.v["BOOK"]
        async with server(plant, port=memory.port):
            await eventually(lambda: plc.answers)
    assert plc.answers[0].result == GO
    assert not await plant.gaps()


async def test_bypassed_requests_are_kept_told_and_checked(plant: Plant) -> None:
    """Twenty requests while the server is away; sixteen fit, and the one that stands."""
    units = [await plant.unit() for _ in range(20)]
    async with station() as (plc, memory):
        plc.v["MAYBYPASS"] = True
        async with server(plant, port=memory.port):
            await plc.ask(CHECK_IN, units[0], cycle=1)
        plc.book(COMPLETE, units[0], cycle=1, evaluation=1)
        await eventually(lambda: plc.trace["WAITING"])
        plc.ahead_ms += 5_001
        await eventually(lambda: plc.trace["BYPASS"])
        for cycle, unit in enumerate(units[1:], 2):
            await plc.keep(
                COMPLETE if unit is units[-1] else CHECK_IN, unit, cycle=cycle, evaluation=1
            )
        assert plc.v["MEMORY"]["WAITING"] == KEPT
        async with server(plant, port=memory.port):
            await eventually(lambda: not plc.trace["WAITING"])
            await eventually(lambda: not plc.trace["BYPASS"])
            results = [answer.result for answer in plc.answers]
            after = await plc.ask(CHECK_IN, units[1], cycle=40)
            await plant.wait_for("gap", 3)
    assert results == [GO] * KEPT + [REJECTED]
    assert after.result == GO
    assert [gap for gap in await plant.gaps() if gap[0] != "bypass"] == [("fifo", 3)]
    (hold,) = [r.event for r in await plant.records() if isinstance(r.event, Hold)]
    assert hold.item == f"sn:PUMP:{units[-1]}"


async def test_request_refused_just_before_the_bypass_is_held(plant: Plant) -> None:
    """The server refuses it, the answer is lost, the station goes on without."""
    unit = await plant.unit()
    async with station() as (plc, memory):
        plc.v["MAYBYPASS"] = True
        async with server(plant, port=memory.port):
            plc.book(COMPLETE, unit, cycle=1, evaluation=1)
            await eventually(lambda: plc.answers)
            plc.v["TRACE"]["STATE"] = 20  # the answer is lost, from here on
            plc.v["MEMORY"]["STANDING"] = True
            memory.words[200 + 68] = 0
            plc.ahead_ms += 5_001
            await eventually(lambda: len(plc.answers) == 2, within=10)
    assert [answer.result for answer in plc.answers] == [REJECTED] * 2
    (hold,) = [r.event for r in await plant.records() if isinstance(r.event, Hold)]
    assert hold.item == f"sn:PUMP:{unit}"


async def test_killed_servers_book_each_request_once(tmp_path: Path) -> None:
    transactions = []
    async with station() as (plc, memory):
        with MailboxProcess(tmp_path, memory.port) as killed:
            for cycle in range(1, 31):
                plc.book(CONSUME, "P1", "L1", cycle=cycle)
                if cycle % 10 == 0:
                    await asyncio.sleep(0.003 * (cycle // 10))
                    killed.kill()
                    await asyncio.to_thread(killed.start)
                await eventually(lambda: plc.answers, within=20)
                answer = plc.answers.popleft()
                assert answer.result == GO, answer
                transactions.append(answer.transaction)
    records = await killed.records()
    assert [r.position for r in records if isinstance(r.event, Consume)] == transactions
    assert not [r for r in records if isinstance(r.event, Gap)]
