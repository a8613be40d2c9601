"""Material on a slot went into the units that were at the station meanwhile (SEMANTICS S12)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from random import Random

import pytest

from tests.genealogy.asking import detail, into, made_of, path, recall, texts, used_in
from tests.store.oracle import FOREVER, OracleEdge, holding
from tests.store.plant import Plant, instant
from tests.store.test_mounts import void
from tracenode.models.answers import (
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    Question,
    RecallScope,
    WhereUsed,
    canonical,
)
from tracenode.models.genealogy import EdgeQuality, HitMark, Relation
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus
from tracenode.server.genealogy import answer
from tracenode.server.genealogy.items.narrative import narrative
from tracenode.server.store.writing.journal import microseconds


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.master("station", "SMT", consumption="derive")
    plant.minute = 0
    plant.make("PUMP U1", "PUMP U2", "CAR C1", "STEEL R1", "STEEL R2", "BOX B1")
    plant.minute = 9
    return plant


def load(plant: Plant, minute: float, lot: str, slot: str = "F1") -> Receipt:
    return plant.ok("load", minute, station="SMT", slot=slot, lot=lot)


def unload(plant: Plant, minute: float, slot: str = "F1") -> Receipt:
    return plant.ok("unload", minute, station="SMT", slot=slot)


def visit(plant: Plant, item: str, begin: float, end: float | None = None) -> Receipt:
    started = plant.ok("start", begin, item=item, station="SMT")
    if end is not None:
        plant.ok("complete", end, item=item, station="SMT", evaluation=1)
    return started


def test_S12_a_unit_is_made_from_what_was_mounted_while_it_was_there(plant: Plant) -> None:
    load(plant, 10, "R1")
    visit(plant, "U1", 11, 13)
    (edge,) = made_of(plant, "U1").edges
    assert (edge.relation, edge.quality) == (Relation.Consume, EdgeQuality.Interval)
    assert (edge.position, edge.station, edge.quantity) == ("F1", "SMT", None)
    assert (edge.valid_from, edge.valid_to) == (instant(11), None)
    assert edge.record == plant.rows("SELECT ev FROM visit")[0][0]
    assert texts(used_in(plant, "R1")) == "U1"
    assert detail(plant, "U1").made_from == ("lot:STEEL:R1",)
    assert into(path(plant, "R1", "U1")) == "R1 U1"


def test_loads_and_unloads_are_told_in_words(plant: Plant) -> None:
    plant.ok("load", station="SMT", slot="F1", lot="R1", quantity="5 KGM")
    plant.ok("unload", station="SMT", slot="F1", remaining="2 KGM")
    history = answer(plant.connection, ItemHistory(item="R1"))
    assert history.entries[-1].text == "5 KGM of lot:STEEL:R1 loaded on slot F1 at SMT"
    unload_fields = {"station": "SMT", "slot": "F1", "remaining": "2 KGM"}
    assert narrative("unload", unload_fields) == "slot F1 at SMT unloaded, 2 KGM left"


def test_S12_a_reel_that_is_changed_while_a_unit_is_there_is_in_it_with_the_one_before(
    plant: Plant,
) -> None:
    load(plant, 10, "R1")
    visit(plant, "U1", 11)
    load(plant, 12, "R2")
    plant.ok("complete", 13, item="U1", station="SMT", evaluation=1)
    visit(plant, "U2", 14, 15)
    assert texts(made_of(plant, "U1")) == "R1 R2"
    assert [edge.valid_from for edge in made_of(plant, "U1").edges] == [instant(11), instant(12)]
    assert texts(made_of(plant, "U1", 11.5)) == "R1"
    assert texts(made_of(plant, "U2")) == "R2"
    assert texts(used_in(plant, "R2")) == "U1 U2"
    assert texts(used_in(plant, "R2", 12.5)) == "U1"


def test_S12_what_met_at_no_instant_is_in_nothing(plant: Plant) -> None:
    visit(plant, "U1", 9.2, 10)
    load(plant, 10, "R1")
    unload(plant, 12)
    visit(plant, "U2", 12, 13)
    load(plant, 12.5, "R2")
    load(plant, 12.5, "R1")
    assert texts(made_of(plant, "U1")) == ""
    assert texts(made_of(plant, "U2")) == "R1"
    assert texts(used_in(plant, "R2")) == ""


def test_S12_a_lot_on_two_slots_gives_two_edges(plant: Plant) -> None:
    load(plant, 10, "R1", "F1")
    load(plant, 10, "R1", "F2")
    visit(plant, "U1", 11, 12)
    assert [edge.position for edge in made_of(plant, "U1").edges] == ["F1", "F2"]
    assert [edge.position for edge in used_in(plant, "R1").edges] == ["F1", "F2"]


def test_S12_a_station_that_declares_derives_nothing(plant: Plant) -> None:
    plant.ok("load", 10, station="OP10", slot="F1", lot="R1")
    plant.ok("start", 11, item="U1", station="OP10")
    assert texts(made_of(plant, "U1")) == ""


def test_S12_a_stay_of_any_length_is_found(plant: Plant) -> None:
    for number, minutes in enumerate((0.0001, 0.01, 1, 100, 10_000, 1_000_000)):
        lot = f"L{number}"
        plant.make(f"PUMP V{number}", f"STEEL {lot}")
        visit(plant, f"V{number}", plant.minute + 1, plant.minute + 1 + minutes)
        load(plant, plant.minute - minutes / 2, lot)
        assert f"V{number}" in texts(used_in(plant, lot)).split()
        assert lot in texts(made_of(plant, f"V{number}")).split()


def test_S6_mounted_material_goes_on_with_its_unit(plant: Plant) -> None:
    load(plant, 10, "R1")
    visit(plant, "U1", 11, 12)
    plant.ok("assemble", 13, parent="C1", part="U1")
    assert texts(made_of(plant, "C1")) == "R1 U1"
    assert texts(used_in(plant, "R1")) == "C1 U1"
    plant.ok("remove", 15, parent="C1", part="U1")
    assert texts(made_of(plant, "C1", 14)) == "R1 U1"
    assert texts(made_of(plant, "C1")) == ""
    marks = {node.item: node.mark for node in used_in(plant, "R1").nodes}
    assert marks["sn:CAR:C1"] is HitMark.Removed
    counted = recall(plant, "R1", limit=0)
    assert (counted.affected, dict(counted.by_mark)) == (2, dict(recall(plant, "R1").by_mark))


def test_S13_S15_S19_late_and_void_loads_change_what_is_known_from_then_on(plant: Plant) -> None:
    load(plant, 10, "R1")
    visit(plant, "U1", 11, 13)
    known = plant.seq
    before = {
        question: canonical(answer(plant.connection, question))
        for question in (Ingredients(item="U1"), WhereUsed(item="R1"), RecallScope(item="R1"))
    }
    late = load(plant, 12, "R2")
    assert texts(made_of(plant, "U1")) == "R1 R2"
    wrong = plant.rows("SELECT min(ev) FROM mount")[0][0]
    assert void(plant, wrong, plant.minute + 1).status is TraceStatus.Ok
    assert texts(made_of(plant, "U1")) == "R2"
    assert texts(made_of(plant, "U1", as_known_at=late.position)) == "R1 R2"
    for question, live in before.items():
        assert canonical(answer(plant.connection, replace(question, as_known_at=known))) == live


def test_S19_a_unit_that_was_still_there_as_far_as_was_known_is_found(plant: Plant) -> None:
    visit(plant, "U1", 10)
    load(plant, 12, "R1")
    known = plant.seq
    live = used_in(plant, "R1")
    assert texts(live) == "U1"
    plant.ok("complete", 11, item="U1", station="SMT", evaluation=1)
    assert texts(used_in(plant, "R1")) == ""
    assert canonical(used_in(plant, "R1", as_known_at=known)) == canonical(live)


def test_S5_a_container_on_a_slot_gives_what_was_in_it_meanwhile(plant: Plant) -> None:
    plant.ok("fill", 10, container="B1", lot="R1")
    load(plant, 11, "B1")
    visit(plant, "U1", 12, 13)
    plant.ok("fill", 14, container="B1", lot="R2")
    visit(plant, "U2", 15, 16)
    assert {node.item for node in made_of(plant, "U1").nodes} & {
        "lot:STEEL:R1",
        "lot:STEEL:R2",
    } == {"lot:STEEL:R1"}
    assert {"lot:STEEL:R1", "lot:STEEL:R2"} < {node.item for node in made_of(plant, "U2").nodes}
    plant.ok("empty", 17, container="B1")
    plant.make("PUMP U3")
    visit(plant, "U3", 18, 19)
    assert texts(made_of(plant, "U3")) == ""
    unload(plant, 20)
    assert plant.replayed() == plant.dump()


# ---------------------------------------------------------------- against a list of events
Told = tuple[float, int, str, str, str]
"""(minute, position, kind, slot or unit, lot)."""


@dataclass
class Stay:
    """What is on a slot, or a unit at the station."""

    item: str
    begin: int
    end: int = FOREVER


@dataclass
class Line:
    """A station with two slots, and a plain list of what happened there."""

    random: Random
    plant: Plant = field(default_factory=Plant)
    told: list[Told] = field(default_factory=list)
    voided: dict[int, int] = field(default_factory=dict)
    hour: float = 10

    def __post_init__(self) -> None:
        self.plant.master("station", "SMT", consumption="derive")
        self.plant.make(*(f"PUMP U{i}" for i in range(4)), *(f"STEEL R{i}" for i in range(3)))
        self.plant.minute = 9

    def step(self) -> None:
        random = self.random
        self.hour += random.choice((0, 1, 2))
        minute = self.hour if random.random() < 0.7 else round(random.uniform(9, self.hour))
        unit, lot = f"U{random.randrange(4)}", f"R{random.randrange(3)}"
        slot = random.choice(("F1", "F2"))
        kind = random.choice(("load", "load", "unload", *("start", "complete") * 2, "void"))
        match kind:
            case "load":
                self._take(minute, kind, slot, slot=slot, lot=lot)
            case "unload":
                self._take(minute, kind, slot, slot=slot)
            case "start":
                self._take(minute, kind, f"sn:PUMP:{unit}", item=unit)
            case "complete":
                self._take(minute, kind, f"sn:PUMP:{unit}", item=unit, evaluation=1)
            case _ if self.told:
                seq = random.choice(self.told)[1]
                receipt = void(self.plant, seq, minute)
                if receipt.status is TraceStatus.Ok:
                    self.voided[seq] = receipt.position

    def _take(self, minute: float, kind: str, place: str, **fields: object) -> None:
        receipt = self.plant.book(kind, minute, station="SMT", **fields)
        if self.plant.type_of(receipt) == kind:
            lot = f"lot:STEEL:{fields['lot']}" if kind == "load" else ""
            self.told.append((minute, receipt.position, kind, place, lot))

    def edges(self, known: int) -> set[OracleEdge]:
        """Every derived edge, as known at a position."""
        mounts: list[Stay] = []
        visits: list[Stay] = []
        there: dict[str, Stay] = {}
        for minute, seq, kind, place, lot in sorted(self.told):
            if seq > known or self.voided.get(seq, known + 1) <= known:
                continue
            at = microseconds(instant(minute))
            gone = there.pop(place, None)
            if gone is not None:
                gone.end = at
            if kind in ("load", "start"):
                there[place] = Stay(lot or place, at)
                (mounts if kind == "load" else visits).append(there[place])
        return {
            (unit.item, lot.item, max(lot.begin, unit.begin), FOREVER)
            for lot, unit in product(mounts, visits)
            if max(lot.begin, unit.begin) < min(lot.end, unit.end)
        }


def reached_by(line: Line, question: Ingredients | WhereUsed) -> set[str]:
    return {node.item for node in answer(line.plant.connection, question).nodes}


@pytest.mark.parametrize("seed", range(5))
def test_derived_edges_are_those_of_a_plain_list_of_events(seed: int) -> None:
    line = Line(Random(seed))
    connection = line.plant.connection
    items = [f"sn:PUMP:U{i}" for i in range(4)] + [f"lot:STEEL:R{i}" for i in range(3)]
    asked: list[tuple[Question, int, bytes]] = []
    for _ in range(45):
        line.step()
        item, other = line.random.choices(items, k=2)
        then = line.random.choice((None, instant(line.random.uniform(9, line.hour + 1))))
        kinds: tuple[Question, ...] = (
            Ingredients(item=item, as_of=then),
            Ingredients(item=item, ever=True),
            WhereUsed(item=item, as_of=then),
            PathBetween(item=item, into=other),
            RecallScope(item=item, as_of=then),
            ItemDetail(item=item),
        )
        for question in line.random.sample(kinds, 2):
            asked.append((question, line.plant.seq, canonical(answer(connection, question))))
    for question, position, live in asked:
        assert canonical(answer(connection, replace(question, as_known_at=position))) == live
    into_it: set[tuple[str, str]] = set()
    out_of_it: set[tuple[str, str]] = set()
    for known, item in product((None, line.plant.seq // 2), items):
        edges = line.edges(known or line.plant.seq)
        for then in (None, instant(line.random.uniform(9, line.hour))):
            at = holding(edges, None if then is None else microseconds(then))
            made = reached_by(line, Ingredients(item=item, as_of=then, as_known_at=known))
            used = reached_by(line, WhereUsed(item=item, as_of=then, as_known_at=known))
            assert made == {item} | {lot for unit, lot, *_ in at if unit == item}
            assert used == {item} | {unit for unit, lot, *_ in at if lot == item}
            if known is None and then is None:
                into_it.update((found, item) for found in made)
                out_of_it.update((item, found) for found in used)
        whole = answer(connection, RecallScope(item=item, as_known_at=known))
        assert whole.affected == len({unit for unit, lot, *_ in edges if lot == item})
        assert answer(connection, RecallScope(item=item, as_known_at=known, limit=0)) == replace(
            whole, hits=(), shares_unknown=0
        )
    assert into_it == out_of_it
    assert line.plant.replayed() == line.plant.dump()
