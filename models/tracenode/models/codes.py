"""What a scanned code says: the identities and attributes that can be read from its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum

__all__ = ["Code", "CodeKind", "CodeScheme"]


class CodeScheme(IntEnum):
    """The standard that a code was read by."""

    Plain = 0
    GS1 = 1
    """Element strings or a Digital Link (GS1 General Specifications 3; GS1 Digital Link)."""
    ISO15434 = 2
    """Data identifiers in an ISO/IEC 15434 message, format 06 (ANS MH10.8.2)."""
    EPC = 3
    """An RFID tag (GS1 EPC Tag Data Standard), also one with a header of its own."""


class CodeKind(IntEnum):
    """What a code names."""

    Unknown = 0
    """A plain text; who asks knows what it should be."""
    Unit = 1
    Lot = 2
    Product = 3
    """A part or trade item, without serial or lot."""
    Logistic = 4
    """A logistic unit: SSCC or licence plate."""
    Asset = 5
    """A returnable or individual asset: GRAI, GIAI."""
    Place = 6
    Other = 7
    """An identity of another kind: document, coupon, service relation, a private tag."""


@dataclass(frozen=True, slots=True)
class Code:
    """A decoded scan. `key` is the alias that the store resolves; equal for every carrier of the
    same identity: an element string, a Digital Link and an SGTIN tag of one unit have one key."""

    kind: CodeKind
    scheme: CodeScheme
    text: str
    """The whole code in readable form: `(01)09521234543213(17)261231(21)ABC`, an EPC pure identity
    URI, or the plain text itself."""
    key: str
    """The identity alone, canonical: `(01)09521234543213(21)ABC`, `(1P)M-100(1T)L7`, `(00)...`."""
    raw: str
    """The text as it was given."""
    product: str | None = None
    """GTIN-14, or the part number of a data identifier."""
    gtin: str | None = None
    """Fourteen digits."""
    serial: str | None = None
    lot: str | None = None
    sscc: str | None = None
    """Eighteen digits."""
    quantity: Decimal | None = None
    quantity_unit: str | None = None
    """UN/ECE Recommendation 20 code; None where the code does not tell it."""
    expiry: date | None = None
    elements: tuple[tuple[str, str], ...] = ()
    """Every (identifier, value) in the order of the code."""
    note: str = ""
    """A doubt that is no error, in words: for example a date that looks swallowed by a serial."""
