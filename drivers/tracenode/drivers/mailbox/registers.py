"""The mailbox's two areas over a guarded Modbus link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.guard import Link

__all__ = ["ModbusRegisters"]

MOST: Final = 100
"""Registers a telegram; below the 125 and 123 of the specification, which not every controller
takes."""


class ModbusRegisters:
    """A `Memory` in the holding registers of one unit; the link may be shared, requests of all its
    borrowers go one after the other."""

    def __init__(
        self,
        link: Link,
        unit: int,
        base_a: int,
        base_b: int,
        *,
        most: int = MOST,
        within: float | None = None,
    ) -> None:
        """`most`: registers of one telegram; `within`: seconds to wait for an answer."""
        self._link, self._unit = link, unit
        self._base_a, self._base_b = base_a, base_b
        self._most, self._within = min(most, MOST), within

    async def read_a(self, offset: int, count: int) -> Sequence[int]:
        return await self._read(self._base_a + offset, count)

    async def read_b(self, offset: int, count: int) -> Sequence[int]:
        return await self._read(self._base_b + offset, count)

    async def write_b(self, offset: int, values: Sequence[int]) -> None:
        for at in range(0, len(values), self._most):
            part = values[at : at + self._most]
            await self._link.write_registers(
                self._unit, self._base_b + offset + at, part, within=self._within
            )

    async def _read(self, address: int, count: int) -> list[int]:
        words: list[int] = []
        while len(words) < count:
            part = min(self._most, count - len(words))
            words += await self._link.read(
                self._unit, Space.Holding, address + len(words), part, within=self._within
            )
        return words
