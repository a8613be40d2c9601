"""Recomputing one item: its intervals from its facts, the difference to the tables versioned."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from tracenode.models.genealogy import Relation
from tracenode.server.store.projecting.aggregates import Interval, intervals
from tracenode.server.store.projecting.belief import (
    ALIAS,
    EDGE,
    HOLD,
    LIFE,
    VISIT,
    EdgeTables,
    IntervalTable,
    Key,
    Row,
    version,
)
from tracenode.server.store.projecting.facts import Fact, facts_of_item
from tracenode.server.store.projecting.interning import position_id, station_id, unit_id
from tracenode.server.store.projecting.memory import memory_of
from tracenode.server.store.projecting.moves import (
    AliasOn,
    Enter,
    HoldOn,
    IdentifiedAs,
    Inside,
    LifeTo,
)
from tracenode.server.store.projecting.references import relation_code
from tracenode.server.store.projecting.standing import standing_of
from tracenode.server.store.reading.resolve import row_of

__all__ = ["recompute"]

_TABLES: tuple[IntervalTable | EdgeTables, ...] = (LIFE, VISIT, EDGE, HOLD, ALIAS)


def recompute(
    connection: sqlite3.Connection, item: int, public: str, seq: int, newest: Iterable[Fact]
) -> list[Row]:
    """Make the intervals of an item what its valid facts say, as of journal position `seq`.

    `newest` are facts at `seq` itself. Return the edges drawn anew or lengthened.
    """
    facts = facts_of_item(connection, item, before=seq, newest=newest)
    want: dict[IntervalTable | EdgeTables, dict[Key, Row]] = {table: {} for table in _TABLES}
    for interval in intervals(public, facts):
        table, row = _row(connection, item, interval, seq)
        want[table][row.key] = row
    changed: list[Row] = []
    for table in _TABLES:
        have = table.rows(connection, item)
        if table is EDGE:
            have += EDGE.identity(connection, item)
        rows = version(connection, table, have, want[table], seq)
        if table is EDGE:
            changed = rows
    memory = memory_of(connection)
    memory.items.pop(public, None)
    memory.held = None
    return changed


def _row(
    connection: sqlite3.Connection, item: int, interval: Interval, seq: int
) -> tuple[IntervalTable | EdgeTables, Row]:
    begun = (item, interval.at, interval.seq)
    end = (interval.until, interval.uev, seq)
    match interval.opening:
        case LifeTo(state):
            return LIFE, Row(begun, (int(state),), *end)
        case Enter(station):
            return VISIT, Row(begun, (station_id(connection, station),), *end)
        case HoldOn(scope):
            return HOLD, Row(begun, (scope,), *end)
        case AliasOn(text, bearer, _):
            number, _ = row_of(connection, bearer)
            return ALIAS, Row((text, interval.at, interval.seq), (number, item), *end)
        case IdentifiedAs(real):
            standing = standing_of(connection, real)
            assert standing is not None, f"no item has the recorded id {real!r}"
            standing.used = True
            same = (interval.at, relation_code(Relation.Identity), None, None, None)
            return EDGE, Row((item, standing.number, interval.seq, 0), same, *end)
        case Inside(relation, parent, quantity, position):
            number, _ = row_of(connection, parent)
            payload = (
                interval.at,
                relation_code(relation),
                None if quantity is None else quantity.mantissa,
                unit_id(connection, quantity),
                position_id(connection, position),
            )
            return EDGE, Row((number, item, interval.seq, 0), payload, *end)
