"""Modbus/TCP Security, against OpenSSL (in socat) in front of a slave on libmodbus."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.libmodbus import tcp_slave
from tests.support.peers import require
from tests.support.waiting import POLL
from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.guard import Links
from tracenode.drivers.modbus.options import load_options
from tracenode.models.config import DeviceConfig
from tracenode.models.device_errors import LinkLost
from tracenode.models.errors import ConfigError

pytestmark = [
    pytest.mark.integration,
    # asyncio may still wait for the peer's end of a TLS connection when the loop of a test ends
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@asynccontextmanager
async def secured(slave: int, certificate: Path, clients: Path) -> AsyncIterator[int]:
    """TLS in front of a slave, for clients that `clients` issued; gives its port."""
    require(shutil.which("socat") is not None, "socat is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listen = (
        f"OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,verify=1,"
        f"cert={certificate},cafile={clients}"
    )
    process = await asyncio.create_subprocess_exec(
        "socat", listen, f"TCP:127.0.0.1:{slave}", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    await asyncio.sleep(POLL)
        writer.close()
        yield port
    finally:
        process.terminate()
        await process.wait()


def device(port: int, **tls: str) -> DeviceConfig:
    return DeviceConfig.model_validate(
        {
            "id": "PLC",
            "driver": "modbus",
            "link": f"tls://127.0.0.1:{port}",
            "tls": tls,
            "points": {},
        }
    )


async def read(folder: Path, port: int, **tls: str) -> tuple[int, ...]:
    endpoint, _ = load_options(device(port, **tls))
    async with Links(folder).at(endpoint) as link:
        return await link.read(1, Space.Holding, 10, 4)


async def test_registers_come_through_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    plant = Authority(tmp_path, "plant")
    server = plant.issue("plc", ["127.0.0.1"])
    plant.issue("us")
    async with tcp_slave() as slave, secured(slave, server, plant.file) as port:
        found = await read(tmp_path, port, ca="plant.pem", certificate="us.pem")
        assert found == (10, 11, 12, 13)


async def test_a_device_that_another_authority_vouches_for_is_refused(tmp_path: Path) -> None:
    plant, others = Authority(tmp_path, "plant"), Authority(tmp_path, "others")
    plant.issue("us")
    server = others.issue("plc", ["127.0.0.1"])
    async with tcp_slave() as slave, secured(slave, server, plant.file) as port:
        with pytest.raises(LinkLost, match="the device's certificate is refused"):
            await read(tmp_path, port, ca="plant.pem", certificate="us.pem")


async def test_a_device_of_another_name_is_refused_unless_that_is_named(tmp_path: Path) -> None:
    plant = Authority(tmp_path, "plant")
    plant.issue("us")
    server = plant.issue("plc", ["press.plant.example"])
    async with tcp_slave() as slave, secured(slave, server, plant.file) as port:
        files = {"ca": "plant.pem", "certificate": "us.pem"}
        with pytest.raises(LinkLost, match=r"tls\.server_name"):
            await read(tmp_path, port, **files)
        found = await read(tmp_path, port, **files, server_name="press.plant.example")
        assert found == (10, 11, 12, 13)


async def test_a_device_that_refuses_our_certificate_is_told_in_words(tmp_path: Path) -> None:
    plant, others = Authority(tmp_path, "plant"), Authority(tmp_path, "others")
    others.issue("us")
    server = plant.issue("plc", ["127.0.0.1"])
    async with tcp_slave() as slave, secured(slave, server, plant.file) as port:
        with pytest.raises(LinkLost, match=r"trust (us|our certificate)\?"):
            await read(tmp_path, port, ca="plant.pem", certificate="us.pem")


async def test_a_device_without_tls_on_that_port_is_told_in_words(tmp_path: Path) -> None:
    Authority(tmp_path, "plant")

    async def no_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(no_tls, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(LinkLost, match="does the device speak TLS"):
            await read(tmp_path, port, ca="plant.pem")


async def test_files_that_are_missing_or_wrong_are_faults_of_the_configuration(
    tmp_path: Path,
) -> None:
    plant = Authority(tmp_path, "plant")
    plant.issue("us")
    for files, place in (
        ({"ca": "none.pem"}, "tls.ca"),
        ({"ca": "plant.pem", "certificate": "plant.pem"}, "tls.certificate"),
    ):
        with pytest.raises(ConfigError) as caught:
            await read(tmp_path, 1, **files)
        assert place in str(caught.value)


def test_tls_and_its_link_belong_together() -> None:
    for link, keys in (("tls://plc", {}), ("tcp://plc", {"tls": {"ca": "plant.pem"}})):
        table = {"id": "PLC", "driver": "modbus", "link": link, "points": {}, **keys}
        with pytest.raises(ConfigError) as caught:
            load_options(DeviceConfig.model_validate(table), "devices[0]")
        assert [problem.path for problem in caught.value.problems] == ["devices[0].tls"]
