"""Keys of a scale in the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tracenode.drivers.scale.protocols import DIALECTS, Dialect, Protocol, pattern_reader
from tracenode.drivers.telegram import Framing, Terminator
from tracenode.models.errors import BadSetting

__all__ = ["ScaleOptions"]

GROUPS = {"weight", "stable", "unit"}


def _line_pattern(pattern: str) -> str:
    try:
        groups = set(re.compile(pattern).groupindex)
    except re.error as error:
        raise BadSetting("a regular expression", f"{pattern!r}: {error}") from error
    if not {"weight", "stable"} <= groups <= GROUPS:
        expected = "the groups weight and stable, and perhaps unit"
        raise BadSetting(expected, ", ".join(sorted(groups)) or "none")
    return pattern


class ScaleOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Protocol
    unit: Literal["MGM", "GRM", "KGM", "TNE", "LBR", "ONZ"] = "KGM"
    """UN/ECE code of the point Weight; what the scale prints is converted."""
    min: float | None = None
    max: float | None = None
    """Outside them the weight is OutOfRange."""
    poll_ms: int = Field(default=0, ge=0, le=3_600_000)
    """How often it is asked; 0: it sends by itself."""
    command: str = Field(default="", max_length=64)
    """What asks for the weight, such as `"SI\\r\\n"`; the protocol's own where empty."""
    length: int = Field(default=0, ge=0, le=256)
    """Characters of a telegram between start and end, where they are always as many; 0: any."""
    timeout_ms: int = Field(default=2000, ge=50, le=600_000)
    """Without a telegram for so long the scale is lost."""
    pattern: Annotated[str, AfterValidator(_line_pattern)] | None = None
    """For protocol pattern: a whole line, with the groups weight and stable, and perhaps unit."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.pattern is not None) != (self.protocol is Protocol.Pattern):
            raise ValueError('pattern and protocol = "pattern" together')
        if self.protocol is Protocol.Pattern and self.poll_ms and not self.command:
            raise ValueError('a command where protocol = "pattern" is polled')
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError("min below max")
        if not self.command.isascii():
            raise ValueError("an ASCII command")
        return self

    @property
    def dialect(self) -> Dialect:
        """How the scale is asked, cut and read."""
        if self.pattern is None:
            return DIALECTS[self.protocol]
        framing = Framing(Terminator.Line, max_length=256)
        return Dialect(pattern_reader(re.compile(self.pattern)), b"", framing)
