"""Pseudo-terminals: the other end of a serial cable, which can be pulled."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["Cable", "cable"]


class Cable:
    """The device's end of a pty. `port` may be a link that stays when the cable is changed."""

    def __init__(self, link: Path | None = None) -> None:
        if sys.platform == "win32":
            pytest.skip("no pseudo-terminals on Windows")
        import tty

        self._master, self._slave = os.openpty()
        # Kept open, so that the terminal lives while nobody has the port open.
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        if link is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(self.port)
            self.port = str(link)

    def send(self, data: bytes) -> None:
        """Send all of it; blocks while the terminal's buffer is full."""
        while data:
            data = data[os.write(self._master, data) :]

    def receive(self, size: int = 4096) -> bytes:
        return os.read(self._master, size)

    def pull(self) -> None:
        """Pull the cable: the port hangs up."""
        for end in (self._master, self._slave):
            if end >= 0:
                os.close(end)
        self._master = self._slave = -1


@contextmanager
def cable(link: Path | None = None) -> Iterator[Cable]:
    plugged = Cable(link)
    try:
        yield plugged
    finally:
        plugged.pull()
