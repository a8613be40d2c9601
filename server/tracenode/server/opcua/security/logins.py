"""How often a password may be tried, and how many are checked at a time.

Nobody can lock everybody out: what slows an address down is its own failures, and a name that
logged in from there goes on. A name that is guessed at from many addresses is slowed down for
addresses from which it never logged in.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

__all__ = ["LoginGate", "TooManyLogins"]

T = TypeVar("T")

FREE: Final = 3
"""Failures in a row of one name from one address before the next one has to wait."""
BACK_OFF_S, MAX_BACK_OFF_S = 1.0, 60.0
ADDRESS_FAILURES: Final = 30
"""Failures of an address, whatever the names, that it may have in `FORGET_S`."""
NAME_FAILURES: Final = 100
"""Failures of a name from addresses that it never came from, in `FORGET_S`."""
FORGET_S: Final = 300.0
REMEMBERED: Final = 4_096
"""Addresses, names and pairs remembered; the longest unused go first."""
CHECKS: Final = 2
"""Passwords checked at a time, on threads of their own."""
WAITING: Final = 32
WAITING_OF_ADDRESS: Final = 4


class TooManyLogins(Exception):
    """A login is not tried now; the text says why and how long."""


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    until: float = 0.0


class LoginGate:
    """Asks before each check whether it may be made, and runs it off the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, ...], _Failures] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None
        self._turns = asyncio.Semaphore(CHECKS)
        self._waiting: dict[str, int] = {}

    async def check(self, address: str, name: str, work: Callable[[], T | None]) -> T | None:
        """Run `work` on a thread; None is a failed login and counts as one.

        Raises:
            TooManyLogins: the address failed too often lately, or too many wait already.
        """
        refusal = self._refusal(address, name)
        if refusal:
            raise TooManyLogins(refusal)
        waiting = self._waiting.get(address, 0)
        if sum(self._waiting.values()) >= WAITING or waiting >= WAITING_OF_ADDRESS:
            raise TooManyLogins("too many logins wait to be checked; try again")
        self._waiting[address] = waiting + 1
        try:
            async with self._turns:
                refusal = self._refusal(address, name)  # others of this address failed meanwhile
                if refusal:
                    raise TooManyLogins(refusal)
                found = await asyncio.get_running_loop().run_in_executor(self._threads(), work)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]
        if found is None:
            self._failed(address, name)
        else:
            self._succeeded(address, name)
        return found

    def close(self) -> None:
        """Let go of the threads; a check that runs ends by itself."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(CHECKS, "login")
        return self._pool

    # ------------------------------------------------------------------ failures
    def _refusal(self, address: str, name: str) -> str:
        now = self._clock()
        pair = self._held(("pair", address, name), now)
        if pair is not None and pair.until > now:
            return _later("failed logins of this name from this address", pair.until - now)
        if (address, name) in self._known:
            return ""
        whole = self._held(("address", address), now)
        if whole is not None and whole.count >= ADDRESS_FAILURES:
            return _later("failed logins from this address", whole.last + FORGET_S - now)
        named = self._held(("name", name), now)
        if named is not None and named.count >= NAME_FAILURES:
            return _later(
                "failed logins of this name from addresses new to it",
                named.last + FORGET_S - now,
            )
        return ""

    def _held(self, key: tuple[str, ...], now: float) -> _Failures | None:
        found = self._failures.get(key)
        if found is not None and now - found.last > FORGET_S:
            del self._failures[key]
            return None
        return found

    def _failed(self, address: str, name: str) -> None:
        now = self._clock()
        keys: list[tuple[str, ...]] = [("address", address), ("pair", address, name)]
        if (address, name) not in self._known:
            keys.append(("name", name))
        for key in keys:
            held = self._held(key, now) or _Failures()
            held.count += 1
            held.last = now
            if held.count > FREE:
                wait = BACK_OFF_S * 2.0 ** min(held.count - FREE - 1, 10)
                held.until = now + min(wait, MAX_BACK_OFF_S)
            self._failures[key] = held
            self._failures.move_to_end(key)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def _succeeded(self, address: str, name: str) -> None:
        self._failures.pop(("pair", address, name), None)
        self._known[address, name] = None
        self._known.move_to_end((address, name))
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _later(why: str, seconds: float) -> str:
    return f"too many {why}; try again in {max(round(seconds), 1)} s"
