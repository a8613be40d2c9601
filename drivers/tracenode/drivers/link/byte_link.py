"""The seam between devices and wires, and the two links that need no operating system."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final, Protocol

from tracenode.models.device_errors import LinkLost

__all__ = ["ByteLink", "Inbox", "MemoryLink", "memory_pair"]

HIGH_WATER: Final = 64 * 1024
"""Bytes that wait for a reader before the sender is held back."""


class ByteLink(Protocol):
    """An open connection. One task reads; cancelling a read loses no byte."""

    name: str
    """The endpoint as a person knows it; stands in every LinkLost."""

    @property
    def arrived(self) -> float:
        """When the first byte of what was read last came (`time.monotonic`): with a slow consumer
        well before it was read."""
        ...

    async def read(self) -> bytes:
        """Wait for bytes; return those that came together, at least one.

        Raises:
            LinkLost: the connection is gone, and every byte that came before was returned.
        """
        ...

    def received(self) -> bytes:
        """Return everything that is there, without waiting; empty where there is nothing."""
        ...

    async def write(self, data: bytes) -> None:
        """Return once the operating system has taken the bytes.

        Raises:
            LinkLost: the connection is gone; how many bytes went out is unknown.
        """
        ...

    async def close(self) -> None:
        """Close; safe to call twice. A read under way ends with LinkLost."""
        ...


class Inbox:
    """Bytes between whoever delivers them and one reader; the loss comes after the last byte."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.arrived = 0.0
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._lost: str | None = None
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return self._size

    @property
    def lost(self) -> str | None:
        """Why no more will come; None while the link is open."""
        return self._lost

    def put(self, data: bytes) -> None:
        self._chunks.append((time.monotonic(), data))
        self._size += len(data)
        self._wake()

    def lose(self, reason: str) -> None:
        """Say why no more will come; the first reason stays."""
        if self._lost is None:
            self._lost = reason
        self._wake()

    def take(self) -> bytes:
        """Everything that is there, perhaps nothing."""
        if not self._chunks:
            return b""
        self.arrived = self._chunks[0][0]
        data = b"".join(chunk for _, chunk in self._chunks)
        self._chunks.clear()
        self._size = 0
        return data

    async def wait(self) -> bytes:
        """Wait for bytes and take those that came together.

        Raises:
            LinkLost: nothing is left and nothing will come.
        """
        while not self._chunks:
            if self._lost is not None:
                raise LinkLost(self.name, self._lost)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self.arrived, data = self._chunks.popleft()
        self._size -= len(data)
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class MemoryLink:
    """One end of a pair inside this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._inbox = Inbox(name)
        self._room = asyncio.Event()
        self._room.set()
        self._peer: MemoryLink = self

    @property
    def arrived(self) -> float:
        return self._inbox.arrived

    async def read(self) -> bytes:
        data = await self._inbox.wait()
        self._room.set()
        return data

    def received(self) -> bytes:
        self._room.set()
        return self._inbox.take()

    async def write(self, data: bytes) -> None:
        peer = self._peer
        while self._inbox.lost is None and len(peer._inbox) >= HIGH_WATER:
            peer._room.clear()
            await peer._room.wait()
        if self._inbox.lost is not None:
            raise LinkLost(self.name, self._inbox.lost)
        peer._inbox.put(data)

    async def close(self) -> None:
        self._inbox.lose("closed here")
        self._peer._inbox.lose("closed by the peer")
        self._room.set()
        self._peer._room.set()


def memory_pair(name: str = "memory") -> tuple[MemoryLink, MemoryLink]:
    """Two ends: what one writes the other reads, with back-pressure above HIGH_WATER bytes."""
    left, right = MemoryLink(f"{name}/a"), MemoryLink(f"{name}/b")
    left._peer, right._peer = right, left
    return left, right
