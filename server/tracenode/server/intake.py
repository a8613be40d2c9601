"""From what devices give to what is recorded: the sink of all drivers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from tracenode.models.config import StationConfig
from tracenode.models.errors import StoreError
from tracenode.models.event_parts import MAX_REFERENCE
from tracenode.models.events import Observe, Reject, Start, TraceEvent
from tracenode.models.readings import Reading, RejectReason, Scan
from tracenode.models.receipts import Receipt, Requester

__all__ = ["Intake"]

STORE_RETRY_S: Final = 0.5
MAX_RAW: Final = 8_192
"""Bytes of an unreadable telegram that are kept."""
MAX_REASON: Final = 254


class Door(Protocol):
    async def record(
        self, event: TraceEvent, requester: Requester, request_id: str = ""
    ) -> Receipt: ...


class Display(Protocol):
    """Where the state of devices is shown; neither call blocks."""

    def show(self, readings: Sequence[Reading]) -> None: ...

    def scanned(self, scan: Scan) -> None: ...


class Intake:
    """The sink of all devices; `stations` tells at which station a device stands.

    A scan is awaited until it is durable, so a journal that is slow or down slows the reader and
    loses nothing; it is shown after that. Readings are shown at once.
    """

    def __init__(self, door: Door, stations: Mapping[str, StationConfig], display: Display) -> None:
        self._door, self._stations = door, stations
        self._display = display
        self.readings = display.show

    async def scan(self, scan: Scan) -> None:
        event = self._event(scan)
        requester = Requester(f"device:{scan.device}")
        while True:
            try:
                await self._door.record(event, requester)
            except StoreError:
                await asyncio.sleep(STORE_RETRY_S)
            else:
                self._display.scanned(scan)
                return

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
