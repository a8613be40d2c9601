"""How SQLite runs every statement of the genealogy: by index, whatever statistics it has, never by
a scan of an interval table, never with a Bloom filter over one (STORE, rules 1 and 2)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import pytest

from tests.genealogy.chance import Chance
from tests.store.oracle import states
from tests.store.plant import instant
from tracenode.models.analysis import MassBalance
from tracenode.models.answers import (
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    RecallScope,
    WhereUsed,
)
from tracenode.server.genealogy import answer
from tracenode.server.genealogy.edges.believed import Lens
from tracenode.server.genealogy.edges.closure import derived_sql
from tracenode.server.genealogy.moment import Span

LARGE = ("edge", "edge_past", "edge_was", "life", "life_was", "visit", "visit_was", "touch")
CONTENTS = ("content", "content_was")
MOUNTED = ("mount", "mount_was", "slot")
HELD = ("hold", "hold_was")
"""Their roots are listed by a scan: holds are few."""


class Overheard(sqlite3.Connection):
    """A connection that keeps the statements it runs."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.heard: dict[str, Any] = {}

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        self.heard.setdefault(sql, parameters)
        return super().execute(sql, parameters)


def mount(chance: Chance) -> None:
    """Load and unload slots at the station where the units are, late ones too, and void a load."""
    plant = chance.plant
    plant.master("station", "OP10", consumption="derive")
    for number in range(12):
        fields = {"station": "OP10", "slot": f"F{number % 3}"}
        minute = 10 + number * 7 % 40
        receipt = plant.book("load", minute, lot=f"L{number % 3}", **fields)
        if number % 4 == 0:
            plant.book("unload", minute + 3, **fields)
        elif number % 4 == 1:
            plant.book("void", record=receipt.record, reason="wrong")


@pytest.fixture(scope="module", params=[False, True], ids=["unmounted", "mounted"])
def asked(request: pytest.FixtureRequest) -> Iterator[Overheard]:
    """A plant that was asked every kind of question at every kind of moment, with the statistics
    of a plant of a million edges."""
    chance = Chance(Random(11))
    for _ in range(120):
        chance.step()
    if request.param:
        mount(chance)
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Overheard)
    chance.plant.connection.backup(connection)
    sqlite3.Connection.execute(connection, "ANALYZE")
    for table, rows in (
        *(("edge", 1_000_000), ("edge_past", 10_000), ("edge_was", 1_000)),
        *(("visit", 1_000_000), ("visit_was", 1_000), ("mount", 10_000), ("mount_was", 100)),
        *(("slot", 1_000), ("content", 100_000), ("content_was", 100)),
    ):
        sqlite3.Connection.execute(
            connection,
            "UPDATE sqlite_stat1 SET stat=? || substr(stat, instr(stat, ' ')) WHERE tbl=?",
            (rows, table),
        )
    sqlite3.Connection.execute(connection, "ANALYZE sqlite_schema")
    exist = sorted(states(chance.told, chance.plant.seq))[::3]
    times = (None, instant(20))
    for item, as_of, known, limit in product(exist, times, (None, 60, 100), (100_000, 1)):
        if item not in states(chance.told, known or chance.plant.seq):
            continue
        common: dict[str, Any] = {"item": item, "as_of": as_of, "as_known_at": known}
        for question in (
            Ingredients(**common, max_nodes=limit),
            Ingredients(**common, ever=True, max_nodes=limit),
            WhereUsed(**common, max_nodes=limit),
            WhereUsed(**common, max_nodes=limit, ever=True),
            RecallScope(**common, max_nodes=limit),
            RecallScope(**common, limit=0, ever=True),
            *((MassBalance(**common),) if item.startswith("lot:") else ()),
            PathBetween(**common, into=item),
            ItemHistory(**common),
            ItemDetail(**common),
        ):
            answer(connection, question)
    yield connection
    connection.close()


def plans(connection: Overheard) -> Iterator[tuple[str, str]]:
    for sql, parameters in connection.heard.items():
        if sql in ("BEGIN", "ROLLBACK"):
            continue
        rows = sqlite3.Connection.execute(connection, f"EXPLAIN QUERY PLAN {sql}", parameters)
        yield sql, "\n".join(row[3] for row in rows)


def test_derived_edges_are_met_by_index_beside_an_adjacency_index(asked: Overheard) -> None:
    for span, up in product((Span.Now, Span.Ever), (True, False)):
        sql = derived_sql(Lens(span, live=True, bounded=False, mounts=True), up=up)
        rows = sqlite3.Connection.execute(asked, f"EXPLAIN QUERY PLAN {sql}", {"ids": "[1]"})
        plan = "\n".join(row[3] for row in rows)
        assert "BLOOM" not in plan
        scanned = set(re.findall(r"^SCAN (\S+)", plan, re.MULTILINE))
        assert scanned <= {"json_each", "w"}, plan


def aliases(sql: str) -> dict[str, str]:
    """The tables of a statement by the names they have in its plan."""
    found = re.findall(r"(?:FROM|JOIN) ([a-z_]+)(?: ([a-z]+))?(?= |\)|$)", sql)
    return {alias or table: table for table, alias in found}


def test_every_statement_was_met(asked: Overheard) -> None:
    heard = "\n".join(asked.heard)
    for table in (*LARGE, *CONTENTS, *HELD, "journal", "void"):
        assert re.search(rf"\b{table}\b", heard), table
    for words in ("INDEXED BY edge_was_out", "IN a", ":T+0*", ":K+0*"):
        assert words in heard, words


def test_no_statement_scans_an_interval_table_or_the_journal(asked: Overheard) -> None:
    for sql, plan in plans(asked):
        names = aliases(sql)
        for scanned in re.findall(r"^SCAN (\w+)", plan, re.MULTILINE):
            read = names.get(scanned, scanned)
            assert read not in (*LARGE, *CONTENTS, *MOUNTED, "journal", "item"), f"{sql}\n{plan}"


def test_no_statement_builds_a_bloom_filter_over_a_table(asked: Overheard) -> None:
    for sql, plan in plans(asked):
        assert "BLOOM" not in plan, f"{sql}\n{plan}"
        assert not re.search(r"AUTOMATIC .*INDEX ON? ?e\b", plan), f"{sql}\n{plan}"


def test_edges_are_met_by_the_index_of_their_direction(asked: Overheard) -> None:
    met = set()
    for sql, plan in plans(asked):
        for use in re.findall(r"^SEARCH e USING (.*)$", plan, re.MULTILINE):
            met.add(use)
            assert re.match(
                r"(PRIMARY KEY \(dst=\?|(COVERING )?INDEX edge(_past|_was)?_out \(src=\?"
                r"|INDEX edge_(install|contain) \(src=\?)",
                use,
            ), f"{sql}\n{plan}"
    assert len(met) > 4


def test_derived_edges_are_met_by_two_seeks_for_each_slot_or_mount(asked: Overheard) -> None:
    met: dict[str, set[str]] = {}
    for sql, plan in plans(asked):
        if "derive" in sql:
            for alias, use in re.findall(r"^SEARCH (mt|mb|sl|v) USING (.*)$", plan, re.MULTILINE):
                met.setdefault(alias, set()).add(use)
    if not met:
        assert not any("visit_stay" in sql for sql in asked.heard)
        return
    assert met == {
        "mt": {
            "PRIMARY KEY (slot=? AND at>? AND at<?)",
            "INDEX mount_item (item=?)",
            "INDEX mount_was_item (item=?)",
        },
        "sl": {
            "COVERING INDEX sqlite_autoindex_slot_1 (station=?)",
            "INTEGER PRIMARY KEY (rowid=?)",
        },
        "v": {
            "PRIMARY KEY (item=?)",
            "INDEX visit_stay (station=? AND <expr>=? AND at>? AND at<?)",
            "INDEX visit_stay (station=? AND <expr>=? AND at<?)",
            "INDEX visit_was_stay (station=? AND <expr>=? AND at<?)",
        },
        "mb": {"PRIMARY KEY (slot=? AND at<?)"},
    }
