"""Engineering units: UN/ECE Recommendation 20 codes as OPC UA shows them."""

from __future__ import annotations

from typing import Any, Final

from asyncua import ua

from tracenode.models.quantities import ALIASES

__all__ = ["engineering_unit", "range_of"]

NAMESPACE: Final = "http://www.opcfoundation.org/UA/units/un/cefact"

KNOWN: Final[dict[str, tuple[str, str]]] = {
    "C62": ("1", "one"),
    "H87": ("pcs", "piece"),
    "DZN": ("DOZ", "dozen"),
    "KGM": ("kg", "kilogram"),
    "GRM": ("g", "gram"),
    "MGM": ("mg", "milligram"),
    "TNE": ("t", "tonne (metric ton)"),
    "LBR": ("lb", "pound"),
    "LTR": ("l", "litre"),
    "MLT": ("ml", "millilitre"),
    "HLT": ("hl", "hectolitre"),
    "MTQ": ("m³", "cubic metre"),
    "MTR": ("m", "metre"),
    "CMT": ("cm", "centimetre"),
    "MMT": ("mm", "millimetre"),
    "KMT": ("km", "kilometre"),
    "4H": ("µm", "micrometre"),
    "MTK": ("m²", "square metre"),
    "CMK": ("cm²", "square centimetre"),
    "MMK": ("mm²", "square millimetre"),
    "C26": ("ms", "millisecond"),
    "SEC": ("s", "second [unit of time]"),
    "MIN": ("min", "minute [unit of time]"),
    "HUR": ("h", "hour"),
    "NEW": ("N", "newton"),
    "B47": ("kN", "kilonewton"),
    "NU": ("N·m", "newton metre"),
    "CEL": ("°C", "degree Celsius"),
    "KEL": ("K", "kelvin"),
    "FAH": ("°F", "degree Fahrenheit"),
    "PAL": ("Pa", "pascal"),
    "KPA": ("kPa", "kilopascal"),
    "MPA": ("MPa", "megapascal"),
    "BAR": ("bar", "bar [unit of pressure]"),
    "MBR": ("mbar", "millibar"),
    "VLT": ("V", "volt"),
    "2Z": ("mV", "millivolt"),
    "AMP": ("A", "ampere"),
    "4K": ("mA", "milliampere"),
    "OHM": ("Ω", "ohm"),
    "WTT": ("W", "watt"),
    "KWT": ("kW", "kilowatt"),
    "KWH": ("kW·h", "kilowatt hour"),
    "HTZ": ("Hz", "hertz"),
    "RPM": ("r/min", "revolutions per minute"),
    "MTS": ("m/s", "metre per second"),
    "2X": ("m/min", "metre per minute"),
    "L2": ("l/min", "litre per minute"),
    "DD": ("°", "degree [unit of angle]"),
    "P1": ("%", "percent"),
    "2N": ("dB", "decibel"),
}
"""Code -> (symbol, name) as Recommendation 20 has them."""


def engineering_unit(unit: str) -> ua.EUInformation:
    """Return the EUInformation of a UN/ECE code or of a known everyday spelling.

    The UnitId is the code's characters as one number, the first the most significant byte
    (OPC 10000-8 5.6.4.3). A code of at most four characters that has no name here is shown as
    itself; a longer text is no code and gets UnitId -1.
    """
    code = ALIASES.get(unit, unit)
    symbol, name = KNOWN.get(code, (code, code))
    is_code = 1 <= len(code) <= 4 and code.isascii() and code.isalnum()
    number: Any = int.from_bytes(code.encode(), "big") if is_code else -1
    return ua.EUInformation(
        NamespaceUri=NAMESPACE if is_code else "",
        UnitId=number,
        DisplayName=ua.LocalizedText(symbol),
        Description=ua.LocalizedText(name),
    )


def range_of(low: float, high: float) -> ua.Range:
    """Return a Range; asyncua's field types hide plain floats."""
    ends: tuple[Any, Any] = (low, high)
    return ua.Range(*ends)
