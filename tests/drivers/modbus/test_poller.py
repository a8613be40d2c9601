"""The driver of a unit, against a server on bare sockets that holds register = f(address, unit)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from tests.support.libmodbus import mbpoll, tcp_slave
from tests.support.modbus_faults import FaultServer, Query, fault_server, oracle
from tests.support.waiting import eventually
from tracenode.drivers.modbus.endpoint import parse_endpoint
from tracenode.drivers.modbus.guard import Links
from tracenode.drivers.modbus.options import ModbusOptions
from tracenode.drivers.modbus.poller import ModbusDevice
from tracenode.models.device_errors import LinkLost
from tracenode.models.errors import MalformedRequest
from tracenode.models.readings import Quality, Reading, Scan


class Latest:
    """A sink that keeps every reading and the latest of each point."""

    def __init__(self) -> None:
        self.all: list[Reading] = []
        self.latest: dict[str, Reading] = {}

    async def scan(self, scan: Scan) -> None:
        raise AssertionError(f"a poller gave the scan {scan}")

    def readings(self, readings: Sequence[Reading]) -> None:
        self.all += readings
        self.latest |= {reading.point: reading for reading in readings}

    def quality(self, point: str) -> Quality | None:
        return self.latest[point].quality if point in self.latest else None

    def is_(self, point: str, quality: Quality) -> Callable[[], bool]:
        return lambda: self.quality(point) is quality


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with fault_server() as running:
        yield running


FAST = {"default": {"period_ms": 20}}


def unit(
    port: int, links: Links | None = None, *, stale: float = 10.0, **keys: Any
) -> ModbusDevice:
    options = ModbusOptions.model_validate({"groups": FAST, "timeout_ms": 100, **keys})
    link = (links or Links()).at(parse_endpoint(f"tcp://127.0.0.1:{port}"))
    return ModbusDevice(f"plc{options.unit}", link, options, stale_after=stale)


@asynccontextmanager
async def polling(device: ModbusDevice) -> AsyncIterator[Latest]:
    sink = Latest()
    async with device:
        task = asyncio.create_task(device.run(sink))
        try:
            yield sink
            assert not task.done() or task.exception() is None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def words(*registers: int) -> Callable[[Query], bytes]:
    """Registers from address 0 on."""

    def answer(query: Query) -> bytes:
        some = registers[query.address : query.address + query.count]
        return query.frame(struct.pack(f">BB{len(some)}H", 3, 2 * len(some), *some))

    return answer


async def test_points_get_their_values(server: FaultServer) -> None:
    device = unit(server.port, unit=7, points={"a": {"at": "hr:3"}, "b": {"at": "hr:5"}})
    async with polling(device) as sink:
        await eventually(lambda: len(sink.latest) == 2)
    assert sink.latest["a"].value == oracle(3, 7)
    assert sink.latest["b"].value == oracle(5, 7)
    assert sink.latest["a"].quality is Quality.Good
    assert device.stats.last_good is not None
    assert device.stats.round_trip_ms is not None
    assert {query.address for query in server.queries} == {3}


async def test_unchanged_values_are_delivered_once(server: FaultServer) -> None:
    device = unit(server.port, points={"a": {"at": "hr:3"}})
    async with polling(device) as sink:
        await eventually(lambda: device.stats.requests > 5)
    assert len(sink.all) == 1


async def test_change_inside_the_deadband_is_held_back(server: FaultServer) -> None:
    device = unit(server.port, points={"a": {"at": "hr:0", "deadband": 5}, "b": {"at": "hr:1"}})
    server.fault = words(100, 1)
    async with polling(device) as sink:
        await eventually(lambda: "a" in sink.latest)
        server.fault = words(104, 2)
        await eventually(lambda: sink.latest["b"].value == 2)
        assert sink.latest["a"].value == 100
        server.fault = words(105, 3)
        await eventually(lambda: sink.latest["a"].value == 105)


async def test_value_outside_its_limits_is_delivered_as_such(server: FaultServer) -> None:
    device = unit(server.port, points={"a": {"at": "hr:0", "min": 10, "max": 20}})
    server.fault = words(21)
    async with polling(device) as sink:
        await eventually(sink.is_("a", Quality.OutOfRange))
        assert sink.latest["a"].value == 21
        server.fault = words(20)
        await eventually(sink.is_("a", Quality.Good))


async def test_bytes_that_are_no_value_spoil_only_their_point(server: FaultServer) -> None:
    points = {"t": {"at": "hr:0", "type": "string(2)"}, "n": {"at": "hr:1"}}
    device = unit(server.port, points=points)
    server.fault = words(0x4F4B, 1)
    async with polling(device) as sink:
        await eventually(sink.is_("t", Quality.Good))
        server.fault = words(0xFFFE, 2)
        await eventually(sink.is_("t", Quality.DataEncodingInvalid))
        assert sink.latest["t"].value == "OK"
        assert (sink.latest["n"].value, sink.latest["n"].quality) == (2, Quality.Good)
        server.fault = words(0x4F4B, 3)
        await eventually(sink.is_("t", Quality.Good))


@pytest.mark.parametrize(
    ("code", "quality"),
    [
        (1, Quality.ConfigurationError),
        (2, Quality.ConfigurationError),
        (3, Quality.ConfigurationError),
        (4, Quality.DeviceFailure),
        (8, Quality.DeviceFailure),
        (6, Quality.NoCommunication),
        (11, Quality.NoCommunication),
    ],
)
async def test_exception_becomes_a_quality(
    server: FaultServer, code: int, quality: Quality
) -> None:
    device = unit(server.port, points={"a": {"at": "hr:0"}})
    server.fault = lambda q: q.frame(bytes((q.function | 0x80, code)))
    async with polling(device) as sink:
        await eventually(sink.is_("a", quality))
        assert sink.latest["a"].value is None


def without(*missing: int) -> Callable[[Query], bytes]:
    """A device that lacks some registers and refuses every read that touches them."""

    def answer(query: Query) -> bytes:
        touched = range(query.address, query.address + query.count)
        hole = any(address in touched for address in missing)
        return query.frame(b"\x83\2" if hole else None)

    return answer


async def test_hole_in_a_merged_block_is_found_once_and_remembered(server: FaultServer) -> None:
    points = {f"p{a}": {"at": f"hr:{a}"} for a in (0, 1, 5, 6, 12, 20)}
    device = unit(server.port, points=points)
    server.fault = without(8, 9)
    async with polling(device) as sink:
        await eventually(lambda: len(sink.latest) == len(points))
        assert all(r.quality is Quality.Good for r in sink.latest.values())
        assert all(r.value == oracle(int(r.point[1:]), 1) for r in sink.latest.values())
        blocks, refusals = device.stats.extra["blocks"], device.stats.extra["exceptions"]
        assert refusals <= 3
        seen = device.stats.requests
        await eventually(lambda: device.stats.requests > seen + 10)
    assert (device.stats.extra["blocks"], device.stats.extra["exceptions"]) == (blocks, refusals)


async def test_one_missing_register_spoils_only_its_point(server: FaultServer) -> None:
    device = unit(server.port, points={f"p{a}": {"at": f"hr:{a}"} for a in range(8)})
    server.fault = without(3)
    async with polling(device) as sink:
        await eventually(lambda: len(sink.latest) == 8)
    for name, reading in sink.latest.items():
        expected = Quality.ConfigurationError if name == "p3" else Quality.Good
        assert reading.quality is expected


async def test_silent_unit_is_probed_slowly_and_comes_back(server: FaultServer) -> None:
    links = Links()
    other = unit(server.port, links, unit=2, points={"a": {"at": "hr:0"}})
    device = unit(
        server.port,
        links,
        stale=0.6,
        timeout_ms=20,
        probe_ms=200,
        points={"a": {"at": "hr:0"}, "b": {"at": "hr:500"}},
    )
    async with polling(device) as sink, polling(other):
        await eventually(sink.is_("b", Quality.Good))
        good = sink.latest["a"]
        server.fault = lambda q: b"" if q.unit == 1 else q.frame()
        await eventually(lambda: device.stats.extra["unit_down"])
        last = sink.latest["a"]
        assert last.quality is Quality.LastUsableValue
        assert (last.value, last.at) == (good.value, good.at)
        before = device.stats.requests
        await eventually(sink.is_("a", Quality.NoCommunication))
        assert sink.latest["a"].value == good.value
        assert 1 <= device.stats.requests - before <= 6, "each 200 ms, not each 20"
        server.fault = Query.frame
        await eventually(sink.is_("a", Quality.Good))
        await eventually(sink.is_("b", Quality.Good))
    assert device.stats.extra["unit_down"] == 0


async def test_unit_silent_on_a_line_of_its_own_has_its_connection_renewed(
    server: FaultServer,
) -> None:
    device = unit(server.port, stale=0.3, timeout_ms=20, probe_ms=100, points={"a": {"at": "hr:0"}})
    server.fault = lambda _: b""
    for _ in range(2):
        async with device:
            with pytest.raises(LinkLost, match="in a row"):
                await device.run(Latest())
    server.fault = Query.frame
    async with polling(device) as sink:
        await eventually(sink.is_("a", Quality.Good))


async def test_dead_unit_does_not_starve_the_others_on_its_line(server: FaultServer) -> None:
    links = Links()
    points = {f"p{a}": {"at": f"hr:{a}"} for a in (0, 200, 400)}
    server.fault = lambda q: b"" if q.unit == 2 else q.frame()
    alive = unit(server.port, links, unit=1, points=points)
    dead = unit(server.port, links, unit=2, points=points, probe_ms=1000)
    async with polling(alive), polling(dead) as sink:
        await eventually(sink.is_("p0", Quality.NoCommunication))
        await eventually(lambda: dead.stats.extra["unit_down"])
        late, cycles = alive.stats.extra["late_cycles"], alive.stats.extra["cycles"]
        await eventually(lambda: alive.stats.extra["cycles"] > cycles + 12)
        assert alive.stats.extra["late_cycles"] - late <= 5
    assert dead.stats.timeouts <= 5


async def test_lost_line_ends_the_run_and_marks_the_values(server: FaultServer) -> None:
    device = unit(
        server.port, groups={"default": {"period_ms": 5000}}, points={"a": {"at": "hr:0"}}
    )
    sink = Latest()
    async with device:
        task = asyncio.create_task(device.run(sink))
        await eventually(sink.is_("a", Quality.Good))
        good = sink.latest["a"]
        server.drop()
        with pytest.raises(LinkLost):
            async with asyncio.timeout(0.5):
                await task
    assert sink.latest["a"].quality is Quality.LastUsableValue
    assert sink.latest["a"].at == good.at
    async with polling(device) as again:
        await eventually(again.is_("a", Quality.Good))


async def test_urgent_group_goes_first_and_late_cycles_are_counted(server: FaultServer) -> None:
    groups = {"slow": {"period_ms": 30}, "fast": {"period_ms": 50, "priority": 5}}
    points: dict[str, Any] = {
        f"s{a}": {"at": f"hr:{a}", "group": "slow"} for a in range(0, 4000, 200)
    }
    points["f"] = {"at": "hr:9000", "group": "fast"}
    device = unit(server.port, groups=groups, points=points)
    server.delay = 0.004
    async with polling(device):
        await eventually(lambda: sum(q.address == 9000 for q in server.queries) > 8)
    assert device.stats.extra["late_cycles"] > 3, "20 reads of 4 ms do not fit into 30 ms"
    places = [i for i, q in enumerate(server.queries) if q.address == 9000]
    gaps = [b - a for a, b in pairwise(places)]
    assert places[0] == 0
    assert max(gaps) <= 25, "the urgent group waits for one read, not for a whole slow cycle"


@pytest.mark.integration
async def test_written_points_are_in_the_device() -> None:
    points = {
        "setpoint": {"at": "hr:100", "type": "float32", "order": "CDAB", "writable": True},
        "level": {"at": "hr:110", "type": "int16", "scale": 0.5, "writable": True},
        "name": {"at": "hr:120", "type": "string(6)", "writable": True},
        "valve": {"at": "co:30", "writable": True},
        "flag": {"at": "hr:130.2", "writable": True},
        "fixed": {"at": "hr:140"},
    }
    async with tcp_slave() as port:
        device = unit(port, points=points)
        async with polling(device) as sink:
            await device.write(
                {"setpoint": 12.5, "level": -7.5, "name": "AB12", "valve": True, "flag": False}
            )
            await eventually(
                lambda: sink.latest.get("name") and sink.latest["name"].value == "AB12"
            )
            values = {name: reading.value for name, reading in sink.latest.items()}
            assert values["setpoint"] == 12.5
            assert values["level"] == -7.5
            assert values["valve"] is True
            assert values["flag"] is False
            assert await mbpoll(port, "-t", "4:float", "-r", "100", "127.0.0.1") == {100: "12.5"}
            assert await mbpoll(port, "-r", "130", "127.0.0.1") == {130: "130"}
            for wrong in ({"fixed": 1}, {"none": 1}, {"level": "x"}, {"valve": 1}):
                with pytest.raises(MalformedRequest):
                    await device.write({"setpoint": 99.0, **wrong})
            assert await mbpoll(port, "-t", "4:float", "-r", "100", "127.0.0.1") == {100: "12.5"}
