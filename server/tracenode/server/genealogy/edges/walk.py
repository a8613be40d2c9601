"""Walking edges level by level: depths, the edges that count, and one shortest path to each item.

A path counts only if the intervals of all its edges share an instant (SEMANTICS S6). `walk` with
`windows` carries, for each item, the instants at which it is reached; without, all edges given are
known to share one.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tracenode.server.genealogy.edges.closure import Link
from tracenode.server.store.reading.snapshot import OutOfTime
from tracenode.server.store.schema import INF

__all__ = ["Arrival", "Limits", "Origin", "Walked", "walk", "walk_all"]

LinksFrom = Callable[[Sequence[int]], Iterable[Link]]
Rank = Callable[[Sequence[int], int], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a walk begins: at all of `starts`, on behalf of the item that was `asked` for. That
    stands beside them, whether it is one of them or what it holds stands for it."""

    asked: int
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a walk ends. `rank(ids, n)` returns the first n of the items found on one level, in the
    order of the answer: the last level that fits is cut by it."""

    nodes: int
    depth: int | None
    rank: Rank


@dataclass(slots=True)
class Walked:
    """What a walk found. `links` are those between found items that a path may take, `omitted`
    those that lead out of them; `unseen` are items that the deadline kept from being looked at, and
    the one asked for where not all of its starts fit."""

    origin: Origin
    up: bool
    windows: bool
    depth: dict[int, int]
    arrivals: dict[int, Arrival]
    links: list[Link] = field(default_factory=list)
    omitted: list[Link] = field(default_factory=list)
    unseen: set[int] = field(default_factory=set)

    @property
    def root(self) -> int:
        """The item that was asked for."""
        return self.origin.asked

    @property
    def truncated(self) -> bool:
        return bool(self.omitted or self.unseen)

    @property
    def whole(self) -> bool:
        """True where `links` are all edges into the found items that there are."""
        return self.up and not self.windows and not self.truncated

    @property
    def cut(self) -> set[int]:
        """The items at which more would come."""
        return self.unseen | {link.dst if self.up else link.src for link in self.omitted}

    def way(self, item: int) -> list[Link]:
        """Return the edges of one shortest path that counts, from a start to an item."""
        found: list[Link] = []
        arrival = self.arrivals[item]
        while arrival.link is not None:
            found.append(arrival.link)
            assert arrival.before is not None
            arrival = arrival.before
        found.reverse()
        return found


class Arrival(NamedTuple):
    """An item reached for the instants [at, until), over which edge and from where."""

    item: int
    at: int
    until: int
    link: Link | None = None
    before: Arrival | None = None


_Steps = list[tuple[Arrival, Link]]


class _Spread(Protocol):
    """Take the edges of a level that count, and return who is reached by them."""

    def __call__(self, steps: _Steps, taken: list[Link], *, up: bool) -> list[Arrival]: ...


class _Reached:
    """The instants at which items have been reached: disjoint intervals, in order."""

    def __init__(self) -> None:
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def add(self, item: int, at: int, until: int) -> list[tuple[int, int]]:
        """Add an interval; return the parts of it that are new."""
        spans = self._spans.setdefault(item, [])
        new = []
        for begin, end in spans:
            if end <= at:
                continue
            if begin >= until:
                break
            if at < begin:
                new.append((at, begin))
            at = end
        if at < until:
            new.append((at, until))
        for part in new:
            insort(spans, part)
        return new


def walk(
    origin: Origin,
    links_from: LinksFrom,
    limits: Limits,
    *,
    up: bool,
    windows: bool,
    targets: Collection[int] = (),
) -> Walked:
    """Walk from where it begins to the inputs (`up`) or outputs, until nothing is new, a limit is
    met, or one of `targets` is found.

    The result depends on the edges alone, not on the order in which `links_from` gives them. The
    last level is looked at too, so `omitted` says exactly what is left out.
    """
    found = Walked(origin, up, windows, {origin.asked: 0}, {})
    starts = _fitting(origin, limits, found)
    level = [Arrival(item, -INF, INF) for item in starts]
    found.depth.update(dict.fromkeys(starts, 0))
    found.arrivals.update((arrival.item, arrival) for arrival in level)
    spread = _windowed(level) if windows else _plain(level)
    taken: list[Link] = []
    depth = 0
    full = False
    while level:
        try:
            coming = spread(_steps(level, links_from, up=up), taken, up=up)
            depth += 1
            new = list(dict.fromkeys(a.item for a in coming if a.item not in found.depth))
            room = limits.nodes - len(found.depth)
            if full or (limits.depth is not None and depth > limits.depth):
                new = []
            elif len(new) > room:
                full = True
                new = list(limits.rank(new, room)) if room else []
        except OutOfTime:
            found.unseen.update(arrival.item for arrival in level)
            break
        for item in new:
            found.depth[item] = depth
        level = [arrival for arrival in coming if arrival.item in found.depth]
        for arrival in level:
            found.arrivals.setdefault(arrival.item, arrival)
        if any(target in found.depth for target in targets):
            break
    for link in dict.fromkeys(taken):
        inside = (link.src if up else link.dst) in found.depth
        (found.links if inside else found.omitted).append(link)
    return found


def walk_all(origin: Origin, links_at: Mapping[int, list[Link]], *, up: bool) -> Walked:
    """As `walk` where no limit can be met, over edges that share an instant, by the item that they
    are walked from: what it finds, without its precautions. The lists are put in order."""
    starts = sorted(origin.starts)
    depth = dict.fromkeys([origin.asked, *starts], 0)
    arrivals = {item: Arrival(item, -INF, INF) for item in starts}
    links: list[Link] = []
    level, below = starts, 0
    while level:
        below += 1
        coming: list[int] = []
        for item in level:
            at = links_at.get(item)
            if at is None:
                continue
            at.sort()
            links += at
            for link in at:
                reached = link.src if up else link.dst
                if reached not in arrivals:
                    arrivals[reached] = Arrival(reached, -INF, INF, link, arrivals[item])
                    coming.append(reached)
                    depth.setdefault(reached, below)
        level = sorted(coming)
    return Walked(origin, up, False, depth, arrivals, list(dict.fromkeys(links)))


def _fitting(origin: Origin, limits: Limits, found: Walked) -> Sequence[int]:
    """The starts for which there is room beside the item asked for."""
    more = [item for item in origin.starts if item != origin.asked]
    room = limits.nodes - 1
    if len(more) <= room:
        return origin.starts
    found.unseen.add(origin.asked)
    kept = set(limits.rank(more, room)) if room else set()
    return [item for item in origin.starts if item == origin.asked or item in kept]


def _steps(level: list[Arrival], links_from: LinksFrom, *, up: bool) -> _Steps:
    """The edges of a level with where they come from, in a certain order."""
    at: dict[int, list[Link]] = {}
    for link in links_from(sorted({arrival.item for arrival in level})):
        at.setdefault(link.dst if up else link.src, []).append(link)
    for links in at.values():
        links.sort()
    level.sort(key=lambda arrival: (arrival.item, arrival.at))
    return [(arrival, link) for arrival in level for link in at.get(arrival.item, ())]


def _plain(starts: Iterable[Arrival]) -> _Spread:
    seen = {start.item for start in starts}

    def spread(steps: _Steps, taken: list[Link], *, up: bool) -> list[Arrival]:
        coming: list[Arrival] = []
        for before, link in steps:
            taken.append(link)
            item = link.src if up else link.dst
            if item not in seen:
                seen.add(item)
                coming.append(Arrival(item, -INF, INF, link, before))
        return coming

    return spread


def _windowed(starts: Iterable[Arrival]) -> _Spread:
    reached = _Reached()
    for start in starts:
        reached.add(start.item, start.at, start.until)

    def spread(steps: _Steps, taken: list[Link], *, up: bool) -> list[Arrival]:
        coming: list[Arrival] = []
        for before, link in steps:
            at, until = max(before.at, link.at), min(before.until, link.until)
            if at < until:
                taken.append(link)
                item = link.src if up else link.dst
                coming.extend(
                    Arrival(item, *part, link, before) for part in reached.add(item, at, until)
                )
        return coming

    return spread
