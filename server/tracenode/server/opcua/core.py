"""The server: build it, give it types and nodes, start it, stop it."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlparse

from asyncua import ua
from asyncua.common.connection import TransportLimits

from tracenode.server.opcua.engine import Engine, TraceInternalServer
from tracenode.server.opcua.events import EventBus
from tracenode.server.opcua.gateway import MethodGateway
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.instances import Instantiator
from tracenode.server.opcua.nodes import AddressBook
from tracenode.server.opcua.space import TraceAddressSpace
from tracenode.server.opcua.types import TypeTree
from tracenode.server.opcua.users import AnonymousOnly
from tracenode.server.opcua.values import Values
from tracenode.server.opcua.virtual import VirtualNodes

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
MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes of a request or an answer."""
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
        self._core = TraceInternalServer(AnonymousOnly())
        self.engine = Engine(iserver=self._core)
        self.book = AddressBook(self.space, self.events.forget)
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
    def events(self) -> EventBus:
        """Where events are emitted."""
        return self._core.events

    @property
    def sessions(self) -> int:
        """How many client sessions there are."""
        return len(self._core.sessions)

    @property
    def subscriptions(self) -> int:
        """How many subscriptions there are."""
        return len(self._core.subscriptions.subscriptions)

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
        engine.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        engine._permission_ruleset = None  # type: ignore[assignment]  # see processor.REFUSED
        engine.limits = TransportLimits(
            max_recv_buffer=CHUNK,
            max_send_buffer=CHUNK,
            max_chunk_count=math.ceil(MAX_MESSAGE / CHUNK),
            max_message_size=MAX_MESSAGE,
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
        self.events.forget()
        return imported

    async def start(self) -> None:
        """Listen; then freeze what is loaded, so that the garbage collector leaves it alone.

        Raises:
            ListenError: the address can't be listened on.
        """
        self.events.forget()
        try:
            await self.engine.start()
        except OSError as e:
            raise ListenError(self.options.endpoint, e) from e
        self._started = True
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)

    async def stop(self) -> None:
        """Close connections, end calls and subscriptions. Does nothing when not started."""
        if self._started:
            self._started = False
            await self.engine.stop()
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
