"""Call: one method by one request, through the gateway's own checks.

Its work runs at once until it waits for something; what does not wait is answered there and then.
For the rest of it there is a task, whose end, or the time limit, sends the answer. (The complete
path has a task for the request, too, which waits for that one.)
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_from_binary, struct_to_binary, variant_from_binary

from tracenode.server.opcua.fast.arguments import reader
from tracenode.server.opcua.fast.steps import at_once
from tracenode.server.opcua.fast.wire import (
    EMPTY,
    I32,
    Asking,
    answer,
    fault,
    node_id_end,
    response_type,
)
from tracenode.server.opcua.methods.gateway import Binding, CallContext, Prepared
from tracenode.server.opcua.nodes.variants import variant_bytes

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.engine import TraceInternalServer
    from tracenode.server.opcua.methods.gateway import MethodGateway

__all__ = ["LATER", "Calls", "Running"]

log = logging.getLogger(__name__)

RESPONSE: Final = response_type("Call")
ONE: Final = I32.pack(1)
LATER: Final = b""
"""An answer that is sent when it is there."""
REMEMBERED: Final = 10_000
"""Methods of objects; then all are forgotten."""


class Target(NamedTuple):
    """A method of an object, and what answers it."""

    object_id: ua.NodeId
    method_id: ua.NodeId
    binding: Binding
    read: Callable[[bytes, int], dict[str, object] | None]
    """Its arguments, where they are all sound."""


class Running:
    """The calls of one connection whose answers are not sent yet. Each has one of the places that
    the requests of the connection share, whichever way they took."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._calls: set[_Call] = set()

    @property
    def is_full(self) -> bool:
        return self._places.locked()

    def add(self, call: _Call) -> None:
        """Add a call, where there is a place."""
        at_once(self._places.acquire())
        self._calls.add(call)

    def remove(self, call: _Call) -> None:
        if call in self._calls:
            self._calls.remove(call)
            self._places.release()

    def close(self) -> None:
        """Nobody waits any more: questions end, what is being booked is booked."""
        for call in list(self._calls):
            call.abandon()


class Calls:
    """Answers Call requests of all sessions."""

    def __init__(self, iserver: TraceInternalServer) -> None:
        self._space, self._gateway, self._counts = iserver.space, iserver.gateway, iserver.counts
        self._changes = -1
        self._targets: dict[bytes, Target] = {}

    def begin(
        self, session: TraceSession, asking: Asking, asked: bytes, running: Running
    ) -> bytes | None:
        """Begin the call asked for; return its answer, or `LATER`. None where the request is
        unusual."""
        if asked[: len(ONE)] != ONE:
            return None
        at = len(ONE)
        end = node_id_end(asked, node_id_end(asked, at))
        target = self._target(asked[at:end])
        prepared = None if target is None else self._prepared(session, target, asked, end)
        if prepared is None:
            return None
        if not isinstance(prepared, Prepared):
            return _response(asking.handle, prepared)
        gateway = self._gateway
        work = gateway.begin(prepared)
        if isinstance(work, asyncio.Task):
            running.add(_Call(self, prepared, work, asking, running))
            return LATER
        return self.answer(asking, prepared, work)

    def answer(self, asking: Asking, prepared: Prepared, result: ua.CallMethodResult) -> bytes:
        """Note how a call has ended, and return its answer. It has been done, so whatever is wrong
        with its result, nobody else may do it again."""
        try:
            return _response(asking.handle, self._gateway.finish(prepared, result))
        except Exception:
            log.exception("%s: its result can't be sent", prepared.binding.name)
            self._counts.refused(StatusCodes.BadInternalError)
            return fault(asking.handle, StatusCodes.BadInternalError)

    @property
    def gateway(self) -> MethodGateway:
        return self._gateway

    def _prepared(
        self, session: TraceSession, target: Target, asked: bytes, at: int
    ) -> Prepared | ua.CallMethodResult | None:
        binding, who = target.binding, session.caller
        arguments = target.read(asked, at)
        request = partial(_request, target, asked, at)
        if arguments is not None and self._gateway.may_call(binding, who):
            context = CallContext(target.object_id, binding.name, who, datetime.now(UTC))
            return Prepared(request, binding, context, arguments)
        try:
            method = request()
        except Exception:  # noqa: BLE001  # the complete path says what is wrong with it
            return None
        return self._gateway.prepare(binding, method, who)

    def _target(self, ids: bytes) -> Target | None:
        if self._space.changes != self._changes or len(self._targets) > REMEMBERED:
            self._targets.clear()
            self._changes = self._space.changes
        known = self._targets.get(ids)
        if known is not None:
            return known
        buffer: Any = Buffer(ids)
        try:
            object_id, method_id = nodeid_from_binary(buffer), nodeid_from_binary(buffer)
        except Exception:  # noqa: BLE001  # the complete path says what is wrong with it
            return None
        if len(buffer):
            return None
        binding = self._gateway.resolve(object_id, method_id)
        if not isinstance(binding, Binding):
            return None
        found = Target(object_id, method_id, binding, reader(binding))
        real = self._space.virtual.real
        if object_id in real and method_id in real:
            self._targets[ids] = found
        return found


class _Call:
    """One call: its work, its time, its answer."""

    def __init__(
        self,
        calls: Calls,
        prepared: Prepared,
        work: asyncio.Task[ua.CallMethodResult],
        asking: Asking,
        running: Running,
    ) -> None:
        self._calls, self._prepared, self._work = calls, prepared, work
        self._asking, self._running = asking, running
        limit, patience = prepared.binding.time_limit, asking.hint / 1000
        loop = asyncio.get_running_loop()
        if patience and patience < limit:
            self._timer = loop.call_later(patience, self._given_up)
        else:
            self._timer = loop.call_later(limit, self._overdue)
        work.add_done_callback(self._done)

    def abandon(self) -> None:
        """Nobody waits for the answer."""
        self._end()
        if self._prepared.binding.question:
            self._work.cancel()
        else:
            self._work.add_done_callback(self._note)

    def _done(self, work: asyncio.Task[ua.CallMethodResult]) -> None:
        self._end()
        self._send(self._calls.gateway.done(work))

    def _overdue(self) -> None:
        self._end()
        if self._prepared.binding.question:
            self._work.cancel()
        self._send(self._calls.gateway.overdue(self._prepared))

    def _send(self, result: ua.CallMethodResult) -> None:
        self._asking.send(self._calls.answer(self._asking, self._prepared, result))

    def _given_up(self) -> None:
        """The client waits no longer (OPC 10000-4 7.32, TimeoutHint)."""
        self.abandon()
        self._asking.send(fault(self._asking.handle, StatusCodes.BadTimeout))

    def _note(self, work: asyncio.Task[ua.CallMethodResult]) -> None:
        gateway = self._calls.gateway
        gateway.finish(self._prepared, gateway.done(work))

    def _end(self) -> None:
        self._timer.cancel()
        self._work.remove_done_callback(self._done)
        self._running.remove(self)


def _request(target: Target, asked: bytes, at: int) -> ua.CallMethodRequest:
    """Decode the request, as the complete path does.

    Raises:
        ValueError: there is more than that; what asyncua's decoder raises.
    """
    (count,) = I32.unpack_from(asked, at)
    buffer: Any = Buffer(asked, at + I32.size)
    arguments = [variant_from_binary(buffer) for _ in range(count)]
    if len(buffer):
        raise ValueError("expected the end of the request, found more")
    return ua.CallMethodRequest(target.object_id, target.method_id, arguments)


def _response(handle: int, result: ua.CallMethodResult) -> bytes:
    return answer(RESPONSE, handle, ONE, _result(result), EMPTY)


def _result(result: ua.CallMethodResult) -> bytes:
    if result.InputArgumentDiagnosticInfos:
        return struct_to_binary(result)
    codes = [code.value for code in result.InputArgumentResults or ()]
    outputs = result.OutputArguments or ()
    return b"".join(
        (
            struct.pack(f"<Ii{len(codes)}I", result.StatusCode.value, len(codes), *codes),
            EMPTY,
            I32.pack(len(outputs)),
            *map(variant_bytes, outputs),
        )
    )
