"""Files that a command writes for people: new ones, all of them or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tracenode.models.errors import StoreError

__all__ = ["must_be_new", "new_file"]


def must_be_new(path: Path) -> None:
    """Refuse a file that is there before the work for it begins.

    Raises:
        StoreError: it is there.
    """
    if path.exists():
        raise StoreError(f"{path} is there already; it is never overwritten")


@contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """Open a new file in UTF-8 without translation of line ends; where what is done with it fails,
    it is removed.

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
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
