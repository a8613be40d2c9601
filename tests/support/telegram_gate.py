"""A Modbus TCP hop that sees whole telegrams and may act before one goes on, or after."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["HEADER", "Telegram", "TelegramGate", "frame"]

HEADER = 7
"""Bytes before the function code: transaction, protocol, length, unit."""


@dataclass(frozen=True)
class Telegram:
    """A request for holding registers, or to write them."""

    function: int
    address: int
    count: int
    asked: bool
    """True on its way to the controller, False where the answer to it comes back."""


Hook: TypeAlias = Callable[[Telegram], Awaitable[bool]]
"""Says whether the telegram goes on; else the connection is cut."""


class TelegramGate:
    """Stands between the server and a controller; use it as a context manager. `hook` is called
    for each telegram."""

    def __init__(self, to: int, hook: Hook) -> None:
        self._to, self._hook = to, hook
        self._listener: asyncio.Server | None = None
        self._joined: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> TelegramGate:
        self._listener = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in self._joined:
            task.cancel()
        await asyncio.gather(*self._joined, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._joined.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._carry(reader, back, there, writer):
                    pass
        finally:
            self._joined.discard(task)
            writer.transport.abort()
            back.close()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        asked = await frame(reader)
        function, address, count = struct.unpack_from(">BHH", asked, HEADER)
        count = 1 if function == 6 else count
        if not await self._hook(Telegram(function, address, count, asked=True)):
            return False
        back.write(asked)
        answer = await frame(there)
        if not await self._hook(Telegram(function, address, count, asked=False)):
            return False
        writer.write(answer)
        await writer.drain()
        return True


async def frame(reader: asyncio.StreamReader) -> bytes:
    """Read one telegram."""
    header = await reader.readexactly(HEADER)
    return header + await reader.readexactly(struct.unpack_from(">H", header, 4)[0] - 1)
