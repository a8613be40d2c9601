"""Backup and restore: whole files, verified before anybody relies on them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracenode.models.errors import DamagedDatabase, SchemaMismatch, StoreError
from tracenode.server.store.file import database
from tracenode.server.store.file.database import damage_named
from tracenode.server.store.file.lock import FileLock
from tracenode.server.store.file.replacing import draft_of, replace_database
from tracenode.server.store.file.verify import Verification, verify
from tracenode.server.store.writing.chain import hash_at
from tracenode.server.store.writing.journal import end_of

__all__ = ["Restored", "backup", "restore"]

Progress = Callable[[int], None] | None


@dataclass(frozen=True, slots=True)
class Restored:
    """`replaced` is where the database that stood there before is kept; None where there was
    none."""

    verification: Verification
    replaced: Path | None


def backup(path: Path | str, to: Path | str, progress: Progress = None) -> Verification:
    """Copy a database, also beside a running server, into the new file `to`, and verify the copy.

    `progress` hears the journal position verified.

    Raises:
        StoreError: `to` is there already, or can't be written.
        DamagedDatabase: what was copied is not whole; nothing is left at `to`.
    """
    path, to = Path(path).resolve(), Path(to).resolve()
    database.check_header(path)
    if to.exists():
        raise StoreError(f"{to} is there already; a backup never overwrites")
    if not to.parent.is_dir():
        raise StoreError(f"{to.parent}: no such folder")
    with draft_of(to) as draft:
        _copy(path, draft)
        verification = _whole(draft, path, progress)
        try:
            _name_once(draft, to)
        except OSError as error:
            raise StoreError(f"{to}: {error.strerror}") from error
    database.sync_directory(to.parent)
    return verification


def restore(
    copy: Path | str, path: Path | str, *, force: bool = False, progress: Progress = None
) -> Restored:
    """Put a backup in the place of a database; what stood there is kept under another name.

    Refused, unless `force` is given, where the database at `path` holds entries that the backup
    lacks, or is of another store or application. A damaged one is replaced without it.

    Raises:
        StoreLocked: a server has the database open.
        DamagedDatabase: the backup is not whole; nothing was changed.
        StoreError: refused as above.
    """
    copy, path = Path(copy).resolve(), Path(path).resolve()
    database.check_header(copy)
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent}: no such folder")
    with FileLock(path), draft_of(path) as draft:
        _copy(copy, draft)
        verification = _whole(draft, copy, progress)
        if path.exists() and not force:
            _refuse_loss(path, draft)
        replaced = replace_database(draft, path)
    return Restored(verification, replaced)


def _copy(path: Path, draft: Path) -> None:
    with (
        damage_named(path),
        contextlib.closing(database.connect_reader(path)) as source,
        contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as target,
    ):
        database.identify(source, path, None)
        # In one step: the stepwise form begins anew at every commit of a running server.
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    with draft.open("rb+") as file:
        database.sync_file(file)


def _name_once(draft: Path, to: Path) -> None:
    """Give `draft` its name unless that was taken meanwhile: opening exclusively decides."""
    with to.open("xb"):
        pass
    draft.replace(to)


def _whole(draft: Path, origin: Path, progress: Progress) -> Verification:
    verification = verify(draft, progress=progress)
    if not verification.whole:
        raise DamagedDatabase(str(origin), "; ".join(verification.faults), database.ADVICE)
    return verification


def _refuse_loss(path: Path, draft: Path) -> None:
    """Refuse to replace what is more, or something else, than the copy.

    Raises:
        StoreError: says what would be lost.
    """
    try:
        database.check_header(path)
        with damage_named(path), contextlib.closing(database.connect_reader(path)) as connection:
            identity = database.identify(connection, path, None)
            position, _, head = end_of(connection)
    except DamagedDatabase:
        return
    except SchemaMismatch as error:
        raise StoreError(f"{error}. Use --force to replace it all the same") from error
    with contextlib.closing(database.connect_reader(draft)) as connection:
        mine = database.identify(connection, draft, None)
        last, _, _ = end_of(connection)
        common = hash_at(connection, position, mine.store, mine.site)
    if identity != mine:
        raise StoreError(
            f"{path} is the journal of site {identity.site!r} (store {identity.store}), the backup"
            f" that of {mine.site!r} (store {mine.store}). Use --force to replace it all the same"
        )
    if common != head:
        raise StoreError(
            f"{path} holds entries that the backup lacks: it ends at {position}, the backup at"
            f" {last}. Use --force to give them up"
        )
