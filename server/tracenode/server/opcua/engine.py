"""asyncua's server, put together from our subclasses."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeService, NodeManagementService
from asyncua.server.history import HistoryManager
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.browse import TraceView
from tracenode.server.opcua.events import EventBus
from tracenode.server.opcua.gateway import MethodGateway
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.sessions import TraceSession
from tracenode.server.opcua.space import TraceAddressSpace
from tracenode.server.opcua.subscriptions import TraceSubscriptions
from tracenode.server.opcua.tasks import Tasks
from tracenode.server.opcua.transport import TraceBinaryServer
from tracenode.server.opcua.types import TypeTree

__all__ = ["Engine", "TraceInternalServer"]

STOP_PATIENCE = 5.0
"""Seconds that running method calls get when the server stops."""


class TraceInternalServer(InternalServer):
    """The services behind the sessions, all of them ours."""

    def __init__(self, user_manager: UserManager) -> None:
        super().__init__(user_manager)
        self.tasks = Tasks()
        self.max_sessions = 200
        self.max_connections = 400
        self.max_subscriptions = 1_000
        self.max_unacked_messages_per_subscription = 30
        self.max_pending_messages_per_connection = 10_000  # see transport: reading stops before
        self.allow_remote_admin = False
        space = TraceAddressSpace()
        self.space = space
        self.aspace = space
        self.types = TypeTree(space)
        self.attribute_service = AttributeService(space)
        self.view_service: TraceView = TraceView(space, self.types)
        self.gateway = MethodGateway(space, self.types)
        self.method_service.stop()
        self.method_service = self.gateway
        self.node_mgt_service = NodeManagementService(space)
        self.subscriptions = TraceSubscriptions(space, self, self.types)
        self.subscription_service = self.subscriptions
        self.events = EventBus(space, self.types, self.subscriptions)
        self.history_manager = HistoryManager(self)
        self.isession = TraceSession(
            self, space, self.subscriptions, "internal", user=User(role=UserRole.Admin)
        )
        self.current_time_node = Node(
            self.isession, ua_id(ObjectIds.Server_ServerStatus_CurrentTime)
        )
        self.server_status_node = Node(self.isession, ua_id(ObjectIds.Server_ServerStatus))
        tokens: Any = (ua.AnonymousIdentityToken,)
        self.supported_tokens = tokens

    @property
    def sessions(self) -> list[TraceSession]:
        """The clients' sessions."""
        return [s for s in self._external_sessions.values() if isinstance(s, TraceSession)]

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
        await self.subscriptions.delete_subscriptions(list(self.subscriptions.subscriptions))
        await super().stop()


class Engine(Server):
    """asyncua's server with our socket server under it."""

    iserver: TraceInternalServer  # pyright: ignore[reportIncompatibleVariableOverride]

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
