"""The identity that a new item gets (SEMANTICS S1, S2)."""

from __future__ import annotations

from typing import Final

from tracenode.models.codes import Code
from tracenode.models.errors import DuplicateIdentifier, InvalidIdentifier, UnknownMaterial
from tracenode.models.identifiers import SCHEMES, Identity
from tracenode.models.items import ItemKind
from tracenode.server.store.booking.checks import Case
from tracenode.server.store.projecting.interning import KINDS
from tracenode.server.store.reading.master import Material, material
from tracenode.server.store.reading.resolve import checked_reference, parsed
from tracenode.server.store.reading.scanned import code_of, names_product
from tracenode.server.store.writing.journal import from_microseconds

__all__ = ["free_identity", "known_material"]

_DAY_US: Final = 86_400_000_000
_GENERATIONS: Final = """
SELECT i.gen, i.at, EXISTS(SELECT 1 FROM life l WHERE l.item=i.id)
FROM type t CROSS JOIN item i WHERE t.scheme=? AND t.code=? AND i.text=? AND i.type=t.id
  AND i.state_of IS NULL ORDER BY i.gen DESC"""


def known_material(case: Case, code: str) -> Material:
    """Return a material in force; UnknownMaterial where there is none."""
    found = material(case.connection, code)
    if found is None:
        raise UnknownMaterial(code)
    return found


def free_identity(case: Case, text: str, code: str) -> str:
    """Return the public id that a new item of a material gets from its number, its scanned code or
    its public id. A number that was registered before is free where the registration was voided,
    or as the next generation once the material's `reuse_after_days` have passed.

    Raises: InvalidIdentifier, UnknownMaterial, DuplicateIdentifier.
    """
    scanned = code_of(text)
    if scanned is None:
        checked_reference(text)
    about = known_material(case, code)
    scheme = SCHEMES[about.item_kind]
    given = parsed(text)
    if given is not None and given.scheme in KINDS:
        if (given.scheme, given.part) != (scheme, code):
            raise InvalidIdentifier(text, f"an id of this material begins with {scheme}:{code}:")
        number = given.text
    else:
        given = None
        number = text if scanned is None else _number(scanned, code, about)
    wanted = Identity.checked(scheme, code, number)
    generation = _generation(case, wanted, about)
    if given is not None and given.generation not in (0, generation):
        raise InvalidIdentifier(text, f"the next free generation is {generation}")
    return str(Identity.checked(scheme, code, number, generation) if generation else wanted)


def _generation(case: Case, wanted: Identity, about: Material) -> int:
    key = (wanted.scheme, wanted.part, wanted.text)
    known = case.connection.execute(_GENERATIONS, key).fetchall()
    standing = next(((generation, at) for generation, at, exists in known if exists), None)
    if standing is not None:
        generation, at = standing
        days = about.reuse_after_days
        if days is None or case.at - at < days * _DAY_US:
            public = str(Identity(*key, generation))
            when = from_microseconds(at).isoformat(timespec="seconds")
            raise DuplicateIdentifier(public, f"registered {when}")
    if not known:
        return 0
    latest, _, exists = known[0]
    return int(latest) + 1 if exists else int(latest)


def _number(code: Code, material_code: str, about: Material) -> str:
    """Return what of a scanned code is the number of an item of this material: its serial or lot,
    its SSCC; the canonical code as a whole where the master data can't tell its product."""
    number = {ItemKind.Unit: code.serial, ItemKind.Lot: code.lot}.get(about.item_kind, code.sscc)
    if code.product is None:
        return number or code.key
    if names_product(code, material_code, about.gtin):
        if number is None:
            raise InvalidIdentifier(code.raw, f"it has no number of a {about.kind}")
        return number
    if code.gtin is None or about.gtin:
        raise InvalidIdentifier(code.raw, f"it is of product {code.product}")
    return code.key
