"""Looking after the file: begin, prove, rebuild, copy, export."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands.plant import BEGUN, EXAMPLES, called, document
from tests.support.project import ROOT
from tracenode.models.events import Hold
from tracenode.models.receipts import Requester
from tracenode.server.configuration import load
from tracenode.server.trace import Trace


def altered(database: Path) -> int:
    """Change one word of one journal entry behind tracenode's back; return its position."""
    connection = sqlite3.connect(database)
    for (trigger,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = ?", (trigger,)
        ).fetchone()
        connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(
            "UPDATE journal SET body = replace(body, 'Wire Works', 'Wire Work!') "
            "WHERE body LIKE '%Wire Works%'"
        )
        connection.execute(sql)
    connection.execute(
        "UPDATE journal SET body = replace(body, 'Wire Works', 'Wire Work!') "
        "WHERE body LIKE '%Wire Works%'"
    )
    (position,) = connection.execute(
        "SELECT seq FROM journal WHERE body LIKE '%Wire Work!%'"
    ).fetchone()
    connection.commit()
    connection.close()
    return int(position)


# ------------------------------------------------------------------ init
def test_init_writes_the_example_and_an_empty_database(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "plant"
    assert called("init", folder).exit_code == 0
    text = (folder / "tracenode.toml").read_text(encoding="utf-8")
    assert text == (EXAMPLES / "tracenode.toml").read_text(encoding="utf-8")
    assert load(folder / "tracenode.toml").database == folder / "tracenode.db"
    assert document("status", "--db", folder / "tracenode.db")["entries"] == 0


def test_init_names_the_site(tmp_path: Path) -> None:
    made = document("init", tmp_path, "--site", "north-2")
    assert load(tmp_path / "tracenode.toml").config.site.id == "north-2"
    assert document("status", "--db", made["database"])["site"] == "north-2"


@pytest.mark.parametrize("site", ["", 'a"b', "a b", "x" * 41, "é"])
def test_init_refuses_a_site_that_can_t_be_one_and_writes_nothing(
    tmp_path: Path, site: str
) -> None:
    said = called("init", tmp_path / "new", "--site", site)
    assert said.exit_code == 2
    assert "--site: expected" in said.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("there", ["tracenode.toml", "tracenode.db"])
def test_init_never_overwrites(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine", encoding="utf-8")
    said = called("init", tmp_path)
    assert said.exit_code == 4
    assert "is there already" in said.stderr
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["mine"]


def test_init_where_there_can_be_no_folder_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = called("init", tmp_path / "file" / "plant")
    assert said.exit_code == 4
    assert "Traceback" not in said.stderr


# ------------------------------------------------------------------ verify, rebuild
def test_verify_of_a_whole_file(plant: Path) -> None:
    said = called("verify", "--deep", "--db", plant)
    assert (said.exit_code, said.stderr) == (0, "")
    found = document("verify", "--db", plant)
    assert found["whole"] is True
    assert found["head"] == document("status", "--db", plant)["head"]


def test_verify_names_the_altered_entry(database: Path) -> None:
    position = altered(database)
    said = called("verify", "--db", database)
    assert said.exit_code == 1
    assert f"FAULT: journal entry {position}" in said.stdout
    told = called("verify", "--db", database, "--json")
    assert told.exit_code == 1
    assert f"journal entry {position}" in json.loads(told.stdout)["faults"][0]


def test_verify_knows_its_anchor_and_misses_another(plant: Path) -> None:
    head = document("status", "--db", plant)["head"]
    assert called("verify", "--db", plant, "--anchor", head).exit_code == 0
    position, _, digest = head.partition(":")
    other = f"{position}:{'0' * len(digest)}"
    beyond = f"{int(position) + 1}:{digest}"
    for anchor in (other, beyond):
        assert called("verify", "--db", plant, "--anchor", anchor).exit_code == 1


@pytest.mark.parametrize("anchor", ["12", "x:ab", "1:zz", "1:ab", f"-1:{'0' * 64}", "9" * 40])
def test_an_anchor_that_is_none_is_wrong_use(plant: Path, anchor: str) -> None:
    said = called("verify", "--db", plant, "--anchor", anchor)
    assert said.exit_code == 2
    assert "expected POSITION:HASH" in said.stderr


def test_rebuild_finds_the_tables_right(database: Path) -> None:
    made = document("rebuild", "--db", database)
    assert made["same"] is True
    assert made["before"] == made["after"]


def test_rebuild_mends_a_table(database: Path) -> None:
    before = document("ingredients", "P2", "--db", database)
    connection = sqlite3.connect(database)
    connection.execute("DELETE FROM edge")
    connection.commit()
    connection.close()
    assert called("verify", "--deep", "--db", database).exit_code == 1
    said = called("rebuild", "--db", database)
    assert (said.exit_code, "mended" in said.stdout) == (0, True)
    assert document("ingredients", "P2", "--db", database) == before
    assert called("verify", "--deep", "--db", database).exit_code == 0


def test_rebuild_does_not_hide_an_altered_journal(database: Path) -> None:
    altered(database)
    before = database.read_bytes()
    said = called("rebuild", "--db", database)
    assert said.exit_code == 4
    assert "tracenode restore" in said.stderr
    assert database.read_bytes() == before


# ------------------------------------------------------------------ backup, restore
def test_a_backup_restored_gives_the_same_answers(plant: Path, tmp_path: Path) -> None:
    copy, again = tmp_path / "copy.db", tmp_path / "again.db"
    made = document("backup", copy, "--db", plant)
    assert made["entries"] == document("status", "--db", plant)["entries"]
    restored = document("restore", copy, "--db", again)
    assert restored == {"entries": made["entries"], "replaced": None}
    assert document("recall", "COIL-2026-17", "--db", again) == document(
        "recall", "COIL-2026-17", "--db", plant
    )


def test_a_backup_never_overwrites(plant: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine", encoding="utf-8")
    said = called("backup", tmp_path / "copy.db", "--db", plant)
    assert said.exit_code == 4
    assert (tmp_path / "copy.db").read_text(encoding="utf-8") == "mine"


def test_restore_gives_up_later_entries_only_when_told(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert called("backup", copy, "--db", database).exit_code == 0
    with Trace.open(database) as trace:
        assert not trace.record_now(Hold(item="P1", reason="late"), Requester("test")).refused
    said = called("restore", copy, "--db", database)
    assert said.exit_code == 4
    assert "--force" in said.stderr
    assert document("status", "--db", database)["open_holds"] == 2
    made = document("restore", copy, "--db", database, "--force")
    assert document("status", "--db", database)["open_holds"] == 1
    assert document("status", "--db", made["replaced"])["open_holds"] == 2


def test_restore_needs_a_whole_backup(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(database.read_bytes())
    altered(copy)
    before = database.read_bytes()
    assert called("restore", copy, "--db", database).exit_code == 4
    assert database.read_bytes() == before


# ------------------------------------------------------------------ export
def test_export_writes_the_nodeset_as_it_is(tmp_path: Path) -> None:
    to = tmp_path / "types.xml"
    assert document("export-nodeset", to) == {"nodeset": str(to)}
    assert to.read_bytes() == (ROOT / "nodesets" / "Traceability.NodeSet2.xml").read_bytes()
    assert ElementTree.parse(to).getroot().tag.endswith("UANodeSet")
    assert called("export-nodeset", to).exit_code == 4
    assert called("export-nodeset", tmp_path / "none" / "types.xml").exit_code == 4


def test_times_are_told_in_utc(plant: Path) -> None:
    entries = document("history", "P1", "--db", plant)["entries"]
    assert entries[0]["at"] == f"{BEGUN:%Y-%m-%d}T07:00:00.000000Z"
