"""asyncua's server, put together from our subclasses."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.crypto import uacrypto
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeService, NodeManagementService
from asyncua.server.history import HistoryManager
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import SessionState
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.connections.sessions import TraceSession
from tracenode.server.opcua.connections.transport import TraceBinaryServer, TraceProtocol
from tracenode.server.opcua.diagnostics import Counts
from tracenode.server.opcua.history.service import HistoryService
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.methods.gateway import MethodGateway
from tracenode.server.opcua.nodes.browse import TraceView
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.writing import WriteGates
from tracenode.server.opcua.security.access import Access
from tracenode.server.opcua.security.audit import AuditTrail
from tracenode.server.opcua.security.audit_events import AuditEvents
from tracenode.server.opcua.security.endpoints import Endpoints
from tracenode.server.opcua.security.front import Front, FrontOptions
from tracenode.server.opcua.security.identity import Identities
from tracenode.server.opcua.security.policies import factories
from tracenode.server.opcua.security.tokens import token_policies
from tracenode.server.opcua.subscriptions.events import EventBus
from tracenode.server.opcua.subscriptions.service import TraceSubscriptions
from tracenode.server.opcua.tasks import Tasks

if TYPE_CHECKING:
    from tracenode.server.opcua.fast.lane import FastLane

__all__ = ["Engine", "TraceInternalServer"]

STOP_PATIENCE = 5.0
"""Seconds that running method calls get when the server stops."""


class Nobody(UserManager):
    """asyncua's way to ask who logs in; `connections.activation` has another one."""

    def get_user(self, *_: Any, **__: Any) -> None:
        return None


class TraceInternalServer(InternalServer):
    """The services behind the sessions, all of them ours."""

    def __init__(self, limits: Limits, front: FrontOptions) -> None:
        super().__init__(Nobody())
        self.tasks = Tasks()
        self.counts = Counts()
        self.audit = AuditTrail()
        self.front = Front(front, self.audit)
        self.access = Access()
        self.written = WriteGates()
        self.identities = Identities(self.audit)
        self.identities.changed = self._users_changed
        self.server_uri = ""
        self.auditors: set[TraceSession] = set()
        """Sessions that may hear audit events."""
        self.limits = limits
        self.max_connections = limits.connections
        self.max_pending_messages_per_connection = 10_000  # see transport: reading stops before
        self.max_pending_activation_seconds = 0  # see security.admission
        self.allow_remote_admin = False
        self.described: Endpoints
        """What discovery answers; made at start."""
        space = TraceAddressSpace()
        self.space = space
        self.aspace = space
        self.types = TypeTree(space)
        self.attribute_service = AttributeService(space)
        self.view = TraceView(space, self.types, limits)
        self.view_service = self.view
        self.gateway = MethodGateway(space, self.types, self.access, self.audit)
        self.method_service.stop()
        self.method_service = self.gateway
        self.node_mgt_service = NodeManagementService(space)
        self.subscriptions = TraceSubscriptions(space, self.types, limits)
        self.subscription_service: Any = self.subscriptions
        self.events = EventBus(space, self.types, self.subscriptions)
        self.audit.tell = AuditEvents(self).tell
        self.lane: FastLane | None = None
        """The quick way of the connections; None: every request goes the complete path."""
        self.history_manager = HistoryManager(self)  # asyncua's, which nobody asks
        self.history = HistoryService(space, self.types, limits, self.subscriptions.items.filters)
        self.isession = TraceSession(
            self, space, self.subscription_service, "internal", user=User(role=UserRole.Admin)
        )
        self.current_time_node = Node(
            self.isession, ua_id(ObjectIds.Server_ServerStatus_CurrentTime)
        )
        self.server_status_node = Node(self.isession, ua_id(ObjectIds.Server_ServerStatus))

    @property
    def sessions(self) -> list[TraceSession]:
        """The clients' sessions."""
        return [s for s in self._external_sessions.values() if isinstance(s, TraceSession)]

    def session_by_token(self, token: ua.NodeId) -> TraceSession | None:
        """Return the client's session of this authentication token."""
        found = self._external_sessions.get(token)
        return found if isinstance(found, TraceSession) else None

    def token_policies(self, policy_uri: str) -> list[ua.UserTokenPolicy]:
        """Return what identities an endpoint of a security policy takes."""
        return token_policies(
            policy_uri,
            anonymous=self.identities.anonymous is not None,
            users=self.identities.takes_users,
            certificate=self.certificate is not None and self.private_key is not None,
        )

    @property
    def own_certificate(self) -> bytes:
        """The server's certificate (DER), empty where it has none."""
        der: bytes = uacrypto.der_from_x509(self.certificate)  # type: ignore[no-untyped-call]
        return der

    async def make_room(self) -> bool:
        """Return whether there is room for a session; the oldest that was never activated goes."""
        if len(self.sessions) < self.limits.sessions:
            return True
        oldest = next((s for s in self.sessions if s.state is SessionState.Created), None)
        if oldest is not None:
            await oldest.close_session(True)
        return oldest is not None

    def _users_changed(self) -> None:
        """Go by the users of now: a session whose user is gone or has fewer roles ends."""
        for session in self.sessions:
            if not session.is_activated():
                continue
            fresh = self.identities.renewed(session.identity)
            if fresh is None or session.identity.roles & ~fresh.roles:
                self.tasks.start(session.end("its user is gone, or has other rights now"))
            else:
                session.be(fresh)

    async def get_endpoints(
        self, params: ua.GetEndpointsParameters | None = None, sockname: Any = None
    ) -> list[ua.EndpointDescription]:
        """Return the endpoints under the URL that this client can reach."""
        asked, profiles = (params.EndpointUrl, params.ProfileUris) if params else (None, ())
        return self.described.answer(asked, profiles or (), sockname[0] if sockname else "")

    def find_servers(
        self, params: ua.FindServersParameters, sockname: Any = None
    ) -> list[ua.ApplicationDescription]:
        """Return who this server is; it knows no other."""
        local = sockname[0] if sockname else ""
        return self.described.servers(params.EndpointUrl, params.ServerUris or (), local)

    def session_of(self, session_id: ua.NodeId) -> TraceSession | None:
        """Return the client's session of this id."""
        return next((s for s in self.sessions if s.session_id == session_id), None)

    def create_session(
        self, name: str, user: User | None = None, external: bool = False
    ) -> TraceSession:
        return TraceSession(
            self,
            self.aspace,
            self.subscription_service,
            name,
            user=user or User(role=UserRole.Anonymous),
            external=external,
        )

    async def load_standard_address_space(self, shelf_file: Any = None) -> None:
        """Load namespace 0 with the collector off: it takes a third off the start."""
        was_on = gc.isenabled()
        gc.disable()
        try:
            await super().load_standard_address_space(None)
        finally:
            if was_on:
                gc.enable()

    async def stop(self) -> None:
        """End calls, sessions and subscriptions; asyncua leaves the last two running."""
        if self.time_task is not None:
            self.time_task.cancel()
            with suppress(asyncio.CancelledError):
                await self.time_task
            self.time_task = None
        await self.gateway.running.close(STOP_PATIENCE)
        await self.tasks.close(STOP_PATIENCE)
        for session in self.sessions:
            await session.close_session(True)
        self.subscriptions.close()
        await self.front.close()
        await super().stop()


class Engine(Server):
    """asyncua's server with our socket server under it."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]

    async def _setup_server_nodes(self) -> None:
        """Describe what is offered. asyncua leaves out what it has no certificate for."""
        iserver, front = self.iserver, self.iserver.front
        iserver.described = Endpoints(
            self._application_uri,
            self.name,
            front.offered,
            front.reach,
            front.own,
            lambda offer: iserver.token_policies(offer.uri),
        )
        self._policies[:] = factories(front.offered, front.own)

    async def start(self) -> None:
        """Listen. As asyncua's own, which hard-codes its socket server."""
        await self._setup_server_nodes()
        await self.iserver.start()
        host, port = self._get_bind_socket_info()
        self.bserver = TraceBinaryServer(self.iserver, host or "127.0.0.1", port or 0, self.limits)
        self.bserver.set_policies(self._policies)
        try:
            await self.bserver.start()
        except OSError:
            self.bserver = None
            await self.iserver.stop()
            raise
        self.iserver.described.port = self.bserver.port
        self.iserver.front.trust_changed = self._recheck
        self.iserver.front.admission.start()

    def _recheck(self) -> None:
        """End the channels whose certificate is not trusted any more."""
        for client in list(self.bserver.clients) if self.bserver else ():
            if isinstance(client, TraceProtocol) and client.processor is not None:
                self.iserver.tasks.start(client.processor.recheck())
