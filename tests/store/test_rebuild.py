"""`rebuild`: the tables come from the journal alone, whatever state they are in."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.store.line import BEFORE_UNITS, LINE, fill, masters, open_line, register, unit
from tracenode.models.errors import DamagedDatabase, StoreLocked
from tracenode.models.events import Void
from tracenode.server.store.file.rebuild import rebuild
from tracenode.server.store.file.verify import verify
from tracenode.server.store.schema import PROJECTION_TABLES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.db"
    fill(path, 10)
    return path


def test_a_rebuild_gives_the_same_tables(line: Path) -> None:
    with open_line(line) as trace:
        wrong = trace.record_now(register("P77"), LINE)
        trace.record_now(Void(record=wrong.record, reason="mistyped"), LINE, "void-1")
    result = rebuild(line)
    assert result.entries == BEFORE_UNITS + 72
    assert result.before == result.after


def test_emptied_and_dropped_tables_come_back(line: Path) -> None:
    before = rebuild(line).before
    connection = sqlite3.connect(line, isolation_level=None)
    for table in PROJECTION_TABLES[::2]:
        connection.execute(f"DELETE FROM {table}")
    for table in PROJECTION_TABLES[1::2]:
        connection.execute(f"DROP TABLE {table}")
    connection.close()
    result = rebuild(line)
    assert result.before is None
    assert result.after == before
    assert verify(line, deep=True).whole


def test_damaged_table_pages_do_not_matter(line: Path) -> None:
    before = rebuild(line).before
    connection = sqlite3.connect(line)
    pages = connection.execute("SELECT pageno FROM dbstat WHERE name IN ('touch', 'edge')")
    numbers = [number for (number,) in pages]
    connection.close()
    with line.open("rb+") as file:
        for page in numbers:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)
    assert not verify(line).whole
    assert rebuild(line).after == before
    assert verify(line, deep=True).whole


def test_a_broken_journal_is_not_rebuilt_from(line: Path) -> None:
    connection = sqlite3.connect(line, isolation_level=None)
    connection.execute("DROP TRIGGER journal_no_update")
    connection.execute("UPDATE journal SET at = 0 WHERE seq = 9")
    connection.close()
    before = line.read_bytes()
    with pytest.raises(DamagedDatabase, match="journal entry 9 was altered"):
        rebuild(line)
    assert line.read_bytes() == before


def test_a_rebuild_is_refused_while_a_server_writes(line: Path) -> None:
    with open_line(line), pytest.raises(StoreLocked):
        rebuild(line)


def test_the_store_goes_on_after_a_rebuild(line: Path) -> None:
    told: list[int] = []
    rebuild(line, told.append)
    assert sorted(file.name for file in line.parent.iterdir()) == ["line.db", "line.db.lock"]
    with open_line(line) as trace:
        unit(trace, 99)
        assert trace.record_now(register("P00003"), LINE, "register-3-P00003").position < 40
    assert verify(line, deep=True).whole


@pytest.mark.integration
def test_a_rebuild_that_is_killed_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "line.db"
    with open_line(path) as trace:
        masters(trace)
        for number in range(300):
            unit(trace, number)
        head = trace.head
    code = f"from tracenode.server.store.file.rebuild import rebuild; rebuild({str(path)!r})"
    for delay in (0.0, 0.05, 0.15):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
        ends = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < ends:
            if list(tmp_path.glob("line.db.draft*")):
                break
            time.sleep(0.002)
        time.sleep(delay)
        process.kill()
        process.wait()
        with open_line(path) as trace:
            assert trace.head == head
    assert verify(path, deep=True).whole
    result = rebuild(path)
    assert result.before == result.after
