"""One station's handshake in client mode: the server polls the controller's registers.

The state machine of docs/handshake.md: wait for a sequence, read, verify, book, answer. It speaks
to a `Memory` of registers, so that one machine serves every transport.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tracenode.drivers.mailbox import layout as area
from tracenode.drivers.mailbox.layout import Answer, Layout, PlcBits, Request, Result, ServerBits
from tracenode.drivers.mailbox.requests import answer_to, event_of, natural_key, refused
from tracenode.drivers.mailbox.sequence import Sequence as Handshake
from tracenode.drivers.mailbox.sequence import Step, following
from tracenode.models.config import StationConfig
from tracenode.models.errors import BadTelegram, MalformedRequest, StoreError, TraceError
from tracenode.models.events import Gap, Reject, TraceEvent
from tracenode.models.receipts import Receipt, Requester

__all__ = ["Booker", "Memory", "StationMailbox"]

HEARTBEAT_S: Final = 0.5
"""How often the server counts its own heartbeat and looks at the controller's."""
STALE_AFTER_S: Final = 1.5
"""Three heartbeat periods of the controller."""
MAX_WORDS: Final = 100
"""Registers a read; below the Modbus limit of 125, so that short-buffered controllers answer."""
BUSY_RETRY_S: Final = 0.5


class Memory(Protocol):
    """The controller's registers, offsets from each area's base.

    Both raise DriverError; a read returns exactly `count` registers or raises.
    """

    async def read_a(self, offset: int, count: int) -> Sequence[int]: ...

    async def write_b(self, offset: int, values: Sequence[int]) -> None: ...

    async def read_b(self, offset: int, count: int) -> Sequence[int]: ...


class Booker(Protocol):
    """The one door for bookings, as a mailbox needs it."""

    async def record(
        self,
        event: TraceEvent,
        requester: Requester,
        request_id: str = "",
        *,
        natural_key: str = "",
    ) -> Receipt:
        """Raises StoreError where nothing can be booked now."""
        ...

    async def last_request(self, requester: str) -> str: ...


@dataclass(slots=True)
class _Heart:
    beat: int | None = None
    since: float = 0.0
    stale: bool = False


class StationMailbox:
    """Serves one controller until its link fails; hold one per station and `run` it again then.

    What was asked is booked at most once, whichever side restarts at whichever step: the request id
    is (boot id, wraps, sequence) and is looked up in the journal, not in memory.
    """

    def __init__(
        self,
        station: StationConfig,
        number: int,
        layout: Layout,
        memory: Memory,
        booker: Booker,
        *,
        poll_ms: int = 30,
        on_stale: Callable[[bool], None] = lambda stale: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._station, self._number, self._layout = station, number, layout
        self._memory, self._booker = memory, booker
        self._poll_s = poll_ms / 1000
        self._on_stale, self._clock = on_stale, clock
        self._requester = Requester(f"mailbox:{station.id}")
        self._epoch = secrets.randbelow(65_535) + 1
        self._beat = 0
        self._heart = _Heart()
        self._last: Handshake | None = None
        self._answered: tuple[int, int] | None = None
        self._bypass = False
        self._durable = True

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            DriverError: the link failed, or these registers are no handshake area of this
                station; run again when that is mended.
        """
        await self._read_head()
        self._last = Handshake.read(await self._booker.last_request(self._requester.name))
        self._answered = None
        self._heart = _Heart(None, self._clock())
        await self._write_header()
        beaten = self._clock()
        while True:
            (number,) = await self._memory.read_a(self._layout.tail, 1)
            if number:
                await self._serve(number)
            now = self._clock()
            if now - beaten >= HEARTBEAT_S:
                beaten = now
                await self._exchange_heartbeats()
            await asyncio.sleep(self._poll_s)

    async def _read_head(self) -> Sequence[int]:
        head = await self._memory.read_a(0, area.PAYLOAD)
        try:
            self._layout.identify(head, self._number)
        except MalformedRequest as error:
            raise BadTelegram(f"{error.field} {error.expected}", error.found) from error
        return head

    # ------------------------------------------------------------ heartbeats
    async def _write_header(self) -> None:
        """Offsets 0 to 6 only: an answer that the controller has not taken yet stays in place."""
        pattern = divmod(area.PATTERN, 0x1_0000)
        await self._memory.write_b(
            0, [area.MAGIC, area.VERSION << 8, *pattern, self._beat, self._bits(), self._epoch]
        )

    def _bits(self) -> int:
        return int(ServerBits.Online | (ServerBits.Durable if self._durable else 0))

    async def _exchange_heartbeats(self) -> None:
        self._beat = (self._beat + 1) & 0xFFFF
        await self._memory.write_b(area.B_HEARTBEAT, [self._beat, self._bits()])
        head = await self._read_head()
        heart, now = self._heart, self._clock()
        if head[area.HEARTBEAT] != heart.beat:
            heart.beat, heart.since = head[area.HEARTBEAT], now
        stale = now - heart.since > STALE_AFTER_S
        if stale != heart.stale:
            heart.stale = stale
            self._on_stale(stale)
        await self._watch_bypass(bool(head[area.STATUS] & PlcBits.Bypass))

    async def _watch_bypass(self, bypass: bool) -> None:
        if bypass == self._bypass:
            return
        note = "the controller runs without trace" if bypass else "the controller traces again"
        gap = Gap(station=self._station.id, kind="bypass", missing=0, note=note)
        await self._until_durable(gap, Requester(f"{self._requester.name}/bypass"), "", "")
        self._bypass = bypass

    # ------------------------------------------------------------ a request
    async def _serve(self, number: int) -> None:
        words = await self._read_area()
        boot = words[area.BOOT]
        if (boot, number) == self._answered:
            return
        if words[self._layout.tail] != number or not await self._is_settled(words):
            return  # the controller is still writing; the next poll reads again
        step: Step | None = None
        try:
            step = following(self._last, boot, number)
            request = self._layout.read(words)
            event = event_of(
                request,
                self._station,
                time_valid=bool(words[area.STATUS] & PlcBits.TimeValid),
            )
        except TraceError as error:
            await self._refuse(words, error)
            self._last = step.sequence if step else self._last
            return
        receipt = await self._book(event, request, step)
        self._last = step.sequence
        await self._answer(answer_to(receipt, boot, self._station), number)

    async def _read_area(self) -> list[int]:
        words: list[int] = []
        while len(words) < self._layout.size:
            count = min(MAX_WORDS, self._layout.size - len(words))
            words += await self._memory.read_a(len(words), count)
        return words

    async def _is_settled(self, words: Sequence[int]) -> bool:
        """True where head and tail carry one sequence, before the payload was read and after."""
        number = words[self._layout.tail]
        if words[area.HEAD_SEQ] != number:
            return False
        boot, head = await self._memory.read_a(area.BOOT, 2)
        (tail,) = await self._memory.read_a(self._layout.tail, 1)
        return (boot, head, tail) == (words[area.BOOT], number, number)

    async def _book(self, event: TraceEvent, request: Request, step: Step) -> Receipt:
        """Record until it is durable; meanwhile the controller sees BUSY."""
        if step.missing and self._last is not None:
            gap = Gap(
                station=self._station.id,
                kind="handshake",
                expected=self._last.number + 1,
                found=step.sequence.number,
                missing=step.missing,
            )
            gap_id = f"gap.{step.sequence.request_id}"
            await self._until_durable(gap, Requester(f"{self._requester.name}/gap"), gap_id, "")
        return await self._until_durable(
            event, self._requester, step.sequence.request_id, natural_key(request)
        )

    async def _until_durable(
        self, event: TraceEvent, requester: Requester, request_id: str, key: str
    ) -> Receipt:
        while True:
            try:
                receipt = await self._booker.record(event, requester, request_id, natural_key=key)
            except StoreError as error:
                await self._report_busy(str(error))
                await asyncio.sleep(BUSY_RETRY_S)
                continue
            if not self._durable:
                self._durable = True
                await self._write_header()
            return receipt

    async def _report_busy(self, text: str) -> None:
        """BUSY leaves AckSeq unchanged: nothing is acknowledged."""
        self._durable = False
        (boot,) = await self._memory.read_a(area.BOOT, 1)
        busy = Answer(boot, Result.Busy, text=text)
        await self._write_header()
        await self._memory.write_b(area.B_BOOT, busy.registers())

    async def _refuse(self, words: Sequence[int], error: TraceError) -> None:
        """Record the bytes of a request that can't be read, then answer REJECTED."""
        raw = b"".join(word.to_bytes(2, "big") for word in words[area.PAYLOAD :])
        boot, number = words[area.BOOT], words[self._layout.tail]
        record = Reject(
            station=self._station.id,
            device=self._requester.name,
            raw=raw.hex(),
            reason=str(error)[:254],
        )
        requester = Requester(f"{self._requester.name}/rejected")
        await self._until_durable(record, requester, f"{boot}.{number}.{hash_of(raw)}", "")
        await self._answer(refused(error, boot), number)

    async def _answer(self, answer: Answer, number: int) -> None:
        """Write the answer, then the sequence in a write of its own, then read it back."""
        await self._memory.write_b(area.B_BOOT, answer.registers())
        await self._memory.write_b(area.ACK_SEQ, [number])
        (written,) = await self._memory.read_b(area.ACK_SEQ, 1)
        if written != number:
            raise BadTelegram(f"AckSeq {number} read back", str(written))
        self._answered = (answer.boot, number)


def hash_of(raw: bytes) -> str:
    return f"{area.crc16(list(raw)):04x}"
