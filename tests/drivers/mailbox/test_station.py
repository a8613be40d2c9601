"""The state machine against a controller's half of its own and the real journal."""

from __future__ import annotations

import pytest

from tests.drivers.mailbox.conftest import MES, Plant
from tests.support.controller import BUSY, GO, REJECTED, STOP, Controller
from tests.support.waiting import eventually
from tracenode.drivers.mailbox.layout import Layout
from tracenode.models.device_errors import BadTelegram
from tracenode.models.events import Gap, Hold, Receive, Register, Reject, Start
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Requester
from tracenode.models.status import TraceStatus

CHECK_IN, COMPLETE, INSTALL, REMOVE, REPLACE = 1, 2, 3, 4, 5
LOAD, UNLOAD, REGISTER, DISPOSITION, CONSUME = 6, 7, 8, 9, 14


@pytest.fixture
def plc() -> Controller:
    return Controller()


async def test_unit_goes_through_the_station(plant: Plant, plc: Controller) -> None:
    unit = await plant.unit()
    motor = Register(item="M1", material="MOTOR")
    await plant.trace.record(motor, MES)
    async with plant.serving(plc):
        checked = await plc.ask(CHECK_IN, unit, cycle=1)
        installed = await plc.ask(INSTALL, unit, "M1", cycle=1, position=2)
        done = await plc.ask(COMPLETE, unit, cycle=1, evaluation=1, measured=[(1, 1, 4.7)])
    assert [a.result for a in (checked, installed, done)] == [GO, GO, GO]
    assert checked.assigned == f"sn:PUMP:{unit}"
    (start,), (complete,) = (
        await plant.about("start", unit),
        await plant.about("complete", unit),
    )
    assert (start.position, complete.position) == (checked.transaction, done.transaction)
    assert start.requester == "mailbox:OP10"
    assert start.event.device == "PLC1"
    (assemble,) = [r.event for r in await plant.records() if r.event.type == "assemble"]
    assert assemble.type == "assemble"
    assert (assemble.part, assemble.position) == ("sn:MOTOR:M1", "right")
    assert complete.event.type == "complete"
    assert [(m.name, m.value) for m in complete.event.measurements] == [("Torque", 4.7)]


async def test_server_presents_itself_and_its_epoch_is_new(plant: Plant, plc: Controller) -> None:
    epochs = []
    for _ in range(2):
        async with plant.serving(plc):
            await eventually(lambda: plc.b[0])
            await eventually(lambda: plc.b[4] > 1)
        assert plc.b[0:4] == [0x5452, 0x0100, 0x0102, 0x0304]
        assert plc.b[5] == 3  # Online, Durable
        epochs.append(plc.b[6])
        plc.b[0] = plc.b[4] = 0
    assert epochs[0] != epochs[1]
    assert all(epochs)


async def test_controller_that_lost_its_memory_finds_the_header_again(
    plant: Plant, plc: Controller
) -> None:
    async with plant.serving(plc):
        await eventually(lambda: plc.b[0])
        plc.power_up(boot=8)
        assert plc.b[0] == 0
        await eventually(lambda: plc.b[0] == 0x5452)


# ---------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", TraceStatus.InvalidIdentifier),
        ("NOREAD", TraceStatus.InvalidIdentifier),
        ("P000001\0\0\0", TraceStatus.InvalidIdentifier),
        (b"P\xc4000001", TraceStatus.InvalidIdentifier),
        ("UNHEARD-OF", TraceStatus.UnknownItem),
    ],
)
async def test_unusable_id_is_rejected_and_recorded(
    plant: Plant, plc: Controller, text: str | bytes, status: TraceStatus
) -> None:
    before = plant.trace.head.seq
    async with plant.serving(plc):
        answer = await plc.ask(CHECK_IN, text)
    expected = REJECTED if status is TraceStatus.InvalidIdentifier else STOP
    assert (answer.result, answer.reason) == (expected, status)
    assert answer.text
    assert plant.trace.head.seq == before + 1 == answer.transaction
    assert not (await plant.count())["start"]


async def test_over_long_id_is_rejected_with_its_bytes_recorded(
    plant: Plant, plc: Controller
) -> None:
    plc.put(CHECK_IN, "P000001")
    plc.a[-1] = 0
    plc.a[25] = 65
    plc.a[-2] = 0
    async with plant.serving(plc, Layout(2, crc=False)):
        plc.a[-1] = plc.sequence
        answer = await plc.wait()
    assert (answer.result, answer.reason) == (REJECTED, TraceStatus.MalformedRequest)
    assert "Id1 length" in answer.text
    (record,) = [r for r in await plant.records() if isinstance(r.event, Reject)]
    assert isinstance(record.event, Reject)
    assert b"P000001" in bytes.fromhex(record.event.raw)
    assert record.position == answer.transaction


async def test_wrong_check_value_is_rejected_and_never_a_go_when_mended(
    plant: Plant, plc: Controller
) -> None:
    unit = await plant.unit()
    async with plant.serving(plc):
        plc.put(CHECK_IN, unit)
        right = plc.a[-2]
        plc.idle()
        plc.a[-2] ^= 1
        plc.a[-1] = plc.sequence
        answer = await plc.wait()
        assert (answer.result, answer.reason) == (REJECTED, TraceStatus.MalformedRequest)
        assert "CRC" in answer.text
        assert f"0x{right:04X}" in answer.text

    plc.a[-2] = right
    plc.b[68] = 0
    async with plant.serving(plc):
        again = await plc.wait()
        assert (again.result, again.reason) == (REJECTED, TraceStatus.RequestConflict)
        assert (await plc.ask(CHECK_IN, unit)).result == GO


async def test_same_request_with_another_payload_is_a_conflict(
    plant: Plant, plc: Controller
) -> None:
    first, second = await plant.unit(), await plant.unit()
    async with plant.serving(plc):
        assert (await plc.ask(CHECK_IN, first)).result == GO
        await plc.idle_until_seen()
        answer = await plc.ask(CHECK_IN, second, sequence=1)
        assert (answer.result, answer.reason) == (REJECTED, TraceStatus.RequestConflict)
        await plc.idle_until_seen()
        assert (await plc.ask(CHECK_IN, first, sequence=1)).result == GO
    assert not await plant.about("start", second)


async def test_wrong_part_in_nest_is_rejected(plant: Plant, plc: Controller) -> None:
    unit, other = await plant.unit(), await plant.unit()
    async with plant.serving(plc):
        await plc.ask(CHECK_IN, unit)
        answer = await plc.ask(COMPLETE, other, evaluation=1)
        assert (answer.result, answer.reason) == (REJECTED, TraceStatus.NotStarted)
        assert (await plc.ask(COMPLETE, unit, evaluation=1)).result == GO


async def test_second_check_in_while_open_has_no_second_effect(
    plant: Plant, plc: Controller
) -> None:
    unit = await plant.unit()
    async with plant.serving(plc):
        assert [(await plc.ask(CHECK_IN, unit)).result for _ in range(2)] == [GO, GO]
        assert len(await plant.about("start", unit)) == 1
        await plc.ask(COMPLETE, unit, evaluation=2, reason=1)
        assert (await plc.ask(CHECK_IN, unit)).result == GO
    assert len(await plant.about("start", unit)) == 2


async def test_serial_active_elsewhere_is_stopped(plant: Plant, plc: Controller) -> None:
    unit = await plant.unit()
    await plant.trace.record(Start(station="OP20", item=unit), Requester("mailbox:OP20"))
    async with plant.serving(plc):
        answer = await plc.ask(CHECK_IN, unit)
    assert (answer.result, answer.reason) == (STOP, TraceStatus.DuplicateIdentifier)


async def test_held_unit_is_stopped(plant: Plant, plc: Controller) -> None:
    unit = await plant.unit()
    await plant.trace.record(Hold(item=unit, reason="crack"), MES)
    async with plant.serving(plc):
        answer = await plc.ask(CHECK_IN, unit)
    assert (answer.result, answer.reason) == (STOP, TraceStatus.ItemOnHold)


async def test_lot_is_mounted_on_a_slot_and_comes_off(plant: Plant, plc: Controller) -> None:
    lot = Receive(item="L1", material="SEAL", quantity=Quantity.model_validate("10 H87"))
    await plant.trace.record(lot, MES)
    async with plant.serving(plc):
        loaded = await plc.ask(LOAD, "", "L1", position=2, quantity=55, scale=1, unit="H87")
        nowhere = await plc.ask(LOAD, "", "L1")
        unknown = await plc.ask(LOAD, "", "L2", position=2)
        off = await plc.ask(UNLOAD, position=2, quantity=4, unit="H87")
        empty = await plc.ask(UNLOAD, position=2)
    assert (loaded.result, loaded.assigned) == (GO, "lot:SEAL:L1")
    assert (nowhere.result, nowhere.reason) == (REJECTED, TraceStatus.MalformedRequest)
    assert (unknown.result, unknown.reason) == (STOP, TraceStatus.UnknownItem)
    assert (off.result, off.assigned) == (GO, "lot:SEAL:L1")
    assert (empty.result, empty.reason) == (STOP, TraceStatus.MaterialEmpty)
    load, unload = [r.event for r in await plant.records() if r.event.type in ("load", "unload")]
    assert load.type == "load" and unload.type == "unload"
    assert (load.slot, str(load.quantity)) == ("right", "5.5 H87")
    assert (unload.slot, str(unload.remaining)) == ("right", "4 H87")


async def test_request_code_that_there_is_not_is_rejected(plant: Plant, plc: Controller) -> None:
    async with plant.serving(plc):
        for code in (0, 16, 65535):
            answer = await plc.ask(code, "X")
            assert (answer.result, answer.reason) == (REJECTED, TraceStatus.MalformedRequest)
            assert "request code" in answer.text


async def test_registered_unit_gets_its_public_id(plant: Plant, plc: Controller) -> None:
    async with plant.serving(plc):
        answer = await plc.ask(REGISTER, "MOTOR", "", "M77")
        assert (answer.result, answer.assigned) == (GO, "sn:MOTOR:M77")
        assert (await plc.ask(CHECK_IN, answer.assigned)).result == GO


# ---------------------------------------------------------------- stale, out of order
async def test_frozen_heartbeat_is_told_and_the_request_still_served(
    plant: Plant, plc: Controller
) -> None:
    unit = await plant.unit()
    async with plant.serving(plc) as mailbox:
        await eventually(lambda: plc.b[4])
        assert mailbox.trouble == ""
        plant.ahead = 2.0
        await eventually(lambda: "heartbeat" in mailbox.trouble)
        assert (await plc.ask(CHECK_IN, unit)).result == GO
        plc.a[5] += 1
        await eventually(lambda: mailbox.trouble == "")


async def test_jump_of_the_sequence_is_a_gap_once(plant: Plant, plc: Controller) -> None:
    async with plant.serving(plc):
        await plc.ask(CHECK_IN, await plant.unit())
        await plc.ask(CHECK_IN, await plant.unit(), sequence=5)
        await plc.ask(0, sequence=7)
    plc.b[68] = 0
    async with plant.serving(plc):
        await plc.wait()
    gaps = [r.event for r in await plant.records() if isinstance(r.event, Gap)]
    assert [(g.kind, g.expected, g.found, g.missing) for g in gaps] == [
        ("handshake", 2, 5, 3),
        ("handshake", 6, 7, 1),
    ]


async def test_sequence_that_wraps_goes_on(plant: Plant, plc: Controller) -> None:
    async with plant.serving(plc):
        await plc.ask(CHECK_IN, await plant.unit(), sequence=65535)
        assert (await plc.ask(CHECK_IN, await plant.unit())).result == GO
    assert plc.sequence == 1
    assert not (await plant.count())["gap"]
    assert await plant.trace.last_request("mailbox:OP10") == "1.7.1"


async def test_backward_sequence_is_rejected_and_the_order_kept(
    plant: Plant, plc: Controller
) -> None:
    async with plant.serving(plc):
        await plc.ask(CHECK_IN, await plant.unit(), sequence=9)
        unit = await plant.unit()
        answer = await plc.ask(CHECK_IN, unit, sequence=5)
        assert (answer.result, answer.reason) == (REJECTED, TraceStatus.MalformedRequest)
        assert "expected 10" in answer.text
        assert (await plc.ask(CHECK_IN, unit, sequence=10)).result == GO
    assert not (await plant.count())["gap"]
    assert (await plant.count())["reject"] == 1


# ---------------------------------------------------------------- what is no mailbox
async def refusal(plant: Plant, plc: Controller, number: int = 10) -> str:
    with pytest.raises(BadTelegram) as caught:
        await plant.mailbox(plc, number=number).run()
    assert plc.b == [0] * 69  # nothing is written where no mailbox is
    return str(caught.value)


async def test_foreign_registers_are_named_in_words(plant: Plant, plc: Controller) -> None:
    plc.a[0] = 0x1234
    assert await refusal(plant, plc) == "expected magic 0x5452 at A+0, found 0x1234"
    plc.a[0:9] = [0] * 9
    assert "not a handshake area yet" in await refusal(plant, plc)
    plc.power_up()
    plc.a[1] = 0x0200
    assert "layout version 1" in await refusal(plant, plc)
    plc.power_up()
    plc.a[2:4] = [0x0304, 0x0102]
    assert "words are swapped" in await refusal(plant, plc)
    plc.a[2:4] = [0x0201, 0x0403]
    assert "bytes are swapped" in await refusal(plant, plc)
    plc.power_up()
    assert "station number 11" in await refusal(plant, plc, number=11)


# ---------------------------------------------------------------- busy
async def test_journal_that_is_down_is_busy_and_then_a_go(plant: Plant, plc: Controller) -> None:
    unit = await plant.unit()
    async with plant.serving(plc) as mailbox:
        await eventually(lambda: plc.b[5] == 3)
        plant.down = True
        plc.put(CHECK_IN, unit)
        await eventually(lambda: plc.written.result == BUSY)
        assert plc.answer is None
        assert plc.written.boot == plc.boot
        assert "BUSY" in mailbox.trouble
        await eventually(lambda: plc.b[5] == 1)
        beat = plc.b[4]
        await eventually(lambda: plc.b[4] != beat)  # busy is not dead
        plant.down = False
        assert (await plc.wait()).result == GO
        await eventually(lambda: plc.b[5] == 3)
    assert len(await plant.about("start", unit)) == 1


async def test_request_withdrawn_while_busy_is_not_booked(plant: Plant, plc: Controller) -> None:
    unit, other = await plant.unit(), await plant.unit()
    async with plant.serving(plc):
        plant.down = True
        plc.put(CHECK_IN, unit)
        await eventually(lambda: plc.written.result == BUSY)
        plc.idle()
        plant.down = False
        assert (await plc.ask(CHECK_IN, other)).result == GO
    assert not await plant.about("start", unit)


async def test_answer_that_stands_is_not_spoilt_by_busy(plant: Plant, plc: Controller) -> None:
    unit = await plant.unit()
    async with plant.serving(plc):
        answer = await plc.ask(CHECK_IN, unit)
    plant.down = True
    async with plant.serving(plc) as mailbox:
        await eventually(lambda: mailbox.stats.busy)
        assert plc.answer == answer


# ---------------------------------------------------------------- alike
async def test_lot_consumed_twice_in_one_cycle_is_two_consumptions(
    plant: Plant, plc: Controller
) -> None:
    unit = await plant.unit()
    await plant.trace.record(Receive(item="L1", material="SEAL"), MES)
    async with plant.serving(plc):
        await plc.ask(CHECK_IN, unit, cycle=1)
        for _ in range(2):
            assert (await plc.ask(CONSUME, unit, "L1", cycle=1)).result == GO
    assert (await plant.count())["consume"] == 2
