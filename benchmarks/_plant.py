"""A synthetic battery plant as trace events in the order they happen, the same for the same seed.

Twelve levels from ore to pallet. Hot lots: one lot of electrolyte goes into up to 110,000 cells.
Fan-in to 196 (a module of 192 cells). Of the packs, one in six gets a module replaced later.
Every event names its items by their public ids, as a recorded one does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tracenode.models.evaluation import Evaluation
from tracenode.models.events import (
    Assemble,
    Complete,
    Consume,
    Master,
    Output,
    Pack,
    Portion,
    Receive,
    Register,
    Replace,
    Ship,
    Start,
    TraceEvent,
    Transform,
)
from tracenode.models.quantities import Quantity

__all__ = ["START_US", "Plant"]

START_US: Final = 1_760_000_000_000_000
"""The plant's first event time, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Made:
    """How a material comes to be: from so many pieces of each input, good for so many uses; `open`
    lots of it are in use at a time, and each use takes any of them."""

    scheme: str
    uses: int = 1
    inputs: tuple[tuple[str, int], ...] = ()
    open: int = 1
    station: str = ""


_MATERIALS: Final[dict[str, _Made]] = {
    "ORE": _Made("lot", 10),
    "REFINED": _Made("lot", 8, (("ORE", 2),), 2, "REFINERY"),
    "PRECURSOR": _Made("lot", 4, (("REFINED", 3),), 3, "REACTOR"),
    "ACTIVE": _Made("lot", 20, (("PRECURSOR", 2),), 3, "KILN"),
    "SUBLOT": _Made("lot", 1, (("ACTIVE", 1),), 1, "WEIGHING"),
    "BINDER": _Made("lot", 10),
    "SOLVENT": _Made("lot", 24),
    "SLURRY": _Made("lot", 4, (("SUBLOT", 5), ("BINDER", 1), ("SOLVENT", 1)), 2, "MIXER"),
    "FOIL": _Made("lot", 16),
    "COIL": _Made("lot", 8, (("SLURRY", 1), ("FOIL", 1)), 1, "COATER"),
    "ANODE": _Made("lot", 400, (("COIL", 1),), 2, "SLITTER"),
    "CATHODE": _Made("lot", 400, (("COIL", 1),), 4, "SLITTER"),
    "SEPARATOR": _Made("lot", 10_000),
    "ELECTROLYTE": _Made("lot", 110_000),
    "CAN": _Made("lot", 5_000),
    "TAB": _Made("lot", 40_000),
    "CELL": _Made(
        "sn",
        1,
        (
            ("ANODE", 1),
            ("CATHODE", 1),
            ("SEPARATOR", 1),
            ("ELECTROLYTE", 1),
            ("CAN", 1),
            ("TAB", 1),
        ),
        1,
        "CELLS",
    ),
    "WAFER": _Made("lot", 15),
    "DIE": _Made("lot", 8, (("WAFER", 2),), 2, "DICING"),
    **{f"REEL{n:02}": _Made("lot", 900, (("DIE", 1),), 1, "TAPING") for n in range(20)},
    "PCB": _Made("lot", 330),
    "PANEL": _Made("lot", 6, (("PCB", 1),), 1, "PANELS"),
    "PASTE": _Made("lot", 30_000),
    "BOARD": _Made(
        "sn",
        1,
        (("PANEL", 1), ("PASTE", 1), *((f"REEL{n:02}", 1) for n in range(20))),
        1,
        "SMT",
    ),
    "GLUE": _Made("lot", 2_700),
    "BUSBAR": _Made("lot", 800),
    "SCREW": _Made("lot", 7_200),
    "HOUSING": _Made("sn"),
    "HARNESS": _Made("sn"),
}
_BUILT: Final = {"MODULE": "sn", "PACK": "sn", "PALLET": "container"}
_KINDS: Final = {"lot": "lot", "sn": "unit", "container": "container"}
_CELLS: Final = ((12, 48, 192), (80, 15, 5))
"""Cells of a module, and how often out of 100."""
_REPLACED: Final = 6
"""One in so many packs gets a module replaced."""
_PER_PALLET: Final = 12
_AMOUNT: Final = Quantity.of("0.35", "KGM")


class Plant:
    """Builds packs. `edges` counts the genealogy edges that its events draw, `items` has the public
    ids of what was made, by material."""

    def __init__(self, seed: int = 7) -> None:
        self._chance = random.Random(seed)
        self._out: list[TraceEvent] = []
        self._open: dict[str, list[list[str | int]]] = {}
        self._now = START_US
        self._modules: list[tuple[str, str]] = []
        self._pallet: list[str] = []
        self.edges = 0
        self.items: dict[str, list[str]] = {}

    def events(self, edges: int) -> Iterator[tuple[int, TraceEvent]]:
        """Yield (event time in microseconds, event) until so many edges are drawn."""
        for material, made in _MATERIALS.items():
            yield self._tick(), _master(material, made.scheme)
        for material, scheme in _BUILT.items():
            yield self._tick(), _master(material, scheme)
        while self.edges < edges:
            self._build_pack()
            for event in self._out:
                yield self._tick(), event
            self._out.clear()

    def _tick(self) -> int:
        self._now += self._chance.randrange(10_000, 200_000)
        return self._now

    # -------------------------------------------------------------- making
    def _new(self, material: str, scheme: str) -> str:
        made = self.items.setdefault(material, [])
        public = f"{scheme}:{material}:{material[:4]}-25-{len(made) + 1:08}"
        made.append(public)
        return public

    def _take(self, material: str) -> str:
        """Return the item that a piece of a material comes from, made where none is left."""
        made = _MATERIALS[material]
        if made.uses == 1:
            return self._make(material, made)
        lots = self._open.setdefault(material, [])
        if len(lots) < made.open:
            lots.append([self._make(material, made), made.uses])
        lot = lots[self._chance.randrange(len(lots))]
        public, left = str(lot[0]), int(lot[1])
        if left == 1:
            lots.remove(lot)
        else:
            lot[1] = left - 1
        return public

    def _make(self, material: str, made: _Made) -> str:
        inputs = [self._take(name) for name, count in made.inputs for _ in range(count)]
        public = self._new(material, made.scheme)
        if not inputs:
            amount = _AMOUNT if made.scheme == "lot" else None
            self._out.append(Receive(item=public, material=material, quantity=amount))
            return public
        # A lot that is taken twice is one input.
        portions = tuple(Portion(item=item, quantity=_AMOUNT) for item in dict.fromkeys(inputs))
        output = Output(item=public, material=material)
        self._out.append(Transform(inputs=portions, outputs=(output,), station=made.station))
        self.edges += len(portions)
        return public

    # -------------------------------------------------------------- building
    def _build_pack(self) -> None:
        pack = self._begin("PACK", "EOL")
        modules = [self._build_module() for _ in range(8)]
        for number, module in enumerate(modules):
            self._install(pack, module, "EOL", f"bay {number + 1}")
        for material, position in (("BOARD", "bms"), ("HOUSING", "case"), ("HARNESS", "loom")):
            self._install(pack, self._take(material), "EOL", position)
        self._use(pack, ("SCREW", "GLUE"), "EOL")
        self._end(pack, "EOL")
        self._modules.append((pack, modules[self._chance.randrange(8)]))
        if self._chance.randrange(_REPLACED) == 0:
            self._replace()
        self._pallet.append(pack)
        if len(self._pallet) == _PER_PALLET:
            self._ship()

    def _build_module(self) -> str:
        module = self._begin("MODULE", "MOD")
        sizes, weights = _CELLS
        (cells,) = self._chance.choices(sizes, weights)
        for number in range(cells):
            self._install(module, self._take("CELL"), "MOD", f"cell {number + 1}")
        self._install(module, self._take("BOARD"), "MOD", "board")
        self._use(module, ("GLUE", "BUSBAR", "SCREW"), "MOD")
        self._end(module, "MOD")
        return module

    def _replace(self) -> None:
        """Give some older pack another module."""
        pack, old = self._modules.pop(self._chance.randrange(len(self._modules)))
        new = self._build_module()
        self._out.append(
            Replace(parent=pack, old_part=old, new_part=new, position="bay", station="EOL")
        )
        self.edges += 1

    def _ship(self) -> None:
        pallet = self._new("PALLET", "container")
        self._out.append(Register(item=pallet, material="PALLET"))
        for pack in self._pallet:
            self._out.append(Pack(container=pallet, item=pack))
            self.edges += 1
        self._pallet.clear()
        self._out.append(Ship(items=(pallet,), customer="C1"))

    def _begin(self, material: str, station: str) -> str:
        public = self._new(material, "sn")
        self._out.append(Register(item=public, material=material, station=station))
        self._out.append(Start(item=public, station=station))
        return public

    def _end(self, item: str, station: str) -> None:
        self._out.append(Complete(item=item, station=station, evaluation=Evaluation.OK))

    def _install(self, parent: str, part: str, station: str, position: str) -> None:
        self._out.append(Assemble(parent=parent, part=part, position=position, station=station))
        self.edges += 1

    def _use(self, item: str, materials: tuple[str, ...], station: str) -> None:
        for material in materials:
            lot = self._take(material)
            self._out.append(Consume(item=item, lot=lot, quantity=_AMOUNT, station=station))
            self.edges += 1


def _master(material: str, scheme: str) -> Master:
    return Master(kind="material", key=material, data={"kind": _KINDS[scheme]})
