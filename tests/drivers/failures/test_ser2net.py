"""Through ser2net, as behind a serial device server: RTU over TCP to a slave on libmodbus, and a
scanner on a terminal."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support.libmodbus import rtu_slave, serial_line
from tests.support.peers import require
from tests.support.rigs import free_port, made
from tests.support.serial import cable
from tests.support.sinks import CollectingSink
from tests.support.waiting import POLL, eventually
from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.endpoint import parse_endpoint
from tracenode.drivers.modbus.guard import Link
from tracenode.models.device_errors import DriverError, LinkLost, NoAnswer

pytestmark = pytest.mark.integration

Line = Callable[[], AbstractAsyncContextManager[None]]
"""Lets a serial line with a slave be there."""


@asynccontextmanager
async def ser2net(folder: Path, tty: str) -> AsyncIterator[int]:
    """A device server with one port on `tty`; gives its TCP port."""
    program = shutil.which("ser2net") or shutil.which("ser2net", path="/usr/sbin")
    require(program is not None, "ser2net is not installed")
    port = free_port()
    config = folder / "ser2net.yaml"
    config.write_text(
        "connection: &one\n"
        f"  accepter: tcp,127.0.0.1,{port}\n"
        f"  connector: serialdev,{tty},115200n81,local\n"
    )
    process = await asyncio.create_subprocess_exec(
        str(program), "-n", "-c", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while True:
                if await answers(port):
                    break
                await asyncio.sleep(POLL)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def until_it_answers(link: Link) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                async with link:
                    assert await link.read(1, Space.Holding, 0, 2) == (0, 1)
                return
            except DriverError:
                await asyncio.sleep(0.05)


async def test_rtu_over_tcp_reads_and_writes_through_a_device_server(tmp_path: Path) -> None:
    async with (
        serial_line(tmp_path) as (master, slave),
        rtu_slave(slave),
        ser2net(tmp_path, master) as port,
        Link(parse_endpoint(f"rtu+tcp://127.0.0.1:{port}")) as link,
    ):
        await until_it_answers(link)
        assert await link.read(1, Space.Holding, 10, 125) == tuple(range(10, 135))
        assert await link.read(1, Space.Input, 0, 2) == (10000, 10001)
        await link.write_registers(1, 20, [1, 2, 65535], verify=True)
        await link.write_coils(1, 40, [True, True, False], verify=True)
        assert await link.read(1, Space.Holding, 20, 3) == (1, 2, 65535)
        with pytest.raises(NoAnswer):
            await link.read(2, Space.Holding, 0, 1, within=0.1)
        await until_it_answers(link)


async def test_slow_unit_behind_a_device_server_never_gives_wrong_registers(tmp_path: Path) -> None:
    async with (
        serial_line(tmp_path) as (master, slave),
        rtu_slave(slave, slow_from=500, delay_ms=150),
        ser2net(tmp_path, master) as port,
    ):
        link = Link(parse_endpoint(f"rtu+tcp://127.0.0.1:{port}"))
        good = late = 0
        for address in (0, 500, 40, 540, 540, 80, 500, 0, 40):
            try:
                async with link:
                    got = await link.read(1, Space.Holding, address, 20, within=0.08)
            except DriverError:
                late += 1
                continue
            assert got == tuple(range(address, address + 20))
            good += 1
        assert good
        assert late


async def test_serial_cable_behind_a_device_server_is_noticed_and_found_again(
    tmp_path: Path,
) -> None:
    async with ser2net_over_a_line(tmp_path) as (port, line):
        link = Link(parse_endpoint(f"rtu+tcp://127.0.0.1:{port}"))
        async with line():
            await until_it_answers(link)
        with pytest.raises(DriverError):
            async with link:
                await link.read(1, Space.Holding, 0, 2, within=0.2)
        async with line():
            await until_it_answers(link)


@asynccontextmanager
async def ser2net_over_a_line(folder: Path) -> AsyncIterator[tuple[int, Line]]:
    """A device server whose serial line comes and goes."""

    @asynccontextmanager
    async def line() -> AsyncIterator[None]:
        async with serial_line(folder) as (_, slave), rtu_slave(slave):
            yield

    async with line(), ser2net(folder, str(folder / "master")) as port:
        pass
    async with ser2net(folder, str(folder / "master")) as port:
        yield port, line


async def test_scanner_behind_a_device_server(tmp_path: Path) -> None:
    sink = CollectingSink()
    with cable() as device:
        async with ser2net(tmp_path, device.port) as port:
            scanner = made("scanner", f"tcp://127.0.0.1:{port}")
            await scanner.__aenter__()
            running = asyncio.ensure_future(scanner.run(sink))
            await asyncio.sleep(0.3)  # until the device server has its own port open
            for number in range(20):
                device.send(b"SN-%d\r\n" % number)
            await eventually(lambda: len(sink.scans) == 20)
            assert sink.texts == [f"SN-{number}" for number in range(20)]
        with pytest.raises(LinkLost):
            async with asyncio.timeout(5):
                await running
        with suppress(LinkLost):
            await scanner.__aexit__(None, None, None)
