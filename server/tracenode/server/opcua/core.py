"""The server: build it, give it types and nodes, start it, stop it."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlparse

from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.ua.object_ids import ObjectIds

from tracenode.models.permissions import DEFAULT, Permissions
from tracenode.models.roles import Role
from tracenode.server.opcua.capabilities import advertise
from tracenode.server.opcua.diagnostics import show_diagnostics
from tracenode.server.opcua.engine import Engine, TraceInternalServer
from tracenode.server.opcua.fast.lane import FastLane
from tracenode.server.opcua.history.capabilities import advertise_history
from tracenode.server.opcua.history.service import HistoryService
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.methods.gateway import MethodGateway
from tracenode.server.opcua.nodes.book import AddressBook
from tracenode.server.opcua.nodes.instances import Instantiator
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.values import Values
from tracenode.server.opcua.nodes.virtual import VirtualNodes
from tracenode.server.opcua.nodes.writing import WriteGates
from tracenode.server.opcua.security.access import Access
from tracenode.server.opcua.security.certificates.folder import PkiFolder
from tracenode.server.opcua.security.certificates.trust import TrustList
from tracenode.server.opcua.security.front import FrontOptions
from tracenode.server.opcua.subscriptions.events import EventBus
from tracenode.server.opcua.subscriptions.methods import SubscriptionMethods

__all__ = [
    "APPLICATION",
    "DEFAULT_ENDPOINT",
    "SITE",
    "TYPES",
    "TYPES_URI",
    "ListenError",
    "NodesetError",
    "ServerOptions",
    "TraceServer",
]

DEFAULT_ENDPOINT = "opc.tcp://127.0.0.1:4840/tracenode"
TYPES_URI = "urn:tracenode:ua:traceability"
APPLICATION, TYPES, SITE = 1, 2, 3
"""Namespace indexes; fixed, because clients store `ns=3;s=...`."""

CHUNK = 65_535
COLLECT = (700, 10, 500)
"""Thresholds of the garbage collector. A pass over all old objects stops every thread, and a recall
of 100,000 units would have eight of up to 0.1 s."""


class NodesetError(ValueError):
    """A nodeset file can't be imported, or would move the namespaces."""


class ListenError(OSError):
    """The endpoint can't be listened on: its port is taken, or its address is not of this host."""

    def __init__(self, endpoint: str, cause: OSError) -> None:
        number = cause.errno or 0  # negative: of the resolver
        reason = os.strerror(number) if number > 0 else str(cause)
        super().__init__(
            f"can't listen at {endpoint}: {reason}. Stop what listens there,"
            " or set another opcua.endpoint"
        )


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What a server is called and where it listens; port 0 takes a free one."""

    site_id: str
    endpoint: str = DEFAULT_ENDPOINT
    application_uri: str = ""
    application_name: str = "tracenode"
    front: FrontOptions = field(default_factory=FrontOptions)
    """Security of channels, and by which URLs clients reach us."""
    anonymous: Role | None = None
    """Roles of clients that give no user; None refuses them."""
    users: Path | None = None
    """The file of users; None: there are none."""
    users_pki: Path | None = None
    """The folder of what user certificates are trusted."""
    limits: Limits = field(default_factory=Limits)
    permissions: Permissions = DEFAULT
    audit: Path | None = None
    """The folder of the audit trail; None: audit events only."""
    audit_bytes: int = 64_000_000
    fast_lane: bool = True
    """Whether what is asked most is answered from bytes; see the room `fast`."""

    @property
    def uri(self) -> str:
        """The application URI, by default from the site."""
        return self.application_uri or f"urn:tracenode:{self.site_id}"


class TraceServer:
    """An OPC UA server with our core. Use `open()`, fill it, `start()`; or `async with`.

    Everything is used on the event loop's thread.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        logging.getLogger("asyncua").setLevel(logging.WARNING)  # it logs every request at info
        self._core = TraceInternalServer(options.limits, options.front)
        self.engine = Engine(iserver=self._core)
        if options.fast_lane:
            self._core.lane = FastLane(self._core)
        self.book = AddressBook(self.space, self._changed)
        self.values = Values(self.space, self.types)
        self.instances = Instantiator(self.space, self.types, self.book, self.gateway)
        self._started = False
        self._collect_before = gc.get_threshold()

    # ------------------------------------------------------------------ the parts
    @property
    def space(self) -> TraceAddressSpace:
        """All nodes."""
        return self._core.space

    @property
    def types(self) -> TypeTree:
        """The type tree."""
        return self._core.types

    @property
    def virtual(self) -> VirtualNodes:
        """Where node sources are mounted."""
        return self._core.space.virtual

    @property
    def gateway(self) -> MethodGateway:
        """Where methods are bound."""
        return self._core.gateway

    @property
    def written(self) -> WriteGates:
        """Where variables get a meaning for who writes them."""
        return self._core.written

    @property
    def events(self) -> EventBus:
        """Where events are emitted."""
        return self._core.events

    @property
    def history(self) -> HistoryService:
        """Answers about the past; give it an `archive`."""
        return self._core.history

    @property
    def access(self) -> Access:
        """Who may do what."""
        return self._core.access

    @property
    def lets_in(self) -> bool:
        """False where nobody could log in: no user, no anonymous clients."""
        identities = self._core.identities
        return identities.anonymous is not None or len(identities.accounts) > 0

    @property
    def sessions(self) -> int:
        """How many client sessions there are."""
        return len(self._core.sessions)

    @property
    def subscriptions(self) -> int:
        """How many subscriptions there are."""
        return len(self._core.subscriptions.subscriptions)

    def is_open(self, session: ua.NodeId) -> bool:
        """True for a client's session until it is closed or timed out."""
        return self._core.session_of(session) is not None

    def waiting(self, session: ua.NodeId) -> int:
        """How many notifications wait for a session's Publish requests."""
        return self._core.subscriptions.waiting(session)

    def _changed(self) -> None:
        self.events.forget()
        self.space.changes += 1

    # ------------------------------------------------------------------ ids
    @staticmethod
    def site_id(text: str) -> ua.NodeId:
        """Return the id of an instance: `ns=3;s=<text>`."""
        return ua_id(text, SITE)

    @staticmethod
    def type_id(number: int) -> ua.NodeId:
        """Return the id of a node of the type nodeset: `ns=2;i=<number>`."""
        return ua_id(number, TYPES)

    # ------------------------------------------------------------------ life
    async def open(self) -> Self:
        """Load namespace 0 and register the namespaces; nothing listens yet."""
        engine, options = self.engine, self.options
        engine.name = options.application_name
        engine.manufacturer_name = "tracenode"
        engine.product_uri = "urn:tracenode"
        engine.application_type = ua.ApplicationType.Server
        engine.set_endpoint(options.endpoint)
        core = self._core
        await core.front.open(options.endpoint, options.uri)
        if core.front.own is not None:
            core.certificate, core.private_key = core.front.own.certificate, core.front.own.key
        core.access.use(options.permissions)
        core.identities.anonymous = options.anonymous
        trust = None
        if options.users_pki is not None:
            trust = TrustList(PkiFolder(options.users_pki), for_users=True)
        core.identities.open(options.users, trust)
        core.server_uri = options.uri
        engine.limits = TransportLimits(
            max_recv_buffer=CHUNK,
            max_send_buffer=CHUNK,
            max_chunk_count=math.ceil(options.limits.request_bytes / CHUNK),
            max_message_size=options.limits.request_bytes,
        )
        await engine.init()
        await engine.set_application_uri(options.uri)
        await engine.set_build_info(
            engine.product_uri,
            engine.manufacturer_name,
            options.application_name,
            _version(),
            _version(),
            datetime.now(UTC),
        )
        for index, uri in (
            (TYPES, TYPES_URI),
            (SITE, f"urn:tracenode:site:{options.site_id}"),
        ):
            found = await engine.register_namespace(uri)
            if found != index:
                raise NodesetError(f"expected namespace {uri} at {index}, found it at {found}")
        self.virtual.namespace = SITE
        auditing = ua_id(ObjectIds.Server_Auditing)
        await self.values.set(auditing, True, variant_type=ua.VariantType.Boolean)
        await advertise(self.values, self.book, options.limits)
        show_diagnostics(core)
        SubscriptionMethods(core.subscriptions).bind(self.gateway)
        await advertise_history(self.values, options.limits)
        return self

    async def import_nodeset(self, path: Path) -> list[ua.NodeId]:
        """Import a NodeSet2 file and return the ids of its nodes.

        Raises:
            NodesetError: unreadable, or a namespace of ours moved.
        """
        before = await self.engine.get_namespace_array()
        try:
            text = await asyncio.to_thread(path.read_text, encoding="utf-8")
        except OSError as e:
            raise NodesetError(f"expected a NodeSet2 file at {path}: {e}") from e
        imported = await self.engine.import_xml(xmlstring=text, strict_mode=False)
        after = await self.engine.get_namespace_array()
        if after[: len(before)] != before:
            raise NodesetError(f"expected namespaces {before} to stay, found {after}")
        self.types.forget()
        self._core.subscriptions.items.filters.forget()
        self.events.forget()
        return imported

    async def start(self) -> None:
        """Listen; then freeze what is loaded, so that the garbage collector leaves it alone.

        Raises:
            ListenError: the address can't be listened on.
        """
        self.events.forget()
        self._core.subscriptions.items.filters.prepare()
        try:
            await self.engine.start()
        except OSError as e:
            raise ListenError(self.options.endpoint, e) from e
        self._started = True
        if self.options.audit is not None:  # once it is known that no other server is here
            self._core.audit.open(self.options.audit, self.options.audit_bytes)
        self._core.audit.start()
        await self._core.identities.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)

    async def stop(self) -> None:
        """Close connections, end calls and subscriptions. Does nothing when not started."""
        if self._started:
            self._started = False
            await self.engine.stop()
            await self._core.identities.close()
            await self._core.audit.close()
            gc.set_threshold(*self._collect_before)
            gc.unfreeze()

    async def __aenter__(self) -> Self:
        await self.open()
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def endpoint(self) -> str:
        """The URL clients connect to, with the port that was really taken."""
        url = urlparse(self.options.endpoint)
        if self.engine.bserver is None:
            return self.options.endpoint
        return url._replace(netloc=f"{url.hostname}:{self.engine.bserver.port}").geturl()


def _version() -> str:
    try:
        return version("tracenode")
    except PackageNotFoundError:
        return "0"
