"""Connections: what a peer does not read is not made, what it floods us with is not read, and who
has no session has no time."""

from __future__ import annotations

import asyncio
import struct
import time
from typing import TYPE_CHECKING, Any, Final

from asyncua.common.utils import Buffer
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import header_from_binary

from tracenode.server.opcua.connections.channel import error_message
from tracenode.server.opcua.connections.processor import TraceProcessor

if TYPE_CHECKING:
    from tracenode.server.opcua.engine import TraceInternalServer
    from tracenode.server.opcua.fast.lane import Lane

__all__ = ["TraceBinaryServer", "TraceProtocol"]

QUEUED_HIGH, QUEUED_LOW = 200, 50
"""Requests of one connection waiting: stop reading above, go on below."""
QUEUED_BYTES: Final = 2 * 1024 * 1024
"""The same for their bytes; half of it to go on."""
STALLED = 30.0
"""Seconds that a peer may leave its answers unread before it is cut off."""
SLICE_S: Final = 0.002
"""Seconds of requests of one connection, answered as they are taken in, between two turns of the
event loop."""
HEAD: Final = struct.Struct("<3scI")
KINDS: Final = frozenset({b"HEL", b"OPN", b"MSG", b"CLO"})
"""What a client sends; asyncua takes what only servers send, too."""
LONGEST_HELLO: Final = 8_192
CHANNEL_ID: Final = 4
"""Bytes after the head of every chunk but a hello's."""


class TraceProtocol(OPCUAProtocol):
    """One connection, with back-pressure both ways."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]
    processor: TraceProcessor | None  # pyright: ignore[reportIncompatibleVariableOverride]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._writable = asyncio.Event()
        self._writable.set()
        self._stall: asyncio.TimerHandle | None = None
        self._queued = 0
        self._unanswered = 0
        self._lane: Lane | None = None
        self._idle_since: float | None = None
        self.connected_at = asyncio.get_running_loop().time()
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        why = self.iserver.front.admission.enter(self)
        if why:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.write(error_message(StatusCodes.BadTcpServerTooBusy, why))
            transport.close()
            return
        super().connection_made(transport)
        if self.processor is not None:
            mine = TraceProcessor(self.iserver, self.transport, self.limits)
            self.processor = mine  # pyright: ignore[reportIncompatibleVariableOverride]
            self.processor.set_policies(self.policies)  # type: ignore[no-untyped-call]
            if self.iserver.lane is not None:
                self._lane = self.iserver.lane.of(self.processor)
            self.processor.writable = self._writable

    def connection_lost(self, ex: BaseException | None) -> None:
        self._forget_stall()
        if self._lane is not None:
            self._lane.close()
        self.iserver.front.admission.leave(self)
        super().connection_lost(ex)
        self._task = None  # cancelled, it would hold this connection by its traceback

    # ------------------------------------------------------------------ as admission sees it
    @property
    def idle_since(self) -> float | None:
        """Since when (or a little later) there is no activated session; None: there is one."""
        if self.processor is not None and self.processor.has_session():
            self._idle_since = None
        elif self._idle_since is None:
            had = self.processor is not None and self.processor.session is not None
            self._idle_since = asyncio.get_running_loop().time() if had else self.connected_at
        return self._idle_since

    def has_channel(self) -> bool:
        return self.processor is not None and self.processor.channel.is_open()

    def message_since(self) -> float | None:
        return None if self.processor is None else self.processor.channel.message_since

    def drop(self, code: int, words: str) -> None:
        """End the connection from this side, without waiting for the peer to read."""
        if self in self.clients:
            self.clients.remove(self)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(error_message(code, words))
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    # ------------------------------------------------------------------ both ways
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
        """Part what came into chunks; the head of one that is no client's, or longer than was
        agreed, ends the connection at once."""
        if self.transport is None or self.processor is None or self.transport.is_closing():
            return
        data = self._buffer + data if self._buffer else data
        at, end = 0, len(data)
        ends = time.perf_counter() + SLICE_S
        while end - at >= HEAD.size:
            kind, _, size = HEAD.unpack_from(data, at)
            if not self._sound(kind, size):
                self._buffer = b""
                return
            if end - at < size:
                break
            if self._is_free() and self._lane is not None and self._lane.take(data, at, size):
                at += size
                if at < end and time.perf_counter() >= ends:
                    self._go_on_later(data[at:])
                    return
                continue
            chunk = Buffer(data, at, size)
            try:
                self.messages.put_nowait((header_from_binary(chunk), chunk))
            except asyncio.QueueFull:
                self.transport.abort()
                return
            self._queued += size
            self._unanswered += 1
            at += size
        self._buffer = data[at:]
        if self.messages.qsize() > QUEUED_HIGH or self._queued > QUEUED_BYTES:
            self.transport.pause_reading()

    def _go_on_later(self, rest: bytes) -> None:
        """Let others have their turn before the rest of what came; nothing more is read before."""
        self._buffer = rest
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
            self.data_received(b"")

    def _is_free(self) -> bool:
        """True where nothing that came before waits, and the peer takes answers."""
        return not self._unanswered and self._writable.is_set()

    def _sound(self, kind: bytes, size: int) -> bool:
        assert self.transport is not None
        assert self.processor is not None
        channel = self.processor.channel
        longest = self.processor._limits.max_recv_buffer if channel.greeted else LONGEST_HELLO
        if not channel.greeted and not self.messages.empty():  # the hello is still in the queue
            longest = self.limits.max_recv_buffer
        shortest = HEAD.size + (0 if kind == b"HEL" else CHANNEL_ID)
        if kind in KINDS and shortest < size <= longest:
            return True
        known = kind in KINDS
        code = StatusCodes.BadTcpMessageTooLarge if known else StatusCodes.BadTcpMessageTypeInvalid
        words = f"a message {kind!r}"
        if known:
            words = f"expected a chunk of {shortest + 1} to {longest} bytes, found {size}"
        self.processor.refuse_chunk(code, words)
        self.transport.close()
        return False

    async def _process_one_msg(self, header: Any, buf: Any) -> bool:
        await self._writable.wait()
        self._queued -= header.packet_size
        if (
            self.transport is not None
            and self.messages.qsize() < QUEUED_LOW
            and self._queued < QUEUED_BYTES // 2
            and not self.transport.is_closing()
        ):
            self.transport.resume_reading()
        try:
            return await super()._process_one_msg(header, buf)
        finally:
            self._unanswered -= 1

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
