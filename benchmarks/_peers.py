"""Genealogy questions to PostgreSQL and to networkx in memory, over the same rows as ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from benchmarks._postgres import Connection
from tracenode.models.answers import Edge
from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.models.identifiers import public_id
from tracenode.models.items import ItemKind, ItemState
from tracenode.models.quantities import Quantity
from tracenode.server.genealogy.amounts.shares import fraction
from tracenode.server.genealogy.amounts.totals import amount_of
from tracenode.server.genealogy.digraph import attributes
from tracenode.server.genealogy.items.making import maker
from tracenode.server.store.reading.resolve import parsed
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds

if TYPE_CHECKING:
    import networkx as nx

__all__ = [
    "AS_OF",
    "COMMON",
    "INGREDIENTS",
    "WHERE_USED",
    "PostgresGenealogy",
    "key_of",
    "load_networkx",
    "load_postgres",
]

_COPIED: Final = ("type", "item", "uom", "position", "edge", "edge_past", "life", "hold", "journal")
"""Tables that the questions read."""

_ROOT: Final = (
    "SELECT i.id FROM item i JOIN type y ON y.id = i.type"
    " WHERE y.scheme = %(scheme)s AND y.code = %(code)s AND i.text = %(text)s AND i.gen = 0"
    " AND i.state_of IS NULL"
)
INGREDIENTS: Final = f"""
WITH RECURSIVE t(n) AS ({_ROOT} UNION SELECT e.src FROM t JOIN edge e ON e.dst = t.n)
SELECT array_agg(n) FROM t"""
WHERE_USED: Final = f"""
WITH RECURSIVE t(n) AS ({_ROOT} UNION SELECT e.dst FROM t JOIN edge e ON e.src = t.n)
SELECT array_agg(n) FROM t"""
# PostgreSQL takes one recursive arm: the two tables stand in a lateral union.
AS_OF: Final = f"""
WITH RECURSIVE t(n) AS ({_ROOT} UNION SELECT s.src FROM t CROSS JOIN LATERAL (
    SELECT e.src FROM edge e WHERE e.dst = t.n AND e.at <= %(at)s UNION ALL
    SELECT p.src FROM edge_past p WHERE p.dst = t.n AND p.at <= %(at)s AND p.until > %(at)s) s)
SELECT array_agg(n) FROM t"""
COMMON: Final = """
WITH RECURSIVE t(r, n) AS (
  SELECT r, r FROM unnest(%(ids)s::integer[]) r UNION SELECT t.r, e.src FROM t JOIN edge e
    ON e.dst = t.n)
SELECT array_agg(n) FROM (
  SELECT n FROM t WHERE n <> r GROUP BY n HAVING count(*) = cardinality(%(ids)s::integer[])) f"""
_WHOLE: Final = f"""
WITH RECURSIVE t(n) AS ({_ROOT} UNION SELECT e.src FROM t JOIN edge e ON e.dst = t.n)
SELECT
 (SELECT json_agg(json_build_array(i.id, y.scheme, y.code, y.cls, i.text, i.gen,
    (SELECT min(l.at) FROM life l WHERE l.item = i.id),
    (SELECT l.state FROM life l WHERE l.item = i.id AND l.until = {INF}),
    EXISTS(SELECT 1 FROM hold h WHERE h.item = i.id AND h.until = {INF})))
  FROM t JOIN item i ON i.id = t.n JOIN type y ON y.id = i.type),
 (SELECT json_agg(json_build_array(e.src, e.dst, e.rel, e.qty, u.scale, u.code, p.text,
    j.body::json -> 'f' ->> 'station', e.at, e.ev, e.ord))
  FROM t JOIN edge e ON e.dst = t.n JOIN journal j ON j.seq = e.ev
  LEFT JOIN uom u ON u.id = e.unit LEFT JOIN position p ON p.id = e.pos)"""
_RECORDED: Final = itemgetter(9, 10)
"""Position of its record in the journal, and its place in that."""
# What ours does to be quick, the peer does too.
_KINDS: Final = {int(kind): kind for kind in ItemKind}
_STATES: Final = {int(state): state for state in ItemState}
_RELATIONS: Final = {int(relation): relation for relation in Relation}
_QUALITIES: Final = {int(quality): quality for quality in EdgeQuality}
_quantity: Final = lru_cache(4096)(Quantity.stored)
_edge: Final = maker(Edge)
_LINES: Final = 10_000
"""Rows that are copied at once."""
_INDEXES: Final = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = %s
AND indexname NOT IN (SELECT conname FROM pg_constraint)"""


def load_postgres(ours: sqlite3.Connection, peer: Connection) -> None:
    """Copy our rows into the peer's tables of the same columns, and let it gather statistics. Its
    indexes, but for the keys, are made after the rows."""
    for table in _COPIED:
        made = peer.execute(_INDEXES, (table,)).fetchall()
        for name, _ in made:
            peer.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        columns = [row[1] for row in ours.execute(f"PRAGMA table_info({table})")]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        lines = ours.execute(f"SELECT {_line(columns)} FROM {table}")
        with peer.cursor().copy(statement) as copy:
            while rows := lines.fetchmany(_LINES):
                copy.write("".join([line for (line,) in rows]))
        for _, statement_ in made:
            peer.execute(statement_.encode())
        peer.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))


def _line(columns: Sequence[str]) -> str:
    """Return the expression by which SQLite writes a row as a line of PostgreSQL's COPY."""
    values = (
        f"CASE typeof({c}) WHEN 'null' THEN '\\N' WHEN 'integer' THEN {c}"
        f" WHEN 'blob' THEN '\\\\x'||hex({c}) ELSE replace(replace(replace({c},"
        " '\\', '\\\\'), char(9), '\\t'), char(10), '\\n') END"
        for c in columns
    )
    return "||char(9)||".join(values) + "||char(10)"


def load_networkx(ours: sqlite3.Connection) -> nx.DiGraph[int]:
    """Load what is open now as a graph of bare numbers, edges from the input to the output."""
    import networkx as nx

    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_edges_from(ours.execute("SELECT src, dst FROM edge"))
    return graph


def key_of(public: str, at: int = 0) -> dict[str, Any]:
    """Return the parameters of a statement about an item, as of a time in microseconds."""
    identity = parsed(public)
    assert identity is not None
    return {"scheme": identity.scheme, "code": identity.part, "text": identity.text, "at": at}


class PostgresGenealogy:
    """Questions, each a prepared statement that is planned once. Whole answers are asked on a
    connection without hash and merge joins: its planner takes a closure for large, and reads whole
    tables for thirty rows."""

    def __init__(self, connection: Connection, other: Connection) -> None:
        for one in (connection, other):
            one.execute("SET plan_cache_mode = force_generic_plan")
        for join in ("hashjoin", "mergejoin"):
            other.execute(f"SET enable_{join} = off".encode())
        self._cursor = connection.cursor(binary=True)
        self._whole = other.cursor(binary=True)

    def ids(self, statement: str, parameters: dict[str, Any]) -> list[int]:
        """Return the item numbers that a closure finds, with the root."""
        row = self._cursor.execute(statement.encode(), parameters, prepare=True).fetchone()
        assert row is not None
        found: list[int] | None = row[0]
        return found or []

    def about(self, statement: str, public: str, at: int = 0) -> list[int]:
        """Return the item numbers that a closure finds from an item, with its own."""
        return self.ids(statement, key_of(public, at))

    def graph(self, public: str) -> nx.DiGraph[str]:
        """Return an item's ingredients as a graph with all attributes of nodes and edges that ours
        has: only the statement, whether the trace is complete, is left out."""
        import networkx as nx

        row = self._whole.execute(_WHOLE.encode(), key_of(public), prepare=True).fetchone()
        assert row is not None
        nodes, edges = row
        edges = edges or ()
        names = {
            number: public_id(scheme, code, text, generation, 0)
            for number, scheme, code, _, text, generation, *_ in nodes
        }
        depth = _depths(names, edges, public)
        graph: nx.DiGraph[str] = nx.DiGraph(root=public)
        graph.add_nodes_from(
            (
                names[number],
                {
                    "kind": _KINDS[kind],
                    "material": code,
                    "state": _STATES[state],
                    "on_hold": held,
                    "depth": depth[number],
                    "first_seen": from_microseconds(seen),
                    "mark": None,
                },
            )
            for number, _, code, kind, _, _, seen, state, held in nodes
        )
        units = {number for number, _, _, kind, *_ in nodes if kind == ItemKind.Unit}
        graph.add_edges_from(
            (names[src], names[dst], attributes(records))
            for (src, dst), records in _records(names, edges, units).items()
        )
        return graph


def _depths(names: dict[int, str], edges: Sequence[Any], root: str) -> dict[int, int]:
    """Breadth-first levels."""
    inputs: dict[int, list[int]] = {}
    for edge in edges:
        inputs.setdefault(edge[1], []).append(edge[0])
    level = [number for number, public in names.items() if public == root]
    depth = dict.fromkeys(level, 0)
    while level:
        coming = []
        for output in level:
            for input_ in inputs.get(output, ()):
                if input_ not in depth:
                    depth[input_] = depth[output] + 1
                    coming.append(input_)
        level = coming
    return depth


def _records(
    names: dict[int, str], edges: Sequence[Any], units: set[int]
) -> dict[tuple[int, int], list[Edge]]:
    """The records of each edge in their order, with the share of each in what went into its
    output."""
    totals: dict[tuple[int, str], int] = {}
    unknown: set[int] = set()
    pieces: set[int] = set()
    for src, dst, _, amount, scale, unit, *_ in edges:
        if amount is not None:
            dimension, value = amount_of(amount, scale, unit)
            totals[dst, dimension] = totals.get((dst, dimension), 0) + value
        elif src in units:
            pieces.add(dst)
        else:
            unknown.add(dst)
    found: dict[tuple[int, int], list[Edge]] = {}
    for src, dst, rel, amount, scale, unit, position, station, at, ev, _ in sorted(
        edges, key=_RECORDED
    ):
        share = None
        if amount is not None and dst not in unknown:
            dimension, value = amount_of(amount, scale, unit)
            whole = totals[dst, dimension]
            if whole and not (dimension == "count" and dst in pieces):
                share = fraction(value, whole)
        found.setdefault((src, dst), []).append(
            _edge(
                names[dst],
                names[src],
                _RELATIONS[rel & 15],
                _QUALITIES[rel >> 4],
                None if amount is None else _quantity(amount, scale, unit),
                position or "",
                station or "",
                from_microseconds(at),
                None,
                ev,
                share,
            )
        )
    return found
