"""`verify`: the first altered, missing or reordered entry is found and named; damaged pages, cut
journals and tables that disagree too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.line import fill, masters, open_line, unit
from tracenode.models.errors import SchemaMismatch, StoreError
from tracenode.server.store.file.verify import Anchor, verify

UNITS = 40
RENUMBER = "UPDATE journal SET seq = seq - 1 WHERE seq > 50"
SWAP = (
    "UPDATE journal SET seq = -1 WHERE seq = 50",
    "UPDATE journal SET seq = 50 WHERE seq = 51",
    "UPDATE journal SET seq = 51 WHERE seq = -1",
)
FAR = (
    "UPDATE journal SET seq = -1 WHERE seq = 50",
    "UPDATE journal SET seq = 50 WHERE seq = 90",
    "UPDATE journal SET seq = 90 WHERE seq = -1",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "line.db"
    fill(path, UNITS)
    return path.read_bytes()


@pytest.fixture
def line(whole: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "line.db"
    path.write_bytes(whole)
    return path


@contextmanager
def forger(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody who goes around the triggers and puts them back."""
    connection = sqlite3.connect(path, isolation_level=None)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    kept = triggers.fetchall()
    for name, _ in kept:
        connection.execute(f"DROP TRIGGER {name}")
    yield connection
    for _, sql in kept:
        connection.execute(sql)
    connection.close()


def test_a_whole_file_verifies_deep_and_beside_a_running_server(line: Path) -> None:
    with open_line(line) as trace:
        unit(trace, UNITS)
        told: list[int] = []
        result = verify(line, deep=True, progress=told.append)
        assert result.whole and result.faults == ()
        assert result.entries == trace.head.seq
        assert result.head == trace.head.hash
        assert result.identity == trace.store.identity
    assert not list(line.parent.glob("*verify*")), "deep verification cleans up"


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["UPDATE journal SET body = '{}' WHERE seq = 50"], "journal entry 50 was altered"),
        (["UPDATE journal SET hash = zeroblob(32) WHERE seq = 50"], "journal entry 50 was altered"),
        (["UPDATE source SET name = 'x'"], "journal entry 1 was altered"),
        (["DELETE FROM source"], "journal entry 1 was altered"),
        (["DELETE FROM journal WHERE seq = 50"], "journal entry 50 is missing"),
        (["DELETE FROM journal WHERE seq BETWEEN 50 AND 59"], "journal entry 50 to 59 is missing"),
        (["DELETE FROM journal WHERE seq = 1"], "journal entry 1 is missing"),
        (
            ["DELETE FROM journal WHERE seq = 50", RENUMBER],
            "journal entry 50 is missing: later ones were renumbered",
        ),
        (SWAP, "journal entries were reordered: entry 50 stands at 51"),
        (FAR, "journal entries were reordered: entry 50 stands at 90"),
        (["DELETE FROM journal WHERE seq > 200"], "journal entry 201 is missing"),
        (["INSERT INTO unpublished VALUES (30, 30)"], "event sequence: expected"),
        (
            [
                "UPDATE journal SET at = 0 WHERE seq = 80",
                "UPDATE journal SET at = 0 WHERE seq = 60",
            ],
            "journal entry 60 was altered",
        ),
    ],
)
def test_the_first_fault_is_found_and_named(line: Path, statements: list[str], found: str) -> None:
    with forger(line) as connection:
        for statement in statements:
            connection.execute(statement)
    faults = verify(line).faults
    assert faults, "nothing found"
    assert faults[0].startswith(found)


def test_a_text_that_is_no_text_any_more_is_an_altered_entry(line: Path) -> None:
    with forger(line) as connection:
        connection.execute("UPDATE journal SET body = CAST(x'ff00fe' AS TEXT) WHERE seq = 50")
    assert "journal entry 50 was altered" in verify(line).faults


def test_a_cut_journal_and_a_remade_chain_show_against_an_anchor(line: Path) -> None:
    result = verify(line)
    anchor = Anchor(result.entries, result.head)
    assert verify(line, anchor=anchor).whole
    with forger(line) as connection:
        connection.execute("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)")
    (fault,) = verify(line).faults
    assert fault.endswith(f"the journal is cut off, {result.entries} was told")
    with forger(line) as connection:
        connection.execute("DELETE FROM unpublished WHERE seq = (SELECT max(seq) FROM unpublished)")
    assert verify(line).whole, "a refusal at the very end leaves no other trace in the tables"
    (fault,) = verify(line, anchor=anchor).faults
    assert f"the anchor is at {anchor.position}" in fault
    other = Anchor(100, bytes(32))
    (fault,) = verify(line, anchor=other).faults
    assert fault.startswith("journal up to entry 100: expected hash 0000")


@pytest.mark.parametrize("name", ["journal", "edge", "touch"])
def test_a_damaged_page_is_found(line: Path, name: str) -> None:
    connection = sqlite3.connect(line)
    (page,) = connection.execute(
        "SELECT max(pageno) FROM dbstat WHERE name = ?", (name,)
    ).fetchone() or (0,)
    connection.close()
    with line.open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    result = verify(line)
    assert not result.whole


def test_tables_that_disagree_with_the_journal_are_found_by_a_deep_check(line: Path) -> None:
    with forger(line) as connection:
        connection.execute("DELETE FROM life WHERE item = 3")
    assert verify(line).whole
    (fault,) = verify(line, deep=True).faults
    assert fault.startswith("table life is not what the journal says")


def test_what_is_no_database_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        verify(tmp_path / "none.db")
    foreign = tmp_path / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE t(x)")
    connection.close()
    with pytest.raises(SchemaMismatch):
        verify(foreign)
    foreign.write_bytes(b"no database at all")
    assert "the file has 18 bytes" in verify(foreign).faults


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    with open_line(tmp_path / "line.db") as trace:
        assert verify(trace.store.path, deep=True).whole
        masters(trace)
        assert verify(trace.store.path, deep=True).entries == 5
