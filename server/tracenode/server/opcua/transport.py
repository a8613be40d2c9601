"""Connections: what a peer does not read is not made, and what it floods us with is not read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol

from tracenode.server.opcua.processor import TraceProcessor

if TYPE_CHECKING:
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["TraceBinaryServer"]

QUEUED_HIGH, QUEUED_LOW = 200, 50
"""Requests of one connection waiting: stop reading above, go on below."""
STALLED = 30.0
"""Seconds that a peer may leave its answers unread before it is cut off."""


class TraceProtocol(OPCUAProtocol):
    """One connection, with back-pressure both ways."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._writable = asyncio.Event()
        self._writable.set()
        self._stall: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if self.processor is not None:
            self.processor = TraceProcessor(self.iserver, self.transport, self.limits)
            self.processor.set_policies(self.policies)  # type: ignore[no-untyped-call]

    def connection_lost(self, ex: BaseException | None) -> None:
        self._forget_stall()
        super().connection_lost(ex)

    def pause_writing(self) -> None:
        """The peer does not read: its requests wait, and it is cut off after `STALLED`."""
        self._writable.clear()
        if self.transport is not None:
            loop = asyncio.get_running_loop()
            self._stall = loop.call_later(STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._forget_stall()
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport is None or self.transport.is_closing():
            return
        if len(self._buffer) > 2 * self.limits.max_recv_buffer:
            self.transport.abort()  # a chunk longer than was agreed
        elif self.messages.qsize() > QUEUED_HIGH:
            self.transport.pause_reading()

    async def _process_one_msg(self, header: Any, buf: Any) -> bool:
        await self._writable.wait()
        if (
            self.transport is not None
            and self.messages.qsize() < QUEUED_LOW
            and not self.transport.is_closing()
        ):
            self.transport.resume_reading()
        return await super()._process_one_msg(header, buf)

    def _forget_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


class TraceBinaryServer(BinaryServer):
    """The listening socket."""

    def _make_protocol(self) -> TraceProtocol:
        return TraceProtocol(
            iserver=self.iserver,
            policies=self._policies,
            clients=self.clients,
            closing_tasks=self.closing_tasks,
            limits=self.limits,
        )

    async def stop(self) -> None:
        """Stop listening; a peer that does not read is not waited for."""
        for transport in list(self.iserver.asyncio_transports):
            if transport.get_write_buffer_size():
                transport.abort()
        await super().stop()
