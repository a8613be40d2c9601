"""Opening a database: what is refused at start, and what the message tells one to do."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import sqlite_utils

from tests.store.line import LINE, fill, masters, open_line, register
from tests.support.waiting import eventually_sync
from tracenode.models.errors import (
    DamagedDatabase,
    SchemaMismatch,
    SqliteTooOld,
    StoreError,
    StoreLocked,
)
from tracenode.models.events import Master, Output, Portion, Receive, Transform
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Requester
from tracenode.server.store.file import database, migrations
from tracenode.server.store.reading.catalogue import Catalogue
from tracenode.server.store.store import Store
from tracenode.server.trace import Trace


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.db"
    fill(path)
    return path


def damage(path: Path, offset: int, content: bytes) -> None:
    with path.open("rb+") as file:
        file.seek(offset)
        file.write(content)


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_an_sqlite_library_without_strict_tables_is_refused() -> None:
    with pytest.raises(SqliteTooOld, match=r"SQLite 3\.37\.0 or newer is needed, found 3\.36\.0"):
        database.check_library((3, 36, 0))
    database.check_library((3, 37, 0))


def test_pragmas_of_both_kinds_of_connection(line: Path) -> None:
    def pragma(connection: sqlite3.Connection, name: str) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    writer = database.connect_writer(line)
    names = ("journal_mode", "synchronous", "secure_delete", "temp_store", "wal_autocheckpoint")
    assert [pragma(writer, name) for name in names] == ["wal", 2, 0, 2, 4000]
    reader, remote = database.connect_reader(line), database.connect_reader(line, mmap=False)
    assert pragma(reader, "query_only") == 1
    assert [pragma(c, "mmap_size") for c in (reader, remote)] == [2_000_000_000, 0]
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM touch")
    for connection in (reader, remote, writer):
        connection.close()


def test_a_database_that_is_not_there_is_not_made_unasked(tmp_path: Path) -> None:
    for read_only in (True, False):
        with pytest.raises(StoreError, match="tracenode init"):
            Store.open(tmp_path / "none.db", site="plant 1", read_only=read_only)
    with pytest.raises(StoreError, match="no such folder"):
        Store.open(tmp_path / "nowhere" / "line.db", site="plant 1", create=True)


def test_a_new_database_is_whole_before_it_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "line.db"
    open_line(path).close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["line.db", "line.db.lock"]
    # What a killed creation leaves behind is not in the way.
    path.rename(tmp_path / "line.db.creating")
    open_line(path).close()


def test_a_lost_file_is_not_made_anew_over_its_log(tmp_path: Path) -> None:
    (tmp_path / "line.db-wal").write_bytes(b"what was not yet in the file")
    with pytest.raises(StoreError, match=r"line\.db-wal is there already"):
        open_line(tmp_path / "line.db")


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"PK\3\4" + bytes(5000)])
def test_a_file_without_a_whole_header_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "line.db"
    path.write_bytes(content)
    with pytest.raises(DamagedDatabase, match="tracenode restore"):
        open_line(path)
    assert path.read_bytes() == content


def test_a_damaged_header_page_is_refused(line: Path) -> None:
    damage(line, 100, b"\xff" * 60)
    with pytest.raises(DamagedDatabase) as refusal:
        open_line(line)
    assert "tracenode verify" in refusal.value.advice


def test_a_file_cut_off_is_refused(line: Path) -> None:
    os.truncate(line, line.stat().st_size // 2)
    with pytest.raises(DamagedDatabase):
        open_line(line)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DROP TABLE edge_was", "edge_was"),
        ("DROP INDEX edge_out", "edge_out"),
        ("DROP TRIGGER journal_no_delete", "journal_no_delete"),
        ("ALTER TABLE life RENAME COLUMN kf TO known_from", "table life"),
    ],
)
def test_a_schema_that_lacks_something_is_refused(line: Path, statement: str, named: str) -> None:
    change(line, statement)
    with pytest.raises(DamagedDatabase, match=named):
        open_line(line)


def test_tables_of_the_user_beside_ours_are_no_fault(line: Path) -> None:
    change(line, "CREATE TABLE notes(text)", "CREATE INDEX mine ON touch(seq)")
    open_line(line).close()


def test_an_altered_entry_among_the_last_is_refused(line: Path) -> None:
    update = "UPDATE journal SET body = replace(body, 'P00002', 'P99999') WHERE seq = 20"
    change(
        line,
        "DROP TRIGGER journal_no_update",
        update,
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    )
    with pytest.raises(DamagedDatabase, match="journal entry 20 was altered"):
        open_line(line)


def test_only_the_last_entries_are_checked_at_start(
    line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TAIL", 4)
    connection = sqlite3.connect(line, isolation_level=None)
    connection.execute("DROP TRIGGER journal_no_update")
    connection.execute("UPDATE journal SET at = 1 WHERE seq = 3")
    connection.execute(
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    )
    connection.close()
    open_line(line).close()


def test_another_site_application_or_schema_is_refused(line: Path) -> None:
    with pytest.raises(SchemaMismatch, match="expected the journal of site 'plant 2'"):
        Store.open(line, site="plant 2")
    change(line, "PRAGMA user_version = 99")
    with pytest.raises(SchemaMismatch, match="newer tracenode"):
        Store.open(line)
    change(line, "PRAGMA application_id = 7")
    with pytest.raises(SchemaMismatch, match="expected a tracenode database"):
        Store.open(line)


def test_a_second_writer_is_refused_and_readers_are_not(line: Path) -> None:
    with open_line(line) as trace:
        with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
            open_line(line)
        with Trace.open(line, read_only=True) as reading:
            assert reading.head == trace.head
            with pytest.raises(StoreError, match="read-only"):
                reading.record_now(register("P1"), LINE)
    open_line(line).close()


def test_the_lock_ends_with_the_process_that_held_it(line: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-m", "tests.store.recorder", str(line)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreLocked, match=f"process {holder.pid}"):
            open_line(line)
    finally:
        holder.kill()
        holder.communicate()

    def opened() -> bool:
        open_line(line).close()
        return True

    assert eventually_sync(opened)


def test_readers_see_what_was_recorded_since_they_opened(line: Path) -> None:
    with open_line(line) as trace, Trace.open(line, read_only=True) as reading:
        before = reading.head
        trace.record_now(register("P77"), LINE)
        assert reading.head.seq == before.seq + 1


def test_sqlite_utils_is_only_imported_to_migrate(tmp_path: Path) -> None:
    code = (
        "import sys; from tracenode.server.trace import Trace;"
        f"Trace.open({str(tmp_path / 'new.db')!r}, site='S', create=True).close();"
        "print([m for m in ('sqlite_utils', 'networkx') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_new_file_is_what_the_migrations_make(line: Path, tmp_path: Path) -> None:
    migrated = sqlite3.connect(tmp_path / "migrated.db", isolation_level=None)
    migrations.migrate(migrated)
    made = sqlite3.connect(line)
    ours = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%migrations%'"
    applied = "SELECT migration_set, name FROM _sqlite_migrations"
    for question in (ours, applied, "PRAGMA application_id", "PRAGMA user_version"):
        assert made.execute(question).fetchall() == migrated.execute(question).fetchall()
    assert [name for _, name in made.execute(applied)] == list(migrations.STEPS)
    assert migrations.migrations().pending(sqlite_utils.Database(made)) == []
    made.close()
    migrated.close()


def test_an_older_file_is_migrated_by_the_server_and_refused_to_readers(line: Path) -> None:
    change(line, "PRAGMA user_version = 0")
    with pytest.raises(SchemaMismatch, match="older tracenode"):
        Store.open(line, read_only=True)
    open_line(line).close()
    Store.open(line, read_only=True).close()


def test_masters_are_journaled(tmp_path: Path) -> None:
    with open_line(tmp_path / "line.db") as trace:
        masters(trace)
        assert trace.head.seq == 5


def test_what_is_read_again_at_a_start_is_never_held_whole(tmp_path: Path) -> None:
    """A record may be of a thousand items: two thousand of them took 900 MiB."""
    path, units, records = tmp_path / "line.db", 500, 60
    with Trace.open(path, site="Test", create=True) as trace:
        for kind, key in (("lot", "STEEL"), ("unit", "PUMP")):
            data = {"kind": kind, "unit": "KGM"} if kind == "lot" else {"kind": kind}
            trace.record_now(Master(kind="material", key=key, data=data), Requester("test"))
        source = "lot:STEEL:S1"
        whole = Quantity.of(records, "KGM")
        trace.record_now(Receive(item=source, material="STEEL", quantity=whole), Requester("test"))
        for number in range(records):
            made = tuple(
                Output(item=f"sn:PUMP:P{number}.{unit}", material="PUMP") for unit in range(units)
            )
            used = (Portion(item=source, quantity=Quantity.of(1, "KGM")),)
            receipt = trace.record_now(Transform(inputs=used, outputs=made), Requester("test"))
            assert not receipt.refused, receipt.text
        head = trace.head.seq
    catalogue = Catalogue(path)
    one = len(pickle.dumps(next(catalogue.latest(1))))
    tracemalloc.start()
    try:
        positions = [record.position for record in catalogue.latest(50)]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        catalogue.close()
    assert positions == list(range(head - 49, head + 1))
    assert most < 30 * one, (most, one)
