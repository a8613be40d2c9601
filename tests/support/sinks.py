"""Sinks that keep what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tracenode.models.readings import Reading, Scan

__all__ = ["CollectingSink"]


class CollectingSink:
    """Keeps every scan and reading; `gate` closed holds the next scan back, as a slow disk does."""

    def __init__(self) -> None:
        self.scans: list[Scan] = []
        self.seen: list[Reading] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fail: Exception | None = None

    async def scan(self, scan: Scan) -> None:
        await self.gate.wait()
        if self.fail is not None:
            raise self.fail
        self.scans.append(scan)

    def readings(self, readings: Sequence[Reading]) -> None:
        self.seen += readings

    @property
    def texts(self) -> list[str | None]:
        return [scan.text for scan in self.scans]
