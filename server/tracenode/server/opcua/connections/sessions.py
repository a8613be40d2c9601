"""Sessions: unguessable, bound to who opened them, each with its own subscriptions and pages."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import NodeData
from asyncua.server.internal_session import InternalSession, SessionState
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.connections.callers import INTERNAL, Caller, audit_entry, calling
from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.opcua.limits import check_operations
from tracenode.server.opcua.nodes.book import attribute
from tracenode.server.opcua.nodes.browse import ContinuationPoints
from tracenode.server.opcua.nodes.reading import read_attribute
from tracenode.server.opcua.nodes.updating import WriteRefused, new_value
from tracenode.server.opcua.security.audit import AuditKind
from tracenode.server.opcua.security.audit_notes import Written, note_write
from tracenode.server.opcua.security.identity import ANONYMOUS, Identity
from tracenode.server.opcua.security.rights import Rights
from tracenode.server.opcua.subscriptions.publishing import PublishQueue
from tracenode.server.opcua.subscriptions.subscription import Owner

if TYPE_CHECKING:
    from tracenode.server.opcua.engine import TraceInternalServer

__all__ = ["TraceSession"]

S = StatusCodes
A = AttributeIds

ACTIVATION_S = 10.0
"""Seconds that a session may be there without being activated."""
SOONEST_S = 0.01
"""Between two looks at how long nothing was asked."""
WRITABLE: Final = ua.AccessLevel.CurrentWrite.mask
READABLE: Final = ua.AccessLevel.CurrentRead.mask
SLICE = 200
"""Nodes read or written between two turns of the event loop."""


class TraceSession(InternalSession):
    """One client's session."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = self.iserver.limits
        self.points = ContinuationPoints(self._limits.browse_continuation_points)
        self.history_points = self.iserver.history.points()
        self.publishing = PublishQueue(self._limits.publish_requests_beyond_subscriptions)
        self.application_uri = ""
        self.address = ""
        self.identity = ANONYMOUS
        self.rights = Rights(
            self.iserver.access, self.iserver.space, self.iserver.gateway.executing
        )
        self.channel: object = None
        self.channel_certificate: bytes | None = None
        self.channel_policy: tuple[str, Any] | None = None
        self._unactivated: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ended = ""
        if self.external:  # asyncua's tokens are counters
            self.iserver.unregister_external_session(self)
            token, number = secrets.token_bytes(32), secrets.token_bytes(16)
            self.auth_token = ua_id(token)
            self.session_id = ua_id(number, 1)
            self.iserver.register_external_session(self)
        self._caller = Caller(None, "", self._shown_id)

    @property
    def caller(self) -> Caller:
        """Who this session speaks for."""
        held = self._caller
        user, roles, entry = self.identity.account or None, self.rights.roles, audit_entry.get()
        if (
            held.roles != roles
            or held.user != user
            or held.audit_entry != entry
            or held.address != self.address
            or held.application_uri != self.application_uri
        ):
            uri, address, number = self.application_uri, self.address, self._shown_id
            held = self._caller = Caller(user, uri, number, roles, address, entry)
        return held

    @property
    def _shown_id(self) -> str:
        number = self.session_id.Identifier
        return number.hex() if isinstance(number, bytes) else str(number)

    # ------------------------------------------------------------------ life
    async def create_session(
        self, params: ua.CreateSessionParameters, sockname: tuple[str, int] | None = None
    ) -> ua.CreateSessionResult:
        if not params.RequestedSessionTimeout > 0:  # not a number: no clamp would hold it
            params.RequestedSessionTimeout = 0.0
        result = await super().create_session(params, sockname)
        result.MaxRequestMessageSize = ua.UInt32(self.iserver.limits.request_bytes)
        self.application_uri = params.ClientDescription.ApplicationUri or ""
        self.name = params.SessionName or self.name
        self.touch()
        self._look_at_the_time()
        loop = asyncio.get_running_loop()
        self._unactivated = loop.call_later(ACTIVATION_S, self._expire)
        return result

    def begin(self, identity: Identity, nonce: bytes) -> None:
        """Be activated (again) for somebody; `nonce` is what its next token must be made for."""
        self.be(identity)
        self.nonce = nonce
        self.state = SessionState.Activated
        if self._unactivated is not None:
            self._unactivated.cancel()
        self.touch()

    def be(self, identity: Identity) -> None:
        """Speak for somebody from now on."""
        self.identity = identity
        self.rights.roles = int(identity.roles)
        role = UserRole.User if identity.account else UserRole.Anonymous
        self.user = User(role=role, name=identity.account or None)
        if self.rights.audits:
            self.iserver.auditors.add(self)
        else:
            self.iserver.auditors.discard(self)

    def _expire(self) -> None:
        if self.state is SessionState.Created:
            self.iserver.tasks.start(self.end(f"not activated within {ACTIVATION_S:g} s"))

    async def end(self, words: str) -> None:
        """Close the session from this side; `words` say why, in the audit trail."""
        self._ended = words
        self.iserver.counts.aborted += 1
        await self.close_session(True)

    async def close_session(self, delete_subs: bool = True) -> None:
        """End; its subscriptions go too, or wait to be taken over by another session."""
        if self.state is SessionState.Closed:
            return
        if self.external:
            self.iserver.auditors.discard(self)
            for timer in (self._unactivated, self._timer):
                if timer is not None:
                    timer.cancel()
            self.iserver.audit.note(
                AuditKind.CloseSession,
                self.address,
                self._ended or "closed",
                user=self.identity.account,
                session=self.caller.session_id,
                client_entry=audit_entry.get(),
                details={"SessionId": self.session_id},
            )
        await super().close_session(False)
        self.iserver.subscriptions.session_ends(self, delete_subs)

    @property
    def is_closed(self) -> bool:
        """True where the session has ended."""
        return self.state is SessionState.Closed

    def _look_at_the_time(self) -> None:
        """End when nothing was asked for too long, else look again when that can be; the
        subscriptions of a session that times out live on (5.7.4), and so does its channel."""
        timeout = self.session_timeout or 0
        remaining = timeout - (time.monotonic() - self._last_activity)
        if remaining > 0:
            again = max(remaining, SOONEST_S)
            self._timer = asyncio.get_running_loop().call_later(again, self._look_at_the_time)
        elif self.state is not SessionState.Closed:
            self._ended = f"nothing was asked for {timeout:g} s"
            self.iserver.counts.timed_out += 1
            self.iserver.tasks.start(self.close_session(False))

    @property
    def owner(self) -> Owner:
        """Whom its subscriptions belong to when it is gone."""
        return self.identity.account, self.application_uri

    def may_hear(self, audience: int) -> bool:
        """Return whether this session hears an event that is for these roles."""
        return not self.external or self.rights.hearing(audience)

    # ------------------------------------------------------------------ attributes
    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Read attributes (OPC 10000-4 5.11.2)."""
        if not self.external:
            return await super().read(params)
        check_operations(params.NodesToRead, self._limits.nodes_per_read)
        if not params.MaxAge >= 0:
            raise ServiceError(S.BadMaxAgeInvalid)
        results = []
        for count, wanted in enumerate(params.NodesToRead, start=1):
            results.append(self._read(wanted, params.TimestampsToReturn))
            if count % SLICE == 0:
                await asyncio.sleep(0)
        return results

    def _read(self, wanted: ua.ReadValueId, timestamps: ua.TimestampsToReturn) -> ua.DataValue:
        attribute = int(wanted.AttributeId)
        answer = self.rights.reading(wanted.NodeId, attribute)
        if answer is not None:
            return answer
        if not self._is_readable(wanted.NodeId, attribute):
            return ua.DataValue(StatusCode=ua_status(S.BadNotReadable))
        return read_attribute(wanted, timestamps, self.iserver.space)

    def may_watch(self, node_id: ua.NodeId, attribute: int) -> int | None:
        """Return why this session can't watch an attribute, None where it may."""
        denied = self.rights.watching(node_id, attribute) if self.external else None
        if denied is not None:
            return denied
        return None if self._is_readable(node_id, attribute) else int(S.BadNotReadable)

    def _is_readable(self, node_id: ua.NodeId, attribute: int) -> bool:
        access = self._access(node_id) if attribute == A.Value else None
        return access is None or bool(access & READABLE)

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        """Write values of variables marked writable, whole or in part (OPC 10000-4 5.11.4)."""
        if not self.external:
            return await super().write(params)
        check_operations(params.NodesToWrite, self._limits.nodes_per_write)
        results: list[ua.StatusCode] = []
        who = self.caller
        for count, write in enumerate(params.NodesToWrite, start=1):
            node = self.iserver.space.get(write.NodeId)
            before = self._held(node)
            if node is None:
                code = int(S.BadNodeIdUnknown)
            else:
                code = self._write_refusal(node, write, who) or self._write(node, write)
            note_write(
                self.iserver.audit,
                Written(
                    who,
                    write.NodeId,
                    write.NodeId.to_string(),
                    int(write.AttributeId),
                    write.IndexRange or "",
                    before,
                    write.Value.Value,
                    code,
                    datetime.now(UTC),
                ),
            )
            results.append(ua_status(code))
            if count % SLICE == 0:
                await asyncio.sleep(0)
        done = zip(params.NodesToWrite, results, strict=True)
        written = [write.NodeId for write, code in done if code.is_good()]
        self.iserver.written.written(written, who.session_id, who.user or "")
        return results

    @staticmethod
    def _held(node: NodeData | None) -> ua.Variant | None:
        """Return what a variable holds, or would be read as."""
        cell = None if node is None else node.attributes.get(A.Value)
        if node is None or cell is None:
            return None
        made = cell.value_callback
        held: ua.DataValue | None = made(node.nodeid, A.Value) if made else cell.value
        return None if held is None else held.Value

    def _write(self, node: NodeData, write: ua.WriteValue) -> int:
        try:
            value = new_value(node, write, self.iserver.types, self._limits)
        except WriteRefused as e:
            return e.status
        self.iserver.space.assign(node, A.Value, value)
        return int(S.Good)

    def _write_refusal(self, node: NodeData, write: ua.WriteValue, who: Caller) -> int | None:
        if write.AttributeId not in node.attributes:
            return int(S.BadAttributeIdInvalid)
        if write.AttributeId != A.Value:
            return int(S.BadNotWritable)
        access = attribute(node, A.AccessLevel)
        if access is None:
            return int(S.BadAttributeIdInvalid)
        if not int(access) & WRITABLE:
            return int(S.BadNotWritable)
        denied = self.rights.writing(write.NodeId)
        if denied is not None:
            return denied
        return self.iserver.written.claim(write.NodeId, who.session_id)

    def _access(self, node_id: ua.NodeId) -> int | None:
        level = self.aspace.read_attribute_value(node_id, A.AccessLevel).Value
        return None if level is None or level.Value is None else int(level.Value)

    # ------------------------------------------------------------------ view
    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        """Browse in pages (OPC 10000-4 5.9.2)."""
        if not self.external:
            return await super().browse(params)
        results = await self.iserver.view.browse_page(params, self.points)
        return self.rights.browsed(results, [one.NodeId for one in params.NodesToBrowse])

    async def browse_next(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        """Go on with a Browse, or release its continuation points (OPC 10000-4 5.9.3)."""
        return self.rights.browsed(await self.iserver.view.browse_more(parameters, self.points))

    async def translate_browsepaths_to_nodeids(
        self, params: list[ua.BrowsePath]
    ) -> list[ua.BrowsePathResult]:
        """Follow browse paths (OPC 10000-4 5.9.4)."""
        results = await self.iserver.view.translate(params)
        return self.rights.followed(results, params) if self.external else results

    async def history_read(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """Read history of what the session may look at (OPC 10000-4 5.11.3)."""
        return await self.iserver.history.read(params, self.rights, self.history_points)

    # ------------------------------------------------------------------ methods
    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Call methods one after another; they see this session as `caller()`."""
        check_operations(params, self._limits.methods_per_call)
        token = calling.set(self.caller if self.external else INTERNAL)
        try:
            return await super().call(params)
        finally:
            calling.reset(token)
