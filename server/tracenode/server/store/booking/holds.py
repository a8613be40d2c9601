"""Is an item held, itself or by what went into it? (SEMANTICS S17)

A hold is a standing rule: nothing is marked when it is placed. Each booking asks for its items; so
what is made later, or comes late, is held too, and a release frees all of it at once.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.models.genealogy import Relation
from tracenode.server.store.projecting.memory import memory_of
from tracenode.server.store.projecting.mounts import MADE_FROM, any_mounts
from tracenode.server.store.schema import INF

__all__ = ["WAS_THERE", "blocking_hold"]

WAS_THERE: Final = "v.station=w.station AND v.at<w.high AND ({until}>w.low OR v.at>=w.low)"
"""A visit `v` that ended at `until` overlaps the window of the watch `w`; one of no length that is
in it does too."""

_WIDEST: Final = f"""
SELECT max(scope) FROM (SELECT max(scope) AS scope FROM hold WHERE until={INF}
  UNION ALL SELECT 2 FROM watch WHERE until={INF})"""
_STOOD_IN: Final = f"edge i INDEXED BY edge_identity ON i.src=t.n AND i.rel={Relation.Identity:d}"
_OWN: Final = f"""
SELECT min(ev) FROM hold WHERE until={INF} AND item IN (VALUES(:item)
  UNION ALL SELECT dst FROM edge INDEXED BY edge_identity
    WHERE src=:item AND rel={Relation.Identity:d})"""
_INHERITED: Final = f"""
WITH RECURSIVE t(n) AS (
  SELECT coalesce((SELECT state FROM content WHERE item=:item AND until={INF}), :item)
  UNION SELECT e.src FROM t CROSS JOIN edge e ON e.dst=t.n
  UNION SELECT i.dst FROM t CROSS JOIN {_STOOD_IN}{{mounted}})
SELECT min(ev) FROM (
  SELECT h.ev FROM t CROSS JOIN item o ON o.id=t.n
    CROSS JOIN hold h ON h.item=coalesce(o.state_of, o.id) WHERE h.until={INF} AND h.scope=1
  UNION ALL SELECT h.ev FROM t CROSS JOIN item o ON o.id=t.n CROSS JOIN edge i
    INDEXED BY edge_identity ON i.src=o.state_of AND i.rel={Relation.Identity:d}
    CROSS JOIN hold h ON h.item=i.dst WHERE h.until={INF} AND h.scope=1
  UNION ALL SELECT w.ev FROM t CROSS JOIN watch w CROSS JOIN visit v ON v.item=t.n
    AND {WAS_THERE.format(until="v.until")} WHERE w.until={INF})"""
_BY_EDGES: Final = _INHERITED.format(mounted="")
_BY_MOUNTS_TOO: Final = _INHERITED.format(
    mounted=f" UNION SELECT m.item FROM t CROSS JOIN {MADE_FROM} AND v.item=t.n"
)


def blocking_hold(connection: sqlite3.Connection, item: int) -> int | None:
    """Return the journal position of the oldest hold in force that blocks an item: one on itself,
    or one with scope where_used or window that an ingredient which it has now falls under: of a
    container or lot, one of its present content (SEMANTICS S5). A hold on a container or lot is on
    all its contents, one on a placeholder also on the item that it turned out to be. Free where
    nothing is held."""
    memory = memory_of(connection)
    if memory.held is None:
        memory.held = connection.execute(_WIDEST).fetchone()
        assert memory.held is not None, "max() gives one row"
    (scope,) = memory.held
    if scope is None:
        return None
    own: int | None = connection.execute(_OWN, {"item": item}).fetchone()[0]
    if own is not None or scope == 0:
        return own
    closure = _BY_MOUNTS_TOO if any_mounts(connection) else _BY_EDGES
    inherited: int | None = connection.execute(closure, {"item": item}).fetchone()[0]
    return inherited
