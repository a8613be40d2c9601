"""One station's handshake over registers: the controller's, which the server polls (client mode),
or the server's, which the controller writes (server mode).

Waits for a sequence, reads, has it served by the `exchange`, answers. It speaks to a `Memory` of
registers.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.mailbox import layout as area
from tracenode.drivers.mailbox.bypass import BypassLog
from tracenode.drivers.mailbox.exchange import BUSY_RETRY_S, Asked, Exchange
from tracenode.drivers.mailbox.layout import Answer, Layout, PlcBits, Result, ServerBits
from tracenode.drivers.mailbox.neighbours import Booker, Memory
from tracenode.drivers.mailbox.requests import answer_to, event_of, refused
from tracenode.drivers.mailbox.words import bytes_of
from tracenode.drivers.together import together
from tracenode.models.config import StationConfig
from tracenode.models.device_errors import BadTelegram
from tracenode.models.events import Gap, TraceEvent

__all__ = ["Booker", "MailboxStats", "Memory", "StationMailbox"]

HEARTBEAT_S: Final = 0.5
"""How often the server counts its own heartbeat and looks at the controller's."""
STALE_AFTER_S: Final = 1.5
"""Three heartbeat periods of the controller."""
TORN_AFTER_S: Final = 2.0
"""A controller needs a few of its cycles to write a request, not seconds."""
DRAIN_S: Final = 0.005
"""Between two looks while the controller says that more requests wait."""


@dataclass(slots=True)
class MailboxStats:
    """Counters since start."""

    answered: int = 0
    rejected: int = 0
    """Of those: answered with REJECTED."""
    busy: int = 0
    """Attempts to book that failed and were made again."""


@dataclass(slots=True)
class _Heart:
    """The controller's heartbeat: its last count and when that came (monotonic)."""

    beat: int | None = None
    since: float = 0.0


class StationMailbox:
    """Serves one controller; hold one per station and `run` it again when it failed."""

    def __init__(
        self,
        station: StationConfig,
        number: int,
        layout: Layout,
        memory: Memory,
        booker: Booker,
        *,
        device: str = "",
        poll_ms: int = 30,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`pause` waits between two looks, so many seconds at most."""
        self.pause = pause
        self._station, self._number, self._layout = station, number, layout
        self._memory, self._booker = memory, booker
        self._exchange = Exchange(station.id, f"mailbox:{station.id}", booker, self, device=device)
        self._device, self._poll_s, self._clock = device, poll_ms / 1000, clock
        self._stats = MailboxStats()
        self._epoch = 0
        self._beat = 0
        self._heart = _Heart()
        self._answered: tuple[int, int] | None = None
        self._bypass = BypassLog()
        self._torn: tuple[float, str] | None = None
        self._stale = self._more = False

    @property
    def stale(self) -> bool:
        """True while the controller's heartbeat stands still."""
        return self._stale

    @property
    def stats(self) -> MailboxStats:
        """Counters since start."""
        self._stats.busy = self._exchange.busy
        return self._stats

    @property
    def trouble(self) -> str:
        """What is wrong, in words; empty while all is well."""
        if not self._exchange.durable:
            return "nothing can be booked now: the controller sees BUSY"
        if self._stale:
            return "the controller's heartbeat (A+5) stands still"
        if self._torn and self._clock.monotonic() - self._torn[0] > TORN_AFTER_S:
            return self._torn[1]
        return ""

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            DriverError: the link failed, or these registers are no handshake area of this
                station; run again when that is mended.
            StoreError: what was booked last can't be read.
        """
        await self._read_head()
        if not self._epoch:
            (before,) = await self._memory.read_b(area.B_EPOCH, 1)
            self._epoch = before % 0xFFFF + 1 if before else secrets.randbelow(0xFFFF) + 1
        await self._exchange.resume()
        self._bypass.resume(await self._exchange.last_note("bypass"))
        self._answered, self._torn, self._more = None, None, False
        self._heart, self._stale = _Heart(None, self._clock.monotonic()), False
        try:
            await together(self._exchange_heartbeats(), self._serve_requests())
        finally:
            self._stale, self._torn = False, None

    async def _read_head(self) -> Sequence[int]:
        head = await self._memory.read_a(0, area.PAYLOAD)
        self._layout.identify(head, self._number)
        return head

    # ------------------------------------------------------------ heartbeats
    async def _exchange_heartbeats(self) -> None:
        """Beside the requests, so that a server that is busy does not look like one that died.

        Offsets 0 to 6 are written whole each time: a controller that was restarted finds them, and
        an answer that it has not taken yet stays in place.
        """
        while True:
            self._beat = (self._beat + 1) & 0xFFFF
            durable = self._exchange.durable and self._booker.healthy
            bits = ServerBits.Online | (ServerBits.Durable if durable else ServerBits(0))
            await self._memory.write_b(0, self._layout.header(self._beat, bits, self._epoch))
            head = await self._read_head()
            self._listen(head[area.HEARTBEAT])
            if self._answered and self._answered[0] != head[area.BOOT]:
                self._answered = None
            self._bypass.notice(bool(head[area.STATUS] & PlcBits.Bypass), self._clock.utc())
            await asyncio.sleep(HEARTBEAT_S)

    def _listen(self, beat: int) -> None:
        heart, now = self._heart, self._clock.monotonic()
        if beat != heart.beat:
            heart.beat, heart.since = beat, now
        self._stale = now - heart.since > STALE_AFTER_S

    # ------------------------------------------------------------ requests
    async def _serve_requests(self) -> None:
        retry_at = 0.0
        while True:
            if self._clock.monotonic() >= retry_at and not await self._record_bypass():
                retry_at = self._clock.monotonic() + BUSY_RETRY_S
            (number,) = await self._memory.read_a(self._layout.tail, 1)
            if number == 0:
                self._answered, self._torn, self._more = None, None, False
            elif self._answered is None or self._answered[1] != number:
                await self._serve()
            await self.pause(min(DRAIN_S, self._poll_s) if self._more else self._poll_s)

    async def _serve(self) -> None:
        words = await self._read_settled()
        if words is None:
            return
        if not self._layout.intact(words):
            # What was changed on the way is not the controller's: a wrong block counts if it is
            # read alike again, else the next look finds the right one.
            again = await self._read_settled()
            if again is None or again[area.HEAD_SEQ :] != words[area.HEAD_SEQ :]:
                self._is_torn("the payload (from A+9) changes while it is read, its CRC is wrong")
                return
        self._torn = None
        status = words[area.STATUS]
        bypass, self._more = bool(status & PlcBits.Bypass), bool(status & PlcBits.MoreData)
        self._bypass.notice(bypass, self._clock.utc())
        asked = Asked(
            boot=words[area.BOOT],
            number=words[self._layout.tail],
            digest=self._layout.digest(words),
            unread=_unread_digest(words),
            raw=bytes_of(words[area.PAYLOAD :]).hex(),
            bypassed=bypass,
            unit=self._layout.unit(words) if bypass else "",
            kept=bypass or self._more,
        )
        settled = await self._exchange.serve(asked, lambda: self._event(words))
        if settled is None:
            return
        receipt, fault = settled.receipt, settled.fault
        if fault is not None:
            answer = refused(fault, asked.boot, receipt.position)
        else:
            answer = answer_to(receipt, asked.boot, self._station)
        await self._answer(answer, asked.number)

    def _event(self, words: Sequence[int]) -> tuple[TraceEvent, int]:
        """Return the event that a request asks to book, and its cycle counter.

        Raises:
            TraceError: it can't be read.
        """
        request = self._layout.read(words)
        time_valid = bool(words[area.STATUS] & PlcBits.TimeValid)
        event = event_of(request, self._station, device=self._device, time_valid=time_valid)
        return event, request.cycle

    async def _read_settled(self) -> Sequence[int] | None:
        """Return area A where head and tail carry one sequence, before the payload was read and
        after; None while the controller writes."""
        words = await self._memory.read_a(0, self._layout.size)
        self._layout.identify(words, self._number)
        head, tail = words[area.HEAD_SEQ], words[self._layout.tail]
        if head == tail:
            boot, head = await self._memory.read_a(area.BOOT, 2)
            (tail,) = await self._memory.read_a(self._layout.tail, 1)
            if (boot, head, tail) == (words[area.BOOT], words[area.HEAD_SEQ], head) and tail:
                return words
        self._is_torn(f"ReqSeqHead (A+8) is {head}, ReqSeq (A+{self._layout.tail}) {tail}")
        return None

    def _is_torn(self, why: str) -> None:
        """Note why nothing can be read, since when it can't."""
        since = self._torn[0] if self._torn else self._clock.monotonic()
        self._torn = (since, why)

    # ------------------------------------------------------------ beside the requests
    async def _record_bypass(self) -> bool:
        """Record what is known of the bypass; False where nothing can be recorded now."""
        while change := self._bypass.next:
            note = "the controller runs without trace" if change.on else "the controller traces"
            gap = Gap(
                station=self._station.id,
                device=self._device,
                event_time=change.at,
                kind="bypass",
                missing=0,
                note=note,
            )
            if not await self._exchange.note(gap, "bypass", change.request_id):
                return False
            self._bypass.done()
        return True

    async def busy(self, asked: Asked, text: str) -> None:
        """BUSY leaves AckSeq unchanged: nothing is acknowledged. Where AckSeq is this sequence
        already, the answer stands there since before a restart, and must not be spoilt."""
        (acknowledged,) = await self._memory.read_b(area.ACK_SEQ, 1)
        if acknowledged != asked.number:
            busy = Answer(asked.boot, Result.Busy, text=text)
            await self._memory.write_b(area.B_BOOT, self._layout.answer(busy))

    async def withdrawn(self, asked: Asked) -> bool:
        """True where the registers hold another sequence, or another controller, by now."""
        (boot,) = await self._memory.read_a(area.BOOT, 1)
        (number,) = await self._memory.read_a(self._layout.tail, 1)
        return (boot, number) != (asked.boot, asked.number)

    # ------------------------------------------------------------ answering
    async def _answer(self, answer: Answer, number: int) -> None:
        """Write the answer, then the sequence in a write of its own, then read it back."""
        await self._memory.write_b(area.B_BOOT, self._layout.answer(answer))
        await self._memory.write_b(area.ACK_SEQ, [number])
        (written,) = await self._memory.read_b(area.ACK_SEQ, 1)
        if written != number:
            raise BadTelegram(f"AckSeq {number} at B+{area.ACK_SEQ} read back", str(written))
        self._answered = (answer.boot, number)
        self._stats.answered += 1
        self._stats.rejected += answer.result is Result.Rejected


def _unread_digest(words: Sequence[int]) -> bytes:
    """Return the digest of a payload that is not booked, check value and all."""
    return hashlib.sha256(b"refused" + bytes_of(words[area.PAYLOAD :])).digest()[:16]
