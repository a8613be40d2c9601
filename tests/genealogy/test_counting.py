"""What holds an item is counted the same by the adjacency index as by the tables: on random plants
with late events, voids, corrections, tanks, mounted material and placeholders, at every position
since the file was made (ADR 009)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.genealogy.chance import BOXES, LOTS, UNITS
from tests.genealogy.test_adjacency_laws import IDENTITY, Indexed, Mounting
from tests.store.plant import Plant
from tracenode.models.answers import RecallScope, WhereUsed
from tracenode.models.genealogy import HitMark
from tracenode.server.genealogy import answer
from tracenode.server.genealogy.answers import census, tally
from tracenode.server.genealogy.answers.counts import Counts
from tracenode.server.genealogy.answers.recall import recall_scope
from tracenode.server.genealogy.edges.closure import reachable
from tracenode.server.genealogy.edges.contents import origin_of
from tracenode.server.genealogy.moment import Span, moment_of
from tracenode.server.store.adjacency.layout import open_index, write_index
from tracenode.server.store.adjacency.overlay import Overlay
from tracenode.server.store.adjacency.reach import Adjacency
from tracenode.server.store.booking.dependants import dependants
from tracenode.server.store.projecting.facts import Fact, entry, record_at
from tracenode.server.store.reading.snapshot import Reading
from tracenode.server.store.schema import INF

UNKNOWN = ("X0", "X1", "X2")


@pytest.fixture(params=["all states looked through", "each state read"])
def small(request: pytest.FixtureRequest) -> Iterator[None]:
    """However few the items are, they are counted by the index, three at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(census, "MANY", 0)
        patch.setattr(tally, "AT_ONCE", 3)
        patch.setattr(tally, "DENSE", 0 if request.param.startswith("each") else INF)
        yield


class Guessing(Mounting):
    """Parts that nobody registered come up, and are identified; much is packed and leaves."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.plant.master("station", "OP30", unknown_items="placeholder")

    def step(self) -> None:
        random = self.random
        unit, unknown = random.choice(UNITS), random.choice(UNKNOWN)
        minute = random.choice((self._hour, random.uniform(0, self._hour)))
        match random.randrange(12):
            case 0:
                self._take("assemble", minute, parent=unit, part=unknown, station="OP30")
            case 1:
                lot = random.choice(LOTS)
                self._take("consume", minute, item=unknown, lot=lot, station="OP30")
            case 2:
                self._take("identify", minute, placeholder=unknown, item=unit)
            case 3:
                self._take("pack", minute, container=random.choice(BOXES), item=unit)
            case 4:
                self._take("ship", minute, items=[random.choice((unit, *BOXES))])
            case _:
                super().step()


class Counted:
    """Counts of what holds every item of a store, by both ways."""

    def __init__(self, reading: Reading) -> None:
        self.tables: dict[int, Counts] = {}
        self.index: dict[int, Counts] = {}
        moment = moment_of(reading, WhereUsed(item=""))
        for (item,) in reading.rows("SELECT id FROM item"):
            starts = origin_of(reading, item, moment, Span.Now, up=False).starts
            items = reachable(reading, starts, moment, Span.Now, up=False, limit=INF)
            self.tables[item] = in_order(census.by_tables(reading, starts, items, moment))
            counted = census.by_index(reading, starts, items, moment)
            assert counted is not None
            self.index[item] = in_order(counted)


def in_order(counts: Counts) -> Counts:
    return Counts(
        counts.affected,
        sorted((material, state, count) for material, state, count in counts.lines),
        sorted((mark, count) for mark, count in counts.marks),
        sorted(counts.open_ends),
        counts.pooled,
        counts.placeholders,
        sorted(counts.owners),
    )


@settings(
    max_examples=8,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32).map(Random))
@pytest.mark.usefixtures("small")
def test_index_and_tables_count_the_same_at_every_position(random: Random) -> None:
    chance = Guessing(random)
    plant, connection = chance.plant, chance.plant.connection
    for _ in range(random.randint(0, 40)):
        chance.step()
    connection.moved = []
    overlay = Overlay()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "plant.db"
        write_index(connection, database, IDENTITY)
        base = open_index(connection, database, IDENTITY)
        for _ in range(16):
            counted = Counted(Indexed(connection, Adjacency(base, overlay, plant.seq)))
            assert counted.index == counted.tables
            chance.step()
            overlay.hand_over(plant.seq, connection.moved)
            connection.moved = []


@pytest.mark.usefixtures("small")
def test_a_recall_counts_what_is_behind_the_file_and_what_was_put_into_it() -> None:
    """The file knows U0; U1 and N come afterwards, and N goes into U0 without being of the lot."""
    plant = Plant()
    plant.make("PUMP U0", "BOX B")
    plant.ok("receive", item="L", material="STEEL")
    plant.ok("consume", item="U0", lot="L")
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "plant.db"
        write_index(plant.connection, database, IDENTITY)
        base = open_index(plant.connection, database, IDENTITY)
        plant.connection.moved = []
        plant.make("PUMP U1", "MOTOR N")
        plant.ok("consume", item="U1", lot="L")
        plant.ok("assemble", parent="U0", part="N")
        plant.ok("pack", container="B", item="U0")
        plant.ok("ship", items=["B"])
        overlay = Overlay()
        overlay.hand_over(plant.seq, plant.connection.moved)
        question = RecallScope(item="lot:STEEL:L", limit=0)
        reading = Indexed(plant.connection, Adjacency(base, overlay, plant.seq))
        counted = recall_scope(reading, question)
        assert counted == answer(plant.connection, question)
        assert dict(counted.by_material) == {"PUMP": 2, "BOX": 1}
        assert counted.end_items == 2
        assert counted.statement.frontier == ("sn:PUMP:U1",)


@pytest.mark.usefixtures("small")
def test_what_is_only_mounted_for_something_is_no_end() -> None:
    """U0 is made from L0 on a slot, and goes into L1, from which U1 is made on the slot."""
    plant = Mounting(Random(1)).plant
    with tempfile.TemporaryDirectory() as folder:
        for n in range(2):
            plant.ok("load", station="OP10", slot="F1", lot=f"L{n}")
            plant.ok("start", item=f"U{n}", station="OP10")
            plant.ok("complete", item=f"U{n}", station="OP10", evaluation=1)
            if not n:
                plant.ok("consume", item="L1", lot="U0", station="OP20")
        database = Path(folder) / "plant.db"
        write_index(plant.connection, database, IDENTITY)
        base = open_index(plant.connection, database, IDENTITY)
        reading = Indexed(plant.connection, Adjacency(base, Overlay(), plant.seq))
        question = RecallScope(item="lot:STEEL:L0", limit=0)
        counted = recall_scope(reading, question)
        assert counted == answer(plant.connection, question)
        assert (counted.affected, counted.end_items) == (3, 1)


@pytest.mark.usefixtures("small")
def test_a_state_that_was_given_up_since_the_file_is_not_counted() -> None:
    """U0 was scrapped; then its registration is void, and what went into it stays."""
    plant = Plant()
    connection = plant.connection
    plant.ok("receive", item="L", material="STEEL")
    plant.make("PUMP U0")
    registered = plant.seq
    plant.ok("consume", item="U0", lot="L")
    plant.ok("scrap", item="U0")
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "plant.db"
        write_index(connection, database, IDENTITY)
        base = open_index(connection, database, IDENTITY)
        question = RecallScope(item="lot:STEEL:L", limit=0)
        before = recall_scope(Indexed(connection, Adjacency(base, Overlay(), plant.seq)), question)
        assert dict(before.by_mark) == {HitMark.Scrapped: 1}
        _, at, event = entry(connection, registered)
        assert event is not None
        told = [
            record_at(connection, seq)
            for seq in dependants(connection, Fact(at, registered, event))
        ]
        plant.ok(
            "void", record=record_at(connection, registered), reason="wrong", acknowledged=told
        )
        after = recall_scope(Indexed(connection, Adjacency(base, Overlay(), plant.seq)), question)
        assert after == answer(connection, question)
        assert dict(after.by_mark) == {HitMark.Current: 1}


def test_a_few_items_are_counted_by_one_statement() -> None:
    plant = Plant()
    plant.make("PUMP U0")
    plant.ok("receive", item="L", material="STEEL")
    plant.ok("consume", item="U0", lot="L")
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "plant.db"
        write_index(plant.connection, database, IDENTITY)
        base = open_index(plant.connection, database, IDENTITY)
        reading = Indexed(plant.connection, Adjacency(base, Overlay(), plant.seq))
        moment = moment_of(reading, WhereUsed(item=""))
        assert census.by_index(reading, [2], [1, 2], moment) is None
