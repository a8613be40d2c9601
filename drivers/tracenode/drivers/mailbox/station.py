"""One station's handshake in client mode: the server polls the controller's registers.

The state machine of docs/handshake.md: wait for a sequence, read, verify, book, answer. It speaks
to a `Memory` of registers, so that one machine serves every transport.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.mailbox import layout as area
from tracenode.drivers.mailbox.bypass import BypassLog
from tracenode.drivers.mailbox.layout import Answer, Layout, PlcBits, Result, ServerBits
from tracenode.drivers.mailbox.neighbours import Booker, Memory
from tracenode.drivers.mailbox.requests import answer_to, event_of, refused
from tracenode.drivers.mailbox.sequence import CycleRequests, Step, following
from tracenode.drivers.mailbox.sequence import Sequence as Handshake
from tracenode.drivers.mailbox.words import bytes_of
from tracenode.drivers.together import together
from tracenode.models.config import StationConfig
from tracenode.models.errors import BadTelegram, MalformedRequest, StoreError, TraceError
from tracenode.models.events import Gap, Reject, TraceEvent
from tracenode.models.receipts import Receipt, Requester

__all__ = ["Booker", "MailboxStats", "Memory", "StationMailbox"]

HEARTBEAT_S: Final = 0.5
"""How often the server counts its own heartbeat and looks at the controller's."""
STALE_AFTER_S: Final = 1.5
"""Three heartbeat periods of the controller."""
TORN_AFTER_S: Final = 2.0
"""A controller needs a few of its cycles to write a request, not seconds."""
BUSY_RETRY_S: Final = 0.5
MAX_REASON: Final = 254


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
    """Serves one controller; hold one per station and `run` it again when it failed.

    What was asked is booked at most once, whichever side restarts at whichever step: the request
    id is (round, boot id, sequence) and is looked up in the journal, not in memory.
    """

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
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._station, self._number, self._layout = station, number, layout
        self._memory, self._booker = memory, booker
        self._device, self._poll_s, self._clock = device, poll_ms / 1000, clock
        self._requester = Requester(f"mailbox:{station.id}")
        self.stats = MailboxStats()
        self._epoch = 0
        self._beat = 0
        self._heart = _Heart()
        self._last: Handshake | None = None
        self._answered: tuple[int, int] | None = None
        self._cycle = CycleRequests()
        self._bypass = BypassLog()
        self._durable = True
        self._torn: tuple[float, str] | None = None
        self._stale = False

    @property
    def trouble(self) -> str:
        """What is wrong, in words; empty while all is well."""
        if not self._durable:
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
        self._last = Handshake.read(await self._booker.last_request(self._requester.name))
        self._bypass.resume(await self._booker.last_request(self._of("bypass").name))
        self._answered, self._torn = None, None
        self._heart, self._stale = _Heart(None, self._clock.monotonic()), False
        try:
            await together(self._exchange_heartbeats(), self._serve_requests())
        finally:
            self._stale, self._torn = False, None

    def _of(self, part: str) -> Requester:
        """Who asks for what the mailbox records beside the controller's requests."""
        return Requester(f"{self._requester.name}/{part}")

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
            durable = self._durable and self._booker.healthy
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
                self._answered, self._torn = None, None
            elif self._answered is None or self._answered[1] != number:
                await self._serve()
            await asyncio.sleep(self._poll_s)

    async def _serve(self) -> None:
        words = await self._read_settled()
        if words is None:
            return
        boot, number = words[area.BOOT], words[self._layout.tail]
        try:
            step = following(self._last, boot, number)
        except MalformedRequest as error:
            await self._refuse_out_of_order(words, error)
            return
        fault: TraceError | None = None
        digest, key = self._layout.digest(words), ""
        try:
            request = self._layout.read(words)
            event = event_of(
                request,
                self._station,
                device=self._device,
                time_valid=bool(words[area.STATUS] & PlcBits.TimeValid),
            )
            key = self._cycle.key(step.sequence, request.cycle, digest)
        except TraceError as error:
            fault, event, digest = error, self._rejection(words, error), _refused_digest(words)
        if not await self._record_gap(step, boot):
            return
        receipt = await self._until_durable(
            event,
            self._requester,
            step.sequence.request_id,
            key=key,
            digest=digest,
            asked=(boot, number),
        )
        if receipt is None:
            return
        self._last = step.sequence
        if fault is not None and not receipt.refused:
            await self._answer(refused(fault, boot, receipt.position), number)
        else:
            await self._answer(answer_to(receipt, boot, self._station), number)

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
                self._torn = None
                return words
        since = self._torn[0] if self._torn else self._clock.monotonic()
        self._torn = (since, f"ReqSeqHead (A+8) is {head}, ReqSeq (A+{self._layout.tail}) {tail}")
        return None

    def _rejection(self, words: Sequence[int], error: TraceError) -> Reject:
        """Return the record of a request that can't be read: its bytes, and what is wrong."""
        raw = bytes_of(words[area.PAYLOAD :]).hex()
        reason = str(error)[:MAX_REASON]
        return Reject(station=self._station.id, device=self._device, raw=raw, reason=reason)

    async def _refuse_out_of_order(self, words: Sequence[int], error: MalformedRequest) -> None:
        """Refuse a sequence that ran backwards: it may be any request of long ago, so nothing is
        looked up by it, and what follows is still judged by the last good one."""
        boot, number = words[area.BOOT], words[self._layout.tail]
        digest, last = _refused_digest(words), self._last.request_id if self._last else ""
        request_id = f"{last}>{boot}.{number}.{digest.hex()}"
        receipt = await self._until_durable(
            self._rejection(words, error),
            self._of("backwards"),
            request_id,
            digest=digest,
            asked=(boot, number),
        )
        if receipt is not None:
            await self._answer(refused(error, boot, receipt.position), number)

    # ------------------------------------------------------------ recording
    async def _record_gap(self, step: Step, boot: int) -> bool:
        """Record requests that were never seen, once; False where the request was withdrawn."""
        if not step.missing:
            return True
        number = step.sequence.number
        gap = Gap(
            station=self._station.id,
            device=self._device,
            kind="handshake",
            expected=step.expected,
            found=number,
            missing=step.missing,
        )
        receipt = await self._until_durable(
            gap, self._of("gap"), step.sequence.request_id, asked=(boot, number)
        )
        return receipt is not None

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
            try:
                await self._booker.record(gap, self._of("bypass"), change.request_id)
            except StoreError:
                self._durable = False
                return False
            self._durable = True
            self._bypass.done()
        return True

    async def _until_durable(
        self,
        event: TraceEvent,
        requester: Requester,
        request_id: str,
        *,
        key: str = "",
        digest: bytes = b"",
        asked: tuple[int, int],
    ) -> Receipt | None:
        """Record until it is durable; meanwhile the controller sees BUSY. None where it has
        withdrawn `asked`, its boot id and sequence."""
        while True:
            try:
                receipt = await self._booker.record(
                    event, requester, request_id, natural_key=key, digest=digest
                )
            except StoreError as error:
                self._durable = False
                self.stats.busy += 1
                await self._report_busy(str(error), asked)
                await asyncio.sleep(BUSY_RETRY_S)
                if await self._withdrawn(asked):
                    return None
            else:
                self._durable = True
                return receipt

    async def _report_busy(self, text: str, asked: tuple[int, int]) -> None:
        """BUSY leaves AckSeq unchanged: nothing is acknowledged. Where AckSeq is this sequence
        already, the answer stands there since before a restart, and must not be spoilt."""
        boot, number = asked
        (acknowledged,) = await self._memory.read_b(area.ACK_SEQ, 1)
        if acknowledged != number:
            busy = Answer(boot, Result.Busy, text=text)
            await self._memory.write_b(area.B_BOOT, self._layout.answer(busy))

    async def _withdrawn(self, asked: tuple[int, int]) -> bool:
        (boot,) = await self._memory.read_a(area.BOOT, 1)
        (number,) = await self._memory.read_a(self._layout.tail, 1)
        return (boot, number) != asked

    # ------------------------------------------------------------ answering
    async def _answer(self, answer: Answer, number: int) -> None:
        """Write the answer, then the sequence in a write of its own, then read it back."""
        await self._memory.write_b(area.B_BOOT, self._layout.answer(answer))
        await self._memory.write_b(area.ACK_SEQ, [number])
        (written,) = await self._memory.read_b(area.ACK_SEQ, 1)
        if written != number:
            raise BadTelegram(f"AckSeq {number} at B+{area.ACK_SEQ} read back", str(written))
        self._answered = (answer.boot, number)
        self.stats.answered += 1
        self.stats.rejected += answer.result is Result.Rejected


def _refused_digest(words: Sequence[int]) -> bytes:
    """Return the digest of a payload that is not booked, check value and all: never that of one
    which is, so that a mended payload under the same sequence is a conflict and not a GO."""
    return hashlib.sha256(b"refused" + bytes_of(words[area.PAYLOAD :])).digest()[:16]
