"""What goes wrong between a controller on libmodbus and the server, and what must hold then: the
rows of the table in docs/handshake.md that need no other process than the controller's."""

from __future__ import annotations

import pytest

from tests.drivers.mailbox.conftest import Plant
from tests.drivers.mailbox.served import server
from tests.support.cable import Cable
from tests.support.controller import BUSY, GO, REJECTED, STOP
from tests.support.handshake_plc import handshake_plc
from tests.support.waiting import eventually
from tracenode.models.events import Hold, Register, Start
from tracenode.models.readings import Quality
from tracenode.models.receipts import Requester
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.integration

CHECK_IN, COMPLETE, INSTALL, CONSUME = 1, 2, 3, 14
STATUS = 6
TRACE, BYPASS, MORE_DATA = 1, 2, 64
MES = Requester("mes")


async def test_restart_before_the_answer_books_once(plant: Plant) -> None:
    unit = await plant.unit()
    async with handshake_plc() as plc:
        await plc.do(f"quick {CHECK_IN} 0 5 {unit} - -")
        async with server(plant, plc):
            await plant.wait_for("start", 1)
        await plc.do("boot 8")
        async with server(plant, plc):
            again = await plc.ask(CHECK_IN, unit, cycle=5)
    (start,) = await plant.about("start", unit)
    assert (again.result, again.boot, again.transaction) == (GO, 8, start.position)


async def test_unit_of_another_station_and_second_check_in(plant: Plant) -> None:
    unit, elsewhere = await plant.unit(), await plant.unit()
    await plant.trace.record(Start(station="OP20", item=elsewhere), MES)
    async with handshake_plc() as plc, server(plant, plc):
        away = await plc.ask(CHECK_IN, elsewhere, cycle=1)
        assert (away.result, away.reason) == (STOP, TraceStatus.DuplicateIdentifier)
        for _ in range(2):
            assert (await plc.ask(CHECK_IN, unit, cycle=2)).result == GO
        assert len(await plant.about("start", unit)) == 1
        assert (await plc.ask(COMPLETE, unit, cycle=2, evaluation=1)).result == GO
        assert (await plc.ask(CHECK_IN, unit, cycle=3)).result == GO
    assert len(await plant.about("start", unit)) == 2


async def test_wrong_part_in_the_nest_is_rejected(plant: Plant) -> None:
    right, wrong = await plant.unit(), await plant.unit()
    async with handshake_plc() as plc, server(plant, plc):
        assert (await plc.ask(CHECK_IN, right, cycle=1)).result == GO
        answer = await plc.ask(COMPLETE, wrong, cycle=1, evaluation=1)
    assert (answer.result, answer.reason) == (REJECTED, TraceStatus.NotStarted)
    assert not await plant.about("complete", wrong)


async def test_sequence_wraps_jumps_and_runs_backwards(plant: Plant) -> None:
    units = [await plant.unit() for _ in range(5)]
    async with handshake_plc() as plc, server(plant, plc):
        for unit, how in zip(units, ("at 65535 ask", "ask", "at 4 ask", "ask"), strict=False):
            assert (await plc.ask(CHECK_IN, unit, how=how)).result == GO
        backwards = await plc.ask(CHECK_IN, units[4], how="at 2 ask")
        assert (backwards.result, backwards.reason) == (REJECTED, TraceStatus.MalformedRequest)
        assert (await plc.ask(CHECK_IN, units[4], how="at 6 ask")).result == GO
    assert await plant.trace.last_request("mailbox:OP10") == "1.7.6"
    assert await plant.gaps() == [("handshake", 2)]


async def test_journal_that_is_down_is_busy_until_it_is_not(plant: Plant) -> None:
    unit = await plant.unit()
    async with handshake_plc() as plc, server(plant, plc) as running:
        plant.down = True
        assert await plc.do(f"quick {CHECK_IN} 0 1 {unit} - -") == "asked 1"
        await eventually(lambda: "BUSY" in running.trouble)
        assert await plc.do("wait 100") == f"timeout 1 {BUSY}"
        plant.down = False
        assert plc.answered(await plc.do("wait 4000")).result == GO
    assert len(await plant.about("start", unit)) == 1


async def test_link_lost_bypassed_cycles_are_told_and_checked_afterwards(plant: Plant) -> None:
    """Two units go through while the cable is cut. One of them was never checked in."""
    good, bad = await plant.unit(), await plant.unit()
    async with handshake_plc() as plc:
        cable = Cable(plc.port)
        listener = await cable.lay()
        async with listener, server(plant, plc, port=cable.port) as running:
            assert (await plc.ask(CHECK_IN, good, cycle=1)).result == GO
            listener.close()
            cable.cut()
            await eventually(lambda: running.trouble)
            await plc.do(f"quick {COMPLETE} 1 1 {good} - -")
            assert (await plc.do("wait 200")).startswith("timeout")
            await plc.do(f"set {STATUS} {TRACE | BYPASS | MORE_DATA}")
            async with await cable.lay(cable.port):
                assert plc.answered(await plc.do("wait 4000")).result == GO
                refused = await plc.ask(COMPLETE, bad, cycle=2, evaluation=1, how="at 14 ask")
                assert refused.result == REJECTED
                await plc.do(f"set {STATUS} {TRACE}")
                assert (await plc.ask(CHECK_IN, bad, cycle=3)).reason == TraceStatus.ItemOnHold
                await plant.wait_for("gap", 3)
    (hold,) = [r.event for r in await plant.records() if isinstance(r.event, Hold)]
    assert hold.item == f"sn:PUMP:{bad}"
    assert ("fifo", 11) in await plant.gaps()
    assert (await plant.gaps()).count(("bypass", 0)) == 2


async def test_block_that_the_controller_does_not_give_never_fires(plant: Plant) -> None:
    """The sequence is there, the end of the payload is answered with an exception."""
    unit = await plant.unit()
    async with handshake_plc() as plc, server(plant, plc) as running:
        await eventually(lambda: not running.trouble)
        await plc.do("refuse 100")
        await plc.do(f"quick {CHECK_IN} 0 1 {unit} - -")
        await eventually(lambda: "exception 4" in running.trouble.lower())
        assert (await plc.do("wait 300")).startswith("timeout")
        assert not await plant.about("start", unit)
        await plc.do("refuse -1")
        assert plc.answered(await plc.do("wait 6000")).result == GO


async def test_frozen_controller_shows_no_value_as_good(plant: Plant) -> None:
    """Its network card answers on, with the values of the moment when the program stopped."""
    async with handshake_plc() as plc, server(plant, plc, stale_after_s=1.0) as running:
        shown = running.sink.last
        await eventually(lambda: "Beats" in shown and shown["Beats"].quality is Quality.Good)
        await plc.do("beat 0")
        await eventually(lambda: "heartbeat" in running.trouble)
        await eventually(lambda: shown["Beats"].quality is Quality.LastUsableValue)
        kept = shown["Beats"].value
        await plc.do(f"set 5 {(int(str(kept)) + 1) & 0xFFFF}")  # as one last beat
        await eventually(lambda: shown["Beats"].quality is Quality.Good)
        await eventually(lambda: shown["Beats"].quality is Quality.NoCommunication)
        assert shown["Beats"].value is None or shown["Beats"].value != kept
        await plc.do("beat 1")
        await eventually(lambda: shown["Beats"].quality is Quality.Good)


async def test_part_is_built_in_once_though_the_cycle_is_begun_anew(plant: Plant) -> None:
    unit = await plant.unit()
    await plant.trace.record(Register(item="M1", material="MOTOR"), MES)
    async with handshake_plc() as plc:
        for boot in (7, 8, 9):
            await plc.do(f"boot {boot}")
            async with server(plant, plc):
                assert (await plc.ask(CHECK_IN, unit, cycle=3)).result == GO
                assert (await plc.ask(INSTALL, unit, "M1", cycle=3)).result == GO
    assert (await plant.count())["assemble"] == 1
