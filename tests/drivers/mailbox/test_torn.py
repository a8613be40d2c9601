"""Blocks that change while they are read, or on the way: nothing is booked that nobody asked."""

from __future__ import annotations

import pytest

from tests.drivers.mailbox.conftest import Plant
from tests.support.controller import GO, Controller
from tests.support.waiting import eventually

CHECK_IN = 1


@pytest.fixture
def plc() -> Controller:
    return Controller()


async def test_torn_payload_is_never_booked(plant: Plant, plc: Controller) -> None:
    """The controller begins the next request while the server reads the last one."""
    first, second = await plant.unit(), await plant.unit()
    plc.put(CHECK_IN, first)
    torn = plc.payload(CHECK_IN, second)
    tears = 0

    def begin_the_next() -> None:
        nonlocal tears
        if tears < 5:
            tears += 1
            plc.a[8] = 2
            plc.a[9:-1] = torn

    plc.between = begin_the_next
    async with plant.serving(plc) as mailbox:
        await eventually(lambda: tears)
        assert plc.answer is None
        plant.ahead = 3.0
        await eventually(lambda: "ReqSeqHead (A+8) is 2, ReqSeq (A+134) 1" in mailbox.trouble)
        plc.a[-1] = plc.sequence = 2
        assert (await plc.wait()).result == GO
        assert not mailbox.trouble
    assert not await plant.about("start", first)
    assert len(await plant.about("start", second)) == 1


async def test_block_that_is_read_wrong_once_is_read_again(plant: Plant, plc: Controller) -> None:
    unit = await plant.unit()
    wrong: list[str] = []

    def flip(operation: str) -> None:
        """What is read next is wrong, and right after that."""
        if operation == "read_a" and plc.a[-1] and not wrong:
            plc.a[30] ^= 1
            wrong.append(operation)
        elif wrong == ["read_a"] and operation == "read_a":
            plc.a[30] ^= 1
            wrong.append("mended")

    async with plant.serving(plc):
        plc.after = flip
        assert (await plc.ask(CHECK_IN, unit)).result == GO
    assert len(wrong) == 2
    assert not (await plant.count())["reject"]


async def test_payload_that_never_stands_still_is_told(plant: Plant, plc: Controller) -> None:
    unit = await plant.unit()

    def count(operation: str) -> None:
        """The program writes its clock into the payload, and its check value no more."""
        plc.a[5] ^= 1
        if plc.a[-1]:
            plc.a[16] = (plc.a[16] + 1) % 1000

    async with plant.serving(plc) as mailbox:
        plc.after = count
        plc.put(CHECK_IN, unit)
        await eventually(lambda: plc.reads > 20)
        assert mailbox.trouble == ""
        plant.ahead = 3.0
        await eventually(lambda: "the payload (from A+9) changes" in mailbox.trouble)
        assert plc.answer is None
        plc.after = lambda operation: None
        plc.put(CHECK_IN, unit)
        await eventually(lambda: plc.answer)
        assert plc.written.result == GO
