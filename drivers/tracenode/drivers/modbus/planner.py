"""Which blocks to read for a set of values: as few requests as the limits allow. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tracenode.drivers.modbus.addresses import LAST_ADDRESS

__all__ = ["MAX_BITS", "MAX_REGISTERS", "Block", "Span", "distinct_lengths", "halves", "plan"]

MAX_REGISTERS = 125
"""Registers of one read (MODBUS Application Protocol V1.1b3, 6.3)."""

MAX_BITS = 2000
"""Bits of one read (6.1)."""

Range = tuple[int, int]
"""First and last readable address, both included."""

WHOLE: Range = (0, LAST_ADDRESS)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The registers (or bits) of one value; never split."""

    address: int
    width: int

    @property
    def end(self) -> int:
        """The address after its last one."""
        return self.address + self.width


@dataclass(frozen=True, slots=True)
class Block:
    """One read request and the spans it serves."""

    address: int
    count: int
    spans: tuple[Span, ...]

    @property
    def end(self) -> int:
        return self.address + self.count

    @property
    def needed(self) -> int:
        """The count without trailing elements that no span asks for."""
        return max(span.end for span in self.spans) - self.address


def plan(
    spans: Sequence[Span], *, limit: int, max_gap: int, readable: Sequence[Range] = ()
) -> tuple[Block, ...]:
    """Cover every span by exactly one block, in ascending order.

    Neighbours share a block while at most `max_gap` unused elements lie between them, the block
    is at most `limit` wide, and all of it lies in one range of `readable` (none: everything is).

    Raises:
        ValueError: a span is wider than `limit` or lies in no readable range.
    """
    blocks: list[Block] = []
    last_home: Range | None = None
    for span in sorted(set(spans)):
        if span.width > limit:
            raise ValueError(f"at most {limit} in one read, not {span.width}")
        home = _home(span, readable)
        last = blocks[-1] if blocks else None
        if (
            last is not None
            and home == last_home
            and span.address - last.end <= max_gap
            and max(span.end, last.end) - last.address <= limit
        ):
            end = max(span.end, last.end)
            blocks[-1] = Block(last.address, end - last.address, (*last.spans, span))
        else:
            blocks.append(Block(span.address, span.width, (span,)))
        last_home = home
    return tuple(blocks)


def distinct_lengths(
    blocks: Sequence[Block],
    *,
    limit: int,
    max_gap: int,
    readable: Sequence[Range] = (),
    grain: int = 1,
) -> tuple[Block, ...]:
    """Let blocks differ in length as far as possible, by reading on past their end.

    On an RTU line an answer names neither address nor request: only its length tells a late
    answer from the one waited for. A block grows inside its readable range, or, where none is
    declared, by at most `max_gap`; one that can't be made distinct stays as it is (the link then
    refuses an answer that might be a late one). Lengths are distinct in units of `grain`
    elements: 8 for bits, which share bytes.
    """
    taken: set[int] = set()
    grown: dict[int, Block] = {}
    for index in sorted(range(len(blocks)), key=lambda i: -blocks[i].count):
        block = blocks[index]
        first = block.spans[0]
        end = _home(first, readable)[1] + 1 if readable else block.end + max_gap
        most = min(limit, end - block.address, LAST_ADDRESS + 1 - block.address)
        for count in range(block.count, most + 1):
            if -(-count // grain) not in taken:
                block = replace(block, count=count)
                break
        taken.add(-(-block.count // grain))
        grown[index] = block
    return tuple(grown[index] for index in range(len(blocks)))


def halves(block: Block) -> tuple[Block, ...]:
    """Return what to read instead of a block that the device refused; itself if nothing is left.

    First the elements past the last span go; then the block is cut at its widest gap, which is
    the likeliest hole; where there is no gap, in the middle. Overlapping spans stay together.
    """
    if block.count > block.needed:
        return (replace(block, count=block.needed),)
    cuts: list[tuple[int, float, int]] = []
    end = block.spans[0].end
    middle = (len(block.spans) - 1) / 2
    for index, (before, after) in enumerate(pairwise(block.spans), start=1):
        end = max(end, before.end)
        if after.address >= end:
            cuts.append((after.address - end, -abs(index - 0.5 - middle), index))
    if not cuts:
        return (block,)
    _, _, cut = max(cuts)
    return _around(block.spans[:cut]), _around(block.spans[cut:])


def _around(spans: tuple[Span, ...]) -> Block:
    end = max(span.end for span in spans)
    return Block(spans[0].address, end - spans[0].address, spans)


def _home(span: Span, readable: Sequence[Range]) -> Range:
    if not readable:
        if span.end > LAST_ADDRESS + 1:
            raise ValueError(f"addresses up to {LAST_ADDRESS}, not {span.end - 1}")
        return WHOLE
    for first, last in readable:
        if first <= span.address and span.end - 1 <= last:
            return first, last
    allowed = ", ".join(f"{first}-{last}" for first, last in readable)
    raise ValueError(
        f"addresses inside the readable {allowed}, not {span.address}"
        + (f"-{span.end - 1}" if span.width > 1 else "")
    )
