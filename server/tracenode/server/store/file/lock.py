"""One writer at a time for each file, across processes."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final, Self

from tracenode.models.errors import StoreError, StoreLocked

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["FileLock"]

# Windows locks are mandatory: a byte far behind the text leaves the holder's number readable.
_LOCKED_BYTE: Final = 1 << 30


class FileLock:
    """An operating system lock on `<path>.lock`; it ends with the process, however that ends.

    The file stays where it is: removing it would let two processes lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            StoreLocked: another process, or another store of this one, holds it.
            StoreError: the lock file can't be made.
        """
        self.path = path.with_name(path.name + ".lock")
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"{self.path} can't be opened: {error.strerror}") from error
        try:
            _lock(self._file)
        except OSError as error:
            holder = os.pread(self._file, 20, 0) if hasattr(os, "pread") else b""
            os.close(self._file)
            by = f"process {holder.decode('ascii', 'replace').strip()}" if holder else "a process"
            raise StoreLocked(
                f"{path} is open for writing in {by}; stop it first (only one can write)"
            ) from error
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    @staticmethod
    def holder(path: Path) -> int | None:
        """Return the number of the process that has `path` open for writing, as it says; None
        where there is none. Takes no lock, so it can't get in the way of one that starts."""
        try:
            number = int(path.with_name(path.name + ".lock").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        if sys.platform != "win32":
            try:
                os.kill(number, 0)
            except ProcessLookupError:
                return None
            except PermissionError:
                return number
        return number

    def release(self) -> None:
        """Give the lock back; harmless when done twice."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


def _lock(file: int) -> None:
    if sys.platform == "win32":
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
