"""Backup and restore."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.store.line import fill, masters, open_line, unit
from tracenode.models.errors import DamagedDatabase, StoreError, StoreLocked
from tracenode.server.store.file.copies import backup, restore
from tracenode.server.store.file.rebuild import dump_hash
from tracenode.server.store.file.verify import verify


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.db"
    fill(path)
    return path


def head(path: Path) -> int:
    return verify(path).entries


def test_a_backup_beside_a_running_server_is_whole_and_one_file(line: Path, tmp_path: Path) -> None:
    to = tmp_path / "backups" / "monday.db"
    to.parent.mkdir()
    with open_line(line) as trace:
        unit(trace, 50)
        result = backup(line, to)
        assert result.entries == trace.head.seq
        assert result.head == trace.head.hash
        live = trace.store.readers.run_now(dump_hash)
        unit(trace, 51)
    assert [file.name for file in to.parent.iterdir()] == ["monday.db"]
    connection = sqlite3.connect(to)
    assert dump_hash(connection) == live
    connection.close()


def test_a_backup_never_overwrites(line: Path, tmp_path: Path) -> None:
    to = tmp_path / "other.txt"
    to.write_text("precious")
    with pytest.raises(StoreError, match="never overwrites"):
        backup(line, to)
    assert to.read_text() == "precious"
    with pytest.raises(StoreError, match="no such folder"):
        backup(line, tmp_path / "nowhere" / "copy.db")
    with pytest.raises(StoreError, match="no such database"):
        backup(tmp_path / "none.db", tmp_path / "copy.db")


def test_a_damaged_database_gives_no_backup(line: Path, tmp_path: Path) -> None:
    connection = sqlite3.connect(line, isolation_level=None)
    connection.execute("DROP TRIGGER journal_no_update")
    connection.execute("UPDATE journal SET at = 0 WHERE seq = 9")
    connection.close()
    to = tmp_path / "copy.db"
    with pytest.raises(DamagedDatabase):
        backup(line, to)
    assert not to.exists()
    assert not list(tmp_path.glob("copy.db*"))


def test_a_backup_restores_to_where_nothing_is_or_to_what_is_damaged(
    line: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    entries = backup(line, copy).entries
    fresh = tmp_path / "fresh.db"
    assert restore(copy, fresh).replaced is None
    assert head(fresh) == entries
    line.write_bytes(b"\0" * 8192)
    replaced = restore(copy, line).replaced
    assert replaced is not None and replaced.read_bytes() == b"\0" * 8192
    with open_line(line) as trace:
        assert trace.head.seq == entries
        unit(trace, 60)
    assert verify(line, deep=True).whole


def test_a_restore_loses_no_entry_without_force(line: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    entries = backup(line, copy).entries
    with open_line(line) as trace:
        unit(trace, 60)
        newer = trace.head.seq
    with pytest.raises(StoreError, match=f"it ends at {newer}, the backup at {entries}"):
        restore(copy, line)
    assert head(line) == newer
    result = restore(copy, line, force=True)
    assert head(line) == entries
    assert result.replaced is not None and head(result.replaced) == newer


def test_a_longer_journal_that_took_another_way_is_a_loss_too(line: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(line, copy)
    with open_line(line) as trace:
        unit(trace, 60)
    with open_line(copy) as trace:
        unit(trace, 70)
        unit(trace, 71)
    with pytest.raises(StoreError, match="holds entries that the backup lacks"):
        restore(copy, line)


def test_a_newer_backup_of_the_same_journal_needs_no_force(line: Path, tmp_path: Path) -> None:
    older, newer = tmp_path / "older.db", tmp_path / "newer.db"
    backup(line, older)
    with open_line(line) as trace:
        unit(trace, 60)
    entries = backup(line, newer).entries
    restore(newer, older)
    assert head(older) == entries


def test_the_journal_of_another_store_is_not_replaced_without_force(
    line: Path, tmp_path: Path
) -> None:
    copy, other = tmp_path / "copy.db", tmp_path / "other.db"
    backup(line, copy)
    with open_line(other) as trace:
        masters(trace)
    with pytest.raises(StoreError, match="Use --force"):
        restore(copy, other)


def test_a_restore_is_refused_while_a_server_writes(line: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(line, copy)
    with open_line(line), pytest.raises(StoreLocked):
        restore(copy, line)


def test_a_damaged_backup_changes_nothing(line: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(line, copy)
    content = copy.read_bytes()
    copy.write_bytes(content.replace(b'"material":"SEAL"', b'"material":"SEEL"'))
    before = line.read_bytes()
    with pytest.raises(DamagedDatabase, match="was altered"):
        restore(copy, line, force=True)
    assert line.read_bytes() == before
