"""The adjacency index of a real store: what makes it unusable, what follows the writer, and that
the tables answer wherever it may not (ADR 009)."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.genealogy.indexed import asked, found, is_asked, same_as_tables
from tests.store.line import LINE, accepted, fill, masters, open_line, register, unit
from tracenode.models.answers import Question, WhereUsed
from tracenode.models.events import (
    Assemble,
    Load,
    Master,
    Remove,
    Start,
    TraceEvent,
    Void,
)
from tracenode.server.genealogy.edges.closure import reachable
from tracenode.server.genealogy.moment import moment_of
from tracenode.server.store.adjacency.index import Index
from tracenode.server.store.adjacency.layout import HEADER, index_path
from tracenode.server.store.file.copies import backup, restore
from tracenode.server.store.file.rebuild import rebuild
from tracenode.server.store.projecting import projector
from tracenode.server.store.reading.snapshot import Connection, snapshot
from tracenode.server.store.schema import INF
from tracenode.server.trace import Trace


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line with its index, to copy."""
    path = tmp_path_factory.mktemp("filled") / "line.db"
    fill(path, 5)
    with Trace.open(path, read_only=True) as trace:
        trace.index_now()
    return path


@pytest.fixture
def line(filled: Path, tmp_path: Path) -> Path:
    path = tmp_path / "line.db"
    shutil.copy(filled, path)
    return path


@pytest.fixture
def indexed(filled: Path, line: Path) -> Path:
    shutil.copy(index_path(filled), index_path(line))
    return line


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
    indexed: Path, damage: Callable[[Path], None]
) -> None:
    damage(index_path(indexed))
    with Trace.open(indexed, read_only=True) as trace:
        assert not trace.store.index.load()
        assert not is_asked(trace)
    assert index_path(indexed).exists(), "only a writing process removes it"
    with open_line(indexed) as trace:
        assert not trace.store.index.load()
        assert not is_asked(trace)
        assert not index_path(indexed).exists()


def test_a_removed_index_is_made_anew(indexed: Path) -> None:
    cut_short(index_path(indexed))
    with open_line(indexed) as trace:
        assert not trace.store.index.load()
        trace.index_now()
        assert same_as_tables(trace)


def test_the_index_of_another_store_is_not_used(line: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    fill(other, 1)
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


def test_mounted_material_is_asked_of_the_tables_beside_the_index(line: Path) -> None:
    derive = Master(kind="station", key="SMT", data={"consumption": "derive"})
    with open_line(line) as trace:
        trace.index_now()
        for event in (
            derive,
            Load(station="SMT", slot="F1", lot="G2"),
            Start(item="P00001", station="SMT"),
            Assemble(parent="P00002", part="P00001"),
        ):
            accepted(trace.record_now(event, LINE))
            assert same_as_tables(trace)
        asked = trace.ask_now(WhereUsed(item="G2"))
    assert [node.item for node in asked.nodes[1:]] == ["sn:PUMP:P00001", "sn:PUMP:P00002"]


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


def test_an_ended_edge_that_is_withdrawn_is_found_no_more(line: Path) -> None:
    with open_line(line) as trace:
        part = accepted(trace.record_now(Assemble(parent="P00001", part="P00002"), LINE))
        out = accepted(trace.record_now(Remove(parent="P00001", part="P00002"), LINE))
        trace.index_now()
        for record in (out.record, part.record):
            accepted(trace.record_now(Void(record=record, reason="wrong"), LINE))
            assert same_as_tables(trace)
        trace.store.index.drop()
        assert trace.store.index.load(), "what came since is read from the tables"
        assert same_as_tables(trace)


def test_an_edge_that_ended_when_it_began_is_not_found(line: Path) -> None:
    with open_line(line) as trace:
        trace.index_now()
        moment = datetime.now(UTC)
        for event in (
            Assemble(parent="P00001", part="P00002", event_time=moment),
            Remove(parent="P00001", part="P00002", event_time=moment),
        ):
            accepted(trace.record_now(event, LINE))
            assert same_as_tables(trace)
        trace.store.index.drop()
        assert trace.store.index.load()
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


def test_the_index_of_a_store_without_items_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with open_line(path) as trace:
        trace.index_now()
        assert is_asked(trace)
        masters(trace)
        unit(trace, 1)
        assert same_as_tables(trace)
        assert isinstance(trace.store.index, Index)
