"""Booking events on PostgreSQL while keeping less than ours (see `_postgres_booking`), in two ways;
the better one counts.

- `ConnectionEach`: each caller books on a connection of its own, one commit an event.
- `Grouped`: few connections; what waits is booked in one pipelined transaction, a group commit like
  ours.

Both do in Python what ours does: the event as JSON, the payload's digest, the canonical body, its
hash. What ours looks up in tables of names (material, station, unit of measure), the peer has in
dictionaries.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from typing import Any, Final, Protocol, TypeAlias

import psycopg

from benchmarks._postgres import Connection
from benchmarks._postgres_booking import SPARED
from tracenode.models.events import (
    Assemble,
    Complete,
    Consume,
    Receive,
    Register,
    Start,
    TraceEvent,
    event_fields,
)
from tracenode.models.identifiers import Identity
from tracenode.server.store.projecting.references import subject
from tracenode.server.store.writing.journal import canonical_json, now
from tracenode.server.store.writing.requests import payload_digest

__all__ = [
    "GROUP",
    "POSITIONS",
    "SOURCE",
    "STATIONS",
    "TYPES",
    "UNITS",
    "AsyncConnection",
    "BookingPeer",
    "Call",
    "connected",
    "connection_each",
    "grouped",
    "prepare_peer",
    "run_loop",
    "write_names",
]

MAX_CONNECTIONS: Final = 64
"""Of 100 callers, so many can book at once; PostgreSQL comes with 100 connections for everybody."""
WORKERS: Final = 2
"""Connections that book groups: more gained nothing on two processors."""
GROUP: Final = 512

Call: TypeAlias = tuple[bytes, tuple[Any, ...]]
AsyncConnection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]


class BookingPeer(Protocol):
    """Who books an event durably."""

    async def book(self, event: TraceEvent, request_id: str) -> None: ...


SOURCE: Final = 1
_GIVEN: Final = "%s::integer,%s::text,%s::bytea,%s::bigint,%s::text,%s::text,%s::bytea"
_ITEM: Final = "%s::text,%s::integer"
_CALLS: Final[dict[str, str]] = {
    "register": f"SELECT spared_register({_GIVEN},{_ITEM})",
    "receive": f"SELECT spared_register({_GIVEN},{_ITEM})",
    "start": f"SELECT spared_start({_GIVEN},{_ITEM},%s::integer)",
    "complete": f"SELECT spared_complete({_GIVEN},{_ITEM},%s::integer)",
    "assemble": f"SELECT spared_assemble({_GIVEN},{_ITEM},{_ITEM},%s::integer)",
    "consume": f"SELECT spared_consume({_GIVEN},{_ITEM},{_ITEM},%s::bigint,%s::integer)",
}


class Numbers:
    """Small numbers for names."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, name: str) -> int:
        return self._known.setdefault(name, len(self._known) + 1)

    @property
    def all(self) -> dict[str, int]:
        return self._known


TYPES: Final = Numbers()
STATIONS: Final = Numbers()
POSITIONS: Final = Numbers()
UNITS: Final = Numbers()


def call_of(event: TraceEvent, request_id: str) -> Call:
    """Return the prepared call that books an event."""
    fields = event_fields(event)
    digest = payload_digest(event.type, fields)
    about = {"id": request_id, "d": digest.hex()}
    body = canonical_json({"f": fields, "a": {"item": subject(event)}, "q": about})
    entry = sha256(body.encode()).digest()
    given = (SOURCE, request_id, digest, now(), event.type, body, entry)
    match event:
        case Register() | Receive():
            more: tuple[Any, ...] = _item(event.item)
        case Start() | Complete():
            more = (*_item(event.item), STATIONS.of(event.station))
        case Assemble():
            more = (*_item(event.parent), *_item(event.part), POSITIONS.of(event.position))
        case Consume() if event.quantity is not None:
            unit = UNITS.of(f"{event.quantity.unit} {event.quantity.scale}")
            more = (*_item(event.item), *_item(event.lot), event.quantity.mantissa, unit)
        case _:
            raise ValueError(f"not in the mix: {event.type}")
    return _CALLS[event.type].encode(), given + more


def _item(public: str) -> tuple[str, int]:
    identity = Identity.parse(public)
    assert identity is not None
    return identity.text, TYPES.of(f"{identity.scheme}:{identity.part}")


def prepare_peer(connection: Connection, begin: Iterable[TraceEvent]) -> None:
    """Make the booking functions, and book what must be there first; master data need not be."""
    connection.execute(SPARED.encode())
    for number, event in enumerate(begin):
        if event.type != "master":
            connection.execute(*call_of(event, f"begin-{number}"))


def write_names(connection: Connection) -> None:
    """Write the names that were given numbers into their tables."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO type VALUES (%s, %s, %s, 0)",
            [(number, *name.split(":")) for name, number in TYPES.all.items()],
        )
        cursor.executemany(
            "INSERT INTO station VALUES (%s, %s)",
            [(number, name) for name, number in STATIONS.all.items()],
        )


class ConnectionEach:
    def __init__(self, free: asyncio.Queue[AsyncConnection]) -> None:
        self._free = free

    async def book(self, event: TraceEvent, request_id: str) -> None:
        connection = await self._free.get()
        try:
            await connection.execute(*call_of(event, request_id), prepare=True)
        finally:
            self._free.put_nowait(connection)


@asynccontextmanager
async def connection_each(info: str, callers: int) -> AsyncIterator[BookingPeer]:
    """Book for so many callers, each on a connection of its own."""
    async with AsyncExitStack() as stack:
        free: asyncio.Queue[AsyncConnection] = asyncio.Queue()
        for _ in range(min(callers, MAX_CONNECTIONS)):
            free.put_nowait(await connected(stack, info))
        yield ConnectionEach(free)


class Grouped:
    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[Call, asyncio.Future[None]]] = asyncio.Queue()

    async def book(self, event: TraceEvent, request_id: str) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((call_of(event, request_id), done))
        await done

    async def work(self, connection: AsyncConnection) -> None:
        """Book groups until cancelled."""
        while True:
            group = [await self._waiting.get()]
            while len(group) < GROUP and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            try:
                async with connection.pipeline(), connection.transaction():
                    for call, _ in group:
                        await connection.execute(*call, prepare=True)
            except psycopg.Error as error:
                for _, done in group:
                    done.set_exception(error)
            else:
                for _, done in group:
                    done.set_result(None)


@asynccontextmanager
async def grouped(info: str, callers: int) -> AsyncIterator[BookingPeer]:
    """Book for any number of callers in group commits."""
    async with AsyncExitStack() as stack:
        peer = Grouped()
        workers = [
            asyncio.create_task(peer.work(await connected(stack, info)))
            for _ in range(min(callers, WORKERS))
        ]
        try:
            yield peer
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def connected(stack: AsyncExitStack, info: str) -> AsyncConnection:
    """Open a connection for booking."""
    connection = await stack.enter_async_context(
        await psycopg.AsyncConnection.connect(info, autocommit=True)
    )
    # The functions are planned while the tables are small: keep to the plans for large ones.
    for way in ("seqscan", "hashjoin", "mergejoin"):
        await connection.execute(f"SET enable_{way} = off".encode())
    return connection


def run_loop(work: Coroutine[None, None, None]) -> None:
    """Run on the event loop that the server runs on."""
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    uvloop.run(work)
