"""ISO/IEC 15434 messages: format 06 (data identifiers, ANS MH10.8.2) and 05 (GS1 elements).

[)> RS 06 GS 1PM-100 GS S0001 RS EOT
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from tracenode.drivers.codes import gs1
from tracenode.models.codes import Code, CodeKind, CodeScheme
from tracenode.models.device_errors import BadCode

__all__ = ["HEADER", "is_message", "message"]

HEADER: Final = "[)>"
RS, GS, EOT = "\x1e", "\x1d", "\x04"
CONTROL_CHARACTERS: Final = "let the scanner send RS, GS and EOT (1E, 1D, 04 hex) unchanged"

_ELEMENT: Final = re.compile(r"([0-9]{0,3}[A-Z])(.+)", re.DOTALL)
_PRODUCTS: Final = ("25P", "1P", "P", "30P", "31P", "2P")
"""Data identifiers of a part number, the more specific first."""
_SERIALS: Final = ("S", "1S", "16S", "20S")
_LOTS: Final = ("1T", "T", "25T", "30T")
_WHOLE_UNITS: Final = ("25S", "18S", "I")
"""Serials that carry their issuer, unique alone; I is a vehicle's number."""
_LICENCE_PLATES: Final = ("J", "1J", "2J", "3J", "4J", "5J", "6J")


def is_message(text: str) -> bool:
    return text.startswith(HEADER)


def message(text: str) -> Code:
    """Decode a message of one format.

    The trailer RS EOT may be missing, as on many labels of component makers; the code then says so
    in its note.

    Raises:
        BadCode: no header, another format, no or malformed elements, nothing that identifies.
    """
    if not is_message(text):
        raise BadCode(f"an ISO/IEC 15434 message that begins with {HEADER}", repr(text[:20]))
    if text[3:4] != RS:
        raise BadCode(f"RS after {HEADER}: {CONTROL_CHARACTERS}", repr(text[3:10]))
    inside = text[4:]
    note = ""
    if inside.endswith(RS + EOT):
        inside = inside[:-2]
    else:
        inside = inside.removesuffix(EOT).removesuffix(RS)
        note = "the message does not end with RS EOT"
    formats = inside.split(RS)
    if len(formats) != 1:
        raise BadCode("one format in the message", f"{len(formats)}: {inside!r}")
    number, separator, body = inside.partition(GS)
    if number not in ("05", "06"):
        raise BadCode("format 05 or 06", repr(number[:10]))
    if not separator or not body:
        raise BadCode(f"GS and data after format {number}", repr(inside[2:12]))
    if number == "05":
        return gs1.element_string(body, raw=text)
    return _data_identifiers(body.split(GS), text, note)


def _data_identifiers(parts: Sequence[str], raw: str, note: str) -> Code:
    elements: dict[str, str] = {}
    for part in parts:
        match = _ELEMENT.fullmatch(part)
        if match is None:
            raise BadCode("a data identifier and its value, such as 1PM-100", repr(part))
        identifier, value = match.groups()
        if not value.strip():
            raise BadCode(f"a value for data identifier {identifier}", repr(value))
        if elements.setdefault(identifier, value) != value:
            raise BadCode(f"{identifier} once", f"{elements[identifier]!r} and {value!r}")

    def first(names: Sequence[str]) -> str | None:
        return next((name for name in names if name in elements), None)

    product, serial, lot = first(_PRODUCTS), first(_SERIALS), first(_LOTS)
    whole, plate = first(_WHOLE_UNITS), first(_LICENCE_PLATES)
    kind, named = _identity(product, serial, lot, whole, plate)
    if not named:
        found = " ".join(elements)
        raise BadCode("a data identifier that identifies: P, 1P, S, T, 1T, 25S, J", f"only {found}")
    serial = serial or whole
    return Code(
        kind=kind,
        scheme=CodeScheme.ISO15434,
        text="".join(f"({name}){value}" for name, value in elements.items()),
        key="".join(f"({name}){elements[name]}" for name in named),
        raw=raw,
        product=elements[product] if product else None,
        serial=elements[serial] if serial else None,
        lot=elements[lot] if lot else None,
        quantity=_quantity(elements.get("Q")),
        expiry=_expiry(elements.get("14D")),
        elements=tuple(elements.items()),
        note=note,
    )


def _identity(
    product: str | None, serial: str | None, lot: str | None, whole: str | None, plate: str | None
) -> tuple[CodeKind, tuple[str, ...]]:
    """What is named, and by which data identifiers."""
    prefix = (product,) if product else ()
    if whole:
        return CodeKind.Unit, (whole,)
    if serial:
        return CodeKind.Unit, (*prefix, serial)
    if plate:
        return CodeKind.Logistic, (plate,)
    if lot:
        return CodeKind.Lot, (*prefix, lot)
    return CodeKind.Product, prefix


def _quantity(text: str | None) -> Decimal | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise BadCode("a number for data identifier Q", repr(text))
    return Decimal(text)


def _expiry(text: str | None) -> date | None:
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{4})([0-9]{2})([0-9]{2})", text)
    try:
        if match is not None:
            return date(*(int(part) for part in match.groups()))
    except ValueError:
        pass
    raise BadCode("a date YYYYMMDD for data identifier 14D", repr(text))
