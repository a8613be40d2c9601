"""A plant told again from the list of its accepted events alone: plain lists, replayed in the order
of event time and journal position. No tables, no versions, nothing of the server.

What was known at a position K are the events up to K that none of them makes void. What was so at
an instant T is what they say with all that happened after T left out (SEMANTICS S3, S4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from tests.laws.holdings import Contents
from tests.laws.stays import Course, mounts, states, visits
from tests.laws.told import FOREVER, Stay, Tie, Told, microseconds, owner_of, texts, valid
from tracenode.models.event_parts import Window
from tracenode.models.events import (
    Assemble,
    Consume,
    Fill,
    Hold,
    Identify,
    Merge,
    Pack,
    Receive,
    Remove,
    Replace,
    Split,
    TraceEvent,
    Transfer,
    Transform,
    Unpack,
)
from tracenode.models.genealogy import EdgeQuality, Relation
from tracenode.models.items import ItemState
from tracenode.models.quantities import Quantity

__all__ = ["World"]


@dataclass
class World:
    """All that the events say, as known at a position, by the end of `then`; None: all of it.

    `deriving` are the stations whose consumption is derived from their slots.
    """

    facts: list[Told]
    ties: list[Tie]
    """Those of some length."""
    contents: Contents
    visits: list[Stay]
    mounts: list[Stay]
    """At stations that derive their consumption."""
    states: dict[str, ItemState]
    """Of every item that exists by then."""
    receipts: dict[str, Quantity | None]
    """With how much each item was received that ever was: it is there from the beginning."""
    then: int

    @classmethod
    def of(
        cls,
        told: Iterable[Told],
        known: int,
        then: int | None = None,
        deriving: frozenset[str] = frozenset(),
    ) -> World:
        every = valid(told, known)
        now = FOREVER - 1 if then is None else then
        facts = [t for t in every if t.at <= now]
        replay = _Replay(every, facts, deriving)
        there = visits(facts)
        ties = [*replay.ties, *_identities(every, now)]
        mounted = [stay for stay in mounts(facts, replay.course, deriving) if stay.at < stay.until]
        ties += _derived(there, mounted)
        ties = [tie for tie in ties if tie.at < tie.until]
        return cls(
            facts, ties, replay.contents, there, mounted, states(facts), _receipts(every), now
        )

    @property
    def standing(self) -> list[Tie]:
        """The ties that hold in the end."""
        return [tie for tie in self.ties if tie.until == FOREVER]

    def real(self, item: str) -> str | None:
        """Return what a placeholder turned out to be."""
        known = (t.input for t in self.ties if t.relation is Relation.Identity and t.output == item)
        return next(known, None)

    def stand_ins(self, item: str) -> set[str]:
        """Return the placeholders that turned out to be an item, with those whose first record was
        voided since: later ones still name them."""
        known = (tie for tie in self.ties if tie.relation is Relation.Identity)
        return {tie.output for tie in known if tie.input == item}

    def begins(self, item: str, *, up: bool, ever: bool) -> set[str]:
        """Return where a question about an item begins."""
        found = self.contents.begins(item, up=up, ever=ever)
        real = None if up else self.real(item)
        return found if real is None else found | self.begins(real, up=up, ever=ever)

    # -------------------------------------------------------------- holds
    def held(self) -> set[str]:
        """Return what is on hold in the end: items and contents, and what has a held content."""
        own, roots = self._holds()
        while more := {tie.output for tie in self.standing if tie.input in roots} - roots:
            roots |= more
        found = own | roots
        return found | {owner for owner, held in self.contents.of.items() if held.node in found}

    def _holds(self) -> tuple[set[str], set[str]]:
        """What is held itself, and what is held with all that it went into."""
        released = {t.ends for t in self.facts}
        own: set[str] = set()
        roots: set[str] = set()
        for t in self.facts:
            if not isinstance(t.event, Hold) or t.seq in released:
                continue
            if t.event.window is not None:
                roots |= self._at(t.event.window)
            elif t.event.scope == "item":
                own |= self._same(t.event.item)
            else:
                roots |= self._same(t.event.item)
        return own, roots | {self.real(root) or root for root in roots}

    def _same(self, item: str) -> set[str]:
        """An item with all its contents, and with what it turned out to be."""
        real = self.real(item)
        own = {item, *self.contents.begins(item, up=False, ever=True)}
        return own if real is None else own | self._same(real)

    def _at(self, window: Window) -> set[str]:
        """Who was at a station within a window that has begun."""
        low = -FOREVER if window.since is None else microseconds(window.since)
        high = FOREVER if window.until is None else microseconds(window.until)
        found = set()
        for visit in self.visits:
            first, last = max(visit.at, low), min(visit.until, high)
            inside = first < last or visit.at == visit.until == first < high
            if visit.place == window.station and inside and first <= self.then:
                found.add(visit.item)
        return found

    def blocked(self) -> set[str]:
        """Return the items that a booking would be refused for as held now: by a hold on themselves
        or on what their present content was made from."""
        held, own = self.held(), self._holds()[0]
        return {item for item in self.states if item in own or self.node(item) in held}

    def node(self, item: str) -> str:
        """Return what is in a lot or container; an empty one and any other item stand for
        themselves."""
        content = self.contents.of.get(item)
        return item if content is None else content.node or item

    def state(self, node: str) -> ItemState:
        """Return the state of an item, or of a content: one that was emptied out is scrapped."""
        owner = owner_of(node)
        carried = any(t.relation is Relation.Carry and t.input == node for t in self.standing)
        if node != owner and not carried and self.contents.of[owner].node != node:
            return ItemState.Scrapped
        return self.states.get(owner, ItemState.Registered)


def _receipts(every: Iterable[Told]) -> dict[str, Quantity | None]:
    found: dict[str, Quantity | None] = {}
    for t in every:
        if isinstance(t.event, Receive):
            found.setdefault(t.event.item, t.event.quantity)
    return found


# ------------------------------------------------------------------ the replay
class _Replay:
    """Ties that are booked, and what is in lots and containers meanwhile."""

    def __init__(
        self, every: Iterable[Told], facts: Iterable[Told], deriving: frozenset[str]
    ) -> None:
        self.ties: list[Tie] = []
        self.contents = Contents(deriving)
        self.contents.begin(t.said for t in every)
        self.course: dict[str, Course] = {}
        self._inside: dict[tuple[Relation, str], Tie] = {}
        self._drawn = [((tie.at, tie.seq), tie.input) for tie in _identities(every, FOREVER)]
        for t in facts:
            self._take(t)
        self.ties += self._inside.values()
        for new, before, at, seq in self.contents.into:
            left = self.contents.carried[new, before]
            quantity = None if left is None else Quantity.of(left, "KGM")
            tie = Tie(new, before, Relation.Carry, at, FOREVER, seq, quantity=quantity)
            self.ties.append(tie._replace(ordinal=1))

    def _take(self, t: Told) -> None:
        event, held = t.said, self.contents
        for place, item in self._drawn:
            if place < (t.at, t.seq):
                held.stood_in_for(item)
        drawn = list(pairs(event))
        used = {pair.input: held.drawn_from(pair.input) for pair in drawn}
        held.tell(event, t.seq, t.at)
        for ordinal, pair in enumerate(drawn):
            into = held.made.get((pair.output, t.seq), pair.output)
            tie = pair._replace(output=into, input=used[pair.input], at=t.at, seq=t.seq)
            self.ties.append(tie._replace(ordinal=ordinal))
        for owner, content in held.of.items():
            steps = self.course.setdefault(owner, [])
            if not steps or steps[-1][1] != content.node:
                steps.append(((t.at, t.seq), content.node))
        match event:
            case Assemble(parent=parent, part=part, quantity=quantity, position=position):
                tie = Tie(parent, part, Relation.Install, t.at, FOREVER, t.seq)
                self._put(tie._replace(quantity=quantity, position=position))
            case Remove(parent=parent, part=part):
                self._out(Relation.Install, part, t.at, parent)
            case Replace(parent=parent, old_part=old, new_part=new, position=position):
                self._out(Relation.Install, old, t.at, parent)
                tie = Tie(parent, new, Relation.Install, t.at, FOREVER, t.seq)
                self._put(tie._replace(position=position))
            case Pack(container=container, item=item, position=position):
                tie = Tie(container, item, Relation.Contain, t.at, FOREVER, t.seq)
                self._put(tie._replace(position=position))
            case Unpack(container=container, item=item):
                self._out(Relation.Contain, item, t.at, container)
            case _:
                pass

    def _put(self, tie: Tie) -> None:
        self._out(tie.relation, tie.input, tie.at, None)
        self._inside[tie.relation, tie.input] = tie

    def _out(self, relation: Relation, part: str, at: int, parent: str | None) -> None:
        tie = self._inside.get((relation, part))
        if tie is not None and parent in (None, tie.output):
            self.ties.append(tie._replace(until=at))
            del self._inside[relation, part]


def pairs(event: TraceEvent) -> Iterator[Tie]:  # noqa: PLR0912
    """Yield what an event joins for good, as ties without a time, between the items that it
    names."""

    def tie(output: str, input_: str, relation: Relation, quantity: Quantity | None) -> Tie:
        return Tie(output, input_, relation, 0, FOREVER, 0, quantity=quantity)

    match event:
        case Consume(item=item, lot=lot, quantity=quantity, position=position):
            yield tie(item, lot, Relation.Consume, quantity)._replace(position=position)
        case Fill(container=item, lot=lot, quantity=quantity):
            yield tie(item, lot, Relation.Consume, quantity)
        case Transfer(source=source, target=target, quantity=quantity):
            yield tie(target, source, Relation.Consume, quantity)
        case Split(lot=lot, child=child, quantity=quantity):
            yield tie(child, lot, Relation.Transform, quantity)
        case Merge(lots=lots, item=item):
            for merged in lots:
                yield tie(item, merged.item, Relation.Transform, merged.quantity)
        case Transform(inputs=inputs, outputs=(made,), map=None):
            for used in inputs:
                yield tie(made.item, used.item, Relation.Transform, used.quantity)
        case Transform(inputs=inputs, outputs=outputs, map=None):
            for new, used in product(outputs, inputs):
                pooled = tie(new.item, used.item, Relation.Transform, None)
                yield pooled._replace(quality=EdgeQuality.Pooled)
        case Transform(inputs=inputs, outputs=outputs, map=shares):
            for share in shares or ():
                ends = (outputs[share.output].item, inputs[share.input].item)
                yield tie(*ends, Relation.Transform, share.quantity)
        case _:
            pass


def _derived(visits: Iterable[Stay], mounts: Iterable[Stay]) -> Iterator[Tie]:
    """A unit has of what was on a slot of the station while it was there (SEMANTICS S12)."""
    for visit, mount in product(visits, mounts):
        at = max(visit.at, mount.at)
        if visit.place == mount.place and at < min(visit.until, mount.until):
            seq = max(visit.seq, mount.seq)
            tie = Tie(visit.item, mount.item, Relation.Consume, at, FOREVER, seq)
            yield tie._replace(quality=EdgeQuality.Interval, position=mount.slot)


def _identities(every: Iterable[Told], now: int) -> Iterator[Tie]:
    """A placeholder is the item that it turned out to be from the first that is told of it."""
    told = list(every)
    for t in told:
        if isinstance(t.event, Identify):
            item = t.event.placeholder
            first = min(other.at for other in told if item in texts(other.said.model_dump()))
            if first <= now:
                yield Tie(item, t.event.item, Relation.Identity, first, FOREVER, t.seq)
