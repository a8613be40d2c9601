"""Having the file made: here, or by a process of low priority.

    python -m tracenode.server.store.adjacency.making DATABASE

ends when it is done, or when its standard input does: with the server that began it, however that
ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from tracenode.models.errors import StoreError
from tracenode.server.store.adjacency.layout import write_index
from tracenode.server.store.file.database import connect_reader, damage_named, identify

__all__ = ["make_in_process", "make_index"]

MAKING_TIMEOUT_S: Final = 3600.0
"""A hundred times what ten million edges take."""
_LOWEST: Final = 19


def make_index(database: Path, *, mmap: bool = True) -> int:
    """Make the index of a database; return the journal position that it is of.

    Raises:
        StoreLocked: another process makes it just now.
        SchemaMismatch, DamagedDatabase: it is no database of ours.
        StoreError: the database can't be read, or the file not be written.
    """
    with (
        damage_named(database),
        contextlib.closing(connect_reader(database, mmap=mmap)) as connection,
    ):
        identity = identify(connection, database, None)
        try:
            return write_index(connection, database, identity)
        except OSError as error:
            raise StoreError(f"{database}: its index can't be written: {error.strerror}") from error


async def make_in_process(database: Path) -> bool:
    """Have another process make the index; True where it did. Cancelled, it ends the process."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(database)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(MAKING_TIMEOUT_S):
            return await child.wait() == 0
    except TimeoutError:
        return False
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def main(database: Path) -> None:
    if sys.platform != "win32":
        os.nice(_LOWEST)
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        make_index(database)
    except StoreError as error:
        sys.exit(f"the adjacency index is not made: {error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
