"""A link over an asyncio transport: TCP sockets and serialx ports."""

from __future__ import annotations

import asyncio
from typing import Final, cast

from tracenode.drivers.link.byte_link import HIGH_WATER, Inbox
from tracenode.drivers.link.hints import words
from tracenode.models.device_errors import LinkLost

__all__ = ["TransportLink"]

WRITE_TIMEOUT: Final = 2.0
"""Seconds that a write may wait for the device to take bytes (flow control, a full socket)."""
CLOSE_TIMEOUT: Final = 1.0
"""Seconds for unsent bytes at close; then they are dropped."""


class TransportLink(asyncio.Protocol):
    """asyncio's own StreamReader forgets unread bytes when the connection breaks; a scan that
    came just before the cable did would be lost. This one hands them out first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._inbox = Inbox(name)
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._writable = asyncio.Event()
        self._closed = asyncio.Event()

    # ------------------------------------------------------------- the seam
    @property
    def arrived(self) -> float:
        return self._inbox.arrived

    async def read(self) -> bytes:
        data = await self._inbox.wait()
        self._resume()
        return data

    def received(self) -> bytes:
        data = self._inbox.take()
        self._resume()
        return data

    async def write(self, data: bytes) -> None:
        if self._transport is None or self._inbox.lost is not None:
            raise LinkLost(self.name, self._inbox.lost or "not connected")
        try:
            self._transport.write(data)
        except OSError as e:
            raise LinkLost(self.name, words(e)) from e
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._writable.wait()
        except TimeoutError as e:
            self._transport.abort()
            raise LinkLost(
                self.name, f"the device took no bytes for {WRITE_TIMEOUT:g} s (flow control?)"
            ) from e
        if self._inbox.lost is not None:
            raise LinkLost(self.name, self._inbox.lost)

    async def close(self) -> None:
        self._inbox.lose("closed here")
        transport = self._transport
        if transport is None:
            return
        transport.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._closed.wait()
        except TimeoutError:
            transport.abort()

    def abort(self) -> None:
        """Close at once; unsent bytes are dropped."""
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------- asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._inbox.put(data)
        if len(self._inbox) >= HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        # A reader that closed its sending half will not scan any more: that is a loss.
        self._inbox.lose("the peer closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._inbox.lose(words(exc) if exc is not None else "the connection was closed")
        self._writable.set()
        self._closed.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _resume(self) -> None:
        if self._paused and len(self._inbox) < HIGH_WATER and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
