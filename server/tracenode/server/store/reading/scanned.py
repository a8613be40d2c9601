"""What a scanned text may mean (SEMANTICS S1): element strings, Digital Links, data identifiers and
tags of one item all come down to the same key, and to (product, serial or lot)."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tracenode.models.codes import Code, CodeKind
from tracenode.models.device_errors import BadCode
from tracenode.models.errors import InvalidIdentifier
from tracenode.models.identifiers import SCHEMES, Identity
from tracenode.models.items import ItemKind
from tracenode.server.store.schema import INF

__all__ = ["Meaning", "code_of", "meaning_of", "names_product"]

_STRUCTURED: Final = re.compile(
    r"\][A-Za-z][0-9]|\([0-9]{2,4}\)|\[\)>|urn:epc:|https?://|.*[\x1d\x1e]", re.DOTALL
)
_MATERIALS: Final = """
SELECT m.key FROM master m INDEXED BY master_gtin
WHERE m.gtin=:gtin AND m.kind='material' AND m.ev<=:k AND NOT EXISTS(
  SELECT 1 FROM master n WHERE n.kind='material' AND n.key=m.key AND n.ev>m.ev AND n.ev<=:k)"""


@dataclass(frozen=True, slots=True)
class Meaning:
    """`texts` are the numbers and aliases that may stand for the item, `identities` what the
    master data makes of product and serial or lot (of any generation)."""

    texts: tuple[str, ...]
    identities: tuple[Identity, ...] = ()


@lru_cache(maxsize=1024)
def code_of(text: str) -> Code | None:
    """Return what a structured text says; None for a plain one.

    Raises:
        InvalidIdentifier: it breaks the rules of its structure.
    """
    if _STRUCTURED.match(text) is None:
        return None
    # the decoders take longer to import than the store to open
    from tracenode.drivers.codes import decode

    symbology, rest = (text[1:3], text[3:]) if text.startswith("]") else (None, text)
    try:
        code = decode(rest, symbology)
    except BadCode as error:
        raise InvalidIdentifier(text, str(error)) from error
    return None if code.kind is CodeKind.Unknown and code.key == text else code


def meaning_of(connection: sqlite3.Connection, text: str, known: int = INF) -> Meaning:
    """Return what a text may mean by the master data known at a journal position.

    Raises:
        InvalidIdentifier: as `code_of`.
    """
    code = code_of(text)
    if code is None:
        return Meaning((text,))
    number, scheme = code.lot, SCHEMES[ItemKind.Lot]
    if code.serial is not None:
        number, scheme = code.serial, SCHEMES[ItemKind.Unit]
    texts = [code.key]
    if code.product is None:
        texts += [plain for plain in (number, code.sscc) if plain is not None]
    identities: list[Identity] = []
    if code.product is not None and number is not None:
        materials = [code.product]
        if code.gtin is not None:
            asked = {"gtin": code.gtin, "k": known}
            materials += [row[0] for row in connection.execute(_MATERIALS, asked)]
        identities = [Identity(scheme, material, number) for material in materials]
    return Meaning(tuple(dict.fromkeys(texts)), tuple(identities))


def names_product(code: Code, material: str, gtin: str) -> bool:
    """True where a code is of this material: by its part number or GTIN."""
    return code.product == material or (bool(gtin) and code.gtin == gtin)
