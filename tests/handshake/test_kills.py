"""The server is killed with SIGKILL at each step of the state machine, before and after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.handshake.mailbox_process import MailboxProcess
from tests.support.handshake_plc import CPlc, handshake_plc
from tests.support.telegram_gate import Telegram, TelegramGate
from tracenode.models.events import Consume, Gap

pytestmark = pytest.mark.integration

CONSUME, GO = 14, 1
READ, TAIL, BOOT, ANSWER, ACK_SEQ = 3, 134, 7, 207, 268
STEPS = {
    "look": (READ, TAIL, 1),
    "read the payload": (READ, 0, 100),
    "read its end": (READ, 100, 35),
    "verify the head": (READ, BOOT, 2),
    "verify the tail": (READ, TAIL, 1),
    "answer": (16, ANSWER, 61),
    "acknowledge": (16, ACK_SEQ, 1),
    "read back": (READ, ACK_SEQ, 1),
}
"""What the server asks of the controller, in the order of the state machine."""
BOOKING = (0.0, 0.001, 0.002, 0.004)
"""Seconds after the payload was verified: around the commit."""


class Killer:
    """Kills the server when the telegram of a step comes by."""

    def __init__(self) -> None:
        self.server: MailboxProcess
        self._waiting: list[str] = []
        self._asked, self._delay = True, 0.0
        self.killed = asyncio.Event()

    def at(self, step: str, *, asked: bool, delay: float = 0.0) -> None:
        """Kill where `step` is reached, counted from now; `delay` seconds after it."""
        names = list(STEPS)
        self._waiting = names[: names.index(step) + 1]
        self._asked, self._delay = asked, delay
        self.killed.clear()

    async def __call__(self, telegram: Telegram) -> bool:
        if not self._waiting:
            return True
        step = (telegram.function, telegram.address, telegram.count)
        if step != STEPS[self._waiting[0]] or (len(self._waiting) > 1 and telegram.asked):
            return True
        if len(self._waiting) == 1 and telegram.asked is not self._asked:
            return True
        self._waiting.pop(0)
        if self._waiting:
            return True
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._kill)
            return True
        self._kill()
        return False

    def _kill(self) -> None:
        self.server.kill()
        self.killed.set()


async def killed_once(plc: CPlc, killer: Killer, *, asked: bool, step: str, delay: float) -> int:
    """Kill the server during a request and start it again; return the transaction answered."""
    killer.at(step, asked=asked, delay=delay)
    await plc.do(f"quick {CONSUME} 0 0 P1 L1 -")
    async with asyncio.timeout(10):
        await killer.killed.wait()
    await asyncio.to_thread(killer.server.start)
    answer = plc.answered(await plc.do("wait 15000"))
    assert answer.result == GO, (step, asked, answer)
    return answer.transaction


async def test_server_killed_at_each_step_books_once(tmp_path: Path) -> None:
    killer, answered = Killer(), []
    cases = [(step, asked, 0.0) for step in STEPS for asked in (True, False)]
    cases += [("verify the tail", False, delay) for delay in BOOKING[1:]]
    async with handshake_plc() as plc, TelegramGate(plc.port, killer) as gate:
        with MailboxProcess(tmp_path, gate.port) as killer.server:
            first = await plc.do(f"ask {CONSUME} 0 0 P1 L1 -")
            answered.append(plc.answered(first).transaction)
            for step, asked, delay in cases:
                answered.append(await killed_once(plc, killer, asked=asked, step=step, delay=delay))
    assert len(answered) == len(cases) + 1
    records = await killer.server.records()
    assert [r.position for r in records if isinstance(r.event, Consume)] == answered
    assert not [r for r in records if isinstance(r.event, Gap)]
