"""Which times a controller ran without trace, until they are recorded. No I/O."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

__all__ = ["BypassLog", "Change"]

MAX_PENDING: Final = 64
"""Changes kept while nothing can be recorded; beyond, two bypasses become one."""
_REQUEST_ID = re.compile(r"(\d+)\.(on|off)")


@dataclass(frozen=True, slots=True)
class Change:
    """The bypass went on or off."""

    number: int
    on: bool
    at: datetime

    @property
    def request_id(self) -> str:
        return f"{self.number}.{'on' if self.on else 'off'}"


class BypassLog:
    """Changes of a station's bypass bit. Each is recorded once, whoever restarts: they are
    numbered, and the number of the last one is in its request id."""

    def __init__(self) -> None:
        self._pending: deque[tuple[bool, datetime]] = deque()
        self._recorded = 0
        self._on = False

    def resume(self, last_request: str) -> None:
        """Go on after the last change that was recorded."""
        match = _REQUEST_ID.fullmatch(last_request)
        self._recorded = int(match[1]) if match else 0
        self._on = bool(match) and last_request.endswith("on")
        while self._pending and self._pending[0][0] is self._on:
            self._pending.popleft()

    def notice(self, on: bool, at: datetime) -> None:
        """Take the bit as it was read at a time."""
        now = self._pending[-1][0] if self._pending else self._on
        if on is now:
            return
        if on and len(self._pending) >= MAX_PENDING:
            self._pending.pop()
        else:
            self._pending.append((on, at))

    @property
    def next(self) -> Change | None:
        """The oldest change that is not recorded yet."""
        return Change(self._recorded + 1, *self._pending[0]) if self._pending else None

    def done(self) -> None:
        """The oldest change is recorded."""
        self._on, _ = self._pending.popleft()
        self._recorded += 1
