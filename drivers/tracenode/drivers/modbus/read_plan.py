"""What a device is asked per cycle, and what that costs its line. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.endpoint import Endpoint
from tracenode.drivers.modbus.options import BITS_PER_REGISTER, ModbusOptions
from tracenode.drivers.modbus.planner import Block, Span, distinct_lengths, plan
from tracenode.drivers.modbus.telegrams import read_request

__all__ = ["GroupPlan", "PlannedBlock", "ReadPlan", "describe", "planned_blocks"]

READ_REQUEST = 8
"""Bytes of a read request on an RTU wire."""


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    group: str
    space: Space
    block: Block

    def __str__(self) -> str:
        last = self.block.end - 1
        return f"{self.space}:{self.block.address}" + (
            f"-{last}" if last > self.block.address else ""
        )


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """The requests of one poll group."""

    group: str
    period_ms: int
    blocks: tuple[PlannedBlock, ...]
    requests: int
    """Per cycle."""
    registers: int
    """Per cycle, those between values included."""
    bits: int
    bus_load: float | None
    """Fraction of the line's time, without the device's own thinking; None on TCP."""


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """The read plan of a device, for `check`."""

    link: str
    unit: int
    groups: tuple[GroupPlan, ...]

    @property
    def bus_load(self) -> float | None:
        """Sum over the groups; above 1 the periods can't be kept."""
        loads = [group.bus_load for group in self.groups if group.bus_load is not None]
        return sum(loads) if loads else None

    def lines(self) -> Iterator[str]:
        """Return the plan in words, a line for each poll group and one for the bus."""
        for group in self.groups:
            blocks = ", ".join(str(block) for block in group.blocks)
            yield (
                f"{group.group}: every {group.period_ms} ms {group.requests} request(s) for "
                f"{group.registers} register(s) and {group.bits} bit(s): {blocks}"
            )
        if self.bus_load is not None:
            late = " (too much: the periods can't be kept)" if self.bus_load > 1 else ""
            yield f"bus load {self.bus_load:.0%}{late}"


def planned_blocks(options: ModbusOptions, endpoint: Endpoint) -> tuple[PlannedBlock, ...]:
    """Return every block of the device, by space, poll group and address.

    On an RTU line the blocks of a space differ in length as far as possible: an answer there
    does not say which request it belongs to.
    """
    result: list[PlannedBlock] = []
    for space in Space:
        blocks: list[Block] = []
        groups: list[str] = []
        gap = options.max_gap * (BITS_PER_REGISTER if space.bits else 1)
        limit = options.max_bits if space.bits else options.max_registers
        base = options.base_bits if space.bits else options.base
        ranges = [(r.first + base, r.last + base) for r in options.readable if r.space is space]
        for group in options.groups:
            spans = [
                Span(options.address(point), point.width)
                for point in options.points.values()
                if point.at.space is space and options.group_of(point) == group
            ]
            found = plan(spans, limit=limit, max_gap=gap, readable=ranges)
            blocks += found
            groups += [group] * len(found)
        if not endpoint.framing.transactions:
            grain = 8 if space.bits else 1
            blocks = list(
                distinct_lengths(blocks, limit=limit, max_gap=gap, readable=ranges, grain=grain)
            )
        result += [PlannedBlock(g, space, b) for g, b in zip(groups, blocks, strict=True)]
    return tuple(result)


def describe(options: ModbusOptions, endpoint: Endpoint) -> ReadPlan:
    """Say what will be read, how often, and what share of the line's time it takes."""
    blocks = planned_blocks(options, endpoint)
    groups = []
    for name, group in options.groups.items():
        own = tuple(block for block in blocks if block.group == name)
        busy = sum(_seconds(block, options.unit, endpoint) for block in own)
        groups.append(
            GroupPlan(
                name,
                group.period_ms,
                own,
                requests=len(own),
                registers=_elements(own, bits=False),
                bits=_elements(own, bits=True),
                bus_load=busy / (group.period_ms / 1000) if endpoint.character_time else None,
            )
        )
    return ReadPlan(endpoint.line, options.unit, tuple(groups))


def _elements(blocks: Sequence[PlannedBlock], *, bits: bool) -> int:
    return sum(block.block.count for block in blocks if block.space.bits is bits)


def _seconds(planned: PlannedBlock, unit: int, endpoint: Endpoint) -> float:
    """Time on the wire of request and answer and the silence after each."""
    request = read_request(unit, planned.space, planned.block.address, planned.block.count)
    characters = READ_REQUEST + request.size + 3
    return characters * endpoint.character_time + 2 * endpoint.silence
