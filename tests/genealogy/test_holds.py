"""What answers say is on hold, against brute force (SEMANTICS S17, S19)."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.genealogy.asking import detail, made_of
from tests.store.oracle import FOREVER, Told, edges, holding, valid
from tests.store.plant import Plant, instant, misremembered
from tracenode.models.answers import ItemDetail
from tracenode.models.errors import UnknownItem
from tracenode.models.events import Complete, Hold, Release, Start, Void
from tracenode.server.genealogy import answer
from tracenode.server.store.booking.dependants import dependants
from tracenode.server.store.booking.holds import blocking_hold
from tracenode.server.store.projecting.facts import entry, fact_of, record_at
from tracenode.server.store.writing.journal import microseconds

UNITS = tuple(f"U{i}" for i in range(5))
ITEMS = (*(f"sn:PUMP:{text}" for text in UNITS), "lot:STEEL:L0", "lot:STEEL:L1")
KINDS = (
    *("start",) * 5,
    *("complete",) * 4,
    *("assemble",) * 4,
    *("remove",) * 2,
    *("consume",) * 2,
    "hold",
    *("window",) * 2,
    *("release",) * 2,
    *("void",) * 3,
)


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.make("CAR C1", "PUMP P1")
    plant.ok("start", 10, item="P1", station="OP10")
    plant.ok("complete", 12, item="P1", station="OP10", evaluation=1)
    plant.ok("assemble", 14, parent="C1", part="P1")
    return plant


def test_S17_answers_show_what_a_window_holds_and_since_when(plant: Plant) -> None:
    window = {"station": "OP10", "since": instant(11), "until": instant(13)}
    hold = plant.ok("hold", 20, scope="window", window=window, reason="cold")
    plant.ok("release", 25, hold=hold.record, reason="fine")
    for minute, held in ((19, False), (20, True), (24, True), (25, False)):
        assert [node.on_hold for node in made_of(plant, "C1", minute).nodes] == [held, held]
    assert not detail(plant, "C1").on_hold
    assert detail(plant, "C1", as_known_at=hold.position).on_hold


def test_S17_a_window_in_the_future_holds_from_then_on(plant: Plant) -> None:
    plant.make("PUMP P2")
    plant.ok("start", 20, item="P2", station="OP10")
    window = {"station": "OP10", "since": instant(30)}
    plant.ok("hold", 21, scope="window", window=window, reason="cold")
    assert not detail(plant, "P2", 29).on_hold
    assert detail(plant, "P2", 30).on_hold
    plant.ok("complete", 28, item="P2", station="OP10", evaluation=1)
    assert not detail(plant, "P2", 30).on_hold
    assert not detail(plant, "P2").on_hold


class Chance:
    """Holds, releases, voids and late visits by chance, and what was told of them."""

    def __init__(self, random: Random) -> None:
        self.random, self.plant = random, Plant()
        self.told: list[Told] = []
        self._hour = 1.0
        for text in UNITS:
            self._take("register", 0, item=text, material="PUMP")
        for text in ("L0", "L1"):
            self._take("register", 0, item=text, material="STEEL")
        for station in ("OP0", "OP1"):
            self.plant.master("station", station)

    def step(self) -> None:
        random = self.random
        self._hour += random.choice((0, 1, 2))
        minute = self._hour if random.random() < 0.6 else random.uniform(0, self._hour)
        kind = random.choice(KINDS)
        unit, other = random.sample(UNITS, 2)
        station = random.choice(("OP0", "OP1"))
        match kind:
            case "start":
                self._take(kind, minute, item=unit, station=station)
            case "complete":
                open_ = {t.event.item for t in self.told if isinstance(t.event, Start)}
                item = random.choice(sorted(open_) or [unit])
                self._take(kind, minute, item=item, station=station, evaluation=1)
            case "assemble":
                self._take(kind, minute, parent=unit, part=other)
            case "remove":
                sits = sorted(self.plant.edges())
                parent, part = random.choice(sits) if sits else (unit, other)
                self._take(kind, minute, parent=parent, part=part)
            case "consume":
                self._take(kind, minute, item=unit, lot=random.choice(("L0", "L1")))
            case "hold":
                scope = random.choice(("item", "where_used"))
                self._take(kind, minute, item=random.choice(ITEMS), scope=scope, reason="r")
            case "window":
                low = random.choice((None, random.uniform(0, 30)))
                high = random.choice((None, (low or 0) + random.uniform(1, 20)))
                times = (("since", low), ("until", high))
                given = {name: instant(at) for name, at in times if at is not None}
                window = {"station": station, **given}
                self._take("hold", minute, scope="window", window=window, reason="r")
            case "release":
                holds = [t.seq for t in self.told if isinstance(t.event, Hold)]
                if holds:
                    record = record_at(self.plant.connection, random.choice(holds))
                    self._take(kind, minute, hold=record, reason="r")
            case _:
                self._void(minute)

    def _void(self, minute: float) -> None:
        connection = self.plant.connection
        told = self.random.choice(self.told[7:] or self.told)
        if told.event is None:
            return
        fact = fact_of(connection, told.seq, told.at, told.event)
        listed = [record_at(connection, seq) for seq in dependants(connection, fact)]
        record = record_at(connection, told.seq)
        self._take("void", minute, record=record, reason="r", acknowledged=listed)

    def _take(self, kind: str, minute: float, **fields: Any) -> None:
        receipt = self.plant.book(kind, minute, **fields)
        connection = self.plant.connection
        assert not misremembered(connection)
        _, at, event = entry(connection, receipt.position)
        if isinstance(event, Void):
            voids = next(t.seq for t in self.told if record_at(connection, t.seq) == event.record)
            self.told.append(Told(receipt.position, at, None, voids))
        elif event is not None:
            self.told.append(Told(receipt.position, at, event))

    # -------------------------------------------------------------- brute force
    def _visits(self, known: int) -> list[tuple[str, str, int, int]]:
        found: list[tuple[str, str, int, int]] = []
        open_: dict[str, tuple[str, int]] = {}

        def leave(item: str, at: int) -> None:
            if item in open_:
                found.append((item, *open_.pop(item), at))

        for t in valid(self.told, known):
            match t.event:
                case Start(item=item, station=station):
                    leave(item, t.at)
                    open_[item] = (station, t.at)
                case Complete(item=item, station=station) if open_.get(item, ("",))[0] == station:
                    leave(item, t.at)
                case _:
                    pass
        return found + [(item, *visit, FOREVER) for item, visit in open_.items()]

    def held(self, at: int | None, known: int) -> set[str]:
        """Return the public ids of what is on hold at an instant, as known at a position."""
        facts = valid(self.told, known)
        ends: dict[int, int] = {}
        for t in facts:
            if isinstance(t.event, Release):
                hold = fact_of(self.plant.connection, t.seq, t.at, t.event).hold
                ends.setdefault(hold, t.at)
        now = FOREVER - 1 if at is None else at
        own: set[str] = set()
        roots: set[str] = set()
        for t in facts:
            if not isinstance(t.event, Hold):
                continue
            end = ends.get(t.seq, FOREVER)
            if not (end == FOREVER if at is None else t.at <= at < end):
                continue
            if t.event.window is None:
                (roots if t.event.scope == "where_used" else own).add(t.event.item)
                continue
            window = t.event.window
            low = -FOREVER if window.since is None else microseconds(window.since)
            high = FOREVER if window.until is None else microseconds(window.until)
            for item, station, begin, left in self._visits(known):
                first, last = max(begin, low), min(left, high)
                inside = first < last or begin == left == first < high
                if station == window.station and inside and first <= now:
                    roots.add(item)
        standing = holding(edges(self.told, known), at)
        while more := {edge[0] for edge in standing if edge[1] in roots} - roots:
            roots |= more
        return own | roots


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(st.integers(0, 2**32).map(Random))
def test_S17_what_is_held_is_what_brute_force_finds(random: Random) -> None:
    chance = Chance(random)
    connection = chance.plant.connection
    for _ in range(35):
        chance.step()
    numbers = {
        f"{scheme}:{part}:{text}": number
        for number, scheme, part, text in chance.plant.rows(
            "SELECT i.id, y.scheme, y.code, i.text FROM item i JOIN type y ON y.id=i.type"
        )
    }
    blocked = {public for public in ITEMS if blocking_hold(connection, numbers[public])}
    assert blocked == chance.held(None, chance.plant.seq)
    for known in (None, random.randint(15, chance.plant.seq)):
        for minute in (None, random.uniform(0, 40)):
            at = None if minute is None else microseconds(instant(minute))
            expected = chance.held(at, known or chance.plant.seq)
            as_of = None if minute is None else instant(minute)
            for item in ITEMS:
                question = ItemDetail(item=item, as_of=as_of, as_known_at=known)
                try:
                    view = answer(connection, question).view
                except UnknownItem:
                    continue
                assert view.on_hold == (item in expected), (item, minute, known)
    assert chance.plant.replayed() == chance.plant.dump()
