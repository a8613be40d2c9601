"""Conformance by chance: a controller on libmodbus, the driver and a real journal, and between them
a link that delays, drops, corrupts, splits and cuts, while either side restarts.

A failure names its seed. `TRACENODE_HANDSHAKE_SEED` begins with it again (what the machine's timing
adds can't be replayed), `TRACENODE_HANDSHAKE_CYCLES` makes the run longer than half a minute.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from typing import TypeAlias

import pytest

from tests.drivers.mailbox.conftest import Plant
from tests.drivers.mailbox.served import Server, listening, server
from tests.support.controller import GO
from tests.support.faulty_link import FaultyLink
from tests.support.handshake_plc import CPlc, PlcAnswer, handshake_client, handshake_plc
from tests.support.rigs import free_port
from tracenode.models.events import Consume, Gap, Receive, Register, Reject
from tracenode.models.receipts import Requester

pytestmark = pytest.mark.integration

CYCLES = int(os.environ.get("TRACENODE_HANDSHAKE_CYCLES", "0"))
SEED = int(os.environ.get("TRACENODE_HANDSHAKE_SEED", "0")) or random.SystemRandom().getrandbits(32)
BOUND_S = 13.0
"""Of one mode in a run without TRACENODE_HANDSHAKE_CYCLES."""
FEWEST = 10
RATE = 0.03
REGISTER, CONSUME = 8, 14
WAIT_S = 30.0


Serving: TypeAlias = Callable[[], AbstractAsyncContextManager[Server]]


class Line:
    """The controller, the link and the server, and what was answered."""

    def __init__(self, plant: Plant, plc: CPlc, link: FaultyLink, serving: Serving) -> None:
        self.plant, self.plc, self.link, self.chance = plant, plc, link, link.chance
        self._serving = serving
        self._server = AsyncExitStack()
        self._boot = 7
        self.answered: dict[int, tuple[str, str]] = {}
        """Transaction -> type of the record and the item that it must be about."""
        self.restarts: Counter[str] = Counter()

    async def start(self) -> None:
        await self._server.enter_async_context(self._serving())

    async def stop(self) -> None:
        await self._server.aclose()

    async def book(self, cycle: int, code: int, serial: str) -> None:
        """Ask until it is answered, whatever happens; a cycle that is disturbed is begun anew."""
        ids = f"PUMP - {serial}" if code == REGISTER else f"{serial} L1 -"
        ends = time.monotonic() + WAIT_S
        answer: PlcAnswer | None = None
        while answer is None:
            assert time.monotonic() < ends, f"cycle {cycle} is not answered"
            await self.plc.do(f"quick {code} 0 {cycle} {ids}")
            anew = await self._disturb()
            answer = None if anew else await self._wait(ends)
        assert answer.result == GO, (cycle, answer)
        self._is_durable(answer.transaction)
        kind = "register" if code == REGISTER else "consume"
        self.answered[answer.transaction] = kind, serial

    async def _wait(self, ends: float) -> PlcAnswer:
        while True:
            said = await self.plc.do("wait 1000")
            if said.startswith("answer"):
                return self.plc.answered(said)
            assert time.monotonic() < ends, said

    async def _disturb(self) -> bool:
        """Restart one side now and then; True where the controller did, and asks again."""
        drawn = self.chance.random()
        if drawn > 0.12:
            return False
        await asyncio.sleep(self.chance.uniform(0, 0.06))
        if drawn < 0.04:
            self.restarts["controller"] += 1
            self._boot = self._boot % 65535 + 1
            await self.plc.do(f"boot {self._boot}")
            return True
        if drawn < 0.09:
            self.restarts["server"] += 1
            await self.stop()
            await self.start()
        else:
            self.restarts["journal"] += 1
            self.plant.down = True
            await asyncio.sleep(self.chance.uniform(0, 0.1))
            self.plant.down = False
        return False

    def _is_durable(self, transaction: int) -> None:
        """Another connection sees what is acknowledged."""
        with closing(sqlite3.connect(self.plant.trace.store.path)) as journal:
            found = journal.execute("SELECT 1 FROM journal WHERE seq=?", (transaction,)).fetchone()
        assert found, f"acknowledged record {transaction} is not in the journal"


Mode: TypeAlias = Callable[[Plant, random.Random], AbstractAsyncContextManager[Line]]


@asynccontextmanager
async def client_mode(plant: Plant, chance: random.Random) -> AsyncIterator[Line]:
    """The server polls the controller."""
    async with handshake_plc() as plc, FaultyLink(plc.port, chance, RATE) as link:
        yield Line(plant, plc, link, lambda: server(plant, port=link.port, timeout_ms=100))


@asynccontextmanager
async def server_mode(plant: Plant, chance: random.Random) -> AsyncIterator[Line]:
    """The controller writes into the server's registers."""
    port = free_port()
    async with FaultyLink(port, chance, RATE) as link, handshake_client(link.port) as plc:
        yield Line(plant, plc, link, lambda: listening(plant, port))


@pytest.mark.parametrize("mode", [client_mode, server_mode])
async def test_each_request_has_one_effect_whatever_happens(plant: Plant, mode: Mode) -> None:
    print(f"TRACENODE_HANDSHAKE_SEED={SEED}")
    await plant.trace.record(Receive(item="L1", material="SEAL"), Requester("mes"))
    ends, done = time.monotonic() + BOUND_S, 0
    async with mode(plant, random.Random(SEED)) as running:
        await running.start()
        try:
            while done < CYCLES if CYCLES else time.monotonic() < ends:
                done += 1
                serial, cycle = f"S{done:06d}", done % 65535 + 1
                await running.book(cycle, REGISTER, serial)
                await running.book(cycle, CONSUME, serial)
        finally:
            await running.stop()
    print(f"{done} cycles; {dict(running.link.faults)}; restarts {dict(running.restarts)}")
    records = await plant.records()
    effects = {
        record.position: (record.event.type, record.item.rpartition(":")[2])
        for record in records
        if isinstance(record.event, Register | Consume) and record.requester == "mailbox:OP10"
    }
    assert effects == running.answered, "an effect twice, a phantom, or a wrong answer"
    assert len(effects) == 2 * done
    assert not [record for record in records if isinstance(record.event, Gap)]
    assert not [record for record in records if isinstance(record.event, Reject)]
    assert done >= FEWEST and len(running.link.faults) >= 5 and running.restarts
