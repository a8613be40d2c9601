"""The official NodeSet2 files that come with the product, as their publishers made them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tracenode.server.nodeset_data import nodeset_path

__all__ = ["AUTO_ID", "DI", "Vendored", "vendored"]

DI: Final = "http://opcfoundation.org/UA/DI/"
"""OPC 10000-100, devices."""
AUTO_ID: Final = "http://opcfoundation.org/UA/AutoID/"
"""OPC 30010, readers of codes."""
SOURCES: Final = "SOURCES.csv"


@dataclass(frozen=True, slots=True)
class Vendored:
    """A file and where it is from; `sha256` is that of the file as it was published."""

    name: str
    path: Path
    uri: str
    version: str
    published: str
    sha256: str
    licence: str


@cache
def vendored() -> Mapping[str, Vendored]:
    """Return the files by the name they have in the configuration.

    Raises:
        FileNotFoundError: the installation is not complete.
    """
    folder = nodeset_path().parent / "companions"
    with (folder / SOURCES).open(newline="", encoding="utf-8") as lines:
        return {
            row["name"]: Vendored(
                row["name"],
                folder / row["file"],
                row["uri"],
                row["version"],
                row["published"],
                row["sha256"],
                row["licence"],
            )
            for row in csv.DictReader(lines)
        }
