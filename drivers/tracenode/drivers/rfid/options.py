"""Keys of an RFID reader in the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from tracenode.drivers.scanner.options import ReaderOptions
from tracenode.models.errors import BadSetting

__all__ = ["DEFAULT_PATTERN", "GROUPS", "RfidOptions"]

GROUPS: Final = ("epc", "antenna", "rssi")
DEFAULT_PATTERN: Final = (
    r"(?P<epc>[0-9A-Fa-f]{4,128})"
    r"(?:[,;|\s]+(?P<antenna>[0-9]{1,3})(?:[,;|\s]+(?P<rssi>-?[0-9]{1,3}(?:\.[0-9]+)?))?)?"
)
"""EPC, then antenna and signal strength where the reader tells them: `3034...1A85,1,-47.5`."""


def _line_pattern(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as e:
        raise BadSetting("a regular expression", f"{pattern!r}: {e}") from e
    if "epc" not in groups:
        raise BadSetting("a group (?P<epc>...)", repr(pattern))
    if unknown := [name for name in groups if name not in GROUPS]:
        raise BadSetting("the groups epc, antenna and rssi", ", ".join(unknown))
    return pattern


class RfidOptions(ReaderOptions):
    pattern: Annotated[str, AfterValidator(_line_pattern)] = DEFAULT_PATTERN
    """Regular expression for a whole line with the groups epc (hex), antenna (number) and rssi
    (dBm); the last two are optional."""
    duplicate_ms: int = Field(default=2000, ge=0, le=3_600_000)
    """A tag seen again by the same antenna within this time is still the same visit."""
