"""Edges as SQL joins them to items: those that stand in tables, and those derived from mounts.

Derived (SEMANTICS S12): material on a slot of a station that derives its consumption went into the
units whose operations at the station overlap the time it was there. Such an edge begins when both
have begun and never ends, as a consumption; it is known as soon as both are, so either of their two
records may be the later one. Where nothing was ever mounted, no arm is added.

Both directions seek. From a unit: per slot the mount that was on when its operation began, and
those begun until it ended. From a mount: operations by how many digits their stay has, since one of
`n` digits overlaps only where it began less than 10**n microseconds before the mount: no bound on
the stay is taken for granted. What was known earlier costs more there: an operation may have been
open then that has long ended, so the index is read from the station's first operation on.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.server.genealogy.edges.believed import Lens, Source, edge_sources, interval_sources
from tracenode.server.genealogy.moment import Span
from tracenode.server.store.projecting.references import relation_code
from tracenode.server.store.schema import INF

__all__ = ["Arm", "arms", "derived_arms"]

_DERIVED: Final = relation_code(Relation.Consume, EdgeQuality.Interval)
_SPANS: Final = ",".join(str(min(10**digits, INF)) for digits in range(1, 20))
"""What a stay of 1, 2 ... 19 digits is shorter than; an open one has 19."""


class Arm(NamedTuple):
    """One join of edges to the ids of a table: what follows `FROM <table> CROSS JOIN` and ON; then
    the columns of a Link, as expressions."""

    tables: str
    where: str
    src: str = "e.src"
    dst: str = "e.dst"
    ev: str = "e.ev"
    ord: str = "e.ord"
    at: str = "e.at"
    until: str = "e.until"
    rel: str = "e.rel"
    qty: str = "e.qty"
    unit: str = "e.unit"
    pos: str = "e.pos"

    @property
    def joined(self) -> str:
        return f"CROSS JOIN {self.tables} ON {self.where}"

    @property
    def columns(self) -> str:
        """All of a Link, in its order."""
        return ",".join(self[2:])


def arms(lens: Lens, *, up: bool, table: str = "t", also: str = "") -> Iterator[Arm]:
    """Yield the joins of all edges to the ids `n` of a table: their inputs where `up`, else their
    outputs.

    `also` is a further condition, beginning with AND; `{src}`, `{dst}` and `{rel}` in it stand for
    those columns, `{zero}` for what makes it a condition over two tables.
    """
    for arm in _arms(lens, up, f"{table}.n"):
        names = {"src": arm.src, "dst": arm.dst, "rel": arm.rel, "zero": f"+0*{table}.n"}
        yield arm._replace(where=arm.where + also.format(**names))


@cache
def _arms(lens: Lens, up: bool, anchor: str) -> tuple[Arm, ...]:
    return (*_recorded(lens, up, anchor), *(_derived(lens, up, anchor) if lens.mounts else ()))


def derived_arms(lens: Lens, *, up: bool) -> Iterator[Arm]:
    """Yield the joins of the edges derived from mounts to the ids `n` of a table `t`, as `arms`."""
    return _derived(lens, up, "t.n")


def _recorded(lens: Lens, up: bool, anchor: str) -> Iterator[Arm]:
    for source in edge_sources("e", anchor, lens):
        column, hint = ("dst", "") if up else ("src", f" INDEXED BY {source.table}_out")
        yield Arm(
            f"{source.table} e{hint}", f"e.{column}={anchor}{source.where}", until=source.until
        )


def _derived(lens: Lens, up: bool, anchor: str) -> Iterator[Arm]:
    bounded = lens.bounded and lens.span is not Span.Now
    begun = Lens(Span.Begun, lens.live, bounded)
    ever = Lens(Span.Begun, lens.live, bounded=False)
    for visit in interval_sources("visit", "v", anchor, ever):
        for mount, earlier in zip(
            interval_sources("mount", "mt", anchor, begun),
            interval_sources("mount", "mb", anchor, ever),
            strict=True,
        ):
            taken_off = f"min({mount.until},:T+1)" if bounded else mount.until
            joined = (
                _above(anchor, visit, mount, earlier) if up else _below(anchor, visit, mount, lens)
            )
            yield Arm(
                joined[0],
                f"{joined[1]}{visit.where}{mount.where} AND mt.derive+0*{anchor}=1"
                f" AND v.at<{taken_off} AND mt.at<{visit.until}"
                f" AND mt.at<{mount.until}+0*{anchor} AND v.at<{visit.until}+0*{anchor}",
                "mt.item",
                "v.item",
                "max(mt.ev,v.ev)",
                "min(mt.ev,v.ev)",
                "max(mt.at,v.at)",
                str(INF),
                str(_DERIVED),
                "NULL",
                "NULL",
                "(SELECT p.id FROM position p WHERE p.text=sl.name)",
            )


def _above(anchor: str, visit: Source, mount: Source, earlier: Source) -> tuple[str, str]:
    """From a unit to what was mounted: not the history of a slot, but the last mount begun before
    the operation, and on from there."""
    return (
        f"{visit.table} v CROSS JOIN slot sl CROSS JOIN {mount.table} mt",
        f"v.item={anchor} AND sl.station=v.station AND mt.slot=sl.id"
        f" AND mt.at>=coalesce((SELECT mb.at FROM {earlier.table} mb"
        f" WHERE mb.slot=sl.id AND mb.at<=v.at{earlier.where} ORDER BY mb.at DESC LIMIT 1),v.at)",
    )


def _below(anchor: str, visit: Source, mount: Source, lens: Lens) -> tuple[str, str]:
    """From what was mounted to the units."""
    since = "v.at>mt.at-w.value"
    if not lens.live:
        since = f"({since} OR v.uev>:K)"
    return (
        f"{mount.table} mt INDEXED BY {mount.table}_item CROSS JOIN slot sl"
        f" CROSS JOIN json_each('[{_SPANS}]') w"
        f" CROSS JOIN {visit.table} v INDEXED BY {visit.table}_stay",
        f"mt.item={anchor} AND sl.id=mt.slot AND v.station=sl.station"
        f" AND length(v.until-v.at)=w.key+1 AND {since}",
    )
