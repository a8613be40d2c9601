"""Is an item held, itself or by what went into it? (SEMANTICS S17, the simple form.)"""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.server.store.memory import memory_of
from tracenode.server.store.schema import INF

__all__ = ["blocking_hold", "open_holds_of"]

_ANY: Final = f"SELECT max(scope) FROM hold WHERE until={INF}"
_OWN: Final = f"SELECT min(ev) FROM hold WHERE item=? AND until={INF}"
_INHERITED: Final = f"""
WITH RECURSIVE t(n) AS (VALUES(?) UNION SELECT e.src FROM t CROSS JOIN edge e ON e.dst=t.n)
SELECT min(h.ev) FROM t CROSS JOIN hold h ON h.item=t.n WHERE h.until={INF} AND h.scope=1"""


def blocking_hold(connection: sqlite3.Connection, item: int) -> int | None:
    """Return the journal position of the oldest hold in force that blocks an item: one on itself,
    or one on an ingredient that it has now, with scope where_used. Free where nothing is held."""
    memory = memory_of(connection)
    if memory.held is None:
        memory.held = connection.execute(_ANY).fetchone()
        assert memory.held is not None, "max() gives one row"
    (scope,) = memory.held
    if scope is None:
        return None
    own: int | None = connection.execute(_OWN, (item,)).fetchone()[0]
    if own is not None or scope == 0:
        return own
    inherited: int | None = connection.execute(_INHERITED, (item,)).fetchone()[0]
    return inherited


def open_holds_of(connection: sqlite3.Connection, item: int) -> list[int]:
    """Return the journal positions of the holds in force on an item itself."""
    return [
        row[0]
        for row in connection.execute(
            f"SELECT ev FROM hold WHERE item=? AND until={INF} ORDER BY ev", (item,)
        )
    ]
