"""Where a trace ends, and what became of what it found (SEMANTICS S7, S19).

Ingredients: the trace ends at a unit or lot that nothing went into; what is only packed in it did
not. Where it came by a receipt the end is closed, else open: it was registered or made here, and
from what is not recorded.

Where used: the trace ends at a unit or lot that is part of nothing now; a container or carrier is
a place and no end itself. The end is closed where the item is shipped or scrapped, alone or inside
of a container that is, or where it is a completed unit; else it is open: somewhere in the plant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tracenode.models.genealogy import HitMark, Relation
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.genealogy.closure import Link, holding, links_of
from tracenode.server.genealogy.facts import Fact, facts_of
from tracenode.server.genealogy.moment import Moment
from tracenode.server.genealogy.walk import Walked
from tracenode.server.store.snapshot import Reading

__all__ = ["LEFT", "PLACES", "Outcome", "leaves"]

PLACES = (ItemKind.Container, ItemKind.Carrier)
LEFT: dict[ItemState, HitMark] = {
    ItemState.Scrapped: HitMark.Scrapped,
    ItemState.Shipped: HitMark.Shipped,
}


def leaves(walked: Walked, facts: Mapping[int, Fact]) -> list[int]:
    """Return the units and lots of an ingredients walk that nothing went into, unordered."""
    links = (*walked.links, *walked.omitted)
    made = {link.dst for link in links if link.relation is not Relation.Contain} | walked.unseen
    return [item for item in walked.depth if item not in made and facts[item].kind not in PLACES]


class Outcome:
    """What became of the items of a where-used walk."""

    def __init__(
        self, reading: Reading, walked: Walked, facts: dict[int, Fact], moment: Moment
    ) -> None:
        self.walked = walked
        self.facts = facts
        self._moment = moment
        self._packed: dict[int, list[int]] = {}
        self._used: set[int] = set()
        outputs: dict[int, list[int]] = {}
        for link in filter(self._stands, walked.links):
            outputs.setdefault(link.src, []).append(link.dst)
        self._place(filter(self._stands, walked.links))
        self._holding = _reach(walked.root, outputs)
        if walked.truncated:
            self._complete(reading)

    def _stands(self, link: Link) -> bool:
        return link.open or self._moment.as_of is not None

    def _place(self, links: Iterable[Link]) -> None:
        for link in links:
            if link.relation is Relation.Contain:
                self._packed.setdefault(link.src, []).append(link.dst)
            else:
                self._used.add(link.src)

    def _complete(self, reading: Reading) -> None:
        """Read what a cut left out and the found items' marks depend on: by which edges the root is
        still in them, and the containers that they are in."""
        walked, moment = self.walked, self._moment
        doubtful = [item for item in walked.depth if item not in self._holding]
        self._holding |= holding(reading, [walked.root], doubtful, moment)
        links = [link for link in walked.omitted if self._stands(link)]
        self._place(links)
        places = {link.dst for link in links if link.relation is Relation.Contain}
        while unread := places - self.facts.keys():
            self.facts.update(facts_of(reading, unread, moment))
            links = links_of(
                reading, list(unread), moment, moment.point, up=False, relations=(Relation.Contain,)
            )
            self._place(links)
            places = {link.dst for link in links}

    def left(self, item: int) -> HitMark | None:
        """Scrapped or Shipped, where the item is, alone or inside of a container."""
        marks = {
            mark
            for inside in _reach(item, self._packed)
            if (mark := LEFT.get(self.facts[inside].state)) is not None
        }
        return min(marks, default=None)

    def mark(self, item: int) -> HitMark:
        """Removed where the root is no longer in the item; else what became of it."""
        if item not in self._holding:
            return HitMark.Removed
        return self.left(item) or HitMark.Current

    def ends(self) -> list[int]:
        """Return the units and lots, but the root, that are part of nothing now, unordered."""
        walked = self.walked
        return [
            item
            for item in walked.depth
            if item != walked.root
            and item not in self._used
            and item not in walked.unseen
            and self.facts[item].kind not in PLACES
        ]

    def open_ends(self) -> list[int]:
        """Return where the trace ends open, unordered: the root too, where it went nowhere."""
        walked = self.walked
        ends = self.ends()
        if walked.root not in self._used | walked.unseen:
            ends.append(walked.root)
        return [item for item in ends if not self._closed(item)]

    def _closed(self, item: int) -> bool:
        fact = self.facts[item]
        finished = fact.kind is ItemKind.Unit and fact.state is ItemState.Completed
        return finished or self.left(item) is not None


def _reach(start: int, outputs: Mapping[int, list[int]]) -> set[int]:
    found = {start}
    todo = [start]
    while todo:
        for item in outputs.get(todo.pop(), ()):
            if item not in found:
                found.add(item)
                todo.append(item)
    return found
