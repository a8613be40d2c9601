"""A barcode reader: sends what it reads as a telegram, over a pseudo-terminal or TCP."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final, Protocol

__all__ = ["Reader", "open_reader"]

TERMINATOR: Final = b"\r"


class Reader(Protocol):
    """A reader at the end of some link."""

    link: str
    """Where the server finds it, as in a configuration."""

    def send(self, text: str) -> bool:
        """Send one code; False where nobody took it."""
        ...

    def close(self) -> None: ...


class PtyReader:
    """Behind a pseudo-terminal. Both ends stay open here, so that its name outlives a server that
    comes and goes, and what was sent meanwhile waits in the terminal's buffer."""

    def __init__(self) -> None:
        import pty
        import tty

        self._reader, self._port = pty.openpty()
        tty.setraw(self._port)
        os.set_blocking(self._reader, False)
        self.link = f"serial:{os.ttyname(self._port)}?baudrate=115200"

    def send(self, text: str) -> bool:
        telegram = text.encode("ascii") + TERMINATOR
        try:
            return os.write(self._reader, telegram) == len(telegram)
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._port)


class TcpReader:
    """Listens; whoever is connected gets each code."""

    def __init__(self) -> None:
        self.link = ""
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.link = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            await reader.read()
        except ConnectionError:
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def send(self, text: str) -> bool:
        for writer in self._clients:
            writer.write(text.encode("ascii") + TERMINATOR)
        return bool(self._clients)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


async def open_reader() -> Reader:
    """Return a reader of the kind that this system has."""
    if sys.platform != "win32":
        return PtyReader()
    reader = TcpReader()
    await reader.listen()
    return reader
