"""What an answer about many items crossed: pooled edges, and placeholders that nobody knows yet."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final, NamedTuple

from tracenode.models.genealogy import EdgeQuality
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.server.genealogy.edges.believed import lens_of
from tracenode.server.genealogy.edges.closure import chunks, links_sql
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.items.placeholders import unidentified
from tracenode.server.genealogy.moment import Moment
from tracenode.server.store.reading.snapshot import Reading

__all__ = ["Crossed", "crossed"]

_POOLED: Final = f" AND ({{rel}}>>4){{zero}}={EdgeQuality.Pooled:d}"
_STAND_INS: Final = f"""
SELECT json_group_array(i.id) FROM json_each(:ids) j CROSS JOIN item i ON i.id=j.value
CROSS JOIN type y ON y.id=i.type AND substr(y.code, 1+0*i.id)='{PLACEHOLDER}'
"""


class Crossed(NamedTuple):
    pooled_edges: int
    placeholders: int


def crossed(reading: Reading, items: Collection[int], moment: Moment) -> Crossed:
    """Count the pooled edges between some items at the moment, and the placeholders among them that
    stand in for what is still not known."""
    sql = links_sql(lens_of(moment, moment.point), up=True, also=_POOLED)
    among = set(items)
    pools, stand_ins = 0, list[int]()
    for chunk in chunks(sorted(among)):
        values = {"ids": json.dumps(chunk), **moment.parameters}
        pools += sum(src in among for src, *_ in reading.array(sql, values))
        stand_ins += reading.array(_STAND_INS, values)
    unknown = unidentified(reading, facts_of(reading, stand_ins, moment), stand_ins, moment)
    return Crossed(pools, unknown)
