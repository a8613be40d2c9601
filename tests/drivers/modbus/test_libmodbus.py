"""Against independent peers: slaves on libmodbus over TCP and a serial line, and mbpoll."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.libmodbus import mbpoll, rtu_slave, serial_line, tcp_slave
from tests.support.waiting import POLL
from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.codec import BlockCodec, Field, encode
from tracenode.drivers.modbus.datatypes import Order, parse_type
from tracenode.drivers.modbus.endpoint import parse_endpoint
from tracenode.drivers.modbus.guard import Link, Links
from tracenode.models.device_errors import DeviceException, DriverError, LinkLost, NoAnswer

pytestmark = pytest.mark.integration


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with tcp_slave() as port:
        yield port


@pytest.fixture
async def tcp(port: int) -> AsyncIterator[Link]:
    async with Link(parse_endpoint(f"tcp://127.0.0.1:{port}")) as link:
        yield link


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    async with serial_line(tmp_path) as ends:
        yield ends


def rtu(port: str) -> Link:
    return Link(parse_endpoint(f"rtu:{port}?baudrate=115200&parity=N"))


async def exercise(link: Link) -> None:
    """Every kind of request, against what the slaves hold at their start."""
    assert await link.read(1, Space.Holding, 10, 125) == tuple(range(10, 135))
    assert await link.read(1, Space.Input, 0, 3) == (10000, 10001, 10002)
    assert await link.read(1, Space.Coil, 1, 11) == (1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1)
    await link.write_registers(1, 20, [1, 2, 65535], verify=True)
    await link.write_registers(1, 23, [7], verify=True)
    assert await link.read(1, Space.Holding, 19, 6) == (19, 1, 2, 65535, 7, 24)
    await link.write_coils(1, 40, [True, True, True, False], verify=True)
    await link.write_coils(1, 50, [True], verify=True)
    assert await link.read(1, Space.Coil, 39, 6) == (1, 1, 1, 1, 0, 0)
    await link.write_bit(1, 30, 0, True, verify=True)
    await link.write_bit(1, 30, 1, False, verify=True)
    assert await link.read(1, Space.Holding, 30, 1) == (29,)
    with pytest.raises(DeviceException) as caught:
        await link.read(1, Space.Holding, 990, 20)
    assert caught.value.code == 2
    with pytest.raises(DeviceException):
        await link.write_registers(1, 999, [1, 2])


async def test_all_requests_over_tcp(tcp: Link) -> None:
    await exercise(tcp)


async def test_all_requests_over_a_serial_line(line: tuple[str, str]) -> None:
    master, slave = line
    async with rtu_slave(slave), rtu(master) as link:
        await exercise(link)
        with pytest.raises(NoAnswer):
            await link.read(2, Space.Holding, 0, 1, within=0.1)
        # libmodbus takes what follows a request to another unit for that unit's answer, and needs
        # a few telegrams until it is in step again.
        await until_it_answers(link)


async def test_mbpoll_reads_what_we_wrote(port: int, tcp: Link) -> None:
    field = Field(0, parse_type("float32"), Order.CDAB)
    await tcp.write_registers(1, 100, [11, 22, 33])
    await tcp.write_registers(1, 110, encode("x", field, 12.5))
    await tcp.write_coils(1, 200, [True, False, True])
    read = await mbpoll(port, "-r", "100", "-c", "3", "127.0.0.1")
    assert read == {100: "11", 101: "22", 102: "33"}
    read = await mbpoll(port, "-t", "4:float", "-r", "110", "-c", "1", "127.0.0.1")
    assert read == {110: "12.5"}
    read = await mbpoll(port, "-t", "0", "-r", "200", "-c", "3", "127.0.0.1")
    assert read == {200: "1", 201: "0", 202: "1"}


async def test_we_read_what_mbpoll_wrote(port: int, tcp: Link) -> None:
    await mbpoll(port, "-r", "300", "127.0.0.1", "41", "42")
    await mbpoll(port, "-t", "4:int", "-B", "-r", "310", "127.0.0.1", "--", "-123456")
    await mbpoll(port, "-t", "0", "-r", "400", "127.0.0.1", "1", "1")
    assert await tcp.read(1, Space.Holding, 300, 2) == (41, 42)
    raw = await tcp.read_raw(1, Space.Holding, 310, 2)
    assert BlockCodec([Field(0, parse_type("int32"))]).decode(raw) == [-123456]
    assert await tcp.read(1, Space.Coil, 400, 2) == (1, 1)


async def test_slow_serial_slave_never_gives_wrong_registers(line: tuple[str, str]) -> None:
    """From 500 on the slave answers after 0.25 s, beyond time-out and quiet time together."""
    master, slave = line
    dice = random.Random(3)
    async with rtu_slave(slave, slow_from=500, delay_ms=250), rtu(master) as link:
        good, bad = list[int](), list[int]()
        for _ in range(12):
            address, count = dice.choice([0, 40, 80, 500, 540]), dice.choice([20, 20, 21])
            try:
                got = await link.read(1, Space.Holding, address, count, within=0.08)
            except DriverError:
                bad.append(address)
                continue
            assert got == tuple(range(address, address + count))
            good.append(address)
        assert good
        assert max(bad) >= 500
        assert await link.read(1, Space.Holding, 7, 3, within=2.0) == (7, 8, 9)


async def test_cancelled_serial_read_leaves_no_answer_for_the_next(line: tuple[str, str]) -> None:
    master, slave = line
    async with rtu_slave(slave, slow_from=500, delay_ms=200), rtu(master) as link:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await link.read(1, Space.Holding, 500, 4, within=1.0)
        assert await link.read(1, Space.Holding, 10, 4, within=1.0) == (10, 11, 12, 13)


async def test_devices_share_one_serial_line(line: tuple[str, str]) -> None:
    master, slave = line
    links = Links()
    endpoint = parse_endpoint(f"rtu:{master}?baudrate=115200&parity=N")
    first, second = links.at(endpoint), links.at(endpoint)
    assert first is second

    async def poll() -> None:
        async with links.at(endpoint) as link:
            for address in range(0, 300, 30):
                got = await link.read(1, Space.Holding, address, 10)
                assert got == tuple(range(address, address + 10))

    async with rtu_slave(slave, 1), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(poll())
    assert first.stats.connects == 1
    assert not first.connected


async def test_pulled_serial_cable_is_noticed_and_found_again(tmp_path: Path) -> None:
    async with serial_line(tmp_path) as (master, slave):
        link = rtu(master)
        async with rtu_slave(slave):
            await link.__aenter__()
            assert await link.read(1, Space.Holding, 0, 2) == (0, 1)
    with pytest.raises(LinkLost):
        async with asyncio.timeout(0.5):
            await link.rest(5.0)
    await link.__aexit__(None, None, None)
    with pytest.raises(LinkLost, match="no port"):
        await link.__aenter__()
    async with serial_line(tmp_path) as (master, slave), rtu_slave(slave):
        await until_it_answers(link)


async def until_it_answers(link: Link) -> None:
    async with asyncio.timeout(5.0):
        while True:
            try:
                async with link:
                    assert await link.read(1, Space.Holding, 0, 2) == (0, 1)
                return
            except DriverError:
                await asyncio.sleep(POLL)


async def test_slave_that_restarts_is_found_again() -> None:
    async with tcp_slave() as port:
        link = Link(parse_endpoint(f"tcp://127.0.0.1:{port}"))
        await link.__aenter__()
        assert await link.read(1, Space.Holding, 0, 2) == (0, 1)
    with pytest.raises(LinkLost):
        await link.read(1, Space.Holding, 0, 2)
    await link.__aexit__(None, None, None)
    with pytest.raises(LinkLost, match="nothing listens there"):
        await link.__aenter__()
    async with tcp_slave(port):
        await until_it_answers(link)
