"""The list of a recall as a CSV file: all of it or nothing."""

from __future__ import annotations

import csv
from pathlib import Path

from tracenode.models.answers import RecallAnswer
from tracenode.models.errors import StoreError

__all__ = ["COLUMNS", "must_be_new", "write_recall_list"]

COLUMNS = ("item", "material", "state", "now", "depth", "pooled", "because_of")


def must_be_new(path: Path) -> None:
    """Refuse a file that is there before the work for it begins.

    Raises:
        StoreError: it is there.
    """
    if path.exists():
        raise StoreError(f"{path} is there already; it is never overwritten")


def write_recall_list(path: Path, answer: RecallAnswer) -> None:
    """Write every end item of an answer into a new file, in UTF-8; what can't be written whole is
    removed.

    Raises:
        StoreError: it is there already.
        OSError: it can't be written.
    """
    try:
        file = path.open("x", newline="", encoding="utf-8")
    except FileExistsError:
        must_be_new(path)
        raise
    try:
        with file:
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
                        " > ".join(hit.reason),
                    )
                )
    except OSError:
        path.unlink(missing_ok=True)
        raise
