"""Which connections are let in and for how long they may stay without a session.

Whoever reaches the port can connect. So connections are limited, overall and of one address; one
that has no session gives way to a new one when there are too many (OPC 10000-4 5.5.2), and is cut
off when it takes too long to open a channel, to finish a message or to activate a session.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from asyncua.ua.status_codes import StatusCodes

__all__ = ["Admission", "ConnectionLimits", "Guest"]

SWEEP_S: Final = 1.0
FORGERIES: Final = 10
"""Broken handshakes with a certificate that is trusted, each of which costs us a private key
operation; an address that sent so many waits for `FORGIVEN_S` for each further one."""
FORGIVEN_S: Final = 2.0
REMEMBERED: Final = 1_000
"""Addresses with broken handshakes."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections, and how many seconds for what."""

    most: int = 400
    of_one_address: int = 200
    open_s: float = 10.0
    """From connecting to an open channel."""
    session_s: float = 30.0
    """Without an activated session."""
    message_s: float = 30.0
    """From the first chunk of a message to its last."""


class Guest(Protocol):
    """A connection as this room sees it; times are those of the loop."""

    @property
    def address(self) -> str: ...
    @property
    def connected_at(self) -> float: ...
    @property
    def idle_since(self) -> float | None:
        """Since when it has no activated session; None: it has one."""

    def has_channel(self) -> bool: ...
    def message_since(self) -> float | None:
        """Since when a message is not whole."""

    def drop(self, code: int, words: str) -> None:
        """End the connection with an Error message (OPC 10000-6 7.1.5)."""


class Admission:
    """The connections that are in, oldest first. Used on the event loop."""

    def __init__(self, limits: ConnectionLimits, refused: Callable[[str, str], None]) -> None:
        self.limits = limits
        self._refused = refused
        self._in: dict[Guest, None] = {}
        self._of: dict[str, int] = {}
        self._forged: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._in)

    def enter(self, guest: Guest) -> str:
        """Let a connection in; returns why not, empty if it is in."""
        why = self._full(guest)
        if why:
            self._refused(guest.address, why)
            return why
        self._in[guest] = None
        self._of[guest.address] = self._of.get(guest.address, 0) + 1
        return ""

    def leave(self, guest: Guest) -> None:
        """Forget a connection; does nothing when it is not in."""
        if guest not in self._in:
            return
        del self._in[guest]
        left = self._of[guest.address] - 1
        if left:
            self._of[guest.address] = left
        else:
            del self._of[guest.address]

    def forged(self, address: str) -> None:
        """Remember a broken handshake that cost us a private key operation."""
        now = asyncio.get_running_loop().time()
        debt, since = self._forged.pop(address, (0.0, now))
        self._forged[address] = max(0.0, debt - (now - since) / FORGIVEN_S) + 1, now
        while len(self._forged) > REMEMBERED:
            self._forged.popitem(last=False)

    def _full(self, guest: Guest) -> str:
        now = asyncio.get_running_loop().time()
        debt, since = self._forged.get(guest.address, (0.0, now))
        if debt - (now - since) / FORGIVEN_S > FORGERIES:
            return "too many broken handshakes from this address"
        if self._of.get(guest.address, 0) >= self.limits.of_one_address and not self._make_room(
            guest.address
        ):
            return f"{self.limits.of_one_address} connections of this address have sessions"
        if len(self._in) >= self.limits.most and not self._make_room():
            return f"{self.limits.most} connections have sessions"
        return ""

    def _make_room(self, address: str = "") -> bool:
        """Drop the oldest connection without a session; of one address, if given."""
        for guest in self._in:
            if guest.idle_since is not None and address in ("", guest.address):
                self.leave(guest)
                guest.drop(StatusCodes.BadTcpServerTooBusy, "a new connection needs its place")
                return True
        return False

    # ------------------------------------------------------------------ time limits
    def start(self) -> None:
        """Look at the connections every second."""
        self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(SWEEP_S, self._sweep)
        now = loop.time()
        for guest in list(self._in):
            why = self._late(guest, now)
            if why:
                self._refused(guest.address, why)
                self.leave(guest)
                guest.drop(StatusCodes.BadTimeout, why)

    def _late(self, guest: Guest, now: float) -> str:
        limits = self.limits
        if not guest.has_channel() and now - guest.connected_at > limits.open_s:
            return f"no channel within {limits.open_s:g} s"
        if guest.idle_since is not None and now - guest.idle_since > limits.session_s:
            return f"no session for {limits.session_s:g} s"
        since = guest.message_since()
        if since is not None and now - since > limits.message_s:
            return f"a message was not whole after {limits.message_s:g} s"
        return ""
