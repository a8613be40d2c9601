"""Both tiers find what plain networkx finds in the rows: on random plants with late events, voids
and corrections, tanks and mounted material, as the file has it and with what came since, with numpy
and without (ADR 009)."""

from __future__ import annotations

import itertools
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.genealogy.chance import BOXES, LOTS, Chance
from tests.store.oracle import states
from tracenode.models.analysis import Impact
from tracenode.models.answers import Ingredients, RecallScope, WhereUsed
from tracenode.server.genealogy.analysis.impact import impact
from tracenode.server.genealogy.answers.lineage import ingredients, where_used
from tracenode.server.genealogy.answers.recall import recall_scope
from tracenode.server.genealogy.edges.closure import reachable
from tracenode.server.genealogy.moment import Span, moment_of
from tracenode.server.store.adjacency import layout, reach
from tracenode.server.store.adjacency.layout import Base, Near, open_index, write_index
from tracenode.server.store.adjacency.moved import moved_since
from tracenode.server.store.adjacency.overlay import Overlay
from tracenode.server.store.adjacency.reach import Adjacency
from tracenode.server.store.file.database import StoreIdentity
from tracenode.server.store.reading.snapshot import Connection, Reading, snapshot
from tracenode.server.store.schema import INF

IDENTITY = StoreIdentity("0", "S")
SEARCHES = [(up, span) for up in (True, False) for span in (Span.Now, Span.Ever)]
Found = dict[tuple[int, bool, Span], set[int]]

laws = settings(
    max_examples=6,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
chances = st.integers(0, 2**32).map(Random)


@pytest.fixture(params=["one by one", "sets", "numpy"])
def ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """Levels are always so small, or so large, that they are searched in one way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "HUGE", 0 if request.param == "numpy" else INF)
        patch.setattr(reach, "FEW", INF if request.param == "one by one" else 0)
        yield


class Mounting(Chance):
    """Lots and tanks are loaded on two slots of a station that derives what its units are made
    from, late ones too."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.plant.master("station", "OP10", consumption="derive")

    def step(self) -> None:
        random = self.random
        if random.random() < 0.7:
            return super().step()
        place = {"station": "OP10", "slot": random.choice(("F1", "F2"))}
        minute = random.choice((self._hour, random.uniform(0, self._hour)))
        if random.random() < 0.2:
            return self._take("unload", minute, **place)
        return self._take("load", minute, **place, lot=random.choice((*LOTS, *BOXES)))


class Indexed(Reading):
    """A reading with an index of the test's."""

    def __init__(self, connection: Connection, indexed: Adjacency) -> None:
        super().__init__(connection)
        self.indexed = indexed

    def adjacency(self, position: int) -> Adjacency | None:
        assert position == self.indexed.position
        return self.indexed


def by_tables(reading: Reading) -> Found:
    moment = moment_of(reading, WhereUsed(item=""))
    return {
        (item, up, span): set(reachable(reading, [item], moment, span, up=up, limit=INF))
        for (item,) in reading.rows("SELECT id FROM item")
        for up, span in SEARCHES
    }


def by_sql(connection: Connection) -> Found:
    with snapshot(connection) as reading:
        return by_tables(reading)


def by_both(connection: Connection, adjacency: Adjacency) -> Found:
    """By the index, and where it knows nothing, by the tables."""
    return by_tables(Indexed(connection, adjacency))


def derived(connection: Connection) -> list[tuple[int, int]]:
    """What was mounted, with what was there meanwhile: every pair is tried."""
    mounts = connection.execute(
        "SELECT s.station, m.item, m.at, m.until FROM mount m JOIN slot s ON s.id=m.slot"
        " WHERE m.derive=1"
    ).fetchall()
    visits = connection.execute("SELECT station, item, at, until FROM visit").fetchall()
    return [
        (lot, unit)
        for place, lot, on, off in mounts
        for station, unit, came, went in visits
        if place == station and max(on, came) < min(off, went)
    ]


def by_networkx(connection: Connection) -> Found:
    rows = connection.execute("SELECT src, dst FROM edge").fetchall()
    now: nx.DiGraph[int] = nx.DiGraph(rows + derived(connection))
    past = connection.execute("SELECT src, dst FROM edge_past WHERE at<until").fetchall()
    ever: nx.DiGraph[int] = nx.DiGraph([*now.edges, *past])
    found: Found = {}
    for (item,) in connection.execute("SELECT id FROM item").fetchall():
        for up, span in SEARCHES:
            graph = now if span is Span.Now else ever
            there = (nx.ancestors if up else nx.descendants)(graph, item) if item in graph else ()
            found[item, up, span] = {item, *there}
    return found


def by_index(base: Base, overlay: Overlay, position: int, asked: Found) -> Found:
    adjacency = Adjacency(base, overlay, position)
    return {
        (item, up, span): set(
            adjacency.reachable([item], lambda: None, up=up, ever=span is Span.Ever, limit=INF)
        )
        for item, up, span in asked
    }


def made(connection: Connection, folder: str) -> Base:
    database = Path(folder) / "plant.db"
    write_index(connection, database, IDENTITY)
    return open_index(connection, database, IDENTITY)


@laws
@given(chances)
@pytest.mark.usefixtures("ways")
def test_file_tables_and_networkx_find_the_same(random: Random) -> None:
    chance = Chance(random)
    connection = chance.plant.connection
    for _ in range(40):
        chance.step()
    with tempfile.TemporaryDirectory() as folder:
        base = made(connection, folder)
        expected = by_networkx(connection)
        assert by_sql(connection) == expected
        assert by_index(base, Overlay(), base.watermark, expected) == expected


@laws
@given(chances)
@pytest.mark.usefixtures("ways")
def test_what_came_since_is_found_at_every_position(random: Random) -> None:
    chance = Chance(random)
    plant, connection = chance.plant, chance.plant.connection
    for _ in range(random.randint(0, 30)):
        chance.step()
    overlay, live = Overlay(), {plant.seq: by_sql(connection)}
    connection.moved = []
    with tempfile.TemporaryDirectory() as folder:
        base = made(connection, folder)
        for _ in range(20):
            chance.step()
            overlay.hand_over(plant.seq, connection.moved)
            connection.moved = []
            live[plant.seq] = by_sql(connection)
        for position, expected in live.items():
            assert by_index(base, overlay, position, expected) == expected, position
        after = made(connection, folder)
        assert by_index(after, Overlay(), after.watermark, live[plant.seq]) == live[plant.seq]


@laws
@given(chances)
@pytest.mark.usefixtures("ways")
def test_the_tables_say_what_came_since(random: Random) -> None:
    chance = Chance(random)
    plant, connection = chance.plant, chance.plant.connection
    bases = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(4):
            for _ in range(random.randint(0, 15)):
                chance.step()
            bases.append(made(connection, folder))
        expected = by_sql(connection)
        for base in bases:
            overlay = Overlay()
            overlay.begin(plant.seq, moved_since(connection, base.watermark, 10_000))
            assert by_index(base, overlay, plant.seq, expected) == expected


@laws
@given(chances)
@pytest.mark.usefixtures("ways")
def test_what_was_mounted_is_found_by_both_tiers(random: Random) -> None:
    chance = Mounting(random)
    plant, connection = chance.plant, chance.plant.connection
    for _ in range(random.randint(0, 30)):
        chance.step()
    connection.moved = []
    overlay = Overlay()
    with tempfile.TemporaryDirectory() as folder:
        base = made(connection, folder)
        for _ in range(20):
            chance.step()
            overlay.hand_over(plant.seq, connection.moved)
            connection.moved = []
        expected = by_networkx(connection)
        assert by_sql(connection) == expected
        assert by_both(connection, Adjacency(base, overlay, plant.seq)) == expected


@laws
@given(chances)
@pytest.mark.usefixtures("ways")
def test_answers_are_the_same_with_the_index_and_without(random: Random) -> None:
    chance = Mounting(random)
    connection = chance.plant.connection
    for _ in range(40):
        chance.step()
    with tempfile.TemporaryDirectory() as folder:
        adjacency = Adjacency(made(connection, folder), Overlay(), chance.plant.seq)
        alone, beside = Reading(connection), Indexed(connection, adjacency)
        exist = sorted(states(chance.told, chance.plant.seq))
        for item in random.sample(exist, min(3, len(exist))):
            for ever in (True, False):
                made_of = Ingredients(item=item, ever=ever)
                assert ingredients(beside, made_of) == ingredients(alone, made_of)
            used_in = WhereUsed(item=item)
            assert where_used(beside, used_in) == where_used(alone, used_in)
            whole = recall_scope(alone, RecallScope(item=item))
            counted = replace(whole, hits=(), shares_unknown=0)
            for reading in (alone, beside):
                assert recall_scope(reading, RecallScope(item=item)) == whole
                assert recall_scope(reading, RecallScope(item=item, limit=0)) == counted
                touched = impact(reading, Impact(item=item))
                assert touched.affected == whole.affected
                assert touched.statement == whole.statement


def test_what_was_mounted_leads_to_what_was_mounted_again() -> None:
    """U0 is made from L0 on a slot; U0 is welded into L1, on a slot for U1; and so on."""
    chance = Mounting(Random(1))
    plant = chance.plant
    for n in range(3):
        plant.ok("load", station="OP10", slot="F1", lot=f"L{n}")
        plant.ok("start", item=f"U{n}", station="OP10")
        plant.ok("complete", item=f"U{n}", station="OP10", evaluation=1)
        if n < 2:
            plant.ok("consume", item=f"L{n + 1}", lot=f"U{n}", station="OP20")
    with tempfile.TemporaryDirectory() as folder:
        base = made(plant.connection, folder)
        found = by_both(plant.connection, Adjacency(base, Overlay(), plant.seq))
        whole = by_networkx(plant.connection)
        assert found == whole
        assert max(map(len, found.values())) == 6
        reading = Indexed(plant.connection, Adjacency(base, Overlay(), plant.seq))
        moment = moment_of(reading, WhereUsed(item=""))
        for (item, up, span), limit in itertools.product(whole, range(1, 7)):
            cut = reachable(reading, [item], moment, span, up=up, limit=limit)
            assert len(cut) == min(limit, len(whole[item, up, span]))
            assert whole[item, up, span].issuperset(cut)


@pytest.mark.usefixtures("ways")
def test_what_is_remembered_of_neighbours_is_bounded_by_how_many_they_are() -> None:
    items, each = 1_000, layout.NEAR
    near = Near(
        memoryview(array("q", range(0, (items + 1) * each, each))),
        memoryview(array("i", range(items * each))),
        ever=False,
    )
    for item in range(items):
        assert near[item] == [*range(item * each, (item + 1) * each)]
        assert sum(len(kept) for kept in near.values()) <= layout.REMEMBERED
    assert near


def test_a_limit_bounds_what_is_found() -> None:
    chance = Chance(Random(3))
    for _ in range(60):
        chance.step()
    with tempfile.TemporaryDirectory() as folder:
        base = made(chance.plant.connection, folder)
        adjacency = Adjacency(base, Overlay(), base.watermark)
        for item in range(1, base.items):
            whole = adjacency.reachable([item], lambda: None, up=False, ever=True, limit=INF)
            for limit in (1, 2, 3, len(whole)):
                cut = adjacency.reachable([item], lambda: None, up=False, ever=True, limit=limit)
                assert len(cut) == min(limit, len(whole))
                assert set(cut) <= set(whole)
