"""From what devices give to what is recorded: the sink of all drivers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from tracenode.models.config import StationConfig
from tracenode.models.errors import StoreError
from tracenode.models.event_parts import MAX_REFERENCE
from tracenode.models.events import Observe, Reject, Start, TraceEvent
from tracenode.models.readings import Reading, RejectReason, Scan
from tracenode.models.receipts import Receipt, Requester
from tracenode.models.status import TraceStatus
from tracenode.server.flood import Flood, Summed

__all__ = ["Intake"]

STORE_RETRY_S: Final = 0.5
MAX_RAW: Final = 8_192
"""Bytes of an unreadable telegram that are kept."""
MAX_REASON: Final = 254
SUM_S: Final = 5.0
"""Between two records of a flood that lasts."""


class Door(Protocol):
    async def record(
        self,
        event: TraceEvent,
        requester: Requester,
        request_id: str = "",
        *,
        digest: bytes = b"",
    ) -> Receipt: ...


class Display(Protocol):
    """Where the state of devices is shown; neither call blocks."""

    def show(self, readings: Sequence[Reading]) -> None: ...

    def scanned(self, scan: Scan) -> None: ...


class Intake:
    """The sink of all devices; `stations` tells at which station a device stands.

    A scan is awaited until it is durable, so a journal that is slow or down slows the reader and
    loses nothing; it is shown after that. A scan that its device names is recorded once under that
    name, however often it comes. Of a flood of unreadable scans, what is beyond a rate is
    counted, and the count recorded every SUM_S. Readings are shown at once.
    """

    def __init__(self, door: Door, stations: Mapping[str, StationConfig], display: Display) -> None:
        self._door, self._stations = door, stations
        self._display = display
        self._floods: dict[str, Flood] = {}
        self.readings = display.show

    async def scan(self, scan: Scan) -> None:
        event = self._event(scan)
        if not isinstance(event, Reject):
            await self._record_once(event, scan)
        elif not self._flood(scan.device).holds(scan):
            await self._record(event)
        self._display.scanned(scan)

    async def run(self) -> None:
        """Record the counts of floods until cancelled; then `record_counts` once more."""
        while True:
            await asyncio.sleep(SUM_S)
            await self.record_counts()

    async def record_counts(self) -> None:
        """Record what was summed up since the last time, one record a device."""
        for flood in list(self._floods.values()):  # recording lets another device's first one in
            summed = flood.take()
            if summed is not None:
                await self._record(self._count(summed))

    def _flood(self, device: str) -> Flood:
        return self._floods.setdefault(device, Flood())

    async def _record_once(self, event: TraceEvent, scan: Scan) -> None:
        """Record under the name that the device gave, if any. A name that stands for another scan
        already is refused, and this one recorded without it: none is lost."""
        receipt = await self._record(event, scan.request_id, _digest(scan.text or ""))
        if receipt.status is TraceStatus.RequestConflict:
            await self._record(event)

    async def _record(
        self, event: TraceEvent, request_id: str = "", digest: bytes = b""
    ) -> Receipt:
        requester = Requester(f"device:{event.device}")
        while True:
            try:
                return await self._door.record(event, requester, request_id, digest=digest)
            except StoreError:
                await asyncio.sleep(STORE_RETRY_S)

    def _count(self, summed: Summed) -> Reject:
        last = self._event(summed.last)
        assert isinstance(last, Reject)
        since = summed.first.at.isoformat(timespec="seconds")
        text = f"{summed.count} unreadable scans since {since}; the last: {last.reason}"
        return last.model_copy(update={"reason": text[:MAX_REASON]})

    def _event(self, scan: Scan) -> TraceEvent:
        at = self._stations.get(scan.device)
        station = at.id if at else ""
        if scan.text is None or len(scan.text) > MAX_REFERENCE:
            why = scan.reject or RejectReason.TooLong
            note = scan.note or f"expected at most {MAX_REFERENCE} characters"
            return Reject(
                event_time=scan.at,
                station=station,
                device=scan.device,
                raw=scan.raw[:MAX_RAW].hex(),
                reason=f"{why.name}: {note}"[:MAX_REASON],
            )
        if at and at.on_scan == "start" and not scan.duplicate:
            return Start(
                event_time=scan.at,
                station=station,
                device=scan.device,
                item=scan.text,
                step=at.step,
            )
        return Observe(
            event_time=scan.at,
            station=station,
            device=scan.device,
            item=scan.text,
            symbology=scan.symbology or "",
            duplicate=scan.duplicate,
        )


def _digest(text: str) -> bytes:
    """Return 16 bytes that tell one scan from another: by its code, since a publisher that sends it
    again may well count that in the payload."""
    return hashlib.sha256(text.encode()).digest()[:16]
