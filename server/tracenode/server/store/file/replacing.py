"""Putting a new database file in the place of another."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tracenode.models.errors import StoreError
from tracenode.server.store.adjacency.layout import index_path
from tracenode.server.store.file.database import connect_writer, sidecars, sync_directory

__all__ = ["draft_of", "replace_database"]


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give the name of a draft beside `path`; what is left of it in the end is removed."""
    draft = path.with_name(path.name + ".draft")
    leftovers = (draft, *sidecars(draft), draft.with_name(draft.name + "-journal"))
    for file in leftovers:
        file.unlink(missing_ok=True)
    try:
        yield draft
    finally:
        for file in leftovers:
            file.unlink(missing_ok=True)


def replace_database(draft: Path, path: Path) -> Path | None:
    """Let `draft`, synced and closed, take the place of `path`; return where the old file is kept.

    The caller holds the FileLock and has closed its connections. The old log and shared memory
    move along with the old file: readers that still have it open keep a consistent view.

    Raises:
        StoreError: the system refuses it (on Windows: another program has the file open).
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    kept = path.with_name(f"{path.name}.replaced-{stamp}")
    try:
        # Its journal may be another one's, or its tables be other than those it was made of.
        index_path(path).unlink(missing_ok=True)
        if path.exists():
            _fold_log(path)
            _keep(path, kept)
        for old, aside in zip(sidecars(path), sidecars(kept), strict=True):
            if old.exists():
                old.replace(aside)
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path} can't be replaced: {error.strerror}; close what has it open"
        ) from error
    sync_directory(path.parent)
    return kept if kept.exists() else None


def _fold_log(path: Path) -> None:
    """Bring the log's pages into the old file, so that it is whole without the log."""
    try:
        with contextlib.closing(connect_writer(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except (sqlite3.Error, StoreError):
        # Damaged: that is why it is replaced. The log is kept beside it as it is.
        return


def _keep(path: Path, kept: Path) -> None:
    """Give the old file a second name, so that there is a database under `path` at any moment."""
    try:
        os.link(path, kept)
    except OSError:
        path.replace(kept)
