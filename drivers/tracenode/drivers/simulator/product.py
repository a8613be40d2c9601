"""What the simulated line builds: a pump from a motor, a board and materials from lots."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = [
    "BILLS",
    "FAILURE",
    "LOTS",
    "MASTER",
    "POSITIONS",
    "ROUTE",
    "STATIONS",
    "Pump",
    "lot_in_use",
    "lots",
]

STATIONS: Final = {
    "OP10": "Motor mounting",
    "OP20": "Board and sealing",
    "OP30": "End-of-line test",
}
POSITIONS: Final = {1: "motor bay", 2: "board slot"}
FAILURE: Final = {1: "TORQUE_LOW", 2: "NOISE"}
UNITS_PER_LOT: Final = 500
LOTS: Final = 60
"""Lots received of each material; after the last one the line begins with the first again."""

# material -> (unit of measure, used per piece)
LOT_MATERIALS: Final = {
    "COIL": ("KGM", "0.35"),
    "HOUSING": ("H87", "1"),
    "REEL": ("H87", "12"),
    "SEAL": ("H87", "2"),
    "GREASE": ("GRM", "12.5"),
}
MASTER: Final[tuple[dict[str, Any], ...]] = (
    {"material": "PUMP", "kind": "unit", "name": "Coolant pump"},
    {"material": "MOTOR", "kind": "unit", "name": "Motor"},
    {"material": "BOARD", "kind": "unit", "name": "Control board"},
    *(
        {"material": name, "kind": "lot", "name": name.capitalize(), "unit": unit}
        for name, (unit, _) in LOT_MATERIALS.items()
    ),
)
ROUTE: Final = (
    {"step": "mount", "station": "OP10"},
    {"step": "seal", "station": "OP20"},
    {"step": "test", "station": "OP30"},
)
"""Of a pump. What fails the test goes back to OP20 for another board."""
BILLS: Final[dict[str, tuple[dict[str, str], ...]]] = {
    "PUMP": (
        {"material": "MOTOR", "position": POSITIONS[1]},
        {"material": "BOARD", "position": POSITIONS[2]},
        *({"material": name} for name in ("HOUSING", "SEAL", "GREASE")),
    ),
    "MOTOR": ({"material": "COIL"},),
    "BOARD": ({"material": "REEL"},),
}


def lots() -> Iterator[tuple[str, str, str, str]]:
    """Yield (material, lot, quantity, unit) of every lot that is received before the line runs."""
    for material, (unit, used) in LOT_MATERIALS.items():
        for number in range(1, LOTS + 1):
            yield material, lot_number(material, number), str(float(used) * UNITS_PER_LOT), unit


def lot_number(material: str, number: int) -> str:
    return f"{material[:4]}-L{number:04d}"


def lot_in_use(material: str, pump_number: int) -> str:
    """Return the lot that is loaded when the pump of this running number is built."""
    return lot_number(material, pump_number // UNITS_PER_LOT % LOTS + 1)


@dataclass(slots=True)
class Pump:
    """One unit on the line, and what the controllers say went into it."""

    number: int
    failures: int
    """How often it will fail the test."""
    motor: str = ""
    board: str = ""
    replaced: list[str] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)
    """(material, number) of everything directly in the pump or in a part that is in it now."""
    reworks: int = 0

    @property
    def serial(self) -> str:
        return f"P{self.number:07d}"

    @classmethod
    def drawn(cls, number: int, chance: random.Random) -> Pump:
        """Return the next pump: most are good, some fail once, few fail for good."""
        draw = chance.random()
        return cls(number, 0 if draw < 0.85 else 1 if draw < 0.97 else 99)

    def truth(self) -> dict[str, Any]:
        return {
            "unit": self.serial,
            "ingredients": sorted(f"{material}:{number}" for material, number in self.used),
            "replaced": self.replaced,
        }
