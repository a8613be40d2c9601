"""GS1 element strings and Digital Links (GS1 General Specifications 3, GS1 Digital Link)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from biip import ParseError
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message

from tracenode.drivers.codes.check_digits import check_key
from tracenode.models.codes import Code, CodeKind, CodeScheme
from tracenode.models.device_errors import BadCode

__all__ = ["GS", "digital_link", "element_string", "human_readable", "is_digital_link"]

GS: Final = "\x1d"
MISSING_SEPARATOR: Final = "enable FNC1 -> GS (group separator, 1D hex) in the scanner"
_CHARACTERS: Final = re.compile(r"[!\"%-?A-Z_a-z]+")
"""GS1 character set 82 (General Specifications 7.11)."""
_SWALLOWED_DATE: Final = re.compile(
    r".+(1[1357])\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:$|10.|21.)"
)
"""What the end of a serial or lot looks like when a date element follows without a separator."""

_COUNTS: Final = ("30", "37")
_MEASURES: Final = {"310": "KGM", "311": "MTR", "314": "MTK", "315": "LTR", "316": "MTQ"}
"""First digits of a measure's application identifier -> UN/ECE Recommendation 20 code."""


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: CodeKind
    ais: tuple[str, ...]
    """The elements that make the key, all of them present."""


_RULES: Final = (
    _Rule(CodeKind.Logistic, ("00",)),
    _Rule(CodeKind.Unit, ("01", "21")),
    _Rule(CodeKind.Unit, ("8006", "21")),
    _Rule(CodeKind.Unit, ("8010", "8011")),
    _Rule(CodeKind.Lot, ("01", "10")),
    _Rule(CodeKind.Lot, ("8006", "10")),
    _Rule(CodeKind.Lot, ("02", "10")),
    _Rule(CodeKind.Product, ("01",)),
    _Rule(CodeKind.Product, ("8006",)),
    _Rule(CodeKind.Product, ("8010",)),
    _Rule(CodeKind.Asset, ("8003",)),
    _Rule(CodeKind.Asset, ("8004",)),
    _Rule(CodeKind.Other, ("253",)),
    _Rule(CodeKind.Other, ("255",)),
    _Rule(CodeKind.Other, ("401",)),
    _Rule(CodeKind.Other, ("402",)),
    _Rule(CodeKind.Other, ("8017",)),
    _Rule(CodeKind.Other, ("8018",)),
    _Rule(CodeKind.Place, ("414", "254")),
    _Rule(CodeKind.Place, ("414",)),
    _Rule(CodeKind.Place, ("417",)),
    # Without a product a serial or lot is no identity (SEMANTICS S1); who asks may know the part.
    _Rule(CodeKind.Unit, ("21",)),
    _Rule(CodeKind.Lot, ("10",)),
    _Rule(CodeKind.Product, ("02",)),
)
"""The first that applies names the code."""


def element_string(text: str, raw: str | None = None) -> Code:
    """Decode a GS1 element string with GS as separator.

    Raises:
        BadCode: empty, unknown identifier, wrong format or check digit, missing separator, or
            nothing in it that identifies.
    """
    rest = text.lstrip(GS)
    if not rest:
        raise BadCode("GS1 element strings", repr(text))
    elements: list[GS1ElementString] = []
    while rest:
        element = _first(rest, elements)
        elements.append(element)
        rest = rest[len(element) :]
        if rest and element.ai.separator_required and not rest.startswith(GS):
            raise BadCode(*_after_variable_length(element, rest))
        rest = rest.lstrip(GS)
    return _code(elements, text if raw is None else raw, _doubt(text, elements))


def human_readable(text: str) -> Code:
    """Decode `(01)09521234543213(21)ABC`.

    Raises:
        BadCode: as `element_string`.
    """
    try:
        message = GS1Message.parse_hri(text)
    except ParseError as e:
        raise BadCode("GS1 elements such as (01)09521234543213(21)ABC", f"{text!r}: {e}") from e
    return _code(message.element_strings, text)


def is_digital_link(text: str) -> bool:
    """Whether the text is a URI that could be a Digital Link."""
    return text.lower().startswith(("http://", "https://"))


def digital_link(text: str) -> Code:
    """Decode a GS1 Digital Link URI; its key is that of the same element string.

    Raises:
        BadCode: no Digital Link, or as `element_string`.
    """
    try:
        link = GS1DigitalLinkURI.parse(text)
    except (ParseError, ValueError) as e:
        raise BadCode("a GS1 Digital Link such as https://id.gs1.org/01/...", f"{e}") from e
    return _code(link.element_strings, text)


def _first(rest: str, before: Sequence[GS1ElementString]) -> GS1ElementString:
    try:
        return GS1ElementString.extract(rest)
    except ParseError as e:
        where = f" after ({before[-1].ai.ai}){before[-1].value}" if before else ""
        raise BadCode(f"a GS1 element{where}", f"{rest[:30]!r}: {e}") from e
    except ValueError as e:
        raise BadCode("a GS1 element", f"{rest[:30]!r}: {e}") from e


def _after_variable_length(element: GS1ElementString, rest: str) -> tuple[str, str]:
    name = f"({element.ai.ai}){element.value}"
    if not _CHARACTERS.match(rest):
        return f"GS1 characters in {name}", repr(rest[0])
    return f"a GS separator after {name}: {MISSING_SEPARATOR}", repr(rest[:30])


def _doubt(text: str, elements: Sequence[GS1ElementString]) -> str:
    """A separator may be missing where no error shows it: one serial has swallowed the rest."""
    last = elements[-1]
    if GS in text.strip(GS) or not last.ai.separator_required:
        return ""
    swallowed = _SWALLOWED_DATE.match(last.value)
    if swallowed is None:
        return ""
    return (
        f"({last.ai.ai}){last.value} looks as if it had swallowed ({swallowed.group(1)}): "
        f"if so, {MISSING_SEPARATOR}"
    )


def _code(elements: Sequence[GS1ElementString], raw: str, note: str = "") -> Code:
    values: dict[str, str] = {}
    for element in elements:
        ai, value = element.ai.ai, element.value
        if not _CHARACTERS.fullmatch(value):
            raise BadCode(f"GS1 characters in ({ai})", repr(value))
        check_key(ai, value)
        if values.setdefault(ai, value) != value:
            raise BadCode(f"({ai}) once", f"{values[ai]!r} and {value!r}")
    kind, key = _identity(values)
    gtin = values.get("01") or values.get("02") or values.get("8006", "")[:14] or None
    quantity, unit = _quantity(elements)
    return Code(
        kind=kind,
        scheme=CodeScheme.GS1,
        text="".join(f"({e.ai.ai}){e.value}" for e in elements),
        key=key,
        raw=raw,
        product=gtin or values.get("8010"),
        gtin=gtin,
        serial=values.get("21") or values.get("8011"),
        lot=values.get("10"),
        sscc=values.get("00"),
        quantity=quantity,
        quantity_unit=unit,
        expiry=_expiry(elements),
        elements=tuple((e.ai.ai, e.value) for e in elements),
        note=note,
    )


def _identity(values: Mapping[str, str]) -> tuple[CodeKind, str]:
    for rule in _RULES:
        if all(ai in values for ai in rule.ais):
            return rule.kind, "".join(f"({ai}){values[ai]}" for ai in rule.ais)
    expected = "an element that identifies: (00), (01), (10), (21), (8003), (8004) ..."
    raise BadCode(expected, "only " + " ".join(f"({ai})" for ai in values))


def _quantity(elements: Sequence[GS1ElementString]) -> tuple[Decimal | None, str | None]:
    for element in elements:
        ai = element.ai.ai
        if ai in _COUNTS:
            return Decimal(element.value), "H87"
        if ai[:3] in _MEASURES and element.decimal is not None:
            return element.decimal, _MEASURES[ai[:3]]
    return None, None


def _expiry(elements: Sequence[GS1ElementString]) -> date | None:
    return next((e.date for e in elements if e.ai.ai in ("17", "7003")), None)
