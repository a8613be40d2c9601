"""RFID tags: the EPC memory bank as hex or bits (GS1 EPC Tag Data Standard)."""

from __future__ import annotations

import re
import warnings
from typing import Final

with warnings.catch_warnings():
    # epcpy 0.1.8 has regular expressions with invalid escapes, which warn when it is compiled.
    warnings.simplefilter("ignore")
    from epcpy.epc_schemes.base_scheme import GS1Element
    from epcpy.epc_schemes.giai import GIAI
    from epcpy.epc_schemes.grai import GRAI
    from epcpy.epc_schemes.lgtin import LGTIN
    from epcpy.epc_schemes.sgln import SGLN
    from epcpy.epc_schemes.sgtin import SGTIN
    from epcpy.epc_schemes.sscc import SSCC
    from epcpy.utils.common import ConvertException
    from epcpy.utils.parsers import epc_pure_identity_to_scheme, hex_to_tag_encodable

from tracenode.drivers.codes import gs1
from tracenode.models.codes import Code, CodeKind, CodeScheme
from tracenode.models.device_errors import BadCode

__all__ = ["tag", "uri"]

MIN_BITS: Final = 16
_BITS: Final = re.compile(r"[01]{32,}")
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_KINDS: Final[dict[type, CodeKind]] = {
    SGTIN: CodeKind.Unit,
    LGTIN: CodeKind.Lot,
    SSCC: CodeKind.Logistic,
    GRAI: CodeKind.Asset,
    GIAI: CodeKind.Asset,
    SGLN: CodeKind.Place,
}


def tag(text: str) -> Code:
    """Decode an EPC given as hex (or as 32 and more bits in 0 and 1).

    A tag of a private or newer scheme has its hex, in capitals, as identity: it is never dropped.

    Raises:
        BadCode: no hex, shorter than 16 bits, not whole bytes, or a tag that was never programmed.
    """
    digits = text.strip()
    if _BITS.fullmatch(digits) and len(digits) % 8 == 0:
        digits = f"{int(digits, 2):0{len(digits) // 4}X}"
    digits = digits.upper()
    if not _HEX.fullmatch(digits):
        raise BadCode("an EPC in hexadecimal", repr(text))
    if len(digits) % 2 or len(digits) * 4 < MIN_BITS:
        raise BadCode("an EPC of whole bytes, 16 bits or more", f"{len(digits)} hex digits")
    if not digits.strip("0"):
        raise BadCode("a programmed tag", f"zeros only: {digits}")
    try:
        scheme = hex_to_tag_encodable(digits)
    except (ConvertException, ValueError, LookupError):
        return Code(CodeKind.Other, CodeScheme.EPC, text=digits, key=digits, raw=text)
    return _code(scheme, text, digits)


def uri(text: str) -> Code:
    """Decode an EPC pure identity URI such as urn:epc:id:sgtin:0614141.812345.6789.

    Raises:
        BadCode: no such URI.
    """
    try:
        scheme = epc_pure_identity_to_scheme(text)
    except (ConvertException, ValueError, LookupError) as e:
        raise BadCode("an EPC pure identity URI (urn:epc:id:...)", repr(text)) from e
    return _code(scheme, text, text)


def _code(scheme: object, raw: str, fallback: str) -> Code:
    """The key is that of the GS1 element string where the scheme has one, so that a tag and a
    label of one unit resolve alike."""
    identity: str = getattr(scheme, "epc_uri", fallback)
    kind = _KINDS.get(type(scheme), CodeKind.Other)
    if not isinstance(scheme, GS1Element):
        return Code(kind, CodeScheme.EPC, text=identity, key=identity, raw=raw)
    try:
        code = gs1.human_readable(scheme.gs1_element_string())
    except BadCode:
        # Valid bits, but no usable key: all zeros, or an element that is not ours to judge.
        return Code(kind, CodeScheme.EPC, text=identity, key=fallback, raw=raw)
    return Code(
        kind,
        CodeScheme.EPC,
        text=identity,
        key=code.key,
        raw=raw,
        product=code.product,
        gtin=code.gtin,
        serial=code.serial,
        lot=code.lot,
        sscc=code.sscc,
        elements=code.elements,
    )
