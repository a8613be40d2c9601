"""Counting with numpy what holds an item now, by the adjacency index: the rules of `census` again.

The file says of each item its type and state, and of each edge its relation, as of the position
that it was made at. What may have changed since is read from the tables of the snapshot: the edges
into every item that has others now, and the states that were begun or given up. What the file does
not have is read there too: what became of contents, and edges derived from mounts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tracenode.models.genealogy import EdgeQuality, HitMark, Relation
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.genealogy.answers.counts import Counts
from tracenode.server.genealogy.edges.arms import arms, derived_arms
from tracenode.server.genealogy.edges.believed import Lens, lens_of
from tracenode.server.genealogy.edges.closure import MOUNTED, chunks
from tracenode.server.genealogy.edges.contents import in_owner
from tracenode.server.genealogy.items.ends import LEFT, PLACES
from tracenode.server.genealogy.items.facts import state_sql
from tracenode.server.genealogy.moment import Moment
from tracenode.server.store.adjacency.huge import Numbers, places_of
from tracenode.server.store.adjacency.layout import CONTENT, NO_STATE
from tracenode.server.store.adjacency.reach import Adjacency
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = ["tally"]

AT_ONCE: Final = 10_000
"""Items whose edges are looked at between two looks at the clock."""
DENSE: Final = 8
"""Where more than one item in so many is counted, looking through all states for what changed is
quicker than reading the state of each."""
_UNMARKED: Final = 255
_STATES: Final = 256

Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_PACKED: Final[Flags] = np.isin(np.arange(256) & 15, (Relation.Contain, Relation.Identity))
"""By the relation and quality of an edge: it makes its input no part of its output."""
_POOLED: Final[Flags] = np.arange(256) >> 4 == EdgeQuality.Pooled

_CHANGED: Final = f"""
SELECT json_group_array(item) FROM (
  SELECT item FROM life WHERE kf>:w AND until={INF} UNION SELECT item FROM life_was WHERE kt>:w)"""
"""The items whose state may be another one than at the position :w."""


def tally(
    reading: Reading,
    adjacency: Adjacency,
    starts: Sequence[int],
    items: Sequence[int],
    moment: Moment,
) -> Counts:
    """Count `items`, which are all that holds `starts` now, with these."""
    ids = np.sort(np.array(items, np.int64))
    edges = _Edges(reading, adjacency, ids, moment)
    known = _Items(reading, adjacency, ids[~np.isin(ids, starts)], moment)
    ids, cls = known.ids, known.cls
    stand_ins = ids[known.is_placeholder]
    same = np.isin(edges.dst, stand_ins) & (edges.rel == Relation.Identity)
    identified, real = edges.dst[same], edges.src[same]
    marks = edges.passed_down(ids, known.states)[ids]
    is_place = np.isin(cls, PLACES)
    parts = np.concatenate((identified, real[edges.used[identified]]))
    is_end = ~(is_place | edges.used[ids] | np.isin(ids, parts))
    finished = (cls == ItemKind.Unit) & (known.states == ItemState.Completed)
    is_open = (marks == _UNMARKED) & (is_end & ~finished | is_place & np.isin(ids, known.inside))
    mark_counts = Counter(marks[is_end].tolist())
    mark_counts[HitMark.Current] = mark_counts.pop(_UNMARKED, 0)
    return Counts(
        int(np.count_nonzero(~known.is_content)),
        known.lines(),
        [(mark, count) for mark, count in mark_counts.items() if count],
        ids[is_open].tolist(),
        edges.pooled,
        len(stand_ins) - len(np.unique(identified)),
        sorted(known.owners.difference(items)),
    )


class _Items:
    """What is known of the items `ids`, one value for each."""

    def __init__(
        self, reading: Reading, adjacency: Adjacency, ids: Numbers, moment: Moment
    ) -> None:
        base = adjacency.base
        self.ids = ids
        stored = int(np.searchsorted(ids, base.items))
        types = np.zeros(len(ids), np.int64)
        types[:stored] = np.frombuffer(base.types, np.uint32)[ids[:stored]]
        self.states = np.full(len(ids), NO_STATE, np.uint8)
        self.states[:stored] = np.frombuffer(base.states, np.uint8)[ids[:stored]]
        unread = self.states == CONTENT
        unread[stored:] = True
        if adjacency.position != base.watermark:
            unread |= _may_differ(reading, ids, base.items, base.watermark)
        self.is_content = np.zeros(len(ids), np.bool_)
        self.owners: set[int] = set()
        inside = []
        for number, kind, state, owner, held in _read(reading, ids[unread].tolist(), moment):
            at = np.searchsorted(ids, number)
            types[at] = kind
            self.states[at] = NO_STATE if state is None else state
            if owner is not None:
                self.is_content[at] = True
                self.owners.add(owner)
                if held:
                    inside.append(number)
        self.inside: Numbers = np.array(inside, np.int64)
        """Contents that are in their owner."""
        rows = reading.rows("SELECT id, cls, code FROM type")
        self._materials = {number: code for number, _, code in rows}
        kinds = np.zeros(1 + max(self._materials, default=0), np.int64)
        for number, kind, _ in rows:
            kinds[number] = kind
        self._types = types
        self.cls: Numbers = kinds[types]
        unknown = [number for number, code in self._materials.items() if code == PLACEHOLDER]
        self.is_placeholder: Flags = np.isin(types, unknown)

    def lines(self) -> list[tuple[str, int, int]]:
        """Return by material and state how many are no contents."""
        plain = ~self.is_content
        states = self.states[plain].astype(np.int64)
        states[states == NO_STATE] = ItemState.Registered
        found, counts = np.unique(self._types[plain] * _STATES + states, return_counts=True)
        lines: Counter[tuple[str, int]] = Counter()
        for code, count in zip(found.tolist(), counts.tolist(), strict=True):
            kind, state = divmod(code, _STATES)
            lines[self._materials[kind], state] += count
        return [(material, state, count) for (material, state), count in lines.items()]


def _may_differ(reading: Reading, ids: Numbers, stored: int, watermark: int) -> Flags:
    if len(ids) * DENSE < stored:
        return np.ones(len(ids), np.bool_)
    return np.isin(ids, reading.array(_CHANGED, {"w": watermark}))


@cache
def _items_sql(point: Lens) -> str:
    """Return the statement for the type, state and owner of the items in `:ids`, and whether it is
    in that, as one JSON array of rows."""
    return (
        f"SELECT json_group_array(json_array(i.id, i.type, {state_sql(point)}, i.state_of,"
        f" i.state_of IS NOT NULL AND {in_owner('i', point)}))"
        " FROM json_each(:ids) j CROSS JOIN item i ON i.id=j.value"
    )


def _read(reading: Reading, items: Sequence[int], moment: Moment) -> Iterator[list[Any]]:
    sql = _items_sql(lens_of(moment, moment.point))
    for chunk in chunks(items):
        yield from reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters})


class _Edges:
    """The edges that lead from some items now. `used` says of every number whether it is one of
    the items and part of something; `src`, `dst` and `rel` are the edges that pack or identify,
    into the items from elsewhere too."""

    def __init__(
        self, reading: Reading, adjacency: Adjacency, ids: Numbers, moment: Moment
    ) -> None:
        base, overlay = adjacency.base, adjacency.overlay
        total = 1 + int(max(base.items, overlay.top, ids[-1]))
        self.used: Flags = np.zeros(total, np.bool_)
        self.pooled = 0
        self._is_item: Flags = np.zeros(total, np.bool_)
        self._is_item[ids] = True
        self._kept: list[_Kept] = []
        # What is filed from now on is behind the snapshot.
        newer = np.isin(ids, np.array(list(overlay.inputs.came), np.int64)) | (ids >= base.items)
        self._add_stored(adjacency, ids[~newer], reading.check)
        self._add_read(reading, ids[newer].tolist(), moment)
        if moment.mounts:
            self._add_mounted(reading, moment)
        self.src = np.concatenate([kept.src for kept in self._kept])
        self.dst = np.concatenate([kept.dst for kept in self._kept])
        self.rel = np.concatenate([kept.rel for kept in self._kept])

    def passed_down(self, ids: Numbers, states: Bytes) -> Bytes:
        """Return for every number how the item left the plant, alone or inside of another."""
        marks = np.full(len(self.used), _UNMARKED, np.uint8)
        for state, mark in LEFT.items():
            marks[ids[states == state]] = mark
        inner = self._is_item[self.src]
        src, dst = self.src[inner], self.dst[inner]
        while True:
            before = marks[src]
            np.minimum.at(marks, src, marks[dst])
            if np.array_equal(before, marks[src]):
                return marks

    def _add_stored(self, adjacency: Adjacency, ids: Numbers, check: Callable[[], None]) -> None:
        inputs = adjacency.base.inputs
        idx = np.frombuffer(inputs.idx, np.int32)
        relations = np.frombuffer(adjacency.base.relations, np.uint8)
        for begin in range(0, len(ids), AT_ONCE):
            check()
            some = ids[begin : begin + AT_ONCE]
            places, counts = places_of(inputs, some)
            self._add(idx[places], relations[places], some, counts)

    def _add(self, src: NDArray[np.int32], rel: Bytes, items: Numbers, counts: Numbers) -> None:
        """Take the edges into `items`, one after another; closed ones are below zero."""
        packed = _PACKED[rel]
        places = np.flatnonzero(packed & (src >= 0))
        ends = np.searchsorted(np.cumsum(counts), places, side="right")
        self._kept.append(_Kept(src[places].astype(np.int64), items[ends], rel[places]))
        # A closed edge is looked at as if it were open, and then left out.
        mine = self._is_item[src] & (src >= 0)
        self.pooled += int(np.count_nonzero(_POOLED[rel] & mine))
        self.used[src[mine & ~packed]] = True

    def _add_read(self, reading: Reading, items: Sequence[int], moment: Moment) -> None:
        sql = _inputs_sql(lens_of(moment, moment.point)._replace(mounts=False))
        for chunk in chunks(items):
            rows = reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters})
            src, dst, rel = np.array(rows, np.int64).reshape(-1, 3).T
            self._add(src.astype(np.int32), rel.astype(np.uint8), dst, np.ones(len(dst), np.int64))

    def _add_mounted(self, reading: Reading, moment: Moment) -> None:
        mounted = [n for n in reading.array(MOUNTED, {"limit": INF}) if self._has(n)]
        sql = _used_sql(lens_of(moment, moment.point))
        for chunk in chunks(mounted):
            used = reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters})
            self.used[np.array(used, np.int64)] = True

    def _has(self, item: int) -> bool:
        return item < len(self._is_item) and bool(self._is_item[item])


@dataclass(frozen=True, slots=True)
class _Kept:
    src: Numbers
    dst: Numbers
    rel: Bytes


@cache
def _inputs_sql(point: Lens) -> str:
    """Return the statement for the recorded edges into the items of `:ids`, as one JSON array of
    (input, output, relation and quality)."""
    selects = " UNION ALL ".join(
        f"SELECT json_array({arm.src},{arm.dst},{arm.rel}) r FROM t {arm.joined}"
        for arm in arms(point, up=True)
    )
    return (
        "WITH t(n) AS (SELECT value FROM json_each(:ids))"
        f" SELECT '['||coalesce(group_concat(r),'')||']' FROM ({selects})"
    )


@cache
def _used_sql(point: Lens) -> str:
    """Return the statement for those of `:ids` that edges derived from mounts lead from, as one
    JSON array."""
    used = " OR ".join(
        f"EXISTS(SELECT 1 FROM {arm.tables} WHERE {arm.where})"
        for arm in derived_arms(point, up=False)
    )
    return (
        "WITH t(n) AS (SELECT value FROM json_each(:ids))"
        f" SELECT json_group_array(n) FROM t WHERE {used}"
    )
