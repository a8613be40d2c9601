"""A reader that is cancelled stops, whatever else happens in that turn of the loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.support.modbus_faults import fault_server
from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.endpoint import parse_endpoint
from tracenode.drivers.modbus.guard import Link
from tracenode.drivers.together import together
from tracenode.models.device_errors import DriverError, LinkLost


async def test_cancellation_that_meets_the_answer_is_not_forgotten() -> None:
    async with fault_server() as server:
        link = Link(parse_endpoint(f"tcp://127.0.0.1:{server.port}"))
        async with link:
            for turns in range(120):
                task = asyncio.create_task(link.read(1, Space.Holding, 0, 2))
                for _ in range(turns % 40):
                    await asyncio.sleep(0)
                if task.cancel():
                    await asyncio.wait([task])
                    assert task.cancelled()
            assert await link.read(1, Space.Holding, 0, 2)


async def loses_its_link(after: asyncio.Event) -> None:
    await after.wait()
    raise LinkLost("line", "gone")


async def waits_for_ever() -> None:
    await asyncio.Event().wait()


async def fails_when_cancelled() -> None:
    try:
        await waits_for_ever()
    finally:
        raise LinkLost("line", "gone")


async def test_error_of_one_part_ends_the_others_and_is_plain() -> None:
    gone = asyncio.Event()
    gone.set()
    with pytest.raises(LinkLost, match="gone"):
        await together(waits_for_ever(), loses_its_link(gone))


async def test_fault_of_the_program_goes_before_a_lost_link() -> None:
    gone = asyncio.Event()

    async def faulty() -> None:
        gone.set()
        try:
            await waits_for_ever()
        finally:
            raise KeyError("fault")

    with pytest.raises(KeyError):
        await together(loses_its_link(gone), faulty())


async def test_cancellation_goes_before_an_error_met_on_the_way_out() -> None:
    async def goes_on() -> None:
        while True:
            with suppress(DriverError):
                await together(fails_when_cancelled())

    task = asyncio.create_task(goes_on())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(2):
        await asyncio.wait([task])
    assert task.cancelled()
