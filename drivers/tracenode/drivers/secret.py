"""Secrets by reference: `env:NAME` or `file:PATH`. The configuration itself holds none."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

from pydantic import PlainValidator

from tracenode.models.errors import BadSetting

__all__ = ["Secret", "SecretReference", "withheld"]

EXPECTED: Final = "env:NAME or file:PATH, never the secret itself"
_REFERENCE: Final = re.compile(r"(env):([A-Za-z_][A-Za-z0-9_]*)|(file):(.+)")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is; reading it is the only way to see it."""

    kind: Literal["env", "file"]
    name: str

    def read(self, folder: Path) -> str:
        """Return the secret, of a file without its last line end; a relative file is in `folder`.

        Raises:
            BadSetting: the variable is not set, or the file can't be read.
        """
        if self.kind == "env":
            if (value := os.environ.get(self.name)) is None:
                raise BadSetting(f"a variable {self.name} in the environment", "none")
            return value
        path = folder / self.name
        try:
            return path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting("a file with the secret, in UTF-8", f"{path}: {error}") from error


def _reference(value: object) -> Secret:
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadSetting(EXPECTED, "another text")
    kind, name = (match[1], match[2]) if match[1] else (match[3], match[4])
    return Secret(cast("Literal['env', 'file']", kind), name)


SecretReference = Annotated[Secret, PlainValidator(_reference, json_schema_input_type=str)]
"""A key of a configuration that refers to a secret."""


def withheld(table: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return a table in which a secret that stands there by mistake can't be shown by the fault
    that names it."""
    safe = dict(table)
    for key in keys:
        value = safe.get(key)
        if isinstance(value, str) and not _REFERENCE.fullmatch(value):
            safe[key] = "(withheld)"
    return safe
