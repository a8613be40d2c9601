"""Check digits of GS1 keys (GS1 General Specifications 7.9.1)."""

from __future__ import annotations

from typing import Final

from biip.checksums import gs1_standard_check_digit

from tracenode.models.device_errors import BadCode

__all__ = ["KEY_DIGITS", "check_key", "check_number"]

KEY_DIGITS: Final[dict[str, tuple[int, int]]] = {
    "00": (0, 18),
    "01": (0, 14),
    "02": (0, 14),
    "253": (0, 13),
    "255": (0, 13),
    "402": (0, 17),
    "410": (0, 13),
    "411": (0, 13),
    "412": (0, 13),
    "413": (0, 13),
    "414": (0, 13),
    "415": (0, 13),
    "416": (0, 13),
    "417": (0, 13),
    "8003": (1, 14),
    "8006": (0, 14),
    "8017": (0, 18),
    "8018": (0, 18),
}
"""Application identifier -> where its key with the check digit stands in the value."""


def check_key(ai: str, value: str) -> None:
    """Verify the check digit of the key in an element.

    Raises:
        BadCode: another digit was expected, or the key is all zeros.
    """
    if ai in KEY_DIGITS:
        begin, end = KEY_DIGITS[ai]
        check_number(value[begin:end], f"({ai})")


def check_number(number: str, name: str) -> None:
    """Verify the last digit of a number.

    Raises:
        BadCode: another digit was expected, or the number is all zeros.
    """
    expected = gs1_standard_check_digit(number[:-1])
    if int(number[-1]) != expected:
        raise BadCode(f"check digit {expected} at the end of {name} {number}", number[-1])
    if not number.strip("0"):
        # All zeros has a right check digit, and is what an empty field prints as (SEMANTICS S2).
        raise BadCode(f"a number in {name}", f"zeros only: {number}")
