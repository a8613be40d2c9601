"""The whole store as a networkx graph that reads what it is asked for."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

import networkx as nx

from tracenode.models.answers import Edge, WhereUsed
from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.models.identifiers import Identity
from tracenode.models.quantities import Quantity
from tracenode.server.genealogy.digraph import attributes
from tracenode.server.genealogy.edges.arms import arms
from tracenode.server.genealogy.edges.believed import Lens, lens_of
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.moment import Moment, Span, moment_of
from tracenode.server.store.file.database import connect_reader, damage_named
from tracenode.server.store.reading.snapshot import Reading, snapshot
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds

if TYPE_CHECKING:
    _DiGraph = nx.DiGraph[str]
else:
    _DiGraph = nx.DiGraph

__all__ = ["LazyGraph", "lazy_graph"]

REMEMBERED: Final = 50_000
"""Edges, nodes and numbers of items that are kept, each; some 50 MB in all."""

_IDENTITY: Final = "y.scheme, y.code, i.text, i.gen, iif(i.state_of IS NULL, 0, i.ev)"
_KNOWN: Final = """
iif(i.state_of IS NULL, EXISTS(SELECT 1 FROM touch x WHERE x.item=i.id AND x.seq<=:K), i.ev<=:K)"""
_ITEMS: Final = f"""
SELECT i.id, {_IDENTITY} FROM item i CROSS JOIN type y ON y.id=i.type WHERE {_KNOWN}
ORDER BY i.id"""
_COUNT: Final = f"SELECT count(*) FROM item i WHERE {_KNOWN}"
_NUMBER: Final = f"""
SELECT i.id FROM type y CROSS JOIN item o CROSS JOIN item i
WHERE y.scheme=:scheme AND y.code=:part AND o.text=:text AND o.type=y.id AND o.gen=:gen
  AND o.state_of IS NULL AND i.id=iif(:state, (SELECT s.id FROM item s
    WHERE s.state_of=o.id AND s.ev=:state), o.id) AND {_KNOWN}"""

K = TypeVar("K")
V = TypeVar("V")


class LazyGraph(_DiGraph):
    """Every item of a store and every edge that holds at a moment, read when asked for; see
    `lazy_graph`. networkx makes empty ones for its views and copies."""


@contextlib.contextmanager
def lazy_graph(
    database: Path,
    *,
    as_of: datetime | None = None,
    as_known_at: int | datetime | None = None,
    ever: bool = False,
    mmap: bool = True,
) -> Iterator[LazyGraph]:
    """Give a graph over one snapshot of a store, for as long as the context lasts.

    Nodes are public ids; their attributes are kind, material, state and first_seen. Edges lead from
    the input to the output and hold at `as_of`, by default now, with `ever` at any time up to then;
    their attributes are those of `digraph` without station, share and records. What was read last
    is remembered, so the memory is bounded. Nothing can be changed. One thread at a time may use
    it.

    Raises:
        MalformedRequest: a time without its zone, or a position below 0.
        StoreError: the file can't be read.
    """
    with (
        damage_named(database),
        contextlib.closing(connect_reader(database, mmap=mmap)) as connection,
        snapshot(connection) as reading,
    ):
        moment = moment_of(reading, WhereUsed(item="", as_of=as_of, as_known_at=as_known_at))
        store = _Items(reading, moment)
        lens = lens_of(moment, Span.Ever if ever else moment.point)
        graph = LazyGraph(statement=moment.statement())
        parts: dict[str, Any] = {
            "_node": _Nodes(store),
            "_adj": _Neighbours(store, lens, up=False),
            "_pred": _Neighbours(store, lens, up=True),
        }
        for name, part in parts.items():
            setattr(graph, name, part)
        nx.freeze(graph)
        yield graph


class _Recent(Generic[K, V]):
    """What was used last, up to REMEMBERED by weight, and the newest whatever it weighs."""

    def __init__(self, weight: Callable[[V], int] = lambda value: 1) -> None:
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._weight, self._total = weight, 0

    def get(self, key: K) -> V | None:
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> V:
        self._total += self._weight(value)
        if (replaced := self._kept.pop(key, None)) is not None:
            self._total -= self._weight(replaced)
        self._kept[key] = value
        while self._total > REMEMBERED and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._total -= self._weight(dropped)
        return value


class _Items:
    """The items of a snapshot: their public ids, and the numbers that stand for them inside."""

    def __init__(self, reading: Reading, moment: Moment) -> None:
        self.reading, self.moment = reading, moment
        self._numbers: _Recent[str, int] = _Recent()
        self._count: int | None = None

    def __len__(self) -> int:
        if self._count is None:
            ((self._count,),) = self.reading.rows(_COUNT, self.moment.parameters)
        return self._count or 0

    def __iter__(self) -> Iterator[str]:
        for number, *identity in self.reading.connection.execute(_ITEMS, self.moment.parameters):
            yield self.named(number, *identity)

    def named(self, number: int, *identity: Any) -> str:
        """Return the public id of an item, and remember its number."""
        public = str(Identity(*identity))
        self._numbers.put(public, number)
        return public

    def number(self, public: object) -> int | None:
        """Return the number of a public id; None where no item has it."""
        if not isinstance(public, str):
            return None
        known = self._numbers.get(public)
        identity = Identity.parse(public) if known is None else None
        if identity is None or str(identity) != public:
            return known
        values = {
            "scheme": identity.scheme,
            "part": identity.part,
            "text": identity.text,
            "gen": identity.generation,
            "state": identity.state,
        }
        for (number,) in self.reading.rows(_NUMBER, {**values, **self.moment.parameters}):
            return self._numbers.put(public, number)
        return None


class _Keyed(Mapping[str, V]):
    """A mapping of all items."""

    def __init__(self, items: _Items, weight: Callable[[V], int]) -> None:
        self.items_ = items
        self._recent: _Recent[str, V] = _Recent(weight)

    def __len__(self) -> int:
        return len(self.items_)

    def __iter__(self) -> Iterator[str]:
        return iter(self.items_)

    def __contains__(self, public: object) -> bool:
        return self.items_.number(public) is not None

    def __getitem__(self, public: str) -> V:
        found = self._recent.get(public)
        if found is None:
            number = self.items_.number(public)
            if number is None:
                raise KeyError(public)
            found = self._recent.put(public, self._read(number))
        return found

    def _read(self, number: int) -> V:
        raise NotImplementedError


class _Nodes(_Keyed[Mapping[str, Any]]):
    """Attributes of items."""

    def __init__(self, items: _Items) -> None:
        super().__init__(items, lambda node: 1)

    def _read(self, number: int) -> Mapping[str, Any]:
        fact = facts_of(self.items_.reading, [number], self.items_.moment)[number]
        return MappingProxyType(
            {
                "kind": fact.kind,
                "material": fact.material,
                "state": fact.state,
                "first_seen": from_microseconds(fact.first_seen),
            }
        )


class _Record(NamedTuple):
    """An edge row, with the item at its other end."""

    number: int
    scheme: str
    part: str
    text: str
    generation: int
    state: int
    at: int
    until: int
    rel: int
    qty: int | None
    scale: int | None
    unit: str | None
    position: str | None
    ev: int


class _Neighbours(_Keyed[Mapping[str, Mapping[str, Any]]]):
    """The outputs of every item, or its inputs, with the attributes of the edges."""

    def __init__(self, items: _Items, lens: Lens, *, up: bool) -> None:
        super().__init__(items, lambda neighbours: 1 + len(neighbours))
        self._sql = _neighbours_sql(lens, up=up)

    def _read(self, number: int) -> Mapping[str, Mapping[str, Any]]:
        values = {"item": number, **self.items_.moment.parameters}
        edges: dict[str, list[Edge]] = {}
        for record in map(_Record._make, self.items_.reading.rows(self._sql, values)):
            public = self.items_.named(*record[:6])
            edges.setdefault(public, []).append(_edge(record))
        return MappingProxyType(
            {public: MappingProxyType(_lean(records)) for public, records in edges.items()}
        )


def _edge(record: _Record) -> Edge:
    quantity = None
    if record.qty is not None and record.scale is not None and record.unit is not None:
        quantity = Quantity.stored(record.qty, record.scale, record.unit)
    return Edge(
        output="",
        input="",
        relation=Relation(record.rel & 15),
        quality=EdgeQuality(record.rel >> 4),
        quantity=quantity,
        position=record.position or "",
        station="",
        valid_from=from_microseconds(record.at),
        valid_to=None if record.until == INF else from_microseconds(record.until),
        record=record.ev,
    )


def _lean(records: list[Edge]) -> dict[str, Any]:
    return {
        name: value
        for name, value in attributes(records).items()
        if name not in {"station", "share", "records"}
    }


@cache
def _neighbours_sql(lens: Lens, *, up: bool) -> str:
    selects = " UNION ALL ".join(
        f"SELECT {arm.src if up else arm.dst} AS other, {arm.at} AS at, {arm.until} AS until,"
        f" {arm.rel} AS rel, {arm.qty} AS qty, {arm.unit} AS unit, {arm.pos} AS pos,"
        f" {arm.ev} AS ev, {arm.ord} AS ord FROM t {arm.joined}"
        for arm in arms(lens, up=up)
    )
    return (
        f"WITH t(n) AS (SELECT :item), e AS ({selects})"
        f" SELECT i.id, {_IDENTITY}, e.at, e.until, e.rel, e.qty, u.scale, u.code, p.text, e.ev"
        " FROM e CROSS JOIN item i ON i.id=e.other CROSS JOIN type y ON y.id=i.type"
        " LEFT JOIN uom u ON u.id=e.unit LEFT JOIN position p ON p.id=e.pos"
        " ORDER BY e.other, e.ev, e.ord"
    )
