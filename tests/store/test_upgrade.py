"""A file of an older version: its journal stays, its tables are made anew."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.store.line import LINE, fill, open_line, register
from tracenode.models.errors import DamagedDatabase, SchemaMismatch
from tracenode.server.store.file import migrations, replay
from tracenode.server.store.file.copies import backup, restore
from tracenode.server.store.file.rebuild import dump_hash, rebuild
from tracenode.server.store.file.verify import verify
from tracenode.server.store.schema import SCHEMA_VERSION
from tracenode.server.store.store import Store


@pytest.fixture(scope="module", params=[1, 2, 3])
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as an older version left it, with a few units in it."""
    folder = tmp_path_factory.mktemp(f"version{request.param}")
    now, path = folder / "now.db", folder / "line.db"
    fill(now, 4)
    connection = sqlite3.connect(path, isolation_level=None)
    schema = Path(__file__).with_name(f"schema_{request.param}.sql")
    connection.executescript(schema.read_text(encoding="utf-8"))
    connection.execute("ATTACH ? AS now", (str(now),))
    if request.param < 3:
        connection.execute(
            "INSERT INTO emitted SELECT json_extract(body, '$.es'), seq FROM now.journal"
            " WHERE json_extract(body, '$.es') IS NOT NULL"
        )
    for (table,) in connection.execute(
        "SELECT name FROM main.sqlite_master WHERE type='table'"
        " AND name NOT IN ('_sqlite_migrations', 'emitted')"
    ).fetchall():
        columns = ", ".join(
            name for (name,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')")
        )
        connection.execute(f"INSERT INTO main.{table}({columns}) SELECT {columns} FROM now.{table}")
    connection.execute("CREATE TABLE notes(text)")
    connection.execute("PRAGMA main.journal_mode = WAL")
    connection.close()
    return path


@pytest.fixture
def old(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(first, tmp_path))


def journal_of(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT * FROM journal ORDER BY seq").fetchall()
    connection.close()
    return rows


def dump_of(path: Path) -> str:
    connection = sqlite3.connect(path)
    found = dump_hash(connection)
    connection.close()
    return found


def test_an_older_file_gets_its_tables_anew(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_STRETCH", 10)
    before = journal_of(old)
    told: list[int] = []
    Store.open(old, progress=told.append).close()
    assert told == [10, 20, 30, len(before)]
    assert journal_of(old) == before
    assert verify(old, deep=True).whole
    dump = dump_of(old)
    assert rebuild(old).after == dump
    with open_line(old) as trace:
        assert not trace.record_now(register("P77"), LINE).refused
    Store.open(old, progress=told.append).close()
    assert len(told) == 4


def test_tables_of_the_user_stay(old: Path) -> None:
    Store.open(old).close()
    connection = sqlite3.connect(old)
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    connection.close()


def test_an_upgrade_that_is_broken_off_leaves_the_file_as_it_was(old: Path) -> None:
    class PowerLoss(Exception):
        pass

    def lost(_: int) -> None:
        raise PowerLoss

    with pytest.raises(PowerLoss):
        Store.open(old, progress=lost)
    connection = sqlite3.connect(old)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    assert version < SCHEMA_VERSION
    assert connection.execute("SELECT count(*) FROM life").fetchone() != (0,)
    names = [name for (name,) in connection.execute("SELECT name FROM _sqlite_migrations")]
    assert names == list(migrations.STEPS)[:version]
    connection.close()
    Store.open(old).close()
    assert verify(old, deep=True).whole


def test_a_broken_journal_is_not_upgraded(old: Path) -> None:
    connection = sqlite3.connect(old, isolation_level=None)
    connection.execute("DROP TRIGGER journal_no_update")
    connection.execute("UPDATE journal SET at = 0 WHERE seq = 9")
    connection.close()
    with pytest.raises(DamagedDatabase, match="journal entry 9 was altered"):
        Store.open(old)


def test_an_older_file_is_refused_to_readers_and_can_be_copied(old: Path, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="older tracenode"):
        Store.open(old, read_only=True)
    copy, place = tmp_path / "copy.db", tmp_path / "restored.db"
    assert backup(old, copy).whole
    restore(copy, place)
    Store.open(place).close()
    assert verify(place, deep=True).whole
    assert rebuild(old).after == dump_of(place)


def test_the_steps_are_never_renamed() -> None:
    assert list(migrations.STEPS) == [
        "0001_first_schema",
        "0002_contents_and_mounts",
        "0003_fewer_rows_an_event",
        "0004_orders",
    ]
