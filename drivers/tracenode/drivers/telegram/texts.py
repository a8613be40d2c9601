"""From the body of a telegram to its text: encoding, control characters, AIM identifier, NOREAD."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tracenode.models.readings import RejectReason

__all__ = ["NOREAD_PATTERNS", "Reject", "Text", "compiled_noread", "read_text"]

NOREAD_PATTERNS: Final = (r"NO[ _-]?READ", r"NR", r"ERROR", r"\?+", r"\x18")
"""What readers send when they read nothing (whole text, case ignored)."""

_AIM: Final = re.compile(r"\]([A-Za-z][0-9A-Za-z])")
_SEPARATORS: Final = frozenset("\x04\x1d\x1e")
"""EOT, GS and RS structure GS1 and ISO/IEC 15434 codes and belong to the text."""
_NAMES: Final = {
    "\0": "NUL (a padded or unset field)",
    "\r": "CR before the terminator (set the terminator to CRLF or line)",
    "\n": "LF before the terminator (set the terminator to CRLF or line)",
    "\x02": "STX (set the prefix)",
    "\x03": "ETX (set the terminator)",
}


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    symbology: str | None
    """AIM symbology identifier without its bracket (ISO/IEC 15424)."""


@dataclass(frozen=True, slots=True)
class Reject:
    reason: RejectReason
    note: str


def compiled_noread(patterns: Sequence[str]) -> re.Pattern[str]:
    """One pattern out of many, for `fullmatch`.

    Raises:
        re.error: a pattern is no regular expression.
    """
    if not patterns:
        return re.compile(r"(?!)")
    return re.compile("|".join(f"(?:{re.compile(p).pattern})" for p in patterns), re.IGNORECASE)


def read_text(body: bytes, encoding: str, noread: re.Pattern[str]) -> Text | Reject:
    """Read a body.

    A text that is no identity (SEMANTICS S2) is a Reject: empty or blank, "nothing read",
    undecodable, with control characters other than GS, RS and EOT.
    """
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as e:
        found = f"{body[e.start : e.start + 1]!r} at byte {e.start + 1}"
        return Reject(RejectReason.Undecodable, f"expected {encoding} text, found {found}")
    if noread.fullmatch(text):
        return Reject(RejectReason.NoRead, f"the reader read nothing: it sent {text!r}")
    symbology = _AIM.match(text)
    if symbology is not None:
        text = text[symbology.end() :]
        if noread.fullmatch(text):
            return Reject(RejectReason.NoRead, f"the reader read nothing: it sent {text!r}")
    if not text.strip():
        return Reject(RejectReason.Empty, f"expected a text, found {body!r}")
    for place, c in enumerate(text):
        if not c.isprintable() and c not in _SEPARATORS:
            found = f"{_NAMES.get(c, repr(c))} at character {place + 1}"
            return Reject(RejectReason.ControlCharacters, f"expected printable text, found {found}")
    return Text(text, symbology.group(1) if symbology else None)
