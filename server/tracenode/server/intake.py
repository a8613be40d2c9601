"""From what devices give to what is recorded: the sink of every driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tracenode.models.config import StationConfig
from tracenode.models.errors import StoreError
from tracenode.models.events import Observe, Reject, Start, TraceEvent
from tracenode.models.readings import Reading, Scan
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


class Intake:
    """The sink of one device.

    A scan is awaited until it is durable, so a journal that is slow or down slows the reader and
    loses nothing. Readings go on to `show`, which never blocks.
    """

    def __init__(
        self,
        door: Door,
        device: str,
        station: StationConfig | None,
        show: Callable[[Sequence[Reading]], None],
    ) -> None:
        self._door, self._station = door, station
        self._device = device
        self._requester = Requester(f"device:{device}")
        self.readings = show

    async def scan(self, scan: Scan) -> None:
        event = self._event(scan)
        while True:
            try:
                await self._door.record(event, self._requester)
            except StoreError:
                await asyncio.sleep(STORE_RETRY_S)
            else:
                return

    def _event(self, scan: Scan) -> TraceEvent:
        station = self._station.id if self._station else ""
        if scan.text is None:
            why = scan.reject.name if scan.reject else "Unreadable"
            return Reject(
                event_time=scan.at,
                station=station,
                device=self._device,
                raw=scan.raw[:MAX_RAW].hex(),
                reason=f"{why}: {scan.note}"[:MAX_REASON],
            )
        if self._station and self._station.on_scan == "start" and not scan.duplicate:
            return Start(
                event_time=scan.at,
                station=station,
                device=self._device,
                item=scan.text,
                step=self._station.step,
            )
        return Observe(
            event_time=scan.at,
            station=station,
            device=self._device,
            item=scan.text,
            symbology=scan.symbology or "",
            duplicate=scan.duplicate,
        )
