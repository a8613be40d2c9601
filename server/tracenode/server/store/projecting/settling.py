"""Settling the content of one lot or container from a record on (SEMANTICS S5).

Its records stand in `flow` in event order. From the changed one on, each is told again which state
it makes or draws from and what the stock was before it, until all is as it was; then the rows of
`content` and the edges that differ are versioned.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from heapq import merge
from typing import Final

from tracenode.models.genealogy import Relation
from tracenode.models.quantities import Quantity
from tracenode.server.store.projecting.belief import CONTENT, EDGE, Key, Row, version
from tracenode.server.store.projecting.flows import DRAWN, INPUTS, FlowKind
from tracenode.server.store.projecting.interning import quantity_of, unit_id
from tracenode.server.store.projecting.references import QUALITY, relation_code
from tracenode.server.store.projecting.stock import Holding, Place, Totals, keep
from tracenode.server.store.schema import INF

__all__ = [
    "Line",
    "delete_lines",
    "first_place",
    "is_drawn",
    "lines_at",
    "lines_before",
    "put_line",
    "settle",
]

CARRIED: Final = 1
"""Ordinal of the edge from a state to the one before; the edge to what came in has 0."""
_CARRY: Final = relation_code(Relation.Carry)
_COLUMNS: Final = "at, ev, ord, kind, qty, unit, node, dimension, come, gone, unknown, taken, fed"
_LINES_FROM: Final = f"""
SELECT {_COLUMNS} FROM flow WHERE item=? AND (at,ev)>=(?,?) ORDER BY at, ev, ord"""
_LINES_BEFORE: Final = f"""
SELECT {_COLUMNS} FROM flow WHERE item=? AND (at,ev)<(?,?) ORDER BY at DESC, ev DESC, ord DESC
LIMIT 1"""
_LINES_AT: Final = f"SELECT {_COLUMNS} FROM flow WHERE item=? AND at=? AND ev=? ORDER BY ord"
_FIRST: Final = "SELECT at, ev FROM flow WHERE item=? ORDER BY at, ev LIMIT 1"
_PUT_LINE: Final = f"INSERT INTO flow(item, {_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_TELL_LINE: Final = """
UPDATE flow SET node=?, dimension=?, come=?, gone=?, unknown=?, taken=?, fed=?
WHERE item=? AND at=? AND ev=? AND ord=?"""
_ROWS: Final = """
SELECT item, at, ev, state, until, uev, kf FROM content
WHERE item=:item AND (at,ev)>=(:at,:ev) AND (at,ev)<(:end,:endev)"""
_ROW_BEFORE: Final = """
SELECT item, at, ev, state, until, uev, kf FROM content
WHERE item=? AND (at,ev)<(?,?) ORDER BY at DESC, ev DESC LIMIT 1"""
_STATE: Final = "SELECT id FROM item WHERE state_of=? AND ev=?"
_NEW_STATE: Final = """
INSERT INTO item(type,text,gen,state_of,at,ev,last)
SELECT type, text, gen, id, :at, :ev, :at FROM item WHERE id=:owner"""
_NO_PLACE: Final = f"rel%{QUALITY} NOT IN ({Relation.Install:d},{Relation.Contain:d})"
_IS_DRAWN: Final = f"""
SELECT 1 FROM edge INDEXED BY edge_out
WHERE src=:item AND at<=:at AND (at<:at OR ev<:ev) AND {_NO_PLACE}
UNION ALL SELECT 1 FROM mount m INDEXED BY mount_item
WHERE m.item=:item AND m.at<=:at AND (m.at<:at OR m.ev<:ev)
  AND NOT EXISTS(SELECT 1 FROM void v WHERE v.ev=m.ev) LIMIT 1"""
_EDGE: Final = "dst, src, ev, ord, at, rel, qty, unit, pos, kf"
_EDGES_OUT: Final = f"SELECT {_EDGE} FROM edge INDEXED BY edge_out WHERE src=? AND {_NO_PLACE}"
_EDGES_IN: Final = f"SELECT {_EDGE} FROM edge WHERE dst=? AND ev=?"
_CARRIES: Final = f"SELECT {_EDGE} FROM edge WHERE dst=? AND rel={_CARRY}"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of `flow`: one amount of one record. `node` None: its edges are not drawn yet."""

    at: int
    ev: int
    ord: int
    kind: FlowKind
    quantity: Quantity | None
    node: int | None = None
    before: Totals = field(default_factory=Totals)

    @property
    def place(self) -> Place:
        return self.at, self.ev

    @property
    def after(self) -> Totals:
        return self.before.after(self.kind, self.quantity)


def _lines(
    connection: sqlite3.Connection, sql: str, values: tuple[int, ...]
) -> Generator[Line, None, None]:
    for at, ev, ord_, kind, qty, unit, node, *stock in connection.execute(sql, values):
        totals = Totals.of(*stock)
        quantity = quantity_of(connection, qty, unit)
        yield Line(at, ev, ord_, FlowKind(kind), quantity, node, totals)


def lines_before(connection: sqlite3.Connection, item: int, place: Place) -> Line | None:
    """Return the last line of an item before a place."""
    return next(_lines(connection, _LINES_BEFORE, (item, *place)), None)


def lines_at(connection: sqlite3.Connection, item: int, place: Place) -> list[Line]:
    """Return the lines of one record."""
    return list(_lines(connection, _LINES_AT, (item, *place)))


def first_place(connection: sqlite3.Connection, item: int) -> Place:
    """Return where the lines of an item begin; the end of time where it has none."""
    row = connection.execute(_FIRST, (item,)).fetchone()
    return row or (INF, 0)


def delete_lines(connection: sqlite3.Connection, item: int, place: Place) -> None:
    """Delete the lines of one record."""
    connection.execute("DELETE FROM flow WHERE item=? AND at=? AND ev=?", (item, *place))


def put_line(connection: sqlite3.Connection, item: int, line: Line) -> None:
    """Write a line that the table does not have."""
    quantity = line.quantity
    connection.execute(
        _PUT_LINE,
        (
            item,
            line.at,
            line.ev,
            line.ord,
            int(line.kind),
            None if quantity is None else quantity.mantissa,
            unit_id(connection, quantity),
            line.node,
            *line.before.columns,
        ),
    )


def is_drawn(connection: sqlite3.Connection, item: int, place: Place) -> bool:
    """True where something was drawn from a lot itself, or it was mounted, before a place."""
    values = {"item": item, "at": place[0], "ev": place[1]}
    return connection.execute(_IS_DRAWN, values).fetchone() is not None


def settle(
    connection: sqlite3.Connection,
    holding: Holding,
    since: Place,
    seq: int,
    *,
    totals: Totals,
    added: Iterable[Line] = (),
    removed: Iterable[Line] = (),
    drawn: bool = False,
) -> list[Row]:
    """Tell the records of a holding from `since` on again, as of journal position `seq`.

    `totals` are those before `since`; `added` are lines that the table does not have, in order;
    `removed` are the lines at `since` that were taken out of it; `drawn` says that the lot itself
    was drawn from before, by an edge that is drawn later. Return the edges drawn anew that
    lead to what they did not lead to before in any number of steps: where what was thrown away is
    there after all, or nothing is in it and the item itself stands for what was drawn.
    """
    course = _Course(connection, holding, since, drawn=drawn)
    removed = tuple(removed)
    for line in removed:
        course.old = course.content_after(line, course.old)
        course.forget_state(line)
    new = list(added)
    fresh = {(*line.place, line.ord) for line in new}
    last_added = new[-1].place if new else since
    told: list[Line] = []
    end: Place | None = None
    known = _lines(connection, _LINES_FROM, (holding.number, *since))
    for line in merge(new, known, key=lambda line: (line.at, line.ev, line.ord)):
        if line.place > last_added and line.before == totals and course.is_as_before():
            end = line.place
            break
        node = course.take(line, totals)
        settled = replace(line, node=node, before=totals)
        if (*line.place, line.ord) in fresh or settled != line:
            course.move(line, settled)
            told.append(settled)
        totals = settled.after
    known.close()
    for line in told:
        if (*line.place, line.ord) in fresh:
            put_line(connection, holding.number, line)
        else:
            _tell_line(connection, holding.number, line)
    if end is None:
        holding.totals, holding.content = totals, course.content
        keep(connection, holding)
    changed = course.write(seq, end)
    if any(line.kind is FlowKind.Empty for line in removed):
        return changed
    return [row for row in changed if row.key[1] == holding.number]


def _tell_line(connection: sqlite3.Connection, item: int, line: Line) -> None:
    values = (line.node, *line.before.columns, item, line.at, line.ev, line.ord)
    connection.execute(_TELL_LINE, values)


class _Course:
    """The content of a holding on its way through its records, as it was and as it is."""

    def __init__(
        self, connection: sqlite3.Connection, holding: Holding, since: Place, *, drawn: bool
    ) -> None:
        self._connection, self._holding, self._since = connection, holding, since
        base = holding.number
        found = connection.execute(_ROW_BEFORE, (base, *since)).fetchone()
        self._have: list[Row] = []
        self._want: dict[Key, Row] = {}
        self._current: Row | None = None
        self.content: int | None = None if holding.container else base
        self._stateful = holding.container or found is not None
        if found is not None:
            row = Row(found[:3], found[3:4], *found[4:])
            if row.until == INF or (row.until, row.uev) >= since:
                self.content = row.payload[0]
                self._have.append(row)
                self._begin(replace(row, until=INF, uev=0))
            else:
                self.content = None
        self._drawn = not self._stateful and (drawn or is_drawn(connection, base, since))
        self.old = self.content
        self._carries: dict[Key, Row] = {}
        self._left: list[int] = []
        """States that the records made before."""
        self._from: dict[int, dict[int, int]] = {}
        """What was drawn: old node, record, new node."""
        self._into: list[tuple[int, int, int]] = []
        """What came in: old node, record, new node."""

    def is_as_before(self) -> bool:
        """True where what follows depends on nothing that changed."""
        at_base = self.content == self._holding.number and not self._holding.container
        return self.content == self.old and not at_base

    def content_after(self, line: Line, content: int | None) -> int | None:
        """Return what was in it after a line as the table has it."""
        if line.kind is FlowKind.Empty:
            return None
        return line.node if line.kind in INPUTS else content

    def forget_state(self, line: Line) -> None:
        """Give up the state that a line made."""
        if line.kind in INPUTS and line.node not in (None, self._holding.number):
            self._left.append(line.node)

    def take(self, line: Line, totals: Totals) -> int:
        """Take the next line; return the node that it draws from or makes."""
        base = self._holding.number
        if line.node is not None:
            self.old = self.content_after(line, self.old)
            self.forget_state(line)
        if line.kind is FlowKind.Empty:
            self._empty(line)
        elif line.kind in INPUTS and (self._stateful or self._drawn):
            self._fill(line, totals)
        elif line.kind in DRAWN:
            self._drawn = True
        return base if self.content is None else self.content

    def _fill(self, line: Line, totals: Totals) -> None:
        state = _state(self._connection, self._holding.number, line)
        if self.content is not None:
            left = totals.left("" if line.quantity is None else line.quantity.unit)
            mantissa = None if left is None else left.mantissa
            amount = (mantissa, unit_id(self._connection, left), None)
            key = (state, self.content, line.ev, CARRIED)
            self._carries[key] = Row(key, (line.at, _CARRY, *amount), INF, 0, 0)
        self._end(line)
        self._begin(Row((self._holding.number, line.at, line.ev), (state,), INF, 0, 0))
        self.content, self._stateful = state, True

    def _empty(self, line: Line) -> None:
        if not self._stateful:
            # The lot itself was in it: a row of no length says that it is no more.
            self._begin(Row((self._holding.number, line.at, line.ev), (self.content,), INF, 0, 0))
        self._end(line)
        self.content, self._stateful = None, True

    def _begin(self, row: Row) -> None:
        self._current = self._want[row.key] = row

    def _end(self, line: Line) -> None:
        if self._current is not None:
            row = replace(self._current, until=line.at, uev=line.ev)
            self._want[row.key], self._current = row, None

    def move(self, old: Line, line: Line) -> None:
        """Note that a line whose edges are drawn has another node than before."""
        if old.node is None or line.node is None or old.node == line.node:
            return
        if line.kind is FlowKind.Draw:
            self._from.setdefault(old.node, {})[line.ev] = line.node
        elif line.kind in INPUTS:
            self._into.append((old.node, line.ev, line.node))

    def write(self, seq: int, end: Place | None) -> list[Row]:
        """Version what differs; `end` is the first record that is as before. Return the edges
        drawn anew."""
        connection = self._connection
        at, ev = self._since
        stop = end or (INF, INF)
        values = {
            "item": self._holding.number,
            "at": at,
            "ev": ev,
            "end": stop[0],
            "endev": stop[1],
        }
        self._have += [
            Row(row[:3], row[3:4], *row[4:]) for row in connection.execute(_ROWS, values)
        ]
        if end is not None and self._current is not None:
            ended = next(row for row in self._have if row.key == self._current.key)
            self._want[ended.key] = replace(self._current, until=ended.until, uev=ended.uev)
        version(connection, CONTENT, self._have, _known_since(self._want, seq), seq)
        have, want = self._edges()
        return version(connection, EDGE, have, _known_since(want, seq), seq)

    def _edges(self) -> tuple[list[Row], dict[Key, Row]]:
        have: list[Row] = []
        want = dict(self._carries)
        for state in self._left:
            have += self._rows(_CARRIES, (state,))
        for node, moves in self._from.items():
            for row in self._rows(_EDGES_OUT, (node,)):
                dst, _, ev, ord_ = row.key
                if ev in moves:
                    have.append(row)
                    key = (dst, moves[int(ev)], ev, ord_)
                    want[key] = replace(row, key=key)
        for node, record, into in self._into:
            for row in self._rows(_EDGES_IN, (node, record)):
                if row.payload[1] != _CARRY:
                    have.append(row)
                    moved: Key = (into, *row.key[1:])
                    want[moved] = replace(row, key=moved)
        return have, want

    def _rows(self, sql: str, values: tuple[int, ...]) -> list[Row]:
        return [
            Row(row[:4], row[4:9], INF, 0, row[9])
            for row in self._connection.execute(sql, values).fetchall()
        ]


def _known_since(rows: dict[Key, Row], seq: int) -> dict[Key, Row]:
    return {key: replace(row, kf=seq) for key, row in rows.items()}


def _state(connection: sqlite3.Connection, owner: int, line: Line) -> int:
    """Return the number of the state that a record makes of an item, giving it one where it has
    none."""
    row = connection.execute(_STATE, (owner, line.ev)).fetchone()
    if row is not None:
        return int(row[0])
    values = {"owner": owner, "at": line.at, "ev": line.ev}
    made = connection.execute(_NEW_STATE, values).lastrowid
    assert made is not None
    return made
