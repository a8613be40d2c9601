"""The adjacency index of a real store: what makes it unusable, what follows the writer, and that
the tables answer wherever it may not (ADR 009)."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.store.line import LINE, accepted, fill, masters, open_line, register, unit
from tests.support.waiting import eventually
from tracenode.models.answers import Question, WhereUsed
from tracenode.models.errors import StoreLocked
from tracenode.models.events import Assemble, Remove, TraceEvent, Void
from tracenode.server.genealogy.closure import reachable
from tracenode.server.genealogy.moment import Span, moment_of
from tracenode.server.store import projector
from tracenode.server.store.adjacency import index as index_room
from tracenode.server.store.adjacency.index import Index
from tracenode.server.store.adjacency.layout import HEADER, index_path
from tracenode.server.store.adjacency.making import make_in_process
from tracenode.server.store.copies import backup, restore
from tracenode.server.store.lock import FileLock
from tracenode.server.store.rebuild import rebuild
from tracenode.server.store.schema import INF
from tracenode.server.store.snapshot import Connection, snapshot
from tracenode.server.trace import Trace

EVER = WhereUsed(item="")


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.db"
    fill(path, 5)
    return path


def found(connection: Connection) -> list[set[int]]:
    with snapshot(connection) as reading:
        moment = moment_of(reading, EVER)
        return [
            set(reachable(reading, [item], moment, span, up=up, limit=INF))
            for (item,) in reading.rows("SELECT id FROM item ORDER BY id")
            for up in (True, False)
            for span in (Span.Now, Span.Ever)
        ]


def asked(connection: Connection) -> bool:
    """True where the index is what a question of now would be answered from."""
    with snapshot(connection) as reading:
        return reading.adjacency(moment_of(reading, EVER).known) is not None


def is_asked(trace: Trace) -> bool:
    return trace.store.readers.run_now(asked)


def same_as_tables(trace: Trace) -> bool:
    """True where the index is asked and finds what the tables have."""
    with Trace.open(trace.store.path, read_only=True) as other:
        expected = other.store.readers.run_now(found)
    return is_asked(trace) and trace.store.readers.run_now(found) == expected


def emptied(path: Path, table: str = "edge") -> None:
    """Take the edges away behind tracenode's back: only an index still has them."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"DELETE FROM {table}")
    connection.close()


# ------------------------------------------------------------------ the file
def test_the_index_answers_and_survives_a_restart(line: Path) -> None:
    with open_line(line) as trace:
        assert not is_asked(trace)
        trace.index_now()
        assert same_as_tables(trace)
        before = trace.store.readers.run_now(found)
    emptied(line)
    with open_line(line) as trace:
        assert trace.store.index.load()
        assert trace.store.readers.run_now(found) == before
        trace.store.index.drop()
        assert not is_asked(trace)
        assert trace.store.readers.run_now(found) != before


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 64)


def emptied_file(file: Path) -> None:
    os.truncate(file, 0)


def longer(file: Path) -> None:
    with file.open("ab") as end:
        end.write(bytes(64))


def changed_at(place: int) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[place] ^= 1
        file.write_bytes(data)

    return change


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        emptied_file,
        longer,
        *(changed_at(place) for place in (0, 8, 12, 16, 24, 32, 40, 44, 80, HEADER, -1)),
    ],
)
def test_a_damaged_index_is_removed_and_the_tables_answer(
    line: Path, damage: Callable[[Path], None]
) -> None:
    with open_line(line) as trace:
        trace.index_now()
    damage(index_path(line))
    with Trace.open(line, read_only=True) as trace:
        assert not trace.store.index.load()
        assert not is_asked(trace)
    assert index_path(line).exists(), "only a writing process removes it"
    with open_line(line) as trace:
        assert not trace.store.index.load()
        assert not index_path(line).exists()
        trace.index_now()
        assert same_as_tables(trace)


def test_the_index_of_another_store_is_not_used(line: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    fill(other, 5)
    with open_line(other) as trace:
        trace.index_now()
    shutil.copy(index_path(other), index_path(line))
    with open_line(line) as trace:
        assert not trace.store.index.load()
        assert not is_asked(trace)


def test_the_index_of_another_history_is_not_used(line: Path, tmp_path: Path) -> None:
    copy, kept = tmp_path / "copy.db", tmp_path / "kept"
    backup(line, copy)
    with open_line(line) as trace:
        unit(trace, 50)
        trace.index_now()
        shutil.copy(index_path(line), kept)
    restore(copy, line, force=True)
    assert not index_path(line).exists(), "what it was made of is replaced"
    shutil.copy(kept, index_path(line))
    with open_line(line) as trace:
        assert not trace.store.index.load(), "its position is beyond the head"
        unit(trace, 51)
        shutil.copy(kept, index_path(line))
        assert not trace.store.index.load(), "another entry is at its position"


def test_a_rebuild_removes_the_index_of_the_tables_before(line: Path) -> None:
    emptied(line)
    with open_line(line) as trace:
        trace.index_now()
    made = rebuild(line)
    assert made.before != made.after
    assert not index_path(line).exists()
    with open_line(line) as trace:
        trace.index_now()
        assert same_as_tables(trace)


def test_beside_a_server_the_index_answers_at_its_position_alone(line: Path) -> None:
    with open_line(line) as writing, Trace.open(line, read_only=True) as trace:
        trace.index_now()
        assert same_as_tables(trace)
        accepted(writing.record_now(register("P900"), LINE))
        assert not is_asked(trace)
        trace.index_now()
        assert same_as_tables(trace)


def test_mounted_material_is_asked_of_the_tables(line: Path) -> None:
    with open_line(line) as trace:
        trace.index_now()
    emptied(line)
    connection = sqlite3.connect(line, isolation_level=None)
    connection.execute(
        "INSERT INTO mount(slot, at, ev, item, derive, until, uev, kf)"
        " VALUES(1, 1, 1, 1, 1, 2, 2, 1)"
    )
    connection.close()
    with open_line(line) as trace:
        assert trace.store.index.load()
        alone = trace.store.readers.run_now(found)
        trace.store.index.drop()
        assert alone == trace.store.readers.run_now(found)


def test_another_time_is_asked_of_the_tables(line: Path) -> None:
    with open_line(line) as trace:
        trace.index_now()
        head = trace.head.seq

        def ids(question: Question) -> set[int]:
            def ask(connection: Connection) -> set[int]:
                with snapshot(connection) as reading:
                    moment = moment_of(reading, question)
                    (item,) = reading.rows("SELECT id FROM item WHERE text='G1'")[0]
                    return set(
                        reachable(reading, [item], moment, moment.point, up=False, limit=INF)
                    )

            return trace.store.readers.run_now(ask)

        now = ids(WhereUsed(item=""))
        assert len(now) == 6
        assert ids(WhereUsed(item="", as_known_at=head)) == now
        assert len(ids(WhereUsed(item="", as_known_at=head - 7))) == 5


# ------------------------------------------------------------------ following the writer
def test_what_is_booked_is_found_at_once(line: Path) -> None:
    with open_line(line) as trace:
        trace.index_now()
        watermark = trace.store.index.watermark
        unit(trace, 10)
        part = accepted(trace.record_now(Assemble(parent="P00001", part="P00010"), LINE))
        assert same_as_tables(trace)
        accepted(trace.record_now(Remove(parent="P00001", part="S00001"), LINE))
        assert same_as_tables(trace)
        accepted(trace.record_now(Void(record=part.record, reason="wrong"), LINE))
        assert same_as_tables(trace)
        assert trace.store.index.watermark == watermark
    with open_line(line) as trace:
        assert trace.store.index.load()
        assert trace.store.index.watermark == watermark
        unit(trace, 11)
        assert same_as_tables(trace)


def test_a_snapshot_keeps_its_position_while_others_book(line: Path) -> None:
    with open_line(line) as trace:
        trace.index_now()

        def hold(connection: Connection) -> tuple[list[set[int]], list[set[int]]]:
            with snapshot(connection):
                before = found(connection)
                unit(trace, 20)
                assert asked(connection)
                return before, found(connection)

        before, after = trace.store.readers.run_now(hold)
        assert before == after
        assert same_as_tables(trace)


def test_a_snapshot_from_before_the_loading_asks_the_tables(line: Path) -> None:
    with open_line(line) as trace:
        trace.index_now()
        trace.store.index.drop()
        unit(trace, 20)

        def hold(connection: Connection) -> bool:
            with snapshot(connection):
                before = found(connection)
                unit(trace, 21)
                assert trace.store.index.load()
                return asked(connection) or found(connection) != before

        assert not trace.store.readers.run_now(hold)
        assert same_as_tables(trace)


async def test_a_fault_of_the_program_takes_only_its_own_edges_back(
    line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = projector.apply

    def faulty(connection: sqlite3.Connection, seq: int, at: int, event: TraceEvent) -> None:
        apply(connection, seq, at, event)
        if isinstance(event, Assemble) and "P00002" in event.part:
            raise ZeroDivisionError

    with open_line(line) as trace:
        await asyncio.to_thread(trace.index_now)
        monkeypatch.setattr(projector, "apply", faulty)
        events = [Assemble(parent="P00000", part=f"P0000{n}") for n in (1, 2, 3)]
        answers = await asyncio.gather(
            *(trace.record(event, LINE) for event in events), return_exceptions=True
        )
        assert [isinstance(a, ZeroDivisionError) for a in answers] == [False, True, False]
        assert await asyncio.to_thread(same_as_tables, trace)


def test_a_commit_that_fails_gives_the_index_up(line: Path) -> None:
    def refuse_commits(action: int, name: str | None, *_: object) -> int:
        refused = action == sqlite3.SQLITE_TRANSACTION and name == "COMMIT"
        return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

    with open_line(line) as trace:
        trace.index_now()
        assert trace.store._writing is not None
        connection = trace.store._writing.connection
        event = Assemble(parent="P00001", part="P00002")
        connection.set_authorizer(refuse_commits)
        with pytest.raises(Exception, match="can't be written"):
            trace.record_now(event, LINE)
        assert not is_asked(trace)
        connection.set_authorizer(None)
        accepted(trace.record_now(event, LINE))
        assert not is_asked(trace)
        assert trace.store.index.load()
        assert same_as_tables(trace)


# ------------------------------------------------------------------ making it
def test_two_processes_do_not_make_it_at_once(line: Path) -> None:
    with open_line(line) as trace, FileLock(index_path(line)):
        with pytest.raises(StoreLocked):
            trace.index_now()
        assert not is_asked(trace)


def units(trace: Trace, numbers: Iterable[int]) -> None:
    for number in numbers:
        unit(trace, number)


async def kept(trace: Trace, until: Callable[[], bool]) -> None:
    keeping = asyncio.create_task(trace.keep_index())
    await eventually(until, 30)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert keeping.cancelled()


@pytest.mark.integration
async def test_a_server_makes_it_in_another_process_and_again_when_it_is_far_behind(
    line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_room, "WORTH", 20)
    monkeypatch.setattr(index_room, "WATCH_S", 0.05)
    with open_line(line) as trace:
        await kept(trace, lambda: trace.store.index.watermark is None)
        await asyncio.to_thread(units, trace, range(10, 20))
        await kept(trace, lambda: trace.store.index.watermark is not None)
        assert await asyncio.to_thread(same_as_tables, trace)
        first = trace.store.index.watermark
        monkeypatch.setattr(index_room, "BEHIND", 5)
        await asyncio.to_thread(units, trace, range(20, 25))
        await kept(trace, lambda: trace.store.index.watermark != first)
        assert await asyncio.to_thread(same_as_tables, trace)


_SLOWLY = """
import pathlib, sys, time
from tracenode.server.store.adjacency import layout, making
read = layout._neighbours
def slowly(*arguments):
    found = read(*arguments)
    print("half", flush=True)
    time.sleep(60)
    return found
layout._neighbours = slowly
making.main(pathlib.Path(sys.argv[1]))
"""


def making_slowly(line: Path) -> subprocess.Popen[bytes]:
    """Return a process that is half done."""
    child = subprocess.Popen(
        [sys.executable, "-c", _SLOWLY, str(line)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"half\n"
    return child


@pytest.mark.integration
def test_a_killed_making_leaves_nothing_in_use(line: Path) -> None:
    with making_slowly(line) as child:
        child.kill()
    draft = index_path(line).with_name(index_path(line).name + ".draft")
    assert draft.exists()
    assert not index_path(line).exists()
    with open_line(line) as trace:
        assert not trace.store.index.load()
        trace.index_now()
        assert same_as_tables(trace)
    assert not draft.exists()


@pytest.mark.integration
def test_the_process_ends_with_the_one_that_began_it(line: Path) -> None:
    with making_slowly(line) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(20) == 1


@pytest.mark.integration
async def test_a_making_that_is_given_up_ends(line: Path) -> None:
    making = asyncio.create_task(make_in_process(line))
    await asyncio.sleep(0.05)
    making.cancel()
    await asyncio.wait([making])
    assert making.cancelled()
    assert await make_in_process(line)
    assert not await make_in_process(line.with_name("none.db"))


def test_the_index_of_a_store_without_items_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with open_line(path) as trace:
        trace.index_now()
        assert is_asked(trace)
        masters(trace)
        unit(trace, 1)
        assert same_as_tables(trace)
        assert isinstance(trace.store.index, Index)
