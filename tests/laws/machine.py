"""A line on which anything may happen, in any order, late, and be taken back: a state machine of
hypothesis that books through the real door and holds the tables and answers to the laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.laws.laws import Laws, asked
from tests.laws.line import (
    BOXES,
    DERIVING,
    LOTS,
    SLOTS,
    STATIONS,
    TAKES_UNKNOWN,
    UNITS,
    Line,
)
from tests.laws.tiers import same_from_both_tiers
from tests.laws.told import FOREVER, Tie, Told, from_microseconds
from tests.store.plant import instant
from tracenode.models.analysis import MassBalance
from tracenode.models.answers import (
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    Question,
    RecallScope,
    WhereUsed,
)
from tracenode.models.events import Assemble, Fill, Hold, Load, Remove, Replace, Start
from tracenode.models.genealogy import Relation

__all__ = ["Shop"]

Kind = TypeVar("Kind")
units = st.sampled_from(UNITS)
pairs = st.tuples(units, units).filter(lambda pair: pair[0] != pair[1])
lots = st.sampled_from(tuple(LOTS))
boxes = st.sampled_from(BOXES)
stations = st.sampled_from((*STATIONS, *STATIONS, DERIVING))
declaring = st.sampled_from(STATIONS)
slots = st.sampled_from(SLOTS)
amounts = st.sampled_from(("0.5 KGM", "250 GRM", "1 KGM", "2 KGM", "750 GRM", None))
late = st.sampled_from((0, 0, 0, 0, 0, 1, 3, 8, 20))
"""By how many minutes what is booked happened earlier than it would in its turn."""
choices = st.integers(0, 999)


def pick(among: Sequence[Kind], choice: int) -> Kind:
    return among[choice % len(among)]


class Shop(RuleBasedStateMachine):
    """What may happen. Many bookings are refused, as in life; what is accepted is told on."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.live: list[tuple[Question, int, bytes]] = []
        self.mounting = False
        self.choice = 0

    @initialize(mounting=st.booleans(), begun=st.booleans(), choice=choices)
    def open(self, mounting: bool, begun: bool, choice: int) -> None:
        """Whether anything is ever mounted, whether work has begun, what is looked at in the
        end."""
        self.mounting, self.choice = mounting, choice
        if begun:
            self.book("fill", 0, container="B0", lot="L0", quantity="2 KGM")
            self.tap("U1", "B0", "L3", "0.5 KGM", 0)
            self.book("consume", 0, item="U0", lot="L1", quantity="500 GRM", station="OP0")
            self.book("start", 0, item="U0", station="OP0")
            self.book("complete", 0, item="U0", station="OP0", evaluation=1)
            for part, parent in (("U0", "U2"), ("U2", "U4"), ("U1", "U5")):
                self.book("assemble", 0, parent=parent, part=part)
            self.book("replace", 0, parent="U5", old_part="U1", new_part="U4")
            self.book("consume", 0, item="U3", lot="L3", quantity="3 KGM")
            self.meet_unknown(0, "U3", lot=True, back=0)
            self.book("identify", 0, placeholder="lot:?:Y0", item="L1")
            self.watch("OP0", None, 0, choice=1)
        if begun and not mounting:
            sat = next(told for told in self.line.told if isinstance(told.event, Assemble))
            elsewhere = {"type": "assemble", "parent": "U5", "part": "sn:PUMP:U0"}
            self.book("remove", 0, parent="U2", part="U0")
            self._withdraw(sat, elsewhere)
        if begun and mounting:
            self.pass_by("U3", "F0", "L2", 1)
            self.pass_by("U1", "F0", "B0", 2)
            self.book("load", 0, station=DERIVING, slot="F1", lot="B0")
            self.book("fill", 0, container="B0", lot="L1", quantity="1 KGM")
            self.book("start", 0, item="U5", station=DERIVING)

    def book(self, kind: str, back: int, **fields: Any) -> None:
        self.line.hour += 1
        minute = max(0.0, self.line.hour - back)
        self.line.take(kind, minute, **{k: v for k, v in fields.items() if v is not None})

    # -------------------------------------------------------------- items and parts
    @rule(pair=pairs, back=late, piece=st.booleans())
    def assemble(self, pair: tuple[str, str], back: int, piece: bool) -> None:
        quantity, (unit, part) = "1 H87" if piece else None, pair
        self.book("assemble", back, parent=unit, part=part, quantity=quantity, position="front")

    @rule(choice=choices, back=late, new=units)
    def replace(self, choice: int, back: int, new: str) -> None:
        for tie in self._inside(Relation.Install, choice):
            where = {"parent": tie.output, "old_part": tie.input, "new_part": new}
            self.book("replace", back, **where, position="front")

    @rule(choice=choices, back=late)
    def remove(self, choice: int, back: int) -> None:
        for tie in self._inside(Relation.Install, choice):
            self.book("remove", back, parent=tie.output, part=tie.input)

    @rule(pair=pairs, back=late)
    def weld(self, pair: tuple[str, str], back: int) -> None:
        unit, other = pair
        self.book("consume", back, item=unit, lot=other)

    @rule(box=boxes, item=st.one_of(units, boxes, lots), back=late)
    def pack(self, box: str, item: str, back: int) -> None:
        self.book("pack", back, container=box, item=item)

    @rule(choice=choices, back=late)
    def unpack(self, choice: int, back: int) -> None:
        for tie in self._inside(Relation.Contain, choice):
            self.book("unpack", back, container=tie.output, item=tie.input)

    def _inside(self, relation: Relation, choice: int) -> Iterator[Tie]:
        """One of the ties by which something is in something now."""
        ties = [tie for tie in self.line.world().standing if tie.relation is relation]
        if ties:
            yield pick(sorted(ties, key=lambda tie: tie.seq), choice)

    # -------------------------------------------------------------- material
    @rule(unit=units, source=st.one_of(lots, boxes), amount=amounts, back=late, station=declaring)
    def consume(self, unit: str, source: str, amount: str | None, back: int, station: str) -> None:
        self.book("consume", back, item=unit, lot=source, quantity=amount, station=station)

    @rule(unit=units, owner=st.one_of(boxes, lots), lot=lots, amount=amounts, back=late)
    def tap(self, unit: str, owner: str, lot: str, amount: str | None, back: int) -> None:
        """Something is drawn, and what was drawn from is topped up."""
        self.book("consume", 0, item=unit, lot=owner, quantity=amount, station="OP1")
        self.book("fill", back, container=owner, lot=lot, quantity="1 KGM")

    @rule(lot=lots, choice=choices, amount=amounts, back=late)
    def mix(self, lot: str, choice: int, amount: str | None, back: int) -> None:
        self.book("consume", back, item=lot, lot=pick(self.line.of("lot"), choice), quantity=amount)

    @rule(owner=st.one_of(boxes, boxes, lots), choice=choices, amount=amounts, back=late)
    def fill(self, owner: str, choice: int, amount: str | None, back: int) -> None:
        source = pick([*self.line.of("lot"), "B0"], choice)
        self.book("fill", back, container=owner, lot=source, quantity=amount)

    @rule(source=st.one_of(boxes, lots), owner=st.one_of(boxes, lots), amount=amounts, back=late)
    def transfer(self, source: str, owner: str, amount: str | None, back: int) -> None:
        self.book("transfer", back, source=source, target=owner, quantity=amount)

    @rule(owner=st.one_of(boxes, boxes, lots), back=late)
    def empty(self, owner: str, back: int) -> None:
        self.book("empty", back, container=owner)

    @rule(owner=st.one_of(boxes, lots), more=st.booleans(), back=late)
    def adjust(self, owner: str, more: bool, back: int) -> None:
        amount = "300 GRM" if more else "-1 KGM"
        self.book("adjust", back, lot=owner, quantity=amount, reason="counted")

    @rule(first=choices, second=choices, mapped=st.booleans(), amount=amounts, back=late)
    def transform(
        self, first: int, second: int, mapped: bool, amount: str | None, back: int
    ) -> None:
        sources = [*self.line.of("lot"), *self.line.of("container"), "U0"]
        inputs = [{"item": pick(sources, choice), "quantity": amount} for choice in (first, second)]
        outputs = [
            {"item": self.line.new(), "material": "GLUE", "quantity": amount} for _ in range(2)
        ]
        shares = [{"output": n, "input": n, "quantity": amount} for n in range(2)]
        if first % 3 == 0:
            outputs.pop()
        map_ = shares if mapped and len(outputs) == 2 else None
        self.book("transform", back, inputs=inputs, outputs=outputs, map=map_)

    @rule(choice=choices, amount=amounts, back=late)
    def split(self, choice: int, amount: str | None, back: int) -> None:
        lot = pick(self.line.of("lot"), choice)
        self.book("split", back, lot=lot, child=self.line.new(), quantity=amount)

    @rule(first=choices, second=choices, amount=amounts, back=late)
    def merge(self, first: int, second: int, amount: str | None, back: int) -> None:
        lots = [
            {"item": pick(self.line.of("lot"), choice), "quantity": amount}
            for choice in (first, second)
        ]
        self.book("merge", back, lots=lots, item=self.line.new(), material="STEEL")

    # -------------------------------------------------------------- stations and slots
    @rule(unit=units, station=stations, back=late)
    def start(self, unit: str, station: str, back: int) -> None:
        self.book("start", back, item=unit, station=station)

    @rule(choice=choices, passed=st.booleans(), back=late)
    def complete(self, choice: int, passed: bool, back: int) -> None:
        there = self.line.world().visits
        if there:
            visit = pick(there, choice)
            where = {"item": visit.item, "station": visit.place}
            self.book("complete", back, **where, evaluation=1 if passed else 2)

    @rule(unit=units, station=stations, back=late)
    def abort(self, unit: str, station: str, back: int) -> None:
        self.book("abort", back, item=unit, station=station)

    @precondition(lambda self: self.mounting)
    @rule(slot=slots, source=st.one_of(lots, boxes), back=late, derived=st.booleans())
    def load(self, slot: str, source: str, back: int, derived: bool) -> None:
        self.book("load", back, station=DERIVING if derived else "OP0", slot=slot, lot=source)

    @precondition(lambda self: self.mounting)
    @rule(slot=slots, back=late)
    def unload(self, slot: str, back: int) -> None:
        self.book("unload", back, station=DERIVING, slot=slot)

    @precondition(lambda self: self.mounting)
    @rule(unit=units, slot=slots, lot=lots, stays=st.integers(0, 3))
    def pass_by(self, unit: str, slot: str, lot: str, stays: int) -> None:
        """A lot is mounted, and a unit is made from it, maybe until the next one is mounted."""
        self.book("load", stays, station=DERIVING, slot=slot, lot=lot)
        self.book("start", 1, item=unit, station=DERIVING)
        if stays:
            self.book("complete", 0, item=unit, station=DERIVING, evaluation=1)
        if stays > 1:
            self.book("load", 1, station=DERIVING, slot=slot, lot="L3")

    # -------------------------------------------------------------- what nobody registered
    @rule(number=st.integers(0, 1), unit=units, lot=st.booleans(), back=late)
    def meet_unknown(self, number: int, unit: str, lot: bool, back: int) -> None:
        if lot:
            names = {"item": unit, "lot": f"Y{number}", "quantity": "1 KGM"}
            self.book("consume", back, **names, station=TAKES_UNKNOWN)
        else:
            self.book("assemble", back, parent=unit, part=f"X{number}", station=TAKES_UNKNOWN)

    @rule(choice=choices, back=late)
    def identify(self, choice: int, back: int) -> None:
        stand_ins = [item for item in self.line.items if item.split(":")[1] == "?"]
        if stand_ins:
            stand_in = pick(stand_ins, choice)
            same = [item for item in self.line.items if item[:2] == stand_in[:2]]
            self.book("identify", back, placeholder=stand_in, item=pick(same, choice // 7))

    # -------------------------------------------------------------- holds, ends
    @rule(item=lots, choice=choices, reaching=st.booleans(), back=late)
    def hold(self, item: str, choice: int, reaching: bool, back: int) -> None:
        scope = "where_used" if reaching else "item"
        held = item if choice % 2 else pick(self.line.items, choice // 2)
        self.book("hold", back, item=held, scope=scope, reason="look")

    @rule(station=stations, since=st.none() | st.integers(0, 30), lasts=late, choice=choices)
    def watch(self, station: str, since: int | None, lasts: int, choice: int) -> None:
        """All that was at a station for a time is held, or all before or after some visit."""
        window: dict[str, Any] = {"station": station}
        if since is not None:
            window["since"] = instant(since)
        if lasts:
            window["until"] = instant((since or 0) + lasts)
        ended = [visit for visit in self.line.world().visits if visit.until < FOREVER]
        if ended and choice % 3:
            visit = pick(ended, choice)
            edge = {"until": visit.at} if choice % 3 == 1 else {"since": visit.until}
            window = {"station": visit.place, **{k: from_microseconds(v) for k, v in edge.items()}}
        self.book("hold", 0, scope="window", window=window, reason="cold")

    @rule(choice=choices)
    def release(self, choice: int) -> None:
        released = {told.ends for told in self.line.told}
        records = {seq: record for record, seq in self.line.records.items()}
        holds = [t.seq for t in self.line.told if isinstance(t.event, Hold)]
        standing = [seq for seq in holds if seq not in released]
        if standing:
            self.book("release", 0, hold=records[pick(standing, choice)], reason="fine")

    @rule(choice=choices, back=late)
    def leave(self, choice: int, back: int) -> None:
        items = self.line.items
        if choice % 3 == 0:
            self.book("scrap", back, item=pick(items, choice // 3))
        elif choice % 3 == 1:
            self.book("ship", back, items=[pick(items, choice // 3)])

    # -------------------------------------------------------------- taking back
    @rule(choice=choices)
    def void(self, choice: int) -> None:
        self._withdraw(self._told(choice), None)

    @rule(choice=choices, unit=units, source=st.one_of(lots, boxes), amount=amounts)
    def correct(self, choice: int, unit: str, source: str, amount: str | None) -> None:
        """A record names another item, station or slot than it did, or something else happened."""
        told = self._told(choice)
        replacement: dict[str, Any] = {}
        match told.event:
            case Assemble(part=part):
                replacement = {"type": "assemble", "parent": unit, "part": part}
            case Remove(part=part) | Replace(old_part=part):
                replacement = {"type": "remove", "parent": unit, "part": part}
            case Fill(container=owner):
                replacement = {"type": "fill", "container": owner, "lot": source}
            case Start():
                replacement = {"type": "start", "item": unit, "station": pick(STATIONS, choice)}
            case Load(lot=lot):
                where = {"station": DERIVING, "slot": pick(SLOTS, choice)}
                replacement = {"type": "load", "lot": lot, **where}
            case _:
                replacement = {"type": "consume", "item": unit, "lot": source}
        if amount is not None and replacement["type"] in ("fill", "consume"):
            replacement["quantity"] = amount
        self._withdraw(told, replacement)

    def _told(self, choice: int) -> Told:
        """One of the records; seldom one of those that made the items of the beginning."""
        told = self.line.told
        later = told[len(UNITS) + len(LOTS) + len(BOXES) :]
        return pick(later if later and choice % 25 else told, choice)

    def _withdraw(self, told: Told, replacement: dict[str, Any] | None) -> None:
        self.line.hour += 1
        self.line.withdraw(told, self.line.hour, replacement)

    # -------------------------------------------------------------- asking
    @rule(choice=choices, other=choices, back=late, kind=st.integers(0, 7))
    def ask(self, choice: int, other: int, back: int, kind: int) -> None:
        """What is told now is told the same later (SEMANTICS S19)."""
        items = self.line.items
        item = pick(items, choice)
        as_of = instant(self.line.hour - back) if back else None
        more: dict[str, Any] = {"as_of": as_of, "max_nodes": 3 if other % 5 == 0 else 100_000}
        question: Question = (
            Ingredients(item=item, **more),
            Ingredients(item=item, **more, ever=True),
            WhereUsed(item=item, **more),
            RecallScope(item=item, **more),
            PathBetween(item=item, into=pick(items, other), **more),
            ItemDetail(item=item, as_of=as_of),
            ItemHistory(item=item, as_of=as_of),
            MassBalance(item=item, as_of=as_of),
        )[kind]
        self.live.append((question, self.line.plant.seq, asked(self.line, question)))

    # -------------------------------------------------------------- in the end
    def teardown(self) -> None:
        line, choice = self.line, self.choice
        for question, known, live in self.live:
            assert asked(line, replace(question, as_known_at=known)) == live, (question, known)
        earlier = pick(range(len(UNITS), line.plant.seq + 1), choice * 7)
        minute = choice % (int(line.hour) + 2) + 0.5 * (choice % 2)
        self.look(choice, None, None)
        self.look(choice, None, minute)
        self.look(choice, earlier, None)
        self.look(choice, earlier, minute)
        if choice % 3 == 0:
            same_from_both_tiers(line)

    def look(self, choice: int, known: int | None, minute: float | None) -> None:
        """Hold all to the laws: a third of the items, each asked everything."""
        laws = Laws(self.line, known, minute)
        if minute is None:
            laws.tables()
        for item in laws.exist[choice % 3 :: 3]:
            laws.ingredients(item, ever=False)
            laws.ingredients(item, ever=True)
            laws.where_used(item)
            laws.recall(item)
            if item.startswith(("lot:", "container:")):
                laws.balance(item)
        laws.inverse()
