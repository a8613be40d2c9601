"""Making the synthetic battery and electronics plant of 0.1 to 10 million edges, in seconds; the
same for the same seed.

Thirteen materials deep, so twelve levels. Fan-in to 196 (a module of 192 cells), fan-out to 110,000
(a lot of electrolyte). Of the modules 2 % are spares, and half of those replace one in a pack that
is long built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks._genealogy_plant import MATERIALS, NUMBERS, Integers, Kind, Plant
from benchmarks._plant import START_US

__all__ = ["built"]

EDGES_PER_PACK: Final = 1740
PACKS_PER_YEAR: Final = 5800
SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
CELLS: Final = (12, 48, 192)
"""Cells of a module, in 80, 15 and 5 % of them."""
WINDOW: Final = 400
"""Cells are graded: a module takes some of so many, not a run of them."""
BUILT: Final = ("MODULE", "PACK")
"""Registered, started, put together part by part, completed."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Items of one material by provisional numbers, and when each is born, in order."""

    items: Integers
    born: Integers


class _Works:
    """Collects what is made, with provisional item numbers from 0."""

    def __init__(self, packs: int, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.span = int(365 * DAY * max(packs / PACKS_PER_YEAR, 0.02))
        self.made: list[tuple[str, Integers]] = []
        self.inputs: list[tuple[Integers, Integers]] = []
        self.steps: list[tuple[Integers, ...]] = []
        self._count = 0

    def make(self, material: str, count: int, start: int) -> _Batch:
        """Make items from day `start` on, evenly over the plant's life."""
        even = (np.arange(max(1, count)) * (self.span / max(1, count))).astype(np.int64)
        jitter = self.chance.integers(0, 60 * SECOND, len(even))
        return self.make_at(material, np.sort(START_US + start * DAY + even + jitter))

    def make_at(self, material: str, born: Integers) -> _Batch:
        items = np.arange(self._count, self._count + len(born))
        self._count += len(born)
        self.made.append((material, born))
        return _Batch(items, born)

    def near(self, made: _Batch, lots: _Batch, spread: float) -> Integers:
        """Return for each item a lot that is there already, near the one whose turn it is."""
        turn = np.arange(len(made.items)) * (len(lots.items) / len(made.items))
        turn += self.chance.normal(0, spread, len(turn))
        chosen = turn.clip(0, len(lots.items) - 1).astype(np.int64)
        ready = np.searchsorted(lots.born, made.born) - 1
        assert ready.min() >= 0, "a lot must be there before it is used"
        return lots.items[np.minimum(chosen, ready)]

    def transform(self, made: _Batch, lots: _Batch, spread: float, times: int = 1) -> None:
        for _ in range(times):
            self.feed(made, self.near(made, lots, spread))

    def feed(self, made: _Batch, sources: Integers) -> None:
        self.inputs.append((made.items, sources))

    def step(
        self,
        kind: Kind,
        items: Integers,
        at: Integers,
        part: Integers | int = -1,
        *,
        place: Integers | int = 0,
        old: Integers | int = -1,
    ) -> None:
        columns = (int(kind), at, items, part, old, place)
        self.steps.append(tuple(np.broadcast_to(c, items.shape).astype(np.int64) for c in columns))

    def plant(self) -> Plant:
        """Order everything by time and number it."""
        births = tuple(
            np.concatenate(column)
            for column in zip(
                *(
                    (np.full(len(born), NUMBERS[material]), born, np.arange(1, len(born) + 1))
                    for material, born in self.made
                ),
                strict=True,
            )
        )
        material, born, serial = births
        none = np.full(len(born), -1)
        first = (_birth_kinds()[material], born, np.arange(len(born)), none, none, none + 1)
        columns = [np.concatenate(parts) for parts in zip(first, *self.steps, strict=True)]
        order = np.argsort(columns[1], kind="stable")
        kind, at, item, part, old, place = (column[order] for column in columns)
        number = np.zeros(len(born) + 1, np.int64)
        is_birth = kind <= Kind.Register
        number[item[is_birth]] = np.arange(1, len(born) + 1)
        by_number = item[is_birth]
        ordinal = np.arange(len(at))
        event_of = np.zeros(len(born) + 1, np.int64)
        event_of[number[item[is_birth]]] = ordinal[is_birth]
        output = number[np.concatenate([items for items, _ in self.inputs])]
        source = number[np.concatenate([sources for _, sources in self.inputs])]
        # A lot that is taken twice is one input.
        pairs = np.unique(event_of[output] << 32 | source)
        return Plant(
            material=material[by_number].astype(np.uint8),
            serial=serial[by_number],
            kind=kind.astype(np.uint8),
            at=np.maximum.accumulate(at - ordinal) + ordinal,
            item=number[item],
            part=number[part],
            old=number[old],
            place=place,
            first=np.searchsorted(pairs >> 32, np.arange(len(at) + 1)),
            source=pairs & 0xFFFF_FFFF,
        )


def _birth_kinds() -> Integers:
    registered = {*BUILT, "PALLET", "SHIPMENT"}
    return np.array(
        [
            Kind.Register
            if material.name in registered
            else (Kind.Transform if material.station else Kind.Receive)
            for material in MATERIALS
        ],
        np.int64,
    )


def built(edges: int, seed: int = 7) -> Plant:
    """Return a plant of about so many edges."""
    packs = max(3, edges // EDGES_PER_PACK)
    works = _Works(packs, seed)
    spares = packs * 8 // 50 + 1
    shares = (0.8, 0.15, 0.05)
    sizes = works.chance.choice(CELLS, size=8 * packs + spares, p=shares).astype(np.int64)
    cells = _cells(works, int(sizes.sum()))
    boards = _boards(works, 9 * packs + spares)
    _packs(works, packs, spares, sizes=sizes, cells=cells, boards=boards)
    return works.plant()


def _cells(works: _Works, count: int) -> _Batch:
    ore = works.make("ORE", max(2, count // 500_000), 0)
    refined = works.make("REFINED", max(3, count // 100_000), 5)
    works.transform(refined, ore, 0.7, 2)
    precursor = works.make("PRECURSOR", max(4, count // 40_000), 8)
    works.transform(precursor, refined, 1, 3)
    active = works.make("ACTIVE", max(6, count // 20_000), 10)
    works.transform(active, precursor, 1, 2)
    sublots = works.make("SUBLOT", 20 * len(active.items), 11)
    works.transform(sublots, active, 0.6)
    slurry = works.make("SLURRY", max(8, count // 6_400), 12)
    works.transform(slurry, sublots, 3, 5)
    works.transform(slurry, works.make("BINDER", max(2, count // 60_000), 0), 0.6)
    works.transform(slurry, works.make("SOLVENT", max(2, count // 150_000), 0), 0.6)
    coils = works.make("COIL", 4 * len(slurry.items), 13)
    works.transform(coils, slurry, 0.8)
    works.transform(coils, works.make("FOIL", max(3, count // 25_000), 0), 0.6)
    strips = works.make("STRIP", 8 * len(coils.items), 14)
    works.transform(strips, coils, 0.1)
    cells = works.make("CELL", count, 15)
    works.transform(cells, strips, 1.5)
    works.transform(cells, strips, 3.5)
    for material, uses in (
        ("SEPARATOR", 10_000),
        ("ELECTROLYTE", 110_000),
        ("CAN", 5_000),
        ("TAB", 40_000),
    ):
        works.transform(cells, works.make(material, max(2, count // uses), 0), 0.05)
    return cells


def _boards(works: _Works, count: int) -> _Batch:
    dice = works.make("DIE", max(4, count // 400), 4)
    works.transform(dice, works.make("WAFER", max(2, count // 3_000), 0), 0.6, 2)
    reels = works.make("REEL", 20 * (count // 900 + 1), 6)
    works.transform(reels, dice, 0.6)
    panels = works.make("PANEL", count // 6 + 1, 15)
    works.transform(panels, works.make("PCB", max(2, count // 2_000), 0), 0.6)
    boards = works.make("BOARD", count, 16)
    works.transform(boards, panels, 0.1)
    works.transform(boards, works.make("PASTE", max(2, count // 30_000), 0), 0.6)
    for lane in range(20):
        works.transform(boards, _Batch(reels.items[lane::20], reels.born[lane::20]), 0.1)
    return boards


def _packs(
    works: _Works, packs: int, spares: int, *, sizes: Integers, cells: _Batch, boards: _Batch
) -> None:
    """Build modules, spare ones last, and packs of eight; pack, ship and repair them."""
    count = 8 * packs
    starts = np.cumsum(sizes) - sizes
    window = np.arange(len(cells.items)) + works.chance.uniform(0, WINDOW, len(cells.items))
    graded = np.argsort(window, kind="stable")
    number = np.arange(count + spares)
    # Of nine boards in a row, eight go into modules and one into their pack.
    board = np.where(number < count, number // 8 * 9 + number % 8, number + packs)
    even = (number * (works.span / len(number))).astype(np.int64)
    latest = np.maximum(np.maximum.reduceat(cells.born[graded], starts), boards.born[board])
    born = np.maximum.accumulate(np.maximum(START_US + 18 * DAY + even, latest + HOUR))
    modules = works.make_at("MODULE", born)
    glue = works.make("GLUE", max(2, packs // 300), 0)
    screws = works.make("SCREW", max(2, packs // 800), 0)
    busbars = works.make("BUSBAR", max(2, packs // 100), 0)
    owner = np.repeat(number, sizes)
    place = np.arange(len(owner)) - starts[owner]
    at = born[owner] + (place + 2) * SECOND
    works.step(Kind.Start, modules.items, born + SECOND)
    works.step(Kind.Assemble, modules.items[owner], at, cells.items[graded], place=place + 1)
    end = born + (sizes + 2) * SECOND
    works.step(Kind.Assemble, modules.items, end, boards.items[board], place=sizes + 1)
    for turn, lots in enumerate((glue, busbars, screws), 1):
        lot = works.near(modules, lots, 0.6)
        works.step(Kind.Consume, modules.items, end + turn * SECOND, lot)
    done = end + 4 * SECOND
    works.step(Kind.Complete, modules.items, done)

    made = np.arange(packs)
    even = START_US + 20 * DAY + (made * (works.span / packs)).astype(np.int64)
    parts = np.maximum(done[:count].reshape(-1, 8).max(axis=1), boards.born[9 * made + 8])
    born = np.maximum.accumulate(np.maximum(even, parts + HOUR))
    finished = works.make_at("PACK", born)
    works.step(Kind.Start, finished.items, born + SECOND)
    owner = np.arange(count) // 8
    bay = np.arange(count) % 8
    works.step(
        Kind.Assemble,
        finished.items[owner],
        born[owner] + (bay + 2) * SECOND,
        modules.items[:count],
        place=bay + 1,
    )
    housings, harnesses = works.make("HOUSING", packs, 10), works.make("HARNESS", packs, 10)
    others = (boards.items[9 * made + 8], housings.items, harnesses.items)
    for turn, part in enumerate(others, 9):
        works.step(Kind.Assemble, finished.items, born + (turn + 1) * SECOND, part, place=turn)
    for turn, lots in enumerate((screws, glue), 13):
        lot = works.near(finished, lots, 0.6)
        works.step(Kind.Consume, finished.items, born + turn * SECOND, lot)
    complete = born + 15 * SECOND
    works.step(Kind.Complete, finished.items, complete)

    replaced = np.sort(works.chance.choice(count, size=max(1, spares // 2), replace=False))
    new = count + np.arange(len(replaced))
    later = works.chance.integers(DAY, 60 * DAY, len(replaced))
    when = np.maximum(complete[replaced // 8] + later, done[new] + HOUR)
    works.step(
        Kind.Replace,
        finished.items[replaced // 8],
        when,
        modules.items[new],
        place=replaced % 8 + 1,
        old=modules.items[replaced],
    )
    _ship(works, finished, complete, int(when.max()))


def _ship(works: _Works, finished: _Batch, complete: Integers, repaired: int) -> None:
    """Put packs on pallets, twelve each, and pallets into shipments, which leave when all repairs
    are done."""
    inside, ready = finished, complete
    for material, capacity in (("PALLET", 12), ("SHIPMENT", 24)):
        owner = np.arange(len(inside.items)) // capacity
        firsts = np.flatnonzero(np.diff(owner, prepend=-1))
        born = np.maximum.accumulate(np.maximum.reduceat(ready, firsts) + HOUR)
        containers = works.make_at(material, born)
        turn = np.arange(len(owner)) % capacity
        at = born[owner] + (turn + 1) * SECOND
        works.step(Kind.Pack, containers.items[owner], at, inside.items)
        inside, ready = containers, np.maximum.reduceat(at, firsts)
    works.step(Kind.Ship, inside.items, np.maximum(ready, repaired) + HOUR)
