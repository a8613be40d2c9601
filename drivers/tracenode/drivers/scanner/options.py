"""Keys that a scanner and an RFID reader have in the configuration."""

from __future__ import annotations

import codecs
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tracenode.drivers.codes import Decoding
from tracenode.drivers.telegram import NOREAD_PATTERNS, Framing, Terminator, compiled_noread
from tracenode.models.errors import BadSetting

__all__ = ["ReaderOptions", "ScannerOptions"]


def _known_encoding(name: str) -> str:
    try:
        codecs.lookup(name).encode("A")
    except (LookupError, TypeError) as e:
        raise BadSetting("a text encoding such as utf-8, ascii or latin-1", repr(name)) from e
    return name


def _regular_expressions(patterns: tuple[str, ...]) -> tuple[str, ...]:
    try:
        compiled_noread(patterns)
    except re.error as e:
        raise BadSetting("regular expressions", f"{e.pattern!r}: {e}") from e
    return patterns


class ReaderOptions(BaseModel):
    """How the telegrams of a reader are cut; the same for scanners and RFID readers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    terminator: Terminator = Terminator.Line
    prefix: str = Field(default="", max_length=16)
    """What every telegram begins with, `"\\u0002"` for STX."""
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    max_length: int = Field(default=4096, ge=1, le=65_536)
    """Bytes."""
    idle_ms: int = Field(default=200, ge=5, le=60_000)
    """Silence after which an open telegram is given up. More than the reader's longest pause
    inside a telegram, less than the shortest between two."""
    duplicate_ms: int = Field(default=0, ge=0, le=3_600_000)
    """The same telegram again within this time is flagged as a duplicate; 0: never."""
    noread: Annotated[tuple[str, ...], AfterValidator(_regular_expressions)] = NOREAD_PATTERNS
    """Regular expressions for the whole text a reader sends when it read nothing."""

    @property
    def framing(self) -> Framing:
        return Framing(self.terminator, self.prefix.encode(self.encoding), self.max_length)


class ScannerOptions(ReaderOptions):
    decode: Decoding = Decoding.Auto
