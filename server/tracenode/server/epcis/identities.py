"""URIs of items, stations and orders.

An item with a GS1 key has a GS1 Digital Link URI, for which, unlike for an EPC URN, nobody need
know how long the company prefix is: its part is a GTIN-14, or the material has one, and its number
is one that GS1 allows; a container or carrier is numbered by an SSCC. Any other has
`urn:tracenode:item:<site>:<public id>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final
from urllib.parse import quote

from tracenode.drivers.codes.check_digits import check_number
from tracenode.models.device_errors import BadCode
from tracenode.models.identifiers import PLACEHOLDER, SCHEMES, Identity
from tracenode.models.items import ItemKind

__all__ = ["Identities"]

RESOLVER: Final = "https://id.gs1.org"
_KEYS: Final = {SCHEMES[ItemKind.Unit]: "21", SCHEMES[ItemKind.Lot]: "10"}
_PLACES: Final = (SCHEMES[ItemKind.Container], SCHEMES[ItemKind.Carrier])
_NUMBER: Final = re.compile(r"[!\"%-?A-Z_a-z]{1,20}")
"""A serial or lot number: character set 82 (GS1 General Specifications 3.4.4, 3.5.2, 7.11)."""
GTIN: Final = 14
SSCC: Final = 18


class Identities:
    """The URIs of one site. `gtin_of` tells the GTIN of a material, empty where it has none."""

    def __init__(self, site: str, gtin_of: Callable[[str], str]) -> None:
        self._site = site
        self._gtin_of = gtin_of
        self._gtins: dict[str, str] = {}

    def item(self, public: str) -> str:
        """Return the URI of an item."""
        identity = Identity.parse(public)
        if identity is not None and not identity.generation and not identity.state:
            key = _KEYS.get(identity.scheme) if _NUMBER.fullmatch(identity.text) else None
            gtin = self._gtin(identity.part) if key else ""
            if gtin:
                return f"{RESOLVER}/01/{gtin}/{key}/{quote(identity.text, safe='')}"
            if identity.scheme in _PLACES and _is_key(identity.text, SSCC):
                return f"{RESOLVER}/00/{identity.text}"
        return self._urn("item", public)

    def is_class(self, public: str) -> bool:
        """True where an item is a quantity of something, and no one thing: a lot."""
        return public.startswith(f"{SCHEMES[ItemKind.Lot]}:")

    def station(self, station: str) -> str:
        """Return the URI of a station."""
        return self._urn("station", station)

    def slot(self, station: str, slot: str) -> str:
        """Return the URI of a slot of a station."""
        return self._urn("slot", station, slot)

    def order(self, order: str) -> str:
        """Return the URI of a production order."""
        return self._urn("order", order)

    def document(self, document: str) -> str:
        """Return the URI of a delivery note."""
        return self._urn("document", document)

    def device(self, device: str) -> str:
        """Return the URI of a device."""
        return self._urn("device", device)

    def measurement(self, name: str) -> str:
        """Return the URI of what was measured."""
        return self._urn("measurement", name)

    @cached_property
    def site(self) -> str:
        """The URI of the site."""
        return self._urn("site")

    def _urn(self, kind: str, *names: str) -> str:
        said = (quote(name, safe="._~@-") for name in (self._site, *names))
        return ":".join(("urn:tracenode", kind, *said))

    def _gtin(self, part: str) -> str:
        if part not in self._gtins:
            known = "" if part == PLACEHOLDER else self._gtin_of(part)
            gtins = (digits for digits in (known, part) if _is_key(digits, GTIN))
            self._gtins[part] = next(gtins, "")
        return self._gtins[part]


def _is_key(digits: str, length: int) -> bool:
    if len(digits) != length or not (digits.isascii() and digits.isdigit()):
        return False
    try:
        check_number(digits, "the key")
    except BadCode:
        return False
    return True
