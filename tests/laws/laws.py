"""The laws: the tables, and the answers of every kind, say what the oracle says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from tests.laws.balance import balance
from tests.laws.line import Line
from tests.laws.told import FOREVER, Tie, microseconds, owner_of
from tests.laws.ways import Amount, Reached, amount_of, reached, shares
from tests.store.plant import instant
from tracenode.models.analysis import MassBalance
from tracenode.models.answers import (
    Edge,
    GenealogyAnswer,
    Ingredients,
    Question,
    RecallAnswer,
    RecallScope,
    WhereUsed,
    canonical,
)
from tracenode.models.errors import TraceError
from tracenode.models.genealogy import EdgeQuality, HitMark, Relation
from tracenode.models.items import ItemState
from tracenode.models.quantities import Quantity
from tracenode.server.genealogy import answer
from tracenode.server.store.booking.holds import blocking_hold
from tracenode.server.store.projecting.content import content_at
from tracenode.server.store.projecting.interning import quantity_of
from tracenode.server.store.projecting.stock import holding_of
from tracenode.server.store.reading.resolve import LATEST, public_id, row_of

__all__ = ["Laws", "asked"]

Row = tuple[str, str, Relation, EdgeQuality, int, int, Amount | None, str]
"""(output, input, relation, quality, from, record, amount, position)."""
_PLACES: Final = ("container:", "carrier:")
_LEFT: Final = {ItemState.Scrapped: HitMark.Scrapped, ItemState.Shipped: HitMark.Shipped}


def asked(line: Line, question: Question) -> bytes:
    """Return the bytes of an answer, or what the question is refused for."""
    try:
        return canonical(answer(line.plant.connection, question))
    except TraceError as error:
        return str(error).encode()


def row_of_tie(tie: Tie) -> Row:
    amount = None if tie.quantity is None else amount_of(tie.quantity)
    output, input_, relation, at, _, seq, quality, _, position, _ = tie
    return output, input_, relation, quality, at, seq, amount, position


def row_of_edge(edge: Edge) -> Row:
    amount = None if edge.quantity is None else amount_of(edge.quantity)
    begun = microseconds(edge.valid_from)
    how = (edge.relation, edge.quality)
    return edge.output, edge.input, *how, begun, edge.record, amount, edge.position


class Laws:
    """The laws of a line, as known at a position (None: now), by the end of a minute."""

    def __init__(self, line: Line, known: int | None = None, minute: float | None = None) -> None:
        self.line = line
        self.world = line.world(known, minute)
        self.exist = sorted(line.world(known).states)
        self._connection = line.plant.connection
        self._known = known
        self._asking: dict[str, Any] = {
            "as_known_at": known,
            "as_of": None if minute is None else instant(minute),
        }
        self._held = self.world.held()

    # -------------------------------------------------------------- tables
    def tables(self) -> None:
        """Edges, whole; contents and stock, holds that block, and a replay: as known now."""
        assert self._edges() == {
            (*row_of_tie(tie), tie.ordinal, tie.until)
            for tie in self.world.ties
            if tie.quality is not EdgeQuality.Interval
        }
        if self._known is not None:
            return
        for owner, content in self.world.contents.of.items():
            number, _ = row_of(self._connection, owner)
            node = content_at(self._connection, number, LATEST, container=content.place)
            assert (node and public_id(self._connection, node)) == content.node, owner
            totals = holding_of(self._connection, number, container=content.place).totals
            gaps = (content.unknown, content.taken, content.fed)
            assert totals[1:] == (content.come, content.gone, *gaps), owner
        numbers = {item: row_of(self._connection, item)[0] for item in self.exist}
        blocked = {item for item in self.exist if blocking_hold(self._connection, numbers[item])}
        assert blocked == self.world.blocked()
        assert self.line.plant.replayed() == self.line.plant.dump()

    def _edges(self) -> set[tuple[Any, ...]]:
        known = FOREVER if self._known is None else self._known
        columns = "dst, src, rel, at, ev, qty, unit, coalesce(p.text, ''), ord"
        named = "e LEFT JOIN position p ON p.id=e.pos WHERE kf<=:k"
        rows = self._connection.execute(
            f"SELECT {columns}, {FOREVER} FROM edge {named} UNION ALL"
            f" SELECT {columns}, iif(uev<=:k, until, {FOREVER}) FROM edge_past {named} UNION ALL"
            f" SELECT {columns}, iif(uev<=:k, until, {FOREVER}) FROM edge_was {named} AND kt>:k",
            {"k": known},
        )
        found: set[tuple[Any, ...]] = set()
        for dst, src, rel, at, ev, qty, unit, position, ordinal, until in rows.fetchall():
            quantity = quantity_of(self._connection, qty, unit)
            amount = None if quantity is None else amount_of(quantity)
            ends = (public_id(self._connection, dst), public_id(self._connection, src))
            how = (Relation(rel & 15), EdgeQuality(rel >> 4))
            if at < until:
                found.add((*ends, *how, at, ev, amount, position, ordinal, until))
        return found

    # -------------------------------------------------------------- answers
    def ingredients(self, item: str, *, ever: bool) -> None:
        """What went into an item, with its open ends."""
        ties = self.world.ties if ever else self.world.standing
        found = reached(ties, self.world.begins(item, up=True, ever=ever), up=True)
        told = answer(self._connection, Ingredients(item=item, ever=ever, **self._asking))
        self._same(told, item, found)
        over = [tie for tie in found.over if tie.relation is not Relation.Contain]
        made, drawn = {tie.output for tie in over}, {tie.input for tie in over}
        leaves = {
            end
            for end in found.depth.keys() - made
            if not end.startswith(_PLACES) or end != owner_of(end) or end in drawn
        }
        assert set(told.statement.frontier) == leaves - self.world.receipts.keys(), item

    def where_used(self, item: str) -> None:
        """Where an item went: ever, or what it is in at the minute."""
        told = answer(self._connection, WhereUsed(item=item, **self._asking))
        found = self._used(item)
        self._same(told, item, found)
        for node in told.nodes:
            mark = None if node.item == item else self._mark(node.item, item, found)
            assert node.mark is mark, (item, node)

    def _used(self, item: str) -> Reached:
        latest = self._asking["as_of"] is None
        ties = self.world.ties if latest else self.world.standing
        return reached(ties, self.world.begins(item, up=False, ever=True), up=False)

    def _same(self, told: GenealogyAnswer, item: str, found: Reached) -> None:
        depth = {**found.depth, item: 0}
        assert {node.item: node.depth for node in told.nodes} == depth, item
        assert {row_of_edge(edge) for edge in told.edges} == set(map(row_of_tie, found.over))
        for node in told.nodes:
            assert node.on_hold == (node.item in self._held), (item, node)
            assert node.state is self.world.state(node.item), (item, node)
        statement = told.statement
        pooled = [tie for tie in found.over if tie.quality is EdgeQuality.Pooled]
        assert statement.pooled_edges == len(pooled), item
        assert statement.placeholders == self._unknown(depth)
        assert not statement.truncated

    def _unknown(self, items: Iterable[str]) -> int:
        return len([i for i in items if i.split(":")[1] == "?" and self.world.real(i) is None])

    def _mark(self, hit: str, suspect: str, found: Reached) -> HitMark:
        begins = self.world.begins(suspect, up=False, ever=True)
        standing = [tie for tie in found.over if tie.until == FOREVER]
        if hit not in reached(standing, begins, up=False).depth:
            return HitMark.Removed
        inside: dict[str, set[str]] = {}
        for tie in standing:
            if tie.relation in (Relation.Contain, Relation.Identity):
                inside.setdefault(tie.input, set()).add(tie.output)
            if tie.relation is Relation.Identity:
                inside.setdefault(tie.output, set()).add(tie.input)
        places = {hit}
        while more := {p for place in places for p in inside.get(place, ())} - places:
            places |= more
        marks = {_LEFT[state] for p in places if (state := self.world.state(p)) in _LEFT}
        return min(marks, default=HitMark.Current)

    # -------------------------------------------------------------- recall, shares, balance
    def recall(self, item: str) -> None:
        """Counts and hits, each with its share; the same counts where the answer is cut."""
        question = RecallScope(item=item, **self._asking)
        told = answer(self._connection, question)
        found = self._used(item)
        begins = self.world.begins(item, up=False, ever=True)
        affected = {owner_of(hit) for hit in found.depth.keys() - begins}
        affected -= {owner_of(begin) for begin in begins}
        assert told.affected == len(affected) == sum(dict(told.by_material).values()), item
        ends = self._ends(found, begins)
        assert {hit.item for hit in told.hits} == ends, item
        assert told.end_items == len(ends)
        self._shared(told, found, begins)
        for hit in told.hits:
            assert hit.mark is self._mark(hit.item, item, found), hit
            assert hit.depth == found.depth[hit.item]
        assert Counter(hit.mark for hit in told.hits) == dict(told.by_mark)
        assert told.statement.placeholders == self._unknown(found.depth.keys() - begins)
        counts = ("affected", "end_items", "by_material", "by_mark", "balance")
        for cut in (replace(question, max_nodes=2), replace(question, limit=0)):
            less = answer(self._connection, cut)
            for name in counts:
                assert getattr(less, name) == getattr(told, name), (cut, name)
            assert less.statement.pooled_edges == told.statement.pooled_edges

    def _ends(self, found: Reached, begins: set[str]) -> set[str]:
        standing = [tie for tie in found.over if tie.until == FOREVER]
        kept = (Relation.Contain, Relation.Identity)
        used = {tie.input for tie in standing if tie.relation not in kept}
        stand_ins = [tie[:2] for tie in standing if tie.relation is Relation.Identity]
        used |= {real for stand_in, real in stand_ins if stand_in in used}
        out = used | begins | {stand_in for stand_in, _ in stand_ins}
        return {item for item in found.depth if not item.startswith(_PLACES)} - out

    def _shared(self, told: RecallAnswer, found: Reached, begins: set[str]) -> None:
        latest = self._asking["as_of"] is None
        ties = self.world.ties if latest else self.world.standing
        expected = shares(self.world, ties, begins)
        for hit in told.hits:
            share = expected[hit.item]
            assert hit.share == (None if share is None else _rounded(share)), hit
        unknown = [hit for hit in told.hits if hit.share is None]
        assert told.shares_unknown == len(unknown)
        sure = [tie for tie in found.over if tie.quality is not EdgeQuality.Pooled]
        certain = reached(sure, begins, up=False).depth
        assert {hit.item for hit in told.hits if hit.pooled} == {
            hit.item for hit in told.hits if hit.item not in certain
        }

    def balance(self, owner: str) -> None:
        """Where the quantity of a lot or container went."""
        told = answer(self._connection, MassBalance(item=owner, **self._asking)).balance
        expected = balance(self.world, owner)
        assert told.unknown == expected.unknown, owner
        assert told.over_consumed == expected.over, owner
        for part, value in expected.sums.items():
            quantity: Quantity | None = getattr(told, part)
            assert (quantity and amount_of(quantity)[1]) == (value if quantity else None), part
            assert (quantity is None) == (value is None), (owner, part)

    def inverse(self) -> None:
        """X went into Y where Y was made from X, at an instant or ever: of all units and contents,
        which stand for themselves."""
        ever = self._asking["as_of"] is None
        contents = self.world.contents.of.items()
        nodes = {state for owner, held in contents for state in held.states if state != owner}
        nodes |= {i for i in self.exist if i.startswith("sn:") and not i.startswith("sn:?:")}
        into: set[tuple[str, str]] = set()
        out_of: set[tuple[str, str]] = set()
        for item in nodes:
            made = answer(self._connection, Ingredients(item=item, ever=ever, **self._asking))
            into.update((node.item, item) for node in made.nodes if node.item in nodes)
            used = answer(self._connection, WhereUsed(item=item, **self._asking))
            out_of.update((item, node.item) for node in used.nodes if node.item in nodes)
        assert into == out_of


def _rounded(share: Fraction) -> Decimal:
    """To 12 places, halves to even."""
    return Decimal(round(share * 10**12)).scaleb(-12)
