"""Cut a stream of bytes into telegrams. No I/O, no timers: whoever reads says when it was idle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tracenode.models.readings import RejectReason

__all__ = ["Framer", "Framing", "Telegram", "Terminator"]


class Terminator(StrEnum):
    """What ends a telegram."""

    Line = "line"
    """CR, LF or CR LF, whichever comes. Ends at the CR: an LF right behind it is passed over."""
    CR = "CR"
    """An LF right behind it is passed over."""
    LF = "LF"
    CRLF = "CRLF"
    ETX = "ETX"
    """Line ends between telegrams are passed over."""
    TAB = "TAB"


_ENDS: Final = {
    Terminator.Line: re.compile(rb"[\r\n]"),
    Terminator.CR: re.compile(rb"\r"),
    Terminator.LF: re.compile(rb"\n"),
    Terminator.CRLF: re.compile(rb"\r\n"),
    Terminator.ETX: re.compile(rb"\x03"),
    Terminator.TAB: re.compile(rb"\t"),
}


@dataclass(frozen=True, slots=True)
class Framing:
    """How a device wraps its telegrams."""

    terminator: Terminator = Terminator.Line
    start: bytes = b""
    """STX or a prefix that every telegram begins with. A control character resynchronises: what
    stands before it is a telegram cut short, or junk."""
    max_length: int = 4096
    """Bytes without the terminator; more is TooLong, and all up to the next end is skipped."""


@dataclass(frozen=True, slots=True)
class Telegram:
    """One telegram, or the reject that stands for it."""

    raw: bytes
    """As it came, with start and terminator; of a TooLong the first `max_length` bytes."""
    body: bytes
    """Between start and terminator; empty for a reject."""
    at: datetime
    """When the first byte came."""
    reject: RejectReason | None = None
    note: str = ""


class Framer:
    """Feeding the same bytes in any pieces gives the same telegrams.

    Every byte is accounted for: at any time `fed` is the sum of the lengths of every `raw` given
    so far, `skipped`, `passed_over` and `pending`.
    """

    def __init__(self, framing: Framing) -> None:
        self.framing = framing
        self.fed = 0
        self.skipped = 0
        """Bytes behind the first `max_length` of a TooLong, its terminator among them."""
        self.passed_over = 0
        """Line ends between telegrams."""
        self._buffer = bytearray()
        self._at: datetime | None = None
        self._searched = 0
        self._skipping = False
        self._after_cr = False

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their telegram."""
        return len(self._buffer)

    @property
    def busy(self) -> bool:
        """Whether a telegram is open or being skipped, so that an idle time means something."""
        return bool(self._buffer) or self._skipping

    def feed(self, data: bytes, at: datetime) -> list[Telegram]:
        """Take bytes that came at `at`; return the telegrams that they complete."""
        self.fed += len(data)
        self._buffer += data
        telegrams: list[Telegram] = []
        while self._pass_over():
            first = self._at = self._at or at
            ends = _ENDS[self.framing.terminator].search(self._buffer, self._searched)
            body_end = ends.start() if ends else len(self._buffer) - self._half_terminator()
            if not self._skipping and body_end > self.framing.max_length:
                telegrams.append(self._too_long(first))
                continue
            if ends is None:
                if self._skipping:
                    self.skipped += len(self._take(body_end))
                self._searched = max(0, len(self._buffer) - 1)
                break
            raw = self._take(ends.end())
            self._after_cr = raw.endswith(b"\r")
            if self._skipping:
                self._skipping = False
                self.skipped += len(raw)
            else:
                telegrams += self._split(raw, body_end, first)
        return telegrams

    def idle(self) -> list[Telegram]:
        """Nothing came for the device's idle time: what is open will not be completed."""
        return self._give_up("the idle time")

    def lost(self) -> list[Telegram]:
        """The link is gone: what is open will not be completed."""
        return self._give_up("the end of the connection")

    # ------------------------------------------------------------- the buffer
    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._at, self._searched = None, 0
        return taken

    def _pass_over(self) -> bool:
        """Drop line ends that belong to no telegram; false where nothing is left."""
        if self._buffer and self._at is None and not self._skipping:
            if self._after_cr:
                self._after_cr = False
                dropped = int(self._buffer.startswith(b"\n"))
            elif self.framing.terminator is Terminator.ETX:
                dropped = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
            else:
                dropped = 0
            self.passed_over += len(self._take(dropped))
        return bool(self._buffer)

    def _half_terminator(self) -> int:
        return int(self.framing.terminator is Terminator.CRLF and self._buffer.endswith(b"\r"))

    def _too_long(self, at: datetime) -> Telegram:
        raw = self._take(self.framing.max_length)
        self._skipping = True
        expected = f"{self.framing.terminator} within {self.framing.max_length} bytes"
        note = f"expected {expected}, found none; skipping to the next (baud rate? terminator?)"
        return Telegram(raw, b"", at, RejectReason.TooLong, note)

    def _give_up(self, instead: str) -> list[Telegram]:
        at, raw = self._at, self._take(len(self._buffer))
        self._after_cr = False
        if self._skipping:
            self._skipping = False
            self.skipped += len(raw)
            return []
        if at is None:
            return []
        note = f"expected {self.framing.terminator}, found {instead}"
        return [Telegram(raw, b"", at, RejectReason.Unterminated, note)]

    # ------------------------------------------------------------- the start
    def _split(self, raw: bytes, body_end: int, at: datetime) -> list[Telegram]:
        """Cut a terminated piece at its start marks."""
        start = self.framing.start
        if not start:
            return [Telegram(raw, raw[:body_end], at)]
        if raw.startswith(start) and not self._resynchronises(start):
            return [Telegram(raw, raw[len(start) : body_end], at)]
        last = raw.rfind(start, 0, body_end) if self._resynchronises(start) else -1
        if last < 0:
            note = f"expected {start!r} at the start, found {raw[: len(start)]!r}"
            return [Telegram(raw, b"", at, RejectReason.NoStart, note)]
        telegrams = [self._cut_short(piece, at) for piece in _pieces(raw[:last], start)]
        return [*telegrams, Telegram(raw[last:], raw[last + len(start) : body_end], at)]

    def _cut_short(self, piece: bytes, at: datetime) -> Telegram:
        start, terminator = self.framing.start, self.framing.terminator
        if piece.startswith(start):
            note = f"expected {terminator}, found the next {start!r}"
            return Telegram(piece, b"", at, RejectReason.Unterminated, note)
        note = f"expected {start!r} at the start, found {piece[:1]!r}"
        return Telegram(piece, b"", at, RejectReason.NoStart, note)

    @staticmethod
    def _resynchronises(start: bytes) -> bool:
        return len(start) == 1 and start < b" "


def _pieces(raw: bytes, start: bytes) -> list[bytes]:
    """Split before every `start`; the pieces join to `raw`, none is empty."""
    junk, *begun = raw.split(start)
    return [piece for piece in (junk, *(start + body for body in begun)) if piece]
