"""Server mode with a controller in C on libmodbus, and what a Modbus client can't do there."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from tests.drivers.mailbox.conftest import STATION, Plant
from tests.drivers.mailbox.served import listening
from tests.handshake.mailbox_process import MailboxProcess
from tests.support.controller import GO, REJECTED, STOP
from tests.support.handshake_plc import handshake_client
from tests.support.libmodbus import mbpoll
from tests.support.rigs import free_port
from tests.support.waiting import eventually
from tracenode.drivers.modbus import listener
from tracenode.drivers.registry import Drivers
from tracenode.models.config import DeviceConfig
from tracenode.models.errors import ConfigError
from tracenode.models.events import Consume

pytestmark = pytest.mark.integration

CHECK_IN, COMPLETE, CONSUME = 1, 2, 14
BASE_B = 200


async def test_controller_that_writes_is_served(plant: Plant) -> None:
    unit, port = await plant.unit(), free_port()
    async with listening(plant, port) as running:
        await eventually(lambda: "not a handshake area yet" in running.trouble)
        async with handshake_client(port) as plc:
            assert (await plc.ask(CHECK_IN, unit, cycle=1)).result == GO
            assert (await plc.ask(COMPLETE, unit, cycle=1, evaluation=1)).result == GO
            assert (await plc.ask(CHECK_IN, "NOBODY")).result == STOP
            assert (await plc.ask(CHECK_IN, "NOREAD")).result == REJECTED
            await eventually(lambda: running.trouble == "")
        await eventually(lambda: "heartbeat" in running.trouble)
    (start,), (complete,) = await plant.about("start", unit), await plant.about("complete", unit)
    assert start.position < complete.position
    assert not await plant.gaps()


async def test_killed_server_that_listens_answers_when_it_is_back(tmp_path: Path) -> None:
    answers, port = [], free_port()
    with MailboxProcess(tmp_path, port, "modbus-server") as killed:
        async with handshake_client(port) as plc:
            for pause in (0.0, 0.005, 0.01, 0.02):
                await plc.do(f"quick {CONSUME} 0 0 P1 L1 -")
                await asyncio.sleep(pause)
                killed.kill()
                await asyncio.to_thread(killed.start)
                answers.append(plc.answered(await plc.do("wait")))
    assert {answer.result for answer in answers} == {GO}
    booked = [r.position for r in await killed.records() if isinstance(r.event, Consume)]
    assert booked == [answer.transaction for answer in answers]


# ---------------------------------------------------------------- what is not there
async def test_only_the_areas_are_there_and_area_b_is_read_only(plant: Plant) -> None:
    port = free_port()
    async with listening(plant, port), handshake_client(port) as plc:
        assert await plc.do("write 9 14") == "done"
        assert await plc.do("read 9 1") == "registers 14"
        for command in (
            f"write {BASE_B} 1",
            f"write {BASE_B + 68} 1",
            "write 135 1",
            "write 500 1",
            "read 135 1",
            "read 100 100",
            f"read {BASE_B} 70",
            "read 65535 1",
        ):
            assert await plc.do(command) == "exception Illegal data address", command
        assert await plc.do("coils") == "exception Illegal function"
        assert (await plc.do("read 0 125")).split()[10] == "14"
    assert await plant.trace.last_request("mailbox:OP10") == ""


async def test_mbpoll_sees_area_b(plant: Plant) -> None:
    port = free_port()
    async with listening(plant, port), handshake_client(port) as plc:
        await plc.ask(CHECK_IN, await plant.unit())
        words = await mbpoll(port, "-t", "4:hex", "-r", str(BASE_B), "-c", "4", "127.0.0.1")
    assert list(words.values()) == ["0x5452", "0x0100", "0x0102", "0x0304"]


async def test_clients_are_bounded_and_silent_ones_go(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "IDLE_S", 0.5)
    port = free_port()
    async with listening(plant, port, clients=2):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        async with asyncio.timeout(5):
            for reader, writer in silent:
                assert await reader.read() == b""
                writer.close()
        async with handshake_client(port) as plc:
            assert (await plc.ask(CHECK_IN, await plant.unit())).result == GO


@pytest.mark.parametrize(
    ("telegram", "answer"),
    [
        (b"\0\1\0\0\0\6\1\3\0\0\0\0", b"\0\1\0\0\0\3\1\x83\3"),
        (b"\0\1\0\0\0\6\1\3\0\0\0\x7e", b"\0\1\0\0\0\3\1\x83\3"),
        (b"\0\1\0\0\0\6\2\3\0\0\0\1", b"\0\1\0\0\0\3\2\x83\x0a"),
        (b"\0\1\0\0\0\3\1\3\0", b"\0\1\0\0\0\3\1\x83\3"),
        (b"\0\1\0\0\0\2\1\x2b", b"\0\1\0\0\0\3\1\xab\1"),
        (b"\0\1\0\0\0\7\1\x10\0\0\0\1\2", b"\0\1\0\0\0\3\1\x90\3"),
        (b"\0\1\0\0\0\x09\1\x10\0\0\0\1\4\0\0", b"\0\1\0\0\0\3\1\x90\3"),
        (b"\0\1\0\5\0\6\1\3\0\0\0\1", b""),
        (b"\0\1\0\0\xff\xff\1\3\0\0\0\1", b""),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
    ],
)
async def test_telegrams_that_are_wrong(plant: Plant, telegram: bytes, answer: bytes) -> None:
    port = free_port()
    async with listening(plant, port), asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in telegram:  # split as finely as can be
            writer.write(bytes((byte,)))
            await asyncio.sleep(0)
        try:
            assert await reader.read(len(answer) or 1) == answer
        except ConnectionError:
            assert not answer
        writer.close()


async def test_telegrams_in_one_segment_are_answered_one_by_one(plant: Plant) -> None:
    port = free_port()
    async with listening(plant, port), asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = [struct.pack(">HHHBBHH", n, 0, 6, 1, 3, 0, 1) for n in range(20)]
        writer.write(b"".join(asked))
        for number in range(20):
            answer = await reader.readexactly(11)
            assert answer == struct.pack(">HHHBBBH", number, 0, 5, 1, 3, 2, 0)
        writer.close()


async def test_clients_of_elsewhere_take_no_place(plant: Plant) -> None:
    port = free_port()
    async with listening(plant, port, clients=1, allow=["192.0.2.0/24"]), asyncio.timeout(5):
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
    async with listening(plant, port, allow=["127.0.0.1"]), handshake_client(port) as plc:
        assert await plc.do("read 0 1") == "registers 0"


# ---------------------------------------------------------------- configuration
def device(name: str = "PLC1", **keys: object) -> DeviceConfig:
    mailbox = {"station_number": 10, "base_b": BASE_B}
    table = {"id": name, "driver": "modbus-server", "link": "listen://127.0.0.1:1502"}
    return DeviceConfig.model_validate({**table, "station": "OP10", "mailbox": mailbox, **keys})


def test_every_fault_is_told_at_once() -> None:
    wrong = device(link="tcp://127.0.0.1:1502", station="OP99", unit=256, allow=["elsewhere"])
    with pytest.raises(ConfigError) as caught:
        Drivers([STATION]).make(wrong, "devices[0]")
    told = {problem.path for problem in caught.value.problems}
    assert {"devices[0].link", "devices[0].station", "devices[0].unit"} <= told
    assert any(path.startswith("devices[0].allow") for path in told)


def test_units_of_one_address_are_apart() -> None:
    drivers = Drivers([STATION])
    drivers.make(device("PLC1"))
    drivers.make(device("PLC2", unit=2))
    with pytest.raises(ConfigError, match="another one than of PLC1"):
        drivers.make(device("PLC3"))


async def test_address_that_is_in_use_is_told(plant: Plant) -> None:
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    async with taken, listening(plant, port) as running:
        await eventually(lambda: "can't listen" in running.trouble)
