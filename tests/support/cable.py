"""A cable between a Modbus client and a server, which can be cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress

__all__ = ["Cable"]


class Cable:
    """Stands between server and controller; can be cut, and is whole again at once."""

    def __init__(self, port: int) -> None:
        self._to, self.port, self.cuts = port, 0, 0
        self._open: set[asyncio.StreamWriter] = set()

    async def lay(self, port: int = 0) -> asyncio.Server:
        listener = await asyncio.start_server(self._join, "127.0.0.1", port)
        self.port = listener.sockets[0].getsockname()[1]
        return listener

    def cut(self) -> None:
        self.cuts += bool(self._open)
        for end in self._open:
            end.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        ends = {writer, back}
        self._open |= ends
        try:
            await asyncio.gather(_carry(reader, back), _carry(there, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    writer.close()
