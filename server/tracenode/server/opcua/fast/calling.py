"""Call: one method by one request, through the gateway's own checks, with one task for its work.

The complete path has a task for the request and one for the work, and waits for the second in the
first. Here the work's end, or its time limit, sends the answer.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_from_binary, struct_to_binary, variant_from_binary

from tracenode.server.opcua.connections.callers import calling
from tracenode.server.opcua.fast.wire import (
    EMPTY,
    I32,
    Asking,
    answer,
    fault,
    node_id_end,
    response_type,
)
from tracenode.server.opcua.methods.gateway import Binding, Prepared
from tracenode.server.opcua.nodes.variants import variant_bytes

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.methods.gateway import MethodGateway
    from tracenode.server.opcua.nodes.space import TraceAddressSpace

__all__ = ["Calls", "Running"]

RESPONSE: Final = response_type("Call")
ONE: Final = I32.pack(1)
STRING: Final = ua.VariantType.String
STRING_BYTE: Final = STRING.value
REMEMBERED: Final = 10_000
"""Methods of objects; then all are forgotten."""


class Target(NamedTuple):
    """A method of an object, and what answers it."""

    object_id: ua.NodeId
    method_id: ua.NodeId
    binding: Binding


class Running:
    """The calls of one connection whose answers are not sent yet."""

    def __init__(self) -> None:
        self._calls: set[_Call] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: _Call) -> None:
        self._calls.add(call)

    def remove(self, call: _Call) -> None:
        self._calls.discard(call)

    def close(self) -> None:
        """Nobody waits any more: questions end, what is being booked is booked."""
        for call in list(self._calls):
            call.abandon()


class Calls:
    """Answers Call requests of all sessions."""

    def __init__(self, space: TraceAddressSpace, gateway: MethodGateway) -> None:
        self._space = space
        self._gateway = gateway
        self._changes = -1
        self._targets: dict[bytes, Target] = {}

    def begin(self, session: TraceSession, asking: Asking, asked: bytes, running: Running) -> bool:
        """Begin the call asked for, which sends its answer. False where the request is unusual."""
        if asked[: len(ONE)] != ONE:
            return False
        request = self._request(asked)
        if request is None:
            return False
        target, method = request
        gateway = self._gateway
        who = session.caller
        prepared = gateway.prepare(target.binding, method, who)
        if not isinstance(prepared, Prepared):
            asking.send(_response(asking.handle, prepared))
            return True
        token = calling.set(who)
        try:
            work = gateway.start(prepared)
        finally:
            calling.reset(token)
        if work is None:
            busy = ua.CallMethodResult(StatusCode=ua.StatusCode(_BUSY))
            asking.send(_response(asking.handle, gateway.finish(prepared, busy)))
            return True
        running.add(_Call(gateway, prepared, work, asking, running))
        return True

    def _request(self, asked: bytes) -> tuple[Target, ua.CallMethodRequest] | None:
        at = len(ONE)
        end = node_id_end(asked, node_id_end(asked, at))
        target = self._target(asked[at:end])
        if target is None or len(asked) < end + I32.size:
            return None
        arguments = _arguments(asked, end)
        if arguments is None:
            return None
        method = ua.CallMethodRequest(target.object_id, target.method_id, arguments)
        return target, method

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
        found = Target(object_id, method_id, binding)
        real = self._space.virtual.real
        if object_id in real and method_id in real:
            self._targets[ids] = found
        return found


class _Call:
    """One call: its work, its time, its answer."""

    def __init__(
        self,
        gateway: MethodGateway,
        prepared: Prepared,
        work: asyncio.Task[ua.CallMethodResult],
        asking: Asking,
        running: Running,
    ) -> None:
        self._gateway, self._prepared, self._work = gateway, prepared, work
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
        result = self._gateway.finish(self._prepared, self._gateway.done(work))
        self._asking.send(_response(self._asking.handle, result))

    def _overdue(self) -> None:
        self._end()
        if self._prepared.binding.question:
            self._work.cancel()
        result = self._gateway.finish(self._prepared, self._gateway.overdue(self._prepared))
        self._asking.send(_response(self._asking.handle, result))

    def _given_up(self) -> None:
        """The client waits no longer (OPC 10000-4 7.32, TimeoutHint)."""
        self.abandon()
        self._asking.send(fault(self._asking.handle, StatusCodes.BadTimeout))

    def _note(self, work: asyncio.Task[ua.CallMethodResult]) -> None:
        self._gateway.finish(self._prepared, self._gateway.done(work))

    def _end(self) -> None:
        self._timer.cancel()
        self._work.remove_done_callback(self._done)
        self._running.remove(self)


_BUSY: Final = ua.UInt32(StatusCodes.BadTooManyOperations)


def _arguments(asked: bytes, at: int) -> list[ua.Variant] | None:
    (count,) = I32.unpack_from(asked, at)
    at += I32.size
    found: list[ua.Variant] = []
    try:
        for _ in range(count):
            if asked[at] == STRING_BYTE:
                (size,) = I32.unpack_from(asked, at + 1)
                at += 1 + I32.size
                if not 0 <= size <= len(asked) - at:
                    return None
                found.append(ua.Variant(asked[at : at + size].decode("utf-8"), STRING))
                at += size
            else:
                buffer: Any = Buffer(asked, at)
                found.append(variant_from_binary(buffer))
                at = buffer.cur_pos
    except Exception:  # noqa: BLE001  # the complete path says what is wrong with it
        return None
    return found if at == len(asked) else None


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
