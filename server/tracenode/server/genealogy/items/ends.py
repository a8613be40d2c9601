"""Where a trace ends, and what became of what it found (SEMANTICS S7, S19).

Ingredients: the trace ends at a unit or lot that nothing went into; what is only packed in it did
not. Where it came by a receipt the end is closed, else open: it was registered or made here, and
from what is not recorded. A container itself is an end only where something was drawn from it that
nothing was known to be in: an open one.

Where used: the trace ends at a unit or lot that is part of nothing now; a container or carrier is
a place and no end itself. The end is closed where the item is shipped or scrapped, alone or inside
of a container that is, or where it is a completed unit; else it is open: somewhere in the plant.
A content that is still in its container is an open end too; one that was emptied out was scrapped.
A placeholder and the item that it turned out to be are one thing: the item is the end of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final

from tracenode.models.genealogy import HitMark, Relation
from tracenode.models.items import ItemKind, ItemState
from tracenode.server.genealogy.edges.closure import Link, holding, links_of
from tracenode.server.genealogy.edges.contents import held_now
from tracenode.server.genealogy.edges.walk import Walked
from tracenode.server.genealogy.items.facts import Fact, facts_of
from tracenode.server.genealogy.moment import Moment
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

__all__ = ["LEFT", "PLACES", "Outcome", "leaves"]

PLACES = (ItemKind.Container, ItemKind.Carrier)
_CONTAIN: Final = int(Relation.Contain)
_IDENTITY: Final = int(Relation.Identity)
LEFT: dict[ItemState, HitMark] = {
    ItemState.Scrapped: HitMark.Scrapped,
    ItemState.Shipped: HitMark.Shipped,
}


def leaves(walked: Walked, facts: Mapping[int, Fact]) -> list[int]:
    """Return the units, lots and contents of an ingredients walk that nothing went into, and the
    containers drawn from while nothing was in them, unordered."""
    links = [link for link in (*walked.links, *walked.omitted) if link.rel & 15 != _CONTAIN]
    made = {link.dst for link in links} | walked.unseen
    drawn = {link.src for link in links}
    return [
        item
        for item in walked.arrivals
        if item not in made
        and (facts[item].kind not in PLACES or facts[item].owner is not None or item in drawn)
    ]


class Outcome:
    """What became of the items of a where-used walk."""

    def __init__(
        self, reading: Reading, walked: Walked, facts: dict[int, Fact], moment: Moment
    ) -> None:
        self.walked = walked
        self.facts = facts
        self._reading = reading
        self._moment = moment
        self._starts = frozenset(walked.origin.starts)
        self._packed: dict[int, list[int]] = {}
        self._used: set[int] = set()
        self._stand_ins: dict[int, list[int]] = {}
        self._identified: set[int] = set()
        outputs: dict[int, list[int]] = {}
        standing = self._standing(walked.links)
        for link in standing:
            outputs.setdefault(link.src, []).append(link.dst)
        self._place(standing)
        self._holding = _reach(walked.origin.starts, outputs)
        if walked.truncated:
            self._complete()

    def _standing(self, links: Iterable[Link]) -> list[Link]:
        """Those of some edges that hold at the moment."""
        then = self._moment.as_of
        if then is None:
            return [link for link in links if link.until == INF]
        return [link for link in links if link.at <= then < link.until]

    def _place(self, links: Iterable[Link]) -> None:
        for link in links:
            relation = link.rel & 15
            if relation == _CONTAIN:
                self._packed.setdefault(link.src, []).append(link.dst)
            elif relation == _IDENTITY:
                self._packed.setdefault(link.src, []).append(link.dst)
                self._packed.setdefault(link.dst, []).append(link.src)
                self._stand_ins.setdefault(link.src, []).append(link.dst)
                self._identified.add(link.dst)
            else:
                self._used.add(link.src)

    def _complete(self) -> None:
        """Read what a cut left out and the found items' marks depend on: by which edges the root is
        still in them, and the containers that they are in."""
        reading, walked, moment = self._reading, self.walked, self._moment
        doubtful = [item for item in walked.depth if item not in self._holding]
        self._holding |= holding(reading, walked.origin.starts, doubtful, moment)
        links = self._standing(walked.omitted)
        self._place(links)
        unseen = {link.dst for link in links if link.relation is Relation.Identity}
        links += links_of(reading, list(unseen), moment, moment.point, up=False)
        self._place(link for link in links if link.src in unseen)
        places = unseen | {link.dst for link in links if link.relation is Relation.Contain}
        while unread := places - self.facts.keys():
            self.facts.update(facts_of(reading, unread, moment))
            links = links_of(
                reading, list(unread), moment, moment.point, up=False, relations=(Relation.Contain,)
            )
            self._place(links)
            places = {link.dst for link in links}

    def left(self, item: int) -> HitMark | None:
        """Scrapped or Shipped, where the item is, alone or inside of a container."""
        if item not in self._packed:
            return LEFT.get(self.facts[item].state)
        marks = {
            mark
            for inside in _reach((item,), self._packed)
            if (mark := LEFT.get(self.facts[inside].state)) is not None
        }
        return min(marks, default=None)

    def mark(self, item: int) -> HitMark:
        """Removed where the root is no longer in the item; else what became of it."""
        if item not in self._holding:
            return HitMark.Removed
        return self.left(item) or HitMark.Current

    def ends(self) -> Sequence[int]:
        """Return the units and lots that are part of nothing now, without the suspect itself,
        unordered."""
        return self._ends

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        others = self._starts | self._identified | self._parts
        return tuple(
            item for item in self.walked.depth if item not in others and not self._is_place(item)
        )

    def open_ends(self) -> list[int]:
        """Return where the trace ends open, unordered: the suspect too, so far as it went nowhere
        or is still in its container."""
        facts = self.facts
        ends = list(self._ends)
        alone = len(self._starts) == 1
        ends += [
            item
            for item in (self._starts & self.walked.depth.keys()) - self._parts
            if item not in self._identified
            and (not self._is_place(item) or (alone and facts[item].owner is None))
        ]
        in_tanks = [
            item
            for item in self.walked.depth
            if facts[item].owner is not None and self._is_place(item)
        ]
        ends += held_now(self._reading, in_tanks, self._moment) - self.walked.unseen
        return [item for item in ends if not self._closed(item)]

    @cached_property
    def _parts(self) -> set[int]:
        """What is part of something, or of which it is not known."""
        used = self._used | self.walked.unseen
        same = self._stand_ins.items()
        return used | {item for item, others in same if not used.isdisjoint(others)}

    def _is_place(self, item: int) -> bool:
        return self.facts[item].kind in PLACES

    def _closed(self, item: int) -> bool:
        fact = self.facts[item]
        finished = fact.kind is ItemKind.Unit and fact.state is ItemState.Completed
        return finished or self.left(item) is not None


def _reach(starts: Iterable[int], outputs: Mapping[int, list[int]]) -> set[int]:
    found = set(starts)
    todo = list(found)
    while todo:
        for item in outputs.get(todo.pop(), ()):
            if item not in found:
                found.add(item)
                todo.append(item)
    return found
