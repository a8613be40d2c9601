"""Answers that are wrong in every way: the right error, then recovery, never wrong registers."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import AsyncIterator

import pytest

from tests.support.modbus_faults import Fault, FaultServer, Query, fault_server, oracle, right
from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.endpoint import parse_endpoint
from tracenode.drivers.modbus.guard import SILENT_LIMIT, Link
from tracenode.models.device_errors import (
    BadTelegram,
    DeviceException,
    DriverError,
    LinkLost,
    NoAnswer,
)

WITHIN = 0.06
"""Seconds allowed for an answer here."""


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with fault_server() as running:
        yield running


@pytest.fixture
def link(server: FaultServer) -> Link:
    return Link(parse_endpoint(f"tcp://127.0.0.1:{server.port}"))


async def read(link: Link, address: int, count: int = 20, unit: int = 1) -> None:
    """Read and compare with the oracle: whatever comes through must be right."""
    got = await link.read(unit, Space.Holding, address, count, within=WITHIN)
    assert got == tuple(oracle(address + i, unit) for i in range(count))


async def recovers(link: Link, server: FaultServer) -> None:
    server.fault, server.delay = right, 0.0
    async with link:  # connects again where the connection was given up
        await read(link, 300, 21)


def refused(code: int) -> Fault:
    return lambda q: q.frame(bytes((q.function | 0x80, code)))


FAULTS: dict[str, tuple[Fault, type[DriverError]]] = {
    "short": (lambda q: q.frame(q.pdu(count=10)), BadTelegram),
    "long": (lambda q: q.frame(q.pdu(count=30)), BadTelegram),
    "byte count too high": (lambda q: q.frame(bytes((3, 200)) + q.pdu()[2:]), BadTelegram),
    "odd byte count": (lambda q: q.frame(bytes((3, 39)) + q.pdu()[2:-1]), BadTelegram),
    "another function": (lambda q: q.frame(q.pdu(function=4)), BadTelegram),
    "unknown function": (lambda q: q.frame(b"\x63\1\2\3"), BadTelegram),
    "exception of another function": (lambda q: q.frame(b"\x84\2"), BadTelegram),
    "another unit": (lambda q: q.frame(unit=q.unit + 1), BadTelegram),
    "another transaction": (lambda q: q.frame(transaction=q.transaction + 7), BadTelegram),
    "transaction 0": (lambda q: q.frame(transaction=0), BadTelegram),
    "garbage": (lambda _: b"\xde\xad\xbe\xef" * 8, BadTelegram),
    "garbage before": (lambda q: b"\0\0\0" + q.frame(), BadTelegram),
    "cut short": (lambda q: q.frame()[:11], BadTelegram),
    "nothing": (lambda _: b"", NoAnswer),
    "drop": (lambda _: None, LinkLost),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_wrong_answer_gives_its_error_and_the_link_recovers(
    server: FaultServer, link: Link, name: str
) -> None:
    server.fault, expected = FAULTS[name]
    async with link:
        for _ in range(2):
            with pytest.raises((expected, LinkLost)) as caught:
                await read(link, 0)
            if _ == 0:
                assert caught.type is expected
        await recovers(link, server)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8, 0x0A, 0x0B, 0x63])
async def test_exception_of_the_device_is_told_in_words(
    server: FaultServer, link: Link, code: int
) -> None:
    server.fault = refused(code)
    async with link:
        with pytest.raises(DeviceException) as caught:
            await read(link, 0)
        assert caught.value.code == code
        assert caught.value.meaning
        await recovers(link, server)


GOOD: dict[str, Fault] = {
    "twice": lambda q: q.frame() * 2,
    "junk telegram before": lambda q: q.frame(transaction=q.transaction + 7) + q.frame(),
    "tail of another telegram after": lambda q: q.frame() + q.frame(transaction=0)[:9],
}


@pytest.mark.parametrize("name", GOOD)
async def test_right_answer_among_others_is_found(
    server: FaultServer, link: Link, name: str
) -> None:
    server.fault = GOOD[name]
    async with link:
        await read(link, 0)
        with_tail = name.startswith("tail")
        for address in (100, 200):
            if with_tail:
                with pytest.raises((BadTelegram, LinkLost)):
                    await read(link, address)
            else:
                await read(link, address)
        await recovers(link, server)


async def test_late_answers_are_never_taken_for_other_registers(
    server: FaultServer, link: Link
) -> None:
    async with link:
        server.delay = 2 * WITHIN
        for address in (0, 100, 200):
            with pytest.raises(NoAnswer):
                await read(link, address)
        server.delay = 0.0
        await asyncio.sleep(3 * WITHIN)  # the server works the late ones off
        for address in (0, 100, 200):
            await read(link, address)


async def test_telegram_cut_short_costs_the_connection(server: FaultServer, link: Link) -> None:
    server.fault = lambda q: q.frame()[:15]
    async with link:
        with pytest.raises(BadTelegram):
            await read(link, 0)
        with pytest.raises(LinkLost, match="cut short"):
            await read(link, 100)
        await recovers(link, server)


async def test_parts_of_late_answers_keep_the_stream_in_step(
    server: FaultServer, link: Link
) -> None:
    rest: list[bytes] = []

    def split(query: Query) -> bytes:
        if query.address == 0:
            rest.append(query.frame())
            return b""
        if query.address == 100:
            late = rest.pop()
            rest.append(late[15:])
            return query.frame() + late[:15]
        return rest.pop() + query.frame()

    server.fault = split
    async with link:
        with pytest.raises(NoAnswer):
            await read(link, 0)
        await read(link, 100)
        await read(link, 200)


async def test_reset_is_noticed_at_once(server: FaultServer, link: Link) -> None:
    server.fault = lambda _: None
    async with link:
        began = time.monotonic()
        with pytest.raises(LinkLost):
            await link.read(1, Space.Holding, 0, 1, within=10.0)
        assert time.monotonic() - began < 0.1


async def test_reset_is_noticed_at_once_while_idle(server: FaultServer, link: Link) -> None:
    async with link:
        await read(link, 0)
        server.fault = lambda _: None
        asyncio.get_running_loop().call_later(0.05, server.drop)
        began = time.monotonic()
        with pytest.raises(LinkLost):
            await link.rest(10.0)
        assert time.monotonic() - began < 0.15


async def test_connection_on_which_nobody_answers_is_given_up(
    server: FaultServer, link: Link
) -> None:
    server.fault = lambda _: b""
    async with link:
        for _ in range(SILENT_LIMIT):
            with pytest.raises(NoAnswer):
                await link.read(1, Space.Holding, 0, 1, within=0.02)
        with pytest.raises(LinkLost, match="in a row"):
            await read(link, 0)
        await recovers(link, server)


async def test_one_silent_unit_does_not_close_the_line_of_the_others(
    server: FaultServer, link: Link
) -> None:
    server.fault = lambda q: b"" if q.unit == 9 else q.frame()
    async with link:
        for _ in range(2 * SILENT_LIMIT):
            with pytest.raises(NoAnswer):
                await link.read(9, Space.Holding, 0, 1, within=0.02)
            await read(link, 0)
    assert link.stats.connects == 1


async def test_two_longest_answers_in_one_segment_are_both_kept(
    server: FaultServer, link: Link
) -> None:
    server.fault = lambda q: q.frame(transaction=q.transaction - 1) + q.frame()
    async with link:
        await read(link, 0, 125)


async def test_cancelled_read_leaves_the_link_usable(server: FaultServer, link: Link) -> None:
    async with link:
        server.delay = 0.1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await read(link, 0)
        server.delay = 0.0
        await asyncio.sleep(0.15)
        await read(link, 100)


async def test_requests_of_many_borrowers_never_overlap(server: FaultServer, link: Link) -> None:
    pending = 0

    def alone(query: Query) -> bytes:
        nonlocal pending
        pending += 1
        assert pending == 1
        pending -= 1
        return query.frame()

    server.fault = alone
    server.delay = 0.002

    async def borrower(unit: int) -> None:
        async with link:
            for address in range(0, 100, 10):
                await read(link, address, unit=unit)

    async with asyncio.TaskGroup() as group:
        for unit in range(1, 6):
            group.create_task(borrower(unit))
    assert not link.connected
    assert link.stats.connects == 1


async def test_random_faults_never_give_wrong_registers(server: FaultServer, link: Link) -> None:
    dice = random.Random(7)
    kinds = [*(fault for fault, _ in FAULTS.values()), *GOOD.values(), refused(2)]

    def any_of(query: Query) -> bytes | None:
        fault = right if dice.random() < 0.5 else dice.choice(kinds)
        return fault(query)

    server.fault = any_of
    good = 0
    for _ in range(150):
        try:
            async with link:
                count = dice.randrange(1, 30)
                address = dice.randrange(1000)
                got = await link.read(2, Space.Holding, address, count, within=0.03)
            assert got == tuple(oracle(address + i, 2) for i in range(count))
            good += 1
        except DriverError:
            continue
    assert good > 25
    await recovers(link, server)


class Registers:
    """A server's memory that acknowledges writes or keeps silent about them."""

    def __init__(self) -> None:
        self.value = 0
        self.takes = True
        self.silent = False

    def __call__(self, query: Query) -> bytes:
        if query.function == 3:
            return query.frame(bytes((3, 2)) + struct.pack(">H", self.value))
        if self.takes:
            self.value = query.data[0]
        return b"" if self.silent else query.frame(query.echo())


async def test_unanswered_write_is_read_back(server: FaultServer, link: Link) -> None:
    server.fault = memory = Registers()
    async with link:
        await link.write_registers(1, 5, [41], within=WITHIN)
        memory.silent = True
        await link.write_registers(1, 5, [42], within=WITHIN)
        assert memory.value == 42
        memory.takes = False
        with pytest.raises(NoAnswer, match="write hr:5"):
            await link.write_registers(1, 5, [43], within=WITHIN)
        memory.silent = False
        with pytest.raises(BadTelegram, match="write hr:5"):
            await link.write_registers(1, 5, [43], within=WITHIN, verify=True)
