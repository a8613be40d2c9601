"""The whole way over TCP: a controller in C on libmodbus, the guarded link, the poller of the same
device beside the mailbox, the supervisor, the real journal."""

from __future__ import annotations

import asyncio

import pytest

from tests.drivers.mailbox.conftest import Plant
from tests.drivers.mailbox.served import BASE_B, server
from tests.support.cable import Cable
from tests.support.controller import GO, REJECTED, STOP
from tests.support.handshake_plc import handshake_plc
from tests.support.waiting import eventually
from tracenode.drivers.mailbox.layout import Code, Layout, Request
from tracenode.models.events import Register
from tracenode.models.receipts import Requester
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.integration

CHECK_IN, COMPLETE, INSTALL = 1, 2, 3


async def motor(plant: Plant, number: str) -> None:
    event = Register(item=number, material="MOTOR")
    assert not (await plant.trace.record(event, Requester("mes"))).refused


async def test_unit_is_built_while_the_poller_polls(plant: Plant) -> None:
    unit = await plant.unit()
    await motor(plant, "M1")
    async with handshake_plc() as plc, server(plant, plc) as running:
        results = [
            (await plc.ask(CHECK_IN, unit, cycle=1)).result,
            (await plc.ask(INSTALL, unit, "M1", cycle=1)).result,
            (await plc.ask(COMPLETE, unit, cycle=1, evaluation=1)).result,
        ]
        first = running.sink.last["Beats"].value
        await eventually(lambda: running.sink.last["Beats"].value != first)
        assert running.trouble == ""
    assert results == [GO, GO, GO]
    count = await plant.count()
    assert (count["start"], count["assemble"], count["complete"]) == (1, 1, 1)


async def test_both_sides_write_the_same_registers(plant: Plant) -> None:
    async with handshake_plc() as plc:
        await plc.do("quick 2 1 77 P1 - -")
        words = await plc.registers(0, 135)
    layout = Layout(2)
    layout.identify(words, 10)
    request = Request(Code.CompleteItem, evaluation=1, cycle=77, id1="P1")
    assert layout.read(words) == request
    assert words[9:-1] == layout.payload(request)


async def test_controller_with_swapped_words_is_named_then_served_when_told(plant: Plant) -> None:
    unit = await plant.unit()
    async with handshake_plc(flags="w") as plc:
        async with server(plant, plc) as running:
            await eventually(lambda: "words are swapped" in running.trouble)
            await eventually(lambda: "Beats" in running.sink.last)  # readings go on
        async with server(plant, plc, low_word_first=True):
            answer = await plc.ask(CHECK_IN, unit)
    (start,) = await plant.about("start", unit)
    assert (answer.result, answer.transaction) == (GO, start.position)


async def test_controller_that_powers_up_is_waited_for(plant: Plant) -> None:
    unit = await plant.unit()
    async with handshake_plc() as plc, server(plant, plc) as running:
        assert (await plc.ask(CHECK_IN, unit)).result == GO
        await plc.send("memory 8")
        await eventually(lambda: "not a handshake area yet" in running.trouble)
        assert await plc.line() == "done"
        answer = await plc.ask(CHECK_IN, unit)
        assert (answer.result, answer.boot) == (GO, 8)
        await eventually(lambda: running.trouble == "")


async def test_restart_of_the_controller_books_the_cycle_once(plant: Plant) -> None:
    unit = await plant.unit()
    await motor(plant, "M1")
    async with handshake_plc() as plc:
        async with server(plant, plc):
            await plc.ask(CHECK_IN, unit, cycle=3)
            first = await plc.ask(INSTALL, unit, "M1", cycle=3)
        await plc.do("boot 8")
        async with server(plant, plc):
            await plc.ask(CHECK_IN, unit, cycle=3)
            again = await plc.ask(INSTALL, unit, "M1", cycle=3)
    assert (first.result, again.result) == (GO, GO)
    assert again.transaction == first.transaction
    count = await plant.count()
    assert (count["start"], count["assemble"]) == (1, 1)


async def test_lost_answer_is_given_again(plant: Plant) -> None:
    unit = await plant.unit()
    async with handshake_plc() as plc, server(plant, plc):
        first = await plc.ask(CHECK_IN, unit)
        again = plc.answered(await plc.do("again"))
    assert again == first
    assert len(await plant.about("start", unit)) == 1


async def test_request_that_waits_for_the_server_is_answered(plant: Plant) -> None:
    unit = await plant.unit()
    async with handshake_plc() as plc:
        assert await plc.do(f"quick 1 0 1 {unit} - -") == "asked 1"
        assert (await plc.do("wait 200")).startswith("timeout 1")
        async with server(plant, plc):
            assert (plc.answered(await plc.do("wait 4000"))).result == GO


async def test_payload_whose_head_comes_late_is_read_when_it_is_there(plant: Plant) -> None:
    unit = await plant.unit()
    async with handshake_plc() as plc, server(plant, plc):
        assert (await plc.ask(CHECK_IN, unit, how="head")).result == GO


async def test_faults_of_the_program_are_rejected_in_words(plant: Plant) -> None:
    unit = await plant.unit()
    async with handshake_plc(flags="c") as plc, server(plant, plc):
        answer = await plc.ask(CHECK_IN, unit)
        assert (answer.result, answer.reason) == (REJECTED, TraceStatus.MalformedRequest)
        assert answer.text.startswith("CRC: expected 0x")
    async with handshake_plc(boot=8, flags="c") as plc, server(plant, plc, crc=False):
        assert (await plc.ask(CHECK_IN, unit)).result == GO
        for text in ("-", "NOREAD", "P\\x00\\x00", "P\\xe4"):
            answer = await plc.ask(CHECK_IN, text)
            assert (answer.result, answer.reason) == (REJECTED, TraceStatus.InvalidIdentifier)
        assert (await plc.ask(CHECK_IN, "NOBODY")).result == STOP


async def test_wrong_station_and_frozen_heartbeat_are_told(plant: Plant) -> None:
    async with handshake_plc(station=11) as plc:
        async with server(plant, plc) as running:
            await eventually(lambda: "expected station number 10" in running.trouble)
        assert await plc.registers(BASE_B, 69) == [0] * 69
        async with server(plant, plc, station_number=11) as running:
            await eventually(lambda: running.trouble == "")
            await plc.do("beat 0")
            await eventually(lambda: "heartbeat" in running.trouble)
            await plc.do("beat 1")
            await eventually(lambda: running.trouble == "")


async def test_cable_cut_again_and_again_leaves_one_effect_of_each(plant: Plant) -> None:
    units = [await plant.unit() for _ in range(8)]
    async with handshake_plc() as plc:
        cable = Cable(plc.port)
        async with await cable.lay(), server(plant, plc, port=cable.port):
            for cycle, unit in enumerate(units, 1):
                asked = asyncio.ensure_future(plc.ask(CHECK_IN, unit, cycle=cycle))
                for pause in (0.01, 0.06, 0.11):
                    await asyncio.sleep(pause)
                    cable.cut()
                answer = await asked
                (start,) = await plant.about("start", unit)
                assert (answer.result, answer.transaction) == (GO, start.position)
                done = await plc.ask(COMPLETE, unit, cycle=cycle, evaluation=1)
                assert done.result == GO
    assert cable.cuts >= len(units)
    assert not (await plant.count())["gap"]
