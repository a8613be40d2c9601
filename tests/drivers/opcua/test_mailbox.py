"""The handshake over two arrays at a controller's own OPC UA server: node-opcua, a real journal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.opcua.plc import Plc
from tests.drivers.opcua.test_source import Shown, supervised
from tests.support.controller import GO, REJECTED, Answered, Controller
from tests.support.waiting import eventually
from tracenode.drivers.mailbox.device import MailboxDevice
from tracenode.drivers.opcua.configured import configured_opcua
from tracenode.models.config import DeviceConfig, StationConfig
from tracenode.models.events import Master, Register
from tracenode.models.readings import Quality
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

pytestmark = pytest.mark.integration

STATION = StationConfig(id="OP10", path="Plant1/Line1")
CHECK_IN, COMPLETE = 1, 2
SIZE_A, SIZE_B = 135, 69
RESTARTED_WITHIN = 30.0


class NodePlc:
    """The controller's program: what it has in memory goes to its nodes, payload first."""

    def __init__(self, plc: Plc) -> None:
        self.plc = plc
        self.program = Controller(station=10, boot=7, n=2)

    async def begin(self) -> None:
        await self.plc.do("add", "A", "UInt16[]", self.program.a)
        await self.plc.do("add", "B", "UInt16[]", [0] * SIZE_B)

    async def put(self, code: int, unit: str, **more: Any) -> None:
        self.program.put(code, unit, **more)
        a = self.program.a
        await self.plc.do("words", "A", 0, a[:-1])
        await self.plc.do("words", "A", SIZE_A - 1, a[-1:])

    async def answer(self, within: float = 10.0) -> Answered:
        async with asyncio.timeout(within):
            while self.program.answer is None:
                self.program.b[:] = await self.plc.do("read", "B")
        return self.program.written

    async def ask(self, code: int, unit: str, **more: Any) -> Answered:
        await self.put(code, unit, **more)
        return await self.answer()


@pytest.fixture
async def trace(tmp_path: Path) -> AsyncIterator[Trace]:
    with Trace.open(tmp_path / "trace.db", site="Plant1", create=True) as opened:
        master = Master(kind="material", key="PUMP", data={"kind": "unit"})
        for event in (master, Register(item="P1", material="PUMP")):
            assert not (await opened.record(event, Requester("mes"))).refused
        yield opened


def driver(plc: Plc, trace: Trace, *, stale_after_s: float = 10.0, **keys: Any) -> MailboxDevice:
    mailbox = {
        "station_number": 10,
        "area_a": "nsu=urn:tests:program;s=A",
        "area_b": "nsu=urn:tests:program;s=B",
        "measurements": 2,
        "poll_ms": 20,
        **keys,
    }
    points = {"Force": {"node": "ns=3;s=Force", "type": "Double"}}
    table = {"security": "None", "publishing_ms": 50, "points": points, "mailbox": mailbox}
    table |= {"station": "OP10", "stale_after_s": stale_after_s}
    config = DeviceConfig.model_validate(
        {"id": "PLC", "driver": "opcua", "link": plc.link, **table}
    )
    made = configured_opcua(config, Path(), {"OP10": STATION}, trace)
    assert isinstance(made, MailboxDevice)
    return made


async def kinds(trace: Trace) -> Counter[str]:
    return Counter(record.event.type for record in await trace.records(1, 1000))


async def test_requests_are_booked_once_beside_the_readings(controller: Plc, trace: Trace) -> None:
    plc, shown = NodePlc(controller), Shown()
    await plc.begin()
    async with supervised(driver(controller, trace), shown):
        await eventually(lambda: shown.value("Force") == 1.5)
        started = await plc.ask(CHECK_IN, "P1", cycle=1)
        assert started.result == GO
        completed = await plc.ask(COMPLETE, "P1", cycle=1, evaluation=1)
        assert completed.result == GO
        assert (await plc.ask(COMPLETE, "", cycle=2, evaluation=1)).result == REJECTED
    count = await kinds(trace)
    assert (count["start"], count["complete"]) == (1, 1)


async def test_a_controller_killed_with_its_request_open_is_answered_once(
    controller: Plc, trace: Trace
) -> None:
    plc, shown = NodePlc(controller), Shown()
    await plc.begin()
    async with supervised(driver(controller, trace), shown):
        assert (await plc.ask(CHECK_IN, "P1", cycle=1)).result == GO
        await plc.put(COMPLETE, "P1", cycle=1, evaluation=1)
        controller.kill()
        await controller.restart()
        # Area A is retentive, area B is not.
        await plc.begin()
        assert (await plc.answer(RESTARTED_WITHIN)).result == GO
    count = await kinds(trace)
    assert (count["start"], count["complete"]) == (1, 1)


async def test_readings_of_a_program_that_stands_still_age_as_the_device_has_it(
    controller: Plc, trace: Trace
) -> None:
    plc, shown = NodePlc(controller), Shown()
    await plc.begin()
    async with supervised(driver(controller, trace, stale_after_s=0.2), shown):
        await eventually(lambda: shown.value("Force") == 1.5)
        lost = Quality.NoCommunication
        await eventually(lambda: shown.quality("Force") == lost)


async def test_what_is_no_area_is_named_and_nothing_is_written(
    controller: Plc, trace: Trace
) -> None:
    shown = Shown()
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "BadNodeIdUnknown"),
        ({"area_a": "ns=3;s=Levels"}, "UInt16[]"),
        ({"area_a": "nsu=urn:gone;s=A"}, "urn:gone"),
        ({"area_a": "ns=3;s=Short"}, "elements 0 to 8"),
    ]
    for nodes, words in cases:
        device = driver(controller, trace, **nodes)
        await controller.do("reset")
        await controller.do("add", "Short", "UInt16[]", [0x5452, 0x0100])
        async with supervised(device, shown):
            await eventually(lambda device=device, words=words: words in device.degraded)  # type: ignore[misc]
            await eventually(lambda: shown.value("Force") == 1.5)
    assert await asyncio.wait_for(kinds(trace), 5) == {"master": 1, "register": 1}
