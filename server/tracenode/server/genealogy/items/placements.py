"""Where an item is and was installed or packed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from tracenode.models.genealogy import Relation
from tracenode.server.genealogy.edges.arms import Arm
from tracenode.server.genealogy.edges.believed import Lens, edge_sources, lens_of
from tracenode.server.genealogy.edges.closure import Link
from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.reading.snapshot import Reading

__all__ = ["placements"]


@cache
def _sql(lens: Lens) -> str:
    selects = " UNION ALL ".join(
        f"SELECT json_array({arm.columns}) r FROM {arm.tables} WHERE {arm.where}"
        for arm in _arms(lens)
    )
    return f"SELECT '['||coalesce(group_concat(r),'')||']' FROM ({selects})"


def _arms(lens: Lens) -> Iterator[Arm]:
    for source in edge_sources("e", ":item", lens):
        if source.table == "edge":
            # Indexes of their own: what a lot was used in may be all that was ever made.
            for relation in (Relation.Install, Relation.Contain):
                where = f"e.src=:item AND e.rel={relation:d}{source.where}"
                index = f"edge_{relation.name.lower()}"
                yield Arm(f"edge e INDEXED BY {index}", where, until=source.until)
        else:
            kinds = f"{Relation.Install:d},{Relation.Contain:d}"
            where = f"e.src=:item AND e.rel&15 IN ({kinds}){source.where}"
            table = f"{source.table} e INDEXED BY {source.table}_out"
            yield Arm(table, where, until=source.until)


def placements(reading: Reading, item: int, moment: Moment) -> list[Link]:
    """Return the edges by which an item was ever installed in another or packed into one."""
    values = {"item": item, **moment.parameters}
    return list(map(Link._make, reading.array(_sql(lens_of(moment, Span.Ever)), values)))
