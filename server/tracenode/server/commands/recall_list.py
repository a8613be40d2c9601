"""The list of a recall as a CSV file: all of it or nothing."""

from __future__ import annotations

import csv
from pathlib import Path

from tracenode.models.answers import RecallAnswer
from tracenode.server.commands.new_file import new_file

__all__ = ["COLUMNS", "write_recall_list"]

COLUMNS = ("item", "material", "state", "now", "depth", "pooled", "share", "because_of")


def write_recall_list(path: Path, answer: RecallAnswer) -> None:
    """Write every end item of an answer into a new file, in UTF-8.

    Raises:
        StoreError, OSError: as `new_file`.
    """
    with new_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for hit in answer.hits:
            writer.writerow(
                (
                    hit.item,
                    hit.material,
                    hit.state.name,
                    hit.mark.name,
                    hit.depth,
                    "pooled" if hit.pooled else "exact",
                    "unknown" if hit.share is None else f"{hit.share:f}",
                    " > ".join(hit.reason),
                )
            )
