"""Codes: what a scanned text says. Pure functions over biip (GS1) and epcpy (EPC)."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from tracenode.drivers.codes import epc, gs1, iso15434
from tracenode.drivers.codes.check_digits import check_number
from tracenode.models.codes import Code, CodeKind, CodeScheme
from tracenode.models.device_errors import BadCode

__all__ = ["Decoding", "decode", "decode_tag"]

decode_tag = epc.tag

_GS1_SYMBOLOGIES: Final = frozenset({"C1", "e0", "e1", "e2", "d2", "Q3", "J1"})
"""GS1-128, DataBar, composite, DataMatrix, QR, DotCode: the AIM identifier promises elements."""
_RETAIL_SYMBOLOGIES: Final = frozenset({"E0", "E4", "I1"})
"""EAN-13 and UPC, EAN-8, ITF-14: a bare GTIN."""
_SEPARATORS: Final = re.compile("[\x04\x1d\x1e]")
_HUMAN_READABLE: Final = re.compile(r"\([0-9]{2,4}\)[^()]")


class Decoding(StrEnum):
    """Which structure the texts of a reader have."""

    Auto = "auto"
    """By the AIM identifier and by what the text shows; a text without either is plain."""
    Plain = "plain"
    """Every text is the identity itself."""
    GS1 = "gs1"
    ISO15434 = "iso15434"


def decode(text: str, symbology: str | None = None, decoding: Decoding = Decoding.Auto) -> Code:
    """Decode a text whose AIM identifier was split off.

    `Auto` takes element strings where the symbology promises them, where the text is in readable
    form `(01)...(21)...`, or where it is parted by GS; without any of these, a text that merely
    looks like an element string stays plain: set the reader to send AIM identifiers, or `GS1`.

    Raises:
        BadCode: the text breaks the rules of its structure; says what was expected and found.
    """
    if not text.strip():
        raise BadCode("a text", repr(text))
    match decoding:
        case Decoding.Plain:
            return _plain(text)
        case Decoding.GS1:
            return _gs1(text)
        case Decoding.ISO15434:
            return iso15434.message(text)
        case Decoding.Auto:
            return _auto(text, symbology)


def _gs1(text: str) -> Code:
    if gs1.is_digital_link(text):
        return gs1.digital_link(text)
    if _HUMAN_READABLE.match(text):
        return gs1.human_readable(text)
    return gs1.element_string(text)


def _auto(text: str, symbology: str | None) -> Code:
    if iso15434.is_message(text):
        return iso15434.message(text)
    if symbology in _GS1_SYMBOLOGIES or _HUMAN_READABLE.match(text):
        return _gs1(text)
    if text.startswith("urn:epc:id:"):
        return epc.uri(text)
    if gs1.is_digital_link(text):
        return _link(text)
    if symbology in _RETAIL_SYMBOLOGIES and re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", text):
        return _gtin(text)
    if _SEPARATORS.search(text):
        return gs1.element_string(text)
    return _plain(text)


def _link(text: str) -> Code:
    """A URI may be any; it is a Digital Link where it has the form of one."""
    try:
        return gs1.digital_link(text)
    except BadCode:
        if re.search(r"/(?:01|00|8003|8004|8006|8010|414|417|253|255)/\d", text):
            raise
        return _plain(text)


def _gtin(text: str) -> Code:
    check_number(text, "the GTIN")
    gtin = text.zfill(14)
    return Code(
        CodeKind.Product,
        CodeScheme.GS1,
        text=f"(01){gtin}",
        key=f"(01){gtin}",
        raw=text,
        product=gtin,
        gtin=gtin,
        elements=(("01", gtin),),
    )


def _plain(text: str) -> Code:
    return Code(CodeKind.Unknown, CodeScheme.Plain, text=text, key=text, raw=text)
