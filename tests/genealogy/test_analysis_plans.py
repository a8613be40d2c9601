"""How SQLite runs the statements of the analysis: by index, whatever statistics it has (STORE,
rules 1 and 2)."""

from __future__ import annotations

import re
import sqlite3
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from tests.genealogy.chance import Chance
from tests.genealogy.test_analysis import questions
from tests.genealogy.test_plans import LARGE, Overheard, aliases, plans
from tracenode.models.answers import Asked
from tracenode.models.errors import TraceError
from tracenode.server.genealogy import answer


@pytest.fixture(scope="module")
def asked() -> Overheard:
    """A plant that was asked every question, with the statistics of a million edges."""
    chance = Chance(Random(11))
    for _ in range(120):
        chance.step()
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Overheard)
    chance.plant.connection.backup(connection)
    sqlite3.Connection.execute(connection, "ANALYZE")
    for table, rows in (
        *(("edge", 1_000_000), ("visit", 100_000), ("visit_was", 1_000)),
        *(("content", 100_000), ("content_was", 100)),
    ):
        sqlite3.Connection.execute(
            connection,
            "UPDATE sqlite_stat1 SET stat=? || substr(stat, instr(stat, ' ')) WHERE tbl=?",
            (rows, table),
        )
    sqlite3.Connection.execute(connection, "ANALYZE sqlite_schema")
    for known in (None, 60, 100):
        for question in (q for _ in range(8) for q in questions(chance)):
            _ask(connection, question, known)
    return connection


def _ask(connection: Overheard, question: Asked, known: int | None) -> None:
    with suppress(TraceError):
        answer(connection, replace(question, as_known_at=known))


def test_every_statement_was_met(asked: Overheard) -> None:
    heard = "\n".join(asked.heard)
    for words in ("_stay ON", "visit_was", "t(r,n)", "item_type", "'refused'", "FROM master"):
        assert words in heard, words


def test_nothing_large_is_scanned_and_no_bloom_filter_is_built(asked: Overheard) -> None:
    for sql, plan in plans(asked):
        assert "BLOOM" not in plan, f"{sql}\n{plan}"
        names = aliases(sql)
        for scanned in re.findall(r"^SCAN (\w+)", plan, re.MULTILINE):
            assert names.get(scanned, scanned) not in (*LARGE, "journal", "item"), f"{sql}\n{plan}"


def test_operations_within_a_time_are_sought_by_their_stay(asked: Overheard) -> None:
    met = {
        use
        for sql, plan in plans(asked)
        if ":begin" in sql
        for use in re.findall(r"SEARCH x USING (.*)$", plan, re.MULTILINE)
    }
    assert "INDEX visit_stay (station=? AND <expr>=? AND at>? AND at<?)" in met, met
    assert "INDEX visit_at (station=? AND at>? AND at<?)" in met, met
