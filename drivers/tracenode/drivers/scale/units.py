"""Units of mass: as scales print them, and as UN/ECE Recommendation 20 codes them. No I/O."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

__all__ = ["CODES", "in_unit"]

GRAMS: Final = {
    "MGM": Decimal("0.001"),
    "GRM": Decimal(1),
    "KGM": Decimal(1000),
    "TNE": Decimal(1_000_000),
    "LBR": Decimal("453.59237"),
    "ONZ": Decimal("28.349523125"),
}
"""Grams in one of each (the avoirdupois pound is 0.45359237 kg by definition)."""

PRINTED: Final = {
    "mg": "MGM",
    "g": "GRM",
    "kg": "KGM",
    "t": "TNE",
    "lb": "LBR",
    "lbs": "LBR",
    "oz": "ONZ",
}
CODES: Final = tuple(GRAMS)


def in_unit(amount: Decimal, printed: str, unit: str) -> float | None:
    """Return an amount in `unit` (a code), or None where `printed` is no known unit of mass.
    Nothing printed is taken for `unit` itself."""
    code = PRINTED.get(printed.lower()) if printed else unit
    if code is None:
        return None
    return float(amount * GRAMS[code] / GRAMS[unit]) if code != unit else float(amount)
