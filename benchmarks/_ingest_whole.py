"""Booking events on PostgreSQL while keeping all that ours keeps for them: hash chain, gap-free
sequence, counters of stations, stock, contents, and the checks of routes, bills, policies, expiry.

A chain has one end, so one connection books: what waits is booked in one pipelined transaction, a
group commit like ours. It alone knows the end, so positions and hashes are made in Python, as ours
are; what stations count is written once for a group, as ours is. With a connection for each caller
they would wait for each other, each for the other's sync.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any, Final, NamedTuple

import psycopg

from benchmarks._ingest import (
    GROUP,
    POSITIONS,
    SOURCE,
    STATIONS,
    TYPES,
    UNITS,
    AsyncConnection,
    BookingPeer,
    connected,
)
from benchmarks._postgres import Connection, peer_schema
from benchmarks._postgres_booking import WHOLE
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import (
    Assemble,
    Complete,
    Consume,
    Master,
    Receive,
    Register,
    Start,
    TraceEvent,
    event_fields,
)
from tracenode.models.identifiers import Identity
from tracenode.models.quantities import UNITS as FACTORS
from tracenode.models.quantities import Quantity
from tracenode.server.store.projecting.references import subject
from tracenode.server.store.writing.canonical import canonical_json, with_fields
from tracenode.server.store.writing.chain import entry_hash, genesis
from tracenode.server.store.writing.journal import now
from tracenode.server.store.writing.requests import payload_digest

__all__ = ["Peers", "Whole", "broken_link", "peers", "prepare_whole", "whole"]

_REQUESTER: Final = "urn:bench|OP10"
_GENESIS: Final = genesis("peer", "peer")
_GIVEN: Final = (
    "%s::bigint,%s::integer,%s::text,%s::bytea,%s::bigint,%s::text,%s::text,%s::bytea,"
    "%s::integer,%s::integer,%s::integer"
)
_ITEM: Final = "%s::text,%s::integer,%s::text"
_AMOUNT: Final = "%s::bigint,%s::integer,%s::text,%s::numeric"
_AT_STATION: Final = f"{_ITEM},%s::integer"
_CALLS: Final[dict[str, bytes]] = {
    kind: f"SELECT whole_{name}({_GIVEN},{more})".encode()
    for kind, name, more in (
        ("register", "register", f"{_ITEM},{_AMOUNT}"),
        ("receive", "register", f"{_ITEM},{_AMOUNT}"),
        ("start", "start", _AT_STATION),
        ("complete", "complete", _AT_STATION),
        ("assemble", "assemble", f"{_ITEM},{_ITEM},%s::integer"),
        ("consume", "consume", f"{_ITEM},{_ITEM},{_AMOUNT},%s::text"),
    )
}
_COUNT: Final = b"SELECT count_station(%s::integer,%s::bigint,%s::integer,%s::integer)"


class Peers(NamedTuple):
    """The two that book, each in a schema of its own: a connection, and how others reach it."""

    spared: tuple[Connection, str]
    whole: tuple[Connection, str]


@contextmanager
def peers() -> Iterator[Peers]:
    """Yield both peers with their tables; these are dropped at the end."""
    with peer_schema("spared") as spared, peer_schema("whole") as kept:
        yield Peers(spared, kept)


class _Head(NamedTuple):
    seq: int
    rec: int
    hash: bytes


class _Asked(NamedTuple):
    event: TraceEvent
    request_id: str
    done: asyncio.Future[None]


class _Counts:
    """What stations count in a group: last position, verdicts OK and NotOK."""

    def __init__(self) -> None:
        self.stations: dict[int, list[int]] = {}

    def add(self, event: TraceEvent, seq: int) -> None:
        if event.station:
            counts = self.stations.setdefault(STATIONS.of(event.station), [seq, 0, 0])
            counts[0] = seq
            if isinstance(event, Complete):
                counts[1] += event.evaluation is Evaluation.OK
                counts[2] += event.evaluation is Evaluation.NotOK


class Whole:
    """The end of the peer's journal, and who books there."""

    def __init__(self) -> None:
        self.head = _Head(0, 0, _GENESIS)
        self._waiting: asyncio.Queue[_Asked] = asyncio.Queue()

    async def book(self, event: TraceEvent, request_id: str) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(_Asked(event, request_id, done))
        await done

    def call(
        self, event: TraceEvent, request_id: str, counted: tuple[int | None, int, int]
    ) -> tuple[bytes, tuple[Any, ...]]:
        """Return the prepared call that books an event at the end of the journal."""
        seq, rec = self.head.seq + 1, max(now(), self.head.rec + 1)
        fields = event_fields(event)
        text = canonical_json(fields)
        digest = payload_digest(event.type, text)
        about = {"id": request_id, "d": digest.hex()}
        entry = {"f": fields, "a": {"item": subject(event)}, "q": about, "es": seq}
        body = with_fields(entry, text)
        link = entry_hash(
            self.head.hash,
            seq=seq,
            rec=rec,
            at=rec,
            source=_REQUESTER.encode(),
            sseq=None,
            kind=event.type.encode(),
            body=body.encode(),
        )
        self.head = _Head(seq, rec, link)
        given = (seq, SOURCE, request_id, digest, rec, event.type, body, link, *counted)
        return _CALLS[event.type], (*given, *_more(event))

    async def work(self, connection: AsyncConnection) -> None:
        """Book groups until cancelled."""
        while True:
            group = [await self._waiting.get()]
            while len(group) < GROUP and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            head = self.head
            try:
                if len(group) == 1:
                    await self._alone(connection, group[0])
                else:
                    await self._together(connection, group)
            except psycopg.Error as error:
                self.head = head
                for asked in group:
                    asked.done.set_exception(error)
            else:
                for asked in group:
                    asked.done.set_result(None)

    async def _alone(self, connection: AsyncConnection, asked: _Asked) -> None:
        """One statement, which is a transaction of its own."""
        counts = _Counts()
        counts.add(asked.event, 0)
        counted: tuple[int | None, int, int] = (None, 0, 0)
        for station, (_, ok, not_ok) in counts.stations.items():
            counted = (station, ok, not_ok)
        query, values = self.call(asked.event, asked.request_id, counted)
        await connection.execute(query, values, prepare=True)

    async def _together(self, connection: AsyncConnection, group: list[_Asked]) -> None:
        counts = _Counts()
        async with connection.pipeline(), connection.transaction():
            for asked in group:
                query, values = self.call(asked.event, asked.request_id, (None, 0, 0))
                counts.add(asked.event, self.head.seq)
                await connection.execute(query, values, prepare=True)
            for station, counted in counts.stations.items():
                await connection.execute(_COUNT, (station, *counted), prepare=True)


def _more(event: TraceEvent) -> tuple[Any, ...]:
    match event:
        case Register() | Receive():
            return (*_item(event.item), *_amount(event.quantity))
        case Start() | Complete():
            return (*_item(event.item), STATIONS.of(event.station))
        case Assemble():
            return (*_item(event.parent), *_item(event.part), POSITIONS.of(event.position))
        case Consume():
            items = (*_item(event.item), *_item(event.lot))
            return (*items, *_amount(event.quantity), event.station)
        case _:
            raise ValueError(f"not in the mix: {event.type}")


def _item(public: str) -> tuple[str, int, str]:
    identity = Identity.parse(public)
    assert identity is not None
    return identity.text, TYPES.of(f"{identity.scheme}:{identity.part}"), identity.part


def _amount(quantity: Quantity | None) -> tuple[int | None, int | None, str | None, Decimal | None]:
    """Return (mantissa, number of its unit, dimension, amount in its base unit)."""
    if quantity is None:
        return None, None, None, None
    dimension, factor = FACTORS[quantity.unit]
    base = Decimal(quantity.mantissa).scaleb(-quantity.scale) * factor.numerator
    unit = UNITS.of(f"{quantity.unit} {quantity.scale}")
    return quantity.mantissa, unit, dimension, base / factor.denominator


def prepare_whole(connection: Connection, begin: Iterable[TraceEvent]) -> Whole:
    """Make the functions, and book what must be there first."""
    connection.execute(WHOLE.encode())
    peer = Whole()
    for number, event in enumerate(begin):
        if isinstance(event, Master):
            connection.execute(
                b"INSERT INTO master VALUES (%s, %s, 0, %s, NULL)",
                (event.kind, event.key, canonical_json(event.data)),
            )
        else:
            connection.execute(*peer.call(event, f"begin-{number}", (None, 0, 0)))
    return peer


@asynccontextmanager
async def whole(peer: Whole, info: str) -> AsyncIterator[BookingPeer]:
    """Book for any number of callers in group commits on one connection."""
    async with AsyncExitStack() as stack:
        worker = asyncio.create_task(peer.work(await connected(stack, info)))
        try:
            yield peer
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)


def broken_link(connection: Connection) -> int:
    """Return the first journal position whose hash does not follow; 0 where all do."""
    previous = _GENESIS
    rows = connection.execute("SELECT seq, rec, at, type, body, hash FROM journal ORDER BY seq")
    for expected, (seq, rec, at, kind, body, found) in enumerate(rows, 1):
        previous = entry_hash(
            previous,
            seq=seq,
            rec=rec,
            at=at,
            source=_REQUESTER.encode(),
            sseq=None,
            kind=kind.encode(),
            body=body.encode(),
        )
        if seq != expected or previous != found:
            return expected
    return 0
