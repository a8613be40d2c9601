"""What stands before every answer: a database, or words that say what to do."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.commands.plant import called, document, error_of

ON_A_DATABASE = (
    ["ingredients", "P1"],
    ["where-used", "P1"],
    ["history", "P1"],
    ["recall", "P1"],
    ["status"],
    ["verify"],
    ["rebuild"],
    ["backup", "copy.db"],
)


@pytest.mark.parametrize("command", ON_A_DATABASE, ids=lambda words: words[0])
def test_no_database_is_4_and_says_how_to_make_one(command: list[str], tmp_path: Path) -> None:
    said = called(*command, "--db", tmp_path / "none.db")
    assert (said.exit_code, said.stdout) == (4, "")
    assert "no such database; `tracenode init` makes one" in said.stderr
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "none.db.lock"])


@pytest.mark.parametrize("command", ON_A_DATABASE, ids=lambda words: words[0])
def test_a_damaged_database_is_refused_and_says_what_to_do(
    command: list[str], tmp_path: Path
) -> None:
    damaged = tmp_path / "tracenode.db"
    damaged.write_bytes(b"SQLite format 3\0" + b"?" * 4080)
    said = called(*command, "--db", damaged)
    # Finding faults is what `verify` is for: its answer is no.
    assert said.exit_code == (1 if command == ["verify"] else 4)
    assert ("tracenode restore" in said.stderr) != (command == ["verify"])
    assert damaged.read_bytes().startswith(b"SQLite format 3\0????")


@pytest.mark.parametrize("command", ON_A_DATABASE, ids=lambda words: words[0])
def test_another_application_s_database_is_left_alone(command: list[str], tmp_path: Path) -> None:
    foreign = tmp_path / "other.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE theirs(x)")
    connection.commit()
    connection.close()
    before = foreign.read_bytes()
    said = called(*command, "--db", foreign)
    assert said.exit_code == 4
    assert "expected a tracenode database" in said.stderr
    assert foreign.read_bytes() == before


def test_the_database_may_be_named_in_the_environment(plant: Path, tmp_path: Path) -> None:
    copy = shutil.copy(plant, tmp_path / "elsewhere.db")
    said = called("status", "--json", env={"TRACENODE_DB": str(copy)})
    assert str(copy) in said.stdout


def test_an_error_with_json_is_json_on_stderr(tmp_path: Path) -> None:
    told = error_of(called("status", "--json", "--db", tmp_path / "none.db"))
    assert told["kind"] == "StoreError"
    assert "no such database" in told["message"]


def test_an_unknown_command_is_2() -> None:
    assert called("ingredient", "P1").exit_code == 2


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["recall", "-h"], ["--version"]])
def test_help_and_version_are_0(words: list[str]) -> None:
    assert called(*words).exit_code == 0


def test_status_counts_and_names_the_anchor(plant: Path) -> None:
    found = document("status", "--db", plant)
    assert (found["site"], found["writer_pid"], found["open_holds"]) == ("plant1", None, 1)
    assert found["voided_records"] == 1
    said = called("status", "--db", plant).stdout
    assert found["head"] in said
    assert "none: no server has it open" in said
