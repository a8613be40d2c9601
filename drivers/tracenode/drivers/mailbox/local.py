"""Server mode: the areas are registers of ours, which the controller writes and reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from tracenode.drivers.mailbox.layout import AREA_B_SIZE, Layout
from tracenode.drivers.modbus.listener import Area

__all__ = ["LocalRegisters"]

LOOK_S: Final = 0.005
"""At least between two looks; a controller may write in every cycle of its own."""


class LocalRegisters:
    """A `Memory` that forgets when the server ends: the controller writes it anew then."""

    def __init__(self, layout: Layout, base_a: int, base_b: int) -> None:
        self._written = asyncio.Event()
        self._a = Area(base_a, [0] * layout.size, self._written.set)
        self._b = Area(base_b, [0] * AREA_B_SIZE)

    @property
    def areas(self) -> Sequence[Area]:
        """Both areas as clients have them: the second one can't be written."""
        return self._a, self._b

    async def read_a(self, offset: int, count: int) -> Sequence[int]:
        return self._a.words[offset : offset + count]

    async def read_b(self, offset: int, count: int) -> Sequence[int]:
        return self._b.words[offset : offset + count]

    async def write_b(self, offset: int, values: Sequence[int]) -> None:
        self._b.words[offset : offset + len(values)] = values

    async def pause(self, seconds: float) -> None:
        """Wait until something is written, `seconds` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._written.wait()
        await asyncio.sleep(LOOK_S)
        self._written.clear()
