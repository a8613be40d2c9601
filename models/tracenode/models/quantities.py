"""Exact quantities (SEMANTICS S9): an integer mantissa, a decimal scale and a UN/ECE unit code."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    model_serializer,
    model_validator,
)

from tracenode.models.errors import MalformedRequest, TraceError, UnitMismatch

__all__ = ["ALIASES", "MAX_SCALE", "UNITS", "Quantity", "unit_code"]

MAX_SCALE: Final = 12
MAX_MANTISSA: Final = 2**63 - 1
MAX_FIGURES: Final = len(str(MAX_MANTISSA))

# UN/ECE Recommendation 20: code -> (dimension, factor to the dimension's base unit)
UNITS: Final[dict[str, tuple[str, Fraction]]] = {
    "C62": ("count", Fraction(1)),
    "H87": ("count", Fraction(1)),
    "DZN": ("count", Fraction(12)),
    "KGM": ("mass", Fraction(1)),
    "GRM": ("mass", Fraction(1, 1000)),
    "MGM": ("mass", Fraction(1, 1_000_000)),
    "TNE": ("mass", Fraction(1000)),
    "LBR": ("mass", Fraction(45359237, 100_000_000)),
    "LTR": ("volume", Fraction(1)),
    "MLT": ("volume", Fraction(1, 1000)),
    "HLT": ("volume", Fraction(100)),
    "MTQ": ("volume", Fraction(1000)),
    "MTR": ("length", Fraction(1)),
    "CMT": ("length", Fraction(1, 100)),
    "MMT": ("length", Fraction(1, 1000)),
    "KMT": ("length", Fraction(1000)),
    "MTK": ("area", Fraction(1)),
    "CMK": ("area", Fraction(1, 10_000)),
    "MMK": ("area", Fraction(1, 1_000_000)),
    "SEC": ("time", Fraction(1)),
    "MIN": ("time", Fraction(60)),
    "HUR": ("time", Fraction(3600)),
}
ALIASES: Final[dict[str, str]] = {
    "pcs": "H87",
    "pc": "H87",
    "kg": "KGM",
    "g": "GRM",
    "mg": "MGM",
    "t": "TNE",
    "l": "LTR",
    "ml": "MLT",
    "m3": "MTQ",
    "m": "MTR",
    "cm": "CMT",
    "mm": "MMT",
    "km": "KMT",
    "m2": "MTK",
    "s": "SEC",
    "min": "MIN",
    "h": "HUR",
}
"""Everyday spellings that are accepted and stored as their UN/ECE code."""


def unit_code(unit: str) -> str:
    """Return the UN/ECE code of a unit of measure.

    Raises:
        UnitMismatch: neither a known code nor a known spelling.
    """
    code = unit if unit in UNITS else ALIASES.get(unit)
    if code is None:
        raise UnitMismatch("a UN/ECE code such as KGM, LTR, MTR or H87", unit)
    return code


def _shortest(number: Decimal) -> tuple[int, int]:
    """Return the mantissa of a finite number and the smallest scale that holds it exactly.
    `Decimal.normalize` would round it to the precision of the context."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    written = "".join(map(str, digits)).lstrip("0")
    figures = written.rstrip("0")
    if not figures:
        return 0, 0
    exponent += len(written) - len(figures)
    whole = max(exponent, 0)
    if len(figures) + whole <= MAX_FIGURES and -exponent <= MAX_SCALE:
        mantissa = int(figures) * 10**whole
        if mantissa <= MAX_MANTISSA:
            return -mantissa if sign else mantissa, whole - exponent
    expected = f"at most {MAX_SCALE} decimals and 18 digits"
    raise MalformedRequest("quantity", expected, str(number)[:80])


def _as_stored(parts: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a quantity as equal quantities have them.

    Raises:
        ValueError: no quantity has them.
    """
    match parts:
        case {"mantissa": int(mantissa), "scale": int(scale), "unit": str(unit), **more} if (
            not more
        ):
            pass
        case _:
            return parts
    fits = 0 <= scale <= MAX_SCALE and abs(mantissa) <= MAX_MANTISSA
    if fits and unit in UNITS and (scale == 0 or mantissa % 10):
        return parts
    sign, figures = (1, str(-mantissa)) if mantissa < 0 else (0, str(mantissa))
    try:
        number = Decimal((sign, tuple(map(int, figures)), -scale))
        mantissa, scale = _shortest(number)
        return {"mantissa": mantissa, "scale": scale, "unit": unit_code(unit)}
    except TraceError as error:
        raise ValueError(str(error)) from error


class Quantity(BaseModel):
    """`mantissa` x 10^-`scale` of `unit`. Equal quantities of one unit are equal objects: the
    scale is the smallest that holds the value. In JSON it is one string, such as "1.25 KGM"."""

    model_config = ConfigDict(frozen=True)

    mantissa: int
    scale: int
    unit: str

    @classmethod
    def of(cls, value: Decimal | int | str | float, unit: str) -> Self:
        """Build from a number; a float counts as its shortest decimal representation.

        Raises:
            MalformedRequest: no finite number, or more than 12 decimals or 18 digits.
            UnitMismatch: unknown unit.
        """
        try:
            number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        except InvalidOperation:
            raise MalformedRequest("quantity", "a decimal number", repr(value)) from None
        if not number.is_finite():
            raise MalformedRequest("quantity", "a finite number", repr(value))
        mantissa, scale = _shortest(number)
        return cls(mantissa=mantissa, scale=scale, unit=unit_code(unit))

    @classmethod
    def stored(cls, mantissa: int, scale: int, unit: str) -> Quantity:
        """Rebuild what was taken apart for the store; the parts are trusted."""
        # What model_construct does, but for looking for defaults, aliases and extras.
        made = cls.__new__(cls)
        parts = {"mantissa": mantissa, "scale": scale, "unit": unit}
        object.__setattr__(made, "__dict__", parts)
        object.__setattr__(made, "__pydantic_fields_set__", set(parts))
        object.__setattr__(made, "__pydantic_extra__", None)
        object.__setattr__(made, "__pydantic_private__", None)
        return made

    @property
    def value(self) -> Decimal:
        return Decimal(self.mantissa).scaleb(-self.scale)

    def to(self, unit: str) -> Self:
        """Return the same amount in another unit of the same dimension, exactly.

        Raises:
            UnitMismatch: another dimension, or the amount has no finite decimal there.
        """
        code = unit_code(unit)
        dimension, factor = UNITS[self.unit]
        other, base = UNITS[code]
        if dimension != other:
            raise UnitMismatch(f"a unit of {dimension} such as {self.unit}", unit)
        exact = Fraction(self.mantissa, 10**self.scale) * factor / base
        scaled = exact * 10**MAX_SCALE
        if scaled.denominator != 1:
            raise UnitMismatch(f"a unit that {self} converts into exactly", unit)
        return type(self).of(Decimal(scaled.numerator).scaleb(-MAX_SCALE), code)

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit}"

    def __float__(self) -> float:
        result = float(self.value)
        assert math.isfinite(result)
        return result

    @model_validator(mode="wrap")
    @classmethod
    def _from_text(cls, value: Any, handler: ModelWrapValidatorHandler[Quantity]) -> Quantity:
        if isinstance(value, str):
            number, _, unit = value.partition(" ")
            try:
                return cls.of(number, unit)
            except TraceError as error:
                raise ValueError(str(error)) from error
        if isinstance(value, dict):
            value = _as_stored(value)
        return handler(value)

    @model_serializer
    def _as_text(self) -> str:
        return str(self)
