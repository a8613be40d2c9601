"""Would an edge close a cycle? (SEMANTICS S6: a loop whose edges share an instant.)

Edges that are derived from mounts count like recorded ones. They close none by themselves: what is
mounted is a content, which takes nothing in once it was drawn from (S5).
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tracenode.server.store.projecting.mounts import MADE_FROM, any_mounts
from tracenode.server.store.schema import INF

__all__ = ["closes_cycle"]

_USED: Final = """
SELECT 1 FROM edge INDEXED BY edge_out WHERE src=:n AND at<:hi UNION ALL
SELECT 1 FROM edge_past INDEXED BY edge_past_out WHERE src=:n AND at<:hi AND until>:lo LIMIT 1"""
_INGREDIENTS: Final = f"""
SELECT src, at, {INF} FROM edge WHERE dst=:n AND at<:hi UNION ALL
SELECT src, at, until FROM edge_past WHERE dst=:n AND at<:hi AND until>:lo"""
_ON_SLOT: Final = """
SELECT 1 FROM mount INDEXED BY mount_item WHERE item=:n AND at<:hi UNION ALL"""
_MADE_FROM: Final = f"""
UNION ALL SELECT m.item, max(m.at, v.at), {INF} FROM {MADE_FROM} AND v.item=:n
  AND m.at<:hi AND v.at<:hi"""

Window = tuple[int, int]


def closes_cycle(
    connection: sqlite3.Connection, output: int, input_: int, begin: int, end: int = INF
) -> bool:
    """True where `output` is an ingredient of `input_` at an instant of [begin, end)."""
    if output == input_:
        return True
    if begin >= end:
        return False
    at_all = {"n": output, "lo": begin, "hi": end}
    mounted = any_mounts(connection)
    used = f"{_ON_SLOT}{_USED}" if mounted else _USED
    if connection.execute(used, at_all).fetchone() is None:
        return False
    ingredients = f"{_INGREDIENTS}{_MADE_FROM}" if mounted else _INGREDIENTS
    windows: dict[int, list[Window]] = {input_: [(begin, end)]}
    todo = [input_]
    while todo:
        item = todo.pop()
        for low, high in tuple(windows[item]):
            for ingredient, at, until in connection.execute(
                ingredients, {"n": item, "lo": low, "hi": high}
            ).fetchall():
                shared = (max(low, at), min(high, until))
                if shared[0] >= shared[1]:
                    continue
                if ingredient == output:
                    return True
                if _widen(windows.setdefault(ingredient, []), shared):
                    todo.append(ingredient)
    return False


def _widen(windows: list[Window], window: Window) -> bool:
    """Add a window to disjoint ones; False where they cover it already."""
    low, high = window
    if any(a <= low and high <= b for a, b in windows):
        return False
    apart = [(a, b) for a, b in windows if b < low or high < a]
    for a, b in windows:
        if not (b < low or high < a):
            low, high = min(low, a), max(high, b)
    windows[:] = sorted([*apart, (low, high)])
    return True
