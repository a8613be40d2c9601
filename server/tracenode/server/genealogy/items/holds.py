"""What is on hold at a moment (SEMANTICS S17), by the rules of `store.holds`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache

from tracenode.models.genealogy import Relation
from tracenode.server.genealogy.edges.believed import Lens, edge_sources, interval_sources, lens_of
from tracenode.server.genealogy.edges.closure import chunks, reachable, within
from tracenode.server.genealogy.items.facts import Fact
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.booking.holds import WAS_THERE
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = ["held"]

_REACHING = 1
"""`hold.scope` of a hold that reaches all that its item went into."""


def held(reading: Reading, facts: dict[int, Fact], moment: Moment) -> set[int]:
    """Return those of the items that are on hold: by a hold on themselves, or on something that is
    in them whose hold reaches all that it went into, or that was at a station whose window is held.
    What holds a lot or container holds all its contents, what holds its content holds it, for that
    is what would be drawn from it, and what holds a placeholder the item that it turned out to be.
    """
    point = lens_of(moment, moment.point)
    holds, watched = reading.array(_standing_sql(point), moment.parameters)
    on_hold = {number for number, fact in facts.items() if fact.held}
    named = {item for item, _ in holds}
    on_hold |= {n for n, fact in facts.items() if n in named or fact.owner in named}
    roots = {item for item, scope in holds if scope == _REACHING}
    if not roots and not watched:
        return on_hold
    inside = _contents(reading, facts, moment)
    above = reachable(reading, [*facts, *inside], moment, moment.point, up=True, limit=INF)
    roots &= set(above)
    if watched:
        roots |= _visitors(reading, above, moment)
    reached = within(reading, roots, above, moment)
    on_hold |= {inside[state] for state in reached & inside.keys()}
    return on_hold | (reached & facts.keys())


@cache
def _contents_sql(point: Lens) -> str:
    """Return the statement for what is in those of `:ids` that are lots and containers with states,
    as one JSON array of (state, owner)."""
    rows = " UNION ALL ".join(
        "SELECT c.state AS state, c.item AS item FROM json_each(:ids) j"
        f" CROSS JOIN {source.table} c ON c.item=j.value{source.where}"
        for source in interval_sources("content", "c", "j.value", point)
    )
    return f"SELECT json_group_array(json_array(state, item)) FROM ({rows})"


def _contents(reading: Reading, items: Iterable[int], moment: Moment) -> dict[int, int]:
    """Return the contents that are in some lots and containers, each with its owner."""
    sql = _contents_sql(lens_of(moment, moment.point))
    found: dict[int, int] = {}
    for chunk in chunks(list(items)):
        found.update(reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters}))
    return found


@cache
def _standing_sql(point: Lens) -> str:
    """Return the statement for what is held at an instant, as one JSON array: (item, scope) of the
    holds that reach further, for the contents of their items too, and of those on placeholders that
    are identified, for the item that each is and, where they reach further, its contents; and
    whether the window of a station is held."""
    ever = Lens(Span.Ever, point.live, bounded=False)
    holds = interval_sources("hold", "h", "h.scope", point)
    reaching = " UNION ".join(
        f"SELECT h.item AS item, h.scope AS scope FROM {hold.table} h"
        f" WHERE h.scope={_REACHING}{hold.where}"
        for hold in holds
    )
    state = "item s INDEXED BY item_state ON s.state_of"
    identified = contents = ""
    for hold in holds:
        reaches = f"WHERE h.scope={_REACHING}{hold.where}"
        contents += (
            f" UNION SELECT s.id, h.scope FROM {hold.table} h CROSS JOIN {state}=h.item {reaches}"
        )
        for edge in edge_sources("q", "h.item", ever):
            real = (
                f"FROM {hold.table} h CROSS JOIN {edge.table} q"
                f" ON q.dst=h.item AND q.rel+0*h.item={Relation.Identity:d}{edge.where}"
            )
            identified += f" UNION SELECT q.src, h.scope {real} WHERE 1{hold.where}"
            contents += f" UNION SELECT s.id, h.scope {real} CROSS JOIN {state}=q.src {reaches}"
    watched = " UNION ALL ".join(
        f"SELECT 1 FROM {watch.table} w WHERE 1{watch.where}"
        for watch in interval_sources("watch", "w", "w.station", point)
    )
    return (
        "SELECT json_array(json((SELECT json_group_array(json_array(item, scope))"
        f" FROM ({reaching}{contents}{identified}))), EXISTS({watched}))"
    )


@cache
def _visitors_sql(point: Lens) -> str:
    """Return the statement for those of `:ids` that were, themselves or as a placeholder, at a
    station within a window that is held, as one JSON array."""
    begun = Lens(Span.Begun, point.live, point.bounded)
    ever = Lens(Span.Ever, point.live, bounded=False)
    stood_in = [
        (source, "edge_identity" if source.table == "edge" else f"{source.table}_out")
        for source in edge_sources("q", "j.value", ever)
    ]
    there = [("", "j.value")] + [
        (
            f" CROSS JOIN {edge.table} q INDEXED BY {index}"
            f" ON q.src=j.value AND q.rel={Relation.Identity:d}{edge.where}",
            "q.dst",
        )
        for edge, index in stood_in
    ]
    begins = " AND w.low<=:T" if point.bounded else ""
    selects = " UNION ".join(
        f"SELECT j.value AS n FROM {watch.table} w CROSS JOIN json_each(:ids) j{through}"
        f" CROSS JOIN {visit.table} v ON v.item={item}"
        f" AND {WAS_THERE.format(until=visit.until)}{visit.where}"
        f" WHERE 1{watch.where}{begins}"
        for watch in interval_sources("watch", "w", "w.station", point)
        for visit in interval_sources("visit", "v", "w.station", begun)
        for through, item in there
    )
    return f"SELECT json_group_array(n) FROM ({selects})"


def _visitors(reading: Reading, ids: Sequence[int], moment: Moment) -> set[int]:
    sql = _visitors_sql(lens_of(moment, moment.point))
    found: set[int] = set()
    for chunk in chunks(ids):
        found.update(reading.array(sql, {"ids": json.dumps(chunk), **moment.parameters}))
    return found
