"""From a broker into a real journal: booked once, acknowledged after that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.drivers.mqtt.broker import Broker
from tests.drivers.mqtt.test_source import BACK_WITHIN, source, supervised
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.models.config import StationConfig
from tracenode.models.events import Observe
from tracenode.models.readings import Reading, Scan
from tracenode.server.intake import Intake
from tracenode.server.trace import Trace

pytestmark = pytest.mark.integration

STATION = StationConfig(id="OP10", path="Hall1")
NAMED = [{"topic": "scan", "payload": "json", "path": "/code", "id": "/id"}]
UNNAMED = [{"topic": "scan", "payload": "json", "path": "/code"}]


class Unseen:
    def show(self, readings: Sequence[Reading]) -> None: ...

    def scanned(self, scan: Scan) -> None: ...


class Booking(CollectingSink):
    """The real intake; closed, it dies after the booking and before the acknowledgement."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._intake = Intake(trace, {"Cell": STATION}, Unseen())

    async def scan(self, scan: Scan) -> None:
        await self._intake.scan(scan)
        self.scans.append(scan)
        await self.gate.wait()


@pytest.fixture
async def trace(tmp_path: Path) -> AsyncIterator[Trace]:
    with Trace.open(tmp_path / "trace.db", site="Plant1", create=True) as opened:
        yield opened


async def observed(trace: Trace) -> list[str]:
    events = [record.event for record in await trace.records(1, 100)]
    return [event.item for event in events if isinstance(event, Observe)]


@pytest.mark.parametrize(("scans", "times"), [(NAMED, 1), (UNNAMED, 2)])
async def test_a_scan_with_a_name_is_booked_once_though_the_server_is_killed(
    mosquitto: Broker, trace: Trace, scans: list[dict[str, str]], times: int
) -> None:
    dying, living = Booking(trace), Booking(trace)
    dying.gate.clear()
    driver = source(mosquitto.link, scans=scans)
    await driver.__aenter__()
    running = asyncio.create_task(driver.run(dying))
    await mosquitto.publish("scan", json.dumps({"code": "P1", "id": 17}))
    await eventually(lambda: len(dying.scans) == 1)
    running.cancel()
    await asyncio.wait([running])
    await driver.__aexit__(None, None, None)
    async with supervised(source(mosquitto.link, scans=scans), living):
        await eventually(lambda: len(living.scans) == 1, BACK_WITHIN)
    assert await observed(trace) == ["P1"] * times


async def test_a_name_that_is_used_again_costs_no_scan(mosquitto: Broker, trace: Trace) -> None:
    sink = Booking(trace)
    async with supervised(source(mosquitto.link, scans=NAMED), sink):
        for code, name in (("P1", "a"), ("P2", "a"), ("P1", "a"), ("P3", "b" * 500)):
            sent = {"code": code, "id": name, "try": len(sink.scans)}
            await mosquitto.publish("scan", json.dumps(sent))
        await mosquitto.publish("scan", json.dumps({"code": "P4"}))
        await eventually(lambda: len(sink.scans) == 5)
    assert await observed(trace) == ["P1", "P2", "P3"]
    assert sink.scans[-1].reject is not None
    assert "something at /id" in sink.scans[-1].note
