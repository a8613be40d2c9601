"""Serial ports: pseudo-terminals as cables, and the words for what is wrong with a port."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.peers import require
from tests.support.serial import cable
from tests.support.waiting import eventually
from tracenode.drivers.link import (
    ByteLink,
    open_link,
    parse_link,
)
from tracenode.drivers.link.hints import port_words
from tracenode.models.device_errors import LinkLost


async def read_exactly(link: ByteLink, size: int) -> bytes:
    data = b""
    async with asyncio.timeout(5):
        while len(data) < size:
            data += await link.read()
    return data


@pytest.mark.parametrize("backend", ["serialx", "pyserial"])
async def test_a_serial_link_carries_bytes_both_ways(backend: str) -> None:
    with cable() as device:
        link = await open_link(parse_link(f"serial:{device.port}?backend={backend}"))
        device.send(b"]d2scan\x1d\r")
        assert await read_exactly(link, 9) == b"]d2scan\x1d\r"
        await link.write(b"trigger")
        assert device.receive() == b"trigger"
        await link.close()
        await link.close()


@pytest.mark.parametrize("backend", ["serialx", "pyserial"])
async def test_a_pulled_cable_is_seen_at_once(backend: str) -> None:
    with cable() as device:
        link = await open_link(parse_link(f"serial:{device.port}?backend={backend}"))
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(until_lost(link))
            await asyncio.sleep(0)
            device.pull()
            async with asyncio.timeout(0.5):
                assert "unplugged" in await reading or backend == "pyserial"
        await link.close()


async def until_lost(link: ByteLink) -> str:
    with pytest.raises(LinkLost) as lost:
        while True:
            await link.read()
    return str(lost.value)


@pytest.mark.parametrize("backend", ["serialx", "pyserial"])
async def test_a_missing_port_is_said_in_words(backend: str) -> None:
    with pytest.raises(LinkLost, match="there is no port /dev/ttyNONE; is the cable plugged in"):
        await open_link(parse_link(f"serial:/dev/ttyNONE?backend={backend}"))


async def test_a_busy_port_is_said_in_words() -> None:
    with cable() as device:
        spec = parse_link(f"serial:{device.port}")
        link = await open_link(spec)
        with pytest.raises(LinkLost, match="in use by another program"):
            await open_link(spec)
        await link.close()
        again = await open_link(spec)
        await again.close()


async def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LinkLost, match="is no serial port"):
        await open_link(parse_link(f"serial:{tmp_path / 'file'}"))


def test_missing_permission_names_the_group() -> None:
    if sys.platform != "linux":
        pytest.skip("the group is a matter of Linux")
    assert "dialout" in port_words(PermissionError(13, "Permission denied"), "/dev/ttyS0")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Lay down root's rights, where the tests run with them."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_no_permission_for_a_real_port() -> None:
    with cable() as device:
        os.chmod(device.port, stat.S_IWGRP)  # noqa: PTH101
        with as_nobody(), pytest.raises(LinkLost, match="no permission"):
            await open_link(parse_link(f"serial:{device.port}"))


async def test_an_absent_usb_device_is_named_with_what_is_there() -> None:
    with pytest.raises(LinkLost, match="usb:ffff:fffe: no such device is plugged in; found"):
        await open_link(parse_link("usb:ffff:fffe"))


@pytest.mark.integration
async def test_socat_as_the_cable(tmp_path: Path) -> None:
    socat = shutil.which("socat")
    require(socat is not None, "socat is not installed")
    assert socat is not None
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    process = await asyncio.create_subprocess_exec(
        socat, f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={theirs}"
    )
    try:
        await eventually(lambda: ours.exists() and theirs.exists())
        one = await open_link(parse_link(f"serial:{ours}"))
        other = await open_link(parse_link(f"serial:{theirs}?backend=pyserial"))
        payload = bytes(range(256)) * 64
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read_exactly(other, len(payload)))
            await one.write(payload)
        assert reading.result() == payload
        process.terminate()
        await process.wait()
        assert "unplugged" in await until_lost(one)
        await one.close()
        await other.close()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
