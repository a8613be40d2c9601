"""Either side dies at any step: one effect, and the answer that belongs to it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from tests.drivers.mailbox.conftest import MES, Plant
from tests.support.controller import GO, STOP, Answered, Controller
from tests.support.waiting import eventually
from tracenode.models.device_errors import DriverError, LinkLost
from tracenode.models.events import Receive
from tracenode.models.status import TraceStatus
from tracenode.server.trace import Trace

CHECK_IN, COMPLETE, INSTALL, CONSUME = 1, 2, 3, 14


class KilledAt:
    """Dies at the k-th operation on the registers; `done`: when it has had its effect."""

    def __init__(self, plc: Controller, k: int, *, done: bool) -> None:
        self.left = k
        hook = "after" if done else "before"
        setattr(plc, hook, self)

    def __call__(self, operation: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise LinkLost("PLC1", f"killed at {operation}")


async def one_life(plant: Plant, plc: Controller) -> None:
    """Run one server until it dies, or until it has answered."""
    task = asyncio.create_task(plant.mailbox(plc).run())
    await eventually(lambda: task.done() or plc.answer)
    task.cancel()
    with suppress(DriverError, asyncio.CancelledError):
        await task


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_server_killed_at_every_step_books_once_and_answers_alike(
    plant: Plant, *, done: bool
) -> None:
    plc = Controller()
    died = 0
    for k in range(1, 100):
        unit = await plant.unit()
        plc.b[68] = 0
        plc.put(CHECK_IN, unit, cycle=k)
        kill = KilledAt(plc, k, done=done)
        await one_life(plant, plc)
        if kill.left > 0:
            break
        died += 1
        acknowledged = plc.answer
        plc.before = plc.after = lambda operation: None
        async with plant.serving(plc):
            answer = await plc.wait()
        if acknowledged is not None:
            assert answer == acknowledged
        (start,) = await plant.about("start", unit)
        assert (answer.result, answer.transaction) == (GO, start.position)
    assert died >= 10
    assert not (await plant.count())["gap"]


async def test_server_killed_between_commit_and_answer_gives_the_stored_answer(
    plant: Plant,
) -> None:
    plc = Controller()
    unit = await plant.unit()
    plant.fail_after = True
    plc.put(CHECK_IN, unit)
    with pytest.raises(DriverError, match="killed"):
        await plant.mailbox(plc).run()
    assert plc.answer is None
    (start,) = await plant.about("start", unit)
    async with plant.serving(plc):
        answer = await plc.wait()
    assert (answer.result, answer.transaction) == (GO, start.position)
    assert len(await plant.about("start", unit)) == 1


async def test_refusal_replays_as_itself_though_the_reason_is_gone(plant: Plant) -> None:
    plc = Controller()
    async with plant.serving(plc):
        refused = await plc.ask(CHECK_IN, "P000001")
        assert (refused.result, refused.reason) == (STOP, TraceStatus.UnknownItem)
    assert await plant.unit() == "P000001"
    plc.b[:] = [0] * 69
    async with plant.serving(plc):
        assert await plc.wait() == refused
        assert (await plc.ask(CHECK_IN, "P000001")).result == GO


async def test_journal_reopened_knows_what_was_answered(tmp_path: Path) -> None:
    plc = Controller()
    answers: list[Answered] = []
    unit = ""
    for life in range(2):
        trace = Trace.open(tmp_path / "trace.db", site="TEST", create=True)
        plant = Plant(trace)
        if not life:
            await plant.trace.record(Receive(item="L0", material="X"), MES)
            unit = "UNKNOWN"
            plc.put(CHECK_IN, unit, sequence=17)
        plc.b[:] = [0] * 69
        try:
            async with plant.serving(plc):
                answers.append(await plc.wait())
        finally:
            await trace.aclose()
    assert answers[0] == answers[1]


# ---------------------------------------------------------------- the controller restarts
async def test_cycle_repeated_after_a_restart_is_booked_once(plant: Plant) -> None:
    """Power is back: the controller begins its cycle anew, under a new boot id, the server too.
    Its clock is not set yet, so the time is not valid any more."""
    plc = Controller()
    unit = await plant.unit()
    await plant.trace.record(Receive(item="L1", material="SEAL"), MES)

    async def cycle() -> list[Answered]:
        answers = [await plc.ask(CHECK_IN, unit, cycle=4, seconds=1_750_000_000)]
        for _ in range(2):
            answers.append(await plc.ask(CONSUME, unit, "L1", cycle=4, seconds=1_750_000_010))
        return answers

    plc.a[6] |= 16  # TimeValid
    async with plant.serving(plc):
        first = await cycle()
    plc.power_up(boot=8)
    async with plant.serving(plc):
        second = await cycle()
        assert (await plc.ask(COMPLETE, unit, cycle=4, evaluation=1)).result == GO
    assert [a.transaction for a in first] == [a.transaction for a in second]
    assert {a.result for a in (*first, *second)} == {GO}
    count = await plant.count()
    assert (count["start"], count["consume"], count["complete"]) == (1, 2, 1)


async def test_next_cycle_after_a_restart_is_a_new_booking(plant: Plant) -> None:
    plc = Controller()
    unit = await plant.unit()
    async with plant.serving(plc):
        await plc.ask(CHECK_IN, unit, cycle=4)
        await plc.ask(COMPLETE, unit, cycle=4, evaluation=2)
        plc.power_up(boot=8)
        assert (await plc.ask(CHECK_IN, unit, cycle=5)).result == GO
    assert len(await plant.about("start", unit)) == 2


async def test_controller_that_lost_its_boot_id_is_not_taken_for_its_past(plant: Plant) -> None:
    plc = Controller(boot=1)
    for boot in (2, 1):
        async with plant.serving(plc):
            assert (await plc.ask(CHECK_IN, await plant.unit())).result == GO
        plc.power_up(boot=boot)
    async with plant.serving(plc):
        answer = await plc.ask(CHECK_IN, await plant.unit())
    assert answer.result == GO, answer.text


async def test_restart_under_the_same_sequence_is_seen_by_its_boot_id(plant: Plant) -> None:
    plc = Controller()
    async with plant.serving(plc):
        assert (await plc.ask(CHECK_IN, await plant.unit())).sequence == 1
        plc.power_up(boot=8)
        assert (await plc.ask(CHECK_IN, await plant.unit())).boot == 8


async def test_controller_without_boot_id_starts_afresh_when_it_counts_backwards(
    plant: Plant,
) -> None:
    plc = Controller(boot=0)
    async with plant.serving(plc):
        unit = await plant.unit()
        for _ in range(3):
            await plc.ask(CHECK_IN, unit, cycle=1)
        await plc.ask(COMPLETE, unit, cycle=1, evaluation=1)
        plc.power_up()
        again = await plc.ask(COMPLETE, unit, cycle=1, evaluation=1)
        assert again.result == GO, again.text
    assert len(await plant.about("complete", unit)) == 1


async def test_acknowledgement_that_does_not_stick_is_told_and_given_again(plant: Plant) -> None:
    plc = Controller()
    unit = await plant.unit()

    def lose(operation: str) -> None:
        if operation == "write_b" and plc.b[68]:
            plc.b[68] = 0

    plc.after = lose
    plc.put(CHECK_IN, unit)
    with pytest.raises(DriverError, match="AckSeq 1 at B\\+68"):
        await plant.mailbox(plc).run()
    plc.after = lambda operation: None
    async with plant.serving(plc):
        assert (await plc.wait()).result == GO
    assert len(await plant.about("start", unit)) == 1


async def test_request_is_not_served_again_while_it_stands(plant: Plant) -> None:
    plc = Controller()
    async with plant.serving(plc) as mailbox:
        await plc.ask(CHECK_IN, await plant.unit())
        reads = plc.reads
        await eventually(lambda: plc.reads >= reads + 20)
        assert mailbox.stats.answered == 1
