"""The whole server as a process of its own, `tracenode run`, and a client's way around it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.uaerrors import UaStatusCodeError

from benchmarks._fill import SITE
from tracenode.server.opcua.core import TYPES_URI
from tracenode.server.opcua.ids import ua_id

__all__ = [
    "HOST",
    "Places",
    "Served",
    "Usage",
    "called",
    "client_of",
    "configured",
    "free_port",
    "served",
    "spawned",
    "started",
    "text",
    "used",
]

logging.getLogger("asyncua").setLevel(logging.ERROR)  # it tells of every revised value
HOST: Final = "127.0.0.1"
START_S: Final = 150.0
"""Seconds; much more than a start takes, for machines that other work keeps busy."""
STOP_S: Final = 10.0
ASKED: Final = 200
"""Units asked for before the memory in use is read."""
_CONFIG: Final = """\
[site]
id = "{site}"

[store]
path = {database}
{store}

[opcua]
endpoint = "opc.tcp://{host}:{port}/tracenode"
security = {security}
anonymous = true
anonymous_roles = ["Operator", "Engineer", "Supervisor"]
{opcua}

"""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. `start_s` is from the start of the process until clients can connect."""

    pid: int
    endpoint: str
    start_s: float
    log: Path
    """What it says."""

    @property
    def descriptors(self) -> int:
        """How many files and sockets the process has open (/proc)."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def rss_anon_mib(self) -> float | None:
        """The anonymous memory of the process; None where the system doesn't tell it."""
        status = Path(f"/proc/{self.pid}/status")
        if not status.exists():
            return None
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
        return None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server cost: seconds to its endpoint, RssAnon in MiB then and after some use."""

    start_s: float
    rss_mib: float
    rss_used_mib: float


@contextmanager
def served(
    folder: Path,
    database: Path,
    config: str,
    *,
    store: str = "",
    opcua: str = "",
    security: Sequence[str] = ("None",),
) -> Iterator[Served]:
    """Serve a database until left; `config` are the stations and devices, `store` and `opcua` are
    lines for the tables of that name. Files go to `folder`.

    Raises:
        RuntimeError: it did not start; with what it said.
    """
    file = configured(folder, database, config, store=store, opcua=opcua, security=security)
    process, server = started(file)
    try:
        yield server
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def configured(
    folder: Path,
    database: Path,
    config: str,
    *,
    store: str = "",
    opcua: str = "",
    security: Sequence[str] = ("None",),
) -> Path:
    """Write the configuration of a server on a free port, for what is as in `served`; return its
    file."""
    file = folder / "tracenode.toml"
    head = _CONFIG.format(
        site=SITE,
        database=json.dumps(str(database.resolve())),
        store=store,
        host=HOST,
        port=free_port(),
        security=json.dumps(list(security)),
        opcua=opcua,
    )
    file.write_text(head + config, encoding="utf-8")
    return file


def started(file: Path) -> tuple[subprocess.Popen[bytes], Served]:
    """Start a server and return when clients can connect. What it says is added to `server.log`
    beside its configuration.

    Raises:
        RuntimeError: it did not start; with what it said.
    """
    begun = time.perf_counter()
    log_file = file.parent / "server.log"
    process = spawned(file)
    said = _first_line(process)
    taken = time.perf_counter() - begun
    if not said.startswith("serving "):
        process.kill()
        process.communicate()
        text = log_file.read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the server did not start: {said}\n{text[-2000:]}")
    return process, Served(process.pid, said.removeprefix("serving "), taken, log_file)


def spawned(file: Path) -> subprocess.Popen[bytes]:
    """Start a server, and do not wait for it."""
    with (file.parent / "server.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tracenode.server", "run", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )


def _first_line(process: subprocess.Popen[bytes]) -> str:
    """Read the first line within START_S; a process that says nothing is killed."""
    watch = threading.Timer(START_S, process.kill)
    watch.start()
    try:
        assert process.stdout is not None
        return process.stdout.readline().decode().strip()
    finally:
        watch.cancel()


def free_port() -> int:
    """Return a port that nothing listens at."""
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        found: int = probe.getsockname()[1]
        return found


# ------------------------------------------------------------------ as a client
def client_of(endpoint: str, timeout: float = 30) -> Client:
    """Return an asyncua client, not yet connected."""
    client = Client(endpoint, timeout=timeout)
    client.application_uri = "urn:bench:client"
    return client


class Places:
    """Nodes by the names that the model gives them."""

    def __init__(self, client: Client, types: int, site: int) -> None:
        self.client, self.types, self.site = client, types, site

    @classmethod
    async def of(cls, client: Client) -> Places:
        names = await client.get_namespace_array()
        return cls(client, names.index(TYPES_URI), names.index(f"urn:tracenode:site:{SITE}"))

    def node(self, identifier: str) -> Node:
        return self.client.get_node(ua_id(identifier, self.site))

    async def member(self, owner: Node, *names: str) -> Node:
        """Return a member that a type declares."""
        return await owner.get_child([ua.QualifiedName(n, ua.UInt16(self.types)) for n in names])


async def called(owner: Node, method: Node, *arguments: ua.Variant) -> list[Any]:
    """Call a method; return its outputs."""
    found = await owner.call_method(method.nodeid, *arguments)
    return list(found) if isinstance(found, list | tuple) else [found]


def text(value: str) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.String)


ALL_OF_IT: Final = (ua.Variant(0, ua.VariantType.UInt16), ua.Variant(0, ua.VariantType.UInt32))
"""MaxDepth and MaxItems without bounds."""


def used(folder: Path, database: Path) -> Usage:
    """Start a server, browse it and ask it, end it; return what it cost.

    Raises:
        RuntimeError: it did not start, or the system doesn't tell RssAnon.
    """
    station = '[[stations]]\nid = "OP10"\npath = "Plant1/Hall1/Line1"\n'
    with served(folder, database, station) as server:
        start = server.rss_anon_mib
        asyncio.run(_go_around(server.endpoint))
        then = server.rss_anon_mib
        if start is None or then is None:
            raise RuntimeError("RssAnon is read from /proc, which this system has not")
        return Usage(server.start_s, start, then)


async def _go_around(endpoint: str) -> None:
    """Look at the tree, list items of each material, and ask for units: of an empty file too."""
    async with client_of(endpoint) as client:
        places = await Places.of(client)
        root = places.node("Traceability")
        query = await places.member(root, "Queries")
        ask = await places.member(query, "TraceIngredients")
        await root.get_children()
        for material in ("PUMP", "MOTOR", "GREASE"):
            folder = places.node(f"ByMat/{material}")
            request = ua.BrowseDescription()
            request.NodeId = folder.nodeid
            request.BrowseDirection = ua.BrowseDirection.Forward
            view = ua.BrowseParameters(RequestedMaxReferencesPerNode=1000)
            view.NodesToBrowse = [request]
            await client.uaclient.browse(view)
        for number in range(ASKED):
            item = f"sn:PUMP:P{number * 7:09}"
            await places.node(f"Item/{item}").read_attributes(
                [ua.attribute_ids.AttributeIds.BrowseName]
            )
            try:
                await called(query, ask, text(item), *ALL_OF_IT)
            except UaStatusCodeError:
                continue
