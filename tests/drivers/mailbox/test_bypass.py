"""A controller that runs without trace for a while, keeps what it did, and tells it afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.drivers.mailbox.conftest import Plant
from tests.support.controller import GO, REJECTED, STOP, Controller
from tests.support.waiting import eventually
from tracenode.drivers.mailbox import station
from tracenode.models.device_errors import DriverError
from tracenode.models.events import Gap, Hold
from tracenode.models.receipts import Record
from tracenode.models.status import TraceStatus

CHECK_IN, COMPLETE, LOAD = 1, 2, 6
STATUS, ACK_SEQ = 6, 68
TRACE, BYPASS, MORE_DATA = 1, 2, 64


@pytest.fixture
def plc() -> Controller:
    return Controller()


async def holds(plant: Plant) -> list[Hold]:
    return [r.event for r in await plant.records() if isinstance(r.event, Hold)]


async def test_bypass_is_recorded_once_whoever_restarts(plant: Plant, plc: Controller) -> None:
    heard: list[Gap] = []

    def hear(records: Sequence[Record]) -> None:
        heard.extend(r.event for r in records if isinstance(r.event, Gap))

    plant.trace.subscribe(hear)
    async with plant.serving(plc):
        await eventually(lambda: plc.b[4])
        plc.a[6] |= BYPASS
        await eventually(lambda: len(heard) == 1)
    async with plant.serving(plc):
        beat = plc.b[4]
        await eventually(lambda: plc.b[4] != beat)
        assert len(heard) == 1
        plc.a[6] &= ~BYPASS
        await eventually(lambda: len(heard) == 2)
    assert [gap.kind for gap in heard] == ["bypass", "bypass"]
    assert heard[0].note == "the controller runs without trace"
    assert heard[1].note == "the controller traces"


async def test_bypass_that_ends_between_two_heartbeats_is_recorded(
    plant: Plant, plc: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station, "HEARTBEAT_S", 60.0)
    unit = await plant.unit()
    async with plant.serving(plc):
        await eventually(lambda: plc.b[4])
        plc.a[STATUS] = TRACE | BYPASS
        await plc.ask(CHECK_IN, unit)
        plc.a[STATUS] = TRACE
        await plc.ask(COMPLETE, unit, evaluation=1)
        await plant.wait_for("gap", 2)
    assert await plant.gaps() == [("bypass", 0)] * 2


async def test_bypassed_unit_that_fails_its_check_is_held(plant: Plant, plc: Controller) -> None:
    good, unchecked = await plant.unit(), await plant.unit()
    plc.a[STATUS] = TRACE | BYPASS | MORE_DATA
    async with plant.serving(plc):
        assert (await plc.ask(CHECK_IN, good, cycle=1)).result == GO
        assert (await plc.ask(COMPLETE, good, cycle=1, evaluation=1)).result == GO
        answer = await plc.ask(COMPLETE, unchecked, cycle=2, evaluation=1)
        assert (answer.result, answer.reason) == (REJECTED, TraceStatus.NotStarted)
        plc.a[STATUS] = TRACE
        held = await plc.ask(CHECK_IN, unchecked, cycle=3)
    assert (held.result, held.reason) == (STOP, TraceStatus.ItemOnHold)
    (hold,) = await holds(plant)
    assert hold.item == f"sn:PUMP:{unchecked}"
    assert hold.reason.startswith("done without trace, refused afterwards: ")


async def test_bypassed_unit_whose_request_can_not_be_read_is_held(
    plant: Plant, plc: Controller
) -> None:
    unit, other = await plant.unit(), await plant.unit()
    plc.a[STATUS] = TRACE | BYPASS
    async with plant.serving(plc):
        answer = await plc.ask(COMPLETE, unit, cycle=2, evaluation=9)
        assert (answer.result, answer.reason) == (REJECTED, TraceStatus.MalformedRequest)
        plc.put(COMPLETE, other, cycle=3, evaluation=1, sequence=2)
        plc.idle()
        plc.a[-2] ^= 1  # what the check value does not vouch for may be about another unit
        plc.a[-1] = plc.sequence
        assert (await plc.wait()).result == REJECTED
        assert (await plc.ask(LOAD, position=0)).result == REJECTED
        assert (await plc.ask(COMPLETE, b"\xff", evaluation=9)).result == REJECTED
    (hold,) = await holds(plant)
    assert hold.item == f"sn:PUMP:{unit}"
    assert "evaluation: expected 1" in hold.reason


async def test_what_is_refused_with_trace_is_not_held(plant: Plant, plc: Controller) -> None:
    unit = await plant.unit()
    async with plant.serving(plc):
        assert (await plc.ask(COMPLETE, unit, evaluation=1)).result == REJECTED
    assert not await holds(plant)


@pytest.mark.parametrize("boot", [7, 8], ids=["same boot", "new boot"])
async def test_bypassed_unit_is_held_once_whoever_restarts(
    plant: Plant, plc: Controller, boot: int
) -> None:
    unit = await plant.unit()
    for _ in range(2):
        plc.a[STATUS] = TRACE | BYPASS
        async with plant.serving(plc):
            answer = await plc.ask(COMPLETE, unit, cycle=4, evaluation=1, sequence=1)
        assert answer.result == REJECTED
        plc.power_up(boot)
    assert len(await holds(plant)) == 1


async def test_hold_is_recorded_though_the_journal_fails_after_the_refusal(
    plant: Plant, plc: Controller
) -> None:
    unit = await plant.unit()
    plc.a[STATUS] = TRACE | BYPASS
    plc.put(COMPLETE, unit, cycle=4, evaluation=1)
    plant.fail_after = True
    with pytest.raises(DriverError, match="killed"):
        await plant.mailbox(plc).run()
    assert not await holds(plant)
    async with plant.serving(plc):
        assert (await plc.wait()).result == REJECTED
    assert len(await holds(plant)) == 1


async def test_bypassed_unit_that_nobody_knows_is_recorded(plant: Plant, plc: Controller) -> None:
    refused: list[str] = []

    def hear(records: Sequence[Record]) -> None:
        refused.extend(r.event.type for r in records if r.refusal is not None)

    plant.trace.subscribe(hear)
    plc.a[STATUS] = TRACE | BYPASS
    async with plant.serving(plc):
        answer = await plc.ask(CHECK_IN, "NOBODY")
        assert (answer.result, answer.reason) == (STOP, TraceStatus.UnknownItem)
        assert (await plc.ask(LOAD, "", "L9", position=1)).result == STOP
    assert refused == ["start", "hold", "load"]


# ---------------------------------------------------------------- the controller's memory
async def test_memory_is_emptied_without_a_pause(plant: Plant, plc: Controller) -> None:
    """With half a second between two looks, forty requests would take twenty."""
    units = [await plant.unit() for _ in range(40)]
    plc.a[STATUS] = TRACE | MORE_DATA
    async with plant.serving(plc, poll_ms=500):
        for unit in units:
            assert (await plc.ask(CHECK_IN, unit)).result == GO
        started = len([r for r in await plant.records() if r.event.type == "start"])
    assert started == len(units)


async def test_records_that_did_not_fit_are_counted_once(plant: Plant, plc: Controller) -> None:
    plc.a[STATUS] = TRACE | MORE_DATA
    async with plant.serving(plc):
        await plc.ask(CHECK_IN, await plant.unit())
        await plc.ask(CHECK_IN, await plant.unit(), sequence=12)
        plc.a[STATUS] = TRACE | BYPASS
        await plc.ask(CHECK_IN, await plant.unit(), sequence=15)
        plc.b[ACK_SEQ] = 0
    async with plant.serving(plc):
        await plc.wait()
        plc.a[STATUS] = TRACE
        await plc.ask(CHECK_IN, await plant.unit(), sequence=17)
    found = [each for each in await plant.gaps() if each[0] != "bypass"]
    assert found == [("fifo", 10), ("fifo", 2), ("handshake", 1)]
