"""The door of the lane: a chunk comes in, and is answered here or left to the complete path."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from asyncua.server.internal_session import SessionState
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_to_binary

from tracenode.server.opcua.connections.channel import AnswerTooLarge
from tracenode.server.opcua.fast.browsing import Browses
from tracenode.server.opcua.fast.calling import LATER, Calls, Running
from tracenode.server.opcua.fast.chunks import Chunks
from tracenode.server.opcua.fast.publishing import Publishes
from tracenode.server.opcua.fast.reading import Reads
from tracenode.server.opcua.fast.watching import Watches
from tracenode.server.opcua.fast.wire import NOTHING, Asking, fault, request_type
from tracenode.server.opcua.fast.writing import Writes
from tracenode.server.opcua.subscriptions.publishing import PublishRequest

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.processor import TraceProcessor
    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["FastLane", "Lane"]

log = logging.getLogger(__name__)

HEADER: Final = struct.Struct("<qIIiI3s")
"""Time, handle, diagnostics, length of the audit entry, time-out, additional header."""
KIND: Final = 4
"""Bytes of a request's type."""
NONE: Final = bytes(3)


class FastLane:
    """What all connections of a server share."""

    def __init__(self, iserver: TraceInternalServer) -> None:
        self.reads = Reads(iserver.space)
        self.browses = Browses(iserver.space)
        self.writes = Writes(iserver)
        self.publishes = Publishes(iserver.subscriptions)
        self.watches = Watches(iserver.space, iserver.subscriptions)
        self.calls = Calls(iserver)

    def of(self, processor: TraceProcessor) -> Lane:
        """Return the lane of a connection."""
        return Lane(self, processor)


class Lane:
    """One connection."""

    def __init__(self, shared: FastLane, processor: TraceProcessor) -> None:
        self._shared = shared
        self._processor = processor
        self._transport = processor._transport
        self._chunks = Chunks(processor.channel)
        self._session: TraceSession | None = None
        self._token = b""
        self._calls = Running(processor.places)
        self._services: dict[bytes, Callable[[TraceSession, Asking, bytes], bytes | None]] = {
            request_type("Read"): self._read,
            request_type("Browse"): self._browse,
            request_type("Write"): self._write,
            request_type("Publish"): self._publish,
            request_type("CreateMonitoredItems"): self._watch,
            request_type("Call"): self._call,
        }

    def take(self, data: bytes, at: int, size: int) -> bool:
        """Answer the request in a chunk; False where the complete path has to. Nothing has changed
        then."""
        opened = self._chunks.opened(data, at, size)
        if opened is None:
            return False
        body = opened.body
        serve = self._services.get(body[:KIND])
        session = self._activated()
        start = KIND + len(self._token)
        if (
            serve is None
            or session is None
            or not body.startswith(self._token, KIND)
            or len(body) < start + HEADER.size
        ):
            return False
        _, handle, _, audited, hint, additional = HEADER.unpack_from(body, start)
        if audited not in NOTHING or additional != NONE:
            return False
        asking = Asking(handle, hint, partial(self._send, opened.request, handle))
        try:
            made = serve(session, asking, body[start + HEADER.size :])
        except Exception:  # a defect here must not cost the answer
            log.exception("the fast lane failed")
            return False
        if made is None:
            return False
        self._chunks.take(opened)
        session._last_activity = time.monotonic()
        if made:
            asking.send(made)
        return True

    def close(self) -> None:
        """The connection is lost."""
        self._calls.close()
        self._services, self._session = {}, None  # which hold this lane, and its connection

    def _activated(self) -> TraceSession | None:
        session = self._processor.session
        if (
            session is None
            or session.state is not SessionState.Activated
            or session.channel is not self._processor
        ):
            return None
        if session is not self._session:
            self._session = session
            self._token = nodeid_to_binary(session.auth_token)
        return session

    def _send(self, number: int, handle: int, body: bytes) -> None:
        if self._transport.is_closing():
            return
        try:
            message = self._chunks.sealed(number, body)
        except AnswerTooLarge:
            message = self._chunks.sealed(
                number, self._fault(handle, StatusCodes.BadResponseTooLarge)
            )
        self._transport.write(message)

    def _fault(self, handle: int, code: int) -> bytes:
        self._processor.iserver.counts.refused(int(code))
        return fault(handle, code)

    # ------------------------------------------------------------------ services
    def _read(self, session: TraceSession, asking: Asking, asked: bytes) -> bytes | None:
        return self._shared.reads.answer(session, asking.handle, asked)

    def _browse(self, session: TraceSession, asking: Asking, asked: bytes) -> bytes | None:
        return self._shared.browses.answer(session, asking.handle, asked)

    def _write(self, session: TraceSession, asking: Asking, asked: bytes) -> bytes | None:
        return self._shared.writes.answer(session, asking.handle, asked)

    def _watch(self, session: TraceSession, asking: Asking, asked: bytes) -> bytes | None:
        return self._shared.watches.answer(session, asking.handle, asked)

    def _call(self, session: TraceSession, asking: Asking, asked: bytes) -> bytes | None:
        if self._calls.is_full or self._processor.is_beside():
            return None  # those on the complete path began before
        return self._shared.calls.begin(session, asking, asked, self._calls)

    def _publish(self, session: TraceSession, asking: Asking, asked: bytes) -> bytes | None:
        hint = asking.hint
        request = PublishRequest(
            handle=asking.handle,
            results=[],
            answer=asking.send,
            fault=lambda code: asking.send(self._fault(asking.handle, code)),
            connection=self._processor,
            ends=asyncio.get_running_loop().time() + hint / 1000 if hint else None,
            is_read=self._processor.writable.is_set,
            room=self._processor.channel.answer_room,
        )
        return LATER if self._shared.publishes.take(session, asked, request) else None
