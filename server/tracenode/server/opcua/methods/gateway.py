"""The one door of all method calls.

Every call passes, in this order: object and method known and belonging together, executable, the
caller's roles, count, type and range of each argument, request id where one is needed, a place
among the calls running, the handler within its time. What the client gets (OPC 10000-4 5.12.2):

==================================== ===============================================================
outcome                              status of the call
==================================== ===============================================================
unknown object / method not of it,
  or called on a type                BadNodeIdUnknown / BadMethodInvalid
fewer or more arguments              BadArgumentsMissing / BadTooManyArguments
wrong type or array-ness             BadInvalidArgument, the argument's result BadTypeMismatch
too long, NaN, outside its bounds    BadInvalidArgument, the argument's result BadOutOfRange
refused by the handler (TraceError)  Good, outputs padded, StatusText and Status say why
the store is down (StoreError)       BadResourceUnavailable: never a fake success
no answer in time                    BadTimeout: the outcome is unknown, the booking may complete
not by a role of its user            BadUserAccessDenied
too many calls running, or questions
  about much of the store waiting    BadTooManyOperations
anything else                        BadInternalError, logged with its traceback
==================================== ===============================================================

An over-long identifier (a name ending in Id or Ids, RequestId apart) is let through: the handler
refuses it as InvalidIdentifier, and that refusal is recorded.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from asyncua import ua
from asyncua.server.address_space import MethodService, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.models.errors import MalformedRequest, StoreError, TooManyQuestions, TraceError
from tracenode.models.status import REFUSED_FROM
from tracenode.server.opcua.connections.callers import Caller, caller, calling
from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.methods.arguments import MAX_STRING, Argument, declared, outputs
from tracenode.server.opcua.nodes.book import attribute, type_definition
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.variants import GOOD
from tracenode.server.opcua.security.access import Access
from tracenode.server.opcua.security.audit import AuditTrail
from tracenode.server.opcua.security.audit_notes import is_noted, note_call
from tracenode.server.opcua.tasks import Tasks

__all__ = ["Binding", "CallContext", "Handler", "MethodGateway", "Prepared"]

S = StatusCodes
log = logging.getLogger(__name__)

TIME_LIMIT = 2.0
"""Seconds for an answer (MODEL R6). The work goes on after it; only the waiting ends."""
MAX_RUNNING = 256
"""Calls running on the whole server, those included that nobody waits for any more."""


class CallContext(NamedTuple):
    """What a handler knows of a call beside its arguments; `time` is when it was asked."""

    object_id: ua.NodeId
    method: str
    caller: Caller
    time: datetime


Handler = Callable[..., Awaitable[Mapping[str, object] | None]]
"""`async def handler(call, *, item_id, ...)`: arguments by snake case name, None = not given.

Returns the outputs by snake case name; what it leaves out is zero, so Status is Ok. It runs at once
until it waits for something, and until then in no task (`Tasks.begin`).
"""


@dataclass(frozen=True, slots=True)
class Binding:
    """A method with its handler and what its declaration asks for."""

    name: str
    handler: Handler
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    bounds: Mapping[str, tuple[float, float]]
    needs_request_id: bool
    time_limit: float
    question: bool


class Prepared(NamedTuple):
    """A call that has passed every check; its handler has not begun. `request` makes the request
    again, for the audit trail."""

    request: Callable[[], ua.CallMethodRequest]
    binding: Binding
    context: CallContext
    arguments: Mapping[str, object]


class MethodGateway(MethodService):
    """asyncua's method service, with checks before and a StatusCode for everything after.

    `refusal_code` is the StatusCode that goes with a refusal: Good, or Uncertain for clients built
    to OPC 11030 5.
    """

    def __init__(
        self, space: TraceAddressSpace, types: TypeTree, access: Access, audit: AuditTrail
    ) -> None:
        super().__init__(space)
        self._access, self._audit = access, audit
        self.refusal_code = ua.StatusCode()
        self._space = space
        self._types = types
        self.running = Tasks()
        self.turned_away = 0
        """Calls that were not begun, or not answered, because too many were running or waiting."""
        self._bindings: dict[ua.NodeId, Binding] = {}
        self._declared_by: dict[ua.NodeId, ua.NodeId] = {}
        self._on_types: set[ua.NodeId] = set()

    # ------------------------------------------------------------------ binding
    def bind(
        self,
        method_id: ua.NodeId,
        handler: Handler,
        *,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        needs_request_id: bool = False,
        time_limit: float = TIME_LIMIT,
        question: bool = False,
        on_type: bool = False,
    ) -> None:
        """Let `handler` answer a method of a type (and of all its instances).

        `bounds`: least and greatest number by argument name as declared (`MaxDepth`).
        `needs_request_id`: a call without RequestId is refused as MalformedRequest.
        `question`: it books nothing, and ends as soon as nobody waits for its answer.
        `on_type`: it is called on the type itself, as ConditionRefresh is (OPC 10000-9 5.5.7).

        Raises:
            ValueError: no such method, or the handler's parameters are not its arguments.
        """
        node = self._space.get(method_id)
        if node is None or attribute(node, AttributeIds.NodeClass) != ua.NodeClass.Method:
            raise ValueError(f"expected a method, found {method_id.to_string()}")
        name = attribute(node, AttributeIds.BrowseName).Name
        inputs = declared(self._property(node, "InputArguments"), self._types)
        parameters = list(inspect.signature(handler).parameters)[1:]
        if sorted(parameters) != sorted(argument.key for argument in inputs):
            raise ValueError(
                f"{name}: expected parameters {[a.key for a in inputs]}, found {parameters}"
            )
        self._bindings[method_id] = Binding(
            name=name,
            handler=handler,
            inputs=inputs,
            outputs=declared(self._property(node, "OutputArguments"), self._types),
            bounds=bounds or {},
            needs_request_id=needs_request_id,
            time_limit=time_limit,
            question=question,
        )
        if on_type:
            self._on_types.add(method_id)
        self._space.changes += 1

    def bind_type(
        self,
        type_id: ua.NodeId,
        handlers: Mapping[str, Handler],
        *,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        needs_request_id: bool = False,
        time_limit: float = TIME_LIMIT,
        question: bool = False,
    ) -> None:
        """Bind methods of a type by browse name; options and errors as `bind`."""
        methods = {
            str(declaration.name.Name): declaration.node_id
            for declaration in self._types.declarations(type_id)
            if declaration.node_class == ua.NodeClass.Method
        }
        for name, handler in handlers.items():
            if name not in methods:
                raise ValueError(f"expected one of {sorted(methods)}, found {name!r}")
            self.bind(
                methods[name],
                handler,
                bounds=bounds,
                needs_request_id=needs_request_id,
                time_limit=time_limit,
                question=question,
            )

    def declare_instance(self, method_id: ua.NodeId, declaration: ua.NodeId) -> None:
        """Say that a method of an object is the one its type declares; `Instantiator` does."""
        self._declared_by[method_id] = declaration

    @property
    def declared_by(self) -> Mapping[ua.NodeId, ua.NodeId]:
        """The declaration of its type for each method of an object."""
        return self._declared_by

    # ------------------------------------------------------------------ calling
    async def _call(self, method: ua.CallMethodRequest) -> ua.CallMethodResult:
        binding = self.resolve(method.ObjectId, method.MethodId)
        if not isinstance(binding, Binding):
            return _status(binding)
        prepared = self.prepare(binding, method, caller())
        if not isinstance(prepared, Prepared):
            return prepared
        return self.finish(prepared, await self._within_time(prepared))

    def resolve(self, object_id: ua.NodeId, method_id: ua.NodeId) -> Binding | int:
        """Return what answers a method of an object, or the status that says why nothing does."""
        node = self._space.get(object_id)
        if node is None:
            return int(S.BadNodeIdUnknown)
        node_class = attribute(node, AttributeIds.NodeClass)
        if node_class != ua.NodeClass.Object and method_id not in self._on_types:
            return int(S.BadMethodInvalid)
        called = self._space.get(method_id)
        if called is None or not self._belongs(node, method_id):
            return int(S.BadMethodInvalid)
        if attribute(called, AttributeIds.Executable) is False:
            return int(S.BadNotExecutable)
        return self._binding(method_id) or int(S.BadNotImplemented)

    def prepare(
        self, binding: Binding, method: ua.CallMethodRequest, who: Caller
    ) -> Prepared | ua.CallMethodResult:
        """Check who calls and with which arguments; returns the refusal where there is one."""
        if not self.may_call(binding, who):
            denied = _status(S.BadUserAccessDenied)
            note_call(self._audit, who, method, binding.name, denied)
            return denied
        given = list(method.InputArguments or ())
        if len(given) != len(binding.inputs):
            fewer = len(given) < len(binding.inputs)
            return _status(S.BadArgumentsMissing if fewer else S.BadTooManyArguments)
        codes = [
            argument.refusal(variant, binding.bounds.get(argument.name))
            for argument, variant in zip(binding.inputs, given, strict=True)
        ]
        if any(code != S.Good for code in codes):
            return ua.CallMethodResult(
                StatusCode=ua_status(S.BadInvalidArgument),
                InputArgumentResults=[ua_status(code) for code in codes],
            )
        arguments = {
            argument.key: argument.value(variant)
            for argument, variant in zip(binding.inputs, given, strict=True)
        }
        context = CallContext(method.ObjectId, binding.name, who, datetime.now(UTC))
        return Prepared(lambda: method, binding, context, arguments)

    def may_call(self, binding: Binding, who: Caller) -> bool:
        """Return whether one of the caller's roles may call a method."""
        return bool(who.roles & self._access.method(binding.name))

    def begin(self, prepared: Prepared) -> ua.CallMethodResult | asyncio.Task[ua.CallMethodResult]:
        """Begin the work of a call, whose handler sees `caller()`; the result where there is one
        at once, or where too many are running."""
        if len(self.running) >= MAX_RUNNING:
            self.turned_away += 1
            return _status(S.BadTooManyOperations)
        context = copy_context()
        context.run(calling.set, prepared.context.caller)
        work = self._answer(prepared.binding, prepared.context, prepared.arguments)
        try:
            return self.running.begin(work, context)
        except asyncio.CancelledError:
            return _status(S.BadShutdown)

    def overdue(self, prepared: Prepared) -> ua.CallMethodResult:
        """Return what a caller is told whose answer did not come in time."""
        binding = prepared.binding
        log.warning("%s: no answer within %g s", binding.name, binding.time_limit)
        return _status(S.BadTimeout)

    @staticmethod
    def done(work: asyncio.Task[ua.CallMethodResult]) -> ua.CallMethodResult:
        """Return the result of work that has ended."""
        return _status(S.BadShutdown) if work.cancelled() else work.result()

    def finish(self, prepared: Prepared, result: ua.CallMethodResult) -> ua.CallMethodResult:
        """Note the outcome of a call; returns the result as it goes out."""
        binding, who = prepared.binding, prepared.context.caller
        if is_noted(binding.name, result):
            note_call(self._audit, who, prepared.request(), binding.name, result, binding.outputs)
        given = len(binding.inputs) if result.StatusCode.is_good() else 0
        result.InputArgumentResults = [GOOD] * given
        return result

    async def _within_time(self, prepared: Prepared) -> ua.CallMethodResult:
        work, binding = self.begin(prepared), prepared.binding
        if not isinstance(work, asyncio.Task):
            return work
        try:
            done, _ = await asyncio.wait({work}, timeout=binding.time_limit)
        finally:
            if binding.question:
                work.cancel()
        return self.done(work) if done else self.overdue(prepared)

    async def _answer(
        self, binding: Binding, context: CallContext, arguments: Mapping[str, object]
    ) -> ua.CallMethodResult:
        try:
            if binding.needs_request_id and not arguments.get("request_id"):
                raise MalformedRequest("RequestId", f"1 to {MAX_STRING} characters", "nothing")
            answer = await binding.handler(context, **arguments)
            made = outputs(binding.outputs, _shortened(answer))
        except TraceError as refused:
            return self._refusal(binding, refused)
        except StoreError as e:
            log.error("%s: %s", binding.name, e)
            return _status(S.BadResourceUnavailable)
        except TooManyQuestions as e:
            self.turned_away += 1
            log.warning("%s: %s", binding.name, e)
            return _status(S.BadTooManyOperations)
        except TimeoutError:
            return _status(S.BadTimeout)
        except ua.uaerrors.UaStatusCodeError as e:
            return _status(e.code)
        except Exception:
            log.exception("%s on %s failed", binding.name, context.object_id.to_string())
            return _status(S.BadInternalError)
        status = 0 if answer is None else answer.get("status", 0)
        is_refusal = isinstance(status, int) and status >= REFUSED_FROM
        return ua.CallMethodResult(
            StatusCode=self.refusal_code if is_refusal else GOOD, OutputArguments=made
        )

    def _refusal(self, binding: Binding, refused: TraceError) -> ua.CallMethodResult:
        names = {argument.key for argument in binding.outputs}
        if "status" not in names:
            return _status(S.BadInvalidState)
        answer: dict[str, object] = {"status": int(refused.status)}
        if "status_text" in names:
            answer["status_text"] = str(refused)[:MAX_STRING]
        return ua.CallMethodResult(
            StatusCode=self.refusal_code, OutputArguments=outputs(binding.outputs, answer)
        )

    def _binding(self, method_id: ua.NodeId) -> Binding | None:
        return self._bindings.get(self._declared_by.get(method_id, method_id))

    def executing(self, method_id: ua.NodeId) -> int:
        """Return the roles that may call a method, as a bitmask; 0 for what is no method."""
        binding = self._binding(method_id)
        return 0 if binding is None else self._access.method(binding.name)

    def _belongs(self, node: NodeData, method_id: ua.NodeId) -> bool:
        """True where the method is a component of the object or of its type (or a supertype)."""
        if _has_method(node, method_id):
            return True
        type_id = type_definition(node)
        for ancestor in () if type_id is None else self._types.lineage(type_id):
            above = self._space.get(ancestor)
            if above is not None and _has_method(above, method_id):
                return True
        return False

    def _property(self, node: NodeData, name: str) -> object:
        for link in node.references:
            if link.IsForward and link.BrowseName.Name == name:
                return attribute(self._space[link.NodeId], AttributeIds.Value)
        return None


def _has_method(node: NodeData, method_id: ua.NodeId) -> bool:
    return any(link.IsForward and link.NodeId == method_id for link in node.references)


def _shortened(answer: Mapping[str, object] | None) -> Mapping[str, object] | None:
    text = None if answer is None else answer.get("status_text")
    if answer is None or not isinstance(text, str) or len(text) <= MAX_STRING:
        return answer
    return {**answer, "status_text": text[:MAX_STRING]}


def _status(code: int) -> ua.CallMethodResult:
    return ua.CallMethodResult(StatusCode=ua_status(code))
