"""The plant of the genealogy benchmark as arrays: what happened, in the order it happened. Items
are numbered by their birth, as a store numbers them. `_genealogy_works` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["MATERIALS", "NUMBERS", "Integers", "Kind", "Material", "Plant"]

Integers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Material:
    """`station` makes it; where there is none it is received, or built from registered parts."""

    name: str
    scheme: str = "lot"
    station: str = ""


MATERIALS: Final = (
    Material("ORE"),
    Material("REFINED", station="REFINERY"),
    Material("PRECURSOR", station="REACTOR"),
    Material("ACTIVE", station="KILN"),
    Material("SUBLOT", station="WEIGHING"),
    Material("SLURRY", station="MIXER"),
    Material("COIL", station="COATER"),
    Material("STRIP", station="SLITTER"),
    Material("CELL", "sn", "CELLS"),
    Material("WAFER"),
    Material("DIE", station="DICING"),
    Material("REEL", station="TAPING"),
    Material("PCB"),
    Material("PANEL", station="PANELS"),
    Material("BOARD", "sn", "SMT"),
    Material("PASTE"),
    Material("FOIL"),
    Material("BINDER"),
    Material("SOLVENT"),
    Material("SEPARATOR"),
    Material("ELECTROLYTE"),
    Material("CAN"),
    Material("TAB"),
    Material("GLUE"),
    Material("BUSBAR"),
    Material("SCREW"),
    Material("HOUSING", "sn"),
    Material("HARNESS", "sn"),
    Material("MODULE", "sn", "MOD"),
    Material("PACK", "sn", "EOL"),
    Material("PALLET", "container"),
    Material("SHIPMENT", "container"),
)
NUMBERS: Final = {material.name: number for number, material in enumerate(MATERIALS)}
_PREFIXES: Final = [f"{m.scheme}:{m.name}:{m.name[:4]}-25-" for m in MATERIALS]


class Kind(IntEnum):
    """What an event of the plant is. The first three are the births of `item`."""

    Receive = 0
    Transform = 1
    Register = 2
    Start = 3
    Assemble = 4
    Consume = 5
    Complete = 6
    Pack = 7
    Replace = 8
    Ship = 9


@dataclass(frozen=True, slots=True)
class Plant:
    """Events in order, and the inputs of the transformations. Items count from 1, 0 is none.

    `material` and `serial` (running number in its material) are of item 1 on. `at` is in
    microseconds and strictly increases. `part` is what goes into `item`; where it replaces
    something, that is `old`. `place` is the running number of a part in its parent, from 1.
    The inputs of event e are `source[first[e]:first[e + 1]]`, each once.
    """

    material: npt.NDArray[np.uint8]
    serial: Integers
    kind: npt.NDArray[np.uint8]
    at: Integers
    item: Integers
    part: Integers
    old: Integers
    place: Integers
    first: Integers
    source: Integers

    @property
    def edges(self) -> int:
        """How many edges are drawn; closed ones are among them."""
        drawing = (Kind.Assemble, Kind.Consume, Kind.Pack, Kind.Replace)
        return len(self.source) + int(np.isin(self.kind, drawing).sum())

    def items(self, material: str) -> Integers:
        """Return the numbers of the items of a material, in order of their birth."""
        return np.flatnonzero(self.material == NUMBERS[material]) + 1

    def public(self, item: int) -> str:
        """Return the public id of an item."""
        return f"{_PREFIXES[self.material[item - 1]]}{self.serial[item - 1]:08}"

    def public_ids(self) -> list[str]:
        """Return the public ids by item number; that of 0 is empty."""
        pairs = zip(self.material.tolist(), self.serial.tolist(), strict=True)
        return ["", *(f"{_PREFIXES[material]}{serial:08}" for material, serial in pairs)]
