"""Where the nodeset of our types lies, and which number each of its nodes has."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

__all__ = ["node_numbers", "nodeset_path"]

NODESET = "Traceability.NodeSet2.xml"
LOCK = "NodeIds.csv"


def nodeset_path() -> Path:
    """Return the NodeSet2 file, of the installed package or of the source tree.

    Raises:
        FileNotFoundError: the installation is not complete.
    """
    return _folder() / NODESET


@cache
def node_numbers() -> Mapping[str, int]:
    """Return the numeric identifier of each node of the nodeset by its path, such as
    `TraceStationType` or `TraceStationType/CheckItem`. Nodes removed since are among them.

    Raises:
        FileNotFoundError: the installation is not complete.
    """
    with (_folder() / LOCK).open(newline="", encoding="utf-8") as lines:
        return {row["path"]: int(row["id"]) for row in csv.DictReader(lines)}


def _folder() -> Path:
    here = Path(__file__).resolve()
    installed, source = here.parents[1] / "nodesets", here.parents[3] / "nodesets"
    for folder in (installed, source):
        if (folder / NODESET).is_file():
            return folder
    raise FileNotFoundError(f"expected {NODESET} in {installed} or {source}")
