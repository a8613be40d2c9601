"""Items that stand in for what nobody registered, as known at a moment (SEMANTICS S16)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tracenode.models.genealogy import Relation
from tracenode.models.identifiers import PLACEHOLDER
from tracenode.server.genealogy.edges.closure import links_of
from tracenode.server.genealogy.items.facts import Fact
from tracenode.server.genealogy.moment import Moment
from tracenode.server.store.reading.snapshot import Reading

__all__ = ["unidentified"]


def unidentified(
    reading: Reading, facts: Mapping[int, Fact], items: Iterable[int], moment: Moment
) -> int:
    """Count those of some items that stand in for one that is still not known."""
    stand_ins = [item for item in items if facts[item].material == PLACEHOLDER]
    if not stand_ins:
        return 0
    links = links_of(
        reading, stand_ins, moment, moment.point, up=True, relations=(Relation.Identity,)
    )
    return len(set(stand_ins) - {link.dst for link in links})
